//! The keys of a broker: everything that `server.properties` and `--set` can say.

use super::key::Key;
use super::migration::MigrationPolicy;
use super::value::{Check, Kind};
use crate::limits;

/// Keys of one subject, under its heading.
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// The keys, in the order in which a person wants to read them.
    pub keys: &'static [Key],
}

/// `compression.type`'s words, for brokers and topics.
pub const COMPRESSION_TYPES: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
/// `message.timestamp.type`'s words.
pub const TIMESTAMP_TYPES: &[&str] = &["CreateTime", "LogAppendTime"];
/// `cleanup.policy`'s words.
pub const CLEANUP_POLICIES: &[&str] = &["compact", "delete"];

/// More memory or disk than any machine gives to one thing: a typing error beyond this.
const BYTES_MAX: i64 = 1 << 50;

/// All sections.
pub const SECTIONS: &[Section] = &[
    Section { title: "Broker", keys: BROKER },
    Section { title: "Listeners and connections", keys: LISTENERS },
    Section { title: "Topics", keys: TOPICS },
    Section { title: "Producers and consumers", keys: CLIENTS },
    Section { title: "Consumer groups", keys: GROUPS },
    Section { title: "Object store", keys: STORE },
    Section { title: "Packs and uploads", keys: PACKS },
    Section { title: "Caches", keys: CACHES },
];

/// All keys, in order.
pub fn all() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// The key of this name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name == name || key.aliases.contains(&name))
}

const BROKER: &[Key] = &[
    Key::new("node.id", Kind::Int, "Who this broker is among the brokers of its cluster.")
        .aliases(&["broker.id"])
        .preset("1")
        .check(Check::AtLeast(0))
        .high(),
    Key::new("data.dir", Kind::Text, "The directory of everything that stays on this machine: journal, cache, and the store unless it lies elsewhere. One directory.")
        .aliases(&["log.dirs", "log.dir"])
        .preset("./apus-data")
        .check(Check::NotEmpty)
        .high(),
    Key::new("broker.rack", Kind::Text, "The zone this broker stands in; clients of the same zone are led to it."),
    Key::new("cores", Kind::Int, "Threads that serve connections and partitions, one executor each.")
        .derived("CPUs - store threads")
        .unit("threads")
        .check(Check::Within(1, limits::CORES_MAX as i64)),
    Key::new("diskless.cores.pin", Kind::Boolean, "Whether each executor stays on one CPU; for machines that run nothing else.")
        .preset("false"),
    Key::new("diskless.store.threads", Kind::Int, "Threads that talk to the object store.")
        .derived("CPUs / 4")
        .unit("threads")
        .check(Check::Within(1, 256)),
];

const LISTENERS: &[Key] = &[
    Key::new("listeners", Kind::List, "Where to listen: NAME://HOST:PORT. No host is every interface, localhost both loopback addresses, port 0 a free one.")
        .derived("PLAINTEXT://localhost:9092")
        .per_broker()
        .high(),
    Key::new("advertised.listeners", Kind::List, "What clients are told to connect to, for each listener, where that differs from where it listens.")
        .derived("the listeners, the host's name for no host")
        .high(),
    Key::new("inter.broker.listener.name", Kind::Text, "The listener that other brokers use.").derived("the first listener"),
    Key::new("socket.request.max.bytes", Kind::Int, "The largest request; a connection that sends a larger one is closed.")
        .preset("104857600")
        .unit("bytes")
        .check(Check::AtLeast(1))
        .high(),
    Key::new("connections.max.idle.ms", Kind::Long, "A connection that is silent for so long is closed; -1 is never.")
        .preset("600000")
        .unit("ms")
        .check(Check::AtLeast(-1)),
    Key::new("max.connections", Kind::Int, "Connections at a time; further ones are closed as they come.")
        .preset("2147483647")
        .unit("connections")
        .check(Check::AtLeast(0))
        .cluster_wide(),
    Key::new("diskless.http.listener", Kind::Text, "HOST:PORT of /metrics, /healthz, /readyz and /loglevel; port 0 is a free one, empty is none. Where nobody set it and its port is taken, there is none.")
        .preset("127.0.0.1:9644"),
    Key::new("diskless.inflight.bytes", Kind::Long, "Bytes of produce requests that are admitted and not yet answered; beyond, connections wait. A larger request runs alone.")
        .preset("67108864")
        .unit("bytes")
        .check(Check::Within(1 << 20, BYTES_MAX)),
];

