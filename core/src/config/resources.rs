//! Resources with settings that are neither topics nor brokers: groups, and subscriptions to metrics of clients.
//!
//! What nobody set of them is the table's default. A resource comes to be with its first setting and goes with the last.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::alter::{self, ConfigChange};
use super::broker::Config;
use super::describe::{ConfigRow, ConfigSource, ConfigSynonym};
use super::key::Key;
use super::offset_reset::OffsetReset;
use super::value::{Check, Kind};
use crate::api::{CLIENT_METRICS_RESOURCE, GROUP_RESOURCE};
use crate::error::{Refusal, Refused};
use crate::telemetry;

/// What kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A subscription to metrics of clients.
    ClientMetrics,
    /// A group of consumers.
    Group,
}

/// What a subscription matches clients by.
const MATCHED: &[&str] = &[
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

const CLIENT_METRICS_KEYS: &[Key] = &[
    Key::new("interval.ms", Kind::Int, "How often a client that matches sends what is subscribed to.")
        .preset("300000")
        .unit("ms")
        .check(Check::Within(100, 3_600_000)),
    Key::new("match", Kind::List, "Which clients are asked: key=pattern, all of them.").preset(""),
    Key::new("metrics", Kind::List, "Prefixes of the metrics that are subscribed to; * is all.").preset(""),
];

/// What a group of the consumer protocol has of its own; the broker's settings bound both.
const INTERVAL: &str = "consumer.heartbeat.interval.ms";
const SESSION: &str = "consumer.session.timeout.ms";

const GROUP_KEYS: &[Key] = &[
    Key::new(INTERVAL, Kind::Int, "How often members of the newer protocol say that they live. Without effect on groups of the classic one.")
        .preset("5000")
        .unit("ms")
        .check(Check::AtLeast(1)),
    Key::new(SESSION, Kind::Int, "The silence after which a member of the newer protocol is put out. Without effect on groups of the classic one.")
        .preset("45000")
        .unit("ms")
        .check(Check::AtLeast(1)),
    Key::new("share.auto.offset.reset", Kind::Text, "Where a share group begins in a partition that it has not fetched yet: earliest, latest, or by_duration:PnDTnHnMn.nS before now.")
        .preset("latest"),
    Key::new("share.delivery.count.limit", Kind::Int, "How often a record is given to members before it is given up.")
        .preset("5")
        .unit("deliveries")
        .check(Check::Within(2, 10)),
    Key::new("share.heartbeat.interval.ms", Kind::Int, "How often members of a share group say that they live.")
        .preset("5000")
        .unit("ms")
        .check(Check::Within(5_000, 15_000)),
    Key::new("share.isolation.level", Kind::Text, "Which records of transactions members are given. There are no transactions: both are the same.")
        .preset("read_uncommitted")
        .check(Check::OneOf(&["read_committed", "read_uncommitted"])),
    Key::new("share.partition.max.record.locks", Kind::Int, "Records of a partition that a share group may have under way.")
        .preset("2000")
        .unit("records")
        .check(Check::Within(100, 4_000)),
    Key::new("share.record.lock.duration.ms", Kind::Int, "How long a record is the member's that it was given to.")
        .preset("30000")
        .unit("ms")
        .check(Check::Within(15_000, 60_000)),
    Key::new("share.renew.acknowledge.enable", Kind::Boolean, "Whether members may have their records for longer.")
        .preset("true"),
    Key::new("share.session.timeout.ms", Kind::Int, "The silence after which a member of a share group is put out.")
        .preset("45000")
        .unit("ms")
        .check(Check::Within(45_000, 60_000)),
    Key::new("streams.acceptable.recovery.lag", Kind::Long, "How far a state may be behind to be as good as whole, as members are told.")
        .preset("10000")
        .unit("records")
        .check(Check::AtLeast(0)),
    Key::new("streams.assignment.interval.ms", Kind::Int, "Tasks of a streams group are assigned this often at most.")
        .preset("1000")
        .unit("ms")
        .check(Check::Within(0, 15_000)),
    Key::new("streams.heartbeat.interval.ms", Kind::Int, "How often members of a streams group say that they live.")
        .preset("5000")
        .unit("ms")
        .check(Check::Within(5_000, 15_000)),
    Key::new("streams.initial.rebalance.delay.ms", Kind::Int, "An empty streams group waits so long for company of its first member.")
        .preset("3000")
        .unit("ms")
        .check(Check::AtLeast(0)),
    Key::new("streams.num.standby.replicas", Kind::Int, "Replicas of each state in other processes.")
        .preset("0")
        .unit("replicas")
        .check(Check::Within(0, 2)),
    Key::new("streams.num.warmup.replicas", Kind::Int, "Without effect: no state is built up before a task moves, as in Kafka 4.4.")
        .preset("2")
        .unit("replicas")
        .check(Check::Within(0, 20)),
    Key::new("streams.rack.aware.assignment.tags", Kind::List, "Tags that members must have; whoever lacks one is told. Placement does not follow them.")
        .preset(""),
    Key::new("streams.session.timeout.ms", Kind::Int, "The silence after which a member of a streams group is put out.")
        .preset("45000")
        .unit("ms")
        .check(Check::Within(45_000, 60_000)),
    Key::new("streams.task.offset.interval.ms", Kind::Int, "How often members say how far their states came.")
        .preset("60000")
        .unit("ms")
        .check(Check::AtLeast(15_000)),
];

impl ResourceKind {
    /// Kafka's number of it.
    #[must_use]
    pub fn number(self) -> i8 {
        match self {
            ResourceKind::ClientMetrics => CLIENT_METRICS_RESOURCE,
            ResourceKind::Group => GROUP_RESOURCE,
        }
    }

    /// The kind of Kafka's number, if it is one of these.
    #[must_use]
    pub fn of(number: i8) -> Option<ResourceKind> {
        [ResourceKind::ClientMetrics, ResourceKind::Group].into_iter().find(|kind| kind.number() == number)
    }

    /// All keys, in the order of their names.
    fn keys(self) -> &'static [Key] {
        match self {
            ResourceKind::ClientMetrics => CLIENT_METRICS_KEYS,
            ResourceKind::Group => GROUP_KEYS,
        }
    }

    fn find(self, name: &str) -> Option<&'static Key> {
        self.keys().iter().find(|key| key.name == name)
    }

    /// Every resource has a name.
    ///
    /// # Errors
    /// `InvalidRequest` where this one has none.
    pub fn check_name(self, name: &str) -> Result<(), Refused> {
        let message = match self {
            _ if !name.is_empty() => return Ok(()),
            ResourceKind::ClientMetrics => "Client metrics subscription name must not be empty",
            ResourceKind::Group => "Group name must not be empty",
        };
        Err(Refused::new(Refusal::InvalidRequest, message))
    }

    /// As Kafka refuses settings of this kind.
    fn invalid(self, message: impl Into<Cow<'static, str>>) -> Refused {
        match self {
            ResourceKind::ClientMetrics => Refused::new(Refusal::InvalidRequest, message),
            ResourceKind::Group => Refused::new(Refusal::InvalidConfig, message),
        }
    }

    fn check(self, name: &str, text: &str) -> Result<(), Refused> {
        let key = self.find(name).ok_or_else(|| match self {
            ResourceKind::ClientMetrics => self.invalid(format!("Unknown client metrics configuration: {name}")),
            ResourceKind::Group => self.invalid(format!("Unknown group config name: {name}")),
        })?;
        key.read(text).map_err(|fault| self.invalid(fault.of(name)))?;
        if name == "share.auto.offset.reset" && OffsetReset::parse(text).is_none() {
            let message = format!(
                "Invalid value {text} for configuration {name}: Invalid value `{text}` for configuration {name}. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
            );
            return Err(self.invalid(message));
        }
        if name == "match" {
            text.split(',').filter(|part| !part.trim().is_empty()).try_for_each(|part| self.check_match(part))?;
        }
        Ok(())
    }

    fn check_match(self, part: &str) -> Result<(), Refused> {
        match part.split_once('=') {
            Some((name, text)) if MATCHED.contains(&name.trim()) && telemetry::pattern(text.trim()).is_some() => Ok(()),
            _ => Err(self.invalid(format!("Illegal client matching pattern: {part}"))),
        }
    }
}

