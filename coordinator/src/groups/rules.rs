//! What a broker's settings say about groups.

use apus_core::config::Config;

/// The settings of groups, under the names of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `group.initial.rebalance.delay.ms`: an empty group waits so long for company of its first member.
    pub initial_delay_ms: u64,
    /// `group.min.session.timeout.ms`.
    pub session_ms_min: i32,
    /// `group.max.session.timeout.ms`.
    pub session_ms_max: i32,
    /// `group.max.size`: members of a group.
    pub members_max: usize,
    /// `offset.metadata.max.bytes`: what a client may keep beside an offset.
    pub metadata_bytes_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
}

impl Rules {
    /// Those of a broker.
    #[must_use]
    pub fn of(node: &Config) -> Rules {
        Rules {
            initial_delay_ms: node.group_initial_delay_ms,
            session_ms_min: node.group_session_ms_min,
            session_ms_max: node.group_session_ms_max,
            members_max: node.group_members_max,
            metadata_bytes_max: node.offset_metadata_bytes_max,
            retention_ms: node.offsets_retention_ms,
        }
    }
}
