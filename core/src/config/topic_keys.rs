//! The keys of a topic: all of Kafka 4.4's and `diskless.enable`.
//!
//! Every key is checked, stored and shown; what the broker acts on is in [`super::TopicConfig`].

use super::broker_keys::{CLEANUP_POLICIES, COMPRESSION_TYPES, TIMESTAMP_TYPES};
use super::key::{Key, Preset};
use super::value::{Check, Fault, Kind, Value};

/// A key of a topic and where its default comes from.
#[derive(Clone, Copy, Debug)]
pub struct TopicKey {
    /// The key.
    pub key: Key,
    /// The broker's keys that give its default, in the order of their precedence, each with the number by which its
    /// value is multiplied to have the topic's unit.
    pub chain: &'static [(&'static str, i64)],
}

impl TopicKey {
    /// The value that a broker's key gives this one.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read_from_broker(&self, text: &str, scale: i64) -> Result<Value, Fault> {
        match self.key.kind.parse(text)? {
            Value::Whole(number) => self.key.check.accept(self.key.name, Value::Whole(scaled(number, scale))),
            other => self.key.check.accept(self.key.name, other),
        }
    }

    /// The value where neither topic nor broker says anything.
    ///
    /// # Panics
    /// Where the table gives no default: every key of a topic has one.
    #[must_use]
    pub fn default_value(&self) -> Value {
        self.key.default_value().expect("every key of a topic has a default")
    }
}

/// A number in the topic's unit: minutes as milliseconds. Below zero is Kafka's "unlimited" in any unit.
#[must_use]
pub fn scaled(number: i64, scale: i64) -> i64 {
    assert!(scale >= 1);
    if number < 0 && scale > 1 { -1 } else { number.saturating_mul(scale) }
}

/// The key of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static TopicKey> {
    TOPIC_KEYS.iter().find(|key| key.key.name == name)
}

/// The topic key whose default a broker's key gives, and by what to multiply.
#[must_use]
pub fn behind(broker_key: &str) -> Option<(&'static TopicKey, i64)> {
    TOPIC_KEYS.iter().find_map(|key| {
        let link = key.chain.iter().find(|(name, _)| *name == broker_key)?;
        Some((key, link.1))
    })
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const FOREVER: &str = "9223372036854775807";

const fn row(
    name: &'static str,
    kind: Kind,
    preset: &'static str,
    unit: &'static str,
    check: Check,
    chain: &'static [(&'static str, i64)],
    meaning: &'static str,
) -> TopicKey {
    let mut key = Key::new(name, kind, meaning).unit(unit).check(check).cluster_wide();
    key.preset = Preset::Text(preset);
    TopicKey { key, chain }
}

