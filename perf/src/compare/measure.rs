//! One load against one running system, and the numbers that come of it.
//!
//! CPU is of the time that the measured workloads ran: what fills a topic first is not in it. What a broker tells of
//! itself is of the whole load, and is divided by the bytes that it says came in or went out in that time.

use std::collections::BTreeMap;

use super::generator::{Load, Outcome, Surroundings};
use super::metrics::Metrics;
use super::quantity::{Measure, Quantity};
use super::watch::{Look, Watch, used};
use crate::bucket::counts::Counts;
use crate::systems::usage::{disk_bytes, memory_peak};
use crate::systems::ward::Ward;
use crate::systems::{Places, Running};

/// Bytes of a gigabyte, as in s/GB and MB/s.
const GIGABYTE: f64 = 1e9;
/// Bytes a second below which a load is one of records: what it costs is then a matter of seconds, not of gigabytes.
const FEW_BYTES_A_SECOND: f64 = 5e6;

/// What was measured, and what was wrong with it.
pub struct Measured {
    /// By name.
    pub values: BTreeMap<Quantity, f64>,
    /// Nothing where all was well.
    pub problem: Option<String>,
}

/// Counters at one moment.
struct Counters {
    metrics: Option<Metrics>,
    bucket: Option<Counts>,
    disk: Option<u64>,
    files: u64,
}

impl Counters {
    fn read(running: &Running) -> Result<Counters, String> {
        let bucket = running.store.as_ref().map(|store| store.counts()).transpose()?.flatten();
        let metrics = running.metrics.map(Metrics::read).transpose()?;
        Ok(Counters { metrics, bucket, disk: disk_bytes(running.broker.id()), files: running.files() })
    }
}

/// Runs the load and measures.
pub fn measure(load: &Load, running: &mut Running, places: &Places, ward: &Ward) -> Result<Measured, String> {
    running.broker.alive()?;
    let before = Counters::read(running)?;
    let watch = Watch::begin(running.broker.id(), running.store.as_ref().map(|store| store.process.id()));
    let outcome = load.run(Surroundings { bootstrap: running.bootstrap, broker: running.broker.id(), places, ward });
    let looks = watch.end();
    // A broker that died says more than a load that found nobody.
    running.broker.alive()?;
    let outcome = outcome?;
    let after = Counters::read(running)?;
    let mut values = BTreeMap::new();
    seen(&mut values, &outcome);
    cost(&mut values, &outcome, &looks, running);
    told(&mut values, &before, &after, &outcome, &looks);
    values.insert(Quantity::whole(Measure::Start), running.start.as_secs_f64() * 1_000.0);
    Ok(Measured { values, problem: (!outcome.failures.is_empty()).then(|| outcome.failures.join("; ")) })
}

/// Whether the measured workloads were about records, not bytes.
fn few(outcome: &Outcome) -> bool {
    outcome.measured().all(|(_, work)| (work.bytes as f64) < FEW_BYTES_A_SECOND * work.seconds)
}

/// What clients saw.
fn seen(values: &mut BTreeMap<Quantity, f64>, outcome: &Outcome) {
    for (name, work) in outcome.measured() {
        let mut put = |measure, value| values.insert(Quantity::of(name, measure), value);
        if work.bytes > 0 && work.seconds > 0.0 {
            if few(outcome) {
                put(Measure::Records, work.records as f64 / work.seconds);
            } else {
                put(Measure::Rate, work.bytes as f64 / 1e6 / work.seconds);
            }
        }
        if !work.errors.is_empty() {
            put(Measure::Errors, work.errors.values().sum::<u64>() as f64);
        }
        if let Some(latency) = work.latency {
            put(Measure::P50, latency.p50 / 1_000.0);
            put(Measure::P99, latency.p99 / 1_000.0);
            latency.p999.map(|p999| put(Measure::P999, p999 / 1_000.0));
        }
    }
}

