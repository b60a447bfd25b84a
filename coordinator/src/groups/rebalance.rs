//! From one generation to the next: gathering, choosing, telling; and what happens when time is up.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::{GroupState, Joined, JoinedMember};
use apus_core::error::Refusal;
use apus_core::time::Instant;

use super::group::{Gathering, Group, Unsaved};
use super::moment::Moment;

/// What is due.
#[derive(Clone, Debug)]
enum Timer {
    Pending(Arc<str>),
    Session(Arc<str>),
    Gathering,
    Sync,
}

impl Group {
    /// Members changed: gather a new generation, or see whether that which gathers is complete.
    pub(super) fn rebalance(&mut self, moment: &mut Moment<'_>) {
        if self.state == GroupState::PreparingRebalance {
            self.complete_if_gathered(moment);
        } else {
            self.prepare(moment);
        }
    }

    /// Gathers a new generation.
    pub(super) fn prepare(&mut self, moment: &mut Moment<'_>) {
        if self.state == GroupState::CompletingRebalance {
            self.refuse_assignments(Refusal::RebalanceInProgress, moment);
        }
        self.unsynced.clear();
        self.sync_at = None;
        let initial = self.state == GroupState::Empty;
        let (delay_ms, timeout_ms) = (moment.rules.initial_delay_ms, self.rebalance_timeout_ms());
        self.transition(GroupState::PreparingRebalance, moment.wall_ms);
        self.gather(if initial {
            let remaining_ms = timeout_ms.saturating_sub(delay_ms);
            Gathering::Initial { at: moment.now.after_ms(delay_ms), delay_ms, remaining_ms }
        } else {
            Gathering::Until(moment.now.after_ms(timeout_ms))
        });
        self.newcomer = false;
        self.complete_if_gathered(moment);
    }

    fn gather(&mut self, gathering: Gathering) {
        self.wake_by(gathering.at());
        self.gathering = Some(gathering);
    }

    /// The first generation of an empty group waits its time even where everyone is there.
    pub(super) fn complete_if_gathered(&mut self, moment: &mut Moment<'_>) {
        if matches!(self.gathering, Some(Gathering::Until(_))) && self.is_complete() {
            self.complete(moment);
        }
    }

    /// The gathering is over: whoever is missing is out, but for static members; the others are the next generation.
    fn complete(&mut self, moment: &mut Moment<'_>) {
        assert!(self.state == GroupState::PreparingRebalance);
        let missing = self.members.values().filter(|member| member.joining.is_none() && member.instance_id.is_none());
        let missing: Vec<Arc<str>> = missing.map(|member| Arc::clone(&member.id)).collect();
        missing.iter().for_each(|id| self.put_out(id, moment));
        if !self.elect() && !self.members.is_empty() {
            // Only static members are left, and none of them came: their silence ends this, or they do.
            self.gather(Gathering::Until(moment.now.after_ms(self.rebalance_timeout_ms().max(1))));
            return;
        }
        self.gathering = None;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.assigned = false;
        self.unsynced.clear();
        if self.members.is_empty() {
            self.protocol_name = None;
            self.transition(GroupState::Empty, moment.wall_ms);
            self.unsaved = Unsaved::Whole;
            return;
        }
        self.protocol_name = self.select_protocol();
        assert!(self.protocol_name.is_some(), "members are admitted with a strategy in common");
        self.transition(GroupState::CompletingRebalance, moment.wall_ms);
        self.tell(moment);
    }

    /// A leader that is there goes on; else the first one that is takes over. False where nobody is there.
    fn elect(&mut self) -> bool {
        let Some(leader) = self.leader.as_ref() else { return false };
        if self.members[leader].joining.is_some() {
            return true;
        }
        let successor = self.members.values().find(|member| member.joining.is_some());
        let Some(successor) = successor.map(|member| Arc::clone(&member.id)) else { return false };
        self.leader = Some(successor);
        true
    }

    /// Tells everyone of the new generation, and begins to wait for them to ask for their assignments.
    fn tell(&mut self, moment: &mut Moment<'_>) {
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in &ids {
            if let Some(asker) = self.take_joining(id) {
                let joined = self.joined(id, false);
                moment.joined(asker, id, Ok(joined));
            }
            self.heard(id, moment.now);
            self.members.get_mut(id).expect("ids are of members").is_new = false;
        }
        self.unsynced = ids.into_iter().collect();
        let at = moment.now.after_ms(self.rebalance_timeout_ms());
        self.sync_at = Some(at);
        self.wake_by(at);
    }

