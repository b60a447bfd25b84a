//! What came to the bucket, told by `GET /-/counts`.
//!
//! `put_drawn_*` are quantiles of the times that were drawn, not of those that clients saw. `put_inflight_seconds` is
//! the sum of the time that each PUT was here, from its first byte to its answer: divided by the seconds of a
//! measurement it is the mean number of PUTs in flight.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::latency::quantile;

/// Drawn times that are remembered: an hour at 200 a second, and 6 MB.
const DRAWN_MAX: usize = 720_000;

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// An object is written.
    Put,
    /// An object or a part of it is read.
    Get,
    /// Its length and version are.
    Head,
    /// Keys are.
    List,
    /// One or many objects are removed.
    Delete,
}

/// Requests of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests that were answered, well or badly.
    pub requests: u64,
    /// Those that were answered with an error of any kind.
    pub errors: u64,
    /// Bytes of their bodies and of the bodies of their answers.
    pub bytes: u64,
}

/// All that is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// By kind; kinds that never came are missing.
    pub operations: BTreeMap<Operation, Traffic>,
    /// Objects now.
    pub objects: u64,
    /// Their bytes that are in memory.
    pub bytes_kept: u64,
    /// Sum of all drawn times.
    pub drawn_seconds: f64,
    /// Of the times that were drawn for PUTs.
    pub put_drawn_p50_ms: f64,
    /// Of the times that were drawn for PUTs.
    pub put_drawn_p99_ms: f64,
    /// Sum of the times that PUTs were here.
    pub put_inflight_seconds: f64,
    /// The most PUTs at a time.
    pub put_inflight_max: u64,
}

#[derive(Debug, Default)]
struct Running {
    counts: Counts,
    put_drawn: Vec<u64>,
    put_inflight: u64,
}

/// The counters behind it.
#[derive(Debug, Default)]
pub struct Counter {
    running: Mutex<Running>,
}

impl Counter {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A time was drawn.
    pub fn drew(&self, operation: Operation, time: Duration) {
        let mut running = self.lock();
        running.counts.drawn_seconds += time.as_secs_f64();
        if operation == Operation::Put && running.put_drawn.len() < DRAWN_MAX {
            running.put_drawn.push(time.as_micros() as u64);
        }
    }

    /// A request begins; it has to end.
    pub fn begin(&self, operation: Operation) -> Visit<'_> {
        if operation == Operation::Put {
            let mut running = self.lock();
            running.put_inflight += 1;
            running.counts.put_inflight_max = running.counts.put_inflight_max.max(running.put_inflight);
        }
        Visit { counter: self, operation, from: Instant::now(), traffic: Traffic { errors: 1, ..Traffic::default() } }
    }

    /// What came so far.
    pub fn read(&self) -> Counts {
        let running = self.lock();
        let mut counts = running.counts.clone();
        let mut drawn = running.put_drawn.clone();
        drop(running);
        drawn.sort_unstable();
        counts.put_drawn_p50_ms = quantile(&drawn, 0.5) as f64 / 1_000.0;
        counts.put_drawn_p99_ms = quantile(&drawn, 0.99) as f64 / 1_000.0;
        counts
    }
}

/// A request that is here; counted when it goes, as an error unless it was said to be none.
#[derive(Debug)]
pub struct Visit<'a> {
    counter: &'a Counter,
    operation: Operation,
    from: Instant,
    traffic: Traffic,
}

impl Visit<'_> {
    /// It was answered.
    pub fn answered(&mut self, status: u16, bytes: u64) {
        self.traffic = Traffic { requests: 0, errors: u64::from(status >= 400), bytes };
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut running = self.counter.lock();
        let traffic = running.counts.operations.entry(self.operation).or_default();
        traffic.requests += 1;
        traffic.errors += self.traffic.errors;
        traffic.bytes += self.traffic.bytes;
        if self.operation == Operation::Put {
            running.put_inflight -= 1;
            running.counts.put_inflight_seconds += self.from.elapsed().as_secs_f64();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_are_counted_when_they_end() {
        let counter = Counter::default();
        let mut one = counter.begin(Operation::Put);
        let other = counter.begin(Operation::Put);
        counter.drew(Operation::Put, Duration::from_millis(60));
        counter.drew(Operation::Get, Duration::from_millis(30));
        assert!(counter.read().operations.is_empty());
        one.answered(200, 10);
        drop(one);
        drop(other);
        let mut counts = counter.read();
        assert!(counts.put_inflight_seconds > 0.0);
        // A time that was measured may lose its last bit in JSON.
        counts.put_inflight_seconds = 0.5;
        assert_eq!(counts.operations[&Operation::Put], Traffic { requests: 2, errors: 1, bytes: 10 });
        assert_eq!((counts.put_inflight_max, counts.put_drawn_p50_ms), (2, 60.0));
        assert!((counts.drawn_seconds - 0.09).abs() < 1e-9);
        let text = serde_json::to_string(&counts).expect("JSON");
        assert!(text.contains(r#""put":{"requests":2,"#), "{text}");
        assert_eq!(serde_json::from_str::<Counts>(&text).expect("the same"), counts);
    }
}
