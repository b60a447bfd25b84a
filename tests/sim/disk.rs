//! The journal's disk, as unkind as a real one at a crash: what was not answered may be there, in part, or not at all.
//!
//! A write that is under way at a crash leaves any subset of its 4 KiB blocks; a segment that is being made or removed
//! is there whole or not at all, because a real one gets its name only when it is complete. What was answered stays. A
//! segment that was removed is the next one that is made, as it stands; a crash takes it away.
//!
//! It may be full, which refuses new segments and nothing else; and it may break, which leaves of a write what a crash
//! would.

use std::collections::BTreeMap;

use apus_core::limits::JOURNAL_BLOCK_BYTES;
use apus_core::time::Rng;
use apus_core::world::{DiskFailure, DiskReply, DiskRequest};
use bytes::{Bytes, BytesMut};

use crate::plan::DiskFaults;

/// A segment: its length, and the blocks of it that are not zero.
#[derive(Clone, Debug, Default)]
struct Segment {
    bytes: u64,
    blocks: BTreeMap<u64, Bytes>,
}

/// Names a request until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskKey(u64);

/// What is durable, and what is under way.
#[derive(Debug, Default)]
pub struct Disk {
    segments: BTreeMap<u64, Segment>,
    retired: Option<Segment>,
    used_again: u64,
    under_way: BTreeMap<DiskKey, DiskRequest>,
    numbers: u64,
    faults: DiskFaults,
    is_full: bool,
}

impl Disk {
    /// An empty disk.
    pub fn new(faults: DiskFaults) -> Disk {
        Disk { faults, ..Disk::default() }
    }

    /// From now on nothing breaks, and there is room.
    pub fn heal(&mut self) {
        self.faults = DiskFaults::default();
        self.is_full = false;
    }

    /// Takes the room away, or gives it back.
    pub fn toggle_room(&mut self) {
        self.is_full = self.faults.fills_up && !self.is_full;
    }

    /// A request reaches the disk; it takes effect when it ends.
    pub fn begin(&mut self, request: DiskRequest) -> DiskKey {
        self.numbers += 1;
        let key = DiskKey(self.numbers);
        self.under_way.insert(key, request);
        key
    }

    /// The request ends, unless a crash ended it before.
    pub fn end(&mut self, key: DiskKey, rng: &mut Rng) -> Option<Result<DiskReply, DiskFailure>> {
        let request = self.under_way.remove(&key)?;
        if self.faults.breaks.is_some_and(|one_in| rng.chance(one_in)) {
            if let DiskRequest::Write { segment, position, pieces } = &request {
                self.tear(*segment, *position, pieces, rng);
            }
            return Some(Err(DiskFailure::Broken("input/output error".into())));
        }
        if self.is_full && matches!(request, DiskRequest::Create { .. }) {
            return Some(Err(DiskFailure::Full));
        }
        Some(self.apply(request))
    }

    /// How many segments had been others before.
    pub fn used_again(&self) -> u64 {
        self.used_again
    }

    /// Whether a write is under way.
    pub fn writes(&self) -> bool {
        self.under_way.values().any(|request| matches!(request, DiskRequest::Write { .. }))
    }

    /// The power goes: of everything under way, chance decides what is there.
    pub fn crash(&mut self, rng: &mut Rng) {
        for request in std::mem::take(&mut self.under_way).into_values() {
            match request {
                DiskRequest::Write { segment, position, pieces } => self.tear(segment, position, &pieces, rng),
                DiskRequest::Create { .. } | DiskRequest::Remove { .. } if rng.chance(2) => {
                    let _nobody_is_told = self.apply(request);
                }
                _ => {}
            }
        }
        self.retired = None;
    }

    fn tear(&mut self, segment: u64, position: u64, pieces: &[Bytes], rng: &mut Rng) {
        let whole = Bytes::from(pieces.concat());
        // All, nothing, or each block for itself.
        let kind = rng.below(3);
        for (index, block) in blocks(position, &whole) {
            if kind == 0 || (kind == 2 && rng.chance(2)) {
                self.put(segment, index, block);
            }
        }
    }

    fn put(&mut self, segment: u64, index: u64, block: Bytes) {
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.blocks.insert(index, block);
        }
    }

    fn apply(&mut self, request: DiskRequest) -> Result<DiskReply, DiskFailure> {
        match request {
            DiskRequest::List => {
                let segments = self.segments.iter().map(|(number, segment)| (*number, segment.bytes));
                Ok(DiskReply::Segments(segments.collect()))
            }
            DiskRequest::Read { segment, position, bytes } => {
                let segment = self.segments.get(&segment).ok_or_else(missing)?;
                Ok(DiskReply::Bytes(segment.read(position, bytes)))
            }
            DiskRequest::Create { segment, bytes } => {
                assert!(bytes > 0 && bytes.is_multiple_of(JOURNAL_BLOCK_BYTES));
                let again = self.retired.take_if(|retired| retired.bytes == bytes);
                self.used_again += u64::from(again.is_some());
                self.segments.insert(segment, again.unwrap_or(Segment { bytes, blocks: BTreeMap::new() }));
                Ok(DiskReply::Done)
            }
            DiskRequest::Write { segment, position, pieces } => {
                let whole = Bytes::from(pieces.concat());
                assert!(!whole.is_empty() && (whole.len() as u64).is_multiple_of(JOURNAL_BLOCK_BYTES));
                let length = self.segments.get(&segment).ok_or_else(missing)?.bytes;
                assert!(position + whole.len() as u64 <= length, "a write beyond the end of its segment");
                blocks(position, &whole).for_each(|(index, block)| self.put(segment, index, block));
                Ok(DiskReply::Done)
            }
            DiskRequest::Remove { segment } => {
                let removed = self.segments.remove(&segment);
                self.retired = self.retired.take().or(removed);
                Ok(DiskReply::Done)
            }
        }
    }
}

fn missing() -> DiskFailure {
    DiskFailure::Broken("no such segment".into())
}

fn blocks(position: u64, whole: &Bytes) -> impl Iterator<Item = (u64, Bytes)> {
    assert!(position.is_multiple_of(JOURNAL_BLOCK_BYTES));
    let block = JOURNAL_BLOCK_BYTES as usize;
    let first = position / JOURNAL_BLOCK_BYTES;
    (0..whole.len() / block).map(move |index| (first + index as u64, whole.slice(index * block..(index + 1) * block)))
}

impl Segment {
    fn read(&self, position: u64, bytes: u64) -> Bytes {
        let end = position.saturating_add(bytes).min(self.bytes);
        let start = position.min(end);
        let mut out = BytesMut::zeroed((end - start) as usize);
        let first = start / JOURNAL_BLOCK_BYTES;
        for (index, block) in self.blocks.range(first..end.div_ceil(JOURNAL_BLOCK_BYTES)) {
            let at = index * JOURNAL_BLOCK_BYTES;
            let (from, to) = (at.max(start), (at + JOURNAL_BLOCK_BYTES).min(end));
            let source = &block[(from - at) as usize..(to - at) as usize];
            out[(from - start) as usize..(to - start) as usize].copy_from_slice(source);
        }
        out.freeze()
    }
}
