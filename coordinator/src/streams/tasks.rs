//! Tasks between the numbers of the ledger and the names that clients know.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{TaskIds, TaskOffset, TaskSets, Topology};

use super::topology::part_index;
use crate::command::streams::{Task, Tasks};

/// What a member names, in the ledger's numbers; and whether the topology lacks some of it.
pub(super) fn resolve(named: &TaskIds, topology: Option<&Topology>) -> (BTreeSet<Task>, bool) {
    let (mut tasks, mut unknown) = (BTreeSet::new(), false);
    for (id, partitions) in named {
        let part = topology.and_then(|topology| part_index(topology, id));
        for partition in partitions {
            match part.zip(u32::try_from(*partition).ok()) {
                Some((subtopology, partition)) => {
                    tasks.insert(Task { subtopology, partition });
                }
                None => unknown = true,
            }
        }
    }
    (tasks, unknown)
}

/// Tasks under their names.
pub(super) fn sets(tasks: &Tasks, topology: &Topology) -> TaskSets {
    TaskSets { active: named(tasks.active.keys(), topology), standby: named(tasks.standby.iter(), topology) }
}

/// Partitions by part; tasks come in order.
fn named<'a>(tasks: impl Iterator<Item = &'a Task>, topology: &Topology) -> TaskIds {
    let mut found: TaskIds = Vec::new();
    let mut last = None;
    for task in tasks {
        if last != Some(task.subtopology) {
            found.push((id_of(task, topology), Vec::new()));
            last = Some(task.subtopology);
        }
        let (_, partitions) = found.last_mut().expect("it was just added");
        partitions.push(partition_of(task));
    }
    found
}

/// How far states came, under their names.
pub(super) fn offsets<'a>(offsets: impl Iterator<Item = (&'a Task, &'a i64)>, topology: &Topology) -> Vec<TaskOffset> {
    let one = |(task, offset): (&Task, &i64)| TaskOffset {
        subtopology: id_of(task, topology),
        partition: partition_of(task),
        offset: *offset,
    };
    offsets.map(one).collect()
}

fn id_of(task: &Task, topology: &Topology) -> Arc<str> {
    let part = topology.subtopologies.get(task.subtopology as usize).expect("a task is one of its group's topology");
    Arc::clone(&part.id)
}

fn partition_of(task: &Task) -> i32 {
    i32::try_from(task.partition).expect("partitions are bounded")
}
