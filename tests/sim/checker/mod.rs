//! What clients were promised, and whether the broker keeps it.
//!
//! Every batch that is ever sent is known here by what its records say. An answer is a promise for ever: an
//! acknowledged offset, a batch that was read, a high watermark that was told. A breach panics with a sentence.
//!
//! A topic that is deleted and created again has *eras*. While a deletion or a creation is under way nobody can say
//! which one an answer is of: such answers are held to what is true of every era, that a batch is as it was sent.

pub mod groups;
pub mod log;
pub mod register;

use std::collections::BTreeMap;

use apus_core::batch::{BatchHeader, HEADER_BYTES, checksum};
use apus_core::time::WallTime;
use bytes::Bytes;

use crate::client::topic::Topic;
use groups::Groups;
use log::{Attempt, Log};

/// A partition, as clients name it.
pub type Place = (&'static str, i32);

/// A batch's name: producer and number, which its first record carries as its key.
pub type BatchName = u64;

/// What the answer to a question must keep to, as known when it was asked.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// The era of its topic, where that was certain.
    era: Option<u32>,
    /// The high watermark is at least this: all that was acknowledged before, and all that anybody was told before
    /// the last crash.
    pub floor: i64,
    /// The first offset is at least this: what anybody was told before the last crash.
    start: i64,
}

#[derive(Clone, Copy, Debug)]
struct Era {
    number: u32,
    is_certain: bool,
}

/// All promises.
#[derive(Debug)]
pub struct Checker {
    topics: BTreeMap<&'static str, (Topic, Era)>,
    logs: BTreeMap<Place, Log>,
    /// What groups promise.
    pub groups: Groups,
    /// How many batches were acknowledged.
    pub acknowledged: u64,
    /// How many batches were read.
    pub read: u64,
}

impl Checker {
    /// A checker of these topics.
    pub fn new(topics: &[Topic]) -> Checker {
        let era = |topic: &Topic| Era { number: 0, is_certain: !topic.is_deleted };
        let topics = topics.iter().map(|topic| (topic.name, (topic.clone(), era(topic)))).collect();
        Checker { topics, logs: BTreeMap::new(), groups: Groups::default(), acknowledged: 0, read: 0 }
    }

    fn log(&mut self, place: Place) -> &mut Log {
        self.logs.entry(place).or_default()
    }

    fn topic(&mut self, name: &str) -> &mut (Topic, Era) {
        self.topics.get_mut(name).expect("a topic of the plan")
    }

    /// The topic is there, and stays until somebody deletes it.
    pub fn created(&mut self, name: &str) {
        self.topic(name).1.is_certain = true;
    }

    /// A deletion was sent: from now on nobody knows.
    pub fn deleting(&mut self, name: &str) {
        self.topic(name).1.is_certain = false;
    }

    /// The topic is gone, and all that was promised of it.
    pub fn deleted(&mut self, name: &str) {
        let era = &mut self.topic(name).1;
        assert!(!era.is_certain);
        era.number += 1;
        self.logs.iter_mut().filter(|((topic, _), _)| *topic == name).for_each(|(_, log)| log.end_era());
    }

    /// The era of a topic, where it is certain.
    pub fn era(&self, place: Place) -> Option<u32> {
        let era = self.topics[place.0].1;
        era.is_certain.then_some(era.number)
    }

    /// Whether an answer belongs to the era in which its question was asked, and that one to now.
    pub fn holds(&self, place: Place, promise: Promise) -> bool {
        promise.era.is_some() && promise.era == self.era(place)
    }

    /// Whether the topic loses old records.
    pub fn is_trimmed(&self, place: Place) -> bool {
        self.topics[place.0].0.retention.is_some()
    }

    /// A batch is about to be sent.
    pub fn attempt(&mut self, place: Place, name: BatchName, batch: &Bytes, count: i64, timestamp_ms: i64) {
        let attempt = Attempt {
            records: batch.slice(HEADER_BYTES..),
            bytes: batch.len() as u64,
            count,
            timestamp_ms,
            acknowledged: None,
        };
        assert!(self.log(place).attempts.insert(name, attempt).is_none(), "the name of a batch is used once");
    }

    /// What the answer to a question that is asked now must keep to.
    pub fn promise(&mut self, place: Place) -> Promise {
        let era = self.era(place);
        let log = self.log(place);
        Promise { era, floor: log.acknowledged_end.max(log.survived_end), start: log.survived_start }
    }

    /// A producer was told where its batch is.
    pub fn acknowledge(&mut self, place: Place, name: BatchName, base_offset: i64, promise: Promise) {
        self.acknowledged += 1;
        assert!(base_offset >= 0, "batch {name:x} of {place:?} was acknowledged at {base_offset}");
        let Some(era) = promise.era.filter(|_| self.holds(place, promise)) else { return };
        let log = self.log(place);
        let attempt = log.attempts.get_mut(&name).expect("it was sent");
        if let Some(first) = attempt.acknowledged {
            let now = (era, base_offset);
            assert!(first == now, "batch {name:x} of {place:?}: acknowledged at {first:?}, now at {now:?}");
        }
        attempt.acknowledged = Some((era, base_offset));
        let end = base_offset + attempt.count;
        log.acknowledged_end = log.acknowledged_end.max(end);
        log.told_end = log.told_end.max(end);
        log.place(place, name, base_offset);
    }

    /// A high watermark was told, which the asker knows to be at least `known`.
    pub fn told(&mut self, place: Place, high_watermark: i64, known: i64, promise: Promise) {
        if !self.holds(place, promise) {
            return;
        }
        let floor = promise.floor.max(known);
        assert!(high_watermark >= floor, "{place:?}: told {high_watermark} after {floor} was promised");
        let log = self.log(place);
        log.told_end = log.told_end.max(high_watermark);
    }

