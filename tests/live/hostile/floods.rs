//! Much of what is right: topics in one request, requests on one connection, answers that nobody reads.

use std::io::{ErrorKind, Write};
use std::thread;
use std::time::Duration;

use super::names::TOPIC;
use super::wire::{API_VERSIONS, Answer, CORRELATION, FETCH, METADATA, Reader, Wire, request, text};
use crate::broker::Broker;

const TOPICS: i32 = 1_000_000;
const REQUESTS: usize = 1_000_000;
/// What a client that never reads would like to have, in requests of the largest answers that there are.
const UNREAD_REQUESTS: usize = 200_000;
/// A socket that takes nothing for so long is full; it only ends the attack.
const FULL: Duration = Duration::from_millis(300);

/// A million names that nobody has made, none of which is to be made.
pub fn many_topics(broker: &Broker) -> u64 {
    let mut body = TOPICS.to_be_bytes().to_vec();
    for number in 0..TOPICS {
        body.extend(text(&format!("t{number}")));
    }
    body.push(0);
    let bytes = request(METADATA, 4, false, &body);
    let mut wire = Wire::connect(broker);
    wire.send(&bytes);
    // A broker that does not take so many at once closes the connection.
    if let Answer::Frame(answer) = wire.answer() {
        let mut answer = Reader(&answer);
        assert_eq!(answer.i32(), CORRELATION);
    }
    bytes.len() as u64
}

/// Requests until nothing goes any more: the broker stops to read, and what it holds is bounded.
pub fn never_reads(broker: &Broker) -> u64 {
    let mut sent = 0;
    let wires = [metadata(), fetch(TOPIC), request(API_VERSIONS, 0, false, &[])].map(|bytes| {
        let wire = Wire::connect(broker);
        wire.stream().set_write_timeout(Some(FULL)).expect("a socket");
        let pipeline = bytes.repeat(100);
        for _ in 0..UNREAD_REQUESTS / 100 {
            match wire.stream().write_all(&pipeline) {
                Ok(()) => sent += pipeline.len() as u64,
                Err(error) => {
                    let full = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    assert!(full, "the broker waits, and does not end the connection at once: {error}");
                    break;
                }
            }
        }
        wire
    });
    drop(wires);
    sent
}

/// Metadata, version 1: every topic.
pub fn metadata() -> Vec<u8> {
    request(METADATA, 1, false, &(-1_i32).to_be_bytes())
}

/// Fetch, version 4: everything of a topic's first partition.
pub fn fetch(topic: &str) -> Vec<u8> {
    let mut body = (-1_i32).to_be_bytes().to_vec();
    body.extend(0_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend(i32::MAX.to_be_bytes());
    body.push(0);
    body.extend(1_i32.to_be_bytes());
    body.extend(text(topic));
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend(0_i64.to_be_bytes());
    body.extend(i32::MAX.to_be_bytes());
    request(FETCH, 4, false, &body)
}

/// As many requests as one connection can carry, each of them answered, in order.
pub fn pipeline(broker: &Broker) -> u64 {
    let wire = Wire::connect(broker);
    let mut writer = wire.stream().try_clone().expect("a socket can be cloned");
    let sender = thread::spawn(move || {
        let mut sent = 0;
        let mut bytes = Vec::new();
        for number in 0..REQUESTS {
            let mut one = request(API_VERSIONS, 0, false, &[]);
            one[8..12].copy_from_slice(&(number as i32).to_be_bytes());
            bytes.extend(one);
            if bytes.len() > 1 << 16 || number + 1 == REQUESTS {
                writer.write_all(&bytes).expect("the broker goes on");
                sent += bytes.len() as u64;
                bytes.clear();
            }
        }
        sent
    });
    let mut answers = std::io::BufReader::with_capacity(1 << 16, wire.stream());
    for number in 0..REQUESTS {
        let mut head = [0; 8];
        std::io::Read::read_exact(&mut answers, &mut head).expect("every request is answered");
        let [length, correlation] =
            [&head[..4], &head[4..]].map(|bytes| i32::from_be_bytes(bytes.try_into().expect("four bytes")));
        assert_eq!(correlation, number as i32, "answers keep the order of their requests");
        let rest = i64::from(length) - 4;
        let skipped = std::io::copy(&mut std::io::Read::take(&mut answers, rest as u64), &mut std::io::sink());
        assert_eq!(skipped.expect("it is whole"), rest as u64);
    }
    sender.join().expect("everything was sent")
}
