//! What a broker's settings say about share groups.

use super::settings::Settings;

/// The settings, under the names of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareConfig {
    /// `group.share.session.timeout.ms`: milliseconds of silence after which a member is out.
    pub session_ms: u64,
    /// `group.share.heartbeat.interval.ms`: how often it is told to beat.
    pub interval_ms: i32,
    /// `group.share.max.size`: members of a group.
    pub members_max: usize,
    /// `group.share.max.share.sessions`: members of all groups that fetch.
    pub sessions_max: usize,
    /// `group.share.delivery.count.limit`: how often a record is given out.
    pub deliveries_max: i16,
    /// `group.share.record.lock.duration.ms`: how long a record is a member's.
    pub lock_ms: i32,
    /// `group.share.partition.max.record.locks`: records of a share partition that are under way.
    pub locks_max: i64,
}

impl ShareConfig {
    /// As they are set.
    pub(super) fn of(settings: &Settings) -> ShareConfig {
        ShareConfig {
            session_ms: settings.bytes("group.share.session.timeout.ms"),
            interval_ms: settings.small("group.share.heartbeat.interval.ms"),
            members_max: settings.small("group.share.max.size"),
            sessions_max: settings.small("group.share.max.share.sessions"),
            deliveries_max: settings.small("group.share.delivery.count.limit"),
            lock_ms: settings.small("group.share.record.lock.duration.ms"),
            locks_max: settings.number("group.share.partition.max.record.locks"),
        }
    }
}
