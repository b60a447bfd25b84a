//! From what a member has to what it is to have: first it gives back, then it gets.
//!
//! A member stays at its epoch until it has given back what others are to have; then it is told the epoch of the targets,
//! and gets whatever nobody else runs. What one member holds another one of the same process waits for as well: they
//! share the directory of its state. Who stops to run a task keeps its state at once where it is to, and who is to run one
//! keeps its state until it may.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::command::StoredStreamer;
use crate::command::streams::{Task, Tasks};

/// What a member says that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    /// Tasks that it runs, and those whose state it keeps.
    pub(super) tasks: Tasks,
    /// Something that the topology does not have, or that nobody is given.
    pub(super) unknown: bool,
}

/// What everybody else holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Tasks that somebody runs, or may be running still.
    run: BTreeSet<Task>,
    /// Those that somebody in the member's process runs.
    run_here: BTreeSet<Task>,
    /// Those whose state somebody in the member's process keeps.
    kept_here: BTreeSet<Task>,
}

impl Held {
    /// By these members, beside one of this process.
    pub(super) fn of(process_id: &str, others: &[&Arc<StoredStreamer>]) -> Held {
        let mut held = Held::default();
        for other in others {
            for tasks in [&other.assigned, &other.revoking] {
                held.run.extend(tasks.active.keys());
                if *other.process_id == *process_id {
                    held.run_here.extend(tasks.active.keys());
                    held.kept_here.extend(&tasks.standby);
                }
            }
        }
        held
    }

    fn may_run(&self, task: &Task) -> bool {
        !self.run.contains(task) && !self.kept_here.contains(task)
    }

    fn may_keep(&self, task: &Task) -> bool {
        !self.run_here.contains(task) && !self.kept_here.contains(task)
    }
}

/// Whether it may still have one of these: it does until it says otherwise.
fn has(owned: Option<&Owned>, tasks: &Tasks) -> bool {
    owned.is_none_or(|owned| !owned.tasks.is_without(tasks))
}

/// Moves a member on, as far as it and the others are.
pub(super) fn reconcile(member: &mut StoredStreamer, target_epoch: i32, owned: Option<&Owned>, held: &Held) {
    assert!(member.epoch <= target_epoch);
    if member.is_settled(target_epoch) {
        return;
    }
    let mut epoch = member.epoch;
    if !member.revoking.is_empty() {
        if has(owned, &member.revoking) {
            return;
        }
        // It has given back: as Kafka has it, it is one further, and perhaps has to give back more.
        member.revoking = Tasks::default();
        epoch = target_epoch.min(epoch + 1);
    }
    let had = std::mem::take(&mut member.assigned);
    let target = &member.target;
    let (mut active, given_back): (BTreeMap<Task, i32>, BTreeMap<Task, i32>) =
        had.active.iter().map(|(task, epoch)| (*task, *epoch)).partition(|(task, _)| target.active.contains_key(task));
    let mut standby: BTreeSet<Task> = had.standby.intersection(&target.standby).copied().collect();
    // A task that it ran it keeps the state of at once: nobody else has to let go.
    standby.extend(had.active.keys().filter(|task| target.standby.contains(task)));
    let is_promoted = |task: &&Task| target.active.contains_key(*task);
    let mut revoking =
        Tasks { active: given_back, standby: had.standby.difference(&target.standby).copied().collect() };
    revoking.standby.retain(|task| !target.active.contains_key(task));
    let gives_back = !revoking.is_empty() && has(owned, &revoking);
    let missing = target.active.keys().filter(|task| !active.contains_key(task) && held.may_run(task));
    let missing: Vec<Task> = if gives_back { Vec::new() } else { missing.copied().collect() };
    active.extend(missing.iter().map(|task| (*task, target_epoch)));
    // A state that it is to run the task of stays until it may.
    standby.extend(had.standby.iter().filter(is_promoted).filter(|task| !active.contains_key(task)));
    if gives_back {
        member.assigned = Tasks { active, standby };
        member.revoking = revoking;
        advance(member, epoch);
        return;
    }
    let kept = target.standby.iter().filter(|task| !standby.contains(task) && held.may_keep(task)).copied();
    let kept: Vec<Task> = kept.collect();
    standby.extend(kept);
    member.assigned = Tasks { active, standby };
    advance(member, target_epoch);
}

fn advance(member: &mut StoredStreamer, epoch: i32) {
    if member.epoch != epoch {
        member.previous_epoch = member.epoch;
        member.epoch = epoch;
    }
}
