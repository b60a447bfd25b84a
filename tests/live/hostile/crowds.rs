//! Connections: ten thousand, half of which never say a word.

use apus_net::sys::Limit;

use super::wire::{API_VERSIONS, Answer, CORRELATION, Reader, Wire, request};
use crate::broker::Broker;

const CONNECTIONS: usize = 10_000;
/// Files that the test needs besides.
const FILES_KEPT: u64 = 200;

pub fn attack(broker: &Broker) -> u64 {
    let allowed = Limit::Files.raise().expect("the limit of open files can be read");
    let wanted = CONNECTIONS.min(usize::try_from(allowed.saturating_sub(FILES_KEPT)).unwrap_or(CONNECTIONS));
    if wanted < CONNECTIONS {
        println!("only {wanted} of {CONNECTIONS} connections: ulimit -n allows {allowed} files");
    }
    let asks = request(API_VERSIONS, 0, false, &[]);
    let mut silent = Vec::new();
    let mut talkative = Vec::new();
    for number in 0..wanted {
        let wire = Wire::try_connect(broker).expect("there is room for it");
        if number % 2 == 0 { silent.push(wire) } else { talkative.push(wire) }
    }
    for _ in 0..2 {
        talkative.iter_mut().for_each(|wire| wire.send(&asks));
        for wire in &mut talkative {
            let Answer::Frame(answer) = wire.answer() else { panic!("everybody is answered") };
            assert_eq!(Reader(&answer).i32(), CORRELATION);
        }
    }
    // Those who were silent are as welcome as the others.
    silent[0].send(&asks);
    assert!(matches!(silent[0].answer(), Answer::Frame(_)));
    (2 * talkative.len() * asks.len()) as u64
}
