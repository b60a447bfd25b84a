//! Members of the classic protocol in a group of the consumer protocol, while clients are moved from one to the other.
//!
//! To such a member its epoch is a generation. Once it is to give something back, or may have more, its heartbeats are
//! answered REBALANCE_IN_PROGRESS, and it joins again: what it says then that it owns is what a member of the consumer
//! protocol says in a heartbeat. One that gives everything back before it joins owns nothing; one that keeps what it can
//! joins once more when it has given back. What it is assigned it hears from SyncGroup, in its own words; it never leads.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{GroupCaller, GroupClient, JoinGroupRequest, Joined, SyncGroupRequest, Synced};
use apus_core::error::Refusal;
use apus_core::ids::PartitionId;

use super::embedded::{Subscription, assignment, resolve};
use super::next::{Moved, Spoken, View, advance};
use super::reconcile::Owned;
use super::rules::Rules;
use crate::command::consumers::{AWAY, ChangeConsumers, ClassicSide, StoredConsumer, StoredConsumers};
use crate::groups::{CONSUMER, own_protocols, rebalance_timeout_ms};
use crate::ledger::Ledger;

/// What a JoinGroup is judged by.
#[derive(Debug)]
pub(crate) struct Join<'a> {
    pub(crate) request: &'a JoinGroupRequest,
    pub(crate) client: &'a GroupClient,
    pub(crate) ledger: &'a Ledger,
    pub(crate) rules: &'a Rules,
    /// The member's id, drawn where it named none.
    pub(crate) member_id: Arc<str>,
    /// Topics changed since this group was looked at.
    pub(crate) topics_changed: bool,
}

/// What it comes to.
#[derive(Debug)]
pub(crate) struct JoinStep {
    /// What is to be stored before the answer leaves, if anything.
    pub(crate) change: Option<ChangeConsumers>,
    /// The member as it is now.
    pub(crate) member: StoredConsumer,
    /// Topics were looked at for it, as they are now.
    pub(crate) looks: bool,
}

/// The answer to one who joined: it never leads, and is told of nobody.
pub(crate) fn joined(member: &StoredConsumer, generation: i32) -> Joined {
    let name = member.classic.as_ref().and_then(|side| side.protocols.first()).map(|protocol| &protocol.name);
    Joined {
        generation,
        protocol_type: Some(Arc::from(CONSUMER)),
        protocol_name: name.cloned(),
        leader: Arc::from(""),
        skip_assignment: false,
        members: Vec::new(),
    }
}

impl Join<'_> {
    /// Takes the member in, or moves it on.
    ///
    /// # Errors
    /// Where it may not be in the group, or is not who it says. MEMBER_ID_REQUIRED: it is to come again under this id.
    pub(crate) fn join(&self, group: &StoredConsumers) -> Result<JoinStep, Refusal> {
        let request = self.request;
        if group.members.len() >= self.rules.members_max && !group.members.contains_key(&self.member_id) {
            return Err(Refusal::GroupMaxSizeReached);
        } else if !self.is_supported(group) {
            return Err(Refusal::InconsistentGroupProtocol);
        }
        let is_new = request.member_id.is_empty();
        if is_new && request.group_instance_id.is_none() && request.member_id_required {
            return Err(Refusal::MemberIdRequired);
        }
        let first = request.protocols.first().ok_or(Refusal::InconsistentGroupProtocol)?;
        let said = Subscription::read(&first.metadata).ok_or(Refusal::InconsistentGroupProtocol)?;
        let before = self.member(group, is_new)?;
        let left = before.iter().map(|one| Arc::clone(&one.id)).filter(|id| *id != self.member_id).collect();
        let newcomer = || StoredConsumer::new(&self.member_id, request.group_instance_id.clone(), self.client);
        let mut member = before.map_or_else(newcomer, |one| StoredConsumer::clone(one));
        if member.id != self.member_id || member.epoch == AWAY {
            (member.id, member.epoch, member.previous_epoch) = (Arc::clone(&self.member_id), 0, 0);
        }
        let resubscribed = self.update(&mut member, &said) || before.is_none();
        let (partitions, unknown) = resolve(&said.owned, self.ledger);
        let spoken = Spoken { member, resubscribed, left, owned: Some(Owned { partitions, unknown }) };
        let view = View { ledger: self.ledger, rules: self.rules, topics_changed: self.topics_changed };
        let moved = advance(group, &request.group_id, spoken, view).map_err(|refused| refused.refusal)?;
        let Moved { change, member, looks } = moved;
        Ok(JoinStep { change, member, looks })
    }

    /// Whether it has a strategy in common with all others of the classic protocol: the group may be theirs alone again.
    fn is_supported(&self, group: &StoredConsumers) -> bool {
        let request = self.request;
        let is_own = |one: &StoredConsumer| {
            one.id == self.member_id || (one.instance_id.is_some() && one.instance_id == request.group_instance_id)
        };
        let others: Vec<&ClassicSide> =
            group.classic().filter(|(one, _)| !is_own(one)).map(|(_, side)| &**side).collect();
        let has = |side: &&ClassicSide, name: &Arc<str>| side.protocols.iter().any(|one| one.name == *name);
        let is_common = |name: &Arc<str>| others.iter().all(|side| has(side, name));
        &*request.protocol_type == CONSUMER && request.protocols.iter().any(|protocol| is_common(&protocol.name))
    }

    /// The member that speaks, as it is stored, or the one of its static name whose place it takes.
    fn member<'g>(&self, group: &'g StoredConsumers, is_new: bool) -> Result<Option<&'g Arc<StoredConsumer>>, Refusal> {
        let Some(instance) = &self.request.group_instance_id else { return Ok(group.members.get(&self.member_id)) };
        match group.of_instance(instance) {
            owner if is_new => Ok(owner),
            None => Err(Refusal::UnknownMemberId),
            Some(owner) if owner.id != self.member_id => Err(Refusal::FencedInstanceId),
            owner => Ok(owner),
        }
    }

    /// What it says of itself now; true where it subscribes to something else.
    fn update(&self, member: &mut StoredConsumer, said: &Subscription<'_>) -> bool {
        let request = self.request;
        let topics: BTreeSet<&str> = said.topics.iter().copied().collect();
        let topics: Vec<Arc<str>> = topics.into_iter().map(Arc::from).collect();
        let resubscribed = member.topics != topics || member.regex.is_some();
        if let Some(rack) = said.rack.filter(|rack| !rack.is_empty()) {
            member.rack_id = Some(Arc::from(rack));
        }
        member.client = self.client.clone();
        member.rebalance_timeout_ms = rebalance_timeout_ms(request);
        (member.topics, member.regex) = (topics, None);
        let protocols = own_protocols(&request.protocols);
        member.classic = Some(Arc::new(ClassicSide { session_timeout_ms: request.session_timeout_ms, protocols }));
        resubscribed
    }
}

