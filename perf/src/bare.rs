//! `apus-perf bare`: what Apus's own S3 client writes into the bucket next door when there is no broker in front of it,
//! and beside it what Apus takes in: how much of the way to the store is the broker's.
//!
//! Each round has both, in turn. The bare client keeps [`PUTS`] PUTs of a full pack under way while the same load as the
//! broker's runs beside it at full speed into a [`crate::sink`]: it has as little of the machine as a broker has.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use apus_core::ids::{CoreId, Ticket};
use apus_core::world::{Body, Condition, ObjectKey, StoreReply, StoreRequest};
use apus_store::plane::{Location, Plane, PlaneConfig};
use apus_store::s3::{Credentials, S3Config};
use bytes::Bytes;
use clap::Args;

use crate::compare::generator::{Load, Outcome, Surroundings};
use crate::systems::process::Process;
use crate::systems::store::{BUCKET, KEY, SECRET, Store};
use crate::systems::ward::Ward;
use crate::systems::{self, BucketSettings, Places, System};

/// PUTs under way; more do not make it faster.
const PUTS: u64 = 8;
/// Bytes of one: a pack that is full.
const PACK_BYTES: usize = 4 << 20;
/// The pieces of a pack: a batch each.
const PIECE_BYTES: usize = 256 << 10;

/// What is measured.
#[derive(Args, Clone, Debug)]
pub struct BareArguments {
    /// How often.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each load runs.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// The load.
    #[arg(long, default_value = "perf/scenarios/produce-256k.toml")]
    scenario: PathBuf,
    /// The broker; the one beside this program when not given.
    #[arg(long)]
    apus: Option<PathBuf>,
    /// Where logs go while it runs.
    #[arg(long, default_value = "target/perf")]
    out: PathBuf,
}

/// One round, in megabytes a second.
#[derive(Clone, Copy, Debug)]
struct Round {
    bare: f64,
    /// What the sink took meanwhile.
    sunk: f64,
    apus: f64,
}

/// Measures and prints. The error says why there is nothing to print.
pub fn run(arguments: &BareArguments) -> Result<(), String> {
    if arguments.rounds == 0 || !arguments.seconds.is_normal() || arguments.seconds < 0.0 {
        return Err("a run without rounds or seconds measures nothing".to_owned());
    }
    let places = Places {
        apus: arguments.apus.clone().map_or_else(systems::beside, Ok)?,
        foreign: PathBuf::new(),
        work: arguments.out.join(format!("bare-{}", std::process::id())),
        bucket: BucketSettings { sink: true, seed: 1 },
    };
    if let Some(missing) = systems::missing(System::ApusBucket, &places) {
        return Err(missing);
    }
    let ward = Ward::begin()?;
    ward.keep(&places.work);
    std::fs::create_dir_all(&places.work)
        .map_err(|error| format!("cannot create {}: {error}", places.work.display()))?;
    let load = Load::Scenario(arguments.scenario.clone(), arguments.seconds);
    let mut rounds = Vec::new();
    println!("     bare client, with a load into a sink     Apus with that load     ratio");
    for _ in 0..arguments.rounds {
        let (bare, sunk) = alone(&load, &places, &ward)?;
        let round = Round { bare, sunk, apus: whole(&load, &places, &ward)? };
        let Round { bare, sunk, apus } = round;
        println!("     {bare:6.0} MB/s   ({sunk:5.0} MB/s sunk) {apus:18.0} MB/s {:13.2}", apus / bare);
        rounds.push(round);
    }
    let mut ratios: Vec<f64> = rounds.iter().map(|round| round.apus / round.bare).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[ratios.len() / 2]);
    ward.remove(&places.work);
    Ok(())
}

/// Megabytes a second of the measured workloads.
fn rate(outcome: &Outcome) -> Result<f64, String> {
    if let Some(failure) = outcome.failures.first() {
        return Err(failure.clone());
    }
    Ok(outcome.measured().map(|(_, work)| work.bytes as f64 / 1e6 / work.seconds).sum())
}

/// Apus on the bucket.
fn whole(load: &Load, places: &Places, ward: &Ward) -> Result<f64, String> {
    let running = systems::start(System::ApusBucket, places, ward)?;
    let broker = running.broker.id();
    rate(&load.run(Surroundings { bootstrap: running.bootstrap, broker, places, ward })?)
}

/// The bare client on a bucket, beside the load into a sink: what it wrote, and what the sink took.
fn alone(load: &Load, places: &Places, ward: &Ward) -> Result<(f64, f64), String> {
    let store = Store::bucket(places, ward, &[])?;
    let bootstrap = systems::free_port()?;
    let mut command = Command::new(systems::itself()?);
    command.args(["sink", "--listen", &bootstrap.to_string()]);
    let mut sink = Process::spawn("the sink", &mut command, &places.work.join("sink.log"), ward)?;
    systems::probe::first_answer(bootstrap, &mut sink)?;
    let done = Arc::new(AtomicBool::new(false));
    let pump = {
        let (endpoint, done) = (store.endpoint(), Arc::clone(&done));
        thread::spawn(move || pump(endpoint, &done))
    };
    let outcome = load.run(Surroundings { bootstrap, broker: sink.id(), places, ward });
    done.store(true, Ordering::Relaxed);
    let bare = pump.join().map_err(|_| "the bare client died".to_owned())??;
    Ok((bare, rate(&outcome?)?))
}

/// Writes pack after pack until it is done; megabytes a second.
fn pump(endpoint: String, done: &AtomicBool) -> Result<f64, String> {
    let location = Location::S3(S3Config {
        bucket: BUCKET.to_owned(),
        prefix: "bare".to_owned(),
        endpoint: Some(endpoint),
        region: "us-east-1".to_owned(),
        path_style: true,
        credentials: Credentials { access_key: KEY.to_owned(), secret_key: SECRET.to_owned(), session_token: None },
    });
    let (replies, replied) = mpsc::channel();
    let plane = Plane::start(
        PlaneConfig::new(location),
        Arc::new(move |_: CoreId, _: Ticket, reply: StoreReply| drop(replies.send(reply))),
    )?;
    let handle = plane.handle();
    let piece = Bytes::from(vec![0x5a; PIECE_BYTES]);
    let mut number = 0;
    let mut submit = || {
        let (key, condition) = (ObjectKey::new(&format!("v1/d/{number}")), Condition::Always);
        let body = Body::new(vec![piece.clone(); PACK_BYTES / PIECE_BYTES]);
        number += 1;
        let submitted = handle.submit(CoreId(0), Ticket(number), StoreRequest::Put { key, body, condition });
        submitted.map_err(|_| "the store plane has no room".to_owned())
    };
    let from = Instant::now();
    (0..PUTS).try_for_each(|_| submit())?;
    let mut written = 0;
    while !done.load(Ordering::Relaxed) {
        match replied.recv_timeout(Duration::from_secs(30)) {
            Ok(StoreReply::Put(Ok(_))) => written += PACK_BYTES,
            other => return Err(format!("a PUT of the bare client came to {other:?}")),
        }
        submit()?;
    }
    let elapsed = from.elapsed();
    plane.stop(Duration::from_secs(5));
    Ok(written as f64 / 1e6 / elapsed.as_secs_f64())
}
