//! The coordinator: one machine on core 0, in front of it the journal, behind it store and disk.
//!
//! It boots ([`crate::boot`]) and then leads ([`leader`]). Events are stepped one at a time; all that it wants of the
//! world leaves as effects. Tickets of its questions have bit 63 set.
//!
//! - A command is applied, then journaled; what was computed at its position leaves when that is durable.
//! - A refused write is refused before it is applied.
//! - What it halts on (a failed write, a journal that is not ours any more) ends the process: the next start knows.

use std::sync::Arc;

use apus_core::config::{Config, StorePlace};
use apus_core::ids::{BrokerId, Ticket};
use apus_core::message::Message;
use apus_core::time::Instant;
use apus_core::turn::{Effect, Turn};
use apus_core::world::{DiskFailure, DiskReply, StoreReply};

use crate::boot::{Boot, Booted};
use crate::journal::JournalLimits;
use crate::ledger::Ledger;
pub(crate) use commit::PACKER;
pub use gauges::{CoordinatorGauges, GroupLag};
use leader::Leader;
pub use strain::Caps;
use tickets::Tickets;

mod acknowledge;
mod alteration;
mod asks;
pub mod calls;
mod classics;
mod commit;
mod consumers;
mod creation;
mod gauges;
mod groups;
mod growth;
pub mod leader;
mod offsets;
pub mod outbox;
mod prepared;
pub mod publisher;
mod quotas;
mod records;
mod share_offsets;
mod sharers;
mod shares;
mod strain;
mod streams;
mod takeover;
pub mod tickets;
mod topics;

/// What a coordinator is started with.
#[derive(Clone, Debug)]
pub struct CoordinatorConfig {
    /// This broker.
    pub broker: BrokerId,
    /// Its cores.
    pub cores: u16,
    /// Sizes of the journal.
    pub journal: JournalLimits,
    /// Small flushes may ride in the journal: it and the store are equally durable.
    pub inline: bool,
    /// Extents and producers that the ledger may hold.
    pub caps: Caps,
    /// The broker's settings: defaults of topics, and how often and when what is old goes.
    pub node: Arc<Config>,
}

impl CoordinatorConfig {
    /// What follows from a broker's settings.
    #[must_use]
    pub fn of(node: &Arc<Config>, cores: u16) -> CoordinatorConfig {
        assert!(cores > 0);
        CoordinatorConfig {
            broker: node.node_id,
            cores,
            journal: JournalLimits::default(),
            inline: matches!(node.store, StorePlace::Directory(_)),
            caps: Caps::default(),
            node: Arc::clone(node),
        }
    }
}

/// What happened to it.
#[derive(Debug)]
pub enum CoordinatorEvent {
    /// From a machine of this broker.
    Message(Message),
    /// The store answered one of its questions.
    Stored {
        /// The question.
        ticket: Ticket,
        /// The end of it.
        reply: StoreReply,
    },
    /// The disk answered.
    Disk {
        /// The question.
        ticket: Ticket,
        /// The end of it.
        result: Result<DiskReply, DiskFailure>,
    },
    /// The time of [`Coordinator::deadline`] has come.
    Wake,
    /// Finish what was begun, seal the journal, be stopped.
    Stop,
}

#[derive(Debug)]
enum Stage {
    Cold,
    Boots(Box<Boot>),
    Leads(Box<Leader>),
    Stopped,
    /// `Effect::Halt` was said; nothing is done any more.
    Halted,
}

/// The coordinator.
#[derive(Debug)]
pub struct Coordinator {
    config: CoordinatorConfig,
    tickets: Tickets,
    stage: Stage,
}

impl Coordinator {
    /// A coordinator that has not asked for anything yet.
    #[must_use]
    pub fn new(config: CoordinatorConfig) -> Coordinator {
        assert!(config.cores > 0);
        Coordinator { config, tickets: Tickets::default(), stage: Stage::Cold }
    }