/// The member that speaks, and its classic side.
fn caller<'g>(
    group: &'g StoredConsumers,
    caller: &GroupCaller,
) -> Result<(&'g StoredConsumer, &'g ClassicSide), Refusal> {
    let member = match &caller.group_instance_id {
        None => group.members.get(&caller.member_id),
        Some(instance) => match group.of_instance(instance) {
            Some(owner) if owner.id != caller.member_id => return Err(Refusal::FencedInstanceId),
            owner => owner,
        },
    };
    let member = member.ok_or(Refusal::UnknownMemberId)?;
    let side = member.classic.as_deref().ok_or(Refusal::UnknownMemberId)?;
    if member.epoch == caller.generation { Ok((member, side)) } else { Err(Refusal::IllegalGeneration) }
}

/// A member wants its assignment.
///
/// # Errors
/// Where it is none, or is to join again.
pub(crate) fn sync(group: &StoredConsumers, request: &SyncGroupRequest, ledger: &Ledger) -> Result<Synced, Refusal> {
    let (member, side) = caller(group, &request.caller)?;
    let first = side.protocols.first().ok_or(Refusal::InconsistentGroupProtocol)?;
    let other = |said: &Option<Arc<str>>, known: &str| said.as_deref().is_some_and(|said| said != known);
    if other(&request.protocol_type, CONSUMER) || other(&request.protocol_name, &first.name) {
        return Err(Refusal::InconsistentGroupProtocol);
    }
    // One that has to give back is told what it keeps first.
    if group.epoch > member.epoch && member.revoking.is_empty() {
        return Err(Refusal::RebalanceInProgress);
    }
    Ok(Synced {
        protocol_type: Some(Arc::from(CONSUMER)),
        protocol_name: Some(Arc::clone(&first.name)),
        assignment: assignment(&member.assigned, &first.metadata, ledger),
    })
}

/// A member lives; whether it is to join again.
///
/// # Errors
/// Where it is none.
pub(crate) fn beat(group: &StoredConsumers, from: &GroupCaller) -> Result<bool, Refusal> {
    let (member, _) = caller(group, from)?;
    Ok(member.epoch < group.epoch || !member.revoking.is_empty() || may_have_more(group, member))
}

/// Whether all that it waits for is free.
fn may_have_more(group: &StoredConsumers, member: &StoredConsumer) -> bool {
    let lacks = |partition: &&PartitionId| member.assigned.binary_search(partition).is_err();
    let missing: BTreeSet<&PartitionId> = member.target.iter().filter(lacks).collect();
    if missing.is_empty() {
        return false;
    }
    let mut others = group.members.values().filter(|one| one.id != member.id);
    !others.any(|one| one.assigned.iter().chain(&one.revoking).any(|partition| missing.contains(partition)))
}
