//! Heartbeats of the consumer protocol: decided by [`crate::consumers`] of what is stored, journaled where they change it.

use std::sync::Arc;

use apus_core::api::{
    ConsumerDescribeRequest, ConsumerDescribeResponse, ConsumerHeartbeatRequest, ConsumerHeartbeatResponse,
    GroupClient, GroupState, LeaveGroupRequest, LeftMember,
};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::Uuid;
use apus_core::turn::Turn;

use super::groups::once;
use super::leader::Leader;
use crate::command::Command;
use crate::command::consumers::{ChangeConsumers, StoredConsumers};
use crate::consumers::heartbeat::{Scene, Step, validate};
use crate::consumers::migration::converting;
use crate::consumers::{describe, leave};
use crate::journal::{Claim, Room};

impl Leader {
    /// Answers a heartbeat; nothing where it must wait for a segment.
    pub(crate) fn consumer_heartbeat(
        &mut self,
        request: &ConsumerHeartbeatRequest,
        client: &GroupClient,
        turn: &mut Turn,
    ) -> Option<ConsumerHeartbeatResponse> {
        let decided = self.decide_heartbeat(request, client, turn);
        let step = match decided {
            Ok(step) => step,
            Err(refused) => return Some(ConsumerHeartbeatResponse { result: Err(refused) }),
        };
        let id = &request.group_id;
        if let Some(change) = step.change {
            let converts = change.converts;
            match self.move_consumers(change, Claim::Client, turn) {
                Ok(_) if converts => self.finish_upgrade(id, turn),
                Ok(_) => {}
                Err(Some(refused)) => return Some(ConsumerHeartbeatResponse { result: Err(refused) }),
                Err(None) => return None,
            }
        }
        let session_ms = self.membership.consumer_rules.of_group(id, &self.ledger).session_ms;
        let consumers = &mut self.membership.consumers;
        if request.member_epoch >= 0 {
            consumers.heard(id, &step.beat.member_id, step.revokes_ms, session_ms, turn.now);
        }
        if step.looks {
            consumers.looked(id, &self.ledger, turn.now);
        }
        Some(ConsumerHeartbeatResponse { result: Ok(step.beat) })
    }

    /// What a heartbeat comes to.
    fn decide_heartbeat(
        &self,
        request: &ConsumerHeartbeatRequest,
        client: &GroupClient,
        turn: &mut Turn,
    ) -> Result<Step, Refused> {
        let rules = &self.membership.consumer_rules.of_group(&request.group_id, &self.ledger);
        validate(request, rules)?;
        let id = &request.group_id;
        let not_found = |message| Err(Refused::new(Refusal::GroupIdNotFound, message));
        let classic = self.membership.groups.state(id).is_some_and(|state| state != GroupState::Empty);
        let known = self.ledger.consumers(id).filter(|_| !classic);
        let mut new = StoredConsumers::default();
        let group = match known {
            Some(group) => &**group,
            None if classic && request.member_epoch == 0 => {
                new = self.upgraded(id)?;
                &new
            }
            None if classic || self.ledger.newer_kind(id).is_some() => {
                return not_found(format!("Group {id} is not a consumer group."));
            }
            None if request.member_epoch == 0 => &new,
            None => return not_found(format!("Consumer group {id} not found.")),
        };
        if request.member_epoch < 0 {
            return leave::leave(request, group);
        }
        let topics_changed = self.membership.consumers.topics_changed(id, &self.ledger, turn.now);
        let named = !request.member_id.is_empty();
        let member_id = if named {
            Arc::clone(&request.member_id)
        } else {
            Arc::from(Uuid::random(turn.rng.bits128()).to_string())
        };
        let scene = Scene { request, client, ledger: &self.ledger, rules, member_id, topics_changed };
        let step = scene.beat(group)?;
        let change = step.change.map(|change| if classic { converting(group, change) } else { change });
        Ok(Step { change, ..step })
    }

    /// Journals a change of a group.
    ///
    /// # Errors
    /// Why it was refused, or nothing where it has to wait for a segment.
    pub(super) fn change_consumers(
        &mut self,
        change: ChangeConsumers,
        claim: Claim,
        turn: &mut Turn,
    ) -> Result<(), Option<Refused>> {
        self.may_change(&change.group, change.bytes())?;
        let group = Arc::clone(&change.group);
        self.journal_change(&group, Command::ChangeConsumers(Arc::new(change)), claim, turn)
    }

    /// An operator puts members out of a group of the consumer protocol.
    ///
    /// # Errors
    /// Where there is no room to say so.
    pub(crate) fn put_out_consumers(
        &mut self,
        request: &LeaveGroupRequest,
        turn: &mut Turn,
    ) -> Result<Vec<LeftMember>, Refusal> {
        let group = self.ledger.consumers(&request.group_id).expect("a group in memory is stored");
        let (left, results) = leave::put_out(&request.members, group);
        if !left.is_empty() {
            let change = leave::without(group, &request.group_id, left);
            self.move_consumers(change, Claim::Upkeep, turn).map_err(|_| Refusal::CoordinatorNotAvailable)?;
        }
        Ok(results)
    }

    pub(crate) fn describe_consumers(&self, request: &ConsumerDescribeRequest) -> ConsumerDescribeResponse {
        let describe = |id: &Arc<str>| describe::describe(id, self.membership.groups.is_live(id), &self.ledger);
        ConsumerDescribeResponse {
            groups: once(&request.groups).map(describe).collect(),
            authorized_operations: request.authorized_operations,
        }
    }

    /// Members that were not heard of, or did not give back: out, one group at a time.
    ///
    /// # Errors
    /// Where there is no room in the journal: they stay for now.
    pub(crate) fn expire_consumers(&mut self, turn: &mut Turn) -> Result<bool, Room> {
        let Some((id, change)) = self.membership.consumers.due(&self.ledger, turn.now) else { return Ok(false) };
        let left = change.as_ref().map(|change| change.left.clone()).unwrap_or_default();
        if let Some(change) = change {
            self.move_consumers(change, Claim::Upkeep, turn).map_err(|_| Room::No)?;
        }
        self.membership.consumers.settled(&id, &left);
        Ok(true)
    }
}
