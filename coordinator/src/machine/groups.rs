//! What fronts ask about groups: stepped by [`crate::groups`], stored, answered when that is durable.
//!
//! Room in the journal is promised before a group is stepped, so that whatever comes of it can be stored: a question
//! waits for a segment whole, or is refused whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{
    DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup, DescribeGroupsRequest, DescribeGroupsResponse,
    GroupClient, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    ListGroupsResponse, SyncGroupRequest, SyncGroupResponse,
};
use apus_core::config::Config;
use apus_core::error::{Refusal, Refused};
use apus_core::group_message::{ForgetOffsets, GroupAnswer, GroupAsk};
use apus_core::ids::{CoreId, Ticket};
use apus_core::limits;
use apus_core::message::Answer;
use apus_core::time::Instant;
use apus_core::turn::Turn;

use super::leader::Leader;
use super::sharers::Shared;
use crate::command::group::{OFFSETS_MAX, protocols_bytes};
use crate::command::{Command, StoredGroup};
use crate::consumers::{self, Consumers, Protocol};
use crate::groups::{Asker, Groups, Moment, Rules, TITLE_BYTES_MAX};
use crate::journal::{Claim, Room};
use crate::ledger::{Decision, Ledger};
use crate::shares::{self, Shares};
use crate::streams::{self, Streams};

/// Groups whose timers one step looks at.
const GROUPS_STEP_MAX: usize = 256;
/// Timers wait so long for room in the journal.
const ROOM_PAUSE_MS: u64 = 1_000;

/// What goes on in groups.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) rules: Rules,
    pub(crate) groups: Groups,
    pub(crate) consumer_rules: consumers::Rules,
    pub(crate) consumers: Consumers,
    pub(crate) share_rules: shares::Rules,
    /// Members of share groups.
    pub(crate) sharers: Consumers,
    pub(crate) shares: Shares,
    /// Locks that time out wait for room until then.
    pub(crate) shares_paused_until: Instant,
    pub(crate) streams_rules: streams::Rules,
    pub(crate) streams: Streams,
    /// Timers wait for room until then.
    paused_until: Instant,
}

impl Membership {
    /// Nobody, until the ledger's groups are loaded.
    pub(crate) fn new(node: &Config) -> Membership {
        Membership {
            rules: Rules::of(node),
            groups: Groups::default(),
            consumer_rules: consumers::Rules::of(node),
            consumers: Consumers::default(),
            share_rules: shares::Rules::of(node),
            sharers: Consumers::default(),
            shares: Shares::default(),
            shares_paused_until: Instant(0),
            streams_rules: streams::Rules::of(node),
            streams: Streams::default(),
            paused_until: Instant(0),
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        let newer = self.consumers.deadline().min(self.sharers.deadline()).min(self.streams.presence.deadline());
        self.groups.deadline().min(newer).max(self.paused_until)
    }

    /// When locks of share groups time out, or somebody who waits for records is to be looked at.
    pub(crate) fn shares_deadline(&self) -> Instant {
        let (locks, waiting) = self.shares.deadlines();
        waiting.min(locks.max(self.shares_paused_until))
    }

    /// How many groups of the newer protocols stand where, of those with members.
    pub(crate) fn counts(&self, ledger: &Ledger) -> BTreeMap<&'static str, u64> {
        let mut counts = self.consumers.counts(ledger);
        for (state, count) in self.sharers.counts(ledger).into_iter().chain(self.streams.counts(ledger)) {
            *counts.entry(state).or_default() += count;
        }
        counts
    }
}

pub(super) fn moment<'a>(rules: Rules, turn: &'a mut Turn<'_>) -> Moment<'a> {
    Moment { now: turn.now, wall_ms: turn.wall.0, rng: turn.rng, rules, said: Vec::new() }
}

impl Leader {
    /// Members carry on from what is stored: their silence begins when clients are served.
    pub(crate) fn load_groups(&mut self, turn: &mut Turn) {
        let mut moment = moment(self.membership.rules, turn);
        self.membership.groups = Groups::load(&self.ledger, &mut moment);
        let rules = &self.membership.consumer_rules;
        let session_ms = |id: &Arc<str>| rules.of_group(id, &self.ledger).session_ms;
        self.membership.consumers = Consumers::load(Protocol::Consumer, &self.ledger, session_ms, turn.now);
        let session_ms = |id: &Arc<str>| self.share_rules(id).session_ms;
        self.membership.sharers = Consumers::load(Protocol::Share, &self.ledger, session_ms, turn.now);
        self.membership.streams = Streams::load(&self.ledger, |id| self.streams_rules(id), turn.now);
    }

