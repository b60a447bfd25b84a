//! One heartbeat: who speaks, what that changes, and what is answered. A function of what is stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{ConsumerBeat, ConsumerHeartbeatRequest, GroupClient, TopicPartitions};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::PartitionId;

use super::next::{Moved, Spoken, View, advance};
use super::reconcile::Owned;
use super::rules::Rules;
use super::topics::compile;
use crate::command::consumers::{AWAY, ChangeConsumers, StoredConsumer, StoredConsumers};
use crate::ledger::Ledger;

/// What a heartbeat comes to.
#[derive(Debug)]
pub(crate) struct Step {
    /// What is to be stored before the answer leaves, if anything.
    pub(crate) change: Option<ChangeConsumers>,
    /// The answer.
    pub(crate) beat: ConsumerBeat,
    /// The member gives partitions back, and may take so long, milliseconds.
    pub(crate) revokes_ms: Option<u64>,
    /// Topics were looked at for it, as they are now.
    pub(crate) looks: bool,
}

/// What a heartbeat is judged by.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) request: &'a ConsumerHeartbeatRequest,
    pub(crate) client: &'a GroupClient,
    pub(crate) ledger: &'a Ledger,
    pub(crate) rules: &'a Rules,
    /// The member's id, drawn where it named none.
    pub(crate) member_id: Arc<str>,
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
pub(crate) fn validate(request: &ConsumerHeartbeatRequest, rules: &Rules) -> Result<(), Refused> {
    let invalid = |message: &'static str| Err(Refused::new(Refusal::InvalidRequest, message));
    let is_empty = |text: &Option<Arc<str>>| text.as_deref() == Some("");
    let joins = request.member_epoch == 0;
    if request.member_id.is_empty() && (request.member_id_required || !joins) {
        return invalid("MemberId can't be empty.");
    } else if request.group_id.is_empty() {
        return invalid("GroupId can't be empty.");
    } else if is_empty(&request.instance_id) {
        return invalid("InstanceId can't be empty.");
    } else if is_empty(&request.rack_id) {
        return invalid("RackId can't be empty.");
    } else if request.member_epoch < AWAY {
        return invalid("MemberEpoch is invalid.");
    } else if request.member_epoch == AWAY && request.instance_id.is_none() {
        return invalid("InstanceId can't be null.");
    } else if joins && request.rebalance_timeout_ms.is_none() {
        return invalid("RebalanceTimeoutMs must be provided in first request.");
    } else if joins && request.owned.as_ref().is_none_or(|owned| !owned.is_empty()) {
        return invalid("TopicPartitions must be empty when (re-)joining.");
    } else if joins && request.topics.is_none() && request.regex.is_none() {
        return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    }
    match request.assignor.as_deref() {
        Some(name) if rules.assignor(name).is_none() => {
            let names = rules.names();
            let message = format!("ServerAssignor {name} is not supported. Supported assignors: {names}.");
            refused(Refusal::UnsupportedAssignor, message)
        }
        _ => Ok(()),
    }
}

