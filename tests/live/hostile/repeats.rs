//! The same thing named again and again in one request, and names of no letters: a few bytes each, and an answer each.

use super::names::TOPIC;
use super::wire::{
    DELETE_GROUPS, DESCRIBE_CONFIGS, DESCRIBE_GROUPS, FIND_COORDINATOR, METADATA, OFFSET_FETCH, Wire, request,
};
use crate::broker::Broker;

/// A topic whose description is long.
pub const WIDE: &str = "wide";
/// Its partitions: half a megabyte of Metadata.
pub const WIDE_PARTITIONS: i32 = 20_000;

/// How often a resource is named: five bytes each, and a row for every key of a broker.
const RESOURCES: usize = 10_000;
/// How often a topic is named: six bytes each, and half a megabyte.
const TOPICS: usize = 200;
/// How often a key is: a byte each, and a sentence; as often as there may be groups, and more often than that.
const KEYS: [usize; 2] = [100_000, 1_000_000];
/// How often a partition is.
const INDEXES: usize = 1_000_000;

/// One broker's settings, again and again.
pub fn resources(broker: &Broker) -> u64 {
    // A broker, named `1`, all keys.
    let each = [4, 2, b'1', 0, 0];
    let body = [list(&each, RESOURCES), vec![1, 1, 0]].concat();
    send(broker, &request(DESCRIBE_CONFIGS, 4, true, &body))
}

/// One topic, again and again.
pub fn topics(broker: &Broker) -> u64 {
    let each = [&compact(WIDE)[..], &[0]].concat();
    let body = [list(&each, TOPICS), vec![0, 0, 0, 0]].concat();
    send(broker, &request(METADATA, 9, true, &body))
}

/// Groups without a name, in all the ways in which one may ask for them.
pub fn keys(broker: &Broker) -> u64 {
    KEYS.map(|count| keys_of(broker, count)).into_iter().max().unwrap_or_default()
}

fn keys_of(broker: &Broker, count: usize) -> u64 {
    let empty = || list(&[1], count);
    let groups = [list(&[1, 0, 0], count), vec![0, 0]].concat();
    let asks = [
        request(FIND_COORDINATOR, 4, true, &[vec![1], empty(), vec![0]].concat()),
        request(FIND_COORDINATOR, 4, true, &[vec![9], empty(), vec![0]].concat()),
        request(DESCRIBE_GROUPS, 6, true, &[empty(), vec![0, 0]].concat()),
        request(DELETE_GROUPS, 3, true, &[empty(), vec![0]].concat()),
        request(OFFSET_FETCH, 8, true, &groups),
    ];
    asks.iter().map(|ask| send(broker, ask)).max().unwrap_or_default()
}

/// Partition 0 of a topic, again and again: each would come with what its group keeps beside the offset.
pub fn positions(broker: &Broker) -> u64 {
    let indexes = list(&[0; 4], INDEXES);
    let topic = [&compact(TOPIC)[..], &indexes, &[0]].concat();
    let group = [&compact("group")[..], &list(&topic, 1), &[0]].concat();
    send(broker, &request(OFFSET_FETCH, 8, true, &[list(&group, 1), vec![0, 0]].concat()))
}

/// Sends it; an answer or an end, and nothing else, is fine.
fn send(broker: &Broker, bytes: &[u8]) -> u64 {
    let mut wire = Wire::connect(broker);
    wire.send(bytes);
    let _ = wire.answer();
    bytes.len() as u64
}

/// A compact array.
fn list(each: &[u8], count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut length = count + 1;
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(each.repeat(count));
    bytes
}

/// A compact text.
fn compact(text: &str) -> Vec<u8> {
    [&[text.len() as u8 + 1], text.as_bytes()].concat()
}