    /// A first offset was told.
    pub fn starts(&mut self, place: Place, start: i64, promise: Promise, wall: WallTime) {
        if !self.holds(place, promise) {
            return;
        }
        assert!(start >= promise.start, "{place:?}: begins at {start} after {} was told", promise.start);
        assert!(start == 0 || self.is_trimmed(place), "{place:?} keeps everything, and begins at {start}");
        let age_ms_max = self.topics[place.0].0.limit("retention.ms");
        let log = self.log(place);
        if let Some(age_ms_max) = age_ms_max {
            log.only_old_ones_went(place, start, wall.0 - age_ms_max);
        }
        log.told_start = log.told_start.max(start);
    }

    /// The broker is gone; what it said stays said.
    pub fn crashed(&mut self) {
        self.logs.values_mut().for_each(Log::survive);
    }

    /// A consumer read these bytes from this offset on; the offset behind them. Batches are parsed here, by hand.
    pub fn read(&mut self, place: Place, from: i64, bytes: &Bytes, high_watermark: i64, promise: Promise) -> i64 {
        let (mut rest, mut next, mut is_first) = (bytes.clone(), from, true);
        while !rest.is_empty() {
            let header = BatchHeader::read(&rest).unwrap_or_else(|| panic!("{place:?}: half a batch at {next}"));
            let length = header.bytes().filter(|length| *length <= rest.len());
            let batch = rest.split_to(length.unwrap_or_else(|| panic!("{place:?}: a cut batch at {next}")));
            assert!(checksum(&batch) == header.crc, "{place:?}: a damaged batch at {next}");
            let base = header.base_offset;
            let end = base + header.offsets();
            let follows = if is_first { base <= next && next < end } else { base == next };
            assert!(follows, "{place:?}: wanted {next}, got {base}..{end}");
            assert!(end <= high_watermark, "{place:?}: {base}..{end} lies beyond the high watermark {high_watermark}");
            self.found(place, &batch, &header, promise);
            (next, is_first) = (end, false);
        }
        next
    }

    fn found(&mut self, place: Place, batch: &Bytes, header: &BatchHeader, promise: Promise) {
        let holds = self.holds(place, promise);
        self.read += 1;
        let name = name_of(batch).unwrap_or_else(|| panic!("{place:?}: no batch of ours at {}", header.base_offset));
        let log = self.log(place);
        let attempt = log.attempts.get(&name);
        let attempt = attempt.unwrap_or_else(|| panic!("{place:?}: nobody sent batch {name:x}"));
        assert!(batch[HEADER_BYTES..] == attempt.records[..], "{place:?}: batch {name:x} holds other records");
        assert!(header.offsets() == attempt.count, "{place:?}: batch {name:x} counts other records");
        if !holds {
            return;
        }
        let era = attempt.acknowledged.map(|(era, _)| era);
        assert!(era.is_none() || era == promise.era, "{place:?}: batch {name:x} of era {era:?} in {:?}", promise.era);
        log.place(place, name, header.base_offset);
        log.told_end = log.told_end.max(header.base_offset + header.offsets());
    }

    /// The first offset known now with a record at or after this time, which a look-up that is asked now must not miss.
    pub fn first_since(&mut self, place: Place, timestamp_ms: i64) -> Option<i64> {
        let kept = !self.is_trimmed(place);
        self.log(place).first_since(timestamp_ms).filter(|_| kept)
    }

    /// A look-up by time was answered; `expected` was known when it was asked.
    pub fn found_since(
        &mut self,
        place: Place,
        wanted_ms: i64,
        found: (i64, i64),
        expected: Option<i64>,
        promise: Promise,
    ) {
        if !self.holds(place, promise) {
            return;
        }
        let (offset, timestamp_ms) = found;
        if offset < 0 {
            return assert!(expected.is_none(), "{place:?}: nothing since {wanted_ms}, but {expected:?} is there");
        }
        assert!(timestamp_ms >= wanted_ms, "{place:?}: {timestamp_ms} is before {wanted_ms}");
        assert!(expected.is_none_or(|expected| offset <= expected), "{place:?}: {offset} misses {expected:?}");
        let missed = self.first_since(place, wanted_ms).filter(|first| *first < offset);
        assert!(missed.is_none(), "{place:?}: {offset} for {wanted_ms} misses {missed:?}");
        if let Some(known_ms) = self.log(place).timestamp_at(offset) {
            assert!(known_ms == timestamp_ms, "{place:?}: {timestamp_ms} at {offset}, where {known_ms} was sent");
        }
    }

    /// The whole partition was read from its first offset up to its end: everything acknowledged is there, once.
    pub fn audited(&self, place: Place, start: i64, end: i64) {
        let Some(log) = self.logs.get(&place) else { return };
        let bytes = log.tiles(place, start, end);
        let limit = self.topics[place.0].0.limit("retention.bytes");
        let kept = start == 0 || limit.is_none_or(|limit| bytes as i64 >= limit);
        assert!(kept, "{place:?}: {bytes} bytes are left of {limit:?} that should stay");
    }

    /// All partitions that anybody sent to.
    pub fn places(&self) -> Vec<Place> {
        self.logs.iter().filter(|(_, log)| !log.attempts.is_empty()).map(|(place, _)| *place).collect()
    }
}

/// The key of the first record of a batch without compression: 8 bytes behind its one-byte varints.
fn name_of(batch: &Bytes) -> Option<BatchName> {
    let records = &batch[HEADER_BYTES..];
    let long = usize::from(*records.first()? & 0x80 != 0);
    let key = records.get(5 + long..13 + long)?;
    Some(u64::from_be_bytes(key.try_into().ok()?))
}
