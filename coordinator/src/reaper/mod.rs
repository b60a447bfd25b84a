//! What goes: old records, idle producers, old offsets of groups, dead objects, orphans.
//!
//! - **Retention** looks at every partition once an interval, a bounded number a step, and moves first offsets up.
//! - **Dead objects** are deleted when they have been dead for [`GRACE_MS`], so that reads under way finish; only what
//!   the store confirms is forgotten.
//! - **Offsets** ([`offsets`]) of groups go a while after the group's last member.
//! - **Orphans** ([`orphans`]) are packs that were uploaded and never committed.
//!
//! Nothing is deleted before the command that allows it is durable. A crash repeats deletions, which is harmless: keys
//! are never used twice.

use std::collections::VecDeque;
use std::sync::Arc;

use apus_core::config::Config;
use apus_core::extent::pack_key;
use apus_core::ids::{Incarnation, Lsn, PackId, PartitionId, Ticket, TopicId};
use apus_core::message::{Message, Trim};
use apus_core::time::Instant;
use apus_core::turn::{Level, Turn};
use apus_core::world::{ObjectKey, StoreReply, StoreRequest};

use crate::command::Command;
use crate::journal::Claim;
use crate::ledger::{Decision, Policy};
use crate::machine::calls::Calls;
use crate::machine::leader::Leader;
use crate::machine::outbox::To;
use crate::machine::tickets::Tickets;
use offsets::Offsets;
use orphans::Orphans;

pub mod offsets;
pub mod orphans;

/// An object stays so long after its last extent is gone: reads that know it finish within.
pub const GRACE_MS: i64 = 60_000;
/// How often dead objects are looked for, while there are any.
pub const DELETE_PAUSE_MS: u64 = 10_000;
/// Partitions that one step looks at: each costs a look-up or two.
pub const PARTITIONS_STEP_MAX: usize = 256;
/// Objects of one DELETE: S3's own limit.
pub const DELETE_KEYS_MAX: usize = 1_000;

/// What a question is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// To delete these dead objects.
    Dead(Vec<PackId>),
    /// To list packs.
    Page,
    /// To delete orphans.
    Orphans,
}

/// The reaper's own memory. Whatever it forgets in a crash it finds out again.
#[derive(Debug)]
pub struct Reaper {
    pub(crate) incarnation: Incarnation,
    check_at: Instant,
    /// Partitions that this round has still to look at, by topic.
    round: VecDeque<TopicId>,
    inside: u32,
    delete_at: Instant,
    /// Dead objects, to be deleted when this position is durable.
    condemned: Option<(Lsn, Vec<PackId>)>,
    deleting: bool,
    expire_at: Instant,
    offsets: Offsets,
    pub(crate) orphans: Orphans,
    pub(crate) calls: Calls<Purpose>,
}

impl Reaper {
    /// A reaper of this start.
    #[must_use]
    pub fn new(incarnation: Incarnation, node: &Config, now: Instant) -> Reaper {
        assert!(node.retention_check_ms > 0 && node.producer_check_ms > 0);
        Reaper {
            incarnation,
            check_at: now.after_ms(node.retention_check_ms),
            round: VecDeque::new(),
            inside: 0,
            delete_at: now,
            condemned: None,
            deleting: false,
            expire_at: now.after_ms(node.producer_check_ms),
            offsets: Offsets::new(node.offsets_check_ms, now),
            orphans: Orphans::new(now),
            calls: Calls::default(),
        }
    }

    /// True where the ticket is one of its questions.
    #[must_use]
    pub fn asked(&self, ticket: Ticket) -> bool {
        self.calls.has(ticket)
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let round = if self.round.is_empty() { self.check_at } else { Instant(0) };
        let own = round.min(self.delete_at).min(self.expire_at).min(self.calls.deadline());
        own.min(self.offsets.deadline()).min(self.orphans.deadline())
    }
}

impl Leader {
    pub(crate) fn advance_reaper(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        self.enforce_retention(turn);
        self.carry_on_removals(turn);
        self.expire_producers(turn);
        self.expire_offsets(turn);
        self.delete_dead(tickets, turn);
        self.advance_orphans(tickets, turn);
    }

    fn enforce_retention(&mut self, turn: &mut Turn) {
        if self.reaper.round.is_empty() && turn.now >= self.reaper.check_at {
            self.reaper.round = self.topics.keys().copied().collect();
            self.reaper.inside = 0;
            self.reaper.check_at = turn.now.after_ms(self.config.node.retention_check_ms);
        }
        let mut trims = Vec::new();
        let mut budget = PARTITIONS_STEP_MAX;
        while let (Some(id), true) = (self.reaper.round.front().copied(), budget > 0) {
            budget -= self.trims_of(id, budget, turn.wall.0, &mut trims).max(1);
        }
        if trims.is_empty() {
            return;
        }
        // Without room the next round finds the same.
        let Ok((lsn, outcome)) = self.submit(Command::Trim(trims), Claim::Upkeep, turn) else { return };
        if let Decision::Trimmed(moved) = outcome.decision
            && !moved.is_empty()
        {
            self.outbox.say(lsn, To::All, Message::Trimmed(Arc::new(moved)));
        }
    }

