//! Committed offsets that are kept no longer, and groups that hold nothing any more.
//!
//! A round looks at every group once an interval, a bounded number of positions a step. What it finds is journaled;
//! where there is no room, the next round finds the same.

use std::sync::Arc;

use apus_core::api::GroupState;
use apus_core::ids::PartitionId;
use apus_core::time::Instant;
use apus_core::turn::Turn;

use crate::command::{Command, StoredGroup};
use crate::consumers::describe::subscribed;
use crate::groups::expiry::Verdict;
use crate::journal::Claim;
use crate::ledger::GroupPosition;
use crate::machine::leader::Leader;
use crate::streams;

/// Positions that one step looks at: each is one entry of a shelf. A command that removes all of them is small.
pub const POSITIONS_STEP_MAX: usize = 4_096;

/// Where a round stands.
#[derive(Debug, Default)]
struct Round {
    /// Groups up to this name are through.
    after: Option<Arc<str>>,
    /// Positions of the next one below this are through.
    from: PartitionId,
}

/// The rounds.
#[derive(Debug)]
pub struct Offsets {
    check_ms: u64,
    check_at: Instant,
    round: Option<Round>,
}

impl Offsets {
    /// Rounds at this interval.
    #[must_use]
    pub fn new(check_ms: u64, now: Instant) -> Offsets {
        assert!(check_ms > 0);
        Offsets { check_ms, check_at: now.after_ms(check_ms), round: None }
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        if self.round.is_some() { Instant(0) } else { self.check_at }
    }
}

impl Leader {
    pub(super) fn expire_offsets(&mut self, turn: &mut Turn) {
        let offsets = &mut self.reaper.offsets;
        if offsets.round.is_none() && turn.now >= offsets.check_at {
            offsets.check_at = turn.now.after_ms(offsets.check_ms);
            offsets.round = Some(Round::default());
        }
        let Some(mut round) = offsets.round.take() else { return };
        let mut budget = POSITIONS_STEP_MAX;
        while budget > 0 {
            let Some(group) = self.ledger.groups_behind(round.after.as_deref()).next().cloned() else { return };
            let (looked_at, next) = self.expire_offsets_of(&group, round.from, budget, turn);
            budget -= looked_at.max(1).min(budget);
            round.from = next.unwrap_or_default();
            if next.is_none() {
                round.after = Some(Arc::clone(&group.id));
            }
        }
        self.reaper.offsets.round = Some(round);
    }

    /// Looks at positions of a group; how many, and where to go on, if the group has more.
    fn expire_offsets_of(
        &mut self,
        group: &Arc<StoredGroup>,
        from: PartitionId,
        count_max: usize,
        turn: &mut Turn,
    ) -> (usize, Option<PartitionId>) {
        let now_ms = self.ledger.clock_ms().max(turn.wall.0);
        let state = self.membership.groups.state(&group.id);
        let rebalances = state.is_some_and(|state| !matches!(state, GroupState::Empty | GroupState::Stable));
        let consumers = self.ledger.consumers(&group.id).map(|consumers| subscribed(consumers, &self.ledger));
        let streams = self.ledger.streams(&group.id).map(|streams| streams::subscribed(streams));
        let subscribed = consumers.or(streams);
        let verdict = subscribed.map_or_else(|| Verdict::of(group, rebalances), Verdict::SinceCommit);
        let mut positions = self.ledger.group_positions(&group.id, from);
        let looked_at: Vec<(PartitionId, GroupPosition)> = positions.by_ref().take(count_max).collect();
        let next = positions.next().map(|(partition, _)| partition);
        drop(positions);
        let goes = |(partition, position): &(PartitionId, GroupPosition)| {
            let topic = self.ledger.topic_of(*partition).map_or("", |topic| &topic.name);
            verdict.expires(topic, position, now_ms, self.membership.rules.retention_ms).then_some(*partition)
        };
        let partitions: Vec<PartitionId> = looked_at.iter().filter_map(goes).collect();
        if !partitions.is_empty() {
            let remove = Command::RemoveOffsets { group: Arc::clone(&group.id), partitions };
            let _ = self.submit(remove, Claim::Upkeep, turn);
        }
        // A share group stays until an operator deletes it, as in Kafka.
        let deserted = group.members.is_empty()
            && self.ledger.sharers(&group.id).is_none()
            && !self.membership.groups.is_live(&group.id)
            && !self.membership.consumers.is_live(&group.id)
            && !self.membership.streams.is_live(&group.id);
        if next.is_none() && deserted && self.ledger.group_positions(&group.id, PartitionId(0)).next().is_none() {
            let _ = self.submit(Command::RemoveGroup { id: Arc::clone(&group.id) }, Claim::Upkeep, turn);
        }
        (looked_at.len(), next)
    }
}