/// All keys, in the order of their names.
#[rustfmt::skip]
pub const TOPIC_KEYS: &[TopicKey] = &[
    row("cleanup.policy", Kind::List, "delete", "", Check::ListOf(CLEANUP_POLICIES), &[("log.cleanup.policy", 1)],
        "What becomes of old records: deleted by age and size, compacted by key, both, or nothing for an empty list. Compacted topics are kept whole until cleaning is built."),
    row("compression.gzip.level", Kind::Int, "-1", "", Check::WithinOr(1, 9, -1), &[("compression.gzip.level", 1)],
        "How hard gzip tries where compression.type is gzip."),
    row("compression.lz4.level", Kind::Int, "9", "", Check::Within(1, 17), &[("compression.lz4.level", 1)],
        "How hard lz4 tries where compression.type is lz4. Shown, not acted on: it tries as hard as it can quickly."),
    row("compression.type", Kind::Text, "producer", "", Check::OneOf(COMPRESSION_TYPES), &[("compression.type", 1)],
        "The codec of stored batches: that of their producer, or one that batches in another are recoded to as they come."),
    row("compression.zstd.level", Kind::Int, "3", "", Check::Within(-131_072, 22), &[("compression.zstd.level", 1)],
        "How hard zstd tries where compression.type is zstd."),
    row("delete.retention.ms", Kind::Long, "86400000", "ms", Check::AtLeast(0), &[("log.cleaner.delete.retention.ms", 1)],
        "How long a compacted topic keeps the tombstone of a deleted key."),
    row("diskless.enable", Kind::Boolean, "true", "", Check::Any, &[("log.diskless.enable", 1)],
        "Whether the topic's records live in the object store. Topics on brokers' disks are not built yet."),
    row("errors.deadletterqueue.group.enable", Kind::Boolean, "false", "", Check::Any, &[],
        "Whether share groups may use the topic for records that they cannot process."),
    row("file.delete.delay.ms", Kind::Long, "60000", "ms", Check::AtLeast(0), &[("log.segment.delete.delay.ms", 1)],
        "How long a deleted segment stays on disk. Without effect on diskless topics."),
    row("flush.messages", Kind::Long, FOREVER, "records", Check::AtLeast(1), &[("log.flush.interval.messages", 1)],
        "Records between two syncs. Without effect: nothing is acknowledged before it is durable."),
    row("flush.ms", Kind::Long, FOREVER, "ms", Check::AtLeast(0),
        &[("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)],
        "Time between two syncs. Without effect: nothing is acknowledged before it is durable."),
    row("follower.replication.throttled.replicas", Kind::List, "", "", Check::Throttled, &[],
        "Replicas whose followers copy slowly. Without effect on diskless topics, which have no followers."),
    row("index.interval.bytes", Kind::Int, "4096", "bytes", Check::AtLeast(0), &[("log.index.interval.bytes", 1)],
        "How densely a segment is indexed. Without effect on diskless topics."),
    row("leader.replication.throttled.replicas", Kind::List, "", "", Check::Throttled, &[],
        "Replicas whose leaders are copied from slowly. Without effect on diskless topics, which have no followers."),
    row("local.retention.bytes", Kind::Long, "-2", "bytes", Check::AtLeast(-2), &[("log.local.retention.bytes", 1)],
        "Bytes that tiered storage keeps on brokers. Without effect on diskless topics."),
    row("local.retention.ms", Kind::Long, "-2", "ms", Check::AtLeast(-2), &[("log.local.retention.ms", 1)],
        "How long tiered storage keeps records on brokers. Without effect on diskless topics."),
    row("max.compaction.lag.ms", Kind::Long, FOREVER, "ms", Check::AtLeast(1), &[("log.cleaner.max.compaction.lag.ms", 1)],
        "A record of a compacted topic waits at most this long for its cleaning."),
    row("max.decompressed.message.bytes", Kind::Int, "2147483639", "bytes", Check::Within(1, 2_147_483_639),
        &[("max.decompressed.message.bytes", 1)],
        "The largest record batch once decompressed, where the broker has to look inside."),
    row("max.message.bytes", Kind::Int, "1048588", "bytes", Check::AtLeast(0), &[("message.max.bytes", 1)],
        "The largest record batch, as it arrives."),
    row("message.timestamp.after.max.ms", Kind::Long, "3600000", "ms", Check::AtLeast(0),
        &[("log.message.timestamp.after.max.ms", 1)],
        "How far ahead of the broker's clock a producer's time may lie."),
    row("message.timestamp.before.max.ms", Kind::Long, FOREVER, "ms", Check::AtLeast(0),
        &[("log.message.timestamp.before.max.ms", 1)],
        "How far behind the broker's clock a producer's time may lie."),
    row("message.timestamp.type", Kind::Text, "CreateTime", "", Check::OneOf(TIMESTAMP_TYPES),
        &[("log.message.timestamp.type", 1)],
        "Whose time a record carries: its producer's, or that of its arrival."),
    row("min.cleanable.dirty.ratio", Kind::Double, "0.5", "", Check::Fraction(0.0, 1.0),
        &[("log.cleaner.min.cleanable.ratio", 1)],
        "The share of a compacted topic that must be uncleaned for a cleaning to be worth it."),
    row("min.compaction.lag.ms", Kind::Long, "0", "ms", Check::AtLeast(0), &[("log.cleaner.min.compaction.lag.ms", 1)],
        "A record of a compacted topic stays at least this long."),
    row("min.insync.replicas", Kind::Int, "1", "replicas", Check::AtLeast(1), &[("min.insync.replicas", 1)],
        "Replicas that must hold a record. The object store sees to it: shown, not acted on."),
    row("preallocate", Kind::Boolean, "false", "", Check::Any, &[("log.preallocate", 1)],
        "Whether segments get their size in advance. Without effect on diskless topics."),
    row("remote.copy.lag.bytes", Kind::Long, "-1", "bytes", Check::AtLeast(-1), &[("log.remote.copy.lag.bytes", 1)],
        "Bytes that tiered storage holds back from copying. Without effect on diskless topics."),
    row("remote.copy.lag.ms", Kind::Long, "0", "ms", Check::AtLeast(-1), &[("log.remote.copy.lag.ms", 1)],
        "How long tiered storage waits before it copies. Without effect on diskless topics."),
    row("remote.log.copy.disable", Kind::Boolean, "false", "", Check::Any, &[],
        "Whether tiered storage stops to copy. Without effect on diskless topics."),
    row("remote.log.delete.on.disable", Kind::Boolean, "false", "", Check::Any, &[],
        "Whether leaving tiered storage deletes what it holds. Without effect on diskless topics."),
    row("remote.storage.enable", Kind::Boolean, "false", "", Check::Any, &[],
        "Whether tiered storage holds the topic. A diskless topic has no need of it and refuses it."),
    row("retention.bytes", Kind::Long, "-1", "bytes", Check::Any, &[("log.retention.bytes", 1)],
        "Bytes of a partition beyond which its oldest records may be deleted; -1 is no limit."),
    row("retention.ms", Kind::Long, "604800000", "ms", Check::AtLeast(-1),
        &[("log.retention.ms", 1), ("log.retention.minutes", MINUTE_MS), ("log.retention.hours", HOUR_MS)],
        "Records older than this may be deleted; -1 is never."),
    row("segment.bytes", Kind::Int, "1073741824", "bytes", Check::AtLeast(1 << 20), &[("log.segment.bytes", 1)],
        "The size of a segment. Without effect on diskless topics."),
    row("segment.index.bytes", Kind::Int, "10485760", "bytes", Check::AtLeast(4), &[("log.index.size.max.bytes", 1)],
        "The size of a segment's index. Without effect on diskless topics."),
    row("segment.jitter.ms", Kind::Long, "0", "ms", Check::AtLeast(0),
        &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR_MS)],
        "How far the ages at which segments end are spread. Without effect on diskless topics."),
    row("segment.ms", Kind::Long, "604800000", "ms", Check::AtLeast(1),
        &[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)],
        "The age at which a segment ends. Without effect on diskless topics."),
    row("unclean.leader.election.enable", Kind::Boolean, "false", "", Check::Any, &[("unclean.leader.election.enable", 1)],
        "Whether a replica that lags may lead. Without effect on diskless topics, which lose nothing with a broker."),
];

