//! What became of packs, so that each is committed once: by writer, the number below which all are decided, and the
//! outcomes of the 64 behind it.
//!
//! A writer has fewer than 64 packs undecided at a time. A number that falls out of the window undecided can never be
//! committed any more: refusing a late commit is safe, applying it twice is not. Answers are kept whole, 26 bytes a
//! batch in a snapshot, and forgotten when the next life of the journal begins.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use apus_core::error::Refusal;
use apus_core::ids::{BrokerId, Incarnation, Lsn, PackId, Writer};
use apus_core::limits::PACK_WINDOW;

use super::objects::{put_pack, take_pack};
use super::outcome::{Accepted, Answer, Known};
use super::record::{Cursor, Record, hash};
use super::table::Table;
use crate::command::Corrupt;

/// What became of one pack.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    /// Nothing yet.
    Open,
    /// It was committed, and answered so.
    Committed { answers: Arc<[Answer]>, hash: u64 },
    /// It was committed; the answers are forgotten, because its writer is.
    Settled,
    /// It may be deleted: a commit is refused.
    Abandoned,
}

/// The packs of one writer in one life of the journal.
///
/// Stored: the writer as the id of its first pack, 8 bytes of the number below which all are decided, 1 byte of how
/// many outcomes follow, then each: 0 open, 2 settled, 3 abandoned, or 1 with 4 bytes of how many answers and each of
/// them: 0 with base offset, first offset (8 each), 1 byte duplicate, newest timestamp (8); or a refusal from 1 on.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    writer: PackId,
    below: u64,
    slots: VecDeque<Slot>,
}

/// Refusals that an answer can hold, by their stored number less one.
const REFUSALS: [Refusal; 7] = [
    Refusal::UnknownTopicOrPartition,
    Refusal::InvalidProducerEpoch,
    Refusal::OutOfOrderSequenceNumber,
    Refusal::KafkaStorageError,
    Refusal::InvalidRequest,
    Refusal::InvalidRecord,
    Refusal::RequestTimedOut,
];

fn put_answers(out: &mut Vec<u8>, answers: &[Answer]) {
    for answer in answers {
        match answer {
            Ok(accepted) => {
                out.push(0);
                out.extend_from_slice(&accepted.base_offset.to_le_bytes());
                out.extend_from_slice(&accepted.log_start_offset.to_le_bytes());
                out.push(u8::from(accepted.duplicate));
                out.extend_from_slice(&accepted.timestamp_max.to_le_bytes());
            }
            Err(refusal) => {
                let number = REFUSALS.iter().position(|known| known == refusal).expect("a refusal of this ledger");
                out.push(number as u8 + 1);
            }
        }
    }
}

fn take_answer(bytes: &mut Cursor<'_>) -> Result<Answer, Corrupt> {
    match bytes.u8()? {
        0 => Ok(Ok(Accepted {
            base_offset: bytes.i64()?,
            log_start_offset: bytes.i64()?,
            duplicate: bytes.flag()?,
            timestamp_max: bytes.i64()?,
        })),
        number => {
            let refusal = REFUSALS.get(usize::from(number) - 1).ok_or(Corrupt::Value("a refusal"))?;
            Ok(Err(*refusal))
        }
    }
}

impl Slot {
    pub(crate) fn committed(answers: &[Answer]) -> Slot {
        let mut bytes = Vec::with_capacity(answers.len() * 26);
        put_answers(&mut bytes, answers);
        Slot::Committed { answers: Arc::from(answers), hash: hash(0, &bytes) }
    }

    fn tag(&self) -> u8 {
        match self {
            Slot::Open => 0,
            Slot::Committed { .. } => 1,
            Slot::Settled => 2,
            Slot::Abandoned => 3,
        }
    }
}

impl Window {
    fn of(pack: PackId) -> Window {
        Window { writer: PackId { number: 0, ..pack }, below: 0, slots: VecDeque::new() }
    }

    fn slot(&self, number: u64) -> Slot {
        let Some(index) = number.checked_sub(self.below) else {
            return Slot::Settled;
        };
        self.slots.get(index as usize).cloned().unwrap_or(Slot::Open)
    }

