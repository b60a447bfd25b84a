//! Flushes that left the open pack and are not decided: at most [`UPLOADS_MAX`], each in a slot of its own, so that
//! the flushes that one waits for are a word of bits.

use std::sync::Arc;

use crate::ids::PackId;
use crate::limits::{PACK_WINDOW, UPLOADS_MAX};
use crate::message::CommitBatch;
use crate::pack::Pack;
use crate::time::Instant;

use super::connections::Key;

/// One flush.
#[derive(Debug)]
pub(super) struct Flight {
    /// Its number, in the order of flushes.
    pub flush: u64,
    /// Its object; nothing for bytes that ride in the journal.
    pub id: Option<PackId>,
    /// How far it is.
    pub phase: Phase,
    /// Slots of earlier flushes that share a connection with it and are not resolved.
    pub depends: u64,
    /// Whose requests it holds, and how many of each.
    pub connections: Vec<(Key, u32)>,
    /// The bytes.
    pub pack: Arc<Pack>,
    /// What it asks offsets for; empty once asked or failed.
    pub batches: Vec<CommitBatch>,
    /// When it left.
    pub began: Instant,
    /// When it asked for offsets.
    pub asked: Instant,
}

/// How far a flush is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The store has it.
    Uploading,
    /// Its bytes are safe (or ride in the journal); earlier flushes of its connections are not resolved.
    Waiting,
    /// The coordinator has it.
    Committing,
    /// A flush before it failed, and it with that one; only the end of its upload is awaited.
    Failed,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Flights {
    slots: Vec<Option<Flight>>,
    uploads: usize,
    inline: usize,
    inline_bytes: u64,
}

impl Flights {
    /// Flushes that are uploading or, without an object, not yet durable.
    pub fn in_flight(&self) -> usize {
        self.uploads + self.inline
    }

    /// Objects that the store has not answered for.
    pub fn uploads(&self) -> usize {
        self.uploads
    }

    /// Bytes that ride in the journal and are not yet durable.
    pub fn inline_bytes(&self) -> u64 {
        self.inline_bytes
    }

    /// Nothing is undecided.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// Whether one more flush has a slot.
    pub fn has_room(&self) -> bool {
        self.slots.len() < UPLOADS_MAX || self.slots.iter().any(Option::is_none)
    }

    /// Whether the pack of this number is near enough to the oldest one that may still ask for offsets: the
    /// coordinator remembers a window of outcomes and refuses what lies below it.
    pub fn in_window(&self, number: u64) -> bool {
        let undecided = self.iter().filter(|(_, flight)| flight.phase != Phase::Failed);
        let oldest = undecided.filter_map(|(_, flight)| flight.id).map(|id| id.number).min();
        oldest.is_none_or(|oldest| number - oldest < PACK_WINDOW)
    }

    /// The slot that the next flush gets.
    pub fn free(&self) -> usize {
        let slot = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        assert!(slot < UPLOADS_MAX, "no slot for a flush");
        slot
    }

    /// A flush leaves.
    pub fn insert(&mut self, slot: usize, flight: Flight) {
        assert!(flight.depends & 1 << slot == 0);
        if flight.id.is_some() {
            self.uploads += 1;
        } else {
            self.inline += 1;
            self.inline_bytes += u64::from(flight.pack.bytes());
        }
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        let before = self.slots[slot].replace(flight);
        assert!(before.is_none(), "a slot is free when it is given");
    }

    /// The flush of this number.
    pub fn find(&self, flush: u64) -> Option<usize> {
        self.iter().find(|(_, flight)| flight.flush == flush).map(|(slot, _)| slot)
    }

    /// The flush in this slot, which is taken.
    pub fn at(&mut self, slot: usize) -> &mut Flight {
        self.slots[slot].as_mut().expect("the slot is taken")
    }

    /// The store answered.
    pub fn upload_ended(&mut self, slot: usize) {
        assert!(matches!(self.at(slot).phase, Phase::Uploading | Phase::Failed));
        self.uploads -= 1;
    }

    /// A flush is decided, one way or the other: nobody waits for it any more.
    pub fn remove(&mut self, slot: usize) -> Flight {
        let flight = self.slots[slot].take().expect("the slot is taken");
        for other in self.slots.iter_mut().flatten() {
            other.depends &= !(1 << slot);
        }
        if flight.id.is_none() {
            self.inline -= 1;
            self.inline_bytes -= u64::from(flight.pack.bytes());
        }
        flight
    }

    /// The next flush, in order, that waits for no other.
    pub fn next_ready(&self) -> Option<usize> {
        let ready = self.iter().filter(|(_, flight)| flight.phase == Phase::Waiting && flight.depends == 0);
        ready.min_by_key(|(_, flight)| flight.flush).map(|(slot, _)| slot)
    }

    /// This flush and all that wait for it, directly or not.
    pub fn dependants(&self, slot: usize) -> u64 {
        let mut set = 1_u64 << slot;
        loop {
            let more = self.iter().filter(|(_, flight)| flight.depends & set != 0);
            let next = more.fold(set, |set, (slot, _)| set | 1 << slot);
            if next == set {
                return set;
            }
            set = next;
        }
    }

    /// Every flush with its slot.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Flight)> {
        self.slots.iter().enumerate().filter_map(|(slot, flight)| Some((slot, flight.as_ref()?)))
    }

    /// Counts agree with the slots, and nobody waits for what is gone or failed.
    pub fn check(&self) {
        let live = self.iter().filter(|(_, flight)| flight.phase != Phase::Failed);
        let live = live.fold(0_u64, |set, (slot, _)| set | 1 << slot);
        let (mut uploads, mut inline, mut inline_bytes) = (0, 0, 0);
        for (_, flight) in self.iter() {
            uploads += usize::from(matches!(flight.phase, Phase::Uploading | Phase::Failed));
            inline += usize::from(flight.id.is_none());
            inline_bytes += if flight.id.is_none() { u64::from(flight.pack.bytes()) } else { 0 };
            assert!(flight.depends & !live == 0, "flush {} waits for one that is gone", flight.flush);
            assert!(flight.phase != Phase::Committing || flight.depends == 0);
            assert!(flight.batches.is_empty() == matches!(flight.phase, Phase::Committing | Phase::Failed));
        }
        assert!((uploads, inline, inline_bytes) == (self.uploads, self.inline, self.inline_bytes));
    }
}
