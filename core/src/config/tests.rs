//! Whole files: those that start a broker, and those that are refused.

use std::path::PathBuf;

use super::testing::{broker, host, load};
use super::*;

/// What Kafka 4's own `config/server.properties` sets, for a node that is broker and controller.
const STOCK: &str = "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
# The address the socket server listens on.
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
#log.flush.interval.messages=10000
#log.flush.interval.ms=1000
log.retention.hours=168
#log.retention.bytes=1073741824
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";

/// What Kafka 2 and 3 shipped, for ZooKeeper.
const STOCK_WITH_ZOOKEEPER: &str = "\
broker.id=0
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kafka-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
zookeeper.connect=localhost:2181
zookeeper.connection.timeout.ms=18000
group.initial.rebalance.delay.ms=0
inter.broker.protocol.version=3.9
";

fn property(key: &str, value: &str) -> Property {
    Property { key: key.to_owned(), value: value.to_owned(), source: Source::Argument }
}

#[test]
fn kafkas_stock_file_starts_a_broker() {
    let config = broker(STOCK);
    assert_eq!(config.node_id.0, 1);
    assert_eq!(config.data_dir, PathBuf::from("/tmp/kraft-combined-logs"));
    assert_eq!(config.store.to_string(), "file:/tmp/kraft-combined-logs/store");
    let shown: Vec<String> = config.listeners.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["PLAINTEXT://:9092"]);
    assert_eq!(config.listeners[0].advertised.to_string(), "localhost:9092");
    let line = config.meaningless().expect("it sets keys of Kafka's");
    assert!(!line.contains('\n'));
    for name in
        ["process.roles", "controller.quorum.bootstrap.servers", "listener.security.protocol.map", "num.io.threads"]
    {
        assert!(line.contains(name), "{name} is missing in {line}");
    }
    assert!(!line.contains("node.id"));
}

#[test]
fn an_older_stock_file_starts_a_broker() {
    let config = broker(STOCK_WITH_ZOOKEEPER);
    assert_eq!(config.node_id.0, 0);
    assert!(config.meaningless().is_some_and(|line| line.contains("zookeeper.")));
}

#[test]
fn an_empty_file_is_the_default() {
    let config = broker("");
    assert_eq!(config.node_id.0, 1);
    assert_eq!(config.data_dir, PathBuf::from("./apus-data"));
    assert_eq!(config.store, StorePlace::Directory(PathBuf::from("./apus-data/store")));
    assert_eq!((config.cores, config.store_threads, config.cores_pin), (3, 1, false));
    assert_eq!(config.listeners[0].bind, Bind::Loopback);
    assert_eq!((config.pack_bytes_target, config.linger_ms_max), (4 << 20, 25));
    assert_eq!((config.put_rate_max, config.uploads_max), (20, 8));
    assert_eq!(
        (config.inflight_bytes_max, config.hot_bytes_max, config.cache_memory_bytes),
        (64 << 20, 64 << 20, 64 << 20)
    );
    assert_eq!(config.connection_idle_ms_max, Some(600_000));
    assert_eq!(config.producer_expiration_ms, 86_400_000);
    assert_eq!((config.producer_check_ms, config.retention_check_ms), (600_000, 300_000));
    assert_eq!(u64::from(config.fetch_bytes_max), crate::limits::FETCH_BYTES_MAX);
    assert_eq!(config.fetch_sessions_max, 1_000);
    assert_eq!(config.meaningless(), None);
}

#[test]
fn a_quarter_of_the_cpus_is_the_store_planes() {
    for (cpus, cores, threads) in [(1, 1, 1), (2, 1, 1), (4, 3, 1), (8, 6, 2), (16, 12, 4), (128, 64, 32)] {
        let config = Config::load(&[], &Host { cpus, ..host() }).expect("the defaults are valid");
        assert_eq!((config.cores, config.store_threads), (cores, threads), "{cpus} CPUs");
    }
    let config = Config::load(&[property("cores", "4")], &Host { cpus: 1, ..host() }).expect("it is valid");
    assert_eq!(config.cores, 4);
}

#[test]
fn the_command_line_overrules_the_file() {
    let (mut properties, _) = parse("log.dirs=/a\nnode.id=3\nnode.id=4\nnum.partitions=2");
    properties.extend([property("data.dir", "/b"), property("broker.id", "5"), property("broker.id", "6")]);
    let config = Config::load(&properties, &host()).expect("it is valid");
    assert_eq!(config.data_dir, PathBuf::from("/b"));
    assert_eq!((config.node_id.0, config.partitions_default), (6, 2));
    assert_eq!(config.settings.known("node.id").map(|setting| setting.source), Some(Source::Argument));
    assert_eq!(config.settings.known("num.partitions").map(|setting| setting.source), Some(Source::File { line: 4 }));
}