    /// Writes down what became of a pack that was open.
    fn resolve(&mut self, number: u64, slot: Slot) {
        assert!(number >= self.below, "{number} is decided already");
        if number - self.below >= PACK_WINDOW {
            let below = number + 1 - PACK_WINDOW;
            let passed = (below - self.below).min(self.slots.len() as u64);
            self.slots.drain(..passed as usize);
            self.below = below;
        }
        let index = (number - self.below) as usize;
        while self.slots.len() <= index {
            self.slots.push_back(Slot::Open);
        }
        self.slots[index] = slot;
        assert!(self.slots.len() as u64 <= PACK_WINDOW);
    }
}

impl Record for Window {
    fn write(&self, out: &mut Vec<u8>) {
        put_pack(out, &self.writer);
        out.extend_from_slice(&self.below.to_le_bytes());
        out.push(self.slots.len() as u8);
        for slot in &self.slots {
            out.push(slot.tag());
            if let Slot::Committed { answers, .. } = slot {
                out.extend_from_slice(&(answers.len() as u32).to_le_bytes());
                put_answers(out, answers);
            }
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Window, Corrupt> {
        let mut window = Window { writer: take_pack(bytes)?, below: bytes.u64()?, slots: VecDeque::new() };
        for _ in 0..bytes.u8()? {
            window.slots.push_back(match bytes.u8()? {
                0 => Slot::Open,
                1 => {
                    let count = bytes.u32()?;
                    let answers = (0..count).map(|_| take_answer(bytes)).collect::<Result<Vec<_>, _>>()?;
                    Slot::committed(&answers)
                }
                2 => Slot::Settled,
                3 => Slot::Abandoned,
                _ => return Err(Corrupt::Value("what became of a pack")),
            });
        }
        if window.slots.len() as u64 > PACK_WINDOW || window.below >= 1 << 48 {
            return Err(Corrupt::Value("a window"));
        }
        Ok(window)
    }

    fn fingerprint(&self, out: &mut Vec<u8>) {
        put_pack(out, &self.writer);
        out.extend_from_slice(&self.below.to_le_bytes());
        for slot in &self.slots {
            out.push(slot.tag());
            if let Slot::Committed { hash, .. } = slot {
                out.extend_from_slice(&hash.to_le_bytes());
            }
        }
    }
}

type Key = (BrokerId, Incarnation, Writer);

fn key(pack: PackId) -> Key {
    (pack.broker, pack.incarnation, pack.writer)
}

/// The windows of all writers.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    pub(crate) table: Table<Window>,
    index: BTreeMap<Key, u32>,
}

impl Windows {
    /// Windows of a restored table; nothing where a writer stands twice.
    pub(crate) fn of(table: Table<Window>) -> Option<Windows> {
        let mut index = BTreeMap::new();
        let unique = table.iter().all(|(number, window)| index.insert(key(window.writer), number).is_none());
        unique.then_some(Windows { table, index })
    }

    /// What became of a pack.
    pub(crate) fn find(&self, pack: PackId) -> Slot {
        let window = self.index.get(&key(pack)).and_then(|number| self.table.get(*number));
        window.map_or(Slot::Open, |window| window.slot(pack.number))
    }

    /// The same, as the orphan sweep asks it.
    pub(crate) fn known(&self, pack: PackId) -> Known {
        match self.find(pack) {
            Slot::Open => Known::Unknown,
            Slot::Committed { .. } | Slot::Settled => Known::Resolved,
            Slot::Abandoned => Known::Abandoned,
        }
    }

    /// Writes down what became of a pack that was open.
    pub(crate) fn resolve(&mut self, lsn: Lsn, pack: PackId, slot: Slot) {
        let number = match self.index.get(&key(pack)) {
            Some(number) => *number,
            None => {
                let number = self.table.insert(lsn, Window::of(pack));
                self.index.insert(key(pack), number);
                number
            }
        };
        self.table.update(lsn, number, |window| window.resolve(pack.number, slot));
    }

    /// Nobody asks again for the answers of lives that are over.
    pub(crate) fn forget_answers(&mut self, lsn: Lsn, before: Incarnation) {
        let over = self.index.iter().filter(|((_, incarnation, _), _)| *incarnation < before);
        let holds = |window: &Window| window.slots.iter().any(|slot| matches!(slot, Slot::Committed { .. }));
        let over: Vec<u32> = over.map(|(_, number)| *number).collect();
        for number in over {
            if self.table.get(number).is_some_and(holds) {
                self.table.update(lsn, number, |window| {
                    let committed = window.slots.iter_mut().filter(|slot| matches!(slot, Slot::Committed { .. }));
                    committed.for_each(|slot| *slot = Slot::Settled);
                });
            }
        }
    }
}
