//! The spill: inline bytes move out of the journal into packs, merged to one extent a partition where they adjoin.
//!
//! Inline bytes are pinned in memory until the pack that holds them is committed. A spill starts at
//! [`limits::SPILL_BYTES_MIN`] or when the oldest bytes are [`limits::SPILL_AGE_MS_MAX`] old; one runs at a time:
//! PUT (a key that is never reused, so it is simply repeated), then the command, then, once that is durable, the cores
//! learn the new homes and the bytes are let go. A crash in between leaves an orphan for the sweep.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use apus_core::batch::BatchHeader;
use apus_core::extent::{Extent, Home, Placed, pack_key};
use apus_core::ids::{BrokerId, Incarnation, Lsn, PackId, Ticket, Writer};
use apus_core::limits;
use apus_core::message::{Committed, Message, Rehomed};
use apus_core::pack::Pack;
use apus_core::pack_builder::{PackBuilder, Piece};
use apus_core::time::Instant;
use apus_core::turn::{Level, Turn};
use apus_core::world::{Condition, StoreReply, StoreRequest};

use crate::command::{Command, Rehome};
use crate::journal::Claim;
use crate::ledger::Decision;
use crate::machine::calls::Calls;
use crate::machine::leader::Leader;
use crate::machine::outbox::To;
use crate::machine::tickets::Tickets;

/// Bytes of one spill's pack: twice what starts one.
const SPILL_BYTES_MAX: u64 = 2 * limits::SPILL_BYTES_MIN;
/// Inline bytes of one commit.
#[derive(Debug)]
struct Held {
    pack: Arc<Pack>,
    placed: Vec<Placed>,
    since: Instant,
}

/// An extent that still lives in the journal, and its bytes.
type Alive = (Placed, Piece, Vec<Bytes>);

/// A pack on its way.
#[derive(Debug)]
struct Work {
    pack: PackId,
    body: Arc<Pack>,
    homes: Vec<Lsn>,
    moves: Vec<Placed>,
    /// The store holds it.
    stored: bool,
    /// Where it was journaled.
    journaled: Option<Lsn>,
}

/// What is held, and the spill under way.
#[derive(Debug)]
pub struct Spill {
    broker: BrokerId,
    incarnation: Incarnation,
    next: u64,
    held: BTreeMap<Lsn, Held>,
    bytes: u64,
    told: u64,
    work: Option<Work>,
    hurried: bool,
    pub(crate) calls: Calls<()>,
}

impl Spill {
    /// A spill of this start: its packs count from 0.
    #[must_use]
    pub fn new(broker: BrokerId, incarnation: Incarnation) -> Spill {
        Spill {
            broker,
            incarnation,
            next: 0,
            held: BTreeMap::new(),
            bytes: 0,
            told: 0,
            work: None,
            hurried: false,
            calls: Calls::default(),
        }
    }

    /// Pins the bytes of a commit.
    pub fn hold(&mut self, lsn: Lsn, pack: Arc<Pack>, placed: Vec<Placed>, now: Instant) {
        assert!(!placed.is_empty());
        self.bytes += u64::from(pack.bytes());
        assert!(self.held.insert(lsn, Held { pack, placed, since: now }).is_none());
    }

    /// The lowest position whose bytes are only in the journal.
    #[must_use]
    pub fn oldest(&self) -> Option<Lsn> {
        self.held.keys().next().copied()
    }

    /// True where the ticket is one of its questions.
    #[must_use]
    pub fn asked(&self, ticket: Ticket) -> bool {
        self.calls.has(ticket)
    }

    /// Numbers below this were given to packs whose fate is known, or is being decided.
    #[must_use]
    pub fn resolved_below(&self) -> u64 {
        self.work.as_ref().map_or(self.next, |work| work.pack.number)
    }

    /// Spills at once what there is, so that the journal can free segments.
    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    /// When the oldest bytes are due.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let due =
            self.held.values().next().map_or(Instant::NEVER, |held| held.since.after_ms(limits::SPILL_AGE_MS_MAX));
        let due = if self.work.is_none() { due } else { Instant::NEVER };
        due.min(self.calls.deadline())
    }

    fn is_due(&self, now: Instant) -> bool {
        let Some(oldest) = self.held.values().next() else { return false };
        let old = now >= oldest.since.after_ms(limits::SPILL_AGE_MS_MAX);
        self.work.is_none() && (old || self.hurried || self.bytes >= limits::SPILL_BYTES_MIN)
    }

    /// Held bytes are counted.
    pub fn check(&self) {
        assert!(self.held.values().map(|held| u64::from(held.pack.bytes())).sum::<u64>() == self.bytes);
        if let Some(work) = &self.work {
            assert!(work.journaled.is_none() || work.stored, "a rehome precedes its bytes");
        }
    }
}

