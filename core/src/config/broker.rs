//! A broker's settings, resolved: what every part of it is started with.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::listener::{self, Endpoint, Listener};
use super::migration::MigrationPolicy;
use super::place::StorePlace;
use super::problem::{Problem, Property};
use super::settings::Settings;
use super::share::ShareConfig;
use super::streams::StreamsGroups;
use crate::ids::BrokerId;
use crate::limits;
use crate::quota::Windows;

/// A key, and those of what it may be at least and at most.
type Bounded = (&'static str, &'static str, &'static str);

const SESSIONS: Bounded = (
    "group.consumer.session.timeout.ms",
    "group.consumer.min.session.timeout.ms",
    "group.consumer.max.session.timeout.ms",
);
const INTERVALS: Bounded = (
    "group.consumer.heartbeat.interval.ms",
    "group.consumer.min.heartbeat.interval.ms",
    "group.consumer.max.heartbeat.interval.ms",
);

/// What a configuration has to know of the machine.
#[derive(Clone, Debug)]
pub struct Host {
    /// The machine's name, which clients are told where a listener is on every interface.
    pub name: String,
    /// CPUs that this process may use.
    pub cpus: usize,
}

/// How to reach an S3-compatible server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Config {
    /// `http://HOST:PORT` or `https://HOST:PORT`, without a slash at the end; nothing is Amazon's of the region.
    pub endpoint: Option<String>,
    /// The region to sign for; nothing leaves it to `AWS_REGION`, and then to `us-east-1`.
    pub region: Option<String>,
    /// Whether the bucket stands in the path, not in the host's name.
    pub path_style: bool,
}

/// Where metrics, health and the log level are served over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpListener {
    /// Host and port to listen on; port 0 is a free one.
    pub at: Endpoint,
    /// Somebody set it: a broker that cannot listen there must not start.
    pub is_asked_for: bool,
}

/// Where the order of records is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalPlace {
    /// On this machine's disk, below the data directory.
    Local,
}

