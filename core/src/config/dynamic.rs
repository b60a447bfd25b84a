//! What of a broker may change while it runs: what its topics take their defaults from, and how long producers are kept.
//!
//! Kafka can change more. A key is dynamic here where the change takes effect at once; any other is refused in the words
//! in which Kafka refuses those that it reads at its start.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::alter::{self, ConfigChange};
use super::broker::Config;
use super::broker_keys;
use super::settings::Dynamic;
use super::topic::TopicConfig;
use super::topic_keys::{TOPIC_KEYS, TopicKey};
use super::value::{Check, Fault, Kind, Value};
use crate::error::{Refusal, Refused};

/// A key that may change at run time.
#[derive(Clone, Copy, Debug)]
pub struct DynamicKey {
    /// Its name.
    pub name: &'static str,
    /// The topic's key whose default it gives, and by what to multiply.
    topic: Option<(&'static TopicKey, i64)>,
}

/// Rates of copying between replicas, bytes a second, of which a diskless topic has none. They are accepted without effect:
/// kafka-reassign-partitions sets and clears them around each move, and fails where it may not.
const RATES: &[&str] = &[
    "follower.replication.throttled.rate",
    "leader.replication.throttled.rate",
    "replica.alter.log.dirs.io.max.bytes.per.second",
];

/// The key of this name, if it is one. Of the keys behind a topic's, only the first is: Kafka does not change hours
/// and minutes, where it can change milliseconds.
#[must_use]
pub fn find(name: &str) -> Option<DynamicKey> {
    match name {
        "producer.id.expiration.ms" => Some(DynamicKey { name: "producer.id.expiration.ms", topic: None }),
        "log.diskless.enable" => None,
        name if RATES.contains(&name) => {
            let name = RATES.iter().find(|rate| **rate == name)?;
            Some(DynamicKey { name, topic: None })
        }
        name => TOPIC_KEYS.iter().find_map(|key| {
            let (first, scale) = key.chain.first().filter(|(first, _)| *first == name)?;
            Some(DynamicKey { name: first, topic: Some((key, *scale)) })
        }),
    }
}

impl DynamicKey {
    /// The value that a text gives it; of a key without another meaning than a topic's default, the text.
    fn read(self, text: &str) -> Result<Value, Fault> {
        if let Some((key, scale)) = self.topic {
            key.read_from_broker(text, scale)?;
        }
        match broker_keys::find(self.name) {
            Some(key) => key.read(text),
            None if RATES.contains(&self.name) => Check::AtLeast(0).accept(self.name, Kind::Long.parse(text)?),
            None => Ok(Value::Text(text.trim().to_owned())),
        }
    }

