//! From a classic group to one of the consumer protocol and back, while members are in it. Both ways are one command.
//!
//! - Up, at the first heartbeat of a new member: the generation becomes the epoch, and what members may still use is what
//!   they hold; where two were assigned the same, the group stays what it is.
//! - Down, when the last member of the consumer protocol is gone and others are left: the epoch becomes the generation, what
//!   they hold is what they are assigned, and they are asked to join again. Only where a static member took the last one's
//!   place, and everyone has what he is to have, the group goes on as it is. (Kafka stores the targets. A group that goes
//!   up again at once would take them for what members hold.)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::GroupProtocol;
use apus_core::error::{Refusal, Refused};
use apus_core::ids::PartitionId;
use apus_core::limits;
use bytes::Bytes;

use super::embedded::{Assignment, Subscription, assignment, resolve};
use super::rules::Rules;
use crate::command::consumers::{ChangeConsumers, ClassicSide, StoredConsumer, StoredConsumers};
use crate::command::{StoredGroup, StoredMember};
use crate::groups::CONSUMER;
use crate::ledger::Ledger;

/// The group of the consumer protocol that a classic group with members becomes, as it stands in memory.
///
/// # Errors
/// Why it stays what it is.
pub(crate) fn upgraded(group: &StoredGroup, rules: &Rules, ledger: &Ledger) -> Result<StoredConsumers, Refused> {
    let refused = |because: &str| {
        let message = format!("Cannot upgrade classic group {} to consumer group because {because}.", group.id);
        Refused::new(Refusal::GroupIdNotFound, message)
    };
    if !rules.migration.upgrades() {
        return Err(refused("online upgrade is disabled"));
    } else if group.protocol_type.as_deref() != Some(CONSUMER) {
        return Err(refused("the group does not use the consumer embedded protocol"));
    } else if group.members.len() > rules.members_max {
        return Err(refused("the group size exceeds the consumer group maximum size"));
    }
    let malformed = || refused("the embedded consumer protocol is malformed");
    let mut members = Vec::with_capacity(group.members.len());
    for member in &group.members {
        let chosen = chosen(&member.protocols, group.protocol_name.as_ref()).ok_or_else(malformed)?;
        members.push((member, Subscription::read(&chosen.metadata).ok_or_else(malformed)?));
    }
    let mut holdings = told(group, ledger).map_err(refused)?;
    claim(&members, &mut holdings, ledger);
    if holdings.values().map(Vec::len).sum::<usize>() > limits::CONSUMER_PARTITIONS_MAX {
        return Err(refused("it is assigned too many partitions"));
    }
    let consumer = |(member, said): (&StoredMember, Subscription<'_>)| {
        let held = holdings.remove(&member.id).unwrap_or_default();
        (Arc::clone(&member.id), Arc::new(consumer(member, &said, group.generation, held)))
    };
    let members = members.into_iter().map(consumer).collect();
    let (epoch, target_epoch) = (group.generation, group.generation);
    Ok(StoredConsumers { epoch, target_epoch, members, ..StoredConsumers::default() })
}

/// What each member holds, by id.
type Holdings<'a> = BTreeMap<&'a Arc<str>, Vec<PartitionId>>;

/// What members were assigned last: that is what is stored, for an assignment is told when it is durable.
fn told<'a>(group: &'a StoredGroup, ledger: &Ledger) -> Result<Holdings<'a>, &'static str> {
    let stored = ledger.group(&group.id).map_or(&[][..], |stored| &stored.members[..]);
    let stored: BTreeMap<&Arc<str>, &Bytes> = stored.iter().map(|member| (&member.id, &member.assignment)).collect();
    let (mut holdings, mut held) = (Holdings::new(), BTreeSet::new());
    for member in &group.members {
        let bytes = stored.get(&member.id).map_or(&[][..], |bytes| &bytes[..]);
        let assigned = Assignment::read(bytes).ok_or("the embedded consumer protocol is malformed")?;
        if assigned.has_user_data {
            return Err("an unsupported custom assignor is in use");
        }
        let (assigned, _) = resolve(&assigned.partitions, ledger);
        if !assigned.iter().all(|partition| held.insert(*partition)) {
            return Err("two of its members were assigned the same partition");
        }
        holdings.insert(&member.id, assigned);
    }
    Ok(holdings)
}

/// Adds what members said that they own when they joined last, where it is nobody else's: one that is to give it back may
/// not have heard of that yet.
fn claim(members: &[(&StoredMember, Subscription<'_>)], holdings: &mut Holdings<'_>, ledger: &Ledger) {
    let mut held: BTreeSet<PartitionId> = holdings.values().flatten().copied().collect();
    for (member, said) in members {
        let Some(own) = holdings.get_mut(&member.id) else { continue };
        let (owned, _) = resolve(&said.owned, ledger);
        own.extend(owned.into_iter().filter(|partition| held.insert(*partition)));
        own.sort_unstable();
    }
}

/// What a member said under the strategy of the generation; one that came since may not have it.
fn chosen<'a>(protocols: &'a [GroupProtocol], name: Option<&Arc<str>>) -> Option<&'a GroupProtocol> {
    let named = protocols.iter().find(|protocol| Some(&protocol.name) == name);
    named.or_else(|| protocols.first())
}

