//! One group in memory: who is in it, whom it waits for, and what it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{GroupClient, GroupProtocol, GroupState, JoinGroupRequest};
use apus_core::error::Refusal;
use apus_core::time::Instant;

use super::member::Member;
use super::moment::{Asker, Moment};
use crate::command::{StoredGroup, StoredMember};

/// When the gathering of a generation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gathering {
    /// The first generation of a group that was empty: a while after the last newcomer, within what the members wait.
    Initial {
        /// When it is looked at next.
        at: Instant,
        /// What was waited for last, milliseconds.
        delay_ms: u64,
        /// What may still be waited for, milliseconds.
        remaining_ms: u64,
    },
    /// Any other: at once when everyone is there, or at this time.
    Until(Instant),
}

impl Gathering {
    pub(super) fn at(&self) -> Instant {
        match self {
            Gathering::Initial { at, .. } | Gathering::Until(at) => *at,
        }
    }
}

/// What must be durable before the answers of a step leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Unsaved {
    #[default]
    Nothing,
    /// These members left: what is stored is true without them.
    Left(BTreeSet<Arc<str>>),
    /// The group as it stands.
    Whole,
}

/// A group with members, or with some on their way in.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: Arc<str>,
    pub(super) state: GroupState,
    pub(super) since_ms: i64,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) protocol_name: Option<Arc<str>>,
    pub(super) leader: Option<Arc<str>>,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Static names, and whose they are.
    pub(super) instances: BTreeMap<Arc<str>, Arc<str>>,
    /// Ids that were given and not used yet, and until when they may be.
    pub(super) pending: BTreeMap<Arc<str>, Instant>,
    /// Members of this generation that have not asked for their assignment.
    pub(super) unsynced: BTreeSet<Arc<str>>,
    pub(super) gathering: Option<Gathering>,
    /// When members that have not asked for their assignment are out.
    pub(super) sync_at: Option<Instant>,
    /// Somebody came since the first generation's gathering was looked at.
    pub(super) newcomer: bool,
    pub(super) unsaved: Unsaved,
    /// The present generation was given assignments, and is stored.
    pub(super) assigned: bool,
    /// No timer is due before this.
    pub(super) wake_at: Instant,
    /// Members by strategy.
    supported: BTreeMap<Arc<str>, usize>,
    /// Members that wait for the next generation.
    joining: usize,
    member_bytes: u64,
    assignment_bytes: u64,
    pending_bytes: u64,
}

impl Group {
    /// A group of this name without anybody.
    pub(super) fn new(id: Arc<str>, wall_ms: i64) -> Group {
        Group {
            id,
            state: GroupState::Empty,
            since_ms: wall_ms,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            gathering: None,
            sync_at: None,
            newcomer: false,
            unsaved: Unsaved::Nothing,
            assigned: false,
            wake_at: Instant::NEVER,
            supported: BTreeMap::new(),
            joining: 0,
            member_bytes: 0,
            assignment_bytes: 0,
            pending_bytes: 0,
        }
    }

    /// A group as it was stored. Where members had left it, the others are asked to join again.
    pub(super) fn load(stored: &StoredGroup, moment: &mut Moment<'_>) -> Group {
        assert!(stored.is_sound());
        let mut group = Group::new(Arc::clone(&stored.id), stored.since_ms);
        group.generation = stored.generation;
        group.protocol_type = stored.protocol_type.clone();
        group.protocol_name = stored.protocol_name.clone();
        for member in &stored.members {
            group.admit(Member::load(member, moment.now));
            group.assignment_bytes += member.assignment.len() as u64;
        }
        group.leader = stored.leader.clone();
        if group.members.is_empty() {
            return group;
        }
        (group.state, group.assigned) = (GroupState::Stable, true);
        if stored.rebalancing || group.members.len() > moment.rules.members_max {
            group.prepare(moment);
        }
        group
    }

    /// The group as it is to be stored: between rebalances only.
    pub(super) fn stored(&self) -> StoredGroup {
        assert!(matches!(self.state, GroupState::Empty | GroupState::Stable));
        assert!((self.state == GroupState::Empty) == self.members.is_empty());
        self.standing()
    }

