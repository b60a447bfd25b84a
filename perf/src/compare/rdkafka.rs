//! librdkafka's own generator, rdkafka_performance, at full speed: a client in C, with its defaults but for the size of a batch.
//!
//! It counts records, not seconds, and says no latency.

use std::path::PathBuf;
use std::process::Command;

use super::generator::{Outcome, Surroundings, Work, execute};
use super::java::{RECORD_BYTES, RECORDS_A_SECOND, TIME, counted};
use crate::systems::{PARTITIONS, Places};

/// It writes, or reads what was written.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    is_producer: bool,
    records: u64,
    topic: &'static str,
}

/// The program; the error says how to get it.
pub fn program(places: &Places) -> Result<PathBuf, String> {
    let program = places.foreign.join("librdkafka/examples/rdkafka_performance");
    if program.is_file() {
        return Ok(program);
    }
    Err(format!("there is no {}: tests/clients/run --only librdkafka@file builds it", program.display()))
}

impl Tool {
    /// Writes about so many seconds.
    pub fn produce(seconds: f64) -> Tool {
        Tool { is_producer: true, records: (RECORDS_A_SECOND * seconds) as u64, topic: "rdkafka" }
    }

    /// Reads what was written.
    pub fn fetch(seconds: f64) -> Tool {
        Tool { is_producer: false, ..Tool::produce(seconds) }
    }

    /// In a topic that nobody reads.
    pub fn aside(self) -> Tool {
        Tool { topic: "rdkafka-warm", ..self }
    }

    /// Runs it.
    pub fn run(&self, surroundings: Surroundings<'_>) -> Result<Outcome, String> {
        let Surroundings { bootstrap, places, ward, .. } = surroundings;
        let mut command = Command::new(program(places)?);
        command.args(["-b", &bootstrap.to_string(), "-t", self.topic, "-c", &self.records.to_string()]);
        if self.is_producer {
            command.args(["-P", "-s", &RECORD_BYTES.to_string(), "-a", "-1"]);
            command.args(["-X", "enable.idempotence=true", "-X", "batch.size=262144", "-X", "linger.ms=5"]);
        } else {
            command.args(["-C", "-o", "beginning"]);
            for partition in 0..PARTITIONS {
                command.args(["-p", &partition.to_string()]);
            }
        }
        let run = execute(&mut command, &places.work, TIME, ward)?;
        let (name, word) = if self.is_producer { ("produce", "delivered") } else { ("fetch", "consumed") };
        let work = said(&run.output, word).filter(|_| run.successful);
        let work = work.ok_or_else(|| run.complaint("it says nothing that is understood"))?;
        Ok(counted(name, work, self.records, &run))
    }
}

/// `% 200000 messages produced (200000000 bytes), 199000 delivered (offset 56797, 0 failed) in 671ms: ...` or
/// `% 400000 messages (400000000 bytes) consumed in 692ms: ...`
fn said(output: &str, word: &str) -> Option<Work> {
    let line = output.lines().rev().find(|line| line.starts_with("% ") && line.contains(word))?;
    let before = |end: &str| line[..line.find(end)?].rsplit([' ', '(']).next()?.parse::<u64>().ok();
    let records = before(" delivered").or_else(|| before(" messages"))?;
    Some(Work { seconds: before("ms: ")? as f64 / 1_000.0, records, bytes: records * RECORD_BYTES, ..Work::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let output = "% Sending 200000 messages of size 1000 bytes\n\
                      % 200000 messages produced (200000000 bytes), 199000 delivered (offset 56797, 1000 failed) in \
                      500ms: 400000 msgs/s and 400.00 MB/s, 71 produce failures, 0 in queue, no compression\n";
        let work = said(output, "delivered").expect("a line");
        assert_eq!((work.records, work.bytes, work.seconds), (199_000, 199_000_000, 0.5));
        let output = "% 400000 messages (400000000 bytes) consumed in 800ms: 500000 msgs/s (500.00 MB/s)\n\
                      % Average application fetch latency: 3us\n";
        let work = said(output, "consumed").expect("a line");
        assert_eq!((work.records, work.bytes, work.seconds), (400_000, 400_000_000, 0.8));
        assert!(said("% ERROR: nothing consumed", "consumed").is_none());
    }
}
