//! Clients over cores: each core has as many connections as any other, and what is done through one of them is seen
//! through all others at once, whoever owns the partition.

use std::thread;
use std::time::{Duration, Instant as Moment};

use crate::broker::{Broker, PATIENCE, seed};
use crate::hostile::batches::sound;
use crate::hostile::wire::{
    API_VERSIONS, Answer, CORRELATION, CREATE_TOPICS, FETCH, METADATA, PRODUCE, Reader, Wire, request, text,
};
use crate::place::Place;
use crate::watch::scrape;

/// Kafka's key of the API.
const LIST_OFFSETS: i16 = 2;
/// No multiple of the cores.
const CLIENTS: usize = 22;
/// More than cores, so that each owns some.
const PARTITIONS: i32 = 8;
/// Records of a sound batch.
const RECORDS: i64 = 2;
/// Where a batch goes on after what a broker writes: its base offset and its leader's epoch.
const BEHIND_STAMP: usize = 16;

fn start(cores: usize) -> Broker {
    let settings = [&format!("cores={cores}"), "diskless.http.listener=127.0.0.1:0"];
    Broker::start(&Place::Directory, seed(71), &settings)
}

/// A connection that a core has: it was answered.
fn client(broker: &Broker) -> Wire {
    let mut wire = Wire::connect(broker);
    answer(&mut wire, &request(API_VERSIONS, 0, false, &[]));
    wire
}

fn answer(wire: &mut Wire, bytes: &[u8]) -> Vec<u8> {
    wire.send(bytes);
    let Answer::Frame(frame) = wire.answer() else { panic!("the connection was closed") };
    frame
}

/// Connections of each core.
fn counts(broker: &Broker) -> Vec<usize> {
    let seen = scrape(broker);
    let counts = seen.iter().filter(|(name, _)| name.starts_with("kafka_server_socketservermetrics_connection_count{"));
    counts.map(|(_, count)| *count as usize).collect()
}

fn assert_level(broker: &Broker, cores: usize) {
    let counts = counts(broker);
    assert_eq!(counts.len(), cores);
    assert_eq!(counts.iter().sum::<usize>(), CLIENTS);
    let (least, most) = (counts.iter().min().expect("a core"), counts.iter().max().expect("a core"));
    assert!(most - least <= 1, "connections by core: {counts:?}");
}

fn connections_are_level(cores: usize) {
    let mut broker = start(cores);
    let mut clients: Vec<Wire> = (0..CLIENTS).map(|_| client(&broker)).collect();
    assert_level(&broker, cores);
    // Those leave who came in turn: if not all of one core, then more of one than of others.
    let mut number = 0;
    clients.retain(|_| {
        number += 1;
        number % cores != 0
    });
    let began = Moment::now();
    while counts(&broker).iter().sum::<usize>() > clients.len() {
        assert!(began.elapsed() < PATIENCE, "connections that were closed are still counted: {:?}", counts(&broker));
        thread::sleep(Duration::from_millis(10));
    }
    clients.extend((clients.len()..CLIENTS).map(|_| client(&broker)));
    assert_level(&broker, cores);
    broker.stop();
}

/// CreateTopics, version 4.
fn create(wire: &mut Wire, topic: &str) {
    let partitions = PARTITIONS.to_be_bytes();
    let (one, none) = (1_i32.to_be_bytes(), 0_i32.to_be_bytes());
    let patience = 30_000_i32.to_be_bytes();
    let replicas = 1_i16.to_be_bytes();
    let body = [&one[..], &text(topic), &partitions, &replicas, &none, &none, &patience, &[0]].concat();
    let frame = answer(wire, &request(CREATE_TOPICS, 4, false, &body));
    let mut reader = Reader(&frame);
    assert_eq!((reader.i32(), reader.i32(), reader.i32()), (CORRELATION, 0, 1), "one topic");
    assert_eq!((reader.text().as_deref(), reader.i16()), (Some(topic), 0));
}

/// Metadata, version 1, of one topic: its number of partitions.
fn partitions(wire: &mut Wire, topic: &str) -> i32 {
    let body = [&1_i32.to_be_bytes()[..], &text(topic)].concat();
    let frame = answer(wire, &request(METADATA, 1, false, &body));
    let mut reader = Reader(&frame);
    assert_eq!((reader.i32(), reader.i32()), (CORRELATION, 1), "one broker");
    let (_id, _host, _port, _rack) = (reader.i32(), reader.text(), reader.i32(), reader.text());
    let (_controller, topics, error) = (reader.i32(), reader.i32(), reader.i16());
    assert_eq!((topics, error, reader.text().as_deref()), (1, 0, Some(topic)));
    let _internal = reader.bytes(1);
    reader.i32()
}

/// What requests of one partition have in common: a topic, and a partition of it.
fn place(topic: &str, partition: i32) -> Vec<u8> {
    let one = 1_i32.to_be_bytes();
    [&one[..], &text(topic), &one, &partition.to_be_bytes()].concat()
}

