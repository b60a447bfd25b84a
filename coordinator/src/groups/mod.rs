//! Classic consumer groups: who is in which generation, and who is told what.
//!
//! [`Groups`] holds the groups that have members, or some on their way in; a group that has only offsets is in the
//! ledger alone. A group goes from `Empty` over `PreparingRebalance` (a generation gathers) and `CompletingRebalance`
//! (its leader assigns) to `Stable`, by the rules of Kafka's own coordinator: what a member asks for is answered at
//! once, when the generation is complete, or when the leader has assigned.
//!
//! Everything here is in memory and is a function of what it is told: requests, time, chance. What must be durable is
//! handed out beside the answers ([`Groups::settle`]), and the answers leave when it is:
//! - a group whose leader has assigned, or that has become empty, is stored whole;
//! - a leave stores what was stored before without those who left, so that it is not undone by a crash: after a start,
//!   the others are asked to join again;
//! - everything else (a generation that gathers, heartbeats) is forgotten by a crash. Members of a stable group carry
//!   on with their heartbeats; silence is counted from the start.
//!
//! A crash between a generation's number and its assignments forgets the number, which is then given again. No member
//! works or commits under it before: assignments are handed out when they are durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{
    DescribedGroup, GroupCaller, GroupClient, GroupState, JoinGroupRequest, LeaveGroupRequest, LeftMember, ListedGroup,
    SyncGroupRequest,
};
use apus_core::error::Refusal;
use apus_core::limits;
use apus_core::time::Instant;

use crate::command::StoredGroup;
use crate::ledger::Ledger;

mod describe;
pub mod expiry;
mod group;
mod join;
mod member;
mod moment;
mod presence;
mod rebalance;
mod rules;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;

use group::{Group, Unsaved};
use join::Wish;
pub(crate) use member::{own as own_protocols, rebalance_timeout_ms};
pub use moment::{Asker, Moment};
pub use rules::Rules;
pub(crate) use subscription::CONSUMER;

/// A group without its members as a command: four names of 32 KiB at most.
pub const TITLE_BYTES_MAX: u64 = 132 << 10;

const _: () = assert!(
    limits::GROUP_MEMBERS_BYTES_MAX + limits::GROUP_ASSIGNMENT_BYTES_MAX + TITLE_BYTES_MAX < limits::COMMAND_BYTES_MAX
);

/// All groups in memory.
#[derive(Debug, Default)]
pub struct Groups {
    live: BTreeMap<Arc<str>, Group>,
    /// When each group in memory wants to be woken at the earliest.
    timers: BTreeSet<(Instant, Arc<str>)>,
    /// What they cost, of [`limits::MEMBERSHIP_BYTES_MAX`].
    bytes: u64,
}

/// True where members of the consumer protocol are in a group, or of a share or streams group.
fn has_consumers(id: &str, ledger: &Ledger) -> bool {
    let consumers = ledger.consumers(id).or_else(|| ledger.sharers(id));
    consumers.is_some_and(|consumers| !consumers.members.is_empty())
        || ledger.streams(id).is_some_and(|streams| !streams.members.is_empty())
}

/// A group as a step found it.
struct Before {
    wake_at: Instant,
    bytes: u64,
}

impl Groups {
    /// The groups of a ledger that have members.
    #[must_use]
    pub fn load(ledger: &Ledger, moment: &mut Moment<'_>) -> Groups {
        let mut groups = Groups::default();
        for stored in ledger.groups_behind(None).filter(|stored| !stored.members.is_empty()) {
            let group = Group::load(stored, moment);
            groups.bytes += group.bytes();
            groups.timers.insert((group.wake_at, Arc::clone(&group.id)));
            groups.live.insert(Arc::clone(&group.id), group);
        }
        assert!(moment.said.is_empty(), "nobody waits at a start");
        groups
    }