/// The settings of a resource after these changes.
///
/// # Errors
/// Where a change makes no sense, or a value is none.
pub fn alter_resource(
    kind: ResourceKind,
    before: &BTreeMap<String, String>,
    changes: &[ConfigChange],
    node: &Config,
) -> Result<BTreeMap<String, String>, Refused> {
    alter::check_changes(changes)?;
    let mut altered = before.clone();
    for change in changes {
        let list = kind.find(&change.name).filter(|key| key.kind == Kind::List);
        alter::apply(&mut altered, change, list.map(|_| String::new()))?;
        if let Some(value) = altered.get(&*change.name) {
            kind.check(&change.name, value)?;
        }
    }
    if kind == ResourceKind::Group {
        check_times(&altered, node).map_err(|message| kind.invalid(message))?;
    }
    Ok(altered)
}

/// A number of a resource's own, if it has one.
fn number(settings: &BTreeMap<String, String>, name: &str) -> Option<i64> {
    settings.get(name).and_then(|text| text.trim().parse().ok())
}

/// Kafka's rules of the times of groups, in Kafka's words.
fn check_times(settings: &BTreeMap<String, String>, node: &Config) -> Result<(), String> {
    let (sessions, intervals) = (&node.group_consumer_sessions_ms, &node.group_consumer_intervals_ms);
    let sessions = (*sessions.start() as i64, *sessions.end() as i64);
    let intervals = (i64::from(*intervals.start()), i64::from(*intervals.end()));
    for (name, (least, most), key) in
        [(INTERVAL, intervals, "heartbeat.interval"), (SESSION, sessions, "session.timeout")]
    {
        let Some(value) = number(settings, name) else { continue };
        if value < least {
            return Err(format!("{name} must be greater than or equal to group.consumer.min.{key}.ms"));
        } else if value > most {
            return Err(format!("{name} must be less than or equal to group.consumer.max.{key}.ms"));
        }
    }
    let session = number(settings, SESSION).unwrap_or(node.group_consumer_session_ms as i64);
    let interval = number(settings, INTERVAL).unwrap_or(i64::from(node.group_consumer_interval_ms));
    if settings.is_empty() || session > interval {
        Ok(())
    } else {
        Err(format!("{SESSION} must be greater than {INTERVAL}"))
    }
}

