//! What fronts ask about share groups, question by question, and who is in them: decided by [`crate::shares::members`] of
//! what is stored, journaled where that changes.

use std::sync::Arc;

use apus_core::api::{
    ConsumerDescribeRequest, ConsumerDescribeResponse, ConsumerHeartbeatResponse, GroupClient, GroupState,
    ShareHeartbeatRequest, ShareTopic,
};
use apus_core::error::{Refusal, Refused};
use apus_core::limits::COMMAND_BYTES_MAX;
use apus_core::share_message::{ShareAnswer, ShareAsk};
use apus_core::turn::Turn;

use super::groups::once;
use super::leader::Leader;
use crate::command::Command;
use crate::command::consumers::{ChangeConsumers, StoredConsumers};
use crate::consumers::describe::describe_shared;
use crate::consumers::heartbeat::Step;
use crate::groups::Asker;
use crate::journal::{Claim, Room};
use crate::shares::members::{Scene, leave, validate};

/// What became of a question.
pub(super) enum Shared {
    /// This is the answer.
    Answer(ShareAnswer),
    /// It is answered later, or nobody waits for an answer.
    Later,
    /// It must wait for a segment.
    Held(ShareAsk),
}

impl Leader {
    /// Answers a question about share groups.
    pub(super) fn ask_share(&mut self, asker: Asker, ask: ShareAsk, turn: &mut Turn) -> Shared {
        Shared::Answer(match ask {
            ShareAsk::Beat { request, client } => match self.share_heartbeat(&request, &client, turn) {
                Some(result) => ShareAnswer::Beat(ConsumerHeartbeatResponse { result }),
                None => return Shared::Held(ShareAsk::Beat { request, client }),
            },
            ShareAsk::Describe(request) => ShareAnswer::Describe(self.describe_sharers(&request)),
            ShareAsk::Fetch { request, connection } => match self.share_fetch(asker, &request, connection, turn) {
                Some(result) => ShareAnswer::Fetch(result),
                None => return Shared::Later,
            },
            ShareAsk::Acknowledge(request) => ShareAnswer::Acknowledge(self.share_acknowledge(&request, turn)),
            ShareAsk::DescribeOffsets(request) => ShareAnswer::DescribeOffsets(self.describe_share_offsets(&request)),
            ShareAsk::AlterOffsets(request) => ShareAnswer::AlterOffsets(self.alter_share_offsets(&request, turn)),
            ShareAsk::DeleteOffsets(request) => ShareAnswer::DeleteOffsets(self.delete_share_offsets(&request, turn)),
            ShareAsk::Closed(connection) => {
                self.share_closed(asker, connection, turn);
                return Shared::Later;
            }
            ShareAsk::Unread(unread) => {
                self.share_unread(&unread);
                return Shared::Later;
            }
        })
    }

    /// What may have to be stored because of a question, at most; nothing where it knows that itself or stores nothing.
    pub(super) fn share_bytes(&self, ask: &ShareAsk) -> Option<(u64, Claim)> {
        let (bytes, claim) = match ask {
            ShareAsk::Fetch { request, .. } => (
                words(&request.topics) + self.beginning_bytes(&request.caller.group_id, &request.topics),
                Claim::Client,
            ),
            ShareAsk::Acknowledge(request) => (words(&request.topics), Claim::Client),
            ShareAsk::AlterOffsets(request) => {
                let partitions: usize = request.topics.iter().map(|(_, partitions)| partitions.len()).sum();
                (64 * partitions as u64, Claim::Upkeep)
            }
            ShareAsk::DeleteOffsets(request) => (256 * request.topics.len() as u64, Claim::Upkeep),
            _ => return None,
        };
        (bytes > 0).then_some(((bytes + 512).min(COMMAND_BYTES_MAX), claim))
    }

    /// What it takes to begin with partitions that a group has not fetched from yet.
    fn beginning_bytes(&self, group: &Arc<str>, topics: &[ShareTopic]) -> u64 {
        if self.ledger.sharers(group).is_none() {
            return 0;
        }
        let is_new = |topic: &ShareTopic, index: i32| {
            let partition = self.ledger.topic(topic.topic).and_then(|record| record.partition_at(index));
            partition.is_some_and(|partition| self.ledger.share(group, partition).is_none())
        };
        let new =
            |topic: &ShareTopic| topic.partitions.iter().filter(|(index, _)| is_new(topic, *index)).count() as u64;
        topics.iter().map(|topic| 64 * new(topic)).sum()
    }

