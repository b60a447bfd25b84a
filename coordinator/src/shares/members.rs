//! One heartbeat of a member of a share group. A function of what is stored, as those of the consumer protocol; there is
//! nothing to give back, so a member has what it is to have as soon as it is heard.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{ConsumerBeat, GroupClient, ShareHeartbeatRequest};
use apus_core::error::{Refusal, Refused};
use apus_core::limits;

use super::assign::{SIMPLE, assign};
use super::rules::Rules;
use crate::command::consumers::{ChangeConsumers, StoredConsumer, StoredConsumers};
use crate::consumers::heartbeat::{Step, named};
use crate::consumers::leave::without;
use crate::consumers::topics::Subscriptions;
use crate::ledger::Ledger;

/// What a heartbeat is judged by.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) request: &'a ShareHeartbeatRequest,
    pub(crate) client: &'a GroupClient,
    pub(crate) ledger: &'a Ledger,
    pub(crate) rules: Rules,
    /// Topics changed since this group was looked at.
    pub(crate) topics_changed: bool,
}

fn refused<T>(refusal: Refusal, message: String) -> Result<T, Refused> {
    Err(Refused::new(refusal, message))
}

/// Kafka's rules of what a request must say at all.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn validate(request: &ShareHeartbeatRequest) -> Result<(), Refused> {
    let invalid = |message: &'static str| Err(Refused::new(Refusal::InvalidRequest, message));
    if request.group_id.trim().is_empty() {
        invalid("GroupId can't be empty.")
    } else if request.member_id.trim().is_empty() {
        invalid("MemberId can't be empty.")
    } else if request.rack_id.as_deref().is_some_and(|rack| rack.trim().is_empty()) {
        invalid("RackId can't be empty.")
    } else if request.member_epoch == 0 && request.topics.as_ref().is_none_or(Vec::is_empty) {
        invalid("SubscribedTopicNames must be set in first request.")
    } else if request.member_epoch < -1 {
        invalid("MemberEpoch is invalid.")
    } else {
        Ok(())
    }
}