impl Scene<'_> {
    /// Answers a heartbeat of one who joins or lives; the group may be new.
    ///
    /// # Errors
    /// Where it is no member, or not the one that it believes to be.
    pub(crate) fn beat(&self, group: &StoredConsumers) -> Result<Step, Refused> {
        let request = self.request;
        let owned = request.owned.as_ref().map(|owned| resolve(owned, self.ledger));
        let before = self.member(group, owned.as_ref())?;
        let mut member = before.clone().unwrap_or_else(|| self.newcomer());
        let takes_over = member.id != self.member_id || (request.member_epoch == 0 && member.epoch == AWAY);
        let left = before.iter().map(|one| Arc::clone(&one.id)).filter(|id| *id != self.member_id).collect();
        if takes_over {
            (member.id, member.epoch, member.previous_epoch) = (Arc::clone(&self.member_id), 0, 0);
        }
        let resubscribed = self.update(&mut member)? || before.is_none();
        let spoken = Spoken { member, resubscribed, left, owned };
        let view = View { ledger: self.ledger, rules: self.rules, topics_changed: self.topics_changed };
        let Moved { change, member, looks } = advance(group, &request.group_id, spoken, view)?;
        let is_told = request.member_epoch == 0 || is_full(request);
        let assigned_before = before.as_ref().filter(|_| !takes_over).map(|before| &before.assigned);
        let assignment =
            (is_told || assigned_before != Some(&member.assigned)).then(|| named(&member.assigned, self.ledger));
        let beat = ConsumerBeat {
            member_id: Arc::clone(&member.id),
            member_epoch: member.epoch,
            interval_ms: self.rules.interval_ms,
            assignment,
        };
        let revokes = !member.revoking.is_empty();
        let revokes_ms = revokes.then(|| u64::try_from(member.rebalance_timeout_ms).unwrap_or(0));
        Ok(Step { change, beat, revokes_ms, looks })
    }

    /// The member that speaks, as it is stored; nothing where it is new.
    fn member(&self, group: &StoredConsumers, owned: Option<&Owned>) -> Result<Option<StoredConsumer>, Refused> {
        let (request, id) = (self.request, &self.member_id);
        let joins = request.member_epoch == 0;
        if group.members.len() >= self.rules.members_max && !group.members.contains_key(id) {
            let most = self.rules.members_max;
            let message = format!("The consumer group has reached its maximum capacity of {most} members.");
            return refused(Refusal::GroupMaxSizeReached, message);
        }
        let found = match &request.instance_id {
            None => group.members.get(id),
            Some(instance) => match group.of_instance(instance) {
                // One of the classic protocol is restarted under the other: it needs not have left.
                Some(owner) if joins && (owner.epoch == AWAY || owner.classic.is_some()) => {
                    return Ok(Some(StoredConsumer::clone(owner)));
                }
                Some(owner) if joins && owner.id != *id => {
                    let message = format!(
                        "Static member {id} with instance id {instance} cannot join the group because the instance id is \
                         owned by member {}.",
                        owner.id
                    );
                    return refused(Refusal::UnreleasedInstanceId, message);
                }
                Some(owner) if owner.id != *id => {
                    let message =
                        format!("Static member {id} with instance id {instance} was fenced by member {}.", owner.id);
                    return refused(Refusal::FencedInstanceId, message);
                }
                None if !joins => {
                    return refused(Refusal::UnknownMemberId, format!("Instance id {instance} is unknown."));
                }
                owner => owner,
            },
        };
        let Some(member) = found else {
            // An id that another name holds is not free either.
            let free = joins && !group.members.contains_key(id);
            let message = format!("Member {id} is not a member of group {}.", request.group_id);
            return if free { Ok(None) } else { refused(Refusal::UnknownMemberId, message) };
        };
        fence(request.member_epoch, member, owned)?;
        Ok(Some(StoredConsumer::clone(member)))
    }

    fn newcomer(&self) -> StoredConsumer {
        StoredConsumer::new(&self.member_id, self.request.instance_id.clone(), self.client)
    }

    /// What it says of itself now; true where it subscribes to something else.
    fn update(&self, member: &mut StoredConsumer) -> Result<bool, Refused> {
        let request = self.request;
        let before = (member.topics.clone(), member.regex.clone());
        member.client = self.client.clone();
        member.classic = None;
        if let Some(rack) = &request.rack_id {
            member.rack_id = Some(Arc::clone(rack));
        }
        if let Some(timeout_ms) = request.rebalance_timeout_ms {
            member.rebalance_timeout_ms = timeout_ms;
        }
        if let Some(assignor) = &request.assignor {
            member.assignor = Some(Arc::clone(assignor));
        }
        if let Some(topics) = &request.topics {
            member.topics = topics.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        }
        if let Some(regex) = &request.regex {
            let asked = Some(Arc::clone(regex)).filter(|regex| !regex.is_empty());
            if let Some(regex) = asked.as_ref().filter(|_| asked != member.regex) {
                compile(regex)?;
            }
            member.regex = asked;
        }
        Ok(before != (member.topics.clone(), member.regex.clone()))
    }
}

/// Kafka's test of the epoch that a member believes in. One that did not hear of its newest one may say the one before,
/// as long as it holds nothing that is not its own; one that begins anew holds nothing, and is let in at any epoch.
fn fence(received: i32, member: &StoredConsumer, owned: Option<&Owned>) -> Result<(), Refused> {
    if received == 0 {
        return Ok(());
    }
    let tardy = received == member.previous_epoch && owned.is_some_and(|owned| owned.is_within(&member.assigned));
    if received == member.epoch || (received < member.epoch && tardy) {
        return Ok(());
    }
    let than = if received > member.epoch { "greater" } else { "smaller" };
    let message = format!(
        "The consumer group member has a {than} member epoch ({received}) than the one known by the group coordinator \
         ({}). The member must abandon all its partitions and rejoin.",
        member.epoch
    );
    refused(Refusal::FencedMemberEpoch, message)
}

/// A member that begins anew says all of itself, and is told all.
fn is_full(request: &ConsumerHeartbeatRequest) -> bool {
    let subscribed = request.topics.is_some() || request.regex.is_some();
    request.rebalance_timeout_ms.is_some() && subscribed && request.owned.is_some()
}

/// What a member says that it holds, in the ledger's numbers.
pub(super) fn resolve(owned: &TopicPartitions, ledger: &Ledger) -> Owned {
    let mut partitions = BTreeSet::new();
    let mut unknown = false;
    for (id, indexes) in owned {
        let record = ledger.topic(*id);
        for index in indexes {
            let found = record.and_then(|record| record.partition_at(*index));
            partitions.extend(found);
            unknown |= found.is_none();
        }
    }
    Owned { partitions: partitions.into_iter().collect(), unknown }
}

/// Partitions under the names that clients know; those of deleted topics are nobody's.
pub(crate) fn named(partitions: &[PartitionId], ledger: &Ledger) -> TopicPartitions {
    let mut topics = std::collections::BTreeMap::new();
    for partition in partitions {
        let found = ledger.topic_of(*partition).and_then(|record| Some((record.id, record.index_of(*partition)?)));
        if let Some((topic, index)) = found {
            topics.entry(topic).or_insert_with(Vec::new).push(index);
        }
    }
    topics.into_iter().collect()
}
