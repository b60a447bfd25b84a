//! A topic's settings, resolved: what the broker acts on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::broker::Config;
use super::settings::Rank;
use super::topic_keys::{self, TOPIC_KEYS, TopicKey};
use super::value::Value;
use crate::batch::Codec;
use crate::error::{Refusal, Refused};

/// Whose time a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// Its producer's.
    CreateTime,
    /// That of its arrival at the broker.
    LogAppendTime,
}

/// In which codec batches are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Each as it came.
    Producer,
    /// In none.
    Uncompressed,
    /// gzip at a level, -1 being its own default.
    Gzip(i32),
    /// Snappy.
    Snappy,
    /// lz4 at a level.
    Lz4(i32),
    /// zstd at a level.
    Zstd(i32),
}

impl Compression {
    /// The codec and its level, 0 where it has none; nothing where each batch is stored as it came.
    #[must_use]
    pub fn codec(self) -> Option<(Codec, i32)> {
        match self {
            Compression::Producer => None,
            Compression::Uncompressed => Some((Codec::None, 0)),
            Compression::Gzip(level) => Some((Codec::Gzip, level)),
            Compression::Snappy => Some((Codec::Snappy, 0)),
            Compression::Lz4(level) => Some((Codec::Lz4, level)),
            Compression::Zstd(level) => Some((Codec::Zstd, level)),
        }
    }
}

/// What a broker acts on of a topic's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// Milliseconds after which records may be deleted; nothing is never.
    pub retention_ms: Option<i64>,
    /// Bytes of a partition beyond which its oldest records may be deleted; nothing is no limit.
    pub retention_bytes: Option<u64>,
    /// Whether age and size delete records at all.
    pub cleanup_delete: bool,
    /// Whether records with the key of a later one may go, and every record must have a key.
    pub cleanup_compact: bool,
    /// Bytes of the largest batch, as it arrives.
    pub max_message_bytes: u32,
    /// Bytes of the largest batch once decompressed.
    pub max_decompressed_message_bytes: u32,
    /// Whose time a record carries.
    pub timestamp_type: TimestampType,
    /// Milliseconds that a producer's time may lie behind the broker's clock.
    pub timestamp_before_max_ms: i64,
    /// Milliseconds that a producer's time may lie ahead of the broker's clock.
    pub timestamp_after_max_ms: i64,
    /// In which codec batches are stored.
    pub compression: Compression,
    /// Shown, not acted on: the object store holds as many copies as it holds.
    pub min_insync_replicas: u32,
    /// Always true until classic topics are built.
    pub diskless: bool,
}

/// Where the value of a topic's key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The topic itself.
    Topic,
    /// A key of the broker.
    Broker(Rank),
    /// Nobody set it.
    Default,
}

