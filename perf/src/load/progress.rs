//! A calm line a second on standard error: what each workload did in it.

use std::fmt::Write;

use super::job::{Job, Phase};

const SECOND: u64 = 1_000_000_000;

/// When the next line is due.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Nanoseconds since the run began.
    pub due: u64,
    shown: u64,
}

impl Progress {
    /// The first line comes after a second.
    pub fn new() -> Progress {
        Progress { due: SECOND, shown: 0 }
    }

    /// Shows the second that has passed.
    pub fn show(&mut self, now: u64, jobs: &mut [Job]) {
        let seconds = (now - self.shown) as f64 / 1e9;
        let mut line = format!("{:>4} s", now / SECOND);
        for job in jobs.iter_mut() {
            let (records, bytes) = (job.tally.records - job.shown.0, job.tally.bytes - job.shown.1);
            job.shown = (job.tally.records, job.tally.bytes);
            if !matches!(job.phase, Phase::Waiting | Phase::Ended) {
                let (rate, speed) = (records as f64 / seconds, bytes as f64 / seconds / 1e6);
                let _ = write!(line, "  {}: {rate:.0} rec/s {speed:.1} MB/s", job.name);
                let latencies = &job.tally.latency.second;
                if !latencies.is_empty() {
                    let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e6;
                    let _ = write!(line, " p50 {:.2} p99 {:.2} ms", at(0.5), at(0.99));
                }
            }
            job.tally.latency.turn();
            job.tally.lag.turn();
        }
        eprintln!("{line}");
        self.shown = now;
        while self.due <= now {
            self.due += SECOND;
        }
    }
}
