//! What an operator sees: metrics, health, readiness, and the log level changed while the broker runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use apus::watch::table::METRICS;
use apus_core::time::Rng;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::{Broker, PATIENCE, seed};
use crate::place::Place;
use crate::producer::Producer;
use crate::record::Record;

/// Records of the test that looks at numbers.
const RECORDS: usize = 500;
/// The offset that its group commits.
const COMMITTED: i64 = 7;

/// A reply's status and body.
fn http(broker: &Broker, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(broker.http()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("patience is not zero");
    let length = body.len();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers and closes");
    let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let (_, body) = reply.split_once("\r\n\r\n").expect("a head and a body");
    (status, body.to_owned())
}

fn get(broker: &Broker, path: &str) -> (u16, String) {
    http(broker, "GET", path, "")
}

/// Every series with its value.
pub fn scrape(broker: &Broker) -> BTreeMap<String, f64> {
    let (status, page) = get(broker, "/metrics");
    assert_eq!(status, 200);
    assert!(page.ends_with("# EOF\n"));
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let exported: BTreeSet<&str> = types.collect();
    assert_eq!(exported, METRICS.iter().map(|metric| metric.name).collect(), "the names of the documented table");
    let series = page.lines().filter(|line| !line.starts_with('#'));
    series
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

/// A group commits an offset; nobody is in it.
fn commit(broker: &Broker, group: &str, topic: &str, partition: i32, offset: i64) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap()).set("group.id", group).set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("librdkafka takes the settings");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
    consumer.commit(&list, CommitMode::Sync).expect("it is committed");
}

#[test]
fn an_operator_sees_a_broker() {
    let settings = ["cores=2", "num.partitions=4", "diskless.http.listener=127.0.0.1:0"];
    let seed = seed(44);
    let mut broker = Broker::start(&Place::Directory, seed, &settings);
    assert_eq!(get(&broker, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(&broker, "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(get(&broker, "/").0, 404);
    assert_eq!(http(&broker, "POST", "/loglevel", "debug").0, 405, "a web page could send it");

    let mut rng = Rng::new(seed);
    let mut producer = Producer::new(&broker, "watched", &[]);
    for _ in 0..RECORDS {
        producer.send(Record::draw(producer.next(), &mut rng), None);
    }
    let history = producer.finish();
    history.verify(&broker);
    commit(&broker, "watchers", "watched", 1, COMMITTED);
    let seen = scrape(&broker);
    let number = |series: &str| *seen.get(series).unwrap_or_else(|| panic!("{series} is not in {seen:#?}"));
    assert_eq!(number("kafka_server_brokertopicmetrics_messagesin_total"), RECORDS as f64);
    assert!(number("kafka_server_brokertopicmetrics_bytesin_total") > 0.0);
    assert!(number("kafka_server_brokertopicmetrics_bytesout_total") > 0.0);
    let produces = number("kafka_network_requestmetrics_requests_total{request=\"Produce\"}");
    assert!(produces >= 1.0);
    assert_eq!(number("apus_produce_phase_seconds_count{phase=\"whole\"}"), produces);
    assert_eq!(number("apus_produce_phase_seconds_count{phase=\"gather\"}"), produces);
    assert!(number("apus_fetch_phase_seconds_count{phase=\"whole\"}") >= 1.0);
    assert!(number("apus_journal_write_seconds_count") >= 1.0);
    assert!(number("apus_journal_disk_bytes") >= number("apus_journal_bytes_total"));
    assert_eq!(number("apus_journal_writable"), 1.0);
    assert_eq!(number("apus_serving"), 1.0);
    assert_eq!(number("apus_core_silent{core=\"1\"}"), 0.0);
    assert!(number("apus_store_requests_total{operation=\"put_conditional\"}") >= 1.0, "the owner's mark");
    assert!(number("apus_store_estimated_dollars_total") > 0.0);
    assert!(number("process_resident_memory_bytes") > 1e6);
    let labels = "{consumergroup=\"watchers\",topic=\"watched\",partition=\"1\"}";
    let end = history.acknowledged.values().filter(|place| place.partition == 1).count() as i64;
    assert!(end > COMMITTED, "{end} records of {RECORDS} are in partition 1");
    assert_eq!(number(&format!("kafka_consumergroup_current_offset{labels}")), COMMITTED as f64);
    assert_eq!(number(&format!("kafka_consumergroup_lag{labels}")), (end - COMMITTED) as f64);
    let lags = seen.keys().filter(|series| series.starts_with("kafka_consumergroup_lag"));
    assert_eq!(lags.count(), 1, "of what was committed, and of nothing else");
    let groups =
        |state: &str| number(&format!("kafka_coordinator_group_groupmetadatamanager_numgroups{{state=\"{state}\"}}"));
    assert_eq!(["Empty", "PreparingRebalance", "CompletingRebalance", "Stable"].map(groups), [1.0, 0.0, 0.0, 0.0]);
    broker.stop();
}

#[test]
fn the_log_level_is_changed_while_it_runs() {
    let mut broker = Broker::start(&Place::Directory, seed(45), &["diskless.http.listener=127.0.0.1:0"]);
    assert_eq!(broker.logged(), "");
    assert_eq!(get(&broker, "/loglevel"), (200, "warn\n".to_owned()));
    let (status, why) = http(&broker, "PUT", "/loglevel", "verbose");
    assert!(status == 400 && why.contains("is no log level"), "{status} {why}");
    assert_eq!(get(&broker, "/loglevel"), (200, "warn\n".to_owned()), "what was in force stays");
    assert_eq!(http(&broker, "PUT", "/loglevel", "warn,apus=debug").0, 200);
    broker.stop();
    assert!(broker.logged().contains("core 0 ends"), "{}", broker.logged());
}

#[test]
fn a_port_that_is_taken_stops_only_a_broker_that_was_told_to_listen_there() {
    let first = Broker::start(&Place::Directory, seed(46), &["diskless.http.listener=127.0.0.1:0"]);
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_apus"))
        .args(["--set", "listeners=PLAINTEXT://127.0.0.1:0", "--set"])
        .arg(format!("diskless.http.listener={}", first.http()))
        .args(["--set", "data.dir=does-not-come-to-be"])
        .output()
        .expect("the binary was built for this test");
    let why = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && why.contains("diskless.http.listener"), "{why}");
}
