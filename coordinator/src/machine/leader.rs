//! A coordinator that leads: first it takes the store over (`takeover`), then it serves.
//!
//! Here is what every step goes through: an event, what is due, the journal, what may be said because of it. What is
//! asked stands in `asks`, `commit` and `topics`; what is due in the machines beside it, each of which adds to the
//! leader what it needs of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use apus_core::catalog::Topic;
use apus_core::config::Config;
use apus_core::ids::{BrokerId, CoreId, Incarnation, Lsn, ProducerId, Ticket, TopicId, Uuid};
use apus_core::message::{Answer, Message};
use apus_core::time::Instant;
use apus_core::turn::{Level, Turn};
use apus_core::world::{DiskFailure, DiskReply, Etag, StoreReply};

use super::groups::Membership;
use super::outbox::{Outbox, To};
use super::publisher::Publisher;
use super::strain::Strain;
use super::tickets::Tickets;
use super::{CoordinatorConfig, CoordinatorEvent};
use crate::boot::{Ready, cluster_text};
use crate::command::{self, Command, Envelope};
use crate::journal::{Author, Claim, Completion, Journal, Room};
use crate::ledger::{Ledger, Outcome};
use crate::owner::Owner;
use crate::owner::swap::Swap;
use crate::reaper::Reaper;
use crate::spill::Spill;

/// A digest of the state is journaled after so many groups.
const DIGEST_GROUPS: u64 = 4_096;

/// What a step amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On with it.
    GoOn,
    /// A stop is complete.
    Stopped,
    /// The process must end: what a person reads.
    Halt(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `Begin` is on its way to the disk.
    Begins,
    /// OWNER is being swapped.
    Swaps,
    /// The cores are taking over the catalog.
    Tells,
    /// Clients are served.
    Serves,
    /// What was begun is finished.
    Stops,
}

/// A leading coordinator.
#[derive(Debug)]
pub struct Leader {
    /// With what was changed at run time.
    pub(crate) config: CoordinatorConfig,
    /// The broker's settings without it.
    pub(crate) started: Arc<Config>,
    pub(crate) cluster_id: Arc<str>,
    pub(crate) phase: Phase,
    pub(crate) ledger: Ledger,
    pub(crate) journal: Journal,
    pub(crate) outbox: Outbox,
    pub(crate) owner: Option<(Owner, Etag)>,
    /// Writes that wait for a segment, in order.
    pub(crate) held_up: VecDeque<Message>,
    pub(crate) topics: BTreeMap<TopicId, Arc<Topic>>,
    pub(crate) applied_by: Vec<Lsn>,
    pub(crate) catalog_waits: VecDeque<(Lsn, CoreId, Message)>,
    /// Producer ids that may be handed out, and the position at which they were reserved.
    pub(crate) producer_ids: (i64, i64, Lsn),
    pub(crate) spill: Spill,
    pub(crate) publisher: Publisher,
    pub(crate) reaper: Reaper,
    pub(crate) membership: Membership,
    /// Groups at the last digest.
    digested: u64,
    /// Bytes behind the journal's end that the start has cut.
    pub(super) cut_bytes: u64,
    pub(super) swap: Option<Swap>,
    /// Bytes that the start found in the journal, until the cores take them.
    pub(super) inline: BTreeMap<Lsn, Bytes>,
    pub(super) strain: Strain,
}

