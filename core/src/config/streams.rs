//! A broker's settings of streams groups (KIP-1071).

use super::settings::Settings;

/// What streams groups go by that have no settings of their own, under the names of Kafka's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsGroups {
    /// `group.streams.session.timeout.ms`: milliseconds of silence after which a member is out.
    pub session_ms: u64,
    /// `group.streams.heartbeat.interval.ms`: how often members are told to beat, milliseconds.
    pub interval_ms: i32,
    /// `group.streams.max.size`: members of a group.
    pub members_max: usize,
    /// `group.streams.num.standby.replicas`: replicas of each state in other processes.
    pub standby_replicas: u32,
    /// `group.streams.initial.rebalance.delay.ms`: milliseconds that an empty group waits for company.
    pub initial_delay_ms: u64,
    /// `group.streams.assignment.interval.ms`: milliseconds between two assignments at least.
    pub assignment_ms: u64,
    /// `group.streams.task.offset.interval.ms`: how often members say how far their states came, milliseconds.
    pub offset_interval_ms: i32,
    /// `group.streams.acceptable.recovery.lag`: records that a state may be behind.
    pub acceptable_lag: i64,
    /// `group.streams.rack.aware.assignment.tags`: tags that members must have.
    pub rack_tags: Vec<String>,
}

impl StreamsGroups {
    pub(super) fn of(settings: &Settings) -> StreamsGroups {
        StreamsGroups {
            session_ms: settings.bytes("group.streams.session.timeout.ms"),
            interval_ms: settings.small("group.streams.heartbeat.interval.ms"),
            members_max: settings.small("group.streams.max.size"),
            standby_replicas: settings.small("group.streams.num.standby.replicas"),
            initial_delay_ms: settings.bytes("group.streams.initial.rebalance.delay.ms"),
            assignment_ms: settings.bytes("group.streams.assignment.interval.ms"),
            offset_interval_ms: settings.small("group.streams.task.offset.interval.ms"),
            acceptable_lag: settings.number("group.streams.acceptable.recovery.lag"),
            rack_tags: settings.list("group.streams.rack.aware.assignment.tags").unwrap_or_default(),
        }
    }
}
