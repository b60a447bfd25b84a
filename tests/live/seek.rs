//! A consumer finds its place: by offset and by time, inside of batches, hot and cold.

use apus_core::time::Rng;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::{Broker, PATIENCE, seed};
use crate::consumer;
use crate::history::History;
use crate::place::Place;
use crate::producer::{Producer, TOPIC};
use crate::record::{EPOCH, Record};

const RECORDS: u64 = 400;
const SEEKS: usize = 25;

fn seeks(place: &Place) {
    let seed = seed(7);
    let mut rng = Rng::new(seed);
    let mut broker = Broker::start(place, seed, &["cores=2"]);
    // In batches of several records, so that a place is mostly inside of one.
    let mut producer =
        Producer::new(&broker, TOPIC, &[("batch.num.messages", "7"), ("linger.ms", "5"), ("compression.type", "lz4")]);
    for number in 0..RECORDS {
        producer.send(Record::draw(number, &mut rng), Some(0));
    }
    let history = producer.finish();
    find_places(&broker, &history, &mut rng);
    broker.kill();
    broker.restart();
    find_places(&broker, &history, &mut rng);
}

fn find_places(broker: &Broker, history: &History, rng: &mut Rng) {
    let consumer = consumer::connect(broker);
    let watermarks = consumer.fetch_watermarks(TOPIC, 0, PATIENCE).expect("it has watermarks");
    assert_eq!(watermarks, (0, RECORDS as i64));
    assign(&consumer, Offset::Beginning);
    expect(&consumer, history, 0);
    for _ in 0..SEEKS {
        let offset = rng.below(RECORDS) as i64;
        consumer.seek(TOPIC, 0, Offset::Offset(offset), PATIENCE).expect("it can be sought");
        (offset..(offset + 5).min(RECORDS as i64)).for_each(|offset| expect(&consumer, history, offset));
    }
    consumer.seek(TOPIC, 0, Offset::OffsetTail(3), PATIENCE).expect("it can be sought");
    expect(&consumer, history, RECORDS as i64 - 3);
    consumer.seek(TOPIC, 0, Offset::End, PATIENCE).expect("it can be sought");
    let end = consumer.poll(PATIENCE).expect("the end is told");
    assert!(matches!(end, Err(KafkaError::PartitionEOF(0))), "{end:?}");
    for _ in 0..SEEKS {
        let time = EPOCH - 100 + rng.below(10 * RECORDS + 400) as i64;
        let first = history.sent.iter().position(|record| record.timestamp >= time);
        let expected = first.map_or(Offset::End, |number| Offset::Offset(number as i64));
        assert_eq!(offset_at(&consumer, time), expected, "the first record at {time} or later");
    }
}

fn assign(consumer: &BaseConsumer, offset: Offset) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, offset).expect("an offset");
    consumer.assign(&list).expect("partitions can be assigned");
}

/// The next record has this offset, and is the one that was acknowledged there.
fn expect(consumer: &BaseConsumer, history: &History, offset: i64) {
    let message = consumer.poll(PATIENCE).expect("a record").unwrap_or_else(|error| panic!("at {offset}: {error}"));
    assert_eq!(message.offset(), offset);
    assert_eq!(Record::of(&message), history.sent[offset as usize]);
}

fn offset_at(consumer: &BaseConsumer, time: i64) -> Offset {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Offset(time)).expect("a time");
    let found = consumer.offsets_for_times(list, PATIENCE).expect("times can be looked up");
    let element = found.find_partition(TOPIC, 0).expect("it was asked for");
    element.error().expect("the partition is fine");
    element.offset()
}

#[test]
fn in_a_directory() {
    seeks(&Place::Directory);
}

#[test]
fn in_a_bucket() {
    seeks(&Place::calm_bucket());
}
