//! Topics that Kafka refuses: by name, by numbers, by settings.

use super::repeats::{WIDE, WIDE_PARTITIONS};
use super::wire::{Answer, CORRELATION, CREATE_TOPICS, METADATA, Reader, Wire, request, text};
use crate::broker::Broker;

/// The topic of whoever attacks.
pub const TOPIC: &str = "hostile";

/// Kafka's error codes.
const NONE: i16 = 0;
const INVALID_TOPIC: i16 = 17;
const EXISTS: i16 = 36;
const INVALID_PARTITIONS: i16 = 37;
const INVALID_REPLICATION: i16 = 38;
const INVALID_CONFIG: i16 = 40;
const INVALID_REQUEST: i16 = 42;

/// Makes it.
pub fn create(broker: &Broker) {
    assert_eq!(errors(broker, &[topic(TOPIC, 1, 1, &[])]), [NONE]);
}

/// Makes one that is wide.
pub fn create_wide(broker: &Broker) {
    assert_eq!(errors(broker, &[topic(WIDE, WIDE_PARTITIONS, 1, &[])]), [NONE]);
}

pub fn attack(broker: &Broker) -> u64 {
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a/b", "a b", "a\0b", "ключ", "a\n", long.as_str()] {
        assert_eq!(errors(broker, &[topic(name, 1, 1, &[])]), [INVALID_TOPIC], "{name:?}");
    }
    for partitions in [0, -2, i32::MIN] {
        assert_eq!(errors(broker, &[topic("few", partitions, 1, &[])]), [INVALID_PARTITIONS], "{partitions}");
    }
    for replicas in [0, -2, i16::MIN] {
        assert_eq!(errors(broker, &[topic("few", 1, replicas, &[])]), [INVALID_REPLICATION], "{replicas}");
    }
    for setting in
        [("cleanup.policy", "eat"), ("retention.ms", "soon"), ("no.such.key", "1"), ("max.message.bytes", "-1")]
    {
        assert_eq!(errors(broker, &[topic("set", 1, 1, &[setting])]), [INVALID_CONFIG], "{setting:?}");
    }
    let twice = errors(broker, &[topic("twice", 1, 1, &[]), topic("twice", 1, 1, &[])]);
    assert!(twice.iter().all(|error| *error == INVALID_REQUEST), "one name twice: {twice:?}");
    assert_eq!(errors(broker, &[topic(TOPIC, 1, 1, &[])]), [EXISTS]);
    let too_many = errors(broker, &[topic("many", i32::MAX, 1, &[])]);
    assert!(too_many.iter().all(|error| *error != NONE), "two billion partitions: {too_many:?}");
    assert_eq!(metadata_error(broker, "a/b"), INVALID_TOPIC, "what cannot be a topic is not made by asking for it");
    8 << 10
}

fn topic(name: &str, partitions: i32, replicas: i16, settings: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = text(name);
    bytes.extend(partitions.to_be_bytes());
    bytes.extend(replicas.to_be_bytes());
    bytes.extend(0_i32.to_be_bytes());
    bytes.extend((settings.len() as i32).to_be_bytes());
    for (key, value) in settings {
        bytes.extend([text(key), text(value)].concat());
    }
    bytes
}

/// CreateTopics, version 4: the error of each topic.
fn errors(broker: &Broker, topics: &[Vec<u8>]) -> Vec<i16> {
    let mut body = (topics.len() as i32).to_be_bytes().to_vec();
    body.extend(topics.concat());
    body.extend(30_000_i32.to_be_bytes());
    body.push(0);
    let mut wire = Wire::connect(broker);
    wire.send(&request(CREATE_TOPICS, 4, false, &body));
    let Answer::Frame(answer) = wire.answer() else { panic!("a refusal is an answer") };
    let mut answer = Reader(&answer);
    assert_eq!(answer.i32(), CORRELATION);
    answer.i32();
    let count = answer.i32();
    let mut error = || {
        answer.text();
        let error = answer.i16();
        answer.text();
        error
    };
    (0..count).map(|_| error()).collect()
}

/// Metadata, version 1, of one topic: its error.
fn metadata_error(broker: &Broker, name: &str) -> i16 {
    let mut wire = Wire::connect(broker);
    wire.send(&request(METADATA, 1, false, &[&1_i32.to_be_bytes()[..], &text(name)].concat()));
    let Answer::Frame(answer) = wire.answer() else { panic!("it is answered") };
    let mut answer = Reader(&answer);
    assert_eq!(answer.i32(), CORRELATION);
    for _ in 0..answer.i32() {
        answer.i32();
        answer.text();
        answer.i32();
        answer.text();
    }
    answer.i32();
    assert_eq!(answer.i32(), 1, "one topic");
    answer.i16()
}
