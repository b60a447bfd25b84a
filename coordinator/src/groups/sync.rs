//! SyncGroup: the leader brings the assignments, everyone gets his own.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::{GroupState, SyncGroupRequest, Synced};
use apus_core::error::Refusal;
use apus_core::limits;

use super::group::{Group, Unsaved};
use super::moment::{Asker, Moment};

impl Group {
    pub(super) fn sync(&mut self, request: &SyncGroupRequest, asker: Asker, moment: &mut Moment<'_>) {
        let id = &request.caller.member_id;
        if let Err(refusal) = self.validate_sync(request) {
            return moment.synced(asker, Err(refusal));
        }
        match self.state {
            GroupState::CompletingRebalance => {
                self.received_sync(id);
                let member = self.members.get_mut(id).expect("the member was validated");
                if let Some(earlier) = member.syncing.replace(asker) {
                    moment.synced(earlier, Err(Refusal::RebalanceInProgress));
                }
                if self.is_leader(id) {
                    self.stabilize(request, moment);
                }
            }
            GroupState::Stable => {
                self.received_sync(id);
                let synced = self.synced(id);
                moment.synced(asker, Ok(synced));
            }
            GroupState::PreparingRebalance => moment.synced(asker, Err(Refusal::RebalanceInProgress)),
            GroupState::Empty | GroupState::Dead => moment.synced(asker, Err(Refusal::UnknownMemberId)),
        }
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), Refusal> {
        let caller = &request.caller;
        self.validate(&caller.member_id, caller.group_instance_id.as_ref())?;
        if caller.generation != self.generation {
            return Err(Refusal::IllegalGeneration);
        }
        let other = |said: &Option<Arc<str>>, known: &Option<Arc<str>>| said.is_some() && said != known;
        if other(&request.protocol_type, &self.protocol_type) || other(&request.protocol_name, &self.protocol_name) {
            return Err(Refusal::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn received_sync(&mut self, id: &str) {
        self.unsynced.remove(id);
        if self.unsynced.is_empty() {
            self.sync_at = None;
        }
    }

    /// The leader has decided: everyone who asked is answered, the others when they ask.
    fn stabilize(&mut self, request: &SyncGroupRequest, moment: &mut Moment<'_>) {
        let given = request.assignments.iter().map(|given| (&*given.member_id, &given.assignment));
        let assignments: BTreeMap<&str, &bytes::Bytes> = given.collect();
        let own = |(id, _): &(&&str, &&bytes::Bytes)| self.members.contains_key(**id);
        let bytes: usize = assignments.iter().filter(own).map(|(_, assignment)| assignment.len()).sum();
        if bytes as u64 > limits::GROUP_ASSIGNMENT_BYTES_MAX {
            self.refuse_assignments(Refusal::GroupMaxSizeReached, moment);
            return self.prepare(moment);
        }
        self.assign(&assignments);
        self.transition(GroupState::Stable, moment.wall_ms);
        self.assigned = true;
        self.unsaved = Unsaved::Whole;
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in &ids {
            let asker = self.members.get_mut(id).and_then(|member| member.syncing.take());
            if let Some(asker) = asker {
                let synced = self.synced(id);
                moment.synced(asker, Ok(synced));
                self.heard(id, moment.now);
            }
        }
    }

    fn synced(&self, id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }
}
