//! How far share groups are: told, set, forgotten. Setting and forgetting is an operator's, and nobody may be in the group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{
    AlterShareOffsetsRequest, AlterShareOffsetsResponse, DeleteShareOffsetsRequest, DeleteShareOffsetsResponse,
    DescribeShareOffsetsRequest, DescribeShareOffsetsResponse, DescribedShareOffsets, OfTopics, ShareOffset,
    ShareOffsets,
};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{PartitionId, Uuid};
use apus_core::limits::SHARE_CHANGES_MAX;
use apus_core::turn::Turn;

use super::leader::Leader;
use crate::command::Command;
use crate::command::consumers::ChangeConsumers;
use crate::command::shares::{ShareChange, StoredShare};
use crate::journal::Claim;

/// What a group that has not begun to share a partition says of it.
const UNKNOWN: ShareOffset = ShareOffset { start: -1, lag: -1 };

/// What is told of a partition that is not there.
fn unknown_partition() -> Refused {
    Refused::new(Refusal::UnknownTopicOrPartition, "This server does not host this topic-partition.")
}

impl Leader {
    pub(super) fn describe_share_offsets(&self, request: &DescribeShareOffsetsRequest) -> DescribeShareOffsetsResponse {
        let mut seen = BTreeSet::new();
        let groups = request.groups.iter().filter(|(group, _)| seen.insert(group));
        let describe = |(group, topics): &(Arc<str>, Option<OfTopics<i32>>)| {
            let result = match (self.ledger.sharers(group), topics) {
                (None, _) => Err(self.no_share_group(group)),
                (Some(_), None) => Ok(self.all_share_offsets(group)),
                (Some(_), Some(topics)) => {
                    Ok(topics.iter().map(|(name, indexes)| self.named_share_offsets(group, name, indexes)).collect())
                }
            };
            DescribedShareOffsets { group_id: Arc::clone(group), result }
        };
        DescribeShareOffsetsResponse { groups: groups.map(describe).collect() }
    }

    fn no_share_group(&self, group: &Arc<str>) -> Refused {
        let message = match self.ledger.group(group).is_some() || self.membership.groups.is_live(group) {
            true => format!("Group {group} is not a share group."),
            false => format!("Group {group} not found."),
        };
        Refused::new(Refusal::GroupIdNotFound, message)
    }

    fn all_share_offsets(&self, group: &Arc<str>) -> Vec<ShareOffsets<ShareOffset>> {
        let mut topics: BTreeMap<&Arc<str>, ShareOffsets<ShareOffset>> = BTreeMap::new();
        for (partition, stored) in self.ledger.shares(group) {
            let Some(record) = self.ledger.topic_of(partition) else { continue };
            let Some(index) = record.index_of(partition) else { continue };
            let none = || ShareOffsets { name: Arc::clone(&record.name), topic: record.id, partitions: Vec::new() };
            let told = Ok(self.share_offset(partition, stored));
            topics.entry(&record.name).or_insert_with(none).partitions.push((index, told));
        }
        topics.into_values().collect()
    }

    fn named_share_offsets(&self, group: &Arc<str>, name: &Arc<str>, indexes: &[i32]) -> ShareOffsets<ShareOffset> {
        let record = self.ledger.topic_named(name);
        let told = |index: &i32| {
            let partition = record.and_then(|record| record.partition_at(*index)).ok_or_else(unknown_partition);
            let offset = partition.map(|partition| {
                self.ledger.share(group, partition).map_or(UNKNOWN, |stored| self.share_offset(partition, stored))
            });
            (*index, offset)
        };
        ShareOffsets {
            name: Arc::clone(name),
            topic: record.map_or(Uuid::ZERO, |record| record.id),
            partitions: indexes.iter().map(told).collect(),
        }
    }

    fn share_offset(&self, partition: PartitionId, stored: &StoredShare) -> ShareOffset {
        let Some(bounds) = self.ledger.bounds(partition) else { return UNKNOWN };
        let start = stored.start.max(bounds.log_start_offset);
        ShareOffset { start, lag: (bounds.high_watermark - start - stored.done(start)).max(0) }
    }

    /// The group is a share group that nobody is in.
    fn empty_share_group(&self, group: &Arc<str>) -> Result<(), Refused> {
        match self.ledger.sharers(group) {
            None => Err(self.no_share_group(group)),
            Some(sharers) if sharers.members.is_empty() => Ok(()),
            Some(_) => Err(Refused::new(Refusal::NonEmptyGroup, "The group is not empty.")),
        }
    }

