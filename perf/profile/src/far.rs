//! What clients wait for where the store is far away: in simulated time and from a seed, so that no machine is in
//! between. PUTs and GETs draw from streams of their own: two runs that differ in their reads draw the same PUTs.
//!
//! The store plane's hedging is not here, and a core takes no time: what shows is waiting that the node itself makes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::f64::consts::TAU;
use std::time::Duration;

use apus_core::ids::ConnectionId;
use apus_core::time::Rng;
use apus_core::world::StoreRequest;

use crate::client::{Client, Consumer, Producer};
use crate::line::{create_topic, producer_id, topic_id};
use crate::world::{Call, World};

/// As [`SETTINGS`] have it.
const PUTS_A_SECOND: u64 = 200;
const SETTINGS: &str = "diskless.store=s3://bucket/far\ndiskless.put.rate.max=200\ndiskless.hot.memory.bytes=0\n";
/// Requests under way at each producer.
const WINDOW: usize = 5;

/// Log-normal times.
struct Times {
    mu: f64,
    sigma: f64,
    rng: Rng,
}

impl Times {
    /// Times with these quantiles, in milliseconds.
    fn new(p50: f64, p99: f64, seed: u64) -> Times {
        Times { mu: p50.ln(), sigma: (p99 / p50).ln() / 2.326, rng: Rng::new(seed) }
    }

    fn draw_ns(&mut self) -> u64 {
        let mut uniform = || (self.rng.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        let (radius, angle) = ((-2.0 * (1.0 - uniform()).ln()).sqrt(), TAU * uniform());
        ((self.mu + self.sigma * radius * angle.cos()).exp() * 1e6) as u64
    }
}

/// A store that is a region away.
fn far(seed: u64) -> impl FnMut(&StoreRequest) -> u64 {
    let (mut puts, mut gets) = (Times::new(60.0, 200.0, seed), Times::new(30.0, 100.0, seed + 1));
    move |request| match request {
        StoreRequest::Put { .. } => puts.draw_ns(),
        _ => gets.draw_ns(),
    }
}

/// Producers of one partition each, on a topic of their own.
fn seat_producers(world: &mut World, topic: &str, count: i32, batch_bytes: usize, batches: u64) -> Vec<ConnectionId> {
    let first = world.connect();
    let topic = create_topic(&mut Call(world, first), topic, count);
    let seat = |partition| {
        let connection = world.connect();
        let id = producer_id(&mut Call(world, connection));
        let producer = Producer::new(id, topic, vec![partition], 1, batch_bytes, batches);
        world.seat(connection, Client::Producer(producer));
        connection
    };
    (0..count).map(seat).collect()
}

/// Lets time pass until each of these had so many answers; what the answers took, sorted.
fn waits(world: &mut World, connections: &[ConnectionId], answers: usize) -> Vec<u64> {
    world.run(|world| connections.iter().all(|connection| world.waits(*connection).len() > answers));
    // The first answer is the producer id's.
    let mut waits: Vec<u64> =
        connections.iter().flat_map(|connection| world.waits(*connection)[1..=answers].to_vec()).collect();
    waits.sort_unstable();
    waits
}

fn quantile(sorted: &[u64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part) as usize] as f64 / 1e6
}

/// What requests of one producer take where each has a PUT of its own at once and they are answered in order: nobody
/// can do better without sharing PUTs. Mean, milliseconds.
fn oracle_ms(mut put_ns: impl FnMut() -> u64) -> f64 {
    const REQUESTS: usize = 20_000;
    let mut answered = vec![0_u64; REQUESTS + WINDOW];
    let mut waited = 0;
    for at in WINDOW..answered.len() {
        let sent = answered[at - WINDOW];
        answered[at] = answered[at - 1].max(sent + put_ns());
        waited += answered[at] - sent;
    }
    waited as f64 / REQUESTS as f64 / 1e6
}

/// The same of several producers where a PUT may begin every five milliseconds, carries whatever is there, and nothing else
/// makes anybody wait: nobody can do better at this rate of PUTs. All waits, sorted.
fn shared_oracle(producers: usize, mut put_ns: impl FnMut() -> u64) -> Vec<u64> {
    const SLOT_NS: u64 = 1_000_000_000 / PUTS_A_SECOND;
    const REQUESTS: usize = 20_000;
    let mut sent: BinaryHeap<Reverse<(u64, usize)>> =
        (0..producers).flat_map(|producer| [Reverse((0, producer)); WINDOW]).collect();
    let (mut answered, mut waits, mut slot) = (vec![0_u64; producers], Vec::new(), 0);
    while waits.len() < REQUESTS {
        let done = slot + put_ns();
        let mut taken = Vec::new();
        while let Some(Reverse((at, producer))) = sent.peek().copied().filter(|Reverse((at, _))| *at <= slot) {
            sent.pop();
            taken.push((at, producer));
        }
        for (at, producer) in taken {
            answered[producer] = answered[producer].max(done);
            waits.push(answered[producer] - at);
            sent.push(Reverse((answered[producer], producer)));
        }
        let Some(Reverse((next, _))) = sent.peek().copied() else { break };
        slot = (slot + SLOT_NS).max(next);
    }
    waits.sort_unstable();
    waits
}

