//! From what a member has to what it is to have: first it gives back, then it gets.
//!
//! A member stays at its epoch until it has given back what others are to have; then it is told the epoch of the targets,
//! and gets whatever nobody else holds. The rest comes as others give it back.

use apus_core::ids::PartitionId;

use crate::command::StoredConsumer;

/// What a member says that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    /// In order.
    pub(super) partitions: Vec<PartitionId>,
    /// Something that no topic has.
    pub(super) unknown: bool,
}

impl Owned {
    /// True where it holds nothing but these.
    pub(super) fn is_within(&self, partitions: &[PartitionId]) -> bool {
        !self.unknown && self.partitions.iter().all(|one| partitions.binary_search(one).is_ok())
    }
}

/// Whether it may still hold one of these: it does until it says otherwise.
fn holds(owned: Option<&Owned>, partitions: &[PartitionId]) -> bool {
    owned.is_none_or(|owned| owned.partitions.iter().any(|one| partitions.binary_search(one).is_ok()))
}

/// Moves a member on, as far as it and the others are.
pub(super) fn reconcile(
    member: &mut StoredConsumer,
    target_epoch: i32,
    owned: Option<&Owned>,
    is_free: impl Fn(PartitionId) -> bool,
) {
    assert!(member.epoch <= target_epoch);
    if member.is_settled(target_epoch) {
        return;
    }
    let mut epoch = member.epoch;
    if !member.revoking.is_empty() {
        if holds(owned, &member.revoking) {
            return;
        }
        // It has given back: as Kafka has it, it is one further, and perhaps has to give back more.
        member.revoking.clear();
        epoch = target_epoch.min(epoch + 1);
    }
    let is_target = |partition: &PartitionId| member.target.binary_search(partition).is_ok();
    let (mut kept, excess): (Vec<PartitionId>, Vec<PartitionId>) = member.assigned.iter().copied().partition(is_target);
    if !excess.is_empty() && holds(owned, &excess) {
        member.assigned = kept;
        member.revoking = excess;
        advance(member, epoch);
        return;
    }
    let missing: Vec<PartitionId> =
        member.target.iter().copied().filter(|one| kept.binary_search(one).is_err() && is_free(*one)).collect();
    kept.extend(missing);
    kept.sort_unstable();
    member.assigned = kept;
    advance(member, target_epoch);
}

fn advance(member: &mut StoredConsumer, epoch: i32) {
    if member.epoch != epoch {
        member.previous_epoch = member.epoch;
        member.epoch = epoch;
    }
}
