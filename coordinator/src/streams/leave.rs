//! Leaving: for good, or for a while under a static name; and who may speak of offsets.

use std::sync::Arc;

use apus_core::api::{StreamsBeat, StreamsHeartbeatRequest};
use apus_core::error::{Refusal, Refused};

use super::topology::reader_of;
use crate::command::consumers::AWAY;
use crate::command::streams::{ChangeStreams, StoredStreamer, StoredStreams, Task, Tasks};

/// The group without these; what they had is assigned when the next member is heard.
pub(crate) fn without(group: &StoredStreams, id: &Arc<str>, left: Vec<Arc<str>>) -> ChangeStreams {
    assert!(!left.is_empty());
    let epoch = group.epoch.checked_add(1).unwrap_or(1);
    let is_last = group.members.keys().all(|member| left.contains(member));
    ChangeStreams {
        group: Arc::clone(id),
        epoch,
        // Nobody is left to assign anything to.
        target_epoch: if is_last { epoch } else { group.target_epoch },
        topics_hash: group.topics_hash,
        ready_epoch: group.ready_epoch,
        standby_replicas: group.standby_replicas,
        rack_tags: Arc::clone(&group.rack_tags),
        topology: None,
        left,
        members: Vec::new(),
    }
}

/// A member leaves by its own heartbeat: what is to be stored, and what it is told.
///
/// # Errors
/// Where it is none.
pub(crate) fn leave(
    request: &StreamsHeartbeatRequest,
    group: &StoredStreams,
) -> Result<(ChangeStreams, StreamsBeat), Refused> {
    let id = &request.member_id;
    let unknown = |message: String| Refused::new(Refusal::UnknownMemberId, message);
    let member = match &request.instance_id {
        None => {
            let message = || unknown(format!("Member {id} is not a member of group {}.", request.group_id));
            group.members.get(id).ok_or_else(message)?
        }
        Some(instance) => {
            let owner = group.of_instance(instance);
            let owner = owner.ok_or_else(|| unknown(format!("Instance id {instance} is unknown.")))?;
            if owner.id != *id {
                let message =
                    format!("Static member {id} with instance id {instance} was fenced by member {}.", owner.id);
                return Err(Refused::new(Refusal::FencedInstanceId, message));
            }
            owner
        }
    };
    let gone = without(group, &request.group_id, vec![Arc::clone(id)]);
    let change = if request.member_epoch == AWAY {
        let members = vec![Arc::new(away(member))];
        ChangeStreams { epoch: group.epoch, target_epoch: group.target_epoch, left: Vec::new(), members, ..gone }
    } else {
        gone
    };
    let beat = StreamsBeat {
        member_id: Arc::clone(id),
        member_epoch: request.member_epoch,
        interval_ms: 0,
        acceptable_lag: -1,
        offset_interval_ms: 0,
        statuses: Vec::new(),
        tasks: None,
        endpoint_epoch: 0,
        endpoints: None,
    };
    Ok((change, beat))
}

/// A static member that is away keeps its tasks for whoever comes back under its name, whatever epoch that begins at.
fn away(member: &StoredStreamer) -> StoredStreamer {
    let mut away = StoredStreamer { epoch: AWAY, revoking: Tasks::default(), ..member.clone() };
    away.assigned.active.values_mut().for_each(|epoch| *epoch = 0);
    away
}

/// Whether a member of this epoch may commit offsets of these partitions of topics, or read them where there are none:
/// one that has not heard of its newest epoch may speak of tasks that it had been given by then.
///
/// # Errors
/// Where it may not.
pub(crate) fn speaks<'a>(
    group: &StoredStreams,
    member: &str,
    epoch: i32,
    partitions: impl Iterator<Item = (&'a str, i32)>,
) -> Result<(), Refusal> {
    let member = group.members.get(member).ok_or(Refusal::UnknownMemberId)?;
    if member.epoch == epoch {
        return Ok(());
    }
    let mut partitions = partitions.peekable();
    let topology = group.topology.as_ref().filter(|_| epoch < member.epoch && partitions.peek().is_some());
    let topology = topology.ok_or(Refusal::StaleMemberEpoch)?;
    let mut known: Option<(&str, Option<u32>)> = None;
    for (topic, partition) in partitions {
        if known.is_none_or(|(name, _)| name != topic) {
            known = Some((topic, reader_of(topology, topic)));
        }
        let part = known.and_then(|(_, part)| part).zip(u32::try_from(partition).ok());
        let task = part.map(|(subtopology, partition)| Task { subtopology, partition });
        let given = task
            .and_then(|task| member.assigned.active.get(&task).or_else(|| member.revoking.active.get(&task)).copied());
        if given.is_none_or(|given| epoch < given) {
            return Err(Refusal::StaleMemberEpoch);
        }
    }
    Ok(())
}
