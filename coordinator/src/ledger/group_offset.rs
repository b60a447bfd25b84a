//! A committed offset as the ledger keeps it.

use std::sync::Arc;

use apus_core::api::GroupOffset;

use super::record::{Cursor, Record, put_text};
use super::shelf::Entry;
use crate::command::Corrupt;

/// How far a group has come in one partition.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 4 | number of the group | | 8 | journaled time of the commit |
/// | 4 | partition | | 8 | when to forget it, or -1 |
/// | 8 | offset | | text | what the client keeps beside it |
/// | 4 | leader epoch, or -1 | | | |
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(super) group: u32,
    pub(super) partition: u32,
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) commit_ms: i64,
    pub(super) expire_ms: i64,
    /// Most clients keep nothing: then nothing is allocated.
    pub(super) metadata: Option<Arc<str>>,
}

impl Committed {
    pub(super) fn metadata_bytes(&self) -> u64 {
        self.metadata.as_ref().map_or(0, |metadata| metadata.len() as u64)
    }

    pub(super) fn position(&self) -> GroupPosition {
        GroupPosition {
            offset: GroupOffset {
                offset: self.offset,
                leader_epoch: self.leader_epoch,
                metadata: self.metadata.clone().unwrap_or_default(),
            },
            commit_ms: self.commit_ms,
            expire_ms: (self.expire_ms >= 0).then_some(self.expire_ms),
        }
    }
}

/// A committed offset and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPosition {
    /// As the client committed it.
    pub offset: GroupOffset,
    /// Journaled time of the commit, milliseconds.
    pub commit_ms: i64,
    /// When the client wanted it forgotten, milliseconds.
    pub expire_ms: Option<i64>,
}

impl Record for Committed {
    const PAGE_ENTRIES: usize = 292;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.group.to_le_bytes());
        out.extend_from_slice(&self.partition.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.leader_epoch.to_le_bytes());
        out.extend_from_slice(&self.commit_ms.to_le_bytes());
        out.extend_from_slice(&self.expire_ms.to_le_bytes());
        put_text(out, self.metadata.as_deref().unwrap_or_default());
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Committed, Corrupt> {
        let committed = Committed {
            group: bytes.u32()?,
            partition: bytes.u32()?,
            offset: bytes.i64()?,
            leader_epoch: bytes.i32()?,
            commit_ms: bytes.i64()?,
            expire_ms: bytes.i64()?,
            metadata: Some(bytes.text()?).filter(|metadata| !metadata.is_empty()),
        };
        if committed.expire_ms < -1 {
            return Err(Corrupt::Value("an offset's expiry"));
        }
        Ok(committed)
    }
}

impl Entry for Committed {
    type Key = (u32, u32);

    fn key(&self) -> (u32, u32) {
        (self.group, self.partition)
    }

    fn rank(&self) -> i64 {
        0
    }

    fn grows_with(&self, other: &Committed) -> bool {
        self.group == other.group
    }
}
