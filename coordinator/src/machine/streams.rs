//! Heartbeats of streams groups: decided by [`crate::streams`] of what is stored, journaled where they change it; and the
//! topics that applications need are created.

use std::sync::Arc;

use apus_core::api::{
    CreateTopicsRequest, GroupClient, GroupState, NewTopic, StreamsBeat, StreamsDescribeRequest,
    StreamsDescribeResponse, StreamsHeartbeatRequest, StreamsHeartbeatResponse,
};
use apus_core::catalog::CatalogUpdate;
use apus_core::config::ResourceKind;
use apus_core::error::{Refusal, Refused};
use apus_core::limits;
use apus_core::message::Message;
use apus_core::turn::Turn;

use super::groups::once;
use super::leader::Leader;
use super::outbox::To;
use super::topics::prepare;
use crate::command::Command;
use crate::command::streams::{ChangeStreams, StoredStreams, topology_bytes};
use crate::journal::{Claim, Room};
use crate::ledger::NewerKind;
use crate::streams::heartbeat::{Scene, Step, validate};
use crate::streams::{Failures, Live, Rules, leave};

impl Leader {
    /// The settings that a group goes by.
    pub(crate) fn streams_rules(&self, id: &Arc<str>) -> Rules {
        self.membership.streams_rules.with(&self.ledger.resource_configs(ResourceKind::Group, id))
    }

    /// Answers a heartbeat; nothing where it must wait for a segment.
    pub(crate) fn streams_heartbeat(
        &mut self,
        request: &StreamsHeartbeatRequest,
        client: &GroupClient,
        turn: &mut Turn,
    ) -> Option<StreamsHeartbeatResponse> {
        let result = if request.member_epoch < 0 {
            self.streams_leave(request, turn)?
        } else {
            match self.decide_streams(request, client, turn) {
                Ok(step) => self.streams_step(request, step, turn)?,
                Err(refused) => Err(refused),
            }
        };
        Some(StreamsHeartbeatResponse { result })
    }

    /// Stores what a heartbeat came to; nothing where it must wait for a segment.
    fn streams_step(
        &mut self,
        request: &StreamsHeartbeatRequest,
        step: Step,
        turn: &mut Turn,
    ) -> Option<Result<StreamsBeat, Refused>> {
        let id = &request.group_id;
        if let Some(change) = step.change {
            let left = change.left.clone();
            match self.change_streams(change, Claim::Client, turn) {
                Ok(()) => self.membership.streams.gone(id, &left),
                Err(Some(refused)) => return Some(Err(refused)),
                Err(None) => return None,
            }
        }
        let session_ms = self.streams_rules(id).session_ms;
        let (streams, ledger) = (&mut self.membership.streams, &self.ledger);
        streams.presence.heard(id, &step.beat.member_id, step.revokes_ms, session_ms, turn.now);
        streams.remember(id, &step.beat.member_id, step.memory, step.said);
        if step.looks {
            streams.presence.looked(id, ledger, turn.now);
        }
        if !step.missing.is_empty() {
            let failures = self.create_internal_topics(step.missing, turn);
            self.membership.streams.created(id, failures);
        }
        Some(Ok(step.beat))
    }

    /// What a heartbeat comes to.
    fn decide_streams(
        &self,
        request: &StreamsHeartbeatRequest,
        client: &GroupClient,
        turn: &Turn,
    ) -> Result<Step, Refused> {
        let topology = validate(request)?;
        let id = &request.group_id;
        let new = StoredStreams::default();
        let group = match self.streams_group(id)? {
            Some(group) => &**group,
            None if request.member_epoch == 0 => &new,
            None => return Err(not_found(format!("Streams group {id} not found."))),
        };
        let streams = &self.membership.streams;
        let topics_changed = streams.presence.topics_changed(id, &self.ledger, turn.now);
        let (rules, nothing) = (self.streams_rules(id), Live::default());
        let live = streams.live(id).unwrap_or(&nothing);
        let scene = Scene { request, client, ledger: &self.ledger, rules: &rules, live, topics_changed, now: turn.now };
        scene.beat(group, topology)
    }

    /// The streams group of this name, if there is one.
    ///
    /// # Errors
    /// Where the name is that of another kind of group.
    fn streams_group(&self, id: &Arc<str>) -> Result<Option<&Arc<StoredStreams>>, Refused> {
        let classic = self.membership.groups.state(id).is_some_and(|state| state != GroupState::Empty);
        if classic || self.ledger.newer_kind(id).is_some_and(|kind| kind != NewerKind::Streams) {
            return Err(not_found(format!("Group {id} is not a streams group.")));
        }
        Ok(self.ledger.streams(id))
    }

