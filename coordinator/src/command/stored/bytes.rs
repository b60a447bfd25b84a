//! Where bytes are: commits, moves, removals.

use apus_core::batch::{BatchFacts, Sequence};
use apus_core::extent::{Extent, Home, Placed};
use apus_core::ids::{BrokerId, Incarnation, Lsn, PackId, PartitionId, ProducerId, Writer};
use apus_core::message::Trim;
use rkyv::{Archive, Deserialize, Serialize};

use super::{HeadV1, Stored};
use crate::command::frame::Corrupt;
use crate::command::{Command, Commit, CommitEntry, Envelope, Rehome};

const TRANSACTIONAL: u8 = 1;
const CONTROL: u8 = 2;

/// A [`PackId`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct PackIdV1 {
    broker: i32,
    incarnation: u32,
    writer: u8,
    number: u64,
}

impl PackIdV1 {
    fn of(pack: &PackId) -> PackIdV1 {
        PackIdV1 {
            broker: pack.broker.0,
            incarnation: pack.incarnation.0,
            writer: pack.writer as u8,
            number: pack.number,
        }
    }

    fn pack(&self) -> Result<PackId, Corrupt> {
        if self.number >= 1 << 48 {
            return Err(Corrupt::Value("a pack's number"));
        }
        Ok(PackId {
            broker: BrokerId(self.broker),
            incarnation: Incarnation(self.incarnation),
            writer: *Writer::ALL.get(usize::from(self.writer)).ok_or(Corrupt::Value("a pack's writer"))?,
            number: self.number,
        })
    }
}

/// A [`CommitEntry`]. Producer -1: not idempotent, epoch and sequence are -1 too.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct CommitEntryV1 {
    partition: u32,
    position: u32,
    bytes: u32,
    offsets: u32,
    timestamp_max: i64,
    producer: i64,
    sequence: i32,
    epoch: i16,
    attributes: u16,
}

impl CommitEntryV1 {
    fn of(entry: &CommitEntry) -> CommitEntryV1 {
        let facts = &entry.facts;
        let nobody = Sequence { producer: ProducerId(-1), epoch: -1, first: -1 };
        let sequence = facts.sequence.unwrap_or(nobody);
        CommitEntryV1 {
            partition: entry.partition.0,
            position: entry.position,
            bytes: facts.bytes,
            offsets: facts.offsets,
            timestamp_max: facts.timestamp_max,
            producer: sequence.producer.0,
            sequence: sequence.first,
            epoch: sequence.epoch,
            attributes: facts.attributes,
        }
    }

    fn entry(&self) -> Result<CommitEntry, Corrupt> {
        // A batch header holds offsets as a signed last one, so there are at most 2^31.
        if self.offsets == 0 || self.offsets > 1 << 31 {
            return Err(Corrupt::Value("a batch's offsets"));
        }
        if self.bytes == 0 || self.position.checked_add(self.bytes).is_none() {
            return Err(Corrupt::Value("a batch's bytes"));
        }
        let producer = ProducerId(self.producer);
        let sequence = Sequence { producer, epoch: self.epoch, first: self.sequence };
        Ok(CommitEntry {
            partition: PartitionId(self.partition),
            position: self.position,
            facts: BatchFacts {
                offsets: self.offsets,
                bytes: self.bytes,
                timestamp_max: self.timestamp_max,
                attributes: self.attributes,
                sequence: (self.producer >= 0).then_some(sequence),
            },
        })
    }
}

/// See [`Commit`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct CommitV1 {
    head: HeadV1,
    stored: Option<PackIdV1>,
    object_bytes: u64,
    batches: Vec<CommitEntryV1>,
}

impl Stored for CommitV1 {
    const FRAME: (u16, u16) = (6, 1);

    fn of(envelope: &Envelope) -> Option<CommitV1> {
        let Command::Commit(commit) = &envelope.command else {
            return None;
        };
        Some(CommitV1 {
            head: HeadV1::of(envelope),
            stored: commit.stored.as_ref().map(PackIdV1::of),
            object_bytes: commit.object_bytes,
            batches: commit.batches.iter().map(CommitEntryV1::of).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let commit = Commit {
            stored: self.stored.as_ref().map(PackIdV1::pack).transpose()?,
            object_bytes: self.object_bytes,
            batches: self.batches.iter().map(CommitEntryV1::entry).collect::<Result<_, _>>()?,
        };
        Ok(self.head.with(Command::Commit(commit)))
    }
}

/// A [`Placed`] of a [`Rehome`]; its home is the rehome's pack.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct MoveV1 {
    partition: u32,
    position: u32,
    bytes: u32,
    start: i64,
    end: i64,
    timestamp_max: i64,
    flags: u8,
}

impl MoveV1 {
    fn of(placed: &Placed) -> MoveV1 {
        let extent = &placed.extent;
        let transactional = if extent.transactional { TRANSACTIONAL } else { 0 };
        let control = if extent.control { CONTROL } else { 0 };
        MoveV1 {
            partition: placed.partition.0,
            position: extent.position,
            bytes: extent.bytes,
            start: extent.start,
            end: extent.end,
            timestamp_max: extent.timestamp_max,
            flags: transactional | control,
        }
    }

