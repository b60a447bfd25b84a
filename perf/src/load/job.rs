//! A workload under way: when it starts, when nothing new is begun, when it has ended.

use std::ops::Range;

use super::coverage::Coverage;
use super::cpu;
use super::outcome::{Latency, WorkloadOutcome};
use super::scenario::{Kind, Rate, Workload};
use super::schedule::Schedule;
use super::tally::Tally;

const SECOND: f64 = 1e9;
/// What ends by bytes or at an offset ends after this at the latest: no run goes on for ever.
const SECONDS_MAX: f64 = 600.0;
/// CPU time comes in ticks of ten milliseconds: for fewer bytes it says nothing about a gigabyte.
const BYTES_TOLD_MIN: u64 = 50_000_000;

/// How far a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It comes after another.
    Waiting,
    /// It runs.
    Running,
    /// Nothing new is begun; what is under way is waited for.
    Closing {
        /// Since then.
        since: u64,
    },
    /// All of it is done, or given up.
    Ended,
}

/// CPU seconds of the watched processes, and of this one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// The watched processes.
    pub watched: f64,
    /// This one.
    pub own: f64,
}

impl Cpu {
    /// So far.
    pub fn now(watch: &[u32]) -> Cpu {
        Cpu { watched: cpu::seconds_of(watch), own: cpu::own_seconds() }
    }

    /// Since then.
    pub fn since(self, before: Cpu) -> Cpu {
        Cpu { watched: self.watched - before.watched, own: self.own - before.own }
    }
}

/// The workload.
pub struct Job {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// What the file says of it.
    pub workload: Workload,
    /// How long it runs.
    pub seconds: f64,
    /// The job it comes after.
    pub after: Option<usize>,
    /// Its topic.
    pub topic: usize,
    /// Its connections.
    pub clients: Range<usize>,
    /// Those that are not done.
    pub live: usize,
    /// Connections and their lanes, in the order in which records are dealt.
    pub lanes: Vec<(usize, usize)>,
    /// When its records are due.
    pub schedule: Option<Schedule>,
    /// Bytes that may still be sent.
    pub bytes_left: Option<u64>,
    /// Requests that idle connections may have under way.
    pub slots: usize,
    /// The next idle connection that has not asked.
    pub next_idle: usize,
    /// What it has done.
    pub tally: Tally,
    /// How far it is.
    pub phase: Phase,
    /// When it started.
    pub started: u64,
    /// CPU time when it started, then the time that it took.
    pub cpu: Cpu,
    /// Records and bytes when progress was last shown.
    pub shown: (u64, u64),
}

impl Job {
    /// Starts it: its schedule, if it has one, is settled here.
    pub fn start(&mut self, now: u64, watch: &[u32]) {
        (self.phase, self.started, self.tally.last) = (Phase::Running, now, now);
        self.cpu = Cpu::now(watch);
        self.live = self.clients.len();
        self.next_idle = self.clients.start;
        if let (Kind::Produce, Rate::Records(rate)) = (self.kind, self.workload.rate) {
            self.schedule = Some(Schedule::new(now, rate, self.seconds, self.lanes.len()));
        }
    }

    /// Whether its own time is over; `others` says whether those are done that it follows.
    pub fn is_over(&self, now: u64, others: Option<bool>) -> bool {
        let seconds = (now - self.started) as f64 / SECOND;
        let passed = seconds >= self.seconds;
        let overdue = seconds >= SECONDS_MAX.max(self.seconds);
        let over = match self.kind {
            Kind::Produce => match &self.schedule {
                Some(schedule) => schedule.next_due().is_none(),
                None => self.bytes_left.map_or(passed, |left| left == 0),
            },
            Kind::CatchUp => self.workload.repeat && passed,
            Kind::Tail | Kind::EndToEnd | Kind::Idle => others.unwrap_or(passed),
        };
        over || overdue
    }

    /// Ends it.
    pub fn end(&mut self, watch: &[u32]) {
        self.phase = Phase::Ended;
        self.cpu = Cpu::now(watch).since(self.cpu);
    }

    /// A producer's partitions must be without gaps.
    pub fn check_gaps(&mut self, offsets: &[Coverage]) {
        for (partition, offsets) in offsets.iter().enumerate() {
            if let Some(gap) = offsets.gap() {
                self.tally.fail(format!("partition {partition}: offsets {gap:?} were given to nobody"));
            }
        }
    }

    /// What came of it.
    pub fn outcome(&mut self) -> WorkloadOutcome {
        let seconds = self.tally.last.saturating_sub(self.started) as f64 / SECOND;
        let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let gigabytes = self.tally.bytes as f64 / 1e9;
        let named = |(code, count): (&i16, &u64)| (super::error::name(*code), *count);
        let is_watched = self.cpu.watched > 0.0 && self.tally.bytes >= BYTES_TOLD_MIN;
        WorkloadOutcome {
            seconds,
            records: self.tally.records,
            bytes: self.tally.bytes,
            megabytes_per_second: rate(self.tally.bytes) / 1e6,
            records_per_second: rate(self.tally.records),
            requests: self.tally.requests,
            errors: self.tally.errors.iter().map(named).collect(),
            latency: Latency::of(self.tally.latency.whole()),
            lag: Latency::of(self.tally.lag.whole()),
            watched_cpu_seconds: self.cpu.watched,
            watched_cpu_seconds_per_gb: is_watched.then(|| self.cpu.watched / gigabytes),
            own_cpu_seconds: self.cpu.own,
        }
    }
}