impl Leader {
    /// A leader behind what the start found.
    #[must_use]
    pub fn new(config: &CoordinatorConfig, ready: Ready, turn: &mut Turn) -> Leader {
        let Ready { cluster, owner, replayed, snapshot } = ready;
        let last = replayed.tail.last.map(|(header, _)| header.author);
        let newest = [
            last.map(|author| author.incarnation),
            owner.as_ref().map(|(owner, _)| owner.incarnation),
            replayed.begun.iter().map(|(incarnation, _)| *incarnation).max(),
            replayed.ledger.begun().map(|(incarnation, _)| incarnation),
        ];
        let incarnation = Incarnation(newest.into_iter().flatten().max().map_or(1, |newest| newest.0 + 1));
        let author = Author {
            cluster,
            journal: last.map_or_else(|| Uuid::random(turn.rng.bits128()), |author| author.journal),
            nonce: Uuid::random(turn.rng.bits128()),
            incarnation,
        };
        let journal = Journal::new(config.journal, author, &replayed.tail, &replayed.segments, turn.now);
        assert!(journal.applied() >= replayed.ledger.lsn(), "the ledger is ahead of its journal");
        let started = Arc::clone(&config.node);
        let node = changed(&started, config.broker, &replayed.ledger, turn);
        let topics = replayed.ledger.topics().map(|record| (record.id, topic_of(record, &node))).collect();
        let first_id = replayed.ledger.producer_ids_end();
        Leader {
            cluster_id: cluster_text(cluster),
            phase: Phase::Begins,
            journal,
            outbox: Outbox::new(config.cores),
            held_up: VecDeque::new(),
            topics,
            applied_by: vec![Lsn(0); usize::from(config.cores)],
            catalog_waits: VecDeque::new(),
            producer_ids: (first_id, first_id, Lsn(0)),
            spill: Spill::new(config.broker, incarnation),
            publisher: Publisher::new(snapshot, replayed.bytes, turn.now),
            reaper: Reaper::new(incarnation, &config.node, turn.now),
            membership: Membership::new(&config.node),
            digested: 0,
            cut_bytes: replayed.tail.garbage_bytes,
            swap: None,
            strain: Strain::default(),
            inline: replayed.inline,
            ledger: replayed.ledger,
            owner,
            config: CoordinatorConfig { node, ..config.clone() },
            started,
        }
    }

    /// Applies and journals one command of the coordinator's own, where there is room.
    pub(crate) fn submit(&mut self, command: Command, claim: Claim, turn: &mut Turn) -> Result<(Lsn, Outcome), Room> {
        let envelope = Envelope::internal(turn.wall.0, command);
        let mut frame = Vec::new();
        command::encode(&envelope, &mut frame);
        assert!(frame.len() as u64 <= apus_core::limits::COMMAND_BYTES_MAX, "a command of {} bytes", frame.len());
        match self.journal.room(frame.len() as u64, None, claim) {
            Room::Yes => Ok(self.record(&envelope, frame, None)),
            room => Err(room),
        }
    }

    /// The leader applies before it journals: a command that would break the ledger never reaches the log.
    pub(crate) fn record(&mut self, envelope: &Envelope, frame: Vec<u8>, inline: Option<Vec<Bytes>>) -> (Lsn, Outcome) {
        let lsn = self.journal.applied().next();
        let outcome = self.ledger.apply(lsn, envelope);
        let journaled = self.journal.append(Bytes::from(frame), inline);
        assert!(journaled == lsn && self.ledger.lsn() == lsn);
        (lsn, outcome)
    }

    /// Takes one event.
    pub fn step(&mut self, event: CoordinatorEvent, tickets: &mut Tickets, turn: &mut Turn) -> Verdict {
        let verdict = match event {
            CoordinatorEvent::Message(message) => {
                self.message(message, turn);
                Verdict::GoOn
            }
            CoordinatorEvent::Stored { ticket, reply } => self.stored(ticket, reply, tickets, turn),
            CoordinatorEvent::Disk { ticket, result } => self.disk(ticket, result, tickets, turn),
            CoordinatorEvent::Wake => self.wake(tickets, turn),
            CoordinatorEvent::Stop => {
                self.phase = Phase::Stops;
                Verdict::GoOn
            }
        };
        if verdict != Verdict::GoOn {
            return verdict;
        }
        self.upkeep(tickets, turn);
        self.journal.pump(tickets, turn);
        self.outbox.release(self.journal.durable(), turn);
        self.finish_stop(tickets, turn)
    }

    fn upkeep(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        if self.phase == Phase::Serves {
            self.advance_spill(tickets, turn);
            self.advance_snapshot(tickets, turn);
            self.advance_reaper(tickets, turn);
            self.advance_groups(turn);
            self.advance_shares(turn);
            self.advance_strain(turn);
            self.digest(turn);
        }
    }

    /// What the state amounts to: a replay that comes to another one stops.
    fn digest(&mut self, turn: &mut Turn) {
        if self.journal.groups() - self.digested >= DIGEST_GROUPS {
            self.digested = self.journal.groups();
            let command = Command::Digest { lsn: self.ledger.lsn(), digest: self.ledger.digest() };
            // Without room the next one will do.
            let _ = self.submit(command, Claim::Upkeep, turn);
        }
    }

    fn message(&mut self, message: Message, turn: &mut Turn) {
        match message {
            Message::CatalogApplied { core, lsn } => self.catalog_applied(core, lsn, turn),
            Message::Commit(_) | Message::Ask { .. } | Message::Locate { .. } => self.handle(message, turn),
            other => unreachable!("not for the coordinator: {other:?}"),
        }
    }

