//! kill -9 under an idempotent producer: nothing acknowledged is lost, nothing is there twice.

use std::time::Duration;

use apus_core::time::Rng;

use crate::broker::{Broker, seed};
use crate::place::Place;
use crate::producer::{Producer, TOPIC};
use crate::record::Record;

const ROUNDS: usize = 5;

fn kills(place: &Place, cores: usize, own_seed: u64) {
    let seed = seed(own_seed);
    let mut rng = Rng::new(seed);
    let cores = format!("cores={cores}");
    // Packs that are full early, so that a kill finds flushes of either kind.
    let settings = [cores.as_str(), "num.partitions=4", "diskless.pack.bytes.target=65536"];
    let mut broker = Broker::start(place, seed, &settings);
    let codec = ["none", "lz4"][rng.below(2) as usize];
    let mut producer = Producer::new(&broker, TOPIC, &[("compression.type", codec)]);
    for _ in 0..ROUNDS {
        // A kill hits a broker at work: some of what was sent since the last one is acknowledged, some is not.
        let wanted = producer.acknowledged() + 1 + rng.below(300) as usize;
        while producer.acknowledged() < wanted {
            send(&mut producer, 50, &mut rng);
            producer.wait(wanted.min(producer.next() as usize - rng.below(50) as usize));
        }
        send(&mut producer, rng.below(100), &mut rng);
        broker.kill();
        send(&mut producer, rng.below(100), &mut rng);
        if rng.chance(3) {
            broker.start_and_kill(Duration::from_millis(rng.below(60)));
        }
        broker.restart();
    }
    let history = producer.finish();
    history.assert_retriable();
    history.verify(&broker);
    broker.stop();
    broker.restart();
    history.verify(&broker);
}

fn send(producer: &mut Producer, count: u64, rng: &mut Rng) {
    for _ in 0..count {
        producer.send(Record::draw(producer.next(), rng), None);
    }
}

#[test]
fn in_a_directory_with_two_cores() {
    kills(&Place::Directory, 2, 11);
}

#[test]
fn in_a_bucket_with_one_core() {
    kills(&Place::calm_bucket(), 1, 12);
}

#[test]
fn in_a_bucket_with_four_cores() {
    kills(&Place::calm_bucket(), 4, 13);
}
