//! What settings say about share groups: a broker's, under those of a group.

use std::collections::BTreeMap;

use apus_core::config::{Config, OffsetReset};

/// The settings, under the names of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `share.session.timeout.ms`: silence after which a member is out.
    pub session_ms: u64,
    /// `share.heartbeat.interval.ms`: what members are told.
    pub interval_ms: i32,
    /// `group.share.max.size`: members of a group.
    pub members_max: usize,
    /// `group.share.max.share.sessions`: sessions of all groups.
    pub sessions_max: usize,
    /// `share.delivery.count.limit`: how often a record is given out.
    pub deliveries_max: i16,
    /// `share.record.lock.duration.ms`: how long a record is a member's.
    pub lock_ms: i32,
    /// `share.partition.max.record.locks`: records of a share partition that are under way.
    pub locks_max: i64,
    /// `share.renew.acknowledge.enable`: locks may be renewed.
    pub renews: bool,
    /// `share.auto.offset.reset`: where a share partition begins.
    pub reset: OffsetReset,
}

impl Rules {
    /// Those of a broker.
    #[must_use]
    pub fn of(node: &Config) -> Rules {
        Rules {
            session_ms: node.group_share.session_ms,
            interval_ms: node.group_share.interval_ms,
            members_max: node.group_share.members_max,
            sessions_max: node.group_share.sessions_max,
            deliveries_max: node.group_share.deliveries_max,
            lock_ms: node.group_share.lock_ms,
            locks_max: node.group_share.locks_max,
            renews: true,
            reset: OffsetReset::Latest,
        }
    }

    /// The same under the settings of a group. They were checked when they were set; one that is none any more is the
    /// broker's.
    #[must_use]
    pub fn of_group(self, configs: &BTreeMap<String, String>) -> Rules {
        let text = |name: &str| configs.get(name).map(|text| text.trim());
        let number = |name: &str| text(name).and_then(|text| text.parse::<i32>().ok()).filter(|number| *number > 0);
        let reset = text("share.auto.offset.reset").and_then(OffsetReset::parse);
        Rules {
            session_ms: number("share.session.timeout.ms").map_or(self.session_ms, |ms| ms.unsigned_abs().into()),
            interval_ms: number("share.heartbeat.interval.ms").unwrap_or(self.interval_ms),
            deliveries_max: number("share.delivery.count.limit")
                .and_then(|count| i16::try_from(count).ok())
                .unwrap_or(self.deliveries_max),
            lock_ms: number("share.record.lock.duration.ms").unwrap_or(self.lock_ms),
            locks_max: number("share.partition.max.record.locks").map_or(self.locks_max, i64::from),
            renews: text("share.renew.acknowledge.enable").is_none_or(|text| !text.eq_ignore_ascii_case("false")),
            reset: reset.unwrap_or(self.reset),
            ..self
        }
    }
}
