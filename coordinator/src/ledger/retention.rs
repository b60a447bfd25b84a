//! Retention: where a partition's first offset ought to be by age and size. Deciding so is a query; moving it is a
//! command.

use apus_core::ids::PartitionId;

use super::Ledger;
use super::extents::from_offset;

/// Extents that one query looks at; the next one goes on where the trim of this one ended.
const EXTENTS_LOOKED_AT_MAX: usize = 4_096;

/// What a topic keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Records older than this go, milliseconds.
    pub age_ms_max: Option<i64>,
    /// Bytes beyond which the oldest go.
    pub bytes_max: Option<u64>,
}

impl Ledger {
    /// The first offset that a partition should have, where that is above the one it has.
    ///
    /// Oldest first. By age: extents whose newest record is older than the limit, up to the first that complies; one
    /// without timestamps complies. By size, as Kafka: an extent goes while what remains without it is still as large as
    /// the limit.
    #[must_use]
    pub fn expired(&self, partition: PartitionId, policy: Policy, now_ms: i64) -> Option<i64> {
        let head = self.living(partition)?;
        // While earlier removals are under way, the size still counts what they remove.
        if head.log_start_offset >= head.high_watermark || self.debts.contains(&partition.0) {
            return None;
        }
        let oldest_ms = policy.age_ms_max.map(|age_ms_max| now_ms.saturating_sub(age_ms_max));
        let mut size = head.bytes;
        let (mut by_age, mut by_size) = (oldest_ms.is_some(), policy.bytes_max.is_some());
        let mut log_start_offset = head.log_start_offset;
        let extents = from_offset(&self.extents, partition, head.log_start_offset, head.high_watermark);
        for (packed, end) in extents.take(EXTENTS_LOOKED_AT_MAX) {
            let timestamp = packed.timestamp_max;
            by_age &= timestamp >= 0 && oldest_ms.is_some_and(|oldest_ms| timestamp < oldest_ms);
            size -= u64::from(packed.bytes);
            by_size &= policy.bytes_max.is_some_and(|bytes_max| size >= bytes_max);
            if !by_age && !by_size {
                break;
            }
            log_start_offset = end;
        }
        assert!(log_start_offset <= head.high_watermark);
        (log_start_offset > head.log_start_offset).then_some(log_start_offset)
    }
}