    /// The present generation, as a member is told of it.
    pub(super) fn joined(&self, id: &str, skip_assignment: bool) -> Joined {
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment,
            members: if self.is_leader(id) { self.roster() } else { Vec::new() },
        }
    }

    fn roster(&self) -> Vec<JoinedMember> {
        let entry = |member: &super::member::Member| JoinedMember {
            member_id: Arc::clone(&member.id),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(self.protocol_name.as_ref()),
        };
        self.members.values().map(entry).collect()
    }

    /// The generation gets no assignments: whoever waits for one is refused.
    pub(super) fn refuse_assignments(&mut self, refusal: Refusal, moment: &mut Moment<'_>) {
        assert!(self.state == GroupState::CompletingRebalance);
        self.assign(&BTreeMap::new());
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in &ids {
            let asker = self.members.get_mut(id).and_then(|member| member.syncing.take());
            if let Some(asker) = asker {
                moment.synced(asker, Err(refusal));
                self.heard(id, moment.now);
            }
        }
    }

    /// Does what is due.
    pub(super) fn wake(&mut self, moment: &mut Moment<'_>) {
        for timer in self.due(moment.now) {
            match timer {
                Timer::Pending(id) => self.expire_pending(&id, moment),
                Timer::Session(id) => self.expire_session(&id, moment),
                Timer::Gathering => self.end_gathering(moment),
                Timer::Sync => self.expire_sync(moment),
            }
        }
        self.wake_at = self.exact_deadline();
    }

    /// In the order in which it became due.
    fn due(&self, now: Instant) -> Vec<Timer> {
        let mut due: Vec<(Instant, Timer)> = Vec::new();
        let pending = self.pending.iter().map(|(id, at)| (*at, Timer::Pending(Arc::clone(id))));
        let sessions = self.members.values().map(|member| (member.session_at, Timer::Session(Arc::clone(&member.id))));
        due.extend(pending.chain(sessions).filter(|(at, _)| *at <= now));
        due.extend(self.gathering.map(|gathering| (gathering.at(), Timer::Gathering)).filter(|(at, _)| *at <= now));
        due.extend(self.sync_at.map(|at| (at, Timer::Sync)).filter(|(at, _)| *at <= now));
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, timer)| timer).collect()
    }

    fn expire_pending(&mut self, id: &str, moment: &mut Moment<'_>) {
        if self.pending.get(id).is_some_and(|at| *at <= moment.now) {
            self.put_out(id, moment);
            self.go_on_without(moment);
        }
    }

    /// Somebody is out: if nobody else is waited for, there is no reason to wait, not even in a first generation.
    fn go_on_without(&mut self, moment: &mut Moment<'_>) {
        if self.state == GroupState::PreparingRebalance && self.is_complete() {
            self.complete(moment);
        }
    }

    fn expire_session(&mut self, id: &str, moment: &mut Moment<'_>) {
        let Some(member) = self.members.get_mut(id).filter(|member| member.session_at <= moment.now) else { return };
        if member.is_excused() {
            // The answer that it waits for begins its silence anew.
            member.session_at = Instant::NEVER;
            return;
        }
        self.put_out(id, moment);
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare(moment),
            _ => self.go_on_without(moment),
        }
    }

    fn end_gathering(&mut self, moment: &mut Moment<'_>) {
        let Some(gathering) = self.gathering.filter(|gathering| gathering.at() <= moment.now) else { return };
        match gathering {
            Gathering::Initial { delay_ms, remaining_ms, .. } if self.newcomer && remaining_ms > 0 => {
                self.newcomer = false;
                let next_ms = moment.rules.initial_delay_ms.min(remaining_ms);
                self.gather(Gathering::Initial {
                    at: moment.now.after_ms(next_ms),
                    delay_ms: next_ms,
                    remaining_ms: remaining_ms.saturating_sub(delay_ms),
                });
            }
            _ => self.complete(moment),
        }
    }

    /// Members that were told of the generation and did not ask for their assignment are out.
    fn expire_sync(&mut self, moment: &mut Moment<'_>) {
        if self.sync_at.is_none_or(|at| at > moment.now) {
            return;
        }
        self.sync_at = None;
        let silent = std::mem::take(&mut self.unsynced);
        if silent.is_empty() {
            return;
        }
        assert!(matches!(self.state, GroupState::CompletingRebalance | GroupState::Stable));
        silent.iter().for_each(|id| self.put_out(id, moment));
        self.prepare(moment);
    }
}