fn consumer(member: &StoredMember, said: &Subscription<'_>, generation: i32, held: Vec<PartitionId>) -> StoredConsumer {
    let topics: BTreeSet<&str> = said.topics.iter().copied().collect();
    let side = ClassicSide { session_timeout_ms: member.session_timeout_ms, protocols: member.protocols.clone() };
    StoredConsumer {
        rack_id: said.rack.filter(|rack| !rack.is_empty()).map(Arc::from),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        topics: topics.into_iter().map(Arc::from).collect(),
        epoch: generation,
        previous_epoch: generation,
        target: held.clone(),
        assigned: held,
        classic: Some(Arc::new(side)),
        ..StoredConsumer::new(&member.id, member.instance_id.clone(), &member.client)
    }
}

/// The command by which such a group takes the classic one's place, with what the newcomer changes in it.
pub(crate) fn converting(upgraded: &StoredConsumers, change: ChangeConsumers) -> ChangeConsumers {
    let after = upgraded.changed(&change);
    ChangeConsumers { converts: true, left: Vec::new(), members: after.members.into_values().collect(), ..change }
}

/// The classic group that a group becomes by a change, if it does: somebody of the consumer protocol goes, and only members
/// of the classic protocol are left.
pub(crate) fn downgraded(
    group: &StoredConsumers,
    change: &ChangeConsumers,
    rules: &Rules,
    ledger: &Ledger,
    since_ms: i64,
) -> Option<StoredGroup> {
    let goes = |id: &Arc<str>| group.members.get(id).is_some_and(|member| member.classic.is_none());
    if !rules.migration.downgrades() || !change.left.iter().any(goes) {
        return None;
    }
    let after = group.changed(change);
    let sides: Vec<(&Arc<StoredConsumer>, &Arc<ClassicSide>)> = after.classic().collect();
    if sides.is_empty() || sides.len() < after.members.len() || sides.len() > rules.classic_members_max {
        return None;
    }
    // Where nobody came in the other's place, members go on from the epoch that they know.
    let replaces = !change.members.is_empty();
    let settled = |member: &Arc<StoredConsumer>| member.is_settled(after.epoch);
    let mut rebalancing = !(replaces && after.epoch == group.epoch && after.members.values().all(settled));
    let protocol_name = common(&sides)?;
    let mut members: Vec<StoredMember> =
        sides.iter().map(|(member, side)| classic(member, side, &protocol_name, ledger)).collect();
    if members.iter().map(|member| member.assignment.len() as u64).sum::<u64>() > limits::GROUP_ASSIGNMENT_BYTES_MAX {
        members.iter_mut().for_each(|member| member.assignment = Bytes::new());
        rebalancing = true;
    }
    let stored = StoredGroup {
        id: Arc::clone(&change.group),
        generation: if replaces { after.epoch } else { group.epoch },
        protocol_type: Some(Arc::from(CONSUMER)),
        protocol_name: Some(protocol_name),
        leader: members.first().map(|first| Arc::clone(&first.id)),
        rebalancing,
        since_ms,
        members,
    };
    (stored.is_sound() && stored.bytes() <= limits::COMMAND_BYTES_MAX).then_some(stored)
}

fn classic(member: &StoredConsumer, side: &ClassicSide, protocol: &Arc<str>, ledger: &Ledger) -> StoredMember {
    let metadata = chosen(&side.protocols, Some(protocol)).map_or(&[][..], |chosen| &chosen.metadata[..]);
    let held: Vec<PartitionId> = member.assigned.iter().chain(&member.revoking).copied().collect();
    StoredMember {
        id: Arc::clone(&member.id),
        instance_id: member.instance_id.clone(),
        client: member.client.clone(),
        session_timeout_ms: side.session_timeout_ms,
        rebalance_timeout_ms: member.rebalance_timeout_ms.max(0),
        protocols: side.protocols.clone(),
        assignment: assignment(&held, metadata, ledger),
    }
}

/// The strategy that all support and most prefer; of equals, the one that came first to the votes.
fn common(sides: &[(&Arc<StoredConsumer>, &Arc<ClassicSide>)]) -> Option<Arc<str>> {
    let has = |side: &ClassicSide, name: &Arc<str>| side.protocols.iter().any(|one| one.name == *name);
    let (_, first) = sides.first()?;
    let names = first.protocols.iter().map(|protocol| &protocol.name);
    let shared: BTreeSet<&Arc<str>> = names.filter(|name| sides.iter().all(|(_, side)| has(side, name))).collect();
    let mut votes: Vec<(&Arc<str>, usize)> = Vec::new();
    for (_, side) in sides {
        let choice = side.protocols.iter().map(|protocol| &protocol.name).find(|name| shared.contains(name))?;
        match votes.iter_mut().find(|(name, _)| *name == choice) {
            Some((_, count)) => *count += 1,
            None => votes.push((choice, 1)),
        }
    }
    let most = votes.iter().map(|(_, count)| *count).max()?;
    votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| Arc::clone(name))
}
