//! What goes in comes out: every codec, keys, headers, times and sizes, from one core to four, hot and cold.

use apus_core::time::Rng;

use crate::broker::{Broker, seed};
use crate::place::Place;
use crate::producer::Producer;
use crate::record::Record;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// Records of each codec, the largest one apart.
const RECORDS: usize = 80;
/// What people mean by a megabyte; it fits the default `message.max.bytes`.
const MEGABYTE: u64 = 1_000_000;

fn round_trip(place: &Place, cores: usize) {
    let seed = seed(cores as u64);
    let mut broker = Broker::start(place, seed, &[&format!("cores={cores}"), "num.partitions=5"]);
    let mut rng = Rng::new(seed);
    let mut producers = CODECS.map(|codec| Producer::new(&broker, codec, &[("compression.type", codec)]));
    for _ in 0..RECORDS {
        for producer in &mut producers {
            producer.send(Record::draw(producer.next(), &mut rng), None);
        }
    }
    for producer in &mut producers {
        producer.send(Record::sized(producer.next(), MEGABYTE, &mut rng), Some(3));
    }
    let histories = producers.map(Producer::finish);
    for history in &histories {
        assert_eq!(history.refusals, [""; 0], "nothing is refused on a calm day");
        assert!(history.partitions() > 1, "keys find more than one partition");
        history.verify(&broker);
    }
    broker.stop();
    broker.restart();
    histories.iter().for_each(|history| history.verify(&broker));
    broker.stop();
    assert_eq!(broker.logged(), "", "nothing is worth a line on a calm day");
}

#[test]
fn a_directory_with_one_core() {
    round_trip(&Place::Directory, 1);
}

#[test]
fn a_directory_with_two_cores() {
    round_trip(&Place::Directory, 2);
}

#[test]
fn a_directory_with_four_cores() {
    round_trip(&Place::Directory, 4);
}

#[test]
fn a_bucket_with_one_core() {
    round_trip(&Place::calm_bucket(), 1);
}

#[test]
fn a_bucket_with_two_cores() {
    round_trip(&Place::calm_bucket(), 2);
}

#[test]
fn a_bucket_with_four_cores() {
    round_trip(&Place::calm_bucket(), 4);
}
