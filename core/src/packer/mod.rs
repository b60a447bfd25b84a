//! The packer: collects the batches that all cores admitted and decides, alone, when they become durable together.
//!
//! It lives on core 0. Fronts send it [`Admission`]s; it asks the store to put packs, and sends a [`Commit`] to the
//! coordinator once the bytes are safe; the coordinator says `Resolved` when the flush is decided and durable.
//!
//! At the end of a drain, the open pack is flushed when
//! - (a) it has reached its target, or as many batches as one command may hold;
//! - (b) nothing is in flight: no upload, and no inline flush that is not yet durable;
//! - (c) one of these has just ended;
//! - (d) its oldest request is as old as the linger;
//! - (e) every connection that contributed stands at its learned window with no unread bytes (`connections`).
//!
//! (b) and (c) do not hold for a pack that fills so fast that it will reach its target within its linger (`flow`).
//!
//! Uploads are bounded; what cannot leave stays in the open pack, which the bytes that fronts may have in flight bound
//! (`diskless.inflight.bytes`): nobody needs to be told to stop reading.
//!
//! A flush that is small enough rides in the journal where that is allowed; any other is one object, and under (b) to
//! (e) it spends a token of the put rate (`pace`). A flush that is due and has no token waits for the next one.
//!
//! While the ledger is nearly full, the coordinator asks for a pause between rounds of flushes, whatever the rule: what
//! comes meanwhile is merged into fewer extents, and clients stand at their windows. A throttle time in their answers
//! would ask the same of them, but only of those that heed it, and would not merge anything.
//!
//! Invariants:
//! - A request is in exactly one flush, but for one with more batches than a flush may hold, which is in several; each of its batches is answered exactly once: here where the flush fails,
//!   by the coordinator otherwise.
//! - A flush asks for offsets only after all earlier flushes that share a connection with it are resolved, so a
//!   connection's batches get their offsets in the order in which they came. Others do not wait for each other.
//! - A flush that fails takes with it what depends on it, and what its connections have in the open pack: a later
//!   batch of a producer must not get in before an earlier one that is yet to be sent again.
//! - Pack numbers are used once, and all packs that may still ask for offsets lie within the window of outcomes that
//!   the coordinator remembers.
//!
//! On a crash everything here is lost and nothing of it was acknowledged; objects whose commit never came are
//! collected as orphans, and so are those whose upload has an unknown outcome.

mod connections;
mod failure;
mod flights;
mod flow;
mod flush;
mod open;
mod pace;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::ids::{BrokerId, Ticket};
use crate::limits::{INLINE_BYTES_MAX, INLINE_HELD_BYTES_MAX, PACK_BYTES_MAX, UPLOADS_MAX};
use crate::message::{Admission, Began};
use crate::time::Instant;
use crate::turn::{Level, Turn};
use crate::world::StoreReply;

use connections::Connections;
use flights::{Flights, Phase};
use flow::Flow;
use open::{Cut, Open, Part};
use pace::Pace;

/// Set in every ticket of the packer, so that whoever shares its core can tell whose an event is.
pub const TICKET_BIT: u64 = 1 << 62;

/// What may be set of a packer.
#[derive(Clone, Copy, Debug)]
pub struct PackerConfig {
    /// This broker, a part of every pack's id.
    pub broker: BrokerId,
    /// A pack of so many bytes is flushed at once.
    pub pack_bytes_target: u64,
    /// A request waits at most so long for others, where nothing else delays its flush.
    pub linger_ms_max: u64,
    /// Objects below the target that may be written in a second, on average; a second's worth may come at once.
    pub put_rate_max: u32,
    /// Objects that may be on their way at once, at most [`UPLOADS_MAX`].
    pub uploads_max: usize,
}

/// What a packer is told.
#[derive(Debug)]
pub enum PackerEvent {
    /// The coordinator serves; until then requests wait.
    Began(Began),
    /// A front admitted a request.
    Admit(Admission),
    /// A flush is decided and durable.
    Resolved {
        /// Which.
        flush: u64,
    },
    /// Inline bytes that the journal holds and that nothing has re-homed yet.
    Held {
        /// How many.
        bytes: u64,
    },
    /// Rounds of flushes are to be so far apart.
    Throttle {
        /// The pause, milliseconds; 0 is none.
        pause_ms: u64,
    },
    /// The store answered.
    Stored {
        /// The upload's ticket.
        ticket: Ticket,
        /// The end of it.
        reply: StoreReply,
    },
    /// Time has passed.
    Wake,
    /// All that happened was told: decide.
    DrainEnd,
    /// Flush everything, whatever it costs.
    Stop,
}

