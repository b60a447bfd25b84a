//! What a group comes to when one of its members has spoken, in whichever protocol: epochs, targets, and the member's own
//! way towards its target. A function of what is stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::error::{Refusal, Refused};
use apus_core::ids::PartitionId;
use apus_core::limits;

use super::assign::Assignor;
use super::reconcile::{Owned, reconcile};
use super::rules::Rules;
use super::topics::Subscriptions;
use crate::command::consumers::{ChangeConsumers, StoredConsumer, StoredConsumers};
use crate::ledger::Ledger;

/// What it is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) rules: &'a Rules,
    /// Topics changed since the group was looked at.
    pub(super) topics_changed: bool,
}

/// A member that spoke.
#[derive(Debug)]
pub(super) struct Spoken {
    /// As it is by what it said, on its way as far as it was.
    pub(super) member: StoredConsumer,
    /// It subscribes to something else, or is new.
    pub(super) resubscribed: bool,
    /// Whom it takes the place of.
    pub(super) left: Vec<Arc<str>>,
    /// What it says that it holds.
    pub(super) owned: Option<Owned>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Moved {
    /// What is to be stored, if anything.
    pub(super) change: Option<ChangeConsumers>,
    /// The member as it is now.
    pub(super) member: StoredConsumer,
    /// Topics were looked at, as they are now.
    pub(super) looks: bool,
}

/// Moves a group and the member that spoke on.
///
/// # Errors
/// Where the members say too much of themselves.
pub(super) fn advance(
    group: &StoredConsumers,
    id: &Arc<str>,
    spoken: Spoken,
    view: View<'_>,
) -> Result<Moved, Refused> {
    let Spoken { mut member, resubscribed, left, owned } = spoken;
    let others = |one: &&Arc<StoredConsumer>| one.id != member.id && !left.contains(&one.id);
    let others: Vec<&Arc<StoredConsumer>> = group.members.values().filter(others).collect();
    let bytes: u64 = others.iter().map(|one| one.own_bytes()).sum::<u64>() + member.own_bytes();
    if bytes > limits::GROUP_MEMBERS_BYTES_MAX {
        return Err(Refused::new(Refusal::GroupMaxSizeReached, "The group's members say too much of themselves."));
    }
    let mut next = Next::of(group);
    // A group that never had a generation leaves epoch 0, which means "new" to members.
    let resubscribed = resubscribed || next.epoch == 0;
    let looks = next.looks(resubscribed, view.topics_changed);
    let changed = if looks { next.assign(view, resubscribed, &mut member, &others) } else { Vec::new() };
    let is_free = free(&member, &others, next.target_epoch);
    reconcile(&mut member, next.target_epoch, owned.as_ref(), is_free);
    let moved = group.members.get(&member.id).map(|before| &**before) != Some(&member);
    let own = moved.then(|| Arc::new(member.clone()));
    let members: Vec<Arc<StoredConsumer>> = changed.into_iter().chain(own).collect();
    let change = next.change(group, Arc::clone(id), left, members);
    Ok(Moved { change, member, looks })
}

/// Whether nobody but the member holds a partition. A change of targets moves nobody else: what they hold is stored.
fn free(
    member: &StoredConsumer,
    others: &[&Arc<StoredConsumer>],
    target_epoch: i32,
) -> impl Fn(PartitionId) -> bool + use<> {
    let waits = !member.is_settled(target_epoch);
    let holders = others.iter().filter(|_| waits);
    let held: BTreeSet<PartitionId> =
        holders.flat_map(|one| one.assigned.iter().chain(&one.revoking)).copied().collect();
    move |partition| !held.contains(&partition)
}

/// The group's own numbers, on their way.
#[derive(Debug)]
struct Next {
    epoch: i32,
    target_epoch: i32,
    topics_hash: u64,
    assignor: Arc<str>,
}

impl Next {
    fn of(group: &StoredConsumers) -> Next {
        Next {
            epoch: group.epoch,
            target_epoch: group.target_epoch,
            topics_hash: group.topics_hash,
            assignor: Arc::clone(&group.assignor),
        }
    }

    /// Whether topics may matter: where somebody subscribes anew or left, or topics changed.
    fn looks(&self, resubscribed: bool, topics_changed: bool) -> bool {
        resubscribed || topics_changed || self.epoch > self.target_epoch
    }

    /// Looks at topics, and assigns anew where the group's epoch has risen; the others whose targets changed.
    fn assign(
        &mut self,
        view: View<'_>,
        resubscribed: bool,
        member: &mut StoredConsumer,
        others: &[&Arc<StoredConsumer>],
    ) -> Vec<Arc<StoredConsumer>> {
        let behind = self.epoch > self.target_epoch;
        let mut all: Vec<&StoredConsumer> = others.iter().map(|one| &***one).chain([&*member]).collect();
        all.sort_by(|earlier, later| earlier.id.cmp(&later.id));
        let wanted = Subscriptions::of(all.iter().copied(), view.ledger);
        // Where somebody left, the epoch has risen for it already.
        if resubscribed || (wanted.hash != self.topics_hash && !behind) {
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        }
        self.topics_hash = wanted.hash;
        if self.epoch == self.target_epoch {
            return Vec::new();
        }
        let assignor = preferred(&all, view.rules);
        let shares = assignor.assign(&all, &wanted);
        self.target_epoch = self.epoch;
        self.assignor = Arc::from(assignor.name());
        let (mut changed, mut own) = (Vec::new(), Vec::new());
        for (one, target) in all.into_iter().zip(shares) {
            if one.id == member.id {
                own = target;
            } else if one.target != target {
                changed.push(Arc::new(StoredConsumer { target, ..one.clone() }));
            }
        }
        member.target = own;
        changed
    }

    /// What is to be stored, if anything is.
    fn change(
        self,
        group: &StoredConsumers,
        id: Arc<str>,
        left: Vec<Arc<str>>,
        members: Vec<Arc<StoredConsumer>>,
    ) -> Option<ChangeConsumers> {
        let same = self.epoch == group.epoch && self.target_epoch == group.target_epoch;
        if same && self.topics_hash == group.topics_hash && left.is_empty() && members.is_empty() {
            return None;
        }
        let Next { epoch, target_epoch, topics_hash, assignor } = self;
        Some(ChangeConsumers { group: id, converts: false, epoch, target_epoch, topics_hash, assignor, left, members })
    }
}

/// The assignor that most members prefer; the first of the settings where nobody does.
fn preferred(members: &[&StoredConsumer], rules: &Rules) -> Assignor {
    let votes = |assignor: &Assignor| {
        members.iter().filter(|member| member.assignor.as_deref() == Some(assignor.name())).count()
    };
    let mut offered: Vec<Assignor> = rules.assignors.into_iter().flatten().collect();
    // Of equals the first: the order of the settings.
    offered.sort_by_key(|assignor| std::cmp::Reverse(votes(assignor)));
    offered.first().copied().unwrap_or(Assignor::Uniform)
}
