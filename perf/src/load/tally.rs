//! What a workload has done so far: counts, errors, and latencies in histograms.
//!
//! Latencies go into a histogram of the current second, which the progress line shows and which is then added to that
//! of the run: each is recorded once.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Nanoseconds that a histogram can hold; what is later counts as this.
const NANOSECONDS_MAX: u64 = 600_000_000_000;
/// Two digits are exact, and the third almost: 0.1 %.
const DIGITS: u8 = 3;
/// As many failures are kept in words; the others are counted.
const FAILURES_MAX: usize = 8;

/// Latencies, of the second and of the run.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// Since the last line of progress.
    pub second: Histogram<u64>,
    /// Before that.
    run: Histogram<u64>,
}

impl Default for Latencies {
    fn default() -> Latencies {
        let empty = Histogram::new_with_bounds(1, NANOSECONDS_MAX, DIGITS).expect("bounds that a histogram takes");
        Latencies { second: empty.clone(), run: empty }
    }
}

impl Latencies {
    /// Adds what took from then till now, so many times.
    pub fn add(&mut self, since: u64, now: u64, times: u64) {
        self.second.saturating_record_n(now.saturating_sub(since).max(1), times);
    }

    /// Ends the second.
    pub fn turn(&mut self) {
        self.run.add(&self.second).expect("they have the same bounds");
        self.second.reset();
    }

    /// All of the run.
    pub fn whole(&mut self) -> &Histogram<u64> {
        self.turn();
        &self.run
    }
}

/// The counts of one workload.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Records acknowledged or seen.
    pub records: u64,
    /// Bytes of their batches.
    pub bytes: u64,
    /// Requests answered.
    pub requests: u64,
    /// Errors by Kafka's code.
    pub errors: BTreeMap<i16, u64>,
    /// Due or sent, to acknowledged or seen.
    pub latency: Latencies,
    /// Due to sent: what the window, the broker's back-pressure and this program itself add before the wire.
    pub lag: Latencies,
    /// Why the run has failed, the first few.
    pub failures: Vec<String>,
    /// All of them.
    pub failure_count: u64,
    /// When something was last counted.
    pub last: u64,
}

impl Tally {
    /// Counts a batch.
    pub fn batch(&mut self, now: u64, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
        self.last = now;
    }

    /// Counts an error.
    pub fn error(&mut self, code: i16) {
        *self.errors.entry(code).or_default() += 1;
    }

    /// The run has failed; it goes on, so that more can be learnt.
    pub fn fail(&mut self, reason: String) {
        self.failure_count += 1;
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_add_up_to_the_run() {
        let mut latencies = Latencies::default();
        latencies.add(1_000, 2_000, 3);
        latencies.turn();
        assert_eq!(latencies.second.len(), 0);
        latencies.add(0, u64::MAX, 1);
        let run = latencies.whole();
        assert_eq!((run.len(), run.value_at_quantile(0.5)), (4, 1_000));
        assert!(run.max() >= NANOSECONDS_MAX);
    }

    #[test]
    fn failures_are_counted_beyond_their_words() {
        let mut tally = Tally::default();
        (0..100).for_each(|index| tally.fail(format!("{index}")));
        assert_eq!((tally.failures.len(), tally.failure_count), (FAILURES_MAX, 100));
    }
}
