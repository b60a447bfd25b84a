//! Where an application answers questions about its state: which partitions are worked on behind each endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{EndpointPartitions, TaskIds, Topology};

use super::configured::Configured;
use crate::command::StoredStreamer;
use crate::command::streams::Task;
use crate::ledger::Ledger;

/// Of members with an endpoint, one entry each.
pub(super) fn endpoints<'a>(
    members: impl Iterator<Item = &'a StoredStreamer>,
    topology: &Topology,
    configured: &Configured,
    ledger: &Ledger,
) -> Vec<EndpointPartitions> {
    let entry = |member: &StoredStreamer| {
        let endpoint = member.endpoint.clone()?;
        let is_known = configured.is_ready();
        let read = |tasks: Vec<Task>| if is_known { partitions(&tasks, topology, ledger) } else { Vec::new() };
        Some(EndpointPartitions {
            endpoint,
            active: read(member.assigned.active.keys().copied().collect()),
            standby: read(member.assigned.standby.iter().copied().collect()),
        })
    };
    members.filter_map(entry).collect()
}

/// The partitions that tasks read: of each topic of its part, the one of its number, where there is one.
fn partitions(tasks: &[Task], topology: &Topology, ledger: &Ledger) -> TaskIds {
    let mut found: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for tasks in tasks.chunk_by(|one, other| one.subtopology == other.subtopology) {
        let Some(part) = topology.subtopologies.get(tasks[0].subtopology as usize) else { continue };
        let internal = part.repartition_sources.iter().map(|topic| &topic.name);
        let names: BTreeSet<&Arc<str>> = part.source_topics.iter().chain(internal).collect();
        for name in names {
            let count = ledger.topic_named(name).map_or(0, |record| record.partitions());
            let own = tasks.iter().filter(|task| task.partition < count);
            let own: Vec<i32> = own.filter_map(|task| i32::try_from(task.partition).ok()).collect();
            if !own.is_empty() {
                found.entry(name).or_default().extend(own);
            }
        }
    }
    found.into_iter().map(|(name, partitions)| (Arc::clone(name), partitions)).collect()
}