/// The same in an answer; the partition's error is none.
fn expect_place(reader: &mut Reader, topic: &str, partition: i32) {
    assert_eq!((reader.i32(), reader.text().as_deref()), (1, Some(topic)), "one topic");
    assert_eq!((reader.i32(), reader.i32()), (1, partition), "one partition");
    assert_eq!(reader.i16(), 0, "partition {partition}");
}

fn i64_of(reader: &mut Reader) -> i64 {
    i64::from_be_bytes(reader.bytes(8).try_into().expect("eight bytes"))
}

/// Produce, version 8: where the batch is.
fn produce(wire: &mut Wire, topic: &str, partition: i32, batch: &[u8]) -> i64 {
    let (acks, patience) = ((-1_i16).to_be_bytes(), 30_000_i32.to_be_bytes());
    let length = (batch.len() as i32).to_be_bytes();
    let body = [&(-1_i16).to_be_bytes()[..], &acks, &patience, &place(topic, partition), &length, batch].concat();
    let frame = answer(wire, &request(PRODUCE, 8, false, &body));
    let mut reader = Reader(&frame);
    assert_eq!(reader.i32(), CORRELATION);
    expect_place(&mut reader, topic, partition);
    i64_of(&mut reader)
}

/// ListOffsets, version 1: where the partition ends.
fn end(wire: &mut Wire, topic: &str, partition: i32) -> i64 {
    let (nobody, latest) = ((-1_i32).to_be_bytes(), (-1_i64).to_be_bytes());
    let frame =
        answer(wire, &request(LIST_OFFSETS, 1, false, &[&nobody[..], &place(topic, partition), &latest].concat()));
    let mut reader = Reader(&frame);
    assert_eq!(reader.i32(), CORRELATION);
    expect_place(&mut reader, topic, partition);
    let _time = i64_of(&mut reader);
    i64_of(&mut reader)
}

/// Fetch, version 4, without patience: the records from there on.
fn fetch(wire: &mut Wire, topic: &str, partition: i32, from: i64) -> Vec<u8> {
    let (nobody, at_once, bytes_max) = ((-1_i32).to_be_bytes(), 0_i32.to_be_bytes(), (1_i32 << 20).to_be_bytes());
    let wanted = [&place(topic, partition)[..], &from.to_be_bytes(), &bytes_max].concat();
    let body = [&nobody[..], &at_once, &at_once, &bytes_max, &[0], &wanted].concat();
    let frame = answer(wire, &request(FETCH, 4, false, &body));
    let mut reader = Reader(&frame);
    assert_eq!((reader.i32(), reader.i32()), (CORRELATION, 0), "nobody is throttled");
    expect_place(&mut reader, topic, partition);
    let (_end, _stable, aborted) = (i64_of(&mut reader), i64_of(&mut reader), reader.i32());
    assert!(aborted <= 0, "no transaction was aborted");
    let length = reader.i32();
    reader.bytes(usize::try_from(length).expect("a length")).to_vec()
}

fn a_write_is_seen_by_everybody(cores: usize) {
    let mut broker = start(cores);
    let mut clients: Vec<Wire> = (0..cores.max(2)).map(|_| client(&broker)).collect();
    let batch = sound();
    for writer in 0..clients.len() {
        let topic = format!("of-{writer}");
        create(&mut clients[writer], &topic);
        for wire in &mut clients {
            assert_eq!(partitions(wire, &topic), PARTITIONS, "a topic is listed at once");
        }
        for round in 0..2 {
            for partition in 0..PARTITIONS {
                let base = produce(&mut clients[writer], &topic, partition, &batch);
                assert_eq!(base, round * RECORDS);
                for wire in &mut clients {
                    assert_eq!(end(wire, &topic, partition), base + RECORDS, "a write is listed at once");
                    let records = fetch(wire, &topic, partition, base);
                    assert_eq!(records.get(..8), Some(&base.to_be_bytes()[..]), "a write is fetched at once");
                    assert_eq!(records[BEHIND_STAMP..], batch[BEHIND_STAMP..]);
                }
            }
        }
    }
    broker.stop();
    assert_eq!(broker.logged(), "", "nothing is worth a line");
}

#[test]
fn connections_of_two_cores_are_level() {
    connections_are_level(2);
}

#[test]
fn connections_of_four_cores_are_level() {
    connections_are_level(4);
}

#[test]
fn a_write_is_seen_by_everybody_on_one_core() {
    a_write_is_seen_by_everybody(1);
}

#[test]
fn a_write_is_seen_by_everybody_on_two_cores() {
    a_write_is_seen_by_everybody(2);
}

#[test]
fn a_write_is_seen_by_everybody_on_four_cores() {
    a_write_is_seen_by_everybody(4);
}