/// What it cost.
fn cost(values: &mut BTreeMap<Quantity, f64>, outcome: &Outcome, looks: &[Look], running: &Running) {
    let mut put = |measure, value| values.insert(Quantity::whole(measure), value);
    let seconds = outcome.measured().map(|(_, work)| work.seconds).fold(0.0, f64::max);
    let gigabytes = outcome.measured().map(|(_, work)| work.bytes).sum::<u64>() as f64 / GIGABYTE;
    // A load ends when its last workload does.
    let used = used(looks, outcome.ended - seconds, outcome.ended);
    // The generator looked at the very moments; where it did not, our own looks are close.
    let watched = outcome.measured().map(|(_, work)| work.watched_cpu_seconds).fold(0.0, f64::max);
    let broker = if watched > 0.0 { watched } else { used.broker.total() };
    if seconds > 0.0 {
        put(Measure::CpuShare, broker / seconds * 100.0);
    }
    if gigabytes > 0.0 && !few(outcome) {
        let user = used.broker.user / used.broker.total().max(f64::MIN_POSITIVE);
        put(Measure::Cpu, broker / gigabytes);
        put(Measure::CpuUser, broker * user / gigabytes);
        put(Measure::CpuSystem, broker * (1.0 - user) / gigabytes);
        put(Measure::KernelCpu, used.kernel / gigabytes);
        if running.store.is_some() {
            put(Measure::StoreCpu, used.store / gigabytes);
        }
        // Of the whole load: what prepares it is ours too.
        let moved = outcome.works.values().map(|work| work.bytes).sum::<u64>() as f64 / GIGABYTE;
        put(Measure::ClientCpu, outcome.cpu / moved);
    }
    if let (Some(first), Some(last)) = (looks.first(), looks.last()) {
        let whole = super::watch::used(looks, first.at, last.at);
        let known = whole.broker.total() + whole.store + whole.kernel + outcome.cpu;
        put(Measure::Elsewhere, (whole.machine - known).max(0.0) / whole.at.max(f64::MIN_POSITIVE) * 100.0);
    }
    if let Some(bytes) = memory_peak(running.broker.id()) {
        put(Measure::Memory, bytes as f64 / f64::from(1 << 20));
    }
}

/// What broker, store and kernel counted while the load ran.
fn told(values: &mut BTreeMap<Quantity, f64>, before: &Counters, after: &Counters, outcome: &Outcome, looks: &[Look]) {
    let mut put = |measure, value: f64| {
        if value.is_finite() {
            values.insert(Quantity::whole(measure), value);
        }
    };
    let whole = looks.first().zip(looks.last()).map_or(0.0, |(first, last)| last.at - first.at);
    let few = few(outcome);
    let mut bytes_in = None;
    if let (Some(before), Some(after)) = (before.metrics, after.metrics) {
        let since = after.since(before);
        bytes_in = Some(since.bytes_in);
        if few {
            put(Measure::PutsASecond, since.puts / whole);
            put(Measure::DurableWritesASecond, since.groups / whole);
        } else {
            put(Measure::Puts, since.puts / (since.bytes_in / GIGABYTE));
            put(Measure::DurableWrites, since.groups / (since.bytes_in / GIGABYTE));
        }
        put(Measure::Gets, since.gets / (since.bytes_out / GIGABYTE));
        put(Measure::Lists, since.lists);
        put(Measure::Hedges, since.hedges / since.puts * 100.0);
    }
    // Kafka does not tell: what producers were acknowledged is what came in.
    let produced = || outcome.works.iter().filter(|(name, _)| name.contains("produce") || name.contains("fill"));
    let bytes_in = bytes_in.unwrap_or_else(|| produced().map(|(_, work)| work.bytes as f64).sum());
    if let (Some(before), Some(after)) = (before.disk, after.disk) {
        put(Measure::DiskBytes, after.saturating_sub(before) as f64 / bytes_in);
    }
    let files = after.files.saturating_sub(before.files) as f64;
    if few {
        put(Measure::FilesASecond, files / whole);
    } else {
        put(Measure::Files, files);
    }
    if let (Some(before), Some(after)) = (&before.bucket, &after.bucket) {
        let seconds = produced().map(|(_, work)| work.seconds).fold(0.0, f64::max);
        put(Measure::PutsInFlight, (after.put_inflight_seconds - before.put_inflight_seconds) / seconds);
        if after.put_drawn_p50_ms > 0.0 {
            put(Measure::InjectedP50, after.put_drawn_p50_ms);
            put(Measure::InjectedP99, after.put_drawn_p99_ms);
        }
    }
}
