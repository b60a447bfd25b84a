//! Connections: ten thousand. A third says no word, a third begins to say a very long one, a third asks.

use apus_net::sys::Limit;

use super::wire::{API_VERSIONS, Answer, CORRELATION, PRODUCE, Reader, Wire, request};
use crate::broker::Broker;

const CONNECTIONS: usize = 10_000;
/// Files that the test needs besides.
const FILES_KEPT: u64 = 200;

pub fn attack(broker: &Broker) -> u64 {
    let allowed = Limit::Files.raise().expect("the limit of open files can be read");
    let wanted = CONNECTIONS.min(usize::try_from(allowed.saturating_sub(FILES_KEPT)).unwrap_or(CONNECTIONS));
    if wanted < CONNECTIONS {
        assert!(std::env::var_os("CI").is_none(), "ulimit -Hn allows {allowed} files: too few for a check that counts");
        println!("only {wanted} of {CONNECTIONS} connections: ulimit -n allows {allowed} files");
    }
    let asks = request(API_VERSIONS, 0, false, &[]);
    // What may be long: a Produce request, of which this is the length and the key.
    let half = [(90_u32 << 20).to_be_bytes().to_vec(), PRODUCE.to_be_bytes().to_vec()].concat();
    let (mut silent, mut stuck, mut talkative) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..wanted {
        let mut wire = Wire::try_connect(broker).expect("there is room for it");
        match number % 3 {
            0 => silent.push(wire),
            1 => {
                wire.send(&half);
                stuck.push(wire);
            }
            _ => talkative.push(wire),
        }
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