    /// Does what is asked, or lets it wait behind the writes that wait for a segment.
    fn handle(&mut self, message: Message, turn: &mut Turn) {
        if !self.held_up.is_empty() && writes(&message) {
            self.held_up.push_back(message);
        } else if let Some(message) = self.attempt(message, turn) {
            self.held_up.push_back(message);
        }
    }

    fn retry_held_up(&mut self, turn: &mut Turn) {
        while let Some(message) = self.held_up.pop_front() {
            if let Some(message) = self.attempt(message, turn) {
                self.held_up.push_front(message);
                return;
            }
        }
    }

    /// Hands the message back where it must wait for a segment.
    fn attempt(&mut self, message: Message, turn: &mut Turn) -> Option<Message> {
        match message {
            Message::Commit(commit) => self.commit(commit, turn).map(Message::Commit),
            Message::Ask { core, ticket, ask } => {
                self.ask(core, ticket, ask, turn).map(|ask| Message::Ask { core, ticket, ask })
            }
            Message::Locate { core, ticket, partition, offset, bytes_max } => {
                let located = self.ledger.locate(partition, offset, bytes_max);
                self.answer(core, ticket, Answer::Located(located), turn);
                None
            }
            other => unreachable!("not for the coordinator: {other:?}"),
        }
    }

    fn disk(
        &mut self,
        ticket: Ticket,
        result: Result<DiskReply, DiskFailure>,
        tickets: &mut Tickets,
        turn: &mut Turn,
    ) -> Verdict {
        match self.journal.answered(ticket, result, turn) {
            Completion::Halt(why) => return Verdict::Halt(why),
            Completion::Durable(lsn) => self.durable(lsn, tickets, turn),
            Completion::Changed => {}
        }
        if self.phase == Phase::Begins && self.journal.applied() == self.ledger.lsn() && self.begun().is_none() {
            return self.begin(tickets, turn);
        }
        self.retry_held_up(turn);
        Verdict::GoOn
    }

    fn durable(&mut self, lsn: Lsn, tickets: &mut Tickets, turn: &mut Turn) {
        self.outbox.release(lsn, turn);
        if self.phase == Phase::Begins && self.begun().is_some() && lsn == self.journal.applied() {
            self.take_over(tickets, turn);
        }
    }

    fn stored(&mut self, ticket: Ticket, reply: StoreReply, tickets: &mut Tickets, turn: &mut Turn) -> Verdict {
        if self.swap.is_some() {
            self.owner_stored(ticket, &reply, tickets, turn)
        } else if self.spill.asked(ticket) {
            self.spill_stored(ticket, &reply, turn);
            Verdict::GoOn
        } else if let Some(verdict) = self.snapshot_stored(ticket, &reply, tickets, turn) {
            verdict
        } else {
            assert!(self.reaper.asked(ticket), "no question of the coordinator has ticket {ticket}");
            self.reaper_stored(ticket, reply, turn);
            Verdict::GoOn
        }
    }

    fn catalog_applied(&mut self, core: CoreId, lsn: Lsn, turn: &mut Turn) {
        let applied = &mut self.applied_by[usize::from(core.0)];
        assert!(*applied <= lsn, "a catalog goes forward");
        *applied = lsn;
        let everywhere = self.applied_by.iter().copied().min().unwrap_or_default();
        if self.phase == Phase::Tells && everywhere == self.journal.durable() {
            self.serve(turn);
        }
        while self.catalog_waits.front().is_some_and(|(lsn, ..)| *lsn <= everywhere) {
            let Some((_, core, message)) = self.catalog_waits.pop_front() else { return };
            turn.send(core, message);
        }
    }

    fn wake(&mut self, tickets: &mut Tickets, turn: &mut Turn) -> Verdict {
        if let Some(swap) = &mut self.swap {
            swap.wake(tickets, turn);
        }
        self.spill.calls.wake(tickets, turn);
        self.publisher.wake(tickets, turn);
        self.reaper.calls.wake(tickets, turn);
        self.journal.seal(false, tickets, turn);
        Verdict::GoOn
    }

    /// Says something computed from everything that was applied so far.
    pub(crate) fn answer(&mut self, core: CoreId, ticket: Ticket, answer: Answer, turn: &mut Turn) {
        let lsn = self.journal.applied();
        self.outbox.say(lsn, To::One(core), Message::Answer { ticket, answer });
        self.outbox.release(self.journal.durable(), turn);
    }

