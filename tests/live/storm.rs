//! A bucket that fails: a request in five meets a fault (503, 500 before and after, resets, late uploads, halves of
//! bodies, conflicts, delays). A client sees nothing worse than what it may repeat, and whatever was acknowledged is
//! there.

use apus_core::time::Rng;
use apus_store::testing::Storm;

use crate::broker::{Broker, seed};
use crate::place::Place;
use crate::producer::{Producer, TOPIC};
use crate::record::Record;

/// Records before and after the broker is killed.
const RECORDS: usize = 300;

fn storm(own_seed: u64, cores: usize) {
    let seed = seed(own_seed);
    let mut rng = Rng::new(seed);
    let place = Place::stormy_bucket(Storm { seed, per_mille: 200, only: None });
    let cores = format!("cores={cores}");
    // Small packs make many requests, and small caches make reads of the bucket.
    let settings = [
        cores.as_str(),
        "num.partitions=3",
        "diskless.pack.bytes.target=65536",
        "diskless.put.rate.max=200",
        "diskless.hot.memory.bytes=1048576",
    ];
    let mut broker = Broker::start(&place, seed, &settings);
    let mut producer = Producer::new(&broker, TOPIC, &[("compression.type", "zstd")]);
    for round in 0..2 {
        for _ in 0..RECORDS {
            let number = producer.next();
            let record = match rng.below(60) {
                0 => Record::sized(number, 500_000, &mut rng),
                _ => Record::draw(number, &mut rng),
            };
            producer.send(record, None);
            // A trickle, so that there are many packs.
            producer.wait((number as usize).saturating_sub(20));
        }
        if round == 0 {
            broker.kill();
            broker.restart();
        }
    }
    let history = producer.finish();
    history.assert_retriable();
    history.verify(&broker);
    broker.kill();
    broker.restart();
    history.verify(&broker);
    let server = place.server().expect("it is a bucket");
    println!("{} faults in {} requests, {} refusals", server.faults(), server.requests(), history.refusals.len());
    assert!(server.faults() > 10, "{} faults in {} requests are no storm", server.faults(), server.requests());
}

#[test]
fn under_one_core() {
    storm(21, 1);
}

#[test]
fn under_two_cores() {
    storm(22, 2);
}
