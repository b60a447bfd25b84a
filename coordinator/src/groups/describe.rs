//! What operators see of groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{
    CONSUMER_TYPE, ConsumerState, DescribedGroup, DescribedMember, GROUP_TYPE, GroupDescription, GroupState,
    ListedGroup, SHARE_TYPE, STREAMS_TYPE, StreamsState,
};
use apus_core::error::{Refusal, Refused};
use bytes::Bytes;

use super::group::Group;
use crate::command::StoredGroup;
use crate::consumers::{shared_state, state};
use crate::ledger::Ledger;
use crate::streams;

/// The states that a group which is there may be in.
const STATES: [GroupState; 4] =
    [GroupState::Empty, GroupState::PreparingRebalance, GroupState::CompletingRebalance, GroupState::Stable];

/// Those of a group of the consumer protocol.
const CONSUMER_STATES: [ConsumerState; 4] =
    [ConsumerState::Empty, ConsumerState::Assigning, ConsumerState::Reconciling, ConsumerState::Stable];

/// Those of a streams group that no other kind has.
const STREAMS_STATES: [StreamsState; 1] = [StreamsState::NotReady];

pub(super) fn list(
    live: &BTreeMap<Arc<str>, Group>,
    states: &[Arc<str>],
    types: &[Arc<str>],
    ledger: &Ledger,
) -> Vec<ListedGroup> {
    let wanted = |filter: &[Arc<str>], name: &str| {
        filter.is_empty() || filter.iter().any(|word| word.eq_ignore_ascii_case(name))
    };
    // Compared once with what may be a million words, and not once a group.
    let names = STATES.map(GroupState::name).into_iter().chain(CONSUMER_STATES.map(ConsumerState::name));
    let names = names.chain(STREAMS_STATES.map(StreamsState::name));
    let shown: BTreeSet<&str> = names.filter(|name| wanted(states, name)).collect();
    let types = [GROUP_TYPE, CONSUMER_TYPE, SHARE_TYPE, STREAMS_TYPE]
        .into_iter()
        .filter(|name| wanted(types, name))
        .collect::<Vec<_>>();
    let entry = |id: &Arc<str>, protocol_type: &Option<Arc<str>>, state, group_type| ListedGroup {
        group_id: Arc::clone(id),
        protocol_type: protocol_type.clone().unwrap_or_default(),
        state,
        group_type,
    };
    let silent = ledger.groups_behind(None).filter(|stored| !live.contains_key(&stored.id));
    let silent = silent.map(|stored| {
        let id = &stored.id;
        let (state, group_type) = match (ledger.consumers(id), ledger.sharers(id), ledger.streams(id)) {
            (Some(consumers), ..) => (state(consumers).name(), CONSUMER_TYPE),
            (_, Some(sharers), _) => (shared_state(sharers).name(), SHARE_TYPE),
            (_, _, Some(group)) => (streams::state(group).name(), STREAMS_TYPE),
            (None, None, None) => (GroupState::Empty.name(), GROUP_TYPE),
        };
        entry(id, &stored.protocol_type, state, group_type)
    });
    let lively = live.values().map(|group| entry(&group.id, &group.protocol_type, group.state.name(), GROUP_TYPE));
    let is_shown = |group: &ListedGroup| shown.contains(group.state) && types.contains(&group.group_type);
    let mut listed: Vec<ListedGroup> = silent.chain(lively).filter(is_shown).collect();
    listed.sort_by(|earlier, later| earlier.group_id.cmp(&later.group_id));
    listed
}

pub(super) fn counts(
    live: &BTreeMap<Arc<str>, Group>,
    consumers: &BTreeMap<&'static str, u64>,
    ledger: &Ledger,
) -> BTreeMap<&'static str, u64> {
    let mut counts: BTreeMap<&'static str, u64> = STATES.map(|state| (state.name(), 0)).into();
    let mut silent = ledger.group_count();
    for (state, count) in consumers {
        *counts.entry(state).or_default() += count;
        silent -= count;
    }
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
        (None, Some(_)) if ledger.newer_kind(id).is_some() => {
            Err(Refused::new(Refusal::GroupIdNotFound, format!("Group {id} is not a classic group.")))
        }
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
