//! What operators see of groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::{DescribedGroup, DescribedMember, GROUP_TYPE, GroupDescription, GroupState, ListedGroup};
use apus_core::error::{Refusal, Refused};
use bytes::Bytes;

use super::group::Group;
use crate::command::StoredGroup;
use crate::ledger::Ledger;

/// The states that a group which is there may be in.
const STATES: [GroupState; 4] =
    [GroupState::Empty, GroupState::PreparingRebalance, GroupState::CompletingRebalance, GroupState::Stable];

pub(super) fn list(
    live: &BTreeMap<Arc<str>, Group>,
    states: &[Arc<str>],
    types: &[Arc<str>],
    ledger: &Ledger,
) -> Vec<ListedGroup> {
    let wanted = |filter: &[Arc<str>], name: &str| {
        filter.is_empty() || filter.iter().any(|word| word.eq_ignore_ascii_case(name))
    };
    if !wanted(types, GROUP_TYPE) {
        return Vec::new();
    }
    // Compared once with what may be a million words, and not once a group.
    let shown: Vec<GroupState> = STATES.into_iter().filter(|state| wanted(states, state.name())).collect();
    let entry = |id: &Arc<str>, protocol_type: &Option<Arc<str>>, state| ListedGroup {
        group_id: Arc::clone(id),
        protocol_type: protocol_type.clone().unwrap_or_default(),
        state,
    };
    let silent = ledger.groups_behind(None).filter(|stored| !live.contains_key(&stored.id));
    let silent = silent.map(|stored| entry(&stored.id, &stored.protocol_type, GroupState::Empty));
    let lively = live.values().map(|group| entry(&group.id, &group.protocol_type, group.state));
    let mut listed: Vec<ListedGroup> = silent.chain(lively).filter(|group| shown.contains(&group.state)).collect();
    listed.sort_by(|earlier, later| earlier.group_id.cmp(&later.group_id));
    listed
}

pub(super) fn counts(live: &BTreeMap<Arc<str>, Group>, ledger: &Ledger) -> BTreeMap<&'static str, u64> {
    let mut counts: BTreeMap<&'static str, u64> = STATES.map(|state| (state.name(), 0)).into();
    let mut silent = ledger.group_count();
    for group in live.values() {
        *counts.entry(group.state.name()).or_default() += 1;
        silent -= u64::from(ledger.group(&group.id).is_some());
    }
    *counts.entry(GroupState::Empty.name()).or_default() += silent;
    counts
}

pub(super) fn describe(live: Option<&Group>, id: &Arc<str>, ledger: &Ledger) -> DescribedGroup {
    let result = match (live, ledger.group(id)) {
        (Some(group), _) => Ok(describe_live(group)),
        (None, Some(stored)) => Ok(describe_empty(stored)),
        (None, None) => Err(Refused::new(Refusal::GroupIdNotFound, format!("Group {id} not found."))),
    };
    DescribedGroup { group_id: Arc::clone(id), result }
}

/// Strategy, subscriptions and assignments are shown of a stable group only.
fn describe_live(group: &Group) -> GroupDescription {
    let stable = group.state == GroupState::Stable;
    let member = |member: &super::member::Member| DescribedMember {
        member_id: Arc::clone(&member.id),
        group_instance_id: member.instance_id.clone(),
        client: member.client.clone(),
        metadata: if stable { member.metadata(group.protocol_name.as_ref()) } else { Bytes::new() },
        assignment: if stable { member.assignment.clone() } else { Bytes::new() },
    };
    GroupDescription {
        state: group.state,
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        protocol_name: group.protocol_name.clone().filter(|_| stable).unwrap_or_default(),
        members: group.members.values().map(member).collect(),
    }
}

fn describe_empty(stored: &StoredGroup) -> GroupDescription {
    GroupDescription {
        state: GroupState::Empty,
        protocol_type: stored.protocol_type.clone().unwrap_or_default(),
        protocol_name: Arc::from(""),
        members: Vec::new(),
    }
}
