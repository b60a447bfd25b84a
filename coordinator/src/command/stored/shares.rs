//! Share groups: who is in them, and how far their partitions are.

use std::sync::Arc;

use apus_core::ids::PartitionId;
use apus_core::limits::SHARE_CHANGES_MAX;
use rkyv::{Archive, Deserialize, Serialize};

use super::consumers::ConsumerV1;
use super::{HeadV1, Stored};
use crate::command::consumers::ChangeConsumers;
use crate::command::frame::Corrupt;
use crate::command::shares::{ChangeShares, Delivery, ShareChange, StoredRun};
use crate::command::{Command, Envelope};

/// See [`Command::ChangeSharers`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ChangeSharersV1 {
    head: HeadV1,
    group: String,
    epoch: i32,
    target_epoch: i32,
    topics_hash: u64,
    assignor: String,
    left: Vec<String>,
    members: Vec<ConsumerV1>,
}

impl Stored for ChangeSharersV1 {
    const FRAME: (u16, u16) = (50, 1);

    fn of(envelope: &Envelope) -> Option<ChangeSharersV1> {
        let Command::ChangeSharers(change) = &envelope.command else {
            return None;
        };
        Some(ChangeSharersV1 {
            head: HeadV1::of(envelope),
            group: change.group.to_string(),
            epoch: change.epoch,
            target_epoch: change.target_epoch,
            topics_hash: change.topics_hash,
            assignor: change.assignor.to_string(),
            left: change.left.iter().map(|id| id.to_string()).collect(),
            members: change.members.iter().map(|member| ConsumerV1::of(member)).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let change = ChangeConsumers {
            group: Arc::from(self.group),
            converts: false,
            epoch: self.epoch,
            target_epoch: self.target_epoch,
            topics_hash: self.topics_hash,
            assignor: Arc::from(self.assignor),
            left: self.left.into_iter().map(Arc::from).collect(),
            members: self.members.into_iter().map(ConsumerV1::member).collect(),
        };
        Ok(self.head.with(Command::ChangeSharers(Arc::new(change))))
    }
}

/// A [`StoredRun`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct RunV1 {
    first: i64,
    last: i64,
    delivery: u8,
    deliveries: i16,
}

/// A [`ShareChange`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ShareV1 {
    partition: u32,
    whole: bool,
    start: i64,
    runs: Vec<RunV1>,
}

impl ShareV1 {
    fn of(change: &ShareChange) -> ShareV1 {
        let run = |run: &StoredRun| RunV1 {
            first: run.first,
            last: run.last,
            delivery: run.delivery.number(),
            deliveries: run.deliveries,
        };
        ShareV1 {
            partition: change.partition.0,
            whole: change.whole,
            start: change.start,
            runs: change.runs.iter().map(run).collect(),
        }
    }

    fn change(self) -> Result<ShareChange, Corrupt> {
        let run = |run: RunV1| {
            let delivery = Delivery::of(run.delivery).ok_or(Corrupt::Value("a record's state"))?;
            Ok(StoredRun { first: run.first, last: run.last, delivery, deliveries: run.deliveries })
        };
        Ok(ShareChange {
            partition: PartitionId(self.partition),
            whole: self.whole,
            start: self.start,
            runs: self.runs.into_iter().map(run).collect::<Result<_, Corrupt>>()?,
        })
    }
}

/// See [`Command::ChangeShares`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ChangeSharesV1 {
    head: HeadV1,
    group: String,
    changes: Vec<ShareV1>,
}

impl Stored for ChangeSharesV1 {
    const FRAME: (u16, u16) = (51, 1);

    fn of(envelope: &Envelope) -> Option<ChangeSharesV1> {
        let Command::ChangeShares(change) = &envelope.command else {
            return None;
        };
        let changes = change.changes.iter().map(ShareV1::of).collect();
        Some(ChangeSharesV1 { head: HeadV1::of(envelope), group: change.group.to_string(), changes })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let changes = self.changes.into_iter().map(ShareV1::change).collect::<Result<Vec<_>, Corrupt>>()?;
        let change = ChangeShares { group: Arc::from(self.group), changes };
        Ok(self.head.with(Command::ChangeShares(Arc::new(change))))
    }
}

/// See [`Command::RemoveShares`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct RemoveSharesV1 {
    head: HeadV1,
    group: String,
    partitions: Vec<u32>,
}

impl Stored for RemoveSharesV1 {
    const FRAME: (u16, u16) = (52, 1);

    fn of(envelope: &Envelope) -> Option<RemoveSharesV1> {
        let Command::RemoveShares { group, partitions } = &envelope.command else {
            return None;
        };
        Some(RemoveSharesV1 {
            head: HeadV1::of(envelope),
            group: group.to_string(),
            partitions: partitions.iter().map(|partition| partition.0).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        if self.partitions.len() > SHARE_CHANGES_MAX {
            return Err(Corrupt::Value("a command's share partitions"));
        }
        let partitions = self.partitions.into_iter().map(PartitionId).collect();
        Ok(self.head.with(Command::RemoveShares { group: Arc::from(self.group), partitions }))
    }
}