impl Leader {
    /// Pins what the start found in the journal, and lets the cores pin it.
    pub(crate) fn adopt_inline(&mut self, inline: BTreeMap<Lsn, Bytes>, turn: &mut Turn) {
        let durable = self.journal.durable();
        let mut homes = if inline.is_empty() { BTreeMap::new() } else { self.placed_in_journal() };
        for (lsn, bytes) in inline {
            let placed = homes.remove(&lsn).expect("only live bytes are loaded");
            let pack = Arc::new(Pack::new(vec![bytes], Bytes::new()));
            self.spill.hold(lsn, Arc::clone(&pack), placed.clone(), turn.now);
            let home = Home::Journal(lsn);
            let committed = Committed { lsn, home, pack, placed, answers: Vec::new() };
            self.outbox.say(durable, To::All, Message::Committed(Arc::new(committed)));
        }
        self.outbox.release(durable, turn);
        self.tell_held(turn);
    }

    /// The live extents of every journal home.
    fn placed_in_journal(&self) -> BTreeMap<Lsn, Vec<Placed>> {
        let mut homes: BTreeMap<Lsn, Vec<Placed>> = BTreeMap::new();
        for partition in self.topics.values().flat_map(|topic| &topic.partitions) {
            for extent in self.ledger.extents(*partition) {
                if let Home::Journal(lsn) = extent.home {
                    homes.entry(lsn).or_default().push(Placed { partition: *partition, extent });
                }
            }
        }
        homes
    }

    fn tell_held(&mut self, turn: &mut Turn) {
        if self.spill.told != self.spill.bytes {
            self.spill.told = self.spill.bytes;
            turn.send(crate::machine::PACKER, Message::Held { bytes: self.spill.bytes });
        }
    }

    /// Begins a spill that is due, journals one that is stored, ends one that is durable.
    pub(crate) fn advance_spill(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        self.end_spill(turn);
        if self.spill.is_due(turn.now) {
            self.begin_spill(tickets, turn);
        }
        self.journal_spill(turn);
        self.tell_held(turn);
    }

    fn begin_spill(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let (homes, pieces) = self.choose();
        if pieces.is_empty() {
            self.forget(homes, turn);
            return;
        }
        let spill = &mut self.spill;
        let pack =
            PackId { broker: spill.broker, incarnation: spill.incarnation, writer: Writer::Spill, number: spill.next };
        spill.next += 1;
        let mut builder = PackBuilder::with_capacity(pieces.len());
        pieces.iter().for_each(|(_, piece, slices)| builder.add(*piece, slices.iter().cloned()));
        let built = builder.build(Some(pack));
        let moves = merge(pack, &pieces, &built.positions);
        let body = Arc::new(built.pack);
        let key = pack_key(&self.cluster_id, pack);
        let request = StoreRequest::Put { key, body: body.body(), condition: Condition::Always };
        spill.calls.ask((), request, tickets, turn);
        spill.hurried = false;
        spill.work = Some(Work { pack, body, homes, moves, stored: false, journaled: None });
    }

    /// The oldest homes, and what still lives in them, by partition and offset.
    fn choose(&self) -> (Vec<Lsn>, Vec<Alive>) {
        let mut homes = Vec::new();
        let mut pieces = Vec::new();
        let mut bytes = 0;
        for (lsn, held) in &self.spill.held {
            let full = bytes + u64::from(held.pack.bytes()) > SPILL_BYTES_MAX
                || pieces.len() + held.placed.len() > limits::PACK_BATCHES_MAX
                || homes.len() == limits::PACK_BATCHES_MAX;
            if *lsn > self.journal.durable() || (full && !homes.is_empty()) {
                break;
            }
            bytes += u64::from(held.pack.bytes());
            homes.push(*lsn);
            for placed in &held.placed {
                let bounds = self.ledger.bounds(placed.partition);
                let (Some(bounds), Some(topic)) = (bounds, self.ledger.topic_of(placed.partition)) else { continue };
                if placed.extent.end <= bounds.log_start_offset {
                    continue;
                }
                let slices: Vec<Bytes> = held.pack.slices(placed.extent.position, placed.extent.bytes).collect();
                let piece = Piece {
                    partition: placed.partition,
                    topic: topic.id,
                    index: topic.index_of(placed.partition).expect("a topic knows its partitions"),
                    batches: slices.iter().map(|slice| count_batches(slice)).sum(),
                    offsets: (placed.extent.end - placed.extent.start) as u64,
                    timestamp_max: placed.extent.timestamp_max,
                };
                pieces.push((*placed, piece, slices));
            }
        }
        pieces.sort_by_key(|(placed, ..)| (placed.partition, placed.extent.start));
        (homes, pieces)
    }

