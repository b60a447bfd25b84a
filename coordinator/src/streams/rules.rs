//! What a broker's settings, and a group's own, say about streams groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::config::Config;

/// The settings that one group goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Silence after which a member is out, milliseconds.
    pub session_ms: u64,
    /// How often members are told to beat, milliseconds.
    pub interval_ms: i32,
    /// Members of a group.
    pub members_max: usize,
    /// Replicas of each state in other processes.
    pub standby_replicas: u32,
    /// How long an empty group waits for company of its first member, milliseconds.
    pub initial_delay_ms: u64,
    /// What lies between two assignments at least, milliseconds.
    pub assignment_ms: u64,
    /// How often members say how far their states came, milliseconds.
    pub offset_interval_ms: i32,
    /// How far a state may be behind, records.
    pub acceptable_lag: i64,
    /// Tags that members must have, with commas between them.
    pub rack_tags: Arc<str>,
}

impl Rules {
    /// Those of a broker, for groups without settings of their own.
    #[must_use]
    pub fn of(node: &Config) -> Rules {
        let settings = &node.group_streams;
        Rules {
            session_ms: settings.session_ms,
            interval_ms: settings.interval_ms,
            members_max: settings.members_max,
            standby_replicas: settings.standby_replicas,
            initial_delay_ms: settings.initial_delay_ms,
            assignment_ms: settings.assignment_ms,
            offset_interval_ms: settings.offset_interval_ms,
            acceptable_lag: settings.acceptable_lag,
            rack_tags: Arc::from(settings.rack_tags.join(",")),
        }
    }

    /// Those of a group with these settings of its own, which were checked when they were set.
    #[must_use]
    pub fn with(&self, own: &BTreeMap<String, String>) -> Rules {
        Rules {
            session_ms: number(own, "streams.session.timeout.ms", self.session_ms),
            interval_ms: number(own, "streams.heartbeat.interval.ms", self.interval_ms),
            members_max: self.members_max,
            standby_replicas: number(own, "streams.num.standby.replicas", self.standby_replicas),
            initial_delay_ms: number(own, "streams.initial.rebalance.delay.ms", self.initial_delay_ms),
            assignment_ms: number(own, "streams.assignment.interval.ms", self.assignment_ms),
            offset_interval_ms: number(own, "streams.task.offset.interval.ms", self.offset_interval_ms),
            acceptable_lag: number(own, "streams.acceptable.recovery.lag", self.acceptable_lag),
            rack_tags: own
                .get("streams.rack.aware.assignment.tags")
                .map_or_else(|| Arc::clone(&self.rack_tags), |tags| Arc::from(tags.trim())),
        }
    }

    /// The tags that members must have.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.rack_tags.split(',').map(str::trim).filter(|tag| !tag.is_empty())
    }
}

fn number<T: std::str::FromStr>(own: &BTreeMap<String, String>, key: &str, default: T) -> T {
    own.get(key).and_then(|text| text.trim().parse().ok()).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use apus_core::config::Host;

    #[test]
    fn a_groups_own_settings_come_before_the_brokers() {
        let host = Host { name: "host".to_owned(), cpus: 2 };
        let rules = Rules::of(&Config::load(&[], &host).expect("defaults are valid"));
        assert_eq!((rules.session_ms, rules.interval_ms, rules.standby_replicas), (45_000, 5_000, 0));
        assert_eq!((rules.initial_delay_ms, rules.assignment_ms, rules.offset_interval_ms), (3_000, 1_000, 60_000));
        assert_eq!((rules.acceptable_lag, &*rules.rack_tags, rules.tags().count()), (10_000, "", 0));
        let own = [("streams.session.timeout.ms", "50000"), ("streams.rack.aware.assignment.tags", "zone, rack")];
        let own = own.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let changed = rules.with(&own);
        assert_eq!((changed.session_ms, changed.tags().collect::<Vec<_>>()), (50_000, vec!["zone", "rack"]));
        assert_eq!(rules.with(&BTreeMap::new()), rules);
    }
}