    /// The group is a share group that nobody is in; one that is not there comes to be, as in Kafka.
    fn settable_share_group(&mut self, group: &Arc<str>, turn: &mut Turn) -> Result<(), Refused> {
        if group.is_empty() {
            return Err(Refusal::InvalidGroupId.into());
        }
        if self.ledger.group(group).is_some() || self.membership.groups.is_live(group) {
            return self.empty_share_group(group);
        }
        let change = ChangeConsumers {
            group: Arc::clone(group),
            converts: false,
            epoch: 0,
            target_epoch: 0,
            topics_hash: 0,
            assignor: Arc::from(""),
            left: Vec::new(),
            members: Vec::new(),
        };
        let changed = self.change_sharers(change, Claim::Upkeep, turn);
        changed.map_err(|refused| refused.unwrap_or_else(|| Refusal::CoordinatorNotAvailable.into()))
    }

    /// Sets where a group goes on; room was promised.
    pub(super) fn alter_share_offsets(
        &mut self,
        request: &AlterShareOffsetsRequest,
        turn: &mut Turn,
    ) -> AlterShareOffsetsResponse {
        let group = &request.group_id;
        if let Err(refused) = self.settable_share_group(group, turn) {
            return AlterShareOffsetsResponse { result: Err(refused) };
        }
        let (mut topics, mut changes) = (Vec::with_capacity(request.topics.len()), BTreeMap::new());
        for (name, partitions) in &request.topics {
            let record = self.ledger.topic_named(name);
            let mut told = Vec::with_capacity(partitions.len());
            for (index, start) in partitions {
                let partition = record.and_then(|record| record.partition_at(*index)).ok_or_else(unknown_partition);
                let result = partition.and_then(|partition| match *start {
                    0.. => {
                        let change = ShareChange { partition, whole: true, start: *start, runs: Vec::new() };
                        changes.insert(partition, change);
                        Ok(())
                    }
                    _ => Err(Refused::new(Refusal::InvalidRequest, "The start offset is negative.")),
                });
                told.push((*index, result));
            }
            let topic = record.map_or(Uuid::ZERO, |record| record.id);
            topics.push(ShareOffsets { name: Arc::clone(name), topic, partitions: told });
        }
        changes.keys().for_each(|partition| self.membership.shares.forget(&(Arc::clone(group), *partition)));
        let stored = self.change_shares(group, changes.into_values().collect(), Claim::Upkeep, turn);
        let result = stored.map(|()| topics).map_err(|_| Refusal::CoordinatorNotAvailable.into());
        AlterShareOffsetsResponse { result }
    }

    /// Forgets how far a group is in topics; room was promised. Where it never was there is nothing to forget, and that is
    /// no error.
    pub(super) fn delete_share_offsets(
        &mut self,
        request: &DeleteShareOffsetsRequest,
        turn: &mut Turn,
    ) -> DeleteShareOffsetsResponse {
        let group = &request.group_id;
        if let Err(refused) = self.empty_share_group(group) {
            return DeleteShareOffsetsResponse { result: Err(refused) };
        }
        let (mut topics, mut found) = (Vec::with_capacity(request.topics.len()), BTreeSet::new());
        for name in &request.topics {
            let Some(record) = self.ledger.topic_named(name) else {
                topics.push((Arc::clone(name), Uuid::ZERO, Err(unknown_partition())));
                continue;
            };
            found.extend(record.partition_ids().filter(|one| self.ledger.share(group, *one).is_some()));
            topics.push((Arc::clone(name), record.id, Ok(())));
        }
        let found: Vec<PartitionId> = found.into_iter().collect();
        for partitions in found.chunks(SHARE_CHANGES_MAX) {
            let remove = Command::RemoveShares { group: Arc::clone(group), partitions: partitions.to_vec() };
            if self.submit(remove, Claim::Upkeep, turn).is_err() {
                return DeleteShareOffsetsResponse { result: Err(Refusal::CoordinatorNotAvailable.into()) };
            }
            partitions.iter().for_each(|one| self.membership.shares.forget(&(Arc::clone(group), *one)));
        }
        DeleteShareOffsetsResponse { result: Ok(topics) }
    }
}