    /// A member wants to be in the next generation. The answer may come much later.
    ///
    /// # Errors
    /// Where no group of this name could even consider it.
    pub fn join(
        &mut self,
        request: JoinGroupRequest,
        client: GroupClient,
        asker: Asker,
        ledger: &Ledger,
        moment: &mut Moment<'_>,
    ) -> Result<(), Refusal> {
        if request.group_id.is_empty() {
            return Err(Refusal::InvalidGroupId);
        }
        let allowed = moment.rules.session_ms_min..=moment.rules.session_ms_max;
        if !allowed.contains(&request.session_timeout_ms) {
            return Err(Refusal::InvalidSessionTimeout);
        }
        if has_consumers(&request.group_id, ledger) || ledger.sharers(&request.group_id).is_some() {
            return Err(Refusal::InconsistentGroupProtocol);
        }
        if self.bytes >= limits::MEMBERSHIP_BYTES_MAX {
            return Err(Refusal::CoordinatorNotAvailable);
        }
        let id = Arc::clone(&request.group_id);
        if !self.live.contains_key(&id) {
            let stored = ledger.group(&id);
            if stored.is_none() && !request.member_id.is_empty() {
                return Err(Refusal::UnknownMemberId);
            }
            let room = self.live.len() as u64 + ledger.groups_count() < limits::GROUPS_MAX;
            if stored.is_none() && !room {
                return Err(Refusal::CoordinatorNotAvailable);
            }
            let group = match stored {
                Some(stored) => Group::load(stored, moment),
                None => Group::new(Arc::clone(&id), moment.wall_ms),
            };
            assert!(group.state == GroupState::Empty, "a group with members is in memory");
            self.timers.insert((group.wake_at, Arc::clone(&id)));
            self.live.insert(Arc::clone(&id), group);
        }
        self.on(&id, |group| group.join(Wish { request, client, asker }, moment));
        Ok(())
    }

    /// A member wants its assignment; the leader brings everyone's.
    ///
    /// # Errors
    /// Where there is no such group, or nobody in it.
    pub fn sync(&mut self, request: &SyncGroupRequest, asker: Asker, moment: &mut Moment<'_>) -> Result<(), Refusal> {
        let id = &request.caller.group_id;
        if id.is_empty() {
            return Err(Refusal::InvalidGroupId);
        }
        self.on(id, |group| group.sync(request, asker, moment)).ok_or(Refusal::UnknownMemberId)
    }

    /// A member lives.
    ///
    /// # Errors
    /// Where it is none, or is to join again.
    pub fn heartbeat(&mut self, caller: &GroupCaller, moment: &Moment<'_>) -> Result<(), Refusal> {
        if caller.group_id.is_empty() {
            return Err(Refusal::InvalidGroupId);
        }
        self.on(&caller.group_id, |group| group.heartbeat(caller, moment)).ok_or(Refusal::UnknownMemberId)?
    }

    /// Members leave.
    ///
    /// # Errors
    /// Where the group has no name.
    pub fn leave(&mut self, request: &LeaveGroupRequest, moment: &mut Moment<'_>) -> Result<Vec<LeftMember>, Refusal> {
        if request.group_id.is_empty() {
            return Err(Refusal::InvalidGroupId);
        }
        let nobody = || {
            let stranger = |member: &apus_core::api::LeavingMember| LeftMember {
                member_id: Arc::clone(&member.member_id),
                group_instance_id: member.group_instance_id.clone(),
                result: Err(Refusal::UnknownMemberId),
            };
            request.members.iter().map(stranger).collect()
        };
        Ok(self.on(&request.group_id, |group| group.leave(request, moment)).unwrap_or_else(nobody))
    }

    /// Whether this caller may commit offsets of a group; a member that may is heard of.
    ///
    /// # Errors
    /// Where it may not. GROUP_ID_NOT_FOUND: the caller speaks of a generation of a group that does not exist.
    pub fn commits(&mut self, caller: &GroupCaller, ledger: &Ledger, moment: &Moment<'_>) -> Result<(), Refusal> {
        let id = &caller.group_id;
        match self.on(id, |group| group.commits(caller, moment)) {
            Some(result) => result,
            None if ledger.sharers(id).is_some() => Err(Refusal::GroupIdNotFound),
            None if caller.generation < 0 => Ok(()),
            None if ledger.group(id).is_some() => Err(Refusal::UnknownMemberId),
            None => Err(Refusal::GroupIdNotFound),
        }
    }

