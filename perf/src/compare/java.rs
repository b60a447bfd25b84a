//! Kafka's own generators: ProducerPerformance and ConsumerPerformance, at full speed over a topic that is created when
//! it is first asked for, and EndToEndLatency, one record at a time.
//!
//! They count records, not seconds, and latency from the send. Their CPU includes the start of a JVM.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use super::generator::{Execution, Latency, Outcome, Surroundings, Work, execute};
use crate::systems::class_path;

/// Records for each second that is asked for: a rate that brokers reach on two cores that they share with a JVM.
pub const RECORDS_A_SECOND: f64 = 200_000.0;
/// The same of EndToEndLatency, which sends a record when the one before was seen: a bucket far away takes 100 ms for each.
const LATENCIES_A_SECOND: f64 = 200.0;
/// Bytes of a record's value.
pub const RECORD_BYTES: u64 = 1_000;
pub const TIME: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Produce,
    Fetch,
    EndToEnd,
}

/// One of them, and how much it moves.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    direction: Direction,
    records: u64,
    topic: &'static str,
}

impl Tool {
    /// Writes about so many seconds.
    pub fn produce(seconds: f64) -> Tool {
        Tool { direction: Direction::Produce, records: (RECORDS_A_SECOND * seconds) as u64, topic: "java" }
    }

    /// Reads what was written.
    pub fn fetch(seconds: f64) -> Tool {
        Tool { direction: Direction::Fetch, ..Tool::produce(seconds) }
    }

    /// Writes a record, waits until it is read, and writes the next one.
    pub fn end_to_end(seconds: f64) -> Tool {
        let records = (LATENCIES_A_SECOND * seconds) as u64;
        Tool { direction: Direction::EndToEnd, records, topic: "java-end-to-end" }
    }

    /// In a topic that nobody reads.
    pub fn aside(self) -> Tool {
        Tool { topic: "java-warm", ..self }
    }

    /// Runs it.
    pub fn run(&self, surroundings: Surroundings<'_>) -> Result<Outcome, String> {
        let Surroundings { bootstrap, places, ward, .. } = surroundings;
        let class_path = class_path(places, "tools")?;
        let mut command = Command::new("java");
        command.args(["-Xmx512m", "-cp", &class_path]);
        let records = self.records.to_string();
        match self.direction {
            Direction::Produce => {
                command.args(["org.apache.kafka.tools.ProducerPerformance", "--topic", self.topic]);
                command.args(["--num-records", &records, "--record-size", &RECORD_BYTES.to_string()]);
                command.args(["--throughput", "-1", "--producer-props"]);
                command.arg(format!("bootstrap.servers={bootstrap}"));
                command.args(["acks=all", "batch.size=262144", "linger.ms=5"]);
            }
            Direction::Fetch => {
                command.args(["org.apache.kafka.tools.ConsumerPerformance", "--topic", self.topic]);
                command.args(["--bootstrap-server", &bootstrap.to_string()]);
                command.args(["--messages", &records, "--timeout", "20000", "--hide-header"]);
            }
            Direction::EndToEnd => {
                command.args(["org.apache.kafka.tools.EndToEndLatency", "--bootstrap-server", &bootstrap.to_string()]);
                command.args(["--topic", self.topic, "--num-records", &records, "--producer-acks", "all"]);
                command.args(["--record-size", &RECORD_BYTES.to_string()]);
            }
        }
        let run = execute(&mut command, &places.work, TIME, ward)?;
        let (name, work) = match self.direction {
            Direction::Produce => ("produce", self.produced(&run.output)),
            Direction::Fetch => ("fetch", self.fetched(&run.output)),
            Direction::EndToEnd => ("end-to-end", self.seen(&run.output)),
        };
        let work =
            work.filter(|_| run.successful).ok_or_else(|| run.complaint("it says nothing that is understood"))?;
        Ok(counted(name, work, self.records, &run))
    }

