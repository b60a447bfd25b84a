//! JoinGroup: who comes in, under which id, and whether the group must rebalance for it.

use std::sync::Arc;

use apus_core::api::{GroupClient, GroupState, JoinGroupRequest};
use apus_core::error::Refusal;
use apus_core::limits;

use super::group::{Gathering, Group, Unsaved};
use super::member::{JOIN_MS_MAX, Member};
use super::moment::{Asker, Moment};
use super::rules::Rules;
use crate::command::group::{MEMBER_BYTES, protocols_bytes};

/// Somebody wants to be in the next generation.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) request: JoinGroupRequest,
    pub(super) client: GroupClient,
    pub(super) asker: Asker,
}

impl Wish {
    fn refuse(&self, member_id: &Arc<str>, refusal: Refusal, moment: &mut Moment<'_>) {
        moment.joined(self.asker, member_id, Err(refusal));
    }
}

impl Group {
    pub(super) fn join(&mut self, wish: Wish, moment: &mut Moment<'_>) {
        let request = &wish.request;
        let id = Arc::clone(&request.member_id);
        let texts = [&wish.client.id, &wish.client.host, &id].map(|text| text.len() as u64).iter().sum::<u64>();
        let own = MEMBER_BYTES + 3 * texts + protocols_bytes(&request.protocols);
        let bytes = self.member_bytes_without(&id) + own;
        if !self.has_place(&id, &moment.rules) {
            self.put_out(&id, moment);
            wish.refuse(&Arc::from(""), Refusal::GroupMaxSizeReached, moment);
            if self.state == GroupState::PreparingRebalance {
                self.complete_if_gathered(moment);
            }
        } else if bytes > limits::GROUP_MEMBERS_BYTES_MAX {
            wish.refuse(&id, Refusal::GroupMaxSizeReached, moment);
        } else if !self.supports(&request.protocol_type, &request.protocols) {
            wish.refuse(&id, Refusal::InconsistentGroupProtocol, moment);
        } else if id.is_empty() {
            self.join_unknown(wish, moment);
        } else if self.pending.contains_key(&id) {
            // Ids are given to dynamic members only.
            match wish.request.group_instance_id {
                Some(_) => wish.refuse(&id, Refusal::UnknownMemberId, moment),
                None => self.add(id, wish, moment),
            }
        } else {
            self.join_again(wish, moment);
        }
    }

    /// Whether one more may come. While a generation gathers, those who came are counted: the last ones to come back
    /// to a group that has become too large stay out.
    fn has_place(&self, id: &str, rules: &Rules) -> bool {
        let member = self.members.get(id);
        match self.state {
            GroupState::Empty | GroupState::Dead => true,
            GroupState::PreparingRebalance => {
                member.is_some_and(|member| member.joining.is_some()) || self.joining() < rules.members_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                member.is_some() || self.members.len() < rules.members_max
            }
        }
    }

    /// Somebody without an id.
    fn join_unknown(&mut self, wish: Wish, moment: &mut Moment<'_>) {
        if let Some(instance) = wish.request.group_instance_id.clone() {
            let id = moment.member_id(&instance);
            match self.instances.get(&instance).cloned() {
                Some(old) => self.come_back(&old, id, wish, moment),
                None => self.add(id, wish, moment),
            }
            return;
        }
        let id = moment.member_id(&wish.client.id);
        if !wish.request.member_id_required {
            return self.add(id, wish, moment);
        }
        if self.pending.len() >= limits::GROUP_PENDING_MAX {
            return wish.refuse(&wish.request.member_id, Refusal::CoordinatorNotAvailable, moment);
        }
        let until = moment.now.after_ms(u64::try_from(wish.request.session_timeout_ms).unwrap_or(0));
        self.expect(&id, until);
        wish.refuse(&id, Refusal::MemberIdRequired, moment);
    }

    /// A new member; everyone else is asked to join again.
    fn add(&mut self, id: Arc<str>, wish: Wish, moment: &mut Moment<'_>) {
        let mut member = Member::new(id, &wish.request, wish.client, wish.asker);
        // It does not know its id yet and cannot be heard: what it is given is the time of a whole rebalance.
        member.session_at = moment.now.after_ms(JOIN_MS_MAX);
        if self.members.is_empty() {
            self.protocol_type = Some(Arc::clone(&wish.request.protocol_type));
        }
        self.newcomer |= matches!(self.gathering, Some(Gathering::Initial { .. }));
        self.admit(member);
        self.rebalance(moment);
    }

    /// A static member without an id: it was restarted, and its old self is fenced.
    fn come_back(&mut self, old: &str, id: Arc<str>, wish: Wish, moment: &mut Moment<'_>) {
        let former_leader = self.leader.clone().unwrap_or_default();
        self.replace(old, &id, wish.client, moment);
        self.update(&id, &wish.request, wish.asker, moment);
        self.heard(&id, moment.now);
        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol_name => {
                let asker = self.take_joining(&id).expect("it just joined");
                let mut joined = self.joined(&id, wish.request.skip_assignment && self.is_leader(&id));
                if !wish.request.skip_assignment {
                    // It cannot be told that it need not assign: so it is told that its old self leads.
                    joined.leader = former_leader;
                    joined.members = Vec::new();
                }
                moment.joined(asker, &id, Ok(joined));
                self.unsaved = Unsaved::Whole;
            }
            // The leader may be assigning to its old id just now: the new one would be left out.
            _ => self.rebalance(moment),
        }
    }

    /// Somebody with an id.
    fn join_again(&mut self, wish: Wish, moment: &mut Moment<'_>) {
        let id = Arc::clone(&wish.request.member_id);
        if let Err(refusal) = self.validate(&id, wish.request.group_instance_id.as_ref()) {
            return wish.refuse(&id, refusal, moment);
        }
        let unchanged = self.is_unchanged(&wish.request);
        match self.state {
            // It did not hear of the generation, or asks for nothing new: it is told again.
            GroupState::CompletingRebalance if unchanged => self.tell_again(&wish, moment),
            GroupState::Stable if unchanged && !self.is_leader(&id) => self.tell_again(&wish, moment),
            // A leader joins again for what it alone knows: topics that changed, say.
            GroupState::CompletingRebalance | GroupState::Stable | GroupState::PreparingRebalance => {
                self.update(&id, &wish.request, wish.asker, moment);
                self.rebalance(moment);
            }
            GroupState::Empty | GroupState::Dead => wish.refuse(&id, Refusal::UnknownMemberId, moment),
        }
    }

    fn is_unchanged(&self, request: &JoinGroupRequest) -> bool {
        self.members.get(&request.member_id).is_some_and(|member| member.protocols == request.protocols)
    }

    fn tell_again(&self, wish: &Wish, moment: &mut Moment<'_>) {
        let id = &wish.request.member_id;
        let joined = self.joined(id, false);
        moment.joined(wish.asker, id, Ok(joined));
    }
}