    /// The topics whose offsets a group may not forget, since its members subscribe to them.
    ///
    /// # Errors
    /// Where the group does not exist, or has members of which that is not known.
    pub fn forgets<'a>(&self, id: &str, ledger: &'a Ledger) -> Result<BTreeSet<&'a str>, Refusal> {
        if let Some(consumers) = ledger.consumers(id).filter(|_| !self.live.contains_key(id)) {
            return Ok(crate::consumers::describe::subscribed(consumers, ledger));
        }
        if let Some(streams) = ledger.streams(id).filter(|_| !self.live.contains_key(id)) {
            return Ok(crate::streams::subscribed(streams));
        }
        let stored = ledger.group(id).filter(|_| ledger.sharers(id).is_none());
        let subscribed = stored.and_then(|stored| subscription::topics(stored)).unwrap_or_default();
        match (self.live.get(id), stored) {
            (None, None) => Err(Refusal::GroupIdNotFound),
            (Some(group), _) if group.state == GroupState::Empty => Ok(BTreeSet::new()),
            (Some(group), _) if group.protocol_type.as_deref() != Some(subscription::CONSUMER) => {
                Err(Refusal::NonEmptyGroup)
            }
            _ => Ok(subscribed),
        }
    }

    /// True where the group has members, or some on their way in: it may not be removed for want of offsets.
    #[must_use]
    pub fn is_live(&self, id: &str) -> bool {
        self.live.contains_key(id)
    }

    /// A group in memory as it stands, also in the middle of a rebalance: what its members say of themselves. Where it
    /// gathers, all may have left whom it began to gather for.
    pub(crate) fn standing(&self, id: &str) -> Option<StoredGroup> {
        self.live.get(id).map(Group::standing)
    }

    /// A group becomes one of the consumer protocol: whoever waits for an answer is to join again.
    pub(crate) fn give_way(&mut self, id: &str, moment: &mut Moment<'_>) {
        self.on(id, |group| group.recall(moment));
        self.release(id);
    }

    /// A group of the consumer protocol has become this classic one.
    pub(crate) fn take_over(&mut self, stored: &StoredGroup, moment: &mut Moment<'_>) {
        let group = Group::load(stored, moment);
        self.bytes += group.bytes();
        self.timers.insert((group.wake_at, Arc::clone(&group.id)));
        let earlier = self.live.insert(Arc::clone(&group.id), group);
        assert!(earlier.is_none(), "a group is of one kind");
    }

    /// Forgets a group that is about to be removed.
    ///
    /// # Errors
    /// Where it has members, or does not exist.
    pub fn forget(&mut self, id: &str, ledger: &Ledger) -> Result<(), Refusal> {
        match self.live.get(id) {
            Some(group) if group.state != GroupState::Empty => return Err(Refusal::NonEmptyGroup),
            Some(_) => self.release(id),
            None if has_consumers(id, ledger) => return Err(Refusal::NonEmptyGroup),
            None if ledger.group(id).is_none() => return Err(Refusal::GroupIdNotFound),
            None => {}
        }
        Ok(())
    }

    /// What a group's next command may take at most, where a request of so many bytes may be added to it.
    #[must_use]
    pub fn stored_bytes_max(&self, id: &str, request_bytes: u64, ledger: &Ledger) -> u64 {
        let live = self.live.get(id).map_or(0, Group::bytes);
        let stored = ledger.group(id).map_or(0, |stored| stored.bytes());
        let added = request_bytes + TITLE_BYTES_MAX;
        (live.max(stored) + added).min(limits::COMMAND_BYTES_MAX)
    }

    /// Where a group stands that is in memory.
    #[must_use]
    pub fn state(&self, id: &str) -> Option<GroupState> {
        self.live.get(id).map(|group| group.state)
    }

    /// The group that was stepped last, as it must be stored before its answers leave; nothing where that is not
    /// needed. To be called after every step that may have changed a group.
    pub fn settle(&mut self, id: &str, ledger: &Ledger) -> Option<Arc<StoredGroup>> {
        let group = self.live.get_mut(id)?;
        let stored = match std::mem::take(&mut group.unsaved) {
            Unsaved::Nothing => None,
            Unsaved::Left(left) => ledger.group(id).and_then(|stored| group.stored_without(&left, stored)),
            Unsaved::Whole => Some(group.stored()),
        };
        if group.state == GroupState::Empty && group.pending.is_empty() {
            self.release(id);
        }
        stored.map(Arc::new)
    }

    /// A group whose timers may be due, once each. [`Groups::settle`] is to follow.
    pub fn wake(&mut self, moment: &mut Moment<'_>) -> Option<Arc<str>> {
        let (_, id) = self.timers.first().filter(|(at, _)| *at <= moment.now)?.clone();
        self.on(&id, |group| group.wake(moment));
        Some(id)
    }

    /// When a group wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.timers.first().map_or(Instant::NEVER, |(at, _)| *at)
    }

    /// Groups of these states and types, all where there are none, by name.
    #[must_use]
    pub fn list(&self, states: &[Arc<str>], types: &[Arc<str>], ledger: &Ledger) -> Vec<ListedGroup> {
        describe::list(&self.live, states, types, ledger)
    }

    /// How many groups stand where, by Kafka's name of the state, with those of the newer protocols that have members. Costs what is in memory, not what is stored.
    #[must_use]
    pub fn counts(&self, consumers: &BTreeMap<&'static str, u64>, ledger: &Ledger) -> BTreeMap<&'static str, u64> {
        describe::counts(&self.live, consumers, ledger)
    }

    /// What a group is.
    #[must_use]
    pub fn describe(&self, id: &Arc<str>, ledger: &Ledger) -> DescribedGroup {
        describe::describe(self.live.get(id), id, ledger)
    }

    /// Steps a group in memory, and keeps its timer and its cost in the books.
    fn on<R>(&mut self, id: &str, step: impl FnOnce(&mut Group) -> R) -> Option<R> {
        let group = self.live.get_mut(id)?;
        let before = Before { wake_at: group.wake_at, bytes: group.bytes() };
        let result = step(group);
        if group.wake_at != before.wake_at {
            self.timers.remove(&(before.wake_at, Arc::clone(&group.id)));
            self.timers.insert((group.wake_at, Arc::clone(&group.id)));
        }
        self.bytes = self.bytes + group.bytes() - before.bytes;
        Some(result)
    }

    fn release(&mut self, id: &str) {
        let Some(group) = self.live.remove(id) else { return };
        self.bytes -= group.bytes();
        self.timers.remove(&(group.wake_at, group.id));
    }

    /// The whole-state invariant.
    pub fn check(&self, ledger: &Ledger) {
        assert!(self.timers.len() == self.live.len());
        assert!(self.bytes == self.live.values().map(Group::bytes).sum::<u64>());
        for (id, group) in &self.live {
            group.check();
            assert!(*id == group.id && self.timers.contains(&(group.wake_at, Arc::clone(id))));
            let empty = group.state == GroupState::Empty && group.pending.is_empty();
            assert!(!empty, "a group without anybody is in the ledger alone");
        }
        for stored in ledger.groups_behind(None) {
            let live = self.live.get(&stored.id);
            assert!(stored.members.is_empty() || live.is_some(), "a group with members is in memory");
            // A generation that gathers, or whose leader assigns, has not been stored.
            assert!(live.is_none_or(|live| live.generation >= stored.generation), "a generation goes back");
        }
    }
}
