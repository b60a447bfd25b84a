//! Flushes: offsets assigned, journaled, told to every core once durable.

use std::sync::Arc;

use apus_core::api::Produced;
use apus_core::error::Refusal;
use apus_core::extent::Home;
use apus_core::ids::CoreId;
use apus_core::limits;
use apus_core::message::{Acknowledgement, Commit, CommitAnswer, Committed, Message};
use apus_core::pack::Pack;
use apus_core::turn::Turn;

use super::leader::Leader;
use super::outbox::To;
use crate::command::{self, Command, CommitEntry, Envelope};
use crate::journal::{Claim, Room};
use crate::ledger::{Accepted, Decision};

/// The packer's core.
pub(crate) const PACKER: CoreId = CoreId(0);

impl Leader {
    /// Commits a flush; hands it back where it must wait for a segment.
    pub(crate) fn commit(&mut self, commit: Commit, turn: &mut Turn) -> Option<Commit> {
        let envelope = Envelope::internal(turn.wall.0, Command::Commit(stored_form(&commit)));
        let mut frame = Vec::new();
        command::encode(&envelope, &mut frame);
        let inline = commit.stored.is_none().then(|| u64::from(commit.pack.bytes()));
        assert!(commit.batches.len() <= limits::PACK_BATCHES_MAX, "the packer bounds its flushes");
        assert!(frame.len() as u64 + inline.unwrap_or(0) <= limits::COMMAND_BYTES_MAX);
        match self.journal.room(frame.len() as u64, inline, Claim::Client) {
            Room::Soon => return Some(commit),
            Room::Yes if !self.is_full() => {}
            _ => {
                self.refuse(&commit, turn);
                return None;
            }
        }
        let pieces = inline.map(|_| commit.pack.pieces().cloned().collect());
        let (lsn, outcome) = self.record(&envelope, frame, pieces);
        let Decision::Committed { answers: decided, placed } = outcome.decision else {
            unreachable!("a commit ends as one")
        };
        let home = commit.stored.map_or(Home::Journal(lsn), Home::Pack);
        if inline.is_some() && !placed.is_empty() {
            self.spill.hold(lsn, Arc::clone(&commit.pack), placed.clone(), turn.now);
        }
        assert!(decided.len() == commit.batches.len());
        let answers = commit.batches.iter().zip(decided).map(|(batch, result)| CommitAnswer {
            partition: batch.partition,
            core: batch.core,
            acknowledgement: Acknowledgement { ticket: batch.ticket, slot: batch.slot, result: result.map(produced) },
        });
        let answers = answers.collect();
        placed.iter().for_each(|placed| self.membership.shares.waiting.moved(placed.partition));
        let committed = Committed { lsn, home, pack: commit.pack, placed, answers };
        self.outbox.say(lsn, To::All, Message::Committed(Arc::new(committed)));
        self.outbox.say(lsn, To::One(PACKER), Message::Resolved { flush: commit.flush });
        None
    }

    /// Refuses every batch of a flush. Nothing was applied, nothing is journaled.
    fn refuse(&mut self, commit: &Commit, turn: &mut Turn) {
        let lsn = self.journal.applied();
        let answers = commit.batches.iter().map(|batch| CommitAnswer {
            partition: batch.partition,
            core: batch.core,
            acknowledgement: Acknowledgement {
                ticket: batch.ticket,
                slot: batch.slot,
                result: Err(Refusal::KafkaStorageError),
            },
        });
        let answers = answers.collect();
        let home = commit.stored.map_or(Home::Journal(lsn), Home::Pack);
        let committed = Committed { lsn, home, pack: Arc::new(Pack::default()), placed: Vec::new(), answers };
        self.outbox.say(lsn, To::All, Message::Committed(Arc::new(committed)));
        self.outbox.say(lsn, To::One(PACKER), Message::Resolved { flush: commit.flush });
        self.outbox.release(self.journal.durable(), turn);
    }
}

/// The append time is the front's to fill in: it stamped it.
fn produced(accepted: Accepted) -> Produced {
    let Accepted { base_offset, log_start_offset, .. } = accepted;
    Produced { base_offset, log_append_time_ms: -1, log_start_offset }
}

fn stored_form(commit: &Commit) -> command::Commit {
    let batches = commit.batches.iter();
    let batches =
        batches.map(|batch| CommitEntry { partition: batch.partition, position: batch.position, facts: batch.facts });
    let object_bytes = match commit.stored {
        Some(_) => commit.pack.body().bytes(),
        None => u64::from(commit.pack.bytes()),
    };
    command::Commit { stored: commit.stored, object_bytes, batches: batches.collect() }
}