const TOPICS: &[Key] = &[
    Key::new("log.diskless.enable", Kind::Boolean, "Whether a topic is diskless that does not say so itself.").preset("true").high(),
    Key::new("num.partitions", Kind::Int, "Partitions of a topic whose creator leaves the number to the broker.")
        .preset("1")
        .unit("partitions")
        .check(Check::Within(1, limits::PARTITIONS_CREATE_MAX as i64)),
    Key::new("default.replication.factor", Kind::Int, "Replication factor of a topic whose creator leaves it to the broker. The object store replicates; the number is shown, not acted on.")
        .preset("1")
        .unit("replicas")
        .check(Check::Within(1, i16::MAX as i64)),
    Key::new("auto.create.topics.enable", Kind::Boolean, "Whether asking for the metadata of a missing topic creates it.").preset("true").high(),
    Key::new("delete.topic.enable", Kind::Boolean, "Whether topics may be deleted.").preset("true").high(),
    Key::new("message.max.bytes", Kind::Int, "The largest record batch, as it arrives.")
        .preset("1048588")
        .unit("bytes")
        .check(Check::AtLeast(0))
        .cluster_wide()
        .high(),
    Key::new("max.decompressed.message.bytes", Kind::Int, "The largest record batch once decompressed, where the broker has to look inside.")
        .preset("2147483639")
        .unit("bytes")
        .check(Check::Within(1, 2_147_483_639))
        .cluster_wide(),
    Key::new("log.cleanup.policy", Kind::List, "What becomes of old records: delete by age and size, compact by key, or nothing. Compacted topics are kept whole until cleaning is built.")
        .preset("delete")
        .check(Check::ListOf(CLEANUP_POLICIES))
        .cluster_wide(),
    Key::new("log.retention.ms", Kind::Long, "Records older than this may be deleted; -1 is never. Goes before minutes and hours.")
        .unit("ms")
        .check(Check::WithinOr(1, i64::MAX, -1))
        .cluster_wide()
        .high(),
    Key::new("log.retention.minutes", Kind::Int, "The same in minutes. Goes before hours.")
        .unit("minutes")
        .check(Check::WithinOr(1, i64::MAX, -1))
        .high(),
    Key::new("log.retention.hours", Kind::Int, "The same in hours.")
        .preset("168")
        .unit("hours")
        .check(Check::WithinOr(1, i64::MAX, -1))
        .high(),
    Key::new("log.retention.bytes", Kind::Long, "Bytes of a partition beyond which its oldest records may be deleted; -1 is no limit.")
        .preset("-1")
        .unit("bytes")
        .cluster_wide()
        .high(),
    Key::new("log.retention.check.interval.ms", Kind::Long, "How often it is looked for records that may be deleted.")
        .preset("300000")
        .unit("ms")
        .check(Check::AtLeast(1)),
    Key::new("log.message.timestamp.type", Kind::Text, "Whose time a record carries: its producer's, or that of its arrival.")
        .preset("CreateTime")
        .check(Check::OneOf(TIMESTAMP_TYPES))
        .cluster_wide(),
    Key::new("log.message.timestamp.before.max.ms", Kind::Long, "How far behind the broker's clock a producer's time may lie.")
        .preset("9223372036854775807")
        .unit("ms")
        .check(Check::AtLeast(0))
        .cluster_wide(),
    Key::new("log.message.timestamp.after.max.ms", Kind::Long, "How far ahead of the broker's clock a producer's time may lie.")
        .preset("3600000")
        .unit("ms")
        .check(Check::AtLeast(0))
        .cluster_wide(),
    Key::new("compression.type", Kind::Text, "The codec of stored batches: that of their producer, or one that batches in another are recoded to as they come.")
        .preset("producer")
        .check(Check::OneOf(COMPRESSION_TYPES))
        .cluster_wide()
        .high(),
    Key::new("min.insync.replicas", Kind::Int, "Replicas that must hold a record. The object store sees to it: shown, not acted on.")
        .preset("1")
        .unit("replicas")
        .check(Check::AtLeast(1))
        .cluster_wide()
        .high(),
    Key::new("diskless.validate.records", Kind::Boolean, "Whether every record inside a batch is checked, not the batch's header alone; compacted topics always are.")
        .preset("false"),
];

