//! The journal's own life, and producers'.

use apus_core::ids::{BrokerId, Incarnation, Lsn};
use rkyv::{Archive, Deserialize, Serialize};

use super::{HeadV1, Stored};
use crate::command::frame::Corrupt;
use crate::command::{Command, Envelope};

/// See [`Command::Begin`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct BeginV1 {
    head: HeadV1,
    incarnation: u32,
    nonce: u128,
}

impl Stored for BeginV1 {
    const FRAME: (u16, u16) = (2, 1);

    fn of(envelope: &Envelope) -> Option<BeginV1> {
        let Command::Begin { incarnation, nonce } = &envelope.command else {
            return None;
        };
        Some(BeginV1 { head: HeadV1::of(envelope), incarnation: incarnation.0, nonce: *nonce })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        Ok(self.head.with(Command::Begin { incarnation: Incarnation(self.incarnation), nonce: self.nonce }))
    }
}

/// See [`Command::ReserveProducerIds`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ReserveProducerIdsV1 {
    head: HeadV1,
    end: i64,
}

impl Stored for ReserveProducerIdsV1 {
    const FRAME: (u16, u16) = (5, 1);

    fn of(envelope: &Envelope) -> Option<ReserveProducerIdsV1> {
        let Command::ReserveProducerIds { end } = &envelope.command else {
            return None;
        };
        Some(ReserveProducerIdsV1 { head: HeadV1::of(envelope), end: *end })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        if self.end < 0 {
            return Err(Corrupt::Value("a negative producer id"));
        }
        Ok(self.head.with(Command::ReserveProducerIds { end: self.end }))
    }
}

/// See [`Command::CloseLives`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct CloseLivesV1 {
    head: HeadV1,
    broker: i32,
    before: u32,
}

impl Stored for CloseLivesV1 {
    const FRAME: (u16, u16) = (17, 1);

    fn of(envelope: &Envelope) -> Option<CloseLivesV1> {
        let Command::CloseLives { broker, before } = &envelope.command else {
            return None;
        };
        Some(CloseLivesV1 { head: HeadV1::of(envelope), broker: broker.0, before: before.0 })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let (broker, before) = (BrokerId(self.broker), Incarnation(self.before));
        Ok(self.head.with(Command::CloseLives { broker, before }))
    }
}

/// See [`Command::ExpireProducers`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ExpireProducersV1 {
    head: HeadV1,
    before_ms: i64,
}

impl Stored for ExpireProducersV1 {
    const FRAME: (u16, u16) = (11, 1);

    fn of(envelope: &Envelope) -> Option<ExpireProducersV1> {
        let Command::ExpireProducers { before_ms } = &envelope.command else {
            return None;
        };
        Some(ExpireProducersV1 { head: HeadV1::of(envelope), before_ms: *before_ms })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        Ok(self.head.with(Command::ExpireProducers { before_ms: self.before_ms }))
    }
}

/// See [`Command::Digest`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct DigestV1 {
    head: HeadV1,
    lsn: u64,
    digest: u64,
}

impl Stored for DigestV1 {
    const FRAME: (u16, u16) = (12, 1);

    fn of(envelope: &Envelope) -> Option<DigestV1> {
        let Command::Digest { lsn, digest } = &envelope.command else {
            return None;
        };
        Some(DigestV1 { head: HeadV1::of(envelope), lsn: lsn.0, digest: *digest })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        Ok(self.head.with(Command::Digest { lsn: Lsn(self.lsn), digest: self.digest }))
    }
}
