//! Questions to the coordinator. An answer leaves when all that it was computed from is durable.

use apus_core::error::Refusal;
use apus_core::ids::{CoreId, Ticket};
use apus_core::message::{Answer, Ask};
use apus_core::turn::Turn;

use super::leader::Leader;
use crate::journal::Room;

impl Leader {
    /// Answers, or hands the question back where it must wait for a segment.
    pub(crate) fn ask(&mut self, core: CoreId, ticket: Ticket, ask: Ask, turn: &mut Turn) -> Option<Ask> {
        let answer = match ask {
            Ask::Open(partition) => Answer::Opened(self.ledger.opened(partition)),
            Ask::Locate { partition, offset, bytes_max } => {
                Answer::Located(self.ledger.locate(partition, offset, bytes_max))
            }
            Ask::Offset { partition, at, from, committed_only } => {
                Answer::Offset(self.ledger.offset(partition, at, from, committed_only))
            }
            Ask::CreateTopics(request) => {
                return self.create_topics(core, ticket, request, turn).map(Ask::CreateTopics);
            }
            Ask::DeleteTopics(request) => {
                return self.delete_topics(core, ticket, request, turn).map(Ask::DeleteTopics);
            }
            Ask::CreatePartitions(request) => {
                return self.create_partitions(core, ticket, request, turn).map(Ask::CreatePartitions);
            }
            Ask::AlterConfigs(request) => {
                return self.alter_configs(core, ticket, request, turn).map(Ask::AlterConfigs);
            }
            Ask::AlterQuotas(request) => {
                return self.alter_quotas(core, ticket, request, turn).map(Ask::AlterQuotas);
            }
            Ask::DeleteRecords(wanted) => {
                return self.delete_records(core, ticket, wanted, turn).map(Ask::DeleteRecords);
            }
            Ask::InitProducer => match self.draw_producer(turn) {
                Ok(id) => Answer::InitProducer(Ok(id)),
                Err(Room::Soon) => return Some(Ask::InitProducer),
                Err(_) => Answer::InitProducer(Err(Refusal::CoordinatorNotAvailable)),
            },
            Ask::Sizes(wanted) => {
                Answer::Sizes(wanted.into_iter().map(|partition| self.ledger.partition_bytes(partition)).collect())
            }
            Ask::Producers(wanted) => {
                Answer::Producers(wanted.into_iter().map(|partition| self.ledger.producers(partition)).collect())
            }
            // What is answered leaves once all of it is durable.
            Ask::Position => Answer::Position(self.journal.applied()),
            Ask::Group(ask) => return self.ask_group(core, ticket, ask, turn).map(Ask::Group),
        };
        self.answer(core, ticket, answer, turn);
        None
    }
}