const CLIENTS: &[Key] = &[
    Key::new(
        "fetch.max.bytes",
        Kind::Int,
        "Bytes of one fetch answer, whatever its client asks for; a first batch that is larger goes out whole.",
    )
    .preset("57671680")
    .unit("bytes")
    .check(Check::Within(1024, limits::FETCH_BYTES_MAX as i64)),
    Key::new(
        "max.incremental.fetch.session.cache.slots",
        Kind::Int,
        "Fetch sessions that a core remembers; the longest idle one gives way.",
    )
    .preset("1000")
    .unit("sessions")
    .check(Check::Within(0, limits::FETCH_SESSIONS_MAX as i64)),
    Key::new(
        "producer.id.expiration.ms",
        Kind::Int,
        "An idempotent producer that sends nothing for so long is forgotten.",
    )
    .preset("86400000")
    .unit("ms")
    .check(Check::AtLeast(1))
    .cluster_wide()
    .low(),
    Key::new(
        "producer.id.expiration.check.interval.ms",
        Kind::Int,
        "How often it is looked for producers that may be forgotten.",
    )
    .preset("600000")
    .unit("ms")
    .check(Check::AtLeast(1))
    .low(),
    Key::new("quota.window.num", Kind::Int, "Windows over which it is measured what clients use of their quotas.")
        .preset("11")
        .unit("windows")
        .check(Check::Within(1, 1_000))
        .low(),
    Key::new("quota.window.size.seconds", Kind::Int, "How long each of these windows is.")
        .preset("1")
        .unit("seconds")
        .check(Check::Within(1, 86_400))
        .low(),
    Key::new(
        "telemetry.max.bytes",
        Kind::Int,
        "Bytes of metrics that a client may push at once, before and behind their compression.",
    )
    .preset("1048576")
    .unit("bytes")
    .check(Check::Within(1, 64 << 20))
    .low(),
];