#[test]
fn s3_settings() {
    let text = "diskless.store=s3://swifts/eu/\ndiskless.s3.endpoint=http://127.0.0.1:9000/\ndiskless.s3.region=eu-1";
    let config = broker(text);
    assert_eq!(config.store.to_string(), "s3://swifts/eu");
    let expected = S3Config {
        endpoint: Some("http://127.0.0.1:9000".to_owned()),
        region: Some("eu-1".to_owned()),
        path_style: true,
    };
    assert_eq!(config.s3, expected);
    assert!(!broker("diskless.store=s3://swifts").s3.path_style);
    assert!(broker("diskless.store=s3://swifts.example.org").s3.path_style, "a dot does not fit the certificate");
    assert!(!broker(&format!("{text}\ndiskless.s3.path.style.access=false")).s3.path_style);
}

#[test]
fn all_problems_are_reported_at_once_in_order() {
    let text = "\
log.retension.ms=5
log.retention.ms=abc
diskless.uploads.max=65
ssl.keystore.location=/k
authorizer.class.name=org.example.Authorizer
security.inter.broker.protocol=SASL_SSL
log.dirs=/a,/b
diskless.journal=store
diskless.store=swift:nest
diskless.s3.endpoint=localhost:9000
retention.ms=1
log.segment.bytes=x
listeners=SSL://:9093
node.id=-1
";
    let expected = [
        "line 1: unknown key log.retension.ms: did you mean log.retention.ms?",
        "line 2: log.retention.ms=abc is refused: give a whole number of ms: -1, or 1 or more",
        "line 3: diskless.uploads.max=65 is refused: give a whole number of uploads: 1 to 64",
        "line 4: ssl.keystore.location promises security that is not built yet",
        "line 5: authorizer.class.name promises security",
        "line 6: security.inter.broker.protocol promises security",
        "line 7: log.dirs=/a,/b is refused: give one directory",
        "line 8: diskless.journal=store is not built yet: leave it at local",
        "line 9: diskless.store=swift:nest is refused: write file:DIRECTORY or s3://BUCKET/PREFIX",
        "line 10: diskless.s3.endpoint=localhost:9000 is refused: give http://HOST:PORT",
        "line 11: retention.ms is a key of topics: the default for all of them is log.retention.ms",
        "line 12: log.segment.bytes=x is refused: give a whole number of bytes: 1048576 or more",
        "line 13: listener SSL speaks SSL, which is not built yet",
        "line 14: node.id=-1 is refused: give a whole number: 0 or more",
    ];
    let problems = load(text).expect_err("every line is wrong");
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(expected) {
        assert!(problem.starts_with(start), "{problem}");
        assert!(!problem.contains('\n'));
    }
}

#[test]
fn names_that_nobody_knows() {
    for (name, nearest) in [
        ("nodeid", "node.id"),
        ("listener", "listeners"),
        ("disk-less.store", "diskless.store"),
        ("num.partition", "num.partitions"),
        ("num.io.thread", "num.io.threads"),
        ("broker.ids", "broker.id"),
    ] {
        let problems = load(&format!("{name}=1")).expect_err("nobody knows it");
        assert_eq!(problems, [format!("line 1: unknown key {name}: did you mean {nearest}?")]);
    }
    let problems = load("com.example.plugin=1").expect_err("nobody knows it");
    assert_eq!(problems, ["line 1: unknown key com.example.plugin: `apus config` lists all keys"]);
}

#[test]
fn two_names_of_one_key_must_agree() {
    assert_eq!(broker("node.id=2\nbroker.id=2").node_id.0, 2);
    let problems = load("node.id=2\nbroker.id=3").expect_err("they disagree");
    assert!(problems[0].starts_with("line 2: broker.id=3 contradicts node.id=2"), "{problems:?}");
    let problems = load("log.dirs=/a\nlog.dir=/b").expect_err("they disagree");
    assert!(problems[0].starts_with("line 2: log.dir=/b contradicts log.dirs=/a"), "{problems:?}");
}

#[test]
fn empty_security_keys_are_harmless() {
    assert!(load("authorizer.class.name=\nsecurity.inter.broker.protocol=PLAINTEXT\nconfig.providers=").is_ok());
}

#[test]
fn the_http_listener_is_there_unless_it_is_empty() {
    let by_default = broker("").http_listener.expect("there is one by default");
    assert_eq!((by_default.at.to_string().as_str(), by_default.is_asked_for), ("127.0.0.1:9644", false));
    let asked_for = broker("diskless.http.listener=[::1]:0").http_listener.expect("it was asked for");
    assert_eq!((asked_for.at.to_string().as_str(), asked_for.is_asked_for), ("[::1]:0", true));
    assert_eq!(broker("diskless.http.listener=").http_listener, None);
    for wrong in ["9644", ":9644", "::1:9644", "host:65536", "http://host:1"] {
        let problems = load(&format!("diskless.http.listener={wrong}")).expect_err("it is refused");
        assert!(problems[0].to_string().contains("give HOST:PORT"), "{wrong}");
    }
}
