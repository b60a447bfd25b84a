//! A broker with little room, and clients that come and go without manners, for as long as somebody likes.
//!
//! Rounds of strangers (half frames, answers that nobody reads, pipelines that are cut off, silence, members that vanish)
//! pass beside a producer and a consumer that behave. Behind each round everything of the strangers is gone from the
//! broker: file descriptors return, memory stays level, no task waits for somebody who left. All that was acknowledged is
//! read, and in the end the broker rests, and stops.
//!
//! It takes fifteen seconds, or what it is told; twenty minutes are a soak:
//!
//! `APUS_SOAK_SECONDS=1200 cargo test --workspace --locked --test live soak -- --nocapture`

mod looks;
mod steady;
mod strangers;

use std::thread;
use std::time::{Duration, Instant as Moment};

use apus_core::time::Rng;

use crate::broker::{Broker, PATIENCE, seed};
use crate::hostile::names;
use crate::place::Place;
use crate::process::{TICKS_PER_SECOND, descriptors, ticks};
use crate::watch::scrape;
use looks::Looks;
use steady::Steady;

/// How long, unless `APUS_SOAK_SECONDS` says it.
const SECONDS: u64 = 15;
/// Looks at the broker's process in that time: enough for three thirds.
const LOOKS: u32 = 60;
/// Rounds before the first look: caches and pools fill.
const WARM_ROUNDS: usize = 3;
/// Strangers of a round.
const STRANGERS: u64 = 32;
/// Settings under which everything is soon full. A core's part of the bytes in flight is 512 KiB. The records are years old
/// by their own times, so nothing may go by age: the first seven-day retention that came between an acknowledgement and
/// its read took 37 of them, ten minutes into a soak.
const TIGHT: [&str; 16] = [
    "cores=2",
    "num.partitions=4",
    "diskless.http.listener=127.0.0.1:0",
    "diskless.inflight.bytes=1048576",
    "diskless.hot.memory.bytes=262144",
    "diskless.cache.memory.bytes=1048576",
    "diskless.pack.bytes.target=65536",
    "diskless.put.rate.max=200",
    "diskless.uploads.max=1",
    "diskless.store.threads=1",
    "fetch.max.bytes=1048576",
    "max.incremental.fetch.session.cache.slots=4",
    "group.initial.rebalance.delay.ms=20",
    "group.min.session.timeout.ms=100",
    "connections.max.idle.ms=-1",
    "log.retention.ms=-1",
];
/// Gauges of what waits for somebody: 0, each of them, where nobody is there.
const HELD: [&str; 13] = [
    "kafka_server_socketservermetrics_connection_count",
    "apus_replies_unread_bytes",
    "apus_produce_inflight_requests",
    "apus_produce_inflight_bytes",
    "apus_packer_open_requests",
    "apus_packer_flushes",
    "apus_packer_uploads",
    "apus_fetch_parked",
    "apus_fetch_reading",
    "apus_fetch_cold_blocks_under_way",
    "apus_core_inbox_messages",
    "apus_core_outgoing_messages",
    "apus_core_store_requests",
];
/// An idle broker is looked at for so long.
const REST: Duration = Duration::from_secs(3);
/// What it may use of a processor meanwhile: a twentieth.
const REST_TICKS_MAX: u64 = REST.as_secs() * TICKS_PER_SECOND / 20;
/// How long the end of an idle broker may take.
const STOP: Duration = Duration::from_secs(5);
/// Between two looks at something that is waited for.
const GLANCE: Duration = Duration::from_millis(20);

#[test]
fn nothing_is_kept_of_those_who_left() {
    let seed = seed(51);
    let mut rng = Rng::new(seed);
    let mut broker = Broker::start(&Place::Directory, seed, &TIGHT);
    names::create(&broker);
    let alone = descriptors(broker.process());
    let mut steady = Steady::start(&broker, &mut rng);
    let mut round = || {
        let strangers = strangers::come(&broker, STRANGERS, &mut rng);
        steady.round(&mut rng);
        strangers::go(strangers);
    };
    (0..WARM_ROUNDS).for_each(|_| round());
    let mut looks = Looks::open(broker.process());
    let length = length();
    let (began, mut rounds) = (Moment::now(), WARM_ROUNDS);
    while began.elapsed() < length || !looks.is_enough() {
        round();
        rounds += 1;
        if began.elapsed() >= length / LOOKS * looks.count() {
            looks.look();
        }
    }
    looks.report();
    looks.verify();
    let history = steady.finish();
    history.verify(&broker);
    println!("{rounds} rounds of {STRANGERS} strangers; {} records were acknowledged and read", history.sent.len());
    looks::returns(broker.process(), alone);
    rests(&broker);
    let began = Moment::now();
    broker.stop();
    println!("it stopped in {:?}", began.elapsed());
    assert!(began.elapsed() < STOP, "an idle broker took {:?} to stop", began.elapsed());
}

/// How long this is to take.
fn length() -> Duration {
    let told = std::env::var("APUS_SOAK_SECONDS").ok();
    Duration::from_secs(told.map_or(SECONDS, |text| text.parse().expect("APUS_SOAK_SECONDS is a number")))
}

/// Waits until the broker holds nothing for anybody and hardly uses a processor.
fn rests(broker: &Broker) {
    let began = Moment::now();
    loop {
        let before = ticks(broker.process());
        thread::sleep(REST);
        let used = ticks(broker.process()) - before;
        let held = held(broker);
        if used <= REST_TICKS_MAX && held.is_empty() {
            println!("idle: {used} ticks in {REST:?}, after {:?}", began.elapsed());
            return;
        }
        assert!(began.elapsed() < PATIENCE, "with no client left: {used} ticks in {REST:?}, and {held:?}");
    }
}

/// What is not 0 and should be.
fn held(broker: &Broker) -> Vec<(String, f64)> {
    let seen = scrape(broker);
    let of = |series: &str| HELD.contains(&series.split('{').next().expect("a name"));
    let gauges: Vec<(String, f64)> = seen.into_iter().filter(|(series, _)| of(series)).collect();
    assert!(gauges.len() >= HELD.len(), "some are not exported any more: {gauges:?}");
    gauges.into_iter().filter(|(_, value)| *value != 0.0).collect()
}