const GROUPS: &[Key] = &[
    Key::new(
        "group.initial.rebalance.delay.ms",
        Kind::Int,
        "An empty group waits so long for company of its first member, and again for each that comes meanwhile.",
    )
    .preset("3000")
    .unit("ms")
    .check(Check::AtLeast(0)),
    Key::new(
        "group.min.session.timeout.ms",
        Kind::Int,
        "The shortest silence that a member may choose to be put out for.",
    )
    .preset("6000")
    .unit("ms")
    .check(Check::AtLeast(0)),
    Key::new(
        "group.max.session.timeout.ms",
        Kind::Int,
        "The longest silence that a member may choose to be put out for.",
    )
    .preset("1800000")
    .unit("ms")
    .check(Check::AtLeast(0)),
    Key::new("group.max.size", Kind::Int, "Members of a group; what they say of themselves is bounded besides.")
        .preset("2147483647")
        .unit("members")
        .check(Check::AtLeast(1)),
    Key::new(
        "group.consumer.session.timeout.ms",
        Kind::Int,
        "Silence after which a member of the consumer protocol is out.",
    )
    .preset("45000")
    .unit("ms")
    .check(Check::AtLeast(1)),
    Key::new(
        "group.consumer.heartbeat.interval.ms",
        Kind::Int,
        "How often members of the consumer protocol are told to beat.",
    )
    .preset("5000")
    .unit("ms")
    .check(Check::AtLeast(1)),
    Key::new(
        "group.consumer.min.session.timeout.ms",
        Kind::Int,
        "The shortest such silence that a group may have of its own.",
    )
    .preset("45000")
    .unit("ms")
    .check(Check::AtLeast(1)),
    Key::new(
        "group.consumer.max.session.timeout.ms",
        Kind::Int,
        "The longest such silence that a group may have of its own.",
    )
    .preset("60000")
    .unit("ms")
    .check(Check::AtLeast(1)),
    Key::new(
        "group.consumer.min.heartbeat.interval.ms",
        Kind::Int,
        "The shortest such interval that a group may have of its own.",
    )
    .preset("5000")
    .unit("ms")
    .check(Check::AtLeast(1)),
    Key::new(
        "group.consumer.max.heartbeat.interval.ms",
        Kind::Int,
        "The longest such interval that a group may have of its own.",
    )
    .preset("15000")
    .unit("ms")
    .check(Check::AtLeast(1)),
    Key::new("group.consumer.max.size", Kind::Int, "Members of a group of the consumer protocol.")
        .preset("2147483647")
        .unit("members")
        .check(Check::AtLeast(1)),
    Key::new(
        "group.consumer.assignors",
        Kind::List,
        "What members of the consumer protocol may choose from; the first serves whoever does not.",
    )
    .preset("uniform,range")
    .check(Check::ListOf(&["uniform", "range"])),
    Key::new(
        "group.consumer.migration.policy",
        Kind::Text,
        "Which way a group with members may go between the classic and the consumer protocol.",
    )
    .preset("bidirectional")
    .check(Check::Word(&MigrationPolicy::WORDS)),
    Key::new("group.share.session.timeout.ms", Kind::Int, "Silence after which a member of a share group is out.")
        .preset("45000")
        .unit("ms")
        .check(Check::AtLeast(1)),
    Key::new("group.share.heartbeat.interval.ms", Kind::Int, "How often members of share groups are told to beat.")
        .preset("5000")
        .unit("ms")
        .check(Check::AtLeast(1)),
    Key::new("group.share.max.size", Kind::Int, "Members of a share group.")
        .preset("200")
        .unit("members")
        .check(Check::Within(1, 1_000)),
    Key::new("group.share.max.share.sessions", Kind::Int, "Members of share groups that may fetch at a time.")
        .preset("2000")
        .unit("sessions")
        .check(Check::AtLeast(1)),
    Key::new(
        "group.share.delivery.count.limit",
        Kind::Int,
        "How often a record is given to members of a share group before it is given up.",
    )
    .preset("5")
    .unit("deliveries")
    .check(Check::Within(2, 10)),
    Key::new(
        "group.share.record.lock.duration.ms",
        Kind::Int,
        "How long a record is the member's that it was given to.",
    )
    .preset("30000")
    .unit("ms")
    .check(Check::Within(1_000, 3_600_000)),
    Key::new(
        "group.share.partition.max.record.locks",
        Kind::Int,
        "Records of a partition that a share group may have under way.",
    )
    .preset("2000")
    .unit("records")
    .check(Check::Within(100, 10_000)),
    Key::new("group.streams.session.timeout.ms", Kind::Int, "Silence after which a member of a streams group is out.")
        .preset("45000")
        .unit("ms")
        .check(Check::AtLeast(1)),
    Key::new("group.streams.heartbeat.interval.ms", Kind::Int, "How often members of streams groups are told to beat.")
        .preset("5000")
        .unit("ms")
        .check(Check::AtLeast(1)),
    Key::new("group.streams.max.size", Kind::Int, "Members of a streams group.")
        .preset("2147483647")
        .unit("members")
        .check(Check::AtLeast(1)),
    Key::new("group.streams.num.standby.replicas", Kind::Int, "Replicas of each state in other processes.")
        .preset("0")
        .unit("replicas")
        .check(Check::Within(0, 2)),
    Key::new(
        "group.streams.initial.rebalance.delay.ms",
        Kind::Int,
        "An empty streams group waits so long for company of its first member.",
    )
    .preset("3000")
    .unit("ms")
    .check(Check::AtLeast(0)),
    Key::new(
        "group.streams.assignment.interval.ms",
        Kind::Int,
        "Tasks of a streams group are assigned this often at most.",
    )
    .preset("1000")
    .unit("ms")
    .check(Check::AtLeast(0)),
    Key::new(
        "group.streams.task.offset.interval.ms",
        Kind::Int,
        "How often members of streams groups are told to say how far their states came.",
    )
    .preset("60000")
    .unit("ms")
    .check(Check::AtLeast(1)),
    Key::new(
        "group.streams.acceptable.recovery.lag",
        Kind::Long,
        "How far a state may be behind to be as good as whole, as members of streams groups are told.",
    )
    .preset("10000")
    .unit("records")
    .check(Check::AtLeast(0)),
    Key::new(
        "group.streams.rack.aware.assignment.tags",
        Kind::List,
        "Tags that members of streams groups must have; whoever lacks one is told. Placement does not follow them.",
    )
    .preset("")
    .low(),
    Key::new("offset.metadata.max.bytes", Kind::Int, "Bytes that a client may keep beside an offset that it commits.")
        .preset("4096")
        .unit("bytes")
        .check(Check::AtLeast(0))
        .high(),
    Key::new(
        "offsets.retention.minutes",
        Kind::Int,
        "Offsets of a group go so long after its last member; of one that never had any, after their commit.",
    )
    .preset("10080")
    .unit("minutes")
    .check(Check::AtLeast(1))
    .high(),
    Key::new(
        "offsets.retention.check.interval.ms",
        Kind::Long,
        "How often offsets that go, and groups without any, are looked for.",
    )
    .preset("600000")
    .unit("ms")
    .check(Check::AtLeast(1))
    .high(),
];

