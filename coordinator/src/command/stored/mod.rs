//! The frozen layouts, one type for each command and version. None of them is ever edited.
//!
//! | type | version | layout | | type | version | layout |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 1 | 1 | bytes of the commit before | | 7 | 1 | [`RehomeV1`] |
//! | 2 | 1 | [`BeginV1`] | | 8 | 1 | [`TrimV1`] |
//! | 3 | 1 | [`CreateTopicV1`] | | 9 | 1 | [`AbandonV1`] |
//! | 4 | 1 | [`DeleteTopicV1`] | | 10 | 1 | [`ObjectsDeletedV1`] |
//! | 5 | 1 | [`ReserveProducerIdsV1`] | | 11 | 1 | [`ExpireProducersV1`] |
//! | 6 | 1 | [`CommitV1`] | | 12 | 1 | [`DigestV1`] |
//! | 13 | 1 | [`StoreGroupV1`] | | 15 | 1 | [`CommitOffsetsV1`] |
//! | 14 | 1 | [`RemoveGroupV1`] | | 16 | 1 | [`RemoveOffsetsV1`] |
//! | 17 | 1 | [`CloseLivesV1`] | | 20 | 1 | [`GrowTopicV1`] |
//! | 21 | 1 | [`ConfigureTopicV1`] | | 22 | 1 | [`ConfigureBrokerV1`] |
//! | 40 | 1 | [`ConfigureResourceV1`] | | 41 | 1 | [`SetQuotasV1`] |
//! | 50 | 1 | [`ChangeSharersV1`] | | 51 | 1 | [`ChangeSharesV1`] |
//! | 52 | 1 | [`RemoveSharesV1`] | | 60 | 1 | [`ChangeStreamsV1`] |
//! | 30 | 1 | [`ChangeConsumersV1`] | | 30 | 2 | [`ChangeConsumersV2`] |
//!
//! A payload is an rkyv archive (little endian, 32-bit relative pointers, no alignment), its root at the end; fields
//! stand in the order of their declaration.

use std::sync::Arc;

use rkyv::{Archive, Deserialize, Serialize};

use super::frame::Corrupt;
use super::{Command, Envelope};

mod broker;
mod bytes;
mod consumers;
mod group;
mod life;
mod quota;
mod resource;
mod shares;
mod streams;
mod topic;

pub(super) use broker::ConfigureBrokerV1;
pub(super) use bytes::{AbandonV1, CommitV1, ObjectsDeletedV1, RehomeV1, TrimV1};
pub(super) use consumers::{ChangeConsumersV1, ChangeConsumersV2};
pub(super) use group::{CommitOffsetsV1, RemoveGroupV1, RemoveOffsetsV1, StoreGroupV1};
pub(super) use life::{BeginV1, CloseLivesV1, DigestV1, ExpireProducersV1, ReserveProducerIdsV1};
pub(super) use quota::SetQuotasV1;
pub(super) use resource::ConfigureResourceV1;
pub(super) use shares::{ChangeSharersV1, ChangeSharesV1, RemoveSharesV1};
pub(super) use streams::ChangeStreamsV1;
pub(super) use topic::{ConfigureTopicV1, CreateTopicV1, DeleteTopicV1, GrowTopicV1};

/// A layout: its frame's type and version, and the way from and to the domain.
pub(super) trait Stored: Sized {
    /// Type and version.
    const FRAME: (u16, u16);

    /// The layout of this command; nothing where it is another command's.
    fn of(envelope: &Envelope) -> Option<Self>;

    /// What was stored, its values checked.
    fn envelope(self) -> Result<Envelope, Corrupt>;
}

/// What every command carries.
#[derive(Archive, Serialize, Deserialize)]
pub(super) struct HeadV1 {
    level: u16,
    wall_ms: i64,
    principal: String,
}

impl HeadV1 {
    fn of(envelope: &Envelope) -> HeadV1 {
        HeadV1 { level: envelope.level, wall_ms: envelope.wall_ms, principal: envelope.principal.to_string() }
    }

    fn with(self, command: Command) -> Envelope {
        Envelope { level: self.level, principal: Arc::from(self.principal), wall_ms: self.wall_ms, command }
    }
}