    fn journal_spill(&mut self, turn: &mut Turn) {
        let Some(work) = &self.spill.work else { return };
        if !work.stored || work.journaled.is_some() {
            return;
        }
        let rehome = Rehome {
            pack: work.pack,
            object_bytes: work.body.body().bytes(),
            emptied: work.homes.clone(),
            moves: work.moves.clone(),
        };
        // Without room it is tried again when segments change.
        let Ok((lsn, outcome)) = self.submit(Command::Rehome(rehome), Claim::Upkeep, turn) else { return };
        let Decision::Rehomed { placed } = outcome.decision else { unreachable!("a rehome ends as one") };
        if let Some(work) = &mut self.spill.work {
            work.journaled = Some(lsn);
            work.moves = placed;
        }
    }

    fn end_spill(&mut self, turn: &mut Turn) {
        let durable = self.journal.durable();
        let Some(work) = self.spill.work.take_if(|work| work.journaled.is_some_and(|lsn| lsn <= durable)) else {
            return;
        };
        turn.count.spills += 1;
        let rehomed = Rehomed {
            lsn: work.journaled.unwrap_or(durable),
            emptied: work.homes.iter().map(|lsn| Home::Journal(*lsn)).collect(),
            home: Home::Pack(work.pack),
            pack: Some(work.body),
            placed: work.moves,
        };
        self.release(&work.homes);
        self.broadcast(Message::Rehomed(Arc::new(rehomed)), turn);
    }

    /// Lets go of homes in which nothing lives any more.
    fn forget(&mut self, homes: Vec<Lsn>, turn: &mut Turn) {
        let (Some(first), lsn) = (homes.first().copied(), self.journal.durable()) else { return };
        let emptied = homes.iter().map(|lsn| Home::Journal(*lsn)).collect();
        let rehomed = Rehomed { lsn, emptied, home: Home::Journal(first), pack: None, placed: Vec::new() };
        self.release(&homes);
        self.broadcast(Message::Rehomed(Arc::new(rehomed)), turn);
    }

    fn release(&mut self, homes: &[Lsn]) {
        for lsn in homes {
            let held = self.spill.held.remove(lsn).expect("what is spilled is held");
            self.spill.bytes -= u64::from(held.pack.bytes());
        }
    }

    /// Says something that is durable to every core, behind what was said before.
    pub(crate) fn broadcast(&mut self, message: Message, turn: &mut Turn) {
        let durable = self.journal.durable();
        self.outbox.release(durable, turn);
        (0..self.config.cores).for_each(|core| turn.send(apus_core::ids::CoreId(core), message.clone()));
    }

    /// The store's answer to a spill's PUT: the key is never reused, so anything but a success is asked again.
    pub(crate) fn spill_stored(&mut self, ticket: Ticket, reply: &StoreReply, turn: &mut Turn) {
        let Some(call) = self.spill.calls.answered(ticket) else { return };
        match reply {
            StoreReply::Put(Ok(_)) => {
                let work = self.spill.work.as_mut().expect("a spill is under way");
                work.stored = true;
            }
            StoreReply::Put(Err(failure)) => {
                if call.attempts == 1 {
                    turn.note(Level::Warn, format!("spill: {failure}; the bytes stay in the journal until it works"));
                }
                self.spill.calls.again(call, turn.now);
            }
            other => unreachable!("the store answered a PUT with {other:?}"),
        }
    }
}

/// One extent for each run of pieces that adjoin in partition and offset.
fn merge(pack: PackId, pieces: &[Alive], positions: &[u32]) -> Vec<Placed> {
    assert!(pieces.len() == positions.len());
    let mut moves: Vec<Placed> = Vec::new();
    for ((placed, ..), position) in pieces.iter().zip(positions) {
        let next = Extent { home: Home::Pack(pack), position: *position, ..placed.extent };
        match moves.last_mut() {
            Some(last) if last.partition == placed.partition && adjoins(&last.extent, &next) => {
                last.extent.end = next.end;
                last.extent.bytes += next.bytes;
                last.extent.timestamp_max = last.extent.timestamp_max.max(next.timestamp_max);
            }
            _ => moves.push(Placed { partition: placed.partition, extent: next }),
        }
    }
    moves
}

fn adjoins(last: &Extent, next: &Extent) -> bool {
    let same = last.transactional == next.transactional && last.control == next.control;
    same && last.end == next.start && last.position + last.bytes == next.position
}

/// Batches that follow each other in these bytes, which were checked when they came.
fn count_batches(bytes: &[u8]) -> u32 {
    let (mut at, mut count) = (0, 0);
    while let Some(length) = BatchHeader::read(&bytes[at..]).and_then(|header| header.bytes()) {
        count += 1;
        at += length;
        if at >= bytes.len() {
            break;
        }
    }
    count.max(1)
}
