//! Where the bytes of a partition are: the words that ledger, tails and readers share.

use std::ops::Range;

use crate::ids::{Lsn, PackId, PartitionId};
use crate::world::ObjectKey;

/// Which immutable thing holds the bytes of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Home {
    /// A pack in the object store.
    Pack(PackId),
    /// The inline bytes of the journaled commit at this position; pinned in memory until spilled into a pack.
    Journal(Lsn),
}

/// All consecutive batches of one partition inside one home. Offsets tile the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First offset.
    pub start: i64,
    /// Offset behind the last one.
    pub end: i64,
    /// What holds the bytes.
    pub home: Home,
    /// First byte inside it.
    pub position: u32,
    /// How many bytes.
    pub bytes: u32,
    /// The newest record timestamp in it, milliseconds, or -1.
    pub timestamp_max: i64,
    /// Part of a transaction.
    pub transactional: bool,
    /// A control marker.
    pub control: bool,
}

impl Extent {
    /// Its bytes inside its home.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        u64::from(self.position)..u64::from(self.position) + u64::from(self.bytes)
    }
}

/// An extent and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The partition.
    pub partition: PartitionId,
    /// Where its bytes are.
    pub extent: Extent,
}

/// The object that holds a pack: `v1/{cluster}/d/{hash}/{uuid}`; two hexadecimal digits spread the keys.
#[must_use]
pub fn pack_key(cluster: &str, pack: PackId) -> ObjectKey {
    let hash = (pack.number as u8).wrapping_mul(0x9d)
        ^ (pack.incarnation.0 as u8)
        ^ (pack.broker.0 as u8)
        ^ ((pack.writer as u8) << 4);
    ObjectKey::new(&format!("v1/{cluster}/d/{hash:02x}/{}", pack.uuid()))
}
