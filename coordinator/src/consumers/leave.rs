//! Leaving: for good, for a while under a static name, or by an operator's word; and who may speak of offsets.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{ConsumerBeat, ConsumerHeartbeatRequest, LeavingMember, LeftMember};
use apus_core::error::{Refusal, Refused};

use super::heartbeat::Step;
use crate::command::consumers::{AWAY, ChangeConsumers, StoredConsumer, StoredConsumers};
use crate::ledger::Ledger;

/// The group without these; what they had is assigned when the next member is heard.
pub(crate) fn without(group: &StoredConsumers, id: &Arc<str>, left: Vec<Arc<str>>) -> ChangeConsumers {
    assert!(!left.is_empty());
    ChangeConsumers {
        group: Arc::clone(id),
        converts: false,
        epoch: group.epoch.checked_add(1).unwrap_or(1),
        target_epoch: group.target_epoch,
        topics_hash: group.topics_hash,
        assignor: Arc::clone(&group.assignor),
        left,
        members: Vec::new(),
    }
}

/// A member leaves by its own heartbeat.
///
/// # Errors
/// Where it is none.
pub(crate) fn leave(request: &ConsumerHeartbeatRequest, group: &StoredConsumers) -> Result<Step, Refused> {
    let id = &request.member_id;
    let member = match &request.instance_id {
        None => group.members.get(id).ok_or_else(|| {
            let message = format!("Member {id} is not a member of group {}.", request.group_id);
            Refused::new(Refusal::UnknownMemberId, message)
        })?,
        Some(instance) => {
            let unknown = || Refused::new(Refusal::UnknownMemberId, format!("Instance id {instance} is unknown."));
            let owner = group.of_instance(instance).ok_or_else(unknown)?;
            if owner.id != *id {
                let message =
                    format!("Static member {id} with instance id {instance} was fenced by member {}.", owner.id);
                return Err(Refused::new(Refusal::FencedInstanceId, message));
            }
            owner
        }
    };
    let change = if request.member_epoch == AWAY {
        let away = StoredConsumer { epoch: AWAY, revoking: Vec::new(), ..StoredConsumer::clone(member) };
        ChangeConsumers {
            epoch: group.epoch,
            left: Vec::new(),
            members: vec![Arc::new(away)],
            ..without(group, &request.group_id, vec![Arc::clone(id)])
        }
    } else {
        without(group, &request.group_id, vec![Arc::clone(id)])
    };
    let beat = ConsumerBeat {
        member_id: Arc::clone(id),
        member_epoch: request.member_epoch,
        interval_ms: 0,
        assignment: None,
    };
    Ok(Step { change: Some(change), beat, revokes_ms: None, looks: false })
}

/// An operator puts members out, by their ids or static names.
pub(crate) fn put_out(members: &[LeavingMember], group: &StoredConsumers) -> (Vec<Arc<str>>, Vec<LeftMember>) {
    let mut left: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut results = Vec::with_capacity(members.len());
    for member in members {
        let named = match &member.group_instance_id {
            None => group.members.get(&member.member_id).ok_or(Refusal::UnknownMemberId),
            Some(instance) => match group.of_instance(instance) {
                None => Err(Refusal::UnknownMemberId),
                Some(owner) if member.member_id.is_empty() || owner.id == member.member_id => Ok(owner),
                Some(_) => Err(Refusal::FencedInstanceId),
            },
        };
        let gone =
            named.and_then(|one| if left.insert(Arc::clone(&one.id)) { Ok(()) } else { Err(Refusal::UnknownMemberId) });
        results.push(LeftMember {
            member_id: Arc::clone(&member.member_id),
            group_instance_id: member.group_instance_id.clone(),
            result: gone,
        });
    }
    (left.into_iter().collect(), results)
}

/// Whether a member of this epoch may commit offsets of a group, or read them: nothing where the group has no members of
/// the consumer protocol.
pub(crate) fn speaks(id: &str, member: &str, epoch: i32, ledger: &Ledger) -> Option<Result<(), Refusal>> {
    let group = ledger.consumers(id).filter(|group| !group.members.is_empty())?;
    Some(match group.members.get(member) {
        None => Err(Refusal::UnknownMemberId),
        Some(member) if member.epoch != epoch && member.classic.is_some() => Err(Refusal::IllegalGeneration),
        Some(member) if member.epoch != epoch => Err(Refusal::StaleMemberEpoch),
        Some(_) => Ok(()),
    })
}

/// Whether a member of a group is of the classic protocol: it may speak of offsets as members of classic groups do.
pub(crate) fn is_classic(id: &str, member: &str, ledger: &Ledger) -> bool {
    let member = ledger.consumers(id).and_then(|group| group.members.get(member));
    member.is_some_and(|member| member.classic.is_some())
}
