//! DeleteRecords: first offsets that move up because somebody said so.
//!
//! Tails hear of it before the client does, each through its own inbox and in the order of the journal, so who was told
//! of a deletion reads nothing older from any core.

use std::sync::Arc;

use apus_core::error::Refusal;
use apus_core::ids::{CoreId, PartitionId, Ticket};
use apus_core::limits::PACK_BATCHES_MAX;
use apus_core::message::{Answer, Message, Trim};
use apus_core::turn::Turn;

use super::leader::Leader;
use super::outbox::To;
use super::prepared::Prepared;
use crate::command::Command;
use crate::journal::{Claim, Room};
use crate::ledger::Decision;

impl Leader {
    /// Moves what may be moved; hands the request back where it must wait for a segment.
    pub(crate) fn delete_records(
        &mut self,
        core: CoreId,
        ticket: Ticket,
        wanted: Vec<(PartitionId, i64)>,
        turn: &mut Turn,
    ) -> Option<Vec<(PartitionId, i64)>> {
        let targets: Vec<Result<Option<Trim>, Refusal>> =
            wanted.iter().map(|(partition, offset)| self.target(*partition, *offset)).collect();
        let trims: Vec<Trim> = targets.iter().flatten().flatten().copied().collect();
        let commands: Vec<Prepared> =
            trims.chunks(PACK_BATCHES_MAX).map(|trims| Prepared::new(Command::Trim(trims.to_vec()), turn)).collect();
        let room = self.room_for(&commands, Claim::Upkeep);
        if room == Room::Soon {
            return Some(wanted);
        }
        if room == Room::Yes {
            commands.into_iter().for_each(|command| self.move_first_offsets(command));
        }
        let moved = |(partition, target): (PartitionId, Result<Option<Trim>, Refusal>)| match target? {
            Some(_) if room == Room::No => Err(Refusal::KafkaStorageError),
            _ => Ok(self.ledger.bounds(partition).ok_or(Refusal::UnknownTopicOrPartition)?.log_start_offset),
        };
        let partitions = wanted.iter().map(|(partition, _)| *partition);
        let results = partitions.zip(targets).map(moved).collect();
        self.answer(core, ticket, Answer::DeleteRecords(results), turn);
        None
    }

    /// What is to be done with a partition; nothing where what is to be deleted is gone already.
    fn target(&self, partition: PartitionId, offset: i64) -> Result<Option<Trim>, Refusal> {
        let bounds = self.ledger.bounds(partition).ok_or(Refusal::UnknownTopicOrPartition)?;
        let log_start_offset = if offset == -1 { bounds.high_watermark } else { offset };
        if !(0..=bounds.high_watermark).contains(&log_start_offset) {
            return Err(Refusal::OffsetOutOfRange);
        }
        Ok((log_start_offset > bounds.log_start_offset).then_some(Trim { partition, log_start_offset }))
    }

    fn move_first_offsets(&mut self, command: Prepared) {
        let (lsn, Decision::Trimmed(moved)) = self.apply(command) else { unreachable!("a trim ends as one") };
        if !moved.is_empty() {
            self.outbox.say(lsn, To::All, Message::Trimmed(Arc::new(moved)));
        }
    }
}
