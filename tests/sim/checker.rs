//! What clients were promised, and whether the broker keeps it.
//!
//! Every batch that is ever sent is known here by what its records say. An answer is a promise for ever: an
//! acknowledged offset, a batch that was read, a high watermark that was told. A breach panics with a sentence.

use std::collections::BTreeMap;

use apus_core::batch::{BatchHeader, HEADER_BYTES, checksum};
use bytes::Bytes;

/// A partition, as clients name it.
pub type Place = (String, i32);

/// A batch's name: producer and number, which its first record carries as its key.
pub type BatchName = u64;

/// A batch that was sent.
#[derive(Clone, Debug)]
struct Attempt {
    records: Bytes,
    count: i64,
    acknowledged: Option<i64>,
}

/// One partition's history.
#[derive(Debug, Default)]
struct Log {
    attempts: BTreeMap<BatchName, Attempt>,
    /// By base offset: what was read there once.
    read: BTreeMap<i64, BatchName>,
    read_at: BTreeMap<BatchName, i64>,
    /// Behind the last batch that a producer was told of.
    acknowledged_end: i64,
    /// Behind whatever anybody was told.
    told_end: i64,
    /// The same, at the last crash.
    survived_end: i64,
}

/// All promises.
#[derive(Debug, Default)]
pub struct Checker {
    logs: BTreeMap<Place, Log>,
    /// How many batches were acknowledged.
    pub acknowledged: u64,
    /// How many batches were read.
    pub read: u64,
}

impl Checker {
    fn log(&mut self, place: &Place) -> &mut Log {
        self.logs.entry(place.clone()).or_default()
    }

    /// A batch is about to be sent.
    pub fn attempt(&mut self, place: &Place, name: BatchName, batch: &Bytes, count: i64) {
        let records = batch.slice(HEADER_BYTES..);
        let attempt = Attempt { records, count, acknowledged: None };
        assert!(self.log(place).attempts.insert(name, attempt).is_none(), "the name of a batch is used once");
    }

    /// A producer was told where its batch is.
    pub fn acknowledge(&mut self, place: &Place, name: BatchName, base_offset: i64) {
        let log = self.log(place);
        let attempt = log.attempts.get_mut(&name).expect("it was sent");
        if let Some(first) = attempt.acknowledged {
            assert!(first == base_offset, "batch {name:x} of {place:?}: acknowledged at {first}, now at {base_offset}");
        }
        assert!(base_offset >= 0, "batch {name:x} of {place:?} was acknowledged at {base_offset}");
        attempt.acknowledged = Some(base_offset);
        let end = base_offset + attempt.count;
        log.acknowledged_end = log.acknowledged_end.max(end);
        log.told_end = log.told_end.max(end);
        log.place(place, name, base_offset);
        self.acknowledged += 1;
    }

    /// What an answer to a question that is asked now must at least know: all that was acknowledged before, and all
    /// that anybody was told before the last crash.
    pub fn floor(&mut self, place: &Place) -> i64 {
        let log = self.log(place);
        log.acknowledged_end.max(log.survived_end)
    }

    /// A high watermark was told, to a question that was asked at this floor.
    pub fn told(&mut self, place: &Place, high_watermark: i64, floor: i64) {
        assert!(high_watermark >= floor, "{place:?}: told {high_watermark} after {floor} was promised");
        let log = self.log(place);
        log.told_end = log.told_end.max(high_watermark);
    }

    /// The broker is gone; what it said stays said.
    pub fn crashed(&mut self) {
        self.logs.values_mut().for_each(|log| log.survived_end = log.told_end);
    }

    /// A consumer read these bytes from this offset on; the offset behind them. Batches are parsed here, by hand.
    pub fn read(&mut self, place: &Place, from: i64, bytes: &Bytes, high_watermark: i64) -> i64 {
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
            self.found(place, &batch, &header);
            (next, is_first) = (end, false);
        }
        next
    }

    fn found(&mut self, place: &Place, batch: &Bytes, header: &BatchHeader) {
        let name = name_of(batch).unwrap_or_else(|| panic!("{place:?}: no batch of ours at {}", header.base_offset));
        let log = self.log(place);
        let attempt = log.attempts.get(&name);
        let attempt = attempt.unwrap_or_else(|| panic!("{place:?}: nobody sent batch {name:x}"));
        assert!(batch[HEADER_BYTES..] == attempt.records[..], "{place:?}: batch {name:x} holds other records");
        assert!(header.offsets() == attempt.count, "{place:?}: batch {name:x} counts other records");
        log.place(place, name, header.base_offset);
        log.told_end = log.told_end.max(header.base_offset + header.offsets());
        self.read += 1;
    }

    /// The whole partition was read up to its end: everything acknowledged is there, once.
    pub fn audited(&self, place: &Place, end: i64) {
        let Some(log) = self.logs.get(place) else { return };
        let mut next = 0;
        for (base, name) in &log.read {
            assert!(*base == next, "{place:?}: nothing lies between {next} and {base}");
            next += log.attempts[name].count;
        }
        assert!(next == end, "{place:?}: batches end at {next}, the partition at {end}");
    }

    /// All partitions that anybody sent to.
    pub fn places(&self) -> Vec<Place> {
        self.logs.iter().filter(|(_, log)| !log.attempts.is_empty()).map(|(place, _)| place.clone()).collect()
    }
}

impl Log {
    /// This batch is here, and was never elsewhere; nor was another here.
    fn place(&mut self, place: &Place, name: BatchName, base_offset: i64) {
        let there = *self.read.entry(base_offset).or_insert(name);
        assert!(there == name, "{place:?}: at {base_offset} was batch {there:x}, and now is {name:x}");
        let at = *self.read_at.entry(name).or_insert(base_offset);
        assert!(
            at == base_offset,
            "{place:?}: batch {name:x} is at {at} and at {base_offset}: a duplicate, or it moved"
        );
    }
}

/// The key of the first record of a batch without compression: 8 bytes behind its one-byte varints.
fn name_of(batch: &Bytes) -> Option<BatchName> {
    let records = &batch[HEADER_BYTES..];
    let long = usize::from(*records.first()? & 0x80 != 0);
    let key = records.get(5 + long..13 + long)?;
    Some(u64::from_be_bytes(key.try_into().ok()?))
}
