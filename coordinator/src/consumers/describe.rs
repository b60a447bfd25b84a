//! What operators see of groups of the consumer protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{ConsumerState, ConsumersDescription, DescribedConsumer, DescribedConsumers, NamedPartitions};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::PartitionId;

use super::{shared_state, state};
use crate::command::consumers::{StoredConsumer, StoredConsumers};
use crate::ledger::Ledger;

/// What a group is.
pub(crate) fn describe(id: &Arc<str>, is_classic: bool, ledger: &Ledger) -> DescribedConsumers {
    let result = match ledger.consumers(id) {
        Some(group) if !is_classic => Ok(described(group, state(group), ledger)),
        _ if is_classic || ledger.group(id).is_some() => {
            Err(Refused::new(Refusal::GroupIdNotFound, format!("Group {id} is not a consumer group.")))
        }
        _ => Err(Refused::new(Refusal::GroupIdNotFound, format!("Group {id} not found."))),
    };
    DescribedConsumers { group_id: Arc::clone(id), result }
}

/// What a share group is.
pub(crate) fn describe_shared(id: &Arc<str>, is_classic: bool, ledger: &Ledger) -> DescribedConsumers {
    let result = match ledger.sharers(id) {
        Some(group) => Ok(described(group, shared_state(group), ledger)),
        None if is_classic || ledger.group(id).is_some() => {
            Err(Refused::new(Refusal::GroupIdNotFound, format!("Group {id} is not a share group.")))
        }
        None => Err(Refused::new(Refusal::GroupIdNotFound, format!("Group {id} not found."))),
    };
    DescribedConsumers { group_id: Arc::clone(id), result }
}

fn described(group: &StoredConsumers, state: ConsumerState, ledger: &Ledger) -> ConsumersDescription {
    let member = |member: &Arc<StoredConsumer>| DescribedConsumer {
        member_id: Arc::clone(&member.id),
        instance_id: member.instance_id.clone(),
        rack_id: member.rack_id.clone(),
        member_epoch: member.epoch,
        client: member.client.clone(),
        topics: member.topics.clone(),
        regex: member.regex.clone(),
        assigned: named(&member.assigned, ledger),
        target: named(&member.target, ledger),
        is_classic: member.classic.is_some(),
    };
    ConsumersDescription {
        state,
        epoch: group.epoch,
        assignment_epoch: group.target_epoch,
        assignor: Arc::clone(&group.assignor),
        members: group.members.values().map(member).collect(),
    }
}

fn named(partitions: &[PartitionId], ledger: &Ledger) -> Vec<NamedPartitions> {
    let mut topics: BTreeMap<&Arc<str>, NamedPartitions> = BTreeMap::new();
    for partition in partitions {
        let Some(record) = ledger.topic_of(*partition) else { continue };
        let none = || NamedPartitions { topic: record.id, name: Arc::clone(&record.name), partitions: Vec::new() };
        topics.entry(&record.name).or_insert_with(none).partitions.extend(record.index_of(*partition));
    }
    topics.into_values().collect()
}

/// The topics that members name, or are to have partitions of: what a pattern matches is known by these.
pub(crate) fn subscribed<'a>(group: &'a StoredConsumers, ledger: &'a Ledger) -> BTreeSet<&'a str> {
    let named = group.members.values().flat_map(|member| &member.topics).map(|name| &**name);
    let targets = group.members.values().flat_map(|member| &member.target);
    named.chain(targets.filter_map(|one| ledger.topic_of(*one)).map(|record| &*record.name)).collect()
}