/// Everything that a broker is started with.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `node.id`.
    pub node_id: BrokerId,
    /// `broker.rack`: the zone.
    pub rack: Option<String>,
    /// `data.dir`, as written.
    pub data_dir: PathBuf,
    /// `cores`: executors, 1 to [`limits::CORES_MAX`].
    pub cores: usize,
    /// `diskless.cores.pin`: whether each stays on one CPU.
    pub cores_pin: bool,
    /// `diskless.store.threads`: threads of the store plane.
    pub store_threads: usize,

    /// Where to listen and what to tell clients; at least one.
    pub listeners: Vec<Listener>,
    /// `diskless.http.listener`: where whoever watches is answered; nothing is nowhere.
    pub http_listener: Option<HttpListener>,
    /// `inter.broker.listener.name`: the name of one of [`Config::listeners`].
    pub inter_broker_listener: String,
    /// `socket.request.max.bytes`: bytes of the largest request.
    pub request_bytes_max: u32,
    /// `connections.max.idle.ms`: milliseconds of silence after which a connection is closed; nothing is never.
    pub connection_idle_ms_max: Option<u64>,
    /// `max.connections`: connections of the whole broker.
    pub connections_max: u32,
    /// `diskless.inflight.bytes`: bytes of produce requests that are admitted and not answered, of the whole broker.
    pub inflight_bytes_max: u64,

    /// `num.partitions`: of a topic whose creator does not say.
    pub partitions_default: u32,
    /// `default.replication.factor`: of a topic whose creator does not say.
    pub replication_factor_default: i16,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `diskless.validate.records`: whether every record is checked, not the batch's header alone.
    pub validate_records: bool,

    /// `fetch.max.bytes`: bytes of one fetch answer.
    pub fetch_bytes_max: u32,
    /// `max.incremental.fetch.session.cache.slots`: fetch sessions of a core.
    pub fetch_sessions_max: usize,
    /// `producer.id.expiration.ms`: milliseconds of silence after which a producer is forgotten.
    pub producer_expiration_ms: i64,
    /// `producer.id.expiration.check.interval.ms`: milliseconds between two looks for such producers.
    pub producer_check_ms: u64,
    /// `log.retention.check.interval.ms`: milliseconds between two looks for records that may be deleted.
    pub retention_check_ms: u64,

    /// `quota.window.num` and `quota.window.size.seconds`: over how long the use of quotas is measured.
    pub quota_windows: Windows,

    /// `telemetry.max.bytes`: of one push of a client's metrics, before and behind its compression.
    pub telemetry_bytes_max: usize,

    /// `group.initial.rebalance.delay.ms`: milliseconds that an empty group waits for company of its first member.
    pub group_initial_delay_ms: u64,
    /// `group.min.session.timeout.ms`: milliseconds of silence that a member may choose at least.
    pub group_session_ms_min: i32,
    /// `group.max.session.timeout.ms`: and at most.
    pub group_session_ms_max: i32,
    /// `group.max.size`: members of a group.
    pub group_members_max: usize,
    /// `group.consumer.session.timeout.ms`: milliseconds of silence after which a member of the consumer protocol is out.
    pub group_consumer_session_ms: u64,
    /// `group.consumer.heartbeat.interval.ms`: how often it is told to beat.
    pub group_consumer_interval_ms: i32,
    /// `group.consumer.min.session.timeout.ms` and `max`: what a group's own may be.
    pub group_consumer_sessions_ms: RangeInclusive<u64>,
    /// `group.consumer.min.heartbeat.interval.ms` and `max`, likewise.
    pub group_consumer_intervals_ms: RangeInclusive<i32>,
    /// `group.consumer.max.size`: members of a group of the consumer protocol.
    pub group_consumer_members_max: usize,
    /// `group.consumer.assignors`: what they may choose from.
    pub group_consumer_assignors: Vec<String>,
    /// `group.consumer.migration.policy`: which way groups with members may go.
    pub group_consumer_migration: MigrationPolicy,
    /// `group.share.*`: share groups.
    pub group_share: ShareConfig,
    /// `group.streams.*`.
    pub group_streams: StreamsGroups,
    /// `offset.metadata.max.bytes`: bytes that a client may keep beside an offset.
    pub offset_metadata_bytes_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`: milliseconds between two looks for offsets that go.
    pub offsets_check_ms: u64,

    /// `diskless.store`.
    pub store: StorePlace,
    /// `diskless.s3.*`.
    pub s3: S3Config,
    /// `diskless.journal`.
    pub journal: JournalPlace,

    /// `diskless.pack.bytes.target`: bytes at which a pack is sealed.
    pub pack_bytes_target: u64,
    /// `diskless.linger.ms.max`: milliseconds that an open pack waits.
    pub linger_ms_max: u64,
    /// `diskless.put.rate.max`: objects a second that were not full.
    pub put_rate_max: u32,
    /// `diskless.uploads.max`: uploads at a time, 1 to [`limits::UPLOADS_MAX`].
    pub uploads_max: usize,

    /// `diskless.hot.memory.bytes`: bytes of the newest packs, of the whole broker.
    pub hot_bytes_max: u64,
    /// `diskless.cache.memory.bytes`: bytes of blocks in memory.
    pub cache_memory_bytes: u64,
    /// `diskless.cache.disk.path`: where blocks go that leave memory; nothing is nowhere.
    pub cache_disk_path: Option<PathBuf>,
    /// `diskless.cache.disk.bytes`: bytes of blocks there.
    pub cache_disk_bytes: u64,

    /// What somebody set, by key, with where it was set: defaults of topics and DescribeConfigs come from it.
    pub settings: Settings,
}

impl Config {
    /// The configuration that these properties, the later ones first in rank, make on this machine.
    ///
    /// # Errors
    /// All problems, in the order of the file, then of the command line.
    ///
    /// # Panics
    /// Where the machine has no CPU or no name.
    pub fn load(properties: &[Property], host: &Host) -> Result<Config, Vec<Problem>> {
        assert!(host.cpus > 0 && !host.name.is_empty());
        let (settings, mut problems) = Settings::gather(properties);
        let listeners = listener::resolve(&settings, &host.name, &mut problems);
        let http_listener = http_listener(&settings, &mut problems);
        let data_dir = data_dir(&settings, &mut problems);
        let store = store(&settings, &data_dir, &mut problems);
        let s3 = s3(&settings, &store, &mut problems);
        let journal = journal(&settings, &mut problems);
        [SESSIONS, INTERVALS].iter().for_each(|keys| within(keys, &settings, &mut problems));
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.source);
            return Err(problems);
        }
        Ok(Config {
            node_id: BrokerId(settings.small("node.id")),
            rack: settings.text("broker.rack"),
            data_dir,
            cores: settings.number_if_any("cores").map_or_else(|| cores(host.cpus), count),
            cores_pin: settings.answer("diskless.cores.pin"),
            store_threads: settings.number_if_any("diskless.store.threads").map_or(host.cpus.div_ceil(4), count),
            inter_broker_listener: inter_broker_listener(&settings, &listeners),
            listeners,
            http_listener,
            request_bytes_max: settings.small("socket.request.max.bytes"),
            connection_idle_ms_max: u64::try_from(settings.number("connections.max.idle.ms")).ok(),
            connections_max: settings.small("max.connections"),
            inflight_bytes_max: settings.bytes("diskless.inflight.bytes"),
            partitions_default: settings.small("num.partitions"),
            replication_factor_default: settings.small("default.replication.factor"),
            auto_create_topics: settings.answer("auto.create.topics.enable"),
            delete_topics: settings.answer("delete.topic.enable"),
            validate_records: settings.answer("diskless.validate.records"),
            fetch_bytes_max: settings.small("fetch.max.bytes"),
            fetch_sessions_max: settings.small("max.incremental.fetch.session.cache.slots"),
            producer_expiration_ms: settings.number("producer.id.expiration.ms"),
            producer_check_ms: settings.bytes("producer.id.expiration.check.interval.ms"),
            retention_check_ms: settings.bytes("log.retention.check.interval.ms"),
            quota_windows: windows(&settings),
            telemetry_bytes_max: settings.small("telemetry.max.bytes"),
            group_initial_delay_ms: settings.bytes("group.initial.rebalance.delay.ms"),
            group_session_ms_min: settings.small("group.min.session.timeout.ms"),
            group_session_ms_max: settings.small("group.max.session.timeout.ms"),
            group_members_max: settings.small("group.max.size"),
            group_consumer_session_ms: settings.bytes("group.consumer.session.timeout.ms"),
            group_consumer_interval_ms: settings.small("group.consumer.heartbeat.interval.ms"),
            group_consumer_sessions_ms: settings.bytes(SESSIONS.1)..=settings.bytes(SESSIONS.2),
            group_consumer_intervals_ms: settings.small(INTERVALS.1)..=settings.small(INTERVALS.2),
            group_consumer_members_max: settings.small("group.consumer.max.size"),
            group_consumer_assignors: settings.list("group.consumer.assignors").unwrap_or_default(),
            group_consumer_migration: migration(&settings),
            group_share: ShareConfig::of(&settings),
            group_streams: StreamsGroups::of(&settings),
            offset_metadata_bytes_max: settings.small("offset.metadata.max.bytes"),
            offsets_retention_ms: settings.number("offsets.retention.minutes").saturating_mul(60_000),
            offsets_check_ms: settings.bytes("offsets.retention.check.interval.ms"),
            store,
            s3,
            journal,
            pack_bytes_target: settings.bytes("diskless.pack.bytes.target"),
            linger_ms_max: settings.bytes("diskless.linger.ms.max"),
            put_rate_max: settings.small("diskless.put.rate.max"),
            uploads_max: settings.small("diskless.uploads.max"),
            hot_bytes_max: settings.bytes("diskless.hot.memory.bytes"),
            cache_memory_bytes: settings.bytes("diskless.cache.memory.bytes"),
            cache_disk_path: settings.text("diskless.cache.disk.path").map(PathBuf::from),
            cache_disk_bytes: settings.bytes("diskless.cache.disk.bytes"),
            settings,
        })
    }

    /// The one line about keys of Kafka's that were set and have no meaning here, if there are any.
    #[must_use]
    pub fn meaningless(&self) -> Option<String> {
        let names: Vec<&str> = self.settings.foreign_names().collect();
        if names.is_empty() { None } else { Some(format!("without meaning here: {}", names.join(", "))) }
    }
}

/// Executors of a machine: all CPUs but a quarter, which the store plane gets.
fn cores(cpus: usize) -> usize {
    (cpus - cpus.div_ceil(4)).clamp(1, limits::CORES_MAX)
}

fn windows(settings: &Settings) -> Windows {
    let size_ms = settings.bytes("quota.window.size.seconds") * 1_000;
    Windows { count: settings.small("quota.window.num"), size_ms }
}

fn migration(settings: &Settings) -> MigrationPolicy {
    let word = settings.text("group.consumer.migration.policy");
    word.and_then(|word| MigrationPolicy::parse(&word)).unwrap_or_default()
}

/// A value between two others, as Kafka has it at its start.
fn within((key, least, most): &Bounded, settings: &Settings, problems: &mut Vec<Problem>) {
    let value = settings.number(key);
    if value < settings.number(least) {
        problems.push(settings.problem(key, format!("{key} must be greater than or equal to {least}")));
    } else if value > settings.number(most) {
        problems.push(settings.problem(key, format!("{key} must be less than or equal to {most}")));
    }
}

fn count(number: i64) -> usize {
    usize::try_from(number).expect("the table's range begins at 1")
}

/// By its own name, or the first one.
fn inter_broker_listener(settings: &Settings, listeners: &[Listener]) -> String {
    assert!(!listeners.is_empty());
    let named = settings.text("inter.broker.listener.name");
    named.map_or_else(|| listeners[0].name.clone(), |name| name.to_ascii_uppercase())
}

fn http_listener(settings: &Settings, problems: &mut Vec<Problem>) -> Option<HttpListener> {
    let key = "diskless.http.listener";
    let text = settings.text(key)?;
    let at = Endpoint::parse(&text);
    if at.is_none() {
        let message = format!("{key}={text} is refused: give HOST:PORT, such as 127.0.0.1:9644, or nothing for none");
        problems.push(settings.problem(key, message));
    }
    Some(HttpListener { at: at?, is_asked_for: settings.known(key).is_some() })
}

fn data_dir(settings: &Settings, problems: &mut Vec<Problem>) -> PathBuf {
    let key = "data.dir";
    let text = settings.text(key).expect("the key has a default and is never empty");
    if text.contains(',') {
        let spelled = settings.known(key).map_or(key, |setting| setting.spelled);
        let message = format!("{spelled}={text} is refused: give one directory; records live in the store, not here");
        problems.push(settings.problem(key, message));
    }
    PathBuf::from(text)
}

fn store(settings: &Settings, data_dir: &std::path::Path, problems: &mut Vec<Problem>) -> StorePlace {
    let key = "diskless.store";
    let Some(text) = settings.text(key) else { return StorePlace::beside(data_dir) };
    StorePlace::parse(&text).unwrap_or_else(|reason| {
        problems.push(settings.problem(key, format!("{key}={text} is refused: {reason}")));
        StorePlace::beside(data_dir)
    })
}

fn s3(settings: &Settings, store: &StorePlace, problems: &mut Vec<Problem>) -> S3Config {
    let key = "diskless.s3.endpoint";
    let endpoint = settings.text(key).map(|text| text.trim_end_matches('/').to_owned());
    if let Some(text) = &endpoint {
        let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        if !authority.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '@', '?', '#', ' '])) {
            let message = format!("{key}={text} is refused: give http://HOST:PORT or https://HOST:PORT");
            problems.push(settings.problem(key, message));
        }
    }
    // Other stores than Amazon's rarely have a name of its own for each bucket, and a dot in a bucket's name does not fit
    // the certificate.
    let dotted = matches!(store, StorePlace::Bucket { bucket, .. } if bucket.contains('.'));
    let path_style = settings.answer_if_any("diskless.s3.path.style.access").unwrap_or(endpoint.is_some() || dotted);
    S3Config { endpoint, region: settings.text("diskless.s3.region"), path_style }
}

fn journal(settings: &Settings, problems: &mut Vec<Problem>) -> JournalPlace {
    let key = "diskless.journal";
    if settings.text(key).is_some_and(|word| word == "store") {
        let message = format!("{key}=store is not built yet: leave it at local, which one broker needs no other for");
        problems.push(settings.problem(key, message));
    }
    JournalPlace::Local
}
