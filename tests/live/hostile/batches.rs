//! Batches that are wrong in one place each.

use apus_core::batch::{Codec, Sequence, crc32c};
use apus_core::ids::ProducerId;
use apus_core::records::build::BatchBuilder;

use super::names::TOPIC;
use super::wire::{Answer, CORRELATION, PRODUCE, Reader, Wire, request, text};
use crate::broker::Broker;

/// Kafka's error codes.
const NONE: i16 = 0;
const CORRUPT: i16 = 2;
const TOO_LARGE: i16 = 10;
const INVALID_TIMESTAMP: i16 = 32;
const INVALID_REQUEST: i16 = 42;
const OUT_OF_ORDER: i16 = 45;
const UNSUPPORTED_COMPRESSION: i16 = 76;
const INVALID_RECORD: i16 = 87;

/// Where the fields of a batch are.
const LENGTH: usize = 8;
const MAGIC: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_DELTA: usize = 23;
const EPOCH: usize = 51;
const SEQUENCE: usize = 53;
const COUNT: usize = 57;

pub fn attack(broker: &Broker) -> u64 {
    let mut wire = Wire::connect(broker);
    let mut sent = 0;
    for (name, batch, expected) in cases() {
        let bytes = produce(&batch);
        sent += bytes.len() as u64;
        wire.send(&bytes);
        // The same connection goes on: each is one partition's error.
        let Answer::Frame(answer) = wire.answer() else { panic!("{name}: the connection was closed") };
        assert_eq!(error(&answer), expected, "{name}");
    }
    sent
}

/// Two records that nothing is wrong with.
pub fn sound() -> Vec<u8> {
    let builder = BatchBuilder::new(Codec::None).record(1_700_000_000_000, Some(b"key"), Some(b"value"));
    builder.record(1_700_000_000_001, None, Some(b"another")).build().to_vec()
}

fn cases() -> Vec<(String, Vec<u8>, i16)> {
    let mut cases = vec![("a sound batch".to_owned(), sound(), NONE)];
    let mut case = |name: &str, batch: Vec<u8>, expected: i16| cases.push((name.to_owned(), batch, expected));
    let mut flipped = sound();
    *flipped.last_mut().expect("it has bytes") ^= 1;
    case("a flipped bit", flipped, CORRUPT);
    case("another CRC", with(CRC, &[1, 2, 3, 4], false), CORRUPT);
    for magic in [0, 1, 3, 0xff] {
        case(&format!("magic {magic}"), with(MAGIC, &[magic], true), INVALID_RECORD);
    }
    for length in [i32::MAX, 1 << 20, 1_000] {
        case(&format!("a length of {length}"), with(LENGTH, &length.to_be_bytes(), true), CORRUPT);
    }
    for length in [-1, 0, 10, 48, i32::MIN] {
        case(&format!("a length of {length}"), with(LENGTH, &length.to_be_bytes(), true), CORRUPT);
    }
    case("two batches", [sound(), sound()].concat(), INVALID_RECORD);
    case("no batch", Vec::new(), INVALID_RECORD);
    case("half a header", sound()[..40].to_vec(), CORRUPT);
    for count in [0, -1, 1, 3, i32::MAX, i32::MIN] {
        case(&format!("a count of {count}"), with(COUNT, &count.to_be_bytes(), true), INVALID_RECORD);
    }
    for delta in [-1, 0, 7, i32::MAX, i32::MIN] {
        case(&format!("a last delta of {delta}"), with(LAST_DELTA, &delta.to_be_bytes(), true), INVALID_RECORD);
    }
    let mut many = with(COUNT, &i32::MAX.to_be_bytes(), true);
    many = patch(many, LAST_DELTA, &(i32::MAX - 1).to_be_bytes(), true);
    case("two billion records in no room", many, INVALID_RECORD);
    for codec in 5..8_u16 {
        let batch = with(ATTRIBUTES, &codec.to_be_bytes(), true);
        case(&format!("codec {codec}"), batch, UNSUPPORTED_COMPRESSION);
    }
    case("control records", with(ATTRIBUTES, &0x20_u16.to_be_bytes(), true), INVALID_RECORD);
    case("a delete horizon", with(ATTRIBUTES, &0x40_u16.to_be_bytes(), true), INVALID_RECORD);
    case("the broker's time", with(ATTRIBUTES, &0x08_u16.to_be_bytes(), true), INVALID_TIMESTAMP);
    case("a transaction", with(ATTRIBUTES, &0x10_u16.to_be_bytes(), true), INVALID_REQUEST);
    case("a base offset", with(0, &5_i64.to_be_bytes(), false), INVALID_RECORD);
    case("an epoch below zero", patch(sequenced(0), EPOCH, &(-2_i16).to_be_bytes(), true), INVALID_RECORD);
    case("a sequence below zero", patch(sequenced(0), SEQUENCE, &(-2_i32).to_be_bytes(), true), INVALID_RECORD);
    case("a sequence out of order", sequenced(7), OUT_OF_ORDER);
    case("two megabytes", large(), TOO_LARGE);
    cases
}

fn sequenced(first: i32) -> Vec<u8> {
    // A producer that nobody has met.
    let sequence = Sequence { producer: ProducerId(1 << 40), epoch: 0, first };
    BatchBuilder::new(Codec::None).sequence(sequence).record(1_700_000_000_000, None, Some(b"x")).build().to_vec()
}

fn large() -> Vec<u8> {
    BatchBuilder::new(Codec::None).record(1_700_000_000_000, None, Some(&vec![7; 2 << 20])).build().to_vec()
}

fn with(at: usize, bytes: &[u8], signed: bool) -> Vec<u8> {
    patch(sound(), at, bytes, signed)
}

/// The batch with other bytes at a place, and a CRC that agrees.
fn patch(mut batch: Vec<u8>, at: usize, bytes: &[u8], signed: bool) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    if signed {
        let crc = crc32c(&batch[ATTRIBUTES..]);
        batch[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
    }
    batch
}

/// Produce, version 8: one batch for partition 0.
pub fn produce(batch: &[u8]) -> Vec<u8> {
    let mut body = (-1_i16).to_be_bytes().to_vec();
    body.extend((-1_i16).to_be_bytes());
    body.extend(30_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    body.extend(text(TOPIC));
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend((batch.len() as i32).to_be_bytes());
    body.extend(batch);
    request(PRODUCE, 8, false, &body)
}

/// The partition's error of a produce answer.
fn error(answer: &[u8]) -> i16 {
    let mut answer = Reader(answer);
    assert_eq!(answer.i32(), CORRELATION);
    assert_eq!(answer.i32(), 1, "one topic");
    assert_eq!(answer.text().as_deref(), Some(TOPIC));
    assert_eq!((answer.i32(), answer.i32()), (1, 0), "one partition");
    answer.i16()
}
