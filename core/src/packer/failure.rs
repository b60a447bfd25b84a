//! A flush that fails: who fails with it, and what their clients are told.

use std::collections::{BTreeMap, BTreeSet};

use super::Packer;
use super::flights::Phase;
use crate::error::Refusal;
use crate::ids::CoreId;
use crate::limits::UPLOADS_MAX;
use crate::message::{Acknowledgement, Message};
use crate::turn::{Level, Turn};
use crate::world::Failure;

impl Packer {
    pub(super) fn upload_failed(&mut self, slot: usize, failure: &Failure, turn: &mut Turn) {
        if !std::mem::replace(&mut self.failing, true) {
            turn.note(
                Level::Warn,
                format!("the object store does not take packs, producers are told to retry: {failure}"),
            );
        }
        let refusal = match failure {
            Failure::Unknown(_) => Refusal::RequestTimedOut,
            _ => Refusal::KafkaStorageError,
        };
        self.fail(slot, refusal, turn);
    }

    /// Fails a flush with all that must not get in before it is sent again.
    fn fail(&mut self, slot: usize, refusal: Refusal, turn: &mut Turn) {
        let doomed = self.flights.dependants(slot);
        turn.count.flushes_failed += u64::from(doomed.count_ones());
        let mut connections = BTreeSet::new();
        let mut answers: BTreeMap<CoreId, Vec<Acknowledgement>> = BTreeMap::new();
        for at in (0..UPLOADS_MAX).filter(|at| doomed & 1 << at != 0) {
            let flight = self.flights.at(at);
            assert!(flight.phase != Phase::Committing, "what the coordinator has depends on nothing");
            for batch in std::mem::take(&mut flight.batches) {
                let answer = Acknowledgement { ticket: batch.ticket, slot: batch.slot, result: Err(refusal) };
                answers.entry(batch.core).or_default().push(answer);
            }
            for &(key, requests) in &flight.connections {
                self.connections.failed(key, requests, at);
                connections.insert(key);
            }
            flight.depends = 0;
            if at != slot && flight.phase == Phase::Uploading {
                flight.phase = Phase::Failed;
            } else {
                self.flights.remove(at);
            }
        }
        for part in self.open.withdraw(|key| connections.contains(&key)) {
            self.connections.withdrawn(part.key);
            let refused = |slot| Acknowledgement { ticket: part.ticket, slot, result: Err(refusal) };
            answers.entry(part.core).or_default().extend(part.slots().map(refused));
        }
        for (core, answers) in answers {
            turn.send(core, Message::Acknowledged(answers));
        }
    }
}