/// How a packer stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct PackerGauges {
    /// Requests in the open pack.
    pub open_requests: u64,
    /// Their bytes.
    pub open_bytes: u64,
    /// Flushes that are not decided.
    pub flushes: u64,
    /// Of these, uploads that the store has not answered for.
    pub uploads: u64,
    /// Bytes whose only home is the journal.
    pub held_bytes: u64,
}

/// The machine.
#[derive(Debug)]
pub struct Packer {
    config: PackerConfig,
    began: Option<Began>,
    open: Open,
    connections: Connections,
    flights: Flights,
    flow: Flow,
    pace: Pace,
    /// Inline bytes that the coordinator holds.
    held_bytes: u64,
    /// How far apart rounds of flushes are, and when the next one may begin.
    pause_ms: u64,
    resume_at: Instant,
    /// The open pack is to be flushed as soon as it may.
    due: bool,
    /// When a flush that is due has its token; never, where only an event can let it go.
    permit_at: Instant,
    /// An upload or an inline flush ended in this drain.
    ended: bool,
    stopping: bool,
    /// The newest upload failed; said once, not once an upload.
    failing: bool,
    flushes: u64,
    packs: u64,
}

impl Packer {
    /// A packer that waits for `Began`.
    #[must_use]
    pub fn new(config: PackerConfig) -> Packer {
        let uploads_max = config.uploads_max.clamp(1, UPLOADS_MAX);
        let pack_bytes_target = config.pack_bytes_target.clamp(1, PACK_BYTES_MAX);
        Packer {
            config: PackerConfig { uploads_max, pack_bytes_target, ..config },
            began: None,
            open: Open::default(),
            connections: Connections::default(),
            flights: Flights::default(),
            flow: Flow::default(),
            pace: Pace::new(config.put_rate_max),
            held_bytes: 0,
            pause_ms: 0,
            resume_at: Instant::default(),
            due: false,
            permit_at: Instant::NEVER,
            ended: false,
            stopping: false,
            failing: false,
            flushes: 0,
            packs: 0,
        }
    }

    /// Takes one event. Flushes leave at `DrainEnd` only, so what arrives together travels together.
    pub fn step(&mut self, event: PackerEvent, turn: &mut Turn) {
        match event {
            PackerEvent::Began(began) => {
                assert!(self.began.is_none(), "a ledger begins once");
                self.began = Some(began);
            }
            PackerEvent::Admit(admission) => self.admit(admission, turn.now),
            PackerEvent::Resolved { flush } => self.resolved(flush, turn),
            PackerEvent::Held { bytes } => self.held_bytes = bytes,
            PackerEvent::Throttle { pause_ms } => self.throttle(pause_ms, turn.now),
            PackerEvent::Stored { ticket, reply } => self.stored(ticket, reply, turn),
            PackerEvent::Wake => {}
            PackerEvent::DrainEnd => self.decide(turn),
            PackerEvent::Stop => self.stopping = true,
        }
    }

