//! From a seed to a plan: who takes part, what the world does to them. And the tests that run seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use apus_core::config::{Config, Host, parse};
use apus_core::ids::Uuid;
use apus_core::time::Rng;

use crate::client::consumer::Consumer;
use crate::client::producer::Producer;
use crate::client::{Client, Role, Topic};
use crate::world::{Ending, World};

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 300;
/// A seeded bug must be found within so many seeds.
const SABOTAGED_SEEDS: u64 = 60;

/// A bug that the simulator must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The journal's writes are answered before they are durable.
    AcknowledgesEarly,
    /// A producer's retry is taken for something new.
    ForgetsSequences,
    /// Readers are told what is applied and not yet durable; producers wait as they should.
    AnswersApplied,
}

/// A life story before it happens.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub sabotage: Option<Sabotage>,
    /// Crashes, each after at most so many effects of its life.
    pub crashes: u32,
    pub effects_max: u64,
    /// One request to the store of so many fails.
    pub store_faults: Option<u64>,
    /// Clients hang up now and then.
    pub hang_ups: bool,
    bucket: bool,
    topics: Vec<Topic>,
    batches: u32,
    bytes_max: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64, sabotage: Option<Sabotage>) -> Plan {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let topic = |name: &str, partitions: i32, created: bool| Topic {
            name: name.to_owned(),
            partitions,
            created,
            id: Uuid::ZERO,
        };
        let mut topics = vec![topic("orders", 1 + rng.below(3) as i32, true)];
        if rng.chance(2) {
            topics.push(topic("clicks", 1, false));
        }
        Plan {
            seed,
            sabotage,
            crashes: if sabotage.is_some() { 4 } else { rng.below(4) as u32 },
            effects_max: [200, 1_000, 4_000][rng.below(3) as usize],
            store_faults: [None, None, Some(30), Some(8)][rng.below(4) as usize],
            hang_ups: rng.chance(2),
            bucket: rng.chance(2),
            topics,
            batches: 10 + rng.below(60) as u32,
            bytes_max: [20, 200, 3_500][rng.below(3) as usize],
        }
    }

    /// The broker's configuration.
    pub fn config(&self) -> Config {
        let store = if self.bucket { "s3://bucket/simulated" } else { "file:./store" };
        let text = format!("data.dir=./simulated\ndiskless.store={store}\n");
        let (properties, problems) = parse(&text);
        assert!(problems.is_empty(), "{problems:?}");
        let host = Host { name: "simulated".to_owned(), cpus: 4 };
        Config::load(&properties, &host).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// Cores of a life: one, or three.
    pub fn cores(&self, life: u64) -> u16 {
        if (self.seed + life).is_multiple_of(2) { 1 } else { 3 }
    }

    /// Whoever takes part.
    pub fn clients(&self, rng: &mut Rng) -> Vec<Client> {
        let mut clients = Vec::new();
        for number in 1..=1 + rng.below(3) {
            let version = [3, 8, 12, 13][rng.below(4) as usize];
            let producer = Producer::new(number, version, &self.topics, self.batches, self.bytes_max);
            clients.push(Client::new(self.topics.clone(), Role::Producer(producer)));
        }
        for _ in 0..1 + rng.below(3) {
            let version = [4, 7, 11, 12, 13, 17][rng.below(6) as usize];
            let bytes_max = [1_000, 100_000][rng.below(2) as usize];
            let consumer = Consumer::new(version, rng.chance(2), &self.topics, bytes_max);
            clients.push(Client::new(self.topics.clone(), Role::Consumer(consumer)));
        }
        clients
    }

    /// Reads everything in the end.
    pub fn auditor(&self) -> Client {
        let mut consumer = Consumer::new(12, false, &self.topics, 1 << 20);
        consumer.finish();
        Client::new(self.topics.clone(), Role::Consumer(consumer))
    }
}

fn live(seed: u64, sabotage: Option<Sabotage>, traces: bool) -> Ending {
    World::new(Plan::new(seed, sabotage), traces).run()
}

/// Runs a seed; where it fails, says how to see it again.
fn try_live(seed: u64) -> Result<Ending, u64> {
    catch_unwind(AssertUnwindSafe(|| live(seed, None, false))).map_err(|_| {
        eprintln!("seed {seed} failed: APUS_SEED={seed} cargo test --test sim replay -- --nocapture");
        seed
    })
}

fn find(sabotage: Sabotage) {
    let found = (0..SABOTAGED_SEEDS).find(|seed| catch_unwind(|| live(*seed, Some(sabotage), false)).is_err());
    assert!(found.is_some(), "{SABOTAGED_SEEDS} seeds do not find {sabotage:?}");
}

#[test]
fn every_promise_is_kept() {
    let failed: Vec<u64> = (0..SEEDS).filter_map(|seed| try_live(seed).err()).collect();
    assert!(failed.is_empty(), "{} of {SEEDS} seeds failed: {failed:?}", failed.len());
}

#[test]
fn a_seed_is_one_story() {
    for seed in 0..6 {
        assert_eq!(live(seed, None, false), live(seed, None, false), "seed {seed}");
    }
}

#[test]
fn an_early_acknowledgement_is_found() {
    find(Sabotage::AcknowledgesEarly);
}

#[test]
fn a_forgotten_sequence_is_found() {
    find(Sabotage::ForgetsSequences);
}

#[test]
fn an_answer_that_is_not_durable_is_found() {
    find(Sabotage::AnswersApplied);
}

/// `APUS_SEED=n cargo test --test sim replay -- --nocapture`
#[test]
fn replay() {
    if let Some(seed) = std::env::var("APUS_SEED").ok().and_then(|seed| seed.parse().ok()) {
        println!("{:?}", live(seed, None, true));
    }
}