    /// The group as it stands, whatever goes on in it.
    pub(super) fn standing(&self) -> StoredGroup {
        StoredGroup {
            id: Arc::clone(&self.id),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            rebalancing: false,
            since_ms: self.since_ms,
            members: self.members.values().map(Member::stored).collect(),
        }
    }

    /// What was stored, without members that left since, where any of them stands in it.
    pub(super) fn stored_without(&self, left: &BTreeSet<Arc<str>>, stored: &StoredGroup) -> Option<StoredGroup> {
        let stays = |member: &&StoredMember| !left.contains(&member.id);
        let members: Vec<StoredMember> = stored.members.iter().filter(stays).cloned().collect();
        if members.len() == stored.members.len() {
            return None;
        }
        let kept = |leader: &&Arc<str>| members.iter().any(|member| member.id == **leader);
        let leader = stored.leader.as_ref().filter(kept).or(members.first().map(|first| &first.id)).cloned();
        Some(StoredGroup {
            id: Arc::clone(&self.id),
            generation: stored.generation.max(self.generation),
            protocol_type: stored.protocol_type.clone(),
            protocol_name: stored.protocol_name.clone().filter(|_| leader.is_some()),
            rebalancing: leader.is_some(),
            leader,
            since_ms: self.since_ms,
            members,
        })
    }

    /// What it costs in memory, beside a small fixed part.
    pub(super) fn bytes(&self) -> u64 {
        self.member_bytes + self.assignment_bytes + self.pending_bytes
    }

    /// Somebody is given an id to join with.
    pub(super) fn expect(&mut self, id: &Arc<str>, until: Instant) {
        let earlier = self.pending.insert(Arc::clone(id), until);
        assert!(earlier.is_none() && !self.members.contains_key(id), "an id is given once");
        self.pending_bytes += pending_bytes(id);
        self.wake_by(until);
    }

    fn expect_no_more(&mut self, id: &str) {
        if self.pending.remove(id).is_some() {
            self.pending_bytes -= pending_bytes(id);
        }
    }

    /// What its members say of themselves, without one of them.
    pub(super) fn member_bytes_without(&self, id: &str) -> u64 {
        self.member_bytes - self.members.get(id).map_or(0, Member::bytes)
    }

    pub(super) fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// True once nobody is waited for.
    pub(super) fn is_complete(&self) -> bool {
        self.joining == self.members.len() && self.pending.is_empty()
    }

    /// Members that wait for the next generation.
    pub(super) fn joining(&self) -> usize {
        self.joining
    }