impl Scene<'_> {
    /// Answers a heartbeat of one who joins or lives; the group may be new.
    ///
    /// # Errors
    /// Where it is no member, or not the one that it believes to be.
    pub(crate) fn beat(&self, group: &StoredConsumers) -> Result<Step, Refused> {
        let id = &self.request.member_id;
        let before = self.member(group)?;
        let mut member = before.map_or_else(|| self.newcomer(), |before| StoredConsumer::clone(before));
        self.update(&mut member);
        let resubscribed = before.is_none_or(|before| before.topics != member.topics);
        let others: Vec<&Arc<StoredConsumer>> = group.members.values().filter(|one| one.id != *id).collect();
        let bytes: u64 = others.iter().map(|one| one.own_bytes()).sum::<u64>() + member.own_bytes();
        if bytes > limits::GROUP_MEMBERS_BYTES_MAX {
            return refused(Refusal::GroupMaxSizeReached, "The group's members say too much of themselves.".to_owned());
        }
        let mut change = ChangeConsumers {
            group: Arc::clone(&self.request.group_id),
            converts: false,
            epoch: group.epoch,
            target_epoch: group.target_epoch,
            topics_hash: group.topics_hash,
            assignor: Arc::clone(&group.assignor),
            left: Vec::new(),
            members: Vec::new(),
        };
        let looks = resubscribed || self.topics_changed || change.epoch > change.target_epoch;
        if looks {
            self.advance(&mut change, resubscribed, &mut member, &others);
        }
        member.assigned.clone_from(&member.target);
        if member.epoch != change.target_epoch {
            (member.previous_epoch, member.epoch) = (member.epoch, change.target_epoch);
        }
        let is_told = self.request.member_epoch == 0 || self.request.topics.is_some();
        let is_told = is_told || before.is_none_or(|before| before.assigned != member.assigned);
        let beat = ConsumerBeat {
            member_id: Arc::clone(id),
            member_epoch: member.epoch,
            interval_ms: self.rules.interval_ms,
            assignment: is_told.then(|| named(&member.assigned, self.ledger)),
        };
        if before.is_none_or(|before| **before != member) {
            change.members.push(Arc::new(member));
        }
        let same = (change.epoch, change.target_epoch) == (group.epoch, group.target_epoch);
        let same = same && change.topics_hash == group.topics_hash && change.members.is_empty();
        Ok(Step { change: (!same).then_some(change), beat, revokes_ms: None, looks })
    }

    /// Who speaks; nothing: somebody new.
    fn member<'a>(&self, group: &'a StoredConsumers) -> Result<Option<&'a Arc<StoredConsumer>>, Refused> {
        let (request, id) = (self.request, &self.request.member_id);
        let joins = request.member_epoch == 0;
        match group.members.get(id) {
            None if !joins => {
                let message = format!("Member {id} is not a member of group {}.", request.group_id);
                refused(Refusal::UnknownMemberId, message)
            }
            None if group.members.len() >= self.rules.members_max => {
                let most = self.rules.members_max;
                let message = format!("The share group has reached its maximum capacity of {most} members.");
                refused(Refusal::GroupMaxSizeReached, message)
            }
            Some(member) if !joins => fence(request.member_epoch, member).map(|()| Some(member)),
            found => Ok(found),
        }
    }

    fn newcomer(&self) -> StoredConsumer {
        StoredConsumer::new(&self.request.member_id, None, self.client)
    }

    /// What it says of itself now.
    fn update(&self, member: &mut StoredConsumer) {
        member.client = self.client.clone();
        if let Some(rack) = &self.request.rack_id {
            member.rack_id = Some(Arc::clone(rack));
        }
        if let Some(topics) = &self.request.topics {
            member.topics = topics.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        }
    }

    /// Looks at topics, and assigns anew where the group's epoch has risen.
    fn advance(
        &self,
        change: &mut ChangeConsumers,
        resubscribed: bool,
        member: &mut StoredConsumer,
        others: &[&Arc<StoredConsumer>],
    ) {
        let behind = change.epoch > change.target_epoch;
        let mut all: Vec<&StoredConsumer> = others.iter().map(|one| &***one).chain([&*member]).collect();
        all.sort_by(|earlier, later| earlier.id.cmp(&later.id));
        let wanted = Subscriptions::of(all.iter().copied(), self.ledger);
        // Where somebody left, the epoch has risen for it already.
        if resubscribed || (wanted.hash != change.topics_hash && !behind) {
            change.epoch = change.epoch.checked_add(1).unwrap_or(1);
        }
        change.topics_hash = wanted.hash;
        if change.epoch == change.target_epoch {
            return;
        }
        change.target_epoch = change.epoch;
        change.assignor = Arc::from(SIMPLE);
        let shares = assign(&all, &wanted);
        let mut own = Vec::new();
        for (one, target) in all.into_iter().zip(shares) {
            if one.id == member.id {
                own = target;
            } else if one.target != target {
                change.members.push(Arc::new(StoredConsumer { target, ..one.clone() }));
            }
        }
        member.target = own;
    }
}

/// Kafka's test of the epoch that a member believes in; one that did not hear of its newest one may say the one before.
fn fence(received: i32, member: &StoredConsumer) -> Result<(), Refused> {
    if received == member.epoch || received == member.previous_epoch {
        return Ok(());
    }
    let than = if received > member.epoch { "greater" } else { "smaller" };
    let message = format!(
        "The share group member has a {than} member epoch ({received}) than the one known by the group coordinator \
         ({}). The member must abandon all its partitions and rejoin.",
        member.epoch
    );
    refused(Refusal::FencedMemberEpoch, message)
}

/// A member leaves by its own heartbeat.
///
/// # Errors
/// Where it is none.
pub(crate) fn leave(request: &ShareHeartbeatRequest, group: &StoredConsumers) -> Result<Step, Refused> {
    let id = &request.member_id;
    if !group.members.contains_key(id) {
        let message = format!("Member {id} is not a member of group {}.", request.group_id);
        return refused(Refusal::UnknownMemberId, message);
    }
    let beat = ConsumerBeat { member_id: Arc::clone(id), member_epoch: -1, interval_ms: 0, assignment: None };
    Ok(Step {
        change: Some(without(group, &request.group_id, vec![Arc::clone(id)])),
        beat,
        revokes_ms: None,
        looks: false,
    })
}
