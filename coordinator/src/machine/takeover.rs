//! The way from a recovered ledger to service.
//!
//! `Begin` is journaled before OWNER is swapped, and OWNER before anything is told: whoever reads OWNER later finds
//! that start in the journal. A crash in between leaves a journal with one more start than OWNER names, which the
//! next start accepts.

use std::sync::Arc;

use apus_core::catalog::{CatalogChange, CatalogUpdate};
use apus_core::ids::{Incarnation, Lsn, Ticket};
use apus_core::message::{Began, Message};
use apus_core::turn::{Effect, Turn};
use apus_core::world::StoreReply;

use super::leader::{Leader, Phase, Verdict};
use super::outbox::To;
use super::tickets::Tickets;
use crate::boot::PATIENCE_MS;
use crate::command::Command;
use crate::journal::{Author, Claim, Room};
use crate::owner::Owner;
use crate::owner::swap::{Swap, Swapped};

impl Leader {
    /// Journals this start.
    pub fn begin(&mut self, tickets: &mut Tickets, turn: &mut Turn) -> Verdict {
        let Author { incarnation, nonce, .. } = self.journal.author();
        let command = Command::Begin { incarnation, nonce: u128::from_be_bytes(nonce.0) };
        match self.submit(command, Claim::Begin, turn) {
            Ok(_) | Err(Room::Soon) => {}
            Err(_) => {
                let why = "no room in data.dir to journal this start: free some space and start again";
                return Verdict::Halt(why.to_owned());
            }
        }
        self.journal.pump(tickets, turn);
        Verdict::GoOn
    }

    /// This start, once it is applied.
    pub(super) fn begun(&self) -> Option<Incarnation> {
        let ours = self.journal.author().incarnation;
        self.ledger.begun().map(|(incarnation, _)| incarnation).filter(|incarnation| *incarnation == ours)
    }

    pub(super) fn take_over(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let Author { journal, nonce, incarnation, .. } = self.journal.author();
        let before = self.owner.as_ref().map(|(owner, _)| owner);
        let wanted = Owner {
            journal,
            incarnation,
            nonce,
            floor: before.map_or(Lsn(0), |owner| owner.floor),
            snapshot: before.and_then(|owner| owner.snapshot.clone()),
        };
        self.phase = Phase::Swaps;
        self.swap = Some(Swap::begin(wanted, self.owner.clone(), tickets, turn));
    }

    /// The store's answer to the swap of OWNER.
    pub(super) fn owner_stored(
        &mut self,
        ticket: Ticket,
        reply: &StoreReply,
        tickets: &mut Tickets,
        turn: &mut Turn,
    ) -> Verdict {
        let swap = self.swap.as_mut().expect("OWNER is being swapped");
        match swap.answered(ticket, reply, tickets, turn) {
            Some(Swapped::Done(etag)) => {
                self.owner = Some((swap.wanted().clone(), etag));
                self.swap = None;
                self.tell(turn);
                Verdict::GoOn
            }
            Some(Swapped::Lost(why)) => Verdict::Halt(why),
            Some(Swapped::Going) if swap.failing_since.is_some_and(|since| turn.now >= since.after_ms(PATIENCE_MS)) => {
                Verdict::Halt("the object store does not answer: check diskless.store and its credentials".to_owned())
            }
            Some(Swapped::Going) => Verdict::GoOn,
            None => unreachable!("no question of the coordinator has ticket {ticket}"),
        }
    }

    /// The ledger is recovered and ours: every core learns it.
    fn tell(&mut self, turn: &mut Turn) {
        self.phase = Phase::Tells;
        let lsn = self.journal.durable();
        let began = Began {
            cluster_id: Arc::clone(&self.cluster_id),
            incarnation: self.journal.author().incarnation,
            inline: self.config.inline,
        };
        self.outbox.say(lsn, To::All, Message::Began(began));
        let changes = self.topics.values().map(|topic| CatalogChange::Set(Arc::clone(topic)));
        let resources = self.ledger.resources().map(super::alteration::resource_change);
        let config = CatalogChange::Config(Arc::clone(&self.config.node));
        let quotas = self.ledger.quotas().map(super::quotas::quota_change);
        let changes = changes.chain([config]).chain(resources).chain(quotas);
        let update = CatalogUpdate { lsn, changes: changes.collect() };
        self.outbox.say(lsn, To::All, Message::Catalog(Arc::new(update)));
        self.outbox.release(lsn, turn);
    }

    pub(super) fn serve(&mut self, turn: &mut Turn) {
        let inline = std::mem::take(&mut self.inline);
        self.adopt_inline(inline, turn);
        self.load_groups(turn);
        self.phase = Phase::Serves;
        turn.effect(Effect::Serve { cut_bytes: self.cut_bytes });
    }
}