impl TopicConfig {
    /// What a topic with these settings of its own means on this broker.
    ///
    /// # Errors
    /// `InvalidConfig`, in Kafka's words where Kafka refuses the same: a name that nobody knows, a value that is none,
    /// settings that contradict each other, or a topic that is not diskless.
    pub fn resolve(overrides: &BTreeMap<String, String>, broker: &Config) -> Result<TopicConfig, Refused> {
        if let Some(name) = overrides.keys().find(|name| topic_keys::find(name).is_none()) {
            return Err(invalid(format!("Unknown topic config name: {name}")));
        }
        let mut values = BTreeMap::new();
        for key in TOPIC_KEYS {
            values.insert(key.key.name, value_of(key, overrides, broker)?.0);
        }
        let values = Values(values);
        check_lags(&values)?;
        check_kind(&values)?;
        Ok(typed(&values))
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Refused {
    Refused::new(Refusal::InvalidConfig, message)
}

/// The value of one key and where it came from.
pub(super) fn value_of(
    key: &TopicKey,
    overrides: &BTreeMap<String, String>,
    broker: &Config,
) -> Result<(Value, Origin), Refused> {
    if let Some(text) = overrides.get(key.key.name) {
        let value = key.key.read(text).map_err(|fault| invalid(fault.of(key.key.name)))?;
        return Ok((value, Origin::Topic));
    }
    for (name, scale) in key.chain {
        let Some(given) = broker.settings.given(name).next() else { continue };
        let read = key.read_from_broker(&given.value.to_string(), *scale);
        let value = read.map_err(|fault| invalid(fault.of(key.key.name)))?;
        return Ok((value, Origin::Broker(given.rank)));
    }
    Ok((key.default_value(), Origin::Default))
}

/// The value of every key of a topic.
struct Values(BTreeMap<&'static str, Value>);

impl Values {
    fn of(&self, name: &str) -> &Value {
        self.0.get(name).expect("every key of a topic has a value")
    }

    fn number(&self, name: &str) -> i64 {
        match self.of(name) {
            Value::Whole(number) => *number,
            other => unreachable!("{name} is not a number: {other}"),
        }
    }

    /// The number of a key of 32 bits whose range has no negative numbers.
    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).expect("the table's range fits")
    }

    /// The level of a codec.
    fn level(&self, name: &str) -> i32 {
        i32::try_from(self.number(name)).expect("the table's range fits")
    }

    fn answer(&self, name: &str) -> bool {
        matches!(self.of(name), Value::Boolean(true))
    }

    fn is(&self, name: &str, word: &str) -> bool {
        matches!(self.of(name), Value::Text(text) if text == word)
    }

    fn has(&self, name: &str, word: &str) -> bool {
        matches!(self.of(name), Value::List(list) if list.iter().any(|each| each == word))
    }
}

fn check_lags(values: &Values) -> Result<(), Refused> {
    let (least, most) = (values.number("min.compaction.lag.ms"), values.number("max.compaction.lag.ms"));
    if least > most {
        return Err(invalid(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        )));
    }
    Ok(())
}

/// Only diskless topics are built, and these need no second tier.
fn check_kind(values: &Values) -> Result<(), Refused> {
    if !values.answer("diskless.enable") {
        return Err(invalid(
            "Invalid value false for configuration diskless.enable: topics on brokers' disks are not built yet, \
             create the topic with diskless.enable=true",
        ));
    }
    if values.answer("remote.storage.enable") {
        return Err(invalid(
            "Invalid value true for configuration remote.storage.enable: a diskless topic lives in the object store \
             already and cannot be tiered",
        ));
    }
    Ok(())
}