    fn placed(&self, pack: PackId) -> Result<Placed, Corrupt> {
        if self.start < 0 || self.start >= self.end {
            return Err(Corrupt::Value("an extent's offsets"));
        }
        if self.bytes == 0 || self.position.checked_add(self.bytes).is_none() {
            return Err(Corrupt::Value("an extent's bytes"));
        }
        if self.flags & !(TRANSACTIONAL | CONTROL) != 0 {
            return Err(Corrupt::Value("an extent's flags"));
        }
        let extent = Extent {
            start: self.start,
            end: self.end,
            home: Home::Pack(pack),
            position: self.position,
            bytes: self.bytes,
            timestamp_max: self.timestamp_max,
            transactional: self.flags & TRANSACTIONAL != 0,
            control: self.flags & CONTROL != 0,
        };
        Ok(Placed { partition: PartitionId(self.partition), extent })
    }
}

/// See [`Rehome`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct RehomeV1 {
    head: HeadV1,
    pack: PackIdV1,
    object_bytes: u64,
    emptied: Vec<u64>,
    moves: Vec<MoveV1>,
}

impl Stored for RehomeV1 {
    const FRAME: (u16, u16) = (7, 1);

    fn of(envelope: &Envelope) -> Option<RehomeV1> {
        let Command::Rehome(rehome) = &envelope.command else {
            return None;
        };
        Some(RehomeV1 {
            head: HeadV1::of(envelope),
            pack: PackIdV1::of(&rehome.pack),
            object_bytes: rehome.object_bytes,
            emptied: rehome.emptied.iter().map(|lsn| lsn.0).collect(),
            moves: rehome.moves.iter().map(MoveV1::of).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let pack = self.pack.pack()?;
        if !self.emptied.is_sorted_by(|earlier, later| earlier < later) {
            return Err(Corrupt::Value("journal homes out of order"));
        }
        let rehome = Rehome {
            pack,
            object_bytes: self.object_bytes,
            emptied: self.emptied.into_iter().map(Lsn).collect(),
            moves: self.moves.iter().map(|placed| placed.placed(pack)).collect::<Result<_, _>>()?,
        };
        Ok(self.head.with(Command::Rehome(rehome)))
    }
}

/// See [`Command::Trim`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct TrimV1 {
    head: HeadV1,
    starts: Vec<(u32, i64)>,
}

impl Stored for TrimV1 {
    const FRAME: (u16, u16) = (8, 1);

    fn of(envelope: &Envelope) -> Option<TrimV1> {
        let Command::Trim(trims) = &envelope.command else {
            return None;
        };
        let starts = trims.iter().map(|trim| (trim.partition.0, trim.log_start_offset)).collect();
        Some(TrimV1 { head: HeadV1::of(envelope), starts })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let trims = self
            .starts
            .iter()
            .map(|(partition, start)| Trim { partition: PartitionId(*partition), log_start_offset: *start });
        Ok(self.head.with(Command::Trim(trims.collect())))
    }
}

/// See [`Command::Abandon`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct AbandonV1 {
    head: HeadV1,
    pack: PackIdV1,
}

impl Stored for AbandonV1 {
    const FRAME: (u16, u16) = (9, 1);

    fn of(envelope: &Envelope) -> Option<AbandonV1> {
        let Command::Abandon { pack } = &envelope.command else {
            return None;
        };
        Some(AbandonV1 { head: HeadV1::of(envelope), pack: PackIdV1::of(pack) })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let pack = self.pack.pack()?;
        Ok(self.head.with(Command::Abandon { pack }))
    }
}

/// See [`Command::ObjectsDeleted`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ObjectsDeletedV1 {
    head: HeadV1,
    packs: Vec<PackIdV1>,
}

impl Stored for ObjectsDeletedV1 {
    const FRAME: (u16, u16) = (10, 1);

    fn of(envelope: &Envelope) -> Option<ObjectsDeletedV1> {
        let Command::ObjectsDeleted { packs } = &envelope.command else {
            return None;
        };
        Some(ObjectsDeletedV1 { head: HeadV1::of(envelope), packs: packs.iter().map(PackIdV1::of).collect() })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let packs = self.packs.iter().map(PackIdV1::pack).collect::<Result<_, _>>()?;
        Ok(self.head.with(Command::ObjectsDeleted { packs }))
    }
}
