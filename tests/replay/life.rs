//! The life that is recorded: a broker of one core, a producer and a consumer of librdkafka.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

/// How many records are produced, …
pub const RECORDS: usize = 60;
/// … of so many bytes.
pub const RECORD_BYTES: usize = 200;

const TOPIC: &str = "swift";
const PARTITIONS: i32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// Lives it, and writes the trace there.
pub fn record(trace: &Path) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let partitions = format!("num.partitions={PARTITIONS}");
    let data = format!("data.dir={}", directory.path().join("data").display());
    let settings = ["cores=1", "listeners=PLAINTEXT://127.0.0.1:0", "diskless.http.listener=", &partitions, &data];
    let mut broker = Command::new(env!("CARGO_BIN_EXE_apus"))
        .args(["serve", "--record", trace.to_str().expect("a path is text")])
        .args(settings.iter().flat_map(|setting| ["--set", setting]))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    let mut screen = BufReader::new(broker.stdout.take().expect("it was piped")).lines().map_while(Result::ok);
    let listening = screen.find(|line| line.contains("listening")).expect("it says where it listens");
    let bootstrap = listening.split_whitespace().last().expect("an address").to_owned();
    screen.find(|line| line.trim_start().starts_with("ready in")).expect("it serves");
    produce(&bootstrap);
    consume(&bootstrap);
    let told = Command::new("kill").args(["-TERM", &broker.id().to_string()]).status();
    assert!(told.expect("there is such a command").success(), "it can be told to end");
    assert!(broker.wait().expect("it ends").success(), "an orderly end is a good one");
}

fn produce(bootstrap: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("enable.idempotence", "true").set("linger.ms", "5");
    let producer: BaseProducer = config.create().expect("librdkafka takes the settings");
    for number in 0..RECORDS {
        let (key, value) = (number.to_string(), vec![number as u8; RECORD_BYTES]);
        let record = BaseRecord::to(TOPIC).key(&key).payload(&value);
        producer.send(record).expect("the queue has room");
    }
    producer.flush(PATIENCE).expect("all are acknowledged");
}

fn consume(bootstrap: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "nobody").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("librdkafka takes the settings");
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(TOPIC, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&list).expect("partitions can be assigned");
    for _ in 0..RECORDS {
        let message = consumer.poll(PATIENCE).expect("a record comes").expect("it is one");
        assert!(message.payload().is_some_and(|value| value.len() == RECORD_BYTES));
    }
}