#[cfg(test)]
mod tests {
    use super::super::broker_keys;
    use super::*;

    #[test]
    fn every_row_is_sound() {
        assert!(TOPIC_KEYS.is_sorted_by_key(|key| key.key.name));
        assert_eq!(TOPIC_KEYS.len(), 37 + 1, "Kafka 4.4 has 37 public ones");
        for key in TOPIC_KEYS {
            let default = key.default_value();
            assert!(key.key.meaning.ends_with('.'), "{}", key.key.name);
            let Some((last, scale)) = key.chain.last() else { continue };
            let Some(broker) = broker_keys::find(last) else { continue };
            let Some(of_broker) = broker.default_value() else { panic!("{last} has no default") };
            let same = key.read_from_broker(&of_broker.to_string(), *scale);
            assert_eq!(same, Ok(default), "{} and {last} disagree", key.key.name);
        }
    }

    #[test]
    fn unlimited_is_unlimited_in_any_unit() {
        assert_eq!(scaled(-1, HOUR_MS), -1);
        assert_eq!(scaled(-5, HOUR_MS), -1);
        assert_eq!(scaled(-5, 1), -5);
        assert_eq!(scaled(2, MINUTE_MS), 120_000);
        assert_eq!(scaled(i64::MAX, HOUR_MS), i64::MAX);
    }
}
