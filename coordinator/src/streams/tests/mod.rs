//! Streams groups without a coordinator around them: the assignor, reconciliation, and what topics come to.

mod assigning;
mod configuring;
mod reconciling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::GroupClient;

use super::assign::{Wanted, assign};
use crate::command::StoredStreamer;
use crate::command::streams::{Task, Tasks};

fn member(id: &str, process: &str) -> StoredStreamer {
    StoredStreamer {
        id: Arc::from(id),
        instance_id: None,
        rack_id: None,
        client: GroupClient { id: Arc::from("app"), host: Arc::from("/127.0.0.1") },
        rebalance_timeout_ms: 300_000,
        topology_epoch: 0,
        process_id: Arc::from(process),
        endpoint: None,
        tags: Vec::new(),
        epoch: 0,
        previous_epoch: 0,
        assigned: Tasks::default(),
        revoking: Tasks::default(),
        target: Tasks::default(),
    }
}

/// Processes with so many members each.
fn processes(sizes: &[usize]) -> Vec<StoredStreamer> {
    let one = |process: usize, number: usize| member(&format!("m{process:02}{number:02}"), &format!("p{process}"));
    sizes.iter().enumerate().flat_map(|(process, size)| (0..*size).map(move |number| one(process, number))).collect()
}

fn task(subtopology: u32, partition: u32) -> Task {
    Task { subtopology, partition }
}

/// Deals tasks out, to be had at once.
fn deal(members: &mut [StoredStreamer], counts: &[u32], stateful: &[bool], replicas: u32) {
    let offsets = BTreeMap::new();
    let wanted = Wanted { counts, stateful, replicas, offsets: &offsets };
    let shares = assign(&members.iter().collect::<Vec<_>>(), &wanted);
    assert!(shares.len() == members.len());
    for (member, share) in members.iter_mut().zip(shares) {
        (member.assigned, member.target) = (share.clone(), share);
    }
}

fn all(counts: &[u32]) -> BTreeSet<Task> {
    let parts = counts.iter().enumerate();
    parts.flat_map(|(part, count)| (0..*count).map(move |partition| task(part as u32, partition))).collect()
}
