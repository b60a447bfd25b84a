//! What one core counts: plain numbers that grow, added to by its machines, exported by the shell, read by no decision.
//!
//! Nothing here has a clock: a time is the difference of two [`Turn::now`](crate::turn::Turn), which is sampled once a
//! drain, so what begins and ends in one drain took no time. Adding allocates nothing, but for the first refusal of its
//! kind.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Refusal;

/// Upper bounds of a histogram's buckets in microseconds; one more bucket holds what took longer. From what a journal's
/// disk takes to what a client's patience is.
pub const BOUNDS_MICROS: [u64; 17] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// Times, by how long they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u64; BOUNDS_MICROS.len() + 1],
    sum_nanos: u64,
}

impl Histogram {
    /// One more.
    pub fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX);
        self.buckets[BOUNDS_MICROS.partition_point(|bound| *bound < micros)] += 1;
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos = self.sum_nanos.saturating_add(nanos);
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos)
    }

    /// How many there were up to each of [`BOUNDS_MICROS`] and above the one before; the last one is all longer ones.
    #[must_use]
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// Takes in what another core counted.
    pub fn merge(&mut self, other: &Histogram) {
        for (own, more) in self.buckets.iter_mut().zip(other.buckets) {
            *own += more;
        }
        self.sum_nanos = self.sum_nanos.saturating_add(other.sum_nanos);
    }
}

/// One more than the largest key that Kafka numbers an API by.
pub const API_CODES: usize = 96;

/// What is counted of one API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApiCounters {
    /// Requests that were understood.
    pub requests: u64,
    /// From a request's last byte to its answer; an answer may wait for an earlier one after that.
    pub time: Histogram,
}

/// The stages of a produce, by what follows what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducePhases {
    /// Admitted, until a flush takes it: once a request.
    pub gather: Histogram,
    /// Sent to the store, until the store has it: once a pack. What rides in the journal skips it.
    pub upload: Histogram,
    /// Offsets asked for, until the command that gives them is durable: once a flush.
    pub commit: Histogram,
    /// Admitted, until its producer is answered: once a request.
    pub whole: Histogram,
}

/// The stages of a fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchPhases {
    /// Waiting for bytes to come, or for time to be up.
    pub park: Histogram,
    /// Asking where they are.
    pub locate: Histogram,
    /// Reading what is not hot.
    pub read: Histogram,
    /// All of it, until the answer.
    pub whole: Histogram,
}

/// Everything that one core counts, since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Each name says it; units are in the names.
pub struct Counters {
    pub connections_opened: u64,
    pub connections_closed: u64,
    pub requests: u64,
    pub requests_refused: u64,
    pub throttled_requests: u64,
    /// By Kafka's number of the API.
    pub apis: Box<[ApiCounters]>,
    /// Refusals that clients were answered with, by Kafka's number of the API.
    pub refusals: BTreeMap<(i16, Refusal), u64>,
    pub produce_requests: u64,
    pub produce_batches: u64,
    pub produce_records: u64,
    pub produce_bytes: u64,
    pub produce: ProducePhases,
    pub fetch_requests: u64,
    pub fetch_bytes: u64,
    pub fetch_looks: u64,
    pub fetch_hot_extents: u64,
    pub fetch_cold_blocks: u64,
    pub fetch: FetchPhases,
    pub flushes_inline: u64,
    pub flushes_pack: u64,
    pub flushes_failed: u64,
    pub flush_bytes: u64,
    pub journal_groups: u64,
    pub journal_bytes: u64,
    pub journal_write: Histogram,
    pub commands: u64,
    pub snapshots: u64,
    pub spills: u64,
    pub objects_deleted: u64,
    pub orphans_deleted: u64,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            connections_opened: 0,
            connections_closed: 0,
            requests: 0,
            requests_refused: 0,
            throttled_requests: 0,
            apis: vec![ApiCounters::default(); API_CODES].into(),
            refusals: BTreeMap::new(),
            produce_requests: 0,
            produce_batches: 0,
            produce_records: 0,
            produce_bytes: 0,
            produce: ProducePhases::default(),
            fetch_requests: 0,
            fetch_bytes: 0,
            fetch_looks: 0,
            fetch_hot_extents: 0,
            fetch_cold_blocks: 0,
            fetch: FetchPhases::default(),
            flushes_inline: 0,
            flushes_pack: 0,
            flushes_failed: 0,
            flush_bytes: 0,
            journal_groups: 0,
            journal_bytes: 0,
            journal_write: Histogram::default(),
            commands: 0,
            snapshots: 0,
            spills: 0,
            objects_deleted: 0,
            orphans_deleted: 0,
        }
    }
}

impl Counters {
    /// A request of this API was understood.
    pub fn begun(&mut self, api: i16) {
        self.api(api).requests += 1;
    }

    /// A request of this API was answered after so long.
    pub fn answered(&mut self, api: i16, took: Duration) {
        self.api(api).time.record(took);
    }

    /// A client was answered with this refusal; of many partitions, once each.
    pub fn refused(&mut self, api: i16, refusal: Refusal) {
        *self.refusals.entry((api, refusal)).or_default() += 1;
    }

    fn api(&mut self, api: i16) -> &mut ApiCounters {
        let index = usize::try_from(api).expect("only keys that are served are counted");
        &mut self.apis[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_land_in_the_bucket_that_bounds_them() {
        let mut histogram = Histogram::default();
        let micros = [0, 100, 101, 30_000_000, 30_000_001];
        micros.iter().for_each(|micros| histogram.record(Duration::from_micros(*micros)));
        // A nanosecond beyond a bound is beyond it.
        histogram.record(Duration::from_nanos(100_001));
        histogram.record(Duration::MAX);
        let buckets = histogram.buckets();
        assert_eq!((buckets[0], buckets[1], buckets[16], buckets[17]), (2, 2, 1, 2));
        assert_eq!(histogram.count(), 7);
        assert_eq!(histogram.sum(), Duration::from_nanos(u64::MAX), "it stays at its end");
    }

    #[test]
    fn histograms_add_up() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_millis(1));
        other.record(Duration::from_millis(1));
        other.record(Duration::from_secs(1));
        one.merge(&other);
        assert_eq!((one.count(), one.sum()), (3, Duration::from_millis(1_002)));
        assert!(BOUNDS_MICROS.is_sorted());
    }

    #[test]
    fn an_api_is_counted_by_its_number() {
        let mut counters = Counters::default();
        counters.begun(18);
        counters.answered(18, Duration::from_millis(3));
        counters.refused(0, Refusal::RequestTimedOut);
        counters.refused(0, Refusal::RequestTimedOut);
        assert_eq!((counters.apis[18].requests, counters.apis[18].time.count()), (1, 1));
        assert_eq!(counters.refusals, BTreeMap::from([((0, Refusal::RequestTimedOut), 2)]));
    }
}
