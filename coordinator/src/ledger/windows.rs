//! What became of packs, so that each is committed once: by writer, the number below which all are decided, and the
//! outcomes of the 64 behind it.
//!
//! A writer has fewer than 64 packs undecided at a time. A number that falls out of the window undecided can never be
//! committed any more: refusing a late commit is safe, applying it twice is not. Answers are kept whole, 26 bytes a
//! batch in a snapshot, and forgotten when the next life of the journal begins.
//!
//! A life's windows stay behind its end, because a pack of it that the store lists may be committed (it is dead or
//! alive), or never was (it is an orphan), and an orphan may be deleted only once nobody can commit it any more. When
//! a life is *closed*, that is true of all its packs at once: every commit that was ever to come has come, by a journal
//! that its next life has taken over, and another would be refused. What the extents refer to is then all that there
//! is to know, and one mark for each broker takes the place of the windows of all its closed lives.

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

/// A window that stands for a life and all lives before it, of all writers: they are closed. Numbers of packs have 48
/// bits, and a window ends behind a pack that was decided, so no other window stands there.
const CLOSED: u64 = (1 << 48) - 1;

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
/// many outcomes follow (2^48 - 1 and none: this and all earlier lives are closed), then each: 0 open, 2 settled, 3 abandoned, or 1 with 4 bytes of how many answers and each of
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

    fn is_mark(&self) -> bool {
        self.below == CLOSED
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
    const PAGE_ENTRIES: usize = 1024;

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
        let mark_holds_more = window.is_mark() && !window.slots.is_empty();
        if window.slots.len() as u64 > PACK_WINDOW || window.below > CLOSED || mark_holds_more {
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
    /// The last life of each broker that is closed. Derived.
    closed: BTreeMap<BrokerId, Incarnation>,
}

impl Windows {
    /// Windows of a restored table; nothing where a writer stands twice, or is closed and stands there all the same.
    pub(crate) fn of(table: Table<Window>) -> Option<Windows> {
        let mut index = BTreeMap::new();
        let unique = table.iter().all(|(number, window)| index.insert(key(window.writer), number).is_none());
        let marks = table.iter().filter(|(_, window)| window.is_mark());
        let closed = marks.map(|(_, window)| (window.writer.broker, window.writer.incarnation)).collect();
        let windows = Windows { table, index, closed };
        let lives = |window: &Window| window.is_mark() == windows.is_closed(window.writer);
        (unique && windows.table.iter().all(|(_, window)| lives(window)) && windows.one_mark_each()).then_some(windows)
    }

    fn one_mark_each(&self) -> bool {
        self.table.iter().filter(|(_, window)| window.is_mark()).count() == self.closed.len()
    }

    fn is_closed(&self, pack: PackId) -> bool {
        self.closed.get(&pack.broker).is_some_and(|closed| pack.incarnation <= *closed)
    }

    /// What became of a pack.
    pub(crate) fn find(&self, pack: PackId) -> Slot {
        if self.is_closed(pack) {
            return Slot::Settled;
        }
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
        assert!(!self.is_closed(pack), "{pack:?} is of a closed life");
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

    /// One mark takes the place of the windows of a broker's lives before this one; false where it stands there already.
    pub(crate) fn close(&mut self, lsn: Lsn, broker: BrokerId, before: Incarnation) -> bool {
        let last = Incarnation(before.0.saturating_sub(1));
        let mark = PackId { broker, incarnation: last, writer: Writer::ALL[0], number: 0 };
        if last == Incarnation(0) || self.is_closed(mark) {
            return false;
        }
        let first = (broker, Incarnation(0), Writer::ALL[0]);
        let over: Vec<Key> = self.index.range(first..(broker, before, Writer::ALL[0])).map(|(key, _)| *key).collect();
        for key in over {
            let number = self.index.remove(&key).expect("it was just seen");
            self.table.remove(lsn, number);
        }
        let number = self.table.insert(lsn, Window { below: CLOSED, ..Window::of(mark) });
        self.index.insert(key(mark), number);
        self.closed.insert(broker, last);
        true
    }

    /// Brokers with windows of lives before this one that are not closed.
    pub(crate) fn open(&self, before: Incarnation) -> Vec<BrokerId> {
        let over = self.index.keys().filter(|(_, incarnation, _)| *incarnation < before);
        let open =
            over.filter(|(broker, incarnation, _)| self.closed.get(broker).is_none_or(|last| incarnation > last));
        let mut brokers: Vec<BrokerId> = open.map(|(broker, ..)| *broker).collect();
        brokers.dedup();
        brokers
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