    /// Answers, now or later; hands the question back where it must wait for a segment.
    pub(crate) fn ask_group(
        &mut self,
        core: CoreId,
        ticket: Ticket,
        ask: Box<GroupAsk>,
        turn: &mut Turn,
    ) -> Option<Box<GroupAsk>> {
        let asker = Asker { core, ticket };
        let room = self.wanted(&ask).map_or(Room::Yes, |(bytes, claim)| self.journal.room(bytes, None, claim));
        match room {
            Room::Yes => {}
            Room::Soon => return Some(ask),
            Room::No => {
                self.say_group(asker, ask.refused(Refusal::CoordinatorNotAvailable), turn);
                return None;
            }
        }
        if self.is_mixed(&ask) {
            return self.ask_mixed(asker, *ask, turn);
        }
        let rules = self.membership.rules;
        let answer = match *ask {
            GroupAsk::Join { request, client } => self.join_group(request, client, asker, turn)?,
            GroupAsk::Sync(request) => {
                let mut moment = moment(rules, turn);
                let begun = self.membership.groups.sync(&request, asker, &mut moment);
                let said = std::mem::take(&mut moment.said);
                self.finish_step(&request.caller.group_id, said, turn);
                let Err(refusal) = begun else { return None };
                GroupAnswer::Sync(SyncGroupResponse { result: Err(refusal) })
            }
            GroupAsk::Beat { request, client } => match self.consumer_heartbeat(&request, &client, turn) {
                Some(response) => GroupAnswer::Beat(response),
                None => return Some(Box::new(GroupAsk::Beat { request, client })),
            },
            GroupAsk::StreamsBeat { request, client } => match self.streams_heartbeat(&request, &client, turn) {
                Some(response) => GroupAnswer::StreamsBeat(response),
                None => return Some(Box::new(GroupAsk::StreamsBeat { request, client })),
            },
            GroupAsk::DescribeStreams(request) => GroupAnswer::DescribeStreams(self.describe_streams(&request)),
            GroupAsk::DescribeConsumers(request) => GroupAnswer::DescribeConsumers(self.describe_consumers(&request)),
            GroupAsk::Leave(request) => GroupAnswer::Leave(self.leave_group(&request, turn)),
            GroupAsk::Heartbeat(request) => {
                let result = self.membership.groups.heartbeat(&request.caller, &moment(rules, turn));
                GroupAnswer::Heartbeat(HeartbeatResponse { result })
            }
            GroupAsk::Commit(request) => match self.commit_offsets(request, turn) {
                Ok(result) => GroupAnswer::Commit(result),
                Err(request) => return Some(Box::new(GroupAsk::Commit(request))),
            },
            GroupAsk::Fetch(request) => GroupAnswer::Fetch(self.fetch_offsets(&request)),
            GroupAsk::List(request) => {
                let listed = self.membership.groups.list(&request.states, &request.types, &self.ledger);
                GroupAnswer::List(ListGroupsResponse { result: Ok(listed) })
            }
            GroupAsk::Describe(request) => GroupAnswer::Describe(self.describe_groups(&request)),
            GroupAsk::Delete(request) => GroupAnswer::Delete(self.delete_groups(request, turn)),
            GroupAsk::Forget(request) => GroupAnswer::Forget(self.forget_offsets(&request, turn)),
            GroupAsk::Share(ask) => match self.ask_share(asker, ask, turn) {
                Shared::Answer(answer) => GroupAnswer::Share(answer),
                Shared::Later => return None,
                Shared::Held(ask) => return Some(Box::new(GroupAsk::Share(ask))),
            },
        };
        self.say_group(asker, answer, turn);
        None
    }