    /// What it holds that nobody set, where it is a list.
    fn list(self) -> Option<String> {
        let (key, _) = self.topic.filter(|(key, _)| key.key.kind == Kind::List)?;
        Some(key.default_value().to_string())
    }
}

/// The dynamic settings of a broker, or of all of them, after these changes.
///
/// # Errors
/// `InvalidRequest`, in Kafka's words.
pub fn alter_broker(
    before: &BTreeMap<String, String>,
    changes: &[ConfigChange],
) -> Result<BTreeMap<String, String>, Refused> {
    alter::check_changes(changes)?;
    let still: Vec<&str> = changes.iter().map(|change| &*change.name).filter(|name| find(name).is_none()).collect();
    if !still.is_empty() {
        return Err(invalid(format!("Cannot update these configs dynamically: [{}]", still.join(", "))));
    }
    let mut altered = before.clone();
    for change in changes {
        let key = find(&change.name).expect("every key was found");
        alter::apply(&mut altered, change, key.list())?;
        if let Some(value) = altered.get(key.name) {
            key.read(value).map_err(|fault| invalid(fault.of(key.name)))?;
        }
    }
    Ok(altered)
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Refused {
    Refused::new(Refusal::InvalidRequest, message)
}

impl Config {
    /// The configuration of a broker that was started with this one, under what was changed since: of all brokers, and
    /// of its own, which goes before it.
    ///
    /// # Errors
    /// Where the defaults that topics take from it contradict each other, or a value is none.
    pub fn changed(&self, own: &BTreeMap<String, String>, all: &BTreeMap<String, String>) -> Result<Config, Refused> {
        let mut config = self.clone();
        config.settings.dynamic = Dynamic { own: values(own)?, all: values(all)? };
        config.producer_expiration_ms = config.settings.number("producer.id.expiration.ms");
        TopicConfig::resolve(&BTreeMap::new(), &config).map_err(|refused| invalid(refused.message))?;
        Ok(config)
    }
}

fn values(settings: &BTreeMap<String, String>) -> Result<BTreeMap<&'static str, Value>, Refused> {
    let value = |(name, text): (&String, &String)| {
        let key = find(name).ok_or_else(|| invalid(format!("Cannot update these configs dynamically: [{name}]")))?;
        Ok((key.name, key.read(text).map_err(|fault| invalid(fault.of(key.name)))?))
    };
    settings.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::super::alter::ConfigOperation;
    use super::super::key::Mode;
    use super::super::testing::{broker, map};
    use super::super::{ConfigSource, describe_broker, describe_brokers, describe_topic};
    use super::*;

    fn set(name: &str, value: &str) -> ConfigChange {
        ConfigChange { name: name.into(), operation: ConfigOperation::Set, value: Some(value.into()) }
    }

    fn message(changes: &[ConfigChange]) -> String {
        let refused = alter_broker(&BTreeMap::new(), changes).expect_err("it is refused");
        assert_eq!(refused.refusal, Refusal::InvalidRequest);
        refused.message.into_owned()
    }

    #[test]
    fn what_is_dynamic_here_is_dynamic_in_kafka() {
        for key in broker_keys::all().filter(|key| find(key.name).is_some()) {
            assert_eq!(key.mode, Mode::ClusterWide, "{}", key.name);
        }
        for name in ["log.retention.hours", "log.retention.minutes", "log.roll.hours", "node.id", "log.diskless.enable"]
        {
            assert!(find(name).is_none(), "{name}");
        }
        assert!(["log.segment.bytes", "log.retention.ms", "message.max.bytes"].iter().all(|name| find(name).is_some()));
    }

    #[test]
    fn changes_are_checked_in_kafkas_words() {
        assert_eq!(
            message(&[set("node.id", "2"), set("a", "1")]),
            "Cannot update these configs dynamically: [node.id, a]"
        );
        assert_eq!(
            message(&[set("message.max.bytes", "x")]),
            "Invalid value x for configuration message.max.bytes: Not a number of type INT"
        );
        assert!(message(&[set("log.segment.bytes", "1")]).contains("Value must be at least"));
        let append = ConfigOperation::Append;
        let appended =
            ConfigChange { name: "log.cleanup.policy".into(), operation: append, value: Some("compact".into()) };
        assert_eq!(
            alter_broker(&map(&[("message.max.bytes", "5")]), &[appended]).expect("sound"),
            map(&[("log.cleanup.policy", "delete,compact"), ("message.max.bytes", "5")])
        );
    }

    #[test]
    fn a_brokers_own_change_goes_before_that_of_all_and_this_before_the_start() {
        let started = broker("message.max.bytes=1\nlog.retention.hours=2");
        let config = started
            .changed(
                &map(&[("message.max.bytes", "3")]),
                &map(&[("message.max.bytes", "2"), ("log.retention.ms", "7")]),
            )
            .expect("sound");
        let topic = TopicConfig::resolve(&BTreeMap::new(), &config).expect("sound");
        assert_eq!((topic.max_message_bytes, topic.retention_ms), (3, Some(7)));

        let chain = |synonyms: &[super::super::ConfigSynonym]| -> Vec<(String, ConfigSource)> {
            synonyms.iter().map(|each| (each.value.clone().unwrap_or_default(), each.source)).collect()
        };
        let expected = [
            ("3".to_owned(), ConfigSource::DynamicBroker),
            ("2".to_owned(), ConfigSource::DynamicDefault),
            ("1".to_owned(), ConfigSource::Broker),
            ("1048588".to_owned(), ConfigSource::Default),
        ];
        let rows = describe_broker(&config);
        let row = rows.iter().find(|row| row.name == "message.max.bytes").expect("every key has a row");
        assert_eq!((row.value.as_deref(), row.source, row.read_only), (Some("3"), ConfigSource::DynamicBroker, false));
        assert_eq!(chain(&row.synonyms), expected);
        let default: Vec<_> = describe_brokers(&config).into_iter().map(|row| (row.name, row.value)).collect();
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(default, [("log.retention.ms", value("7")), ("message.max.bytes", value("2"))]);
        let rows = describe_topic(&BTreeMap::new(), &config).expect("sound");
        let row = rows.iter().find(|row| row.name == "max.message.bytes").expect("every key has a row");
        assert_eq!((row.value.as_deref(), row.source), (Some("3"), ConfigSource::DynamicBroker));
        assert_eq!(chain(&row.synonyms), expected);
    }

    #[test]
    fn what_has_no_other_meaning_is_shown() {
        let config = broker("").changed(&BTreeMap::new(), &map(&[("log.segment.bytes", "1048576")])).expect("sound");
        let rows = describe_broker(&config);
        let row = rows.iter().find(|row| row.name == "log.segment.bytes").expect("it was set");
        assert_eq!((row.value.as_deref(), row.source), (Some("1048576"), ConfigSource::DynamicDefault));
    }

    #[test]
    fn rates_of_moves_are_set_and_cleared() {
        let rate = "leader.replication.throttled.rate";
        let altered = alter_broker(&BTreeMap::new(), &[set(rate, "5")]).expect("sound");
        let config = broker("").changed(&altered, &BTreeMap::new()).expect("sound");
        assert!(describe_broker(&config).iter().any(|row| row.name == rate && row.value.as_deref() == Some("5")));
        let clear =
            |name: &&str| ConfigChange { name: (*name).into(), operation: ConfigOperation::Delete, value: None };
        let cleared: Vec<ConfigChange> = RATES.iter().map(clear).collect();
        assert_eq!(alter_broker(&altered, &cleared), Ok(BTreeMap::new()));
        assert!(message(&[set(rate, "-1")]).contains("Value must be at least 0"));
    }

    #[test]
    fn other_settings_follow() {
        let changed = broker("").changed(&map(&[("producer.id.expiration.ms", "5")]), &BTreeMap::new()).expect("sound");
        assert_eq!(changed.producer_expiration_ms, 5);
        let lags = map(&[("log.cleaner.min.compaction.lag.ms", "10"), ("log.cleaner.max.compaction.lag.ms", "5")]);
        assert!(broker("").changed(&BTreeMap::new(), &lags).is_err_and(|refused| refused.message.contains("conflict")));
    }
}