#[test]
fn a_reader_of_old_records_does_not_make_producers_wait() {
    const OLD_BATCHES: u64 = 64;
    let waited = |reads: bool| {
        let mut world = World::start(SETTINGS);
        let fillers = seat_producers(&mut world, "old", 12, 64 << 10, OLD_BATCHES);
        waits(&mut world, &fillers, OLD_BATCHES as usize);
        world.move_store(far(1));
        if reads {
            let connection = world.connect();
            let old = topic_id(&mut Call(&mut world, connection), "old");
            let partitions: Vec<i32> = (0..12).collect();
            let records = OLD_BATCHES as i64 * 64;
            let consumer = Consumer::new(old, &partitions).round_and_round(records, 1 << 20);
            world.seat(connection, Client::Consumer(consumer));
        }
        let producers = seat_producers(&mut world, "new", 8, 16 << 10, u64::MAX);
        let waits = waits(&mut world, &producers, 400);
        let read: u64 = world.clients().map(Client::fetched).sum();
        assert!(!reads || read > 2 * 12 * OLD_BATCHES, "the reader went round: {read} batches");
        waits
    };
    let (alone, beside) = (waited(false), waited(true));
    let [alone, beside] = [alone, beside].map(|waits| (quantile(&waits, 0.5), quantile(&waits, 0.99)));
    println!("produce p50 and p99, ms: alone {alone:?}, beside a reader of old records {beside:?}");
    assert!(beside.0 <= 1.1 * alone.0 && beside.1 <= 1.1 * alone.1, "alone {alone:?}, beside a reader {beside:?}");
}

#[test]
fn one_producer_has_its_window_under_way() {
    let put = Duration::from_millis(60);
    let mut world = World::start(SETTINGS);
    world.move_store(move |_| put.as_nanos() as u64);
    let producers = seat_producers(&mut world, "one", 1, 256 << 10, u64::MAX);
    let from = world.now();
    waits(&mut world, &producers, 500);
    let a_second = 500.0 / (world.now() - from).as_secs_f64();
    let most = WINDOW as f64 / put.as_secs_f64();
    println!("one producer, PUTs of 60 ms: {a_second:.1} requests a second of {most:.1}");
    assert!(a_second >= 0.9 * most, "{a_second} requests a second of {most}");
}

#[test]
fn one_producer_waits_no_longer_than_an_oracle_that_shares_nothing() {
    let mut world = World::start(SETTINGS);
    world.move_store(far(7));
    let producers = seat_producers(&mut world, "one", 1, 256 << 10, u64::MAX);
    let waits = waits(&mut world, &producers, 2_000);
    let mean = waits.iter().sum::<u64>() as f64 / waits.len() as f64 / 1e6;
    let mut puts = Times::new(60.0, 200.0, 7);
    let oracle = oracle_ms(|| puts.draw_ns());
    println!("one producer, PUTs of 60 (p99 200) ms: waits {mean:.1} ms on average, the oracle {oracle:.1}");
    assert!(mean <= 1.1 * oracle, "{mean} ms on average, and the oracle {oracle}");
}

#[test]
fn many_producers_wait_little_longer_than_an_oracle_that_shares_puts() {
    const PRODUCERS: usize = 16;
    let mut world = World::start(SETTINGS);
    world.move_store(far(7));
    let producers = seat_producers(&mut world, "many", PRODUCERS as i32, 16 << 10, u64::MAX);
    let waits = waits(&mut world, &producers, 1_000);
    let mut puts = Times::new(60.0, 200.0, 7);
    let oracle = shared_oracle(PRODUCERS, || puts.draw_ns());
    let mean = |waits: &[u64]| waits.iter().sum::<u64>() as f64 / waits.len() as f64 / 1e6;
    let told = |waits: &[u64]| (mean(waits), quantile(waits, 0.5), quantile(waits, 0.99));
    println!("{PRODUCERS} producers: mean, p50 and p99, ms: {:?}, the oracle {:?}", told(&waits), told(&oracle));
    assert!(mean(&waits) <= 1.1 * mean(&oracle), "{} ms on average, and the oracle {}", mean(&waits), mean(&oracle));
}
