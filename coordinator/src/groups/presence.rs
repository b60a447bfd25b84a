//! Heartbeats, commits as signs of life, and leaving.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{GroupCaller, GroupState, LeaveGroupRequest, LeavingMember, LeftMember};
use apus_core::error::Refusal;

use super::group::{Group, Unsaved};
use super::moment::Moment;

impl Group {
    /// A member lives.
    pub(super) fn heartbeat(&mut self, caller: &GroupCaller, moment: &Moment<'_>) -> Result<(), Refusal> {
        self.validate_generation(caller)?;
        self.heard(&caller.member_id, moment.now);
        match self.state {
            GroupState::PreparingRebalance => Err(Refusal::RebalanceInProgress),
            // While the leader assigns, members beat already.
            GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
            GroupState::Empty | GroupState::Dead => Err(Refusal::UnknownMemberId),
        }
    }

    fn validate_generation(&self, caller: &GroupCaller) -> Result<(), Refusal> {
        self.validate(&caller.member_id, caller.group_instance_id.as_ref())?;
        if caller.generation == self.generation { Ok(()) } else { Err(Refusal::IllegalGeneration) }
    }

    /// Whether this caller may commit offsets; a member that may is heard of.
    pub(super) fn commits(&mut self, caller: &GroupCaller, moment: &Moment<'_>) -> Result<(), Refusal> {
        if self.state == GroupState::Empty && caller.generation < 0 {
            // An operator, or a consumer that assigns itself.
            return Ok(());
        }
        let anonymous = caller.generation < 0 && caller.member_id.is_empty() && caller.group_instance_id.is_none();
        if anonymous {
            return Err(Refusal::UnknownMemberId);
        }
        self.validate_generation(caller)?;
        if !self.assigned {
            // It has heard of the generation and has no assignment of it. Kafka takes its commit once the generation
            // has failed; here a crash would bring the generation before it back, and offsets would be committed under
            // a lower number behind a higher one.
            return Err(Refusal::RebalanceInProgress);
        }
        self.heard(&caller.member_id, moment.now);
        Ok(())
    }

    /// Members leave, each with its own result; then the others rebalance once.
    pub(super) fn leave(&mut self, request: &LeaveGroupRequest, moment: &mut Moment<'_>) -> Vec<LeftMember> {
        let mut left = BTreeSet::new();
        let mut unused = false;
        let mut results = Vec::with_capacity(request.members.len());
        for member in &request.members {
            let result = self.leaver(member).map(|id| {
                unused |= self.pending.contains_key(&id);
                self.put_out(&id, moment);
                left.insert(id);
            });
            results.push(LeftMember {
                member_id: Arc::clone(&member.member_id),
                group_instance_id: member.group_instance_id.clone(),
                result,
            });
        }
        if left.is_empty() {
            return results;
        }
        self.unsaved = Unsaved::Left(left);
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare(moment),
            GroupState::PreparingRebalance => self.complete_if_gathered(moment),
            GroupState::Empty | GroupState::Dead => assert!(unused, "nobody is in an empty group"),
        }
        results
    }

    /// Whom a leave means: a static name alone is an operator's word.
    fn leaver(&self, member: &LeavingMember) -> Result<Arc<str>, Refusal> {
        if member.member_id.is_empty() {
            let named = member.group_instance_id.as_ref().and_then(|instance| self.instances.get(instance));
            return named.cloned().ok_or(Refusal::UnknownMemberId);
        }
        if !self.pending.contains_key(&member.member_id) {
            self.validate(&member.member_id, member.group_instance_id.as_ref())?;
        }
        Ok(Arc::clone(&member.member_id))
    }
}