    /// The next producer id, or the room that is missing.
    pub(crate) fn draw_producer(&mut self, turn: &mut Turn) -> Result<ProducerId, Room> {
        if self.producer_ids.0 == self.producer_ids.1 {
            let end = self.producer_ids.1.checked_add(apus_core::limits::PRODUCER_ID_BLOCK).ok_or(Room::No)?;
            let (lsn, _) = self.submit(Command::ReserveProducerIds { end }, Claim::Client, turn)?;
            self.producer_ids = (self.producer_ids.1, end, lsn);
        }
        let id = ProducerId(self.producer_ids.0);
        self.producer_ids.0 += 1;
        Ok(id)
    }

    fn finish_stop(&mut self, tickets: &mut Tickets, turn: &mut Turn) -> Verdict {
        if self.phase != Phase::Stops {
            return Verdict::GoOn;
        }
        let said = self.outbox.is_empty() && self.held_up.is_empty() && self.catalog_waits.is_empty();
        if said && !self.journal.is_sealed() {
            self.journal.seal(true, tickets, turn);
        }
        // A seal that finds no room is not worth waiting for.
        if said && self.journal.is_quiet() { Verdict::Stopped } else { Verdict::GoOn }
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let swap = self.swap.as_ref().map_or(Instant::NEVER, Swap::deadline);
        let mut at = self.journal.deadline().min(swap);
        if self.phase == Phase::Serves {
            let snapshot = self.publisher.deadline(self.journal.applied());
            at = at.min(self.spill.deadline()).min(snapshot).min(self.reaper.deadline());
            at = at.min(self.membership.deadline()).min(self.membership.shares_deadline());
        }
        at
    }

    /// True where nothing that anybody waits for is under way.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.phase == Phase::Serves
            && self.journal.is_quiet()
            && self.outbox.is_empty()
            && self.held_up.is_empty()
            && self.catalog_waits.is_empty()
    }

    /// The whole-state invariant.
    pub fn check(&self) {
        self.journal.check();
        assert!(self.ledger.lsn() == self.journal.applied(), "ledger and journal differ");
        assert!(self.outbox.is_empty() || !self.journal.is_quiet(), "something said waits for nothing");
        assert!(self.producer_ids.0 <= self.producer_ids.1);
        self.spill.check();
        self.ledger.check();
        if self.phase == Phase::Serves {
            self.membership.groups.check(&self.ledger);
            self.membership.consumers.check(&self.ledger);
            self.membership.sharers.check(&self.ledger);
            self.membership.shares.check(&self.ledger);
            self.membership.streams.check(&self.ledger);
        }
    }
}

/// True for what becomes a command: those keep their order.
fn writes(message: &Message) -> bool {
    use apus_core::message::Ask;
    match message {
        Message::Commit(_) => true,
        Message::Ask { ask, .. } => match ask {
            Ask::CreateTopics(_) | Ask::DeleteTopics(_) | Ask::CreatePartitions(_) => true,
            Ask::AlterQuotas(_) => true,
            Ask::AlterConfigs(_) | Ask::DeleteRecords(_) | Ask::InitProducer => true,
            Ask::Open(_) | Ask::Locate { .. } | Ask::Offset { .. } => false,
            Ask::Sizes(_) | Ask::Producers(_) | Ask::Position => false,
            Ask::Group(ask) => ask.writes(),
        },
        _ => false,
    }
}

/// What a broker was started with, under what was changed since. Settings that this binary no longer accepts give way.
pub(crate) fn changed(started: &Arc<Config>, broker: BrokerId, ledger: &Ledger, turn: &mut Turn) -> Arc<Config> {
    match started.changed(&ledger.broker_configs(Some(broker)), &ledger.broker_configs(None)) {
        Ok(config) => Arc::new(config),
        Err(refused) => {
            turn.note(Level::Warn, format!("settings changed at run time are without effect: {}", refused.message));
            Arc::clone(started)
        }
    }
}

/// A topic as cores see it. Settings that this binary no longer accepts give way to the broker's.
pub(crate) fn topic_of(record: &crate::ledger::TopicRecord, node: &Config) -> Arc<Topic> {
    use apus_core::config::TopicConfig;
    let resolved = TopicConfig::resolve(record.configs(), node);
    let config = resolved.or_else(|_| TopicConfig::resolve(&BTreeMap::new(), node));
    Arc::new(Topic {
        id: record.id,
        name: Arc::clone(&record.name),
        partitions: record.partition_ids().collect(),
        replication_factor: record.replication_factor,
        overrides: record.configs().clone(),
        config: config.expect("the broker's own defaults were checked at its start"),
    })
}
