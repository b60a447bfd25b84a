//! Bodies of every API in every version: counts and lengths beyond the frame, and bytes of chance.

use apus_core::time::Rng;
use apus_net::wire::keys::SERVED;

use super::wire::{Wire, request};
use crate::broker::Broker;

/// Bodies of chance, for each version of each API.
const DRAWN: usize = 6;

pub fn attack(broker: &Broker, seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let mut sent = 0;
    for served in SERVED {
        for version in served.versions.min..=served.versions.max {
            let flexible = served.flexible.contains(version);
            let mut bodies = fixed();
            bodies.extend((0..DRAWN).map(|_| drawn(&mut rng)));
            for body in bodies {
                let mut wire = Wire::connect(broker);
                let bytes = request(served.key as i16, version, flexible, &body);
                sent += bytes.len() as u64;
                wire.send(&bytes);
                wire.end();
                // An answer or an end: what may not happen is neither.
                let _ = wire.answer();
            }
        }
    }
    sent
}

/// The extremes of each kind of number, at every place where one may stand.
fn fixed() -> Vec<Vec<u8>> {
    let mut bodies = vec![Vec::new(), vec![0; 64], vec![0xff; 64], vec![0x7f; 64], vec![0x80; 64]];
    for lead in [0, 1, 2, 4, 6, 8, 12, 14, 20] {
        bodies.push([&vec![0; lead][..], &i32::MAX.to_be_bytes(), &[0; 16]].concat());
        bodies.push([&vec![0; lead][..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0; 16]].concat());
    }
    bodies
}

/// Mostly small numbers, so that decoders get somewhere.
fn drawn(rng: &mut Rng) -> Vec<u8> {
    let bytes = rng.below(200);
    (0..bytes).map(|_| if rng.chance(3) { rng.bits() as u8 } else { rng.below(4) as u8 }).collect()
}
