//! One heartbeat: who speaks, what that changes, and what is answered. A function of what is stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{ConsumerBeat, ConsumerHeartbeatRequest, GroupClient, TopicPartitions};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::PartitionId;
use apus_core::limits;

use super::assign::Assignor;
use super::reconcile::{Owned, reconcile};
use super::rules::Rules;
use super::topics::{Subscriptions, compile};
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
        let left: Vec<Arc<str>> =
            before.iter().map(|one| Arc::clone(&one.id)).filter(|id| *id != self.member_id).collect();
        if takes_over {
            (member.id, member.epoch, member.previous_epoch) = (Arc::clone(&self.member_id), 0, 0);
        }
        let resubscribed = self.update(&mut member)? || before.is_none();
        let others = |one: &&Arc<StoredConsumer>| one.id != self.member_id && !left.contains(&one.id);
        let others: Vec<&Arc<StoredConsumer>> = group.members.values().filter(others).collect();
        let bytes: u64 = others.iter().map(|one| one.own_bytes()).sum::<u64>() + member.own_bytes();
        if bytes > limits::GROUP_MEMBERS_BYTES_MAX {
            return refused(Refusal::GroupMaxSizeReached, "The group's members say too much of themselves.".to_owned());
        }
        let mut next = Next::of(group);
        let looks = next.looks(resubscribed, self.topics_changed);
        let changed = if looks { next.advance(self, resubscribed, &mut member, &others) } else { Vec::new() };
        let is_free = free(&member, &others, next.target_epoch);
        reconcile(&mut member, next.target_epoch, owned.as_ref(), is_free);
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
        let moved = before.as_ref() != Some(&member);
        let members: Vec<Arc<StoredConsumer>> = changed.into_iter().chain(moved.then(|| Arc::new(member))).collect();
        let change = next.change(group, Arc::clone(&request.group_id), left, members);
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
                Some(owner) if joins && owner.epoch == AWAY => return Ok(Some(StoredConsumer::clone(owner))),
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
        StoredConsumer {
            id: Arc::clone(&self.member_id),
            instance_id: self.request.instance_id.clone(),
            rack_id: None,
            client: self.client.clone(),
            rebalance_timeout_ms: 0,
            topics: Vec::new(),
            regex: None,
            assignor: None,
            epoch: 0,
            previous_epoch: 0,
            assigned: Vec::new(),
            revoking: Vec::new(),
            target: Vec::new(),
        }
    }

    /// What it says of itself now; true where it subscribes to something else.
    fn update(&self, member: &mut StoredConsumer) -> Result<bool, Refused> {
        let request = self.request;
        let before = (member.topics.clone(), member.regex.clone());
        member.client = self.client.clone();
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

/// Whether nobody but the member holds a partition. A change of targets moves nobody else: what they hold is stored.
fn free(
    member: &StoredConsumer,
    others: &[&Arc<StoredConsumer>],
    target_epoch: i32,
) -> impl Fn(PartitionId) -> bool + use<> {
    let waits = !member.is_settled(target_epoch);
    let holders = others.iter().filter(|_| waits);
    let held: BTreeSet<PartitionId> =
        holders.flat_map(|one| one.assigned.iter().chain(&one.revoking)).copied().collect();
    move |partition| !held.contains(&partition)
}

/// The group's own numbers, on their way.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) epoch: i32,
    pub(super) target_epoch: i32,
    topics_hash: u64,
    assignor: Arc<str>,
}

impl Next {
    pub(super) fn of(group: &StoredConsumers) -> Next {
        Next {
            epoch: group.epoch,
            target_epoch: group.target_epoch,
            topics_hash: group.topics_hash,
            assignor: Arc::clone(&group.assignor),
        }
    }

    /// Whether topics may matter: where somebody subscribes anew or left, or topics changed.
    pub(super) fn looks(&self, resubscribed: bool, topics_changed: bool) -> bool {
        resubscribed || topics_changed || self.epoch > self.target_epoch
    }

    /// Looks at topics, and assigns anew where the group's epoch has risen; the others whose targets changed.
    fn advance(
        &mut self,
        scene: &Scene<'_>,
        resubscribed: bool,
        member: &mut StoredConsumer,
        others: &[&Arc<StoredConsumer>],
    ) -> Vec<Arc<StoredConsumer>> {
        let behind = self.epoch > self.target_epoch;
        let mut all: Vec<&StoredConsumer> = others.iter().map(|one| &***one).chain([&*member]).collect();
        all.sort_by(|earlier, later| earlier.id.cmp(&later.id));
        let wanted = Subscriptions::of(all.iter().copied(), scene.ledger);
        // Where somebody left, the epoch has risen for it already.
        if resubscribed || (wanted.hash != self.topics_hash && !behind) {
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        }
        self.topics_hash = wanted.hash;
        if self.epoch == self.target_epoch {
            return Vec::new();
        }
        let assignor = preferred(&all, scene.rules);
        let shares = assignor.assign(&all, &wanted);
        self.target_epoch = self.epoch;
        self.assignor = Arc::from(assignor.name());
        let (mut changed, mut own) = (Vec::new(), Vec::new());
        for (one, target) in all.into_iter().zip(shares) {
            if one.id == member.id {
                own = target;
            } else if one.target != target {
                changed.push(Arc::new(StoredConsumer { target, ..one.clone() }));
            }
        }
        member.target = own;
        changed
    }

    /// What is to be stored, if anything is.
    pub(super) fn change(
        self,
        group: &StoredConsumers,
        id: Arc<str>,
        left: Vec<Arc<str>>,
        members: Vec<Arc<StoredConsumer>>,
    ) -> Option<ChangeConsumers> {
        let same = self.epoch == group.epoch && self.target_epoch == group.target_epoch;
        if same && self.topics_hash == group.topics_hash && left.is_empty() && members.is_empty() {
            return None;
        }
        let Next { epoch, target_epoch, topics_hash, assignor } = self;
        Some(ChangeConsumers { group: id, epoch, target_epoch, topics_hash, assignor, left, members })
    }
}

/// The assignor that most members prefer; the first of the settings where nobody does.
fn preferred(members: &[&StoredConsumer], rules: &Rules) -> Assignor {
    let votes = |assignor: &Assignor| {
        members.iter().filter(|member| member.assignor.as_deref() == Some(assignor.name())).count()
    };
    let mut offered: Vec<Assignor> = rules.assignors.into_iter().flatten().collect();
    // Of equals the first: the order of the settings.
    offered.sort_by_key(|assignor| std::cmp::Reverse(votes(assignor)));
    offered.first().copied().unwrap_or(Assignor::Uniform)
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
