//! What came of a run, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use hdrhistogram::Histogram;
use serde::Serialize;

/// What came of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// What each workload did, by name. An end-to-end workload has a second entry, `NAME.produce`.
    pub workloads: BTreeMap<String, WorkloadOutcome>,
    /// CPU seconds of this program over the whole run.
    pub own_cpu_seconds: f64,
    /// CPU seconds of the watched processes over the whole run.
    pub watched_cpu_seconds: f64,
    /// Why the run has failed; empty where every record was acknowledged once and seen once, and no error was final.
    pub failures: Vec<String>,
}

/// What one workload did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WorkloadOutcome {
    /// From its start to its last record.
    pub seconds: f64,
    /// Records acknowledged or seen.
    pub records: u64,
    /// Bytes of their batches, headers included.
    pub bytes: u64,
    /// Millions of bytes a second.
    pub megabytes_per_second: f64,
    /// Records a second.
    pub records_per_second: f64,
    /// Requests answered.
    pub requests: u64,
    /// Errors that were answered, by Kafka's name; those that pass were tried again.
    pub errors: BTreeMap<String, u64>,
    /// Produce: due (or sent, at full speed) to acknowledged, by record. End to end: due to seen, by record. Catching
    /// up and idle: sent to answered, by request. Nothing for tails, whose requests wait by intent.
    pub latency: Option<Latency>,
    /// Produce at a rate: due to sent, by batch. Where this is not small beside the latency, look why.
    pub lag: Option<Latency>,
    /// CPU seconds of the watched processes from the workload's start to its end; of whatever else ran then, too.
    pub watched_cpu_seconds: f64,
    /// The same for each gigabyte (10^9) of this workload; nothing where there are too few bytes for the clock.
    pub watched_cpu_seconds_per_gb: Option<f64>,
    /// CPU seconds of this program in that time.
    pub own_cpu_seconds: f64,
}

/// A distribution, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half were below.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of a hundred.
    pub p99: f64,
    /// 999 of a thousand.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    /// The distribution of a histogram of nanoseconds; nothing where it is empty.
    pub fn of(histogram: &Histogram<u64>) -> Option<Latency> {
        let microseconds = |nanoseconds: u64| (nanoseconds / 100) as f64 / 10.0;
        let at = |quantile| microseconds(histogram.value_at_quantile(quantile));
        (!histogram.is_empty()).then(|| Latency {
            count: histogram.len(),
            mean: microseconds(histogram.mean() as u64),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: microseconds(histogram.max()),
        })
    }
}

impl Outcome {
    /// Whether records were lost, seen twice, or refused for good.
    pub fn failed(&self) -> bool {
        !self.failures.is_empty()
    }
}

/// Microseconds as milliseconds, with as many digits as mean something.
fn milliseconds(microseconds: f64) -> String {
    let value = microseconds / 1_000.0;
    match value {
        ..1.0 => format!("{value:.3}"),
        ..100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = String::new();
        let titles =
            ["seconds", "records", "rec/s", "MB/s", "requests", "p50 ms", "p90", "p99", "p99.9", "max", "CPU s/GB"];
        write!(table, "{:<24}", self.scenario)?;
        titles.iter().try_for_each(|title| write!(table, " {title:>9}"))?;
        for (name, workload) in &self.workloads {
            write!(table, "\n{name:<24} {:>9.2} {:>9}", workload.seconds, workload.records)?;
            write!(table, " {:>9.0} {:>9.1}", workload.records_per_second, workload.megabytes_per_second)?;
            write!(table, " {:>9}", workload.requests)?;
            let latency = workload.latency.map(|at| [at.p50, at.p90, at.p99, at.p999, at.max].map(milliseconds));
            for value in latency.unwrap_or_else(|| ["-"; 5].map(String::from)) {
                write!(table, " {value:>9}")?;
            }
            let cpu = workload.watched_cpu_seconds_per_gb.map_or("-".into(), |cpu| format!("{cpu:.3}"));
            write!(table, " {cpu:>9}")?;
            for (error, count) in &workload.errors {
                write!(table, "\n    {count} x {error}")?;
            }
            if let Some(lag) = workload.lag {
                let [p50, p99, max] = [lag.p50, lag.p99, lag.max].map(milliseconds);
                write!(table, "\n    due to sent: p50 {p50} ms, p99 {p99} ms, max {max} ms")?;
            }
        }
        write!(table, "\nCPU seconds: load {:.2}", self.own_cpu_seconds)?;
        if self.watched_cpu_seconds > 0.0 {
            write!(table, ", watched {:.2}", self.watched_cpu_seconds)?;
        }
        for failure in &self.failures {
            write!(table, "\nFAILED: {failure}")?;
        }
        out.write_str(&table)
    }
}
