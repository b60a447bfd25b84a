//! The load: our own generator, Kafka's or librdkafka's, as a process of its own, so that its CPU is not the broker's, nor ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::watch::now;
use super::{java, rdkafka};
use crate::systems::ward::Ward;
use crate::systems::{Places, itself, usage};

/// A load that takes so much longer than it was asked to is stuck.
const GRACE: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(5);

/// What one workload saw.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Work {
    /// From its start to its last record.
    pub seconds: f64,
    /// Acknowledged or seen.
    pub records: u64,
    /// Of their batches.
    pub bytes: u64,
    /// By name.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// In microseconds.
    pub latency: Option<Latency>,
    /// The broker's CPU in that time.
    #[serde(default)]
    pub watched_cpu_seconds: f64,
}

/// A distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 999th permille, where it is told.
    #[serde(default)]
    pub p999: Option<f64>,
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// By workload.
    pub works: BTreeMap<String, Work>,
    /// Workloads that only prepared: others came after them.
    pub before: BTreeSet<String>,
    /// Why it failed, where it did.
    pub failures: Vec<String>,
    /// CPU of the generator.
    pub cpu: f64,
    /// When it ended, in seconds since 1970.
    pub ended: f64,
}

impl Outcome {
    /// The workloads that are measured.
    pub fn measured(&self) -> impl Iterator<Item = (&String, &Work)> {
        self.works.iter().filter(|(name, _)| !self.before.contains(*name))
    }
}

/// What the generator writes.
#[derive(Deserialize)]
struct Written {
    workloads: BTreeMap<String, Work>,
    #[serde(default)]
    failures: Vec<String>,
}

/// A load to run.
#[derive(Clone, Debug)]
pub enum Load {
    /// A scenario of ours, and how long each of its workloads runs.
    Scenario(PathBuf, f64),
    /// One of Kafka's own generators.
    Java(java::Tool),
    /// librdkafka's.
    Rdkafka(rdkafka::Tool),
}

/// What a load is run against, and with.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Where the broker listens.
    pub bootstrap: SocketAddr,
    /// Its process.
    pub broker: u32,
    /// Where programs are.
    pub places: &'a Places,
    /// Who ends them.
    pub ward: &'a Ward,
}

impl Load {
    /// Runs it. The error says why there is no outcome.
    pub fn run(&self, surroundings: Surroundings<'_>) -> Result<Outcome, String> {
        match self {
            Load::Scenario(scenario, seconds) => own(scenario, *seconds, surroundings),
            Load::Java(tool) => tool.run(surroundings),
            Load::Rdkafka(tool) => tool.run(surroundings),
        }
    }
}

fn own(scenario: &Path, seconds: f64, surroundings: Surroundings<'_>) -> Result<Outcome, String> {
    let Surroundings { bootstrap, broker, places, ward } = surroundings;
    let json = places.work.join("load.json");
    let _ = fs::remove_file(&json);
    let mut command = Command::new(itself()?);
    command.arg("load").arg(scenario).args(["--bootstrap", &bootstrap.to_string()]);
    command.arg("--json").arg(&json).args(["--watch", &broker.to_string()]);
    command.args(["--set", &format!("seconds={seconds:?}")]);
    command.args(["--set", &format!("warmup_seconds={:?}", seconds / 4.0)]);
    let run = execute(&mut command, &places.work, Duration::from_secs_f64(seconds * 3.0) + GRACE, ward)?;
    let text = fs::read_to_string(&json).map_err(|_| run.complaint("it left no outcome"))?;
    let written: Written =
        serde_json::from_str(&text).map_err(|error| run.complaint(&format!("{}: {error}", json.display())))?;
    let mut failures = written.failures;
    if failures.is_empty() && !run.successful {
        failures.push(run.complaint("it failed"));
    }
    let before = prepares(scenario)?;
    Ok(Outcome { works: written.workloads, before, failures, cpu: run.cpu, ended: run.ended })
}

/// Workloads of a scenario after which others come.
fn prepares(scenario: &Path) -> Result<BTreeSet<String>, String> {
    let wrong = |why: String| format!("{}: {why}", scenario.display());
    let text = fs::read_to_string(scenario).map_err(|error| wrong(error.to_string()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let workloads = table.get("workload").and_then(toml::Value::as_table);
    let workloads = workloads.into_iter().flat_map(toml::Table::values);
    Ok(workloads.filter_map(|workload| workload.get("after")?.as_str().map(str::to_owned)).collect())
}

/// A program that ended.
pub struct Execution {
    /// Whether it said that all was well.
    pub successful: bool,
    /// What it wrote to its standard output.
    pub output: String,
    /// User and system.
    pub cpu: f64,
    /// In seconds since 1970.
    pub ended: f64,
    log: PathBuf,
}

impl Execution {
    /// A sentence with the end of its log.
    pub fn complaint(&self, why: &str) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().chain(self.output.lines()).collect();
        let last = lines[lines.len().saturating_sub(4)..].join("\n    ");
        format!("the load: {why}; it ends with:\n    {last}")
    }
}

/// Runs a program to its end, or to the end of its time.
pub fn execute(command: &mut Command, work: &Path, time: Duration, ward: &Ward) -> Result<Execution, String> {
    let (out, log) = (work.join("load.out"), work.join("load.log"));
    let create = |path: &Path| File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()));
    command.stdin(Stdio::null()).stdout(create(&out)?).stderr(create(&log)?);
    let (from, before) = (Instant::now(), usage::children());
    let mut child = ward.spawn(command)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| format!("the load cannot be watched: {error}"))? {
            break status;
        }
        if from.elapsed() > time {
            ward.kill(&mut child);
            return Err(format!("the load did not end within {} s", time.as_secs()));
        }
        std::thread::sleep(PAUSE);
    };
    let ended = now();
    ward.ended(child.id());
    Ok(Execution {
        successful: status.success(),
        output: fs::read_to_string(&out).unwrap_or_default(),
        cpu: usage::children().total() - before.total(),
        ended,
        log,
    })
}