    /// The longest that any member wants to be waited for.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        u64::try_from(longest.unwrap_or(0)).unwrap_or(0)
    }

    /// A timer is set.
    pub(super) fn wake_by(&mut self, at: Instant) {
        self.wake_at = self.wake_at.min(at);
    }

    pub(super) fn heard(&mut self, id: &str, now: Instant) {
        let Some(member) = self.members.get_mut(id) else { return };
        let at = member.heard(now);
        self.wake_by(at);
    }

    /// Whether one who says this of himself may be in the group: something in common with everyone who is.
    pub(super) fn supports(&self, protocol_type: &Arc<str>, protocols: &[GroupProtocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let everyone = self.members.len();
        let common = |protocol: &GroupProtocol| self.supported.get(&protocol.name).copied().unwrap_or(0) == everyone;
        self.protocol_type.as_ref() == Some(protocol_type) && protocols.iter().any(common)
    }

    /// The strategy that all members support and most prefer. Of equals, the one that came first to the votes.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let mut votes: Vec<(&Arc<str>, usize)> = Vec::new();
        for member in self.members.values() {
            let common = |protocol: &&GroupProtocol| self.supported.get(&protocol.name) == Some(&self.members.len());
            let choice = &member.protocols.iter().find(common)?.name;
            match votes.iter_mut().find(|(name, _)| *name == choice) {
                Some((_, count)) => *count += 1,
                None => votes.push((choice, 1)),
            }
        }
        let most = votes.iter().map(|(_, count)| *count).max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| Arc::clone(name))
    }

    /// Takes a member in. The first one leads.
    pub(super) fn admit(&mut self, member: Member) {
        if let Some(instance) = &member.instance_id {
            let earlier = self.instances.insert(Arc::clone(instance), Arc::clone(&member.id));
            assert!(earlier.is_none(), "a static name has one owner");
        }
        self.leader.get_or_insert_with(|| Arc::clone(&member.id));
        self.expect_no_more(&member.id);
        self.wake_by(member.session_at);
        self.count_in(&member);
        let earlier = self.members.insert(Arc::clone(&member.id), member);
        assert!(earlier.is_none(), "a member is admitted once");
    }

    fn count_in(&mut self, member: &Member) {
        for protocol in &member.protocols {
            *self.supported.entry(Arc::clone(&protocol.name)).or_default() += 1;
        }
        self.joining += usize::from(member.joining.is_some());
        self.member_bytes += member.bytes();
    }

    fn count_out(&mut self, member: &Member) {
        for protocol in &member.protocols {
            let count = self.supported.get_mut(&protocol.name).expect("the member was counted in");
            *count -= 1;
            if *count == 0 {
                self.supported.remove(&protocol.name);
            }
        }
        self.joining -= usize::from(member.joining.is_some());
        self.member_bytes -= member.bytes();
    }

    /// Puts a member or an unused id out. Whatever it waits for is refused.
    pub(super) fn put_out(&mut self, id: &str, moment: &mut Moment<'_>) {
        self.expect_no_more(id);
        self.unsynced.remove(id);
        let Some(member) = self.members.remove(id) else { return };
        self.count_out(&member);
        self.assignment_bytes -= member.assignment.len() as u64;
        if let Some(instance) = &member.instance_id {
            self.instances.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        if let Some(asker) = member.joining {
            moment.joined(asker, &Arc::from(""), Err(Refusal::UnknownMemberId));
        }
        if let Some(asker) = member.syncing {
            moment.synced(asker, Err(Refusal::UnknownMemberId));
        }
    }

    /// The group is another kind's from now on: whoever waits is to join again.
    pub(super) fn recall(&mut self, moment: &mut Moment<'_>) {
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in ids {
            if let Some(asker) = self.take_joining(&id) {
                moment.joined(asker, &id, Err(Refusal::RebalanceInProgress));
            }
            if let Some(asker) = self.members.get_mut(&id).and_then(|member| member.syncing.take()) {
                moment.synced(asker, Err(Refusal::RebalanceInProgress));
            }
        }
    }

    /// What a member says of itself now, and that it waits for the next generation. Where it asked before and was not
    /// answered, that question is moot.
    pub(super) fn update(&mut self, id: &str, request: &JoinGroupRequest, asker: Asker, moment: &mut Moment<'_>) {
        let mut member = self.members.remove(id).expect("the member was validated");
        self.count_out(&member);
        member.update(request);
        if let Some(earlier) = member.joining.replace(asker) {
            moment.joined(earlier, &member.id, Err(Refusal::RebalanceInProgress));
        }
        self.count_in(&member);
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// A static member is back under a new id; the old one is fenced.
    pub(super) fn replace(&mut self, old: &str, new: &Arc<str>, client: GroupClient, moment: &mut Moment<'_>) {
        let mut member = self.members.remove(old).expect("the static name led to it");
        self.count_out(&member);
        if let Some(asker) = member.joining.take() {
            moment.joined(asker, &member.id, Err(Refusal::FencedInstanceId));
        }
        if let Some(asker) = member.syncing.take() {
            moment.synced(asker, Err(Refusal::FencedInstanceId));
        }
        if self.is_leader(old) {
            self.leader = Some(Arc::clone(new));
        }
        let instance = member.instance_id.clone().expect("a static member has a name");
        self.instances.insert(instance, Arc::clone(new));
        if self.unsynced.remove(old) {
            self.unsynced.insert(Arc::clone(new));
        }
        member.id = Arc::clone(new);
        member.client = client;
        self.count_in(&member);
        self.members.insert(Arc::clone(new), member);
    }

    /// The member is answered about the next generation; who asked.
    pub(super) fn take_joining(&mut self, id: &str) -> Option<Asker> {
        let asker = self.members.get_mut(id)?.joining.take()?;
        self.joining -= 1;
        Some(asker)
    }

    /// Gives everyone his assignment, or takes all away.
    pub(super) fn assign(&mut self, assignments: &BTreeMap<&str, &bytes::Bytes>) {
        self.assignment_bytes = 0;
        for (id, member) in &mut self.members {
            let assignment = assignments.get(&**id);
            member.assignment = assignment.map_or_else(bytes::Bytes::new, |bytes| bytes::Bytes::copy_from_slice(bytes));
            self.assignment_bytes += member.assignment.len() as u64;
        }
    }

    /// Kafka's test of who speaks.
    ///
    /// # Errors
    /// Where the static name is another's, or nobody's, or the member is none.
    pub(super) fn validate(&self, member_id: &str, instance_id: Option<&Arc<str>>) -> Result<(), Refusal> {
        if let Some(instance) = instance_id {
            let owner = self.instances.get(instance).ok_or(Refusal::UnknownMemberId)?;
            if &**owner != member_id {
                return Err(Refusal::FencedInstanceId);
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(Refusal::UnknownMemberId) }
    }

    pub(super) fn transition(&mut self, state: GroupState, wall_ms: i64) {
        let valid = match state {
            GroupState::PreparingRebalance => self.state != GroupState::PreparingRebalance,
            GroupState::CompletingRebalance | GroupState::Empty => self.state == GroupState::PreparingRebalance,
            GroupState::Stable => self.state == GroupState::CompletingRebalance,
            GroupState::Dead => false,
        };
        assert!(valid, "{:?} after {:?}", state, self.state);
        self.state = state;
        self.since_ms = wall_ms;
    }

    /// The whole-state invariant.
    pub(super) fn check(&self) {
        let members = self.members.values();
        assert!(self.joining == members.clone().filter(|member| member.joining.is_some()).count());
        assert!(self.member_bytes == members.clone().map(Member::bytes).sum::<u64>());
        assert!(self.assignment_bytes == members.clone().map(|member| member.assignment.len() as u64).sum::<u64>());
        assert!(self.pending_bytes == self.pending.keys().map(|id| pending_bytes(id)).sum::<u64>());
        assert!(self.leader.is_some() != self.members.is_empty(), "members have a leader");
        assert!(self.leader.iter().all(|leader| self.members.contains_key(leader)), "the leader is a member");
        assert!(self.unsynced.iter().all(|id| self.members.contains_key(id)), "only members are waited for");
        assert!(self.pending.keys().all(|id| !self.members.contains_key(id)), "an unused id is nobody's");
        let statics = members.clone().filter(|member| member.instance_id.is_some()).count();
        assert!(statics == self.instances.len() && self.state != GroupState::Dead);
        assert!((self.state == GroupState::PreparingRebalance) == self.gathering.is_some(), "a gathering has an end");
        let syncing = members.clone().any(|member| member.syncing.is_some());
        assert!(!syncing || self.state == GroupState::CompletingRebalance, "assignments are handed out at once");
        let joining = self.joining > 0;
        assert!(!joining || self.state == GroupState::PreparingRebalance, "a generation is told at once");
        assert!(self.state != GroupState::Empty || self.members.is_empty(), "nobody is in an empty group");
        assert!(self.unsaved == Unsaved::Nothing, "something was not saved");
        assert!(self.wake_at <= self.exact_deadline(), "a timer would be missed");
    }

    /// When the first of all timers is due.
    pub(super) fn exact_deadline(&self) -> Instant {
        let sessions = self.members.values().map(|member| member.session_at);
        let timers = [self.gathering.map(|gathering| gathering.at()), self.sync_at];
        sessions
            .chain(self.pending.values().copied())
            .chain(timers.into_iter().flatten())
            .min()
            .unwrap_or(Instant::NEVER)
    }
}

/// What an id costs that nobody has used yet.
fn pending_bytes(id: &str) -> u64 {
    id.len() as u64 + 64
}