    /// True for the tickets of a coordinator.
    #[must_use]
    pub fn owns(ticket: Ticket) -> bool {
        Tickets::owns(ticket)
    }

    /// Begins the recovery.
    pub fn boot(&mut self, turn: &mut Turn) {
        assert!(matches!(self.stage, Stage::Cold), "a coordinator boots once");
        self.stage = Stage::Boots(Box::new(Boot::begin(self.config.journal, &mut self.tickets, turn)));
    }

    /// Takes one event.
    pub fn step(&mut self, event: CoordinatorEvent, turn: &mut Turn) {
        match &mut self.stage {
            Stage::Boots(_) => self.step_boot(event, turn),
            Stage::Leads(leader) => {
                let verdict = leader.step(event, &mut self.tickets, turn);
                self.obey(verdict, turn);
            }
            Stage::Cold if matches!(event, CoordinatorEvent::Stop) => self.stage = Stage::Stopped,
            Stage::Cold | Stage::Stopped | Stage::Halted => {}
        }
    }

    fn step_boot(&mut self, event: CoordinatorEvent, turn: &mut Turn) {
        let Stage::Boots(boot) = &mut self.stage else { unreachable!("only while it boots") };
        let booted = match event {
            CoordinatorEvent::Stored { ticket, reply } => boot.stored(ticket, reply, &mut self.tickets, turn),
            CoordinatorEvent::Disk { ticket, result } => boot.disk(ticket, result, &mut self.tickets, turn),
            CoordinatorEvent::Wake => {
                boot.wake(&mut self.tickets, turn);
                Booted::Going
            }
            CoordinatorEvent::Stop => {
                // Nothing was promised to anybody yet.
                self.stage = Stage::Stopped;
                return;
            }
            CoordinatorEvent::Message(message) => unreachable!("a message before the start: {message:?}"),
        };
        match booted {
            Booted::Going => {}
            Booted::Halt(why) => self.halt(why, turn),
            Booted::Ready(ready) => {
                let mut leader = Box::new(Leader::new(&self.config, *ready, turn));
                let verdict = leader.begin(&mut self.tickets, turn);
                self.stage = Stage::Leads(leader);
                self.obey(verdict, turn);
            }
        }
    }

    fn obey(&mut self, verdict: leader::Verdict, turn: &mut Turn) {
        match verdict {
            leader::Verdict::GoOn => {}
            leader::Verdict::Stopped => self.stage = Stage::Stopped,
            leader::Verdict::Halt(why) => self.halt(why, turn),
        }
    }

    fn halt(&mut self, why: String, turn: &mut Turn) {
        self.stage = Stage::Halted;
        turn.effect(Effect::Halt { why });
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match &self.stage {
            Stage::Boots(boot) => boot.deadline(),
            Stage::Leads(leader) => leader.deadline(),
            Stage::Cold | Stage::Stopped | Stage::Halted => Instant::NEVER,
        }
    }

    /// True once everything is flushed after a stop.
    #[must_use]
    pub fn stopped(&self) -> bool {
        matches!(self.stage, Stage::Stopped)
    }

    /// True where nothing that anybody waits for is under way.
    #[must_use]
    pub fn idle(&self) -> bool {
        match &self.stage {
            Stage::Boots(_) => false,
            Stage::Leads(leader) => leader.idle(),
            Stage::Cold | Stage::Stopped | Stage::Halted => true,
        }
    }

    /// The ledger, once it is recovered.
    #[must_use]
    pub fn ledger(&self) -> Option<&Ledger> {
        match &self.stage {
            Stage::Leads(leader) => Some(&leader.ledger),
            Stage::Cold | Stage::Boots(_) | Stage::Stopped | Stage::Halted => None,
        }
    }

    /// The whole-state invariant.
    pub fn check(&self) {
        if let Stage::Leads(leader) = &self.stage {
            leader.check();
        }
    }
}