    /// When to be woken, if nothing else happens before.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match self.open.since() {
            Some(_) if self.began.is_none() => Instant::NEVER,
            Some(_) if self.due => self.permit_at,
            Some(since) => since.after_ms(self.config.linger_ms_max).max(self.resume_at),
            None => Instant::NEVER,
        }
    }

    /// Nothing is open and nothing is undecided.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.open.is_empty() && self.flights.is_empty()
    }

    /// How it stands, for whoever watches.
    #[must_use]
    pub fn gauges(&self) -> PackerGauges {
        PackerGauges {
            open_requests: self.open.requests() as u64,
            open_bytes: self.open.bytes(),
            flushes: self.flights.iter().count() as u64,
            uploads: self.flights.uploads() as u64,
            held_bytes: self.held_bytes,
        }
    }

    /// The whole state makes sense.
    pub fn check(&self) {
        self.open.check();
        self.flights.check();
        let live = || self.flights.iter().filter(|(_, flight)| flight.phase != Phase::Failed);
        let flying = live().flat_map(|(_, flight)| &flight.connections).map(|&(_, requests)| requests as usize).sum();
        let slots = live().fold(0, |slots, (slot, _)| slots | 1 << slot);
        self.connections.check(self.open.requests(), flying, slots);
        assert!(self.flights.uploads() <= self.config.uploads_max);
    }

    fn admit(&mut self, admission: Admission, now: Instant) {
        if admission.batches.is_empty() {
            return; // Nothing to place, so nothing to answer.
        }
        let drained = admission.drained;
        self.flow.came(admission.batches.iter().map(|batch| batch.bytes.len() as u64).sum(), now);
        for part in Part::all(admission) {
            self.connections.admitted(part.key, drained, now);
            self.open.push(part, now);
        }
    }

    fn resolved(&mut self, flush: u64, turn: &mut Turn) {
        let slot = self.flights.find(flush).expect("the coordinator resolves what it was asked to commit, once");
        let flight = self.flights.remove(slot);
        assert!(flight.phase == Phase::Committing);
        turn.count.produce.commit.record(turn.now - flight.asked);
        for &(key, requests) in &flight.connections {
            self.connections.answered(key, requests, slot);
        }
        self.ended |= flight.id.is_none();
        self.commit_ready(turn);
    }

    fn stored(&mut self, ticket: Ticket, reply: StoreReply, turn: &mut Turn) {
        let slot = self.flights.find(ticket.0 & !TICKET_BIT).expect("the store answers an upload once");
        let StoreReply::Put(result) = reply else { panic!("a put is answered as a put") };
        self.ended = true;
        self.flights.upload_ended(slot);
        let flight = self.flights.at(slot);
        let failed_before = flight.phase == Phase::Failed;
        match result {
            _ if failed_before => drop(self.flights.remove(slot)),
            Ok(_) => {
                flight.phase = Phase::Waiting;
                turn.count.produce.upload.record(turn.now - flight.began);
                self.pace.upload_ended(turn.now - flight.began);
                self.commit_ready(turn);
                if std::mem::take(&mut self.failing) {
                    turn.note(Level::Info, "the object store takes packs again");
                }
            }
            Err(failure) => self.upload_failed(slot, &failure, turn),
        }
    }

    fn may_upload(&self) -> bool {
        self.flights.uploads() < self.config.uploads_max
            && self.flights.has_room()
            && self.flights.in_window(self.packs)
    }

    fn throttle(&mut self, pause_ms: u64, now: Instant) {
        self.pause_ms = pause_ms;
        self.resume_at = self.resume_at.min(now.after_ms(pause_ms));
    }

    /// The end of a drain: flushes what is to be flushed, unless it is too soon after the round before.
    fn decide(&mut self, turn: &mut Turn) {
        let ended = std::mem::take(&mut self.ended);
        self.permit_at = Instant::NEVER;
        if self.began.is_none() {
            return;
        }
        if turn.now < self.resume_at && !self.stopping {
            self.due |= ended && !self.open.is_empty();
            self.permit_at = self.resume_at;
            return;
        }
        let flushes = self.flushes;
        self.flush_round(ended, turn);
        if self.flushes > flushes {
            self.resume_at = turn.now.after_ms(self.pause_ms);
        }
    }

    fn flush_round(&mut self, ended: bool, turn: &mut Turn) {
        while self.open.is_full(self.config.pack_bytes_target) && self.may_upload() {
            self.flush(self.open.cut(self.config.pack_bytes_target), turn);
        }
        let Some(since) = self.open.since() else {
            self.due = false;
            return;
        };
        let at_once = ended || self.flights.in_flight() == 0;
        self.due |= (at_once && !self.fills(since, turn.now))
            || self.stopping
            || turn.now >= since.after_ms(self.config.linger_ms_max)
            || self.connections.all_stalled();
        if !self.due || !self.flights.has_room() {
            return;
        }
        let cut = self.open.cut(self.config.pack_bytes_target);
        if !self.rides_in_journal(cut) {
            if !self.may_upload() {
                return;
            }
            let permit = self.pace.spend(turn.now, self.connections.all_gathered());
            if let (Err(at), false) = (permit, self.stopping) {
                self.permit_at = at;
                return;
            }
        }
        self.flush(cut, turn);
        self.due = false;
    }

    /// The open pack, begun at this time, will be full before its linger is over.
    fn fills(&self, since: Instant, now: Instant) -> bool {
        let missing = self.config.pack_bytes_target.saturating_sub(self.open.bytes());
        (now - since) + self.flow.brings(missing, now).min(Duration::from_secs(1))
            < Duration::from_millis(self.config.linger_ms_max)
    }

    fn rides_in_journal(&self, cut: Cut) -> bool {
        let held = self.held_bytes + self.flights.inline_bytes();
        let inline = self.began.as_ref().is_some_and(|began| began.inline);
        inline && cut.bytes <= INLINE_BYTES_MAX && held + cut.bytes <= INLINE_HELD_BYTES_MAX
    }
}