    /// Answers a heartbeat; nothing where it must wait for a segment.
    fn share_heartbeat(
        &mut self,
        request: &ShareHeartbeatRequest,
        client: &GroupClient,
        turn: &mut Turn,
    ) -> Option<Result<apus_core::api::ConsumerBeat, Refused>> {
        let step = match self.decide_share_heartbeat(request, client, turn) {
            Ok(step) => step,
            Err(refused) => return Some(Err(refused)),
        };
        let id = &request.group_id;
        if let Some(change) = step.change {
            let left = change.left.clone();
            match self.change_sharers(change, Claim::Client, turn) {
                Ok(()) => self.membership.sharers.gone(id, &left),
                Err(Some(refused)) => return Some(Err(refused)),
                Err(None) => return None,
            }
        }
        let session_ms = self.share_rules(id).session_ms;
        if request.member_epoch >= 0 {
            self.membership.sharers.heard(id, &step.beat.member_id, None, session_ms, turn.now);
        }
        if step.looks {
            self.membership.sharers.looked(id, &self.ledger, turn.now);
        }
        Some(Ok(step.beat))
    }

    /// What a heartbeat comes to.
    fn decide_share_heartbeat(
        &self,
        request: &ShareHeartbeatRequest,
        client: &GroupClient,
        turn: &Turn,
    ) -> Result<Step, Refused> {
        validate(request)?;
        let id = &request.group_id;
        let not_found = |message| Err(Refused::new(Refusal::GroupIdNotFound, message));
        let classic = self.membership.groups.state(id).is_some_and(|state| state != GroupState::Empty);
        let other = classic || self.ledger.newer_kind(id).is_some();
        let new = StoredConsumers::default();
        let group = match self.ledger.sharers(id) {
            Some(group) => &**group,
            None if other => return not_found(format!("Group {id} is not a share group.")),
            None if request.member_epoch == 0 => &new,
            None => return not_found(format!("Share group {id} not found.")),
        };
        if request.member_epoch < 0 {
            return leave(request, group);
        }
        let topics_changed = self.membership.sharers.topics_changed(id, &self.ledger, turn.now);
        let rules = self.share_rules(id);
        let scene = Scene { request, client, ledger: &self.ledger, rules, topics_changed };
        scene.beat(group)
    }

    /// Journals a change of a share group.
    ///
    /// # Errors
    /// Why it was refused, or nothing where it has to wait for a segment.
    pub(super) fn change_sharers(
        &mut self,
        change: ChangeConsumers,
        claim: Claim,
        turn: &mut Turn,
    ) -> Result<(), Option<Refused>> {
        self.may_change(&change.group, change.bytes())?;
        let group = Arc::clone(&change.group);
        self.journal_change(&group, Command::ChangeSharers(Arc::new(change)), claim, turn)
    }

    fn describe_sharers(&self, request: &ConsumerDescribeRequest) -> ConsumerDescribeResponse {
        let describe = |id: &Arc<str>| describe_shared(id, self.membership.groups.is_live(id), &self.ledger);
        ConsumerDescribeResponse {
            groups: once(&request.groups).map(describe).collect(),
            authorized_operations: request.authorized_operations,
        }
    }

    /// Members that were not heard of: out, one group at a time.
    ///
    /// # Errors
    /// Where there is no room in the journal: they stay for now.
    pub(super) fn expire_sharers(&mut self, turn: &mut Turn) -> Result<bool, Room> {
        let Some((id, change)) = self.membership.sharers.due(&self.ledger, turn.now) else { return Ok(false) };
        let left = change.as_ref().map(|change| change.left.clone()).unwrap_or_default();
        if let Some(change) = change {
            self.change_sharers(change, Claim::Upkeep, turn).map_err(|_| Room::No)?;
        }
        self.membership.sharers.settled(&id, &left);
        Ok(true)
    }
}

/// What acknowledgements may take as commands: a head for each partition, and a run for each word.
fn words(topics: &[ShareTopic]) -> u64 {
    let partitions = topics.iter().flat_map(|topic| &topic.partitions).filter(|(_, batches)| !batches.is_empty());
    let batches = |batches: &[apus_core::api::ShareBatch]| {
        batches.iter().map(|batch| 24 * (batch.types.len() as u64 + 2)).sum::<u64>()
    };
    partitions.map(|(_, own)| 512 + batches(own)).sum()
}
