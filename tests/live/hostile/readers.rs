//! Clients that ask for much and read nothing, hundreds of them.

use apus_core::limits::REPLY_BYTES_SHORT;

use super::repeats::WIDE;
use super::wire::{API_VERSIONS, Answer, METADATA, Wire, request, text};
use crate::broker::Broker;

/// Connections, each of which may hold a megabyte and the answer that went beyond.
const READERS: usize = 300;
/// Requests of each: more than the kernel keeps for it, and than we do.
const REQUESTS: usize = 10;
/// How many of them are there before one that reads.
const BETWEEN: usize = 50;

/// What unread replies may hold on two cores, before those who do not read are sent away.
pub const HELD: u64 = 2 * REPLY_BYTES_SHORT;

pub fn attack(broker: &Broker) -> u64 {
    let ask = request(METADATA, 1, false, &[&1_i32.to_be_bytes()[..], &text(WIDE)].concat());
    let mut silent = Vec::new();
    for number in 0..READERS {
        let mut wire = Wire::connect(broker);
        wire.send(&ask.repeat(REQUESTS));
        silent.push(wire);
        if number % BETWEEN == BETWEEN - 1 {
            // Whoever reads is answered: what is small at once, what is large when there is room again.
            let mut wire = Wire::connect(broker);
            wire.send(&request(API_VERSIONS, 0, false, &[]));
            assert!(matches!(wire.answer(), Answer::Frame(_)), "what is small is answered");
            wire.send(&ask);
            assert!(matches!(wire.answer(), Answer::Frame(_)), "a client that reads is answered");
        }
    }
    (READERS * REQUESTS * ask.len()) as u64
}
