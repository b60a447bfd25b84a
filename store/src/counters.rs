//! What the store plane counts: plain atomics, added to by its threads, read by whoever exports them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apus_core::world::Failure;

use crate::retry::Operation;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// What it is now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the latency buckets in milliseconds; one more bucket holds what is slower.
pub const LATENCY_MS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// Kinds of failure, in the order of [`OperationCounters::failures`].
pub const FAILURES: [&str; 6] = ["definite", "full", "unknown", "missing", "precondition", "corrupt"];

/// The counters of one operation.
#[derive(Debug, Default)]
pub struct OperationCounters {
    /// Requests that were answered, well or badly.
    pub requests: Count,
    /// Attempts that the store saw, repetitions and hedges included.
    pub attempts: Count,
    /// Payload bytes of successful requests.
    pub bytes: Count,
    /// Failed requests by kind, as [`FAILURES`] names them.
    pub failures: [Count; FAILURES.len()],
    /// The sum of all requests' latencies, in microseconds.
    pub latency_micros: Count,
    /// Requests by latency; bucket `i` holds those up to [`LATENCY_MS`]`[i]`, the last one all others.
    pub latency: [Count; LATENCY_MS.len() + 1],
}

impl OperationCounters {
    /// One request has ended.
    pub(crate) fn ended(&self, took: Duration, outcome: Result<u64, &Failure>) {
        self.requests.add(1);
        self.latency_micros.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let bucket = LATENCY_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        self.latency[bucket.unwrap_or(LATENCY_MS.len())].add(1);
        match outcome {
            Ok(bytes) => self.bytes.add(bytes),
            Err(failure) => self.failures[kind(failure)].add(1),
        }
    }
}

fn kind(failure: &Failure) -> usize {
    match failure {
        Failure::Definite(_) => 0,
        Failure::Full(_) => 1,
        Failure::Unknown(_) => 2,
        Failure::Missing => 3,
        Failure::Precondition => 4,
        Failure::Corrupt(_) => 5,
    }
}

/// Everything that the store plane counts.
#[derive(Debug, Default)]
pub struct StoreCounters {
    operations: [OperationCounters; Operation::ALL.len()],
    /// Blocks answered from memory.
    pub blocks_from_memory: Count,
    /// Blocks answered from the cache's disk.
    pub blocks_from_disk: Count,
    /// Blocks that had to be fetched.
    pub blocks_missed: Count,
    /// Blocks whose bytes on the cache's disk were not those that were written.
    pub blocks_corrupt: Count,
    /// Answers that asked for fewer requests (503, 429).
    pub slow_downs: Count,
    /// Second copies of slow uploads that were sent …
    pub hedges_sent: Count,
    /// … and those that were first.
    pub hedges_won: Count,
}

impl StoreCounters {
    /// The counters of one operation.
    #[must_use]
    pub fn operation(&self, operation: Operation) -> &OperationCounters {
        &self.operations[operation.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_land_in_their_bucket() {
        let counters = StoreCounters::default();
        let get = counters.operation(Operation::Get);
        get.ended(Duration::from_micros(300), Ok(7));
        get.ended(Duration::from_millis(15), Ok(5));
        get.ended(Duration::from_secs(60), Err(&Failure::Missing));
        assert_eq!((get.requests.get(), get.bytes.get(), get.failures[3].get()), (3, 12, 1));
        assert_eq!((get.latency[0].get(), get.latency[4].get(), get.latency[13].get()), (1, 1, 1));
        assert_eq!(get.latency_micros.get(), 300 + 15_000 + 60_000_000);
    }
}