    /// `600000 records sent, 181653.0 records/sec (173.24 MB/sec), ... latency, 5 ms 50th, 9 ms 95th, 20 ms 99th, ...`
    fn produced(&self, output: &str) -> Option<Work> {
        let line = output.lines().rev().find(|line| line.contains(" 99th"))?;
        let before = |word: &str| {
            let text = line[..line.find(word)?].trim_end();
            text.rsplit([' ', ',']).next()?.parse::<f64>().ok()
        };
        let records = before("records sent")? as u64;
        let milliseconds = |word| before(word).map(|milliseconds| milliseconds * 1_000.0);
        Some(Work {
            seconds: records as f64 / before("records/sec")?,
            records,
            bytes: records * RECORD_BYTES,
            latency: Some(Latency {
                p50: milliseconds("ms 50th")?,
                p99: milliseconds("ms 99th")?,
                p999: milliseconds("ms 99.9th"),
            }),
            ..Work::default()
        })
    }

    /// `start, end, MiB, MiB/s, records, records/s, rebalance ms, fetch ms, MiB/s of fetching, records/s of fetching`
    fn fetched(&self, output: &str) -> Option<Work> {
        let line = output.lines().rev().find(|line| line.split(',').count() == 10)?;
        let words: Vec<&str> = line.split(',').map(str::trim).collect();
        let records = words[4].parse::<u64>().ok()?;
        let seconds = words[7].parse::<f64>().ok()? / 1_000.0;
        // It may read on to the end of a batch.
        Some(Work { seconds, records: records.min(self.records), bytes: records * RECORD_BYTES, ..Work::default() })
    }

    /// `Avg latency: 2.1205 ms` and `Percentiles: 50th = 1, 99th = 10, 99.9th = 17`, in whole milliseconds, cut off.
    fn seen(&self, output: &str) -> Option<Work> {
        let behind = |words: &str| {
            let text = &output[output.rfind(words)? + words.len()..];
            let end =
                text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
            text[..end].parse::<f64>().ok()
        };
        let milliseconds = |words| behind(words).map(|milliseconds| milliseconds * 1_000.0);
        let latency = Latency {
            p50: milliseconds(" 50th = ")?,
            p99: milliseconds(" 99th = ")?,
            p999: milliseconds(" 99.9th = "),
        };
        Some(Work {
            seconds: behind("Avg latency: ")? / 1_000.0 * self.records as f64,
            records: self.records,
            bytes: self.records * RECORD_BYTES,
            latency: Some(latency),
            ..Work::default()
        })
    }
}

/// What came of a program that was to move so many records.
pub fn counted(name: &str, work: Work, records: u64, run: &Execution) -> Outcome {
    let short = work.records != records;
    let failures = short.then(|| run.complaint(&format!("{} of {records} records", work.records)));
    Outcome {
        works: BTreeMap::from([(name.to_owned(), work)]),
        failures: failures.into_iter().collect(),
        cpu: run.cpu,
        ended: run.ended,
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let said = "300000 records sent, 60000.0 records/sec (57.22 MB/sec), 30.1 ms avg latency, 900.0 ms max latency.\n\
                    600000 records sent, 120000.0 records/sec (114.44 MB/sec), 40.25 ms avg latency, 512.00 ms max \
                    latency, 12 ms 50th, 90 ms 95th, 200 ms 99th, 450 ms 99.9th.\n";
        let work = Tool::produce(3.0).produced(said).expect("a last line");
        let latency = work.latency.expect("quantiles");
        assert_eq!((work.records, work.bytes, work.seconds), (600_000, 600_000_000, 5.0));
        assert_eq!((latency.p50, latency.p99, latency.p999), (12_000.0, 200_000.0, Some(450_000.0)));
        let said = "2026-01-01 00:00:00:000, 2026-01-01 00:00:02:500, 572.2046, 228.8818, 600123, 240049.2000, 500, \
                    2000, 286.1023, 300061.5000\n";
        let work = Tool::fetch(3.0).fetched(said).expect("a line");
        assert_eq!((work.records, work.bytes, work.seconds), (600_000, 600_123_000, 2.0));
        assert!(Tool::fetch(3.0).fetched("WARNING: nothing").is_none());
        let said = "0\t89.484184\nAvg latency: 2.5000 ms\nPercentiles: 50th = 1, 99th = 10, 99.9th = 17\n";
        let work = Tool::end_to_end(5.0).seen(said).expect("two lines");
        let latency = work.latency.expect("quantiles");
        assert_eq!((work.records, work.seconds), (1_000, 2.5));
        assert_eq!((latency.p50, latency.p99, latency.p999), (1_000.0, 10_000.0, Some(17_000.0)));
        assert!(Tool::end_to_end(5.0).seen("Exception").is_none());
    }
}
