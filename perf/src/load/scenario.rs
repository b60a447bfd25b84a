//! A scenario: topics and the workloads that run on them, as a file says it.
//!
//! Every key has a default that a real client has, too; a key that is not known is an error, because a misspelt one
//! would measure something else than what was meant.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::template::TIMED_BYTES;

/// A load and its length.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called in tables; the file's name where it says nothing.
    #[serde(default)]
    pub name: String,
    /// How long workloads run that do not say it themselves.
    #[serde(default = "ten")]
    pub seconds: f64,
    /// Latencies of what was due (or sent) in a workload's first seconds are left out; bytes and CPU time are not.
    #[serde(default)]
    pub warmup_seconds: f64,
    /// Topics by name.
    pub topic: BTreeMap<String, TopicPlan>,
    /// Workloads by name.
    pub workload: BTreeMap<String, Workload>,
    /// Processes whose CPU time is reported beside the load's own.
    #[serde(skip)]
    pub watch: Vec<u32>,
}

/// A topic that the workloads run on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicPlan {
    /// How many partitions it gets.
    #[serde(default = "one_partition")]
    pub partitions: i32,
    /// How many replicas each gets.
    #[serde(default = "one_replica")]
    pub replication_factor: i16,
    /// Deleted where it exists, and created; else it must be there.
    #[serde(default = "yes")]
    pub create: bool,
    /// Its settings, where they differ from the broker's.
    #[serde(default)]
    pub configs: BTreeMap<String, String>,
}

/// What a workload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Idempotent producers with acks=all.
    Produce,
    /// Consumers at the end of their partitions, until every record is seen that was acknowledged.
    Tail,
    /// Consumers that read what is there when they start, as fast as they can.
    CatchUp,
    /// Producers whose records carry their due time, and consumers that look at it.
    EndToEnd,
    /// Connections that ask for metadata once and stay.
    Idle,
}

/// How partitions are given to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// Every connection has all of them.
    All,
    /// Each partition belongs to one connection, as in a consumer group.
    Share,
}

/// How fast records come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As fast as the window of requests in flight lets them: latency counts from the send.
    Max,
    /// So many records a second, come what may: latency counts from the due time.
    Records(u64),
}

/// Connections that do the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// What they do.
    pub kind: Kind,
    /// The topic they do it to.
    pub topic: String,
    /// Starts when this workload has ended, and with the run where it names none.
    #[serde(default)]
    pub after: Option<String>,
    /// How long it runs.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Producers: stop after so many bytes.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// How many connections; each is a client of its own.
    #[serde(default = "one")]
    pub connections: usize,
    /// How they divide the partitions: producers share none of them, consumers all, unless it is said.
    #[serde(default)]
    pub spread: Option<Spread>,
    /// Records a second of all connections together, or "max".
    #[serde(default = "full_speed", deserialize_with = "rate")]
    pub rate: Rate,
    /// Bytes of a record's value.
    #[serde(default = "kilobyte")]
    pub record_bytes: usize,
    /// Bytes of the largest batch.
    #[serde(default = "batch")]
    pub batch_bytes: usize,
    /// Bytes of the largest produce request, unless one batch has more (Java: max.request.size).
    #[serde(default = "megabyte")]
    pub request_bytes: usize,
    /// Produce requests under way on a connection; idle connections: requests under way in all.
    #[serde(default = "five")]
    pub in_flight: usize,
    /// How long a record waits for company, where its batch is not full.
    #[serde(default)]
    pub linger_ms: u64,
    /// The broker's own limit for a produce request.
    #[serde(default = "thirty_thousand")]
    pub timeout_ms: i32,
    /// Bytes of the largest fetch answer.
    #[serde(default = "fetch_bytes")]
    pub fetch_bytes: i32,
    /// Bytes of one partition in it.
    #[serde(default = "partition_bytes")]
    pub partition_bytes: i32,
    /// How long a fetch waits for the first byte.
    #[serde(default = "five_hundred")]
    pub max_wait_ms: i32,
    /// Consumers compute the checksum of every batch.
    #[serde(default)]
    pub verify: bool,
    /// Catching up: start again at the beginning until the seconds are over.
    #[serde(default)]
    pub repeat: bool,
    /// Idle connections ask for all topics, not only for the brokers.
    #[serde(default)]
    pub all_topics: bool,
    /// Idle connections stay until everything else has ended; else their workload ends with their last answer.
    #[serde(default = "yes")]
    pub stay: bool,
}

fn ten() -> f64 {
    10.0
}
fn one() -> usize {
    1
}
fn one_partition() -> i32 {
    1
}
fn one_replica() -> i16 {
    1
}
fn yes() -> bool {
    true
}
fn kilobyte() -> usize {
    1 << 10
}
fn batch() -> usize {
    256 << 10
}
fn megabyte() -> usize {
    1 << 20
}
fn five() -> usize {
    5
}
fn five_hundred() -> i32 {
    500
}
fn thirty_thousand() -> i32 {
    30_000
}
fn fetch_bytes() -> i32 {
    50 << 20
}
fn partition_bytes() -> i32 {
    1 << 20
}
fn full_speed() -> Rate {
    Rate::Max
}

fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Rate, D::Error> {
    match toml::Value::deserialize(from)? {
        toml::Value::String(word) if word == "max" => Ok(Rate::Max),
        toml::Value::Integer(records) if records > 0 => Ok(Rate::Records(records as u64)),
        _ => Err(de::Error::custom("a rate is \"max\" or records a second")),
    }
}

impl Scenario {
    /// The scenario of a file with some keys set otherwise, as `key=value`.
    ///
    /// # Errors
    /// Where it cannot be read, or does not make sense.
    pub fn read(path: &Path, set: &[String]) -> Result<Scenario, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut scenario = Scenario::parse(&text, set).map_err(|error| format!("{}: {error}", path.display()))?;
        if scenario.name.is_empty() {
            scenario.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        }
        Ok(scenario)
    }

    fn parse(text: &str, set: &[String]) -> Result<Scenario, String> {
        let mut table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        for pair in set {
            put(&mut table, pair)?;
        }
        let scenario = table.try_into::<Scenario>().map_err(|error| error.to_string())?;
        for (name, workload) in &scenario.workload {
            scenario.check(workload).map_err(|error| format!("workload {name}: {error}"))?;
        }
        Ok(scenario)
    }

    /// Whether what it comes after begins with the run, by however many steps.
    fn starts(&self, workload: &Workload) -> bool {
        let mut after = workload.after.as_ref();
        for _ in 0..=self.workload.len() {
            let Some(name) = after else { return true };
            let Some(before) = self.workload.get(name) else { return false };
            after = before.after.as_ref();
        }
        false
    }

    fn check(&self, workload: &Workload) -> Result<(), String> {
        let wrong = match workload {
            _ if workload.connections == 0 || workload.in_flight == 0 => "it does nothing",
            _ if !self.topic.contains_key(&workload.topic) => "its topic is not in the scenario",
            _ if !self.starts(workload) => "it comes after a workload that never ends, or is not in the scenario",
            Workload { kind: Kind::EndToEnd, rate: Rate::Max, .. } => "without a rate there is no due time",
            Workload { kind: Kind::EndToEnd, record_bytes: 0..TIMED_BYTES, .. } => {
                "its records are too short for a time"
            }
            Workload { bytes: Some(_), rate: Rate::Records(_), .. } => "a rate ends by seconds, not by bytes",
            _ => return Ok(()),
        };
        Err(wrong.into())
    }

    /// How long a workload runs.
    pub fn seconds_of(&self, workload: &Workload) -> f64 {
        workload.seconds.unwrap_or(self.seconds)
    }
}

/// Sets `a.b.c=value`; what is no TOML value is a string.
fn put(table: &mut toml::Table, pair: &str) -> Result<(), String> {
    let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair} is not key=value"))?;
    let read = toml::from_str::<toml::Table>(&format!("value = {value}"));
    let value = read.ok().and_then(|mut read| read.remove("value")).unwrap_or_else(|| value.into());
    let mut words: Vec<&str> = key.split('.').collect();
    let last = words.pop().unwrap_or_default();
    let mut at = table;
    for word in words {
        let below = at.entry(word).or_insert_with(|| toml::Table::new().into());
        at = below.as_table_mut().ok_or_else(|| format!("{key}: {word} holds no keys"))?;
    }
    at.insert(last.into(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[topic.load]\n[workload.produce]\nkind = \"produce\"\ntopic = \"load\"\n";

    #[test]
    fn defaults_are_those_of_real_clients() {
        let scenario = Scenario::parse(TEXT, &[]).expect("a scenario");
        let workload = &scenario.workload["produce"];
        assert_eq!((workload.rate, workload.in_flight, workload.record_bytes), (Rate::Max, 5, 1024));
        assert_eq!((scenario.topic["load"].partitions, scenario.seconds_of(workload)), (1, 10.0));
    }

    #[test]
    fn keys_are_set_from_the_command_line() {
        let set = ["seconds=2.5", "workload.produce.rate=900", "topic.load.configs.min=x y", "name=n"];
        let scenario = Scenario::parse(TEXT, &set.map(String::from)).expect("a scenario");
        assert_eq!((scenario.seconds, &*scenario.name), (2.5, "n"));
        assert_eq!(scenario.workload["produce"].rate, Rate::Records(900));
        assert_eq!(scenario.topic["load"].configs["min"], "x y");
        let refused = |set: &str| Scenario::parse(TEXT, &[set.into()]).expect_err("not a scenario");
        refused("seconds");
        refused("second=1");
        refused("seconds.of=1");
        refused("workload.produce.rate=slow");
        refused("workload.produce.rate=0");
        refused("workload.produce.after=nothing");
        refused("workload.produce.after=produce");
        refused("workload.produce.topic=other");
        refused("workload.produce.kind=end-to-end");
        refused("workload.produce.connections=0");
    }

    #[test]
    fn every_scenario_file_is_one() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let mut count = 0;
        for entry in fs::read_dir(directory).expect("scenarios").map(|entry| entry.expect("a file").path()) {
            let scenario = Scenario::read(&entry, &[]).unwrap_or_else(|error| panic!("{error}"));
            assert!(scenario.seconds <= 60.0, "{}: a run is short", entry.display());
            count += 1;
        }
        assert!(count >= 10, "{count} scenarios");
    }
}
