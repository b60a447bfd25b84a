//! Those who behave: a producer, and a consumer that reads what was acknowledged, round by round.

use std::collections::BTreeSet;

use apus_core::time::Rng;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::{Broker, PATIENCE};
use crate::consumer;
use crate::history::History;
use crate::producer::{Producer, TOPIC};
use crate::record::Record;

/// Records of partition 0 at first, and their values' bytes: from then on it fills the largest answer that a stranger may
/// have, and what strangers cost does not grow with the topic.
const FIRST_RECORDS: u64 = 150;
const FIRST_BYTES: u64 = 10_000;
/// Records of a round.
const RECORDS: u64 = 40;
/// A record's value, at most.
const VALUE_BYTES_MAX: u64 = 1_000;

/// The two of them.
pub struct Steady {
    producer: Producer,
    consumer: BaseConsumer,
    /// Numbers of records.
    read: BTreeSet<u64>,
}

impl Steady {
    /// Connects them; the topic comes to be.
    pub fn start(broker: &Broker, rng: &mut Rng) -> Steady {
        let mut producer = Producer::new(broker, TOPIC, &[("linger.ms", "2")]);
        for number in 0..FIRST_RECORDS {
            producer.send(Record::sized(number, FIRST_BYTES, rng), Some(0));
        }
        producer.wait(FIRST_RECORDS as usize);
        let consumer = consumer::connect(broker);
        let mut list = TopicPartitionList::new();
        for partition in consumer::partitions(&consumer, TOPIC) {
            list.add_partition_offset(TOPIC, partition, Offset::Offset(0)).expect("an offset");
        }
        consumer.assign(&list).expect("partitions can be assigned");
        Steady { producer, consumer, read: BTreeSet::new() }
    }

    /// Records are sent, acknowledged, and read, whoever else is there.
    pub fn round(&mut self, rng: &mut Rng) {
        for _ in 0..RECORDS {
            let bytes = rng.below(VALUE_BYTES_MAX);
            self.producer.send(Record::sized(self.producer.next(), bytes, rng), None);
        }
        let sent = self.producer.next();
        self.producer.wait(usize::try_from(sent).expect("they are in memory"));
        while (self.read.len() as u64) < sent {
            match self.consumer.poll(PATIENCE) {
                Some(Ok(message)) => {
                    let number = Record::of(&message).number();
                    assert!(number < sent && self.read.insert(number), "record {number} of {sent} is read twice");
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => panic!("{} of {sent} records are read: {error}", self.read.len()),
                None => panic!("stuck at {} of {sent} acknowledged records", self.read.len()),
            }
        }
    }

    /// They leave; what was sent, all of it acknowledged and read.
    pub fn finish(self) -> History {
        let history = self.producer.finish();
        assert_eq!(self.read.len(), history.sent.len(), "acknowledged records are not read");
        history.assert_retriable();
        history
    }
}
