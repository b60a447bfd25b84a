//! One partition's history: what was sent to it, and what is known to be where.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{BatchName, Place};

/// A batch that was sent.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub records: Bytes,
    /// Of the whole batch.
    pub bytes: u64,
    pub count: i64,
    /// Of each of its records.
    pub timestamp_ms: i64,
    /// The era and the offset that its producer was told.
    pub acknowledged: Option<(u32, i64)>,
}

/// One partition's history. All but the attempts is of its present era.
#[derive(Debug, Default)]
pub struct Log {
    pub attempts: BTreeMap<BatchName, Attempt>,
    /// By base offset: what is there.
    read: BTreeMap<i64, BatchName>,
    read_at: BTreeMap<BatchName, i64>,
    /// Behind the last batch that a producer was told of.
    pub acknowledged_end: i64,
    /// Behind whatever anybody was told.
    pub told_end: i64,
    /// The same, at the last crash.
    pub survived_end: i64,
    /// The highest first offset that anybody was told.
    pub told_start: i64,
    /// The same, at the last crash.
    pub survived_start: i64,
}

impl Log {
    /// The power went.
    pub fn survive(&mut self) {
        (self.survived_end, self.survived_start) = (self.told_end, self.told_start);
    }

    /// The topic was deleted.
    pub fn end_era(&mut self) {
        let attempts = std::mem::take(&mut self.attempts);
        *self = Log { attempts, ..Log::default() };
    }

    /// This batch is here, and was never elsewhere; nor was another here.
    pub fn place(&mut self, place: Place, name: BatchName, base_offset: i64) {
        let there = *self.read.entry(base_offset).or_insert(name);
        assert!(there == name, "{place:?}: at {base_offset} was batch {there:x}, and now is {name:x}");
        let at = *self.read_at.entry(name).or_insert(base_offset);
        assert!(
            at == base_offset,
            "{place:?}: batch {name:x} is at {at} and at {base_offset}: a duplicate, or it moved"
        );
    }

    /// Whatever lies below the first offset was older than this.
    pub fn only_old_ones_went(&self, place: Place, start: i64, oldest_ms: i64) {
        for (base, name) in self.read.range(self.told_start.min(start)..start) {
            let timestamp_ms = self.attempts[name].timestamp_ms;
            assert!(timestamp_ms < oldest_ms, "{place:?}: {base} of {timestamp_ms} went, {oldest_ms} is the limit");
        }
    }

    /// The first known offset with a record at or after this time.
    pub fn first_since(&self, timestamp_ms: i64) -> Option<i64> {
        let since = |(_, name): &(&i64, &BatchName)| self.attempts[*name].timestamp_ms >= timestamp_ms;
        self.read.iter().find(since).map(|(base, _)| *base)
    }

    /// The time of the record at this offset, where it is known.
    pub fn timestamp_at(&self, offset: i64) -> Option<i64> {
        let (base, name) = self.read.range(..=offset).next_back()?;
        let attempt = &self.attempts[name];
        (offset < base + attempt.count).then_some(attempt.timestamp_ms)
    }

    /// What is known fills these offsets without a gap; how many bytes it is.
    pub fn tiles(&self, place: Place, start: i64, end: i64) -> u64 {
        let (mut next, mut bytes) = (start, 0);
        for (base, name) in self.read.range(start..) {
            assert!(*base == next, "{place:?}: nothing lies between {next} and {base}");
            let attempt = &self.attempts[name];
            next += attempt.count;
            bytes += attempt.bytes;
        }
        assert!(next == end, "{place:?}: batches end at {next}, the partition at {end}");
        bytes
    }
}
