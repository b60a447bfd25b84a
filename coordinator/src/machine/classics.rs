//! Members of the classic protocol in groups of the consumer protocol, and groups that go from one to the other: decided by
//! [`crate::consumers`] of what is stored, journaled where they change it.

use std::sync::Arc;

use apus_core::api::{
    GroupClient, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use apus_core::error::{Refusal, Refused};
use apus_core::group_message::{GroupAnswer, GroupAsk};
use apus_core::ids::Uuid;
use apus_core::turn::Turn;

use super::groups::moment;
use super::leader::Leader;
use crate::command::consumers::{ChangeConsumers, StoredConsumers};
use crate::command::{Command, StoredGroup};
use crate::consumers::classic::{self, Join, JoinStep};
use crate::consumers::{Sign, migration};
use crate::groups::Asker;
use crate::journal::{Claim, Room};
use crate::ledger::Decision;

impl Leader {
    /// Whether a member of the classic protocol speaks to a group in which there are others.
    pub(super) fn is_mixed(&self, ask: &GroupAsk) -> bool {
        let id = match ask {
            GroupAsk::Join { request, .. } => &request.group_id,
            GroupAsk::Sync(request) => &request.caller.group_id,
            GroupAsk::Heartbeat(request) => &request.caller.group_id,
            _ => return false,
        };
        self.membership.consumers.is_live(id)
    }

    /// Answers it; hands the question back where it must wait for a segment.
    pub(super) fn ask_mixed(&mut self, asker: Asker, ask: GroupAsk, turn: &mut Turn) -> Option<Box<GroupAsk>> {
        let answer = match ask {
            GroupAsk::Join { request, client } => match self.classic_join(&request, &client, turn) {
                Some(response) => GroupAnswer::Join(response),
                None => return Some(Box::new(GroupAsk::Join { request, client })),
            },
            GroupAsk::Sync(request) => GroupAnswer::Sync(self.classic_sync(&request, turn)),
            GroupAsk::Heartbeat(request) => {
                let group = self.ledger.consumers(&request.caller.group_id).expect("a group in memory is stored");
                let result = classic::beat(group, &request.caller);
                if let Ok(rejoins) = result {
                    let sign = if rejoins { Sign::Recalled } else { Sign::Beat };
                    self.classic_heard(&request.caller.group_id, &request.caller.member_id, sign, turn);
                }
                let result =
                    result.and_then(|rejoins| if rejoins { Err(Refusal::RebalanceInProgress) } else { Ok(()) });
                GroupAnswer::Heartbeat(HeartbeatResponse { result })
            }
            other => return Some(Box::new(other)),
        };
        self.say_group(asker, answer, turn);
        None
    }

    fn classic_sync(&mut self, request: &SyncGroupRequest, turn: &mut Turn) -> SyncGroupResponse {
        let (id, member) = (&request.caller.group_id, &request.caller.member_id);
        let group = self.ledger.consumers(id).expect("a group in memory is stored");
        let result = classic::sync(group, request, &self.ledger);
        match result {
            Ok(_) => self.classic_heard(id, member, Sign::Synced, turn),
            Err(Refusal::RebalanceInProgress) => self.classic_heard(id, member, Sign::Recalled, turn),
            Err(_) => {}
        }
        SyncGroupResponse { result }
    }

    /// A member of the classic protocol was heard.
    fn classic_heard(&mut self, id: &Arc<str>, member: &str, sign: Sign, turn: &Turn) {
        let Some(member) = self.ledger.consumers(id).and_then(|group| group.members.get(member)) else { return };
        self.membership.consumers.heard_classic(id, member, sign, turn.now);
    }

    /// Answers a join; nothing where it must wait for a segment.
    fn classic_join(
        &mut self,
        request: &JoinGroupRequest,
        client: &GroupClient,
        turn: &mut Turn,
    ) -> Option<JoinGroupResponse> {
        let member_id = match &*request.member_id {
            "" => Arc::from(Uuid::random(turn.rng.bits128()).to_string()),
            _ => Arc::clone(&request.member_id),
        };
        let refused = |refusal| {
            // Only one who is to come again is told an id that it did not bring.
            let is_told = refusal == Refusal::MemberIdRequired;
            let member_id = Arc::clone(if is_told { &member_id } else { &request.member_id });
            Some(JoinGroupResponse { member_id, result: Err(refusal) })
        };
        let JoinStep { change, member, looks } =
            match self.decide_classic_join(request, client, Arc::clone(&member_id), turn) {
                Ok(step) => step,
                Err(refusal) => return refused(refusal),
            };
        let mut generation = member.epoch;
        if let Some(change) = change {
            match self.move_consumers(change, Claim::Client, turn) {
                Ok(Some(downgraded)) => generation = downgraded.generation,
                Ok(None) => {}
                Err(Some(why)) => return refused(why.refusal),
                Err(None) => return None,
            }
        }
        if self.membership.consumers.is_live(&request.group_id) {
            self.classic_heard(&request.group_id, &member.id, Sign::Joined, turn);
        }
        if looks {
            self.membership.consumers.looked(&request.group_id, &self.ledger, turn.now);
        }
        Some(JoinGroupResponse { member_id, result: Ok(classic::joined(&member, generation)) })
    }

    fn decide_classic_join(
        &self,
        request: &JoinGroupRequest,
        client: &GroupClient,
        member_id: Arc<str>,
        turn: &Turn,
    ) -> Result<JoinStep, Refusal> {
        let allowed = self.membership.rules.session_ms_min..=self.membership.rules.session_ms_max;
        if !allowed.contains(&request.session_timeout_ms) {
            return Err(Refusal::InvalidSessionTimeout);
        }
        let id = &request.group_id;
        let group = self.ledger.consumers(id).expect("a group in memory is stored");
        let rules = &self.membership.consumer_rules.of_group(id, &self.ledger);
        let topics_changed = self.membership.consumers.topics_changed(id, &self.ledger, turn.now);
        Join { request, client, ledger: &self.ledger, rules, member_id, topics_changed }.join(group)
    }

    /// What a classic group that is not empty would be as one of the consumer protocol.
    pub(super) fn upgraded(&self, id: &Arc<str>) -> Result<StoredConsumers, Refused> {
        let standing = self.membership.groups.standing(id).expect("a group that has a state is in memory");
        migration::upgraded(&standing, &self.membership.consumer_rules, &self.ledger)
    }

    /// It is one: whoever waits for the classic group is to join again, and everyone's silence begins.
    pub(super) fn finish_upgrade(&mut self, id: &Arc<str>, turn: &mut Turn) {
        let mut moment = moment(self.membership.rules, turn);
        self.membership.groups.give_way(id, &mut moment);
        let said = std::mem::take(&mut moment.said);
        let group = self.ledger.consumers(id).expect("it was stored");
        for (member, _) in group.classic() {
            self.membership.consumers.heard_classic(id, member, Sign::Beat, turn.now);
        }
        said.into_iter().for_each(|(asker, answer)| self.say_group(asker, answer, turn));
    }

    /// Journals a change of a group, which may make it a classic one: then that is what is stored.
    ///
    /// # Errors
    /// Why it was refused, or nothing where it has to wait for a segment.
    pub(super) fn move_consumers(
        &mut self,
        change: ChangeConsumers,
        claim: Claim,
        turn: &mut Turn,
    ) -> Result<Option<Arc<StoredGroup>>, Option<Refused>> {
        let id = Arc::clone(&change.group);
        let rules = &self.membership.consumer_rules;
        let group = self.ledger.consumers(&id).filter(|_| !change.converts && !change.left.is_empty());
        let downgraded =
            group.and_then(|group| migration::downgraded(group, &change, rules, &self.ledger, turn.wall.0));
        let Some(stored) = downgraded.map(Arc::new) else {
            let left = change.left.clone();
            self.change_consumers(change, claim, turn)?;
            self.membership.consumers.gone(&id, &left);
            return Ok(None);
        };
        let outcome = match self.submit(Command::StoreGroup(Arc::clone(&stored)), claim, turn) {
            Ok((_, outcome)) => outcome,
            Err(Room::No) => return Err(Some(Refusal::CoordinatorNotAvailable.into())),
            Err(_) => return Err(None),
        };
        assert!(outcome.decision == Decision::GroupStored(Ok(())), "a group that is there is replaced");
        self.membership.consumers.forget(&id);
        let mut moment = moment(self.membership.rules, turn);
        self.membership.groups.take_over(&stored, &mut moment);
        assert!(moment.said.is_empty(), "nobody waits in it yet");
        Ok(Some(stored))
    }
}