    /// A member leaves; nothing where it must wait for a segment.
    fn streams_leave(
        &mut self,
        request: &StreamsHeartbeatRequest,
        turn: &mut Turn,
    ) -> Option<Result<StreamsBeat, Refused>> {
        let id = &request.group_id;
        let decided = validate(request).and_then(|_| match self.streams_group(id)? {
            Some(group) => leave::leave(request, group),
            None => Err(not_found(format!("Group {id} is not a streams group."))),
        });
        let (change, beat) = match decided {
            Ok(decided) => decided,
            Err(refused) => return Some(Err(refused)),
        };
        let left = change.left.clone();
        match self.change_streams(change, Claim::Client, turn) {
            Ok(()) => {}
            Err(Some(refused)) => return Some(Err(refused)),
            Err(None) => return None,
        }
        if request.shutdown {
            self.membership.streams.shut_down(id, &request.member_id);
        }
        self.membership.streams.gone(id, &left);
        Some(Ok(beat))
    }

    /// Journals a change of a group.
    ///
    /// # Errors
    /// Why it was refused, or nothing where it has to wait for a segment.
    fn change_streams(&mut self, change: ChangeStreams, claim: Claim, turn: &mut Turn) -> Result<(), Option<Refused>> {
        self.may_change(&change.group, change.bytes())?;
        let added = change.topology.as_ref().map_or(0, |topology| topology_bytes(topology));
        if added > 0 && self.ledger.topology_bytes() + added > limits::STREAMS_TOPOLOGY_BYTES_MAX {
            let message = "The topologies of all groups take too much.";
            return Err(Some(Refused::new(Refusal::GroupMaxSizeReached, message)));
        }
        let group = Arc::clone(&change.group);
        self.journal_change(&group, Command::ChangeStreams(Arc::new(change)), claim, turn)
    }

    /// Creates what an application needs, as CreateTopics would; what could not be.
    fn create_internal_topics(&mut self, topics: Vec<NewTopic>, turn: &mut Turn) -> Failures {
        let request = CreateTopicsRequest { topics, timeout_ms: 0, validate_only: false };
        let plans = self.plans(&request);
        let (mut failures, mut changes) = (Failures::default(), Vec::new());
        for (topic, plan) in request.topics.iter().zip(plans) {
            let created = plan.and_then(|plan| prepare(topic, plan, turn)).and_then(|(prepared, _)| {
                match self.room_for([&prepared], Claim::Client) {
                    Room::Yes => self.create(prepared, &mut changes),
                    // The next heartbeat tries again.
                    Room::Soon | Room::No => Err(super::topics::full()),
                }
            });
            if let Err(refused) = created {
                failures.add(&topic.name, &refused);
            }
        }
        if !changes.is_empty() {
            let lsn = self.journal.applied();
            let update = CatalogUpdate { lsn, changes };
            self.outbox.say(lsn, To::All, Message::Catalog(Arc::new(update)));
        }
        failures
    }

    pub(crate) fn describe_streams(&self, request: &StreamsDescribeRequest) -> StreamsDescribeResponse {
        let membership = &self.membership;
        let describe = |id: &Arc<str>| membership.streams.describe(id, membership.groups.is_live(id), &self.ledger);
        StreamsDescribeResponse {
            groups: once(&request.groups).map(describe).collect(),
            authorized_operations: request.authorized_operations,
            topology_description: request.topology_description,
        }
    }

    /// Members that were not heard of, or did not give back: out, one group at a time.
    ///
    /// # Errors
    /// Where there is no room in the journal: they stay for now.
    pub(crate) fn expire_streams(&mut self, turn: &mut Turn) -> Result<bool, Room> {
        let Some((id, change)) = self.membership.streams.due(&self.ledger, turn.now) else { return Ok(false) };
        let left = change.as_ref().map(|change| change.left.clone()).unwrap_or_default();
        if let Some(change) = change {
            self.change_streams(change, Claim::Upkeep, turn).map_err(|_| Room::No)?;
        }
        self.membership.streams.settled(&id, &left);
        Ok(true)
    }
}

fn not_found(message: String) -> Refused {
    Refused::new(Refusal::GroupIdNotFound, message)
}