    /// Looks at partitions of a topic from where the round stands; leaves the topic when it is through.
    fn trims_of(&mut self, id: TopicId, budget: usize, wall_ms: i64, trims: &mut Vec<Trim>) -> usize {
        let from = self.reaper.inside as usize;
        let topic = self.topics.get(&id).cloned();
        let partitions: &[PartitionId] = topic.as_ref().map_or(&[], |topic| &topic.partitions);
        let policy = topic
            .as_ref()
            .filter(|topic| topic.config.cleanup_delete)
            .map(|topic| Policy { age_ms_max: topic.config.retention_ms, bytes_max: topic.config.retention_bytes });
        let to = match policy {
            Some(_) => partitions.len().min(from + budget),
            None => partitions.len(),
        };
        let looked_at = to.saturating_sub(from);
        if let Some(policy) = policy {
            for partition in &partitions[from.min(to)..to] {
                let expired = self.ledger.expired(*partition, policy, wall_ms);
                trims.extend(expired.map(|log_start_offset| Trim { partition: *partition, log_start_offset }));
            }
        }
        if to == partitions.len() {
            self.reaper.round.pop_front();
            self.reaper.inside = 0;
        } else {
            self.reaper.inside = to as u32;
        }
        if policy.is_some() { looked_at } else { 1 }
    }

    /// Removals larger than one command's budget go on with the commands behind it; where none comes, with empty ones.
    fn carry_on_removals(&mut self, turn: &mut Turn) {
        if self.ledger.sweeping() && self.journal.is_quiet() {
            let _ = self.submit(Command::Trim(Vec::new()), Claim::Upkeep, turn);
        }
    }

    fn expire_producers(&mut self, turn: &mut Turn) {
        if turn.now < self.reaper.expire_at {
            return;
        }
        self.reaper.expire_at = turn.now.after_ms(self.config.node.producer_check_ms);
        if self.ledger.pressure().producers == 0 {
            return;
        }
        let now_ms = self.ledger.clock_ms().max(turn.wall.0);
        let before_ms = now_ms.saturating_sub(self.config.node.producer_expiration_ms);
        let outcome = self.submit(Command::ExpireProducers { before_ms }, Claim::Upkeep, turn);
        if outcome.is_ok_and(|(_, outcome)| matches!(outcome.decision, Decision::Expired(1..))) {
            // Each command looks at a bounded number: there may be more.
            self.reaper.expire_at = turn.now.after_ms(DELETE_PAUSE_MS);
        }
    }

    fn delete_dead(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        if let Some((_, packs)) = self.reaper.condemned.take_if(|(lsn, _)| *lsn <= self.journal.durable()) {
            let keys = packs.iter().map(|pack| pack_key(&self.cluster_id, *pack)).collect();
            self.reaper.deleting = true;
            self.reaper.calls.ask(Purpose::Dead(packs), StoreRequest::Delete { keys }, tickets, turn);
        }
        if self.reaper.deleting || self.reaper.condemned.is_some() || turn.now < self.reaper.delete_at {
            return;
        }
        let now_ms = self.ledger.clock_ms().max(turn.wall.0);
        let dead: Vec<PackId> = self.ledger.dead_objects(now_ms - GRACE_MS).take(DELETE_KEYS_MAX).collect();
        self.reaper.delete_at = turn.now.after_ms(DELETE_PAUSE_MS);
        if !dead.is_empty() {
            self.reaper.condemned = Some((self.journal.applied(), dead));
        }
    }

    /// The store's answer to one of the reaper's questions.
    pub(crate) fn reaper_stored(&mut self, ticket: Ticket, reply: StoreReply, turn: &mut Turn) {
        let Some(call) = self.reaper.calls.answered(ticket) else { return };
        match (call.purpose.clone(), reply) {
            (Purpose::Dead(packs), StoreReply::Delete(Ok(gone))) => self.forget_deleted(&packs, &gone, turn),
            (Purpose::Dead(_), StoreReply::Delete(Err(failure))) => {
                // They stay dead: the next look finds them again.
                self.reaper.deleting = false;
                turn.note(Level::Debug, format!("reaper: objects cannot be deleted yet: {failure}"));
            }
            (Purpose::Page, StoreReply::List(Ok(page))) => self.take_page(page, turn),
            (Purpose::Page, StoreReply::List(Err(_))) => self.reaper.calls.again(call, turn.now),
            (Purpose::Orphans, StoreReply::Delete(result)) => {
                // What was not deleted is listed again by the next sweep.
                let gone = result.map_or(0, |gone| gone.len());
                turn.count.orphans_deleted += gone as u64;
                self.reaper.orphans.deleted(gone);
            }
            (purpose, reply) => unreachable!("the store answered {purpose:?} with {reply:?}"),
        }
    }

    fn forget_deleted(&mut self, packs: &[PackId], gone: &[ObjectKey], turn: &mut Turn) {
        self.reaper.deleting = false;
        turn.count.objects_deleted += gone.len() as u64;
        let confirmed = |pack: &&PackId| gone.contains(&pack_key(&self.cluster_id, **pack));
        let packs: Vec<PackId> = packs.iter().filter(confirmed).copied().collect();
        if !packs.is_empty() {
            // Without room they are deleted once more.
            let _ = self.submit(Command::ObjectsDeleted { packs }, Claim::Upkeep, turn);
        }
    }
}
