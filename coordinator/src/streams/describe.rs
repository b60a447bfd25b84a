//! What operators see of streams groups.

use std::sync::Arc;

use apus_core::api::{
    DescribedStreams, DescribedStreamsMember, InternalTopic, StreamsDescription, Subtopology, TaskSets, Topology,
};
use apus_core::error::{Refusal, Refused};

use super::assign::ASSIGNOR;
use super::configured::Configured;
use super::tasks::{offsets, sets};
use super::{Live, state};
use crate::command::streams::{StoredStreamer, StoredStreams};
use crate::ledger::Ledger;

/// What a group is, with what is remembered of it.
pub(super) fn describe(id: &Arc<str>, is_classic: bool, live: Option<&Live>, ledger: &Ledger) -> DescribedStreams {
    let result = match ledger.streams(id) {
        Some(group) if !is_classic => Ok(described(group, live)),
        _ if is_classic || ledger.group(id).is_some() => {
            Err(Refused::new(Refusal::GroupIdNotFound, format!("Group {id} is not a streams group.")))
        }
        _ => Err(Refused::new(Refusal::GroupIdNotFound, format!("Group {id} not found."))),
    };
    DescribedStreams { group_id: Arc::clone(id), result }
}

fn described(group: &StoredStreams, live: Option<&Live>) -> StreamsDescription {
    let configured = live.and_then(|live| live.memory.configured.as_deref());
    let topology = group.topology.as_deref();
    StreamsDescription {
        state: state(group),
        epoch: group.epoch,
        assignment_epoch: group.target_epoch,
        assignor: Arc::from(ASSIGNOR),
        topology: topology.map(|topology| shown(topology, configured)),
        members: topology.map_or_else(Vec::new, |topology| {
            group.members.values().map(|member| described_member(member, topology, live)).collect()
        }),
    }
}

/// A topology as it was given, with its lists in order; once its topics are there, with the partitions that they have.
fn shown(topology: &Topology, configured: Option<&Configured>) -> Topology {
    let configured = configured.filter(|configured| configured.is_ready());
    let sorted = |names: &[Arc<str>]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names
    };
    let topics = |topics: &[InternalTopic]| {
        let partitions = |topic: &InternalTopic| {
            let known = configured.and_then(|configured| configured.partitions.get(&topic.name));
            known.and_then(|count| i32::try_from(*count).ok()).unwrap_or(topic.partitions)
        };
        let one = |topic: &InternalTopic| InternalTopic { partitions: partitions(topic), ..topic.clone() };
        let mut topics: Vec<InternalTopic> = topics.iter().map(one).collect();
        topics.sort_by(|earlier, later| earlier.name.cmp(&later.name));
        topics
    };
    let part = |part: &Subtopology| Subtopology {
        id: Arc::clone(&part.id),
        source_topics: sorted(&part.source_topics),
        source_patterns: Vec::new(),
        repartition_sinks: sorted(&part.repartition_sinks),
        repartition_sources: topics(&part.repartition_sources),
        changelogs: topics(&part.changelogs),
        copartitioned: Vec::new(),
    };
    Topology { epoch: topology.epoch, subtopologies: topology.subtopologies.iter().map(part).collect() }
}

fn described_member(member: &StoredStreamer, topology: &Topology, live: Option<&Live>) -> DescribedStreamsMember {
    let said = live.map(|live| &live.offsets);
    let reached = said.and_then(|said| said.reached.get(&member.id));
    let ends = said.and_then(|said| said.ends.get(&member.id));
    let assigned: TaskSets = sets(&member.assigned, topology);
    DescribedStreamsMember {
        member_id: Arc::clone(&member.id),
        instance_id: member.instance_id.clone(),
        rack_id: member.rack_id.clone(),
        member_epoch: member.epoch,
        client: member.client.clone(),
        topology_epoch: member.topology_epoch,
        process_id: Arc::clone(&member.process_id),
        endpoint: member.endpoint.clone(),
        tags: member.tags.clone(),
        offsets: offsets(reached.into_iter().flatten(), topology),
        end_offsets: offsets(ends.into_iter().flatten(), topology),
        assigned,
        target: sets(&member.target, topology),
    }
}
