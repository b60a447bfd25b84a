//! Everything that a stranger may send, against a live broker with a well-behaved client beside it.
//!
//! What is sent is answered with Kafka's own error, or its connection is closed. The broker lives, its memory is bounded
//! by what it has received, its log stays short, and the well-behaved client notices nothing: no error, and how long its
//! records take is printed beside what they take when it is alone.

pub mod batches;
mod bodies;
mod crowds;
pub mod floods;
mod frames;
pub mod names;
mod neighbour;
mod phases;
mod readers;
mod repeats;
pub mod wire;

use crate::broker::{Broker, seed};
use crate::place::Place;
use phases::Phases;

/// Log lines that all of it may cost, whatever it sends: what comes at once on each core, and one a second.
const LINES_MAX: usize = 1_000;

#[test]
fn nothing_that_a_stranger_sends_can_hurt() {
    let seed = seed(31);
    let mut broker = Broker::start(&Place::Directory, seed, &["cores=2", "num.partitions=2", "max.connections=20000"]);
    names::create(&broker);
    names::create_wide(&broker);
    let drip = frames::Drip::start(&broker);
    let mut phases = Phases::start(&broker);
    phases.quiet();
    phases.run("frames", || frames::attack(&broker));
    phases.run("bodies of every API and version", || bodies::attack(&broker, seed));
    phases.run("batches", || batches::attack(&broker));
    phases.run("names and configs", || names::attack(&broker));
    phases.run("a million topics in one Metadata", || floods::many_topics(&broker));
    phases.run("one broker's settings, often", || repeats::resources(&broker));
    phases.run("one topic, often", || repeats::topics(&broker));
    phases.run("groups without a name", || repeats::keys(&broker));
    phases.run("one partition, often", || repeats::positions(&broker));
    phases.run_holding("hundreds who never read", readers::HELD, || readers::attack(&broker));
    phases.run("a client that never reads", || floods::never_reads(&broker));
    phases.run("a pipeline of a million requests", || floods::pipeline(&broker));
    phases.run("ten thousand connections", || crowds::attack(&broker));
    let history = phases.finish();
    drip.finish();
    history.verify(&broker);
    broker.stop();
    let logged = broker.logged();
    assert!(logged.contains("closed the connection from 127.0.0.1"), "whoever looks finds the reason: {logged}");
    let lines = logged.lines().count();
    assert!(lines <= LINES_MAX, "{lines} log lines");
}

/// What takes little time of the above, where a core has nobody beside it, and where it has three others.
fn on_so_many_cores(cores: usize) {
    let seed = seed(32);
    let mut broker = Broker::start(&Place::Directory, seed, &[&format!("cores={cores}"), "num.partitions=2"]);
    names::create(&broker);
    let mut phases = Phases::start(&broker);
    phases.quiet();
    phases.run("frames", || frames::attack(&broker));
    phases.run("bodies of every API and version", || bodies::attack(&broker, seed));
    phases.run("batches", || batches::attack(&broker));
    phases.run("names and configs", || names::attack(&broker));
    phases.run("a client that never reads", || floods::never_reads(&broker));
    let history = phases.finish();
    history.verify(&broker);
    broker.stop();
    let lines = broker.logged().lines().count();
    assert!(lines <= LINES_MAX, "{lines} log lines");
}

#[test]
fn nothing_hurts_one_core() {
    on_so_many_cores(1);
}

#[test]
fn nothing_hurts_four_cores() {
    on_so_many_cores(4);
}