fn typed(values: &Values) -> TopicConfig {
    TopicConfig {
        retention_ms: Some(values.number("retention.ms")).filter(|age| *age >= 0),
        retention_bytes: u64::try_from(values.number("retention.bytes")).ok(),
        cleanup_delete: values.has("cleanup.policy", "delete"),
        cleanup_compact: values.has("cleanup.policy", "compact"),
        max_message_bytes: values.small("max.message.bytes"),
        max_decompressed_message_bytes: values.small("max.decompressed.message.bytes"),
        timestamp_type: match values.is("message.timestamp.type", "LogAppendTime") {
            true => TimestampType::LogAppendTime,
            false => TimestampType::CreateTime,
        },
        timestamp_before_max_ms: values.number("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: values.number("message.timestamp.after.max.ms"),
        compression: compression(values),
        min_insync_replicas: values.small("min.insync.replicas"),
        diskless: values.answer("diskless.enable"),
    }
}

fn compression(values: &Values) -> Compression {
    let Value::Text(word) = values.of("compression.type") else { unreachable!("compression.type is a text") };
    match word.as_str() {
        "producer" => Compression::Producer,
        "uncompressed" => Compression::Uncompressed,
        "gzip" => Compression::Gzip(values.level("compression.gzip.level")),
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4(values.level("compression.lz4.level")),
        "zstd" => Compression::Zstd(values.level("compression.zstd.level")),
        other => unreachable!("the table's words have no {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{broker, map};
    use super::*;

    fn resolve(overrides: &[(&str, &str)]) -> Result<TopicConfig, String> {
        TopicConfig::resolve(&map(overrides), &broker("")).map_err(|refused| {
            assert_eq!(refused.refusal, Refusal::InvalidConfig);
            refused.message.into_owned()
        })
    }

    #[test]
    fn defaults_are_kafkas() {
        let expected = TopicConfig {
            retention_ms: Some(604_800_000),
            retention_bytes: None,
            cleanup_delete: true,
            cleanup_compact: false,
            max_message_bytes: 1_048_588,
            max_decompressed_message_bytes: 2_147_483_639,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compression: Compression::Producer,
            min_insync_replicas: 1,
            diskless: true,
        };
        assert_eq!(resolve(&[]), Ok(expected));
    }

    #[test]
    fn the_broker_gives_defaults_in_its_own_units() {
        let retention = |text: &str| {
            TopicConfig::resolve(&BTreeMap::new(), &broker(text)).expect("the broker's defaults are valid").retention_ms
        };
        assert_eq!(retention("log.retention.hours=2"), Some(7_200_000));
        assert_eq!(retention("log.retention.hours=2\nlog.retention.minutes=3"), Some(180_000));
        assert_eq!(retention("log.retention.minutes=3\nlog.retention.ms=4"), Some(4));
        assert_eq!(retention("log.retention.hours=-1"), None);
        assert_eq!(retention("log.retention.ms=-1"), None);
    }

    #[test]
    fn a_topic_overrules_its_broker() {
        let broker = broker(
            "message.max.bytes=1000\nlog.message.timestamp.type=LogAppendTime\ncompression.type=zstd\ncompression.zstd.level=7",
        );
        let plain = TopicConfig::resolve(&BTreeMap::new(), &broker).expect("it is valid");
        assert_eq!(plain.max_message_bytes, 1000);
        assert_eq!(plain.timestamp_type, TimestampType::LogAppendTime);
        assert_eq!(plain.compression, Compression::Zstd(7));
        let overrides =
            map(&[("max.message.bytes", "5"), ("message.timestamp.type", "CreateTime"), ("retention.ms", "-1")]);
        let own = TopicConfig::resolve(&overrides, &broker).expect("it is valid");
        assert_eq!((own.max_message_bytes, own.retention_ms), (5, None));
        assert_eq!(own.timestamp_type, TimestampType::CreateTime);
    }

    #[test]
    fn cleanup_policies() {
        let policy = |text: &str| {
            resolve(&[("cleanup.policy", text)]).map(|topic| (topic.cleanup_delete, topic.cleanup_compact))
        };
        assert_eq!(policy("compact"), Ok((false, true)));
        assert_eq!(policy("delete, compact"), Ok((true, true)));
        assert_eq!(policy(""), Ok((false, false)));
        assert!(policy("none").is_err());
    }

    #[test]
    fn what_is_refused_is_refused_in_kafkas_words() {
        for (overrides, message) in [
            (&[("foo", "1")][..], "Unknown topic config name: foo"),
            (&[("retention.ms", "x")], "Invalid value x for configuration retention.ms: Not a number of type LONG"),
            (&[("retention.ms", "-2")], "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
            (
                &[("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")],
                "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)",
            ),
        ] {
            assert_eq!(resolve(overrides), Err(message.to_owned()));
        }
        assert!(resolve(&[("diskless.enable", "false")]).is_err_and(|message| message.contains("not built yet")));
        assert!(resolve(&[("remote.storage.enable", "true")]).is_err_and(|message| message.contains("tiered")));
        assert!(resolve(&[("diskless.enable", "true"), ("remote.storage.enable", "false")]).is_ok());
    }

    #[test]
    fn a_broker_without_diskless_topics_still_makes_those_that_ask() {
        let broker = broker("log.diskless.enable=false");
        assert!(TopicConfig::resolve(&BTreeMap::new(), &broker).is_err());
        assert!(TopicConfig::resolve(&map(&[("diskless.enable", "true")]), &broker).is_ok());
    }
}