    /// Begins a join; what refuses it is the answer, and nothing else yet.
    fn join_group(
        &mut self,
        request: JoinGroupRequest,
        client: GroupClient,
        asker: Asker,
        turn: &mut Turn,
    ) -> Option<GroupAnswer> {
        let (group, member_id) = (Arc::clone(&request.group_id), Arc::clone(&request.member_id));
        let mut moment = moment(self.membership.rules, turn);
        let begun = self.membership.groups.join(request, client, asker, &self.ledger, &mut moment);
        let said = std::mem::take(&mut moment.said);
        self.finish_step(&group, said, turn);
        let refusal = begun.err()?;
        Some(GroupAnswer::Join(JoinGroupResponse { member_id, result: Err(refusal) }))
    }

    fn describe_groups(&self, request: &DescribeGroupsRequest) -> DescribeGroupsResponse {
        let groups = &self.membership.groups;
        DescribeGroupsResponse {
            groups: once(&request.groups).map(|id| groups.describe(id, &self.ledger)).collect(),
            authorized_operations: request.authorized_operations,
        }
    }

    /// Members leave, or an operator puts them out.
    fn leave_group(&mut self, request: &LeaveGroupRequest, turn: &mut Turn) -> LeaveGroupResponse {
        if self.membership.consumers.is_live(&request.group_id) {
            return LeaveGroupResponse { result: self.put_out_consumers(request, turn) };
        }
        let mut moment = moment(self.membership.rules, turn);
        let result = self.membership.groups.leave(request, &mut moment);
        let said = std::mem::take(&mut moment.said);
        self.finish_step(&request.group_id, said, turn);
        LeaveGroupResponse { result }
    }

    /// What may have to be stored because of a question, at most; a commit knows that itself.
    fn wanted(&self, ask: &GroupAsk) -> Option<(u64, Claim)> {
        let bytes = |id: &str, added| self.membership.groups.stored_bytes_max(id, added, &self.ledger);
        match ask {
            GroupAsk::Join { request, .. } => Some((bytes(&request.group_id, join_bytes(request)), Claim::Client)),
            GroupAsk::Sync(request) => Some((bytes(&request.caller.group_id, sync_bytes(request)), Claim::Client)),
            GroupAsk::Leave(request) => Some((bytes(&request.group_id, 0), Claim::Client)),
            GroupAsk::Delete(request) => Some((delete_bytes(request), Claim::Upkeep)),
            GroupAsk::Forget(request) => Some((forget_bytes(request), Claim::Upkeep)),
            GroupAsk::Share(ask) => self.share_bytes(ask),
            GroupAsk::Heartbeat(_)
            | GroupAsk::Beat { .. }
            | GroupAsk::DescribeConsumers(_)
            | GroupAsk::StreamsBeat { .. }
            | GroupAsk::DescribeStreams(_)
            | GroupAsk::Commit(_)
            | GroupAsk::Fetch(_)
            | GroupAsk::List(_)
            | GroupAsk::Describe(_) => None,
        }
    }

    /// Stores what a step of a group came to, then says what was said in it.
    fn finish_step(&mut self, id: &str, said: Vec<(Asker, GroupAnswer)>, turn: &mut Turn) {
        if let Some(stored) = self.membership.groups.settle(id, &self.ledger) {
            self.store_group(stored, turn);
        }
        said.into_iter().for_each(|(asker, answer)| self.say_group(asker, answer, turn));
    }

    fn store_group(&mut self, stored: Arc<StoredGroup>, turn: &mut Turn) {
        // A group that becomes empty frees more than it takes.
        let Ok((_, outcome)) = self.submit(Command::StoreGroup(stored), Claim::Upkeep, turn) else {
            panic!("room was promised before the group was stepped")
        };
        assert!(outcome.decision == Decision::GroupStored(Ok(())), "a group was admitted before it gathered");
    }

    pub(super) fn say_group(&mut self, asker: Asker, answer: GroupAnswer, turn: &mut Turn) {
        self.answer(asker.core, asker.ticket, Answer::Group(Box::new(answer)), turn);
    }