const STORE: &[Key] = &[
    Key::new("diskless.store", Kind::Text, "Where records live: file:DIRECTORY, or s3://BUCKET/PREFIX. Credentials come from the usual AWS variables or profile file.")
        .derived("file:<data.dir>/store")
        .check(Check::NotEmpty)
        .high(),
    Key::new("diskless.s3.endpoint", Kind::Text, "The address of an S3-compatible server, http:// or https://; without it, Amazon's own of the region."),
    Key::new("diskless.s3.region", Kind::Text, "The region that requests are signed for.").derived("AWS_REGION, else us-east-1"),
    Key::new("diskless.s3.path.style.access", Kind::Boolean, "Whether the bucket stands in the path of a request, not in its host name.")
        .derived("true with an endpoint of one's own"),
    Key::new("diskless.journal", Kind::Text, "Where the order of records is made durable: on this machine's disk, or in the store (clusters; not built yet).")
        .preset("local")
        .check(Check::OneOf(&["local", "store"]))
        .high(),
];

const PACKS: &[Key] = &[
    Key::new("diskless.pack.bytes.target", Kind::Long, "A pack of records is uploaded when it has grown to this.")
        .preset("4194304")
        .unit("bytes")
        .check(Check::Within(64 << 10, 512 << 20)),
    Key::new(
        "diskless.linger.ms.max",
        Kind::Int,
        "A record waits at most so long for company before its pack is uploaded.",
    )
    .preset("25")
    .unit("ms")
    .check(Check::Within(0, 60_000)),
    Key::new(
        "diskless.put.rate.max",
        Kind::Int,
        "Small packs a second: what they cost has a ceiling. Full packs do not count.",
    )
    .preset("20")
    .unit("objects a second")
    .check(Check::Within(1, 100_000)),
    Key::new("diskless.uploads.max", Kind::Int, "Uploads at a time.")
        .preset("8")
        .unit("uploads")
        .check(Check::Within(1, limits::UPLOADS_MAX as i64)),
];

const CACHES: &[Key] = &[
    Key::new(
        "diskless.hot.memory.bytes",
        Kind::Long,
        "Memory for the newest packs, which consumers at the end of a log read.",
    )
    .preset("67108864")
    .unit("bytes")
    .check(Check::Within(0, BYTES_MAX)),
    Key::new("diskless.cache.memory.bytes", Kind::Long, "Memory for blocks of older packs.")
        .preset("67108864")
        .unit("bytes")
        .check(Check::Within(limits::BLOCK_BYTES as i64, BYTES_MAX)),
    Key::new(
        "diskless.cache.disk.path",
        Kind::Text,
        "A directory for blocks that left memory, best on NVMe. Without it there is no such cache.",
    ),
    Key::new("diskless.cache.disk.bytes", Kind::Long, "How large that directory may become.")
        .preset("10737418240")
        .unit("bytes")
        .check(Check::Within(limits::CACHE_DISK_BYTES_MIN as i64, BYTES_MAX)),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_sound() {
        let mut names = BTreeSet::new();
        for key in all() {
            let _ = key.default_value();
            for name in std::iter::once(&key.name).chain(key.aliases) {
                assert!(names.insert(*name), "{name} is there twice");
                assert_eq!(find(name).map(|found| found.name), Some(key.name));
            }
            assert!(key.meaning.ends_with('.'), "{}", key.name);
            assert!(key.expected().len() > 4, "{}", key.name);
        }
    }

    #[test]
    fn a_bad_value_is_told_its_unit_and_range() {
        let expected = |name: &str| find(name).expect("it is in the table").expected();
        assert_eq!(expected("diskless.uploads.max"), "a whole number of uploads: 1 to 64");
        assert_eq!(expected("log.retention.ms"), "a whole number of ms: -1, or 1 or more");
        assert_eq!(expected("diskless.journal"), "a text: local | store");
        assert_eq!(expected("log.retention.bytes").split(": ").next(), Some("a whole number of bytes"));
    }
}
