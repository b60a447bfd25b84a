//! Which core owns a partition's tail.

use crate::ids::{CoreId, PartitionId};

/// The owning core of `cores`: a multiplicative hash, so that neighbouring partitions spread.
#[must_use]
pub fn core_of(partition: PartitionId, cores: u16) -> CoreId {
    assert!(cores > 0);
    let hash = partition.0.wrapping_mul(0x9e37_79b9);
    CoreId(((u64::from(hash) * u64::from(cores)) >> 32) as u16)
}