    /// Groups without members go, each with its offsets.
    fn delete_groups(&mut self, request: DeleteGroupsRequest, turn: &mut Turn) -> DeleteGroupsResponse {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group_id in once(&request.groups).cloned() {
            let forgotten = self.membership.groups.forget(&group_id, &self.ledger);
            let result = forgotten.map_err(|refusal| {
                let message = match refusal {
                    Refusal::NonEmptyGroup => Cow::Borrowed("The group is not empty."),
                    _ => Cow::Owned(format!("Group {group_id} not found.")),
                };
                Refused::new(refusal, message)
            });
            if result.is_ok() && self.ledger.group(&group_id).is_some() {
                let removed = self.submit(Command::RemoveGroup { id: Arc::clone(&group_id) }, Claim::Upkeep, turn);
                assert!(removed.is_ok(), "room was promised for all of them");
                for key in self.membership.shares.of_group(&group_id) {
                    self.membership.shares.forget(&key);
                }
            }
            groups.push(DeletedGroup { group_id, result });
        }
        DeleteGroupsResponse { groups }
    }

    /// Whether a change of a group whose members beat may be journaled, by its size and by how many groups there are.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn may_change(&self, group: &str, bytes: u64) -> Result<(), Refused> {
        if bytes > limits::COMMAND_BYTES_MAX {
            return Err(Refusal::GroupMaxSizeReached.into());
        }
        if self.ledger.group(group).is_none() && self.ledger.groups_count() >= limits::GROUPS_MAX {
            return Err(Refusal::CoordinatorNotAvailable.into());
        }
        Ok(())
    }

    /// Journals such a change.
    ///
    /// # Errors
    /// Why it was refused, or nothing where it has to wait for a segment.
    pub(super) fn journal_change(
        &mut self,
        group: &Arc<str>,
        change: Command,
        claim: Claim,
        turn: &mut Turn,
    ) -> Result<(), Option<Refused>> {
        // A classic group that nobody is in gives way.
        let _ = self.membership.groups.forget(group, &self.ledger);
        match self.submit(change, claim, turn) {
            Ok((_, outcome)) => {
                let agreed =
                    matches!(outcome.decision, Decision::ConsumersChanged(Ok(())) | Decision::StreamsChanged(Ok(())));
                assert!(agreed, "a change that contradicts the group");
                Ok(())
            }
            Err(Room::No) => Err(Some(Refusal::CoordinatorNotAvailable.into())),
            Err(_) => Err(None),
        }
    }

    /// Members of the newer protocols that are due; false where none is.
    fn expire_members(&mut self, turn: &mut Turn) -> Result<bool, Room> {
        Ok(self.expire_consumers(turn)? || self.expire_sharers(turn)? || self.expire_streams(turn)?)
    }

    /// Sessions that end, generations that are complete, members that did not ask for their assignment.
    pub(crate) fn advance_groups(&mut self, turn: &mut Turn) {
        for _ in 0..GROUPS_STEP_MAX {
            if self.membership.deadline() > turn.now {
                return;
            }
            // Time makes groups empty, never large.
            if self.journal.room(TITLE_BYTES_MAX, None, Claim::Upkeep) != Room::Yes {
                self.membership.paused_until = turn.now.after_ms(ROOM_PAUSE_MS);
                return;
            }
            match self.expire_members(turn) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(_) => {
                    self.membership.paused_until = turn.now.after_ms(ROOM_PAUSE_MS);
                    return;
                }
            }
            let mut moment = moment(self.membership.rules, turn);
            let woken = self.membership.groups.wake(&mut moment);
            let said = std::mem::take(&mut moment.said);
            let Some(id) = woken else { return };
            self.finish_step(&id, said, turn);
        }
    }
}

/// Each group once, where it stands first: a letter may stand for a thousand members.
pub(super) fn once(groups: &[Arc<str>]) -> impl Iterator<Item = &Arc<str>> {
    let mut seen = BTreeSet::new();
    groups.iter().filter(move |id| seen.insert(*id))
}

fn join_bytes(request: &JoinGroupRequest) -> u64 {
    protocols_bytes(&request.protocols)
}

fn sync_bytes(request: &SyncGroupRequest) -> u64 {
    request.assignments.iter().map(|assignment| assignment.assignment.len() as u64).sum()
}

/// A number a partition, and a head for each command.
fn forget_bytes(request: &ForgetOffsets) -> u64 {
    let count: usize = request.topics.iter().map(|(_, partitions)| partitions.len()).sum();
    let commands = 1 + (count / OFFSETS_MAX) as u64;
    count as u64 * 4 + commands * (request.group_id.len() as u64 + 256)
}

fn delete_bytes(request: &DeleteGroupsRequest) -> u64 {
    request.groups.iter().map(|id| id.len() as u64 + 256).sum()
}
