//! A consumer with assigned partitions.

use std::collections::BTreeMap;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::{Broker, PATIENCE};
use crate::record::Record;

/// A consumer that says when a partition ends, and stops where an offset is out of range.
pub fn connect(broker: &Broker) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap()).set("group.id", "nobody").set("enable.auto.commit", "false");
    config.set("enable.partition.eof", "true").set("auto.offset.reset", "error").set("check.crcs", "true");
    // A seek waits for the fetch under way, and the end of a partition for its answer.
    config.set("fetch.wait.max.ms", "10");
    config.create().expect("librdkafka takes the settings")
}

/// The partitions of a topic.
pub fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("it has metadata");
    let topic = metadata.topics().first().expect("it was asked for");
    assert!(topic.error().is_none(), "{:?}", topic.error());
    topic.partitions().iter().map(|partition| partition.id()).collect()
}

/// Reads every partition of a topic from its beginning to its end.
pub fn read_all(broker: &Broker, topic: &str) -> BTreeMap<i32, Vec<(i64, Record)>> {
    let consumer = connect(broker);
    let mut list = TopicPartitionList::new();
    let mut read = BTreeMap::new();
    for partition in partitions(&consumer, topic) {
        list.add_partition_offset(topic, partition, Offset::Offset(0)).expect("an offset");
        read.insert(partition, Vec::new());
    }
    let mut open = read.len();
    assert!(open > 0, "a topic has partitions");
    consumer.assign(&list).expect("partitions can be assigned");
    while open > 0 {
        match consumer.poll(PATIENCE).expect("a record, or the end of a partition") {
            Ok(message) => {
                let records = read.get_mut(&message.partition()).expect("it was assigned");
                records.push((message.offset(), Record::of(&message)));
            }
            Err(KafkaError::PartitionEOF(_)) => open -= 1,
            Err(error) => panic!("reading {topic}: {error}"),
        }
    }
    read
}