/// How long members of a group may be silent, and how often they are told to beat, milliseconds: its own times where it
/// has some, within what the broker allows now.
#[must_use]
pub fn group_times(settings: &BTreeMap<String, String>, node: (u64, i32), bounds: &GroupBounds) -> (u64, i32) {
    let session = number(settings, SESSION).and_then(|own| u64::try_from(own).ok());
    let interval = number(settings, INTERVAL).and_then(|own| i32::try_from(own).ok());
    let (sessions, intervals) = bounds;
    (
        session.map_or(node.0, |own| own.clamp(sessions.0, sessions.1.max(sessions.0))),
        interval.map_or(node.1, |own| own.clamp(intervals.0, intervals.1.max(intervals.0))),
    )
}

/// The least and the most of the silence and of the interval.
pub type GroupBounds = ((u64, u64), (i32, i32));

/// Every key of a resource with these settings of its own, in the order of their names.
#[must_use]
pub fn describe_resource(kind: ResourceKind, settings: &BTreeMap<String, String>) -> Vec<ConfigRow> {
    let own = match kind {
        ResourceKind::ClientMetrics => ConfigSource::ClientMetrics,
        ResourceKind::Group => ConfigSource::Group,
    };
    let row = |key: &Key| {
        let default = key.default_value().map(|value| value.to_string());
        let set = settings.get(key.name).cloned();
        let synonym = |value: String, source| ConfigSynonym { name: key.name, value: Some(value), source };
        let synonyms = set.clone().map(|value| synonym(value, own)).into_iter();
        let synonyms = synonyms.chain(default.clone().map(|value| synonym(value, ConfigSource::Default)));
        ConfigRow {
            name: key.name,
            source: if set.is_some() { own } else { ConfigSource::Default },
            synonyms: synonyms.collect(),
            value: set.or(default),
            kind: key.kind,
            documentation: key.meaning,
            read_only: false,
            sensitive: false,
        }
    };
    kind.keys().iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::alter::ConfigOperation;
    use super::super::testing::{broker, map};
    use super::*;

    fn altered(
        kind: ResourceKind,
        before: &[(&str, &str)],
        operation: ConfigOperation,
        name: &str,
        value: &str,
    ) -> Result<BTreeMap<String, String>, (Refusal, String)> {
        let changes = [ConfigChange { name: name.into(), operation, value: Some(value.into()) }];
        alter_resource(kind, &map(before), &changes, &broker("")).map_err(|why| (why.refusal, why.message.into_owned()))
    }

    #[test]
    fn every_row_is_sound() {
        for kind in [ResourceKind::ClientMetrics, ResourceKind::Group] {
            assert_eq!(ResourceKind::of(kind.number()), Some(kind));
            assert!(kind.keys().is_sorted_by_key(|key| key.name));
            assert!(kind.keys().iter().all(|key| key.default_value().is_some() && key.meaning.ends_with('.')));
            assert!(kind.check_name("").is_err() && kind.check_name("a").is_ok());
        }
        assert_eq!([2, 4, 8].map(ResourceKind::of), [None; 3]);
    }

    #[test]
    fn settings_change_and_are_checked() {
        use ConfigOperation::{Append, Set};
        use ResourceKind::{ClientMetrics, Group};
        let set = altered(ClientMetrics, &[("metrics", "a")], Append, "metrics", "b");
        assert_eq!(set, Ok(map(&[("metrics", "a,b")])));
        let name = "consumer.session.timeout.ms";
        assert_eq!(altered(Group, &[], Set, name, "50000"), Ok(map(&[(name, "50000")])));
        assert!(altered(ClientMetrics, &[], Set, "match", "client_id=a.*, client_software_name=b").is_ok());
        for (kind, name, value, refusal, message) in [
            (ClientMetrics, "foo", "1", Refusal::InvalidRequest, "Unknown client metrics configuration: foo"),
            (ClientMetrics, "interval.ms", "99", Refusal::InvalidRequest, "Invalid value 99"),
            (ClientMetrics, "match", "nobody=a", Refusal::InvalidRequest, "Illegal client matching pattern: nobody=a"),
            (Group, "foo", "1", Refusal::InvalidConfig, "Unknown group config name: foo"),
            (
                Group,
                name,
                "1",
                Refusal::InvalidConfig,
                "consumer.session.timeout.ms must be greater than or equal to g",
            ),
            (
                Group,
                name,
                "60001",
                Refusal::InvalidConfig,
                "consumer.session.timeout.ms must be less than or equal to g",
            ),
            (Group, INTERVAL, "16000", Refusal::InvalidConfig, "consumer.heartbeat.interval.ms must be less than"),
        ] {
            let (found, told) = altered(kind, &[], Set, name, value).expect_err(message);
            assert!(found == refusal && told.starts_with(message), "{told}");
        }
    }

    #[test]
    fn a_group_has_times_of_its_own() {
        let bounds = ((45_000, 60_000), (5_000, 15_000));
        let times = |pairs: &[(&str, &str)]| group_times(&map(pairs), (46_000, 6_000), &bounds);
        assert_eq!(times(&[]), (46_000, 6_000));
        assert_eq!(times(&[(SESSION, "50000"), (INTERVAL, "7000")]), (50_000, 7_000));
        assert_eq!(times(&[(SESSION, "70000"), (INTERVAL, "1")]), (60_000, 5_000), "the bounds moved meanwhile");
    }

    #[test]
    fn a_resource_shows_every_key_and_its_source() {
        let rows = describe_resource(ResourceKind::Group, &map(&[("consumer.session.timeout.ms", "50000")]));
        let told: Vec<_> = rows.iter().map(|row| (row.name, row.value.as_deref(), row.source)).collect();
        assert_eq!(
            told[..2],
            [
                ("consumer.heartbeat.interval.ms", Some("5000"), ConfigSource::Default),
                ("consumer.session.timeout.ms", Some("50000"), ConfigSource::Group),
            ]
        );
        assert!(told.contains(&("share.delivery.count.limit", Some("5"), ConfigSource::Default)));
        assert!(told.contains(&("streams.num.standby.replicas", Some("0"), ConfigSource::Default)));
        assert_eq!(rows[1].synonyms.len(), 2);
    }
}
