//! Groups of the consumer protocol.

use std::sync::Arc;

use apus_core::api::GroupClient;
use apus_core::ids::PartitionId;
use rkyv::{Archive, Deserialize, Serialize};

use super::group::GroupProtocolV1;
use super::{HeadV1, Stored};
use crate::command::consumers::{ChangeConsumers, ClassicSide, StoredConsumer};
use crate::command::frame::Corrupt;
use crate::command::{Command, Envelope};

/// A [`StoredConsumer`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ConsumerV1 {
    id: String,
    instance_id: Option<String>,
    rack_id: Option<String>,
    client_id: String,
    client_host: String,
    rebalance_timeout_ms: i32,
    topics: Vec<String>,
    regex: Option<String>,
    assignor: Option<String>,
    epoch: i32,
    previous_epoch: i32,
    assigned: Vec<u32>,
    revoking: Vec<u32>,
    target: Vec<u32>,
}

impl ConsumerV1 {
    pub(super) fn of(member: &StoredConsumer) -> ConsumerV1 {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let numbers = |list: &[PartitionId]| list.iter().map(|partition| partition.0).collect();
        ConsumerV1 {
            id: member.id.to_string(),
            instance_id: text(&member.instance_id),
            rack_id: text(&member.rack_id),
            client_id: member.client.id.to_string(),
            client_host: member.client.host.to_string(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            topics: member.topics.iter().map(|topic| topic.to_string()).collect(),
            regex: text(&member.regex),
            assignor: text(&member.assignor),
            epoch: member.epoch,
            previous_epoch: member.previous_epoch,
            assigned: numbers(&member.assigned),
            revoking: numbers(&member.revoking),
            target: numbers(&member.target),
        }
    }

    pub(super) fn member(self) -> Arc<StoredConsumer> {
        Arc::new(self.with(None))
    }

    fn with(self, classic: Option<Arc<ClassicSide>>) -> StoredConsumer {
        let partitions = |list: Vec<u32>| list.into_iter().map(PartitionId).collect();
        StoredConsumer {
            id: Arc::from(self.id),
            instance_id: self.instance_id.map(Arc::from),
            rack_id: self.rack_id.map(Arc::from),
            client: GroupClient { id: Arc::from(self.client_id), host: Arc::from(self.client_host) },
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            topics: self.topics.into_iter().map(Arc::from).collect(),
            regex: self.regex.map(Arc::from),
            assignor: self.assignor.map(Arc::from),
            epoch: self.epoch,
            previous_epoch: self.previous_epoch,
            assigned: partitions(self.assigned),
            revoking: partitions(self.revoking),
            target: partitions(self.target),
            classic,
        }
    }
}

/// A [`ClassicSide`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ClassicV1 {
    session_timeout_ms: i32,
    protocols: Vec<GroupProtocolV1>,
}

/// A [`StoredConsumer`] that may be of the classic protocol.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ConsumerV2 {
    member: ConsumerV1,
    classic: Option<ClassicV1>,
}

impl ConsumerV2 {
    fn of(member: &StoredConsumer) -> ConsumerV2 {
        let side = |side: &Arc<ClassicSide>| ClassicV1 {
            session_timeout_ms: side.session_timeout_ms,
            protocols: side.protocols.iter().map(GroupProtocolV1::of).collect(),
        };
        ConsumerV2 { member: ConsumerV1::of(member), classic: member.classic.as_ref().map(side) }
    }

    fn member(self) -> Arc<StoredConsumer> {
        let side = |side: ClassicV1| ClassicSide {
            session_timeout_ms: side.session_timeout_ms,
            protocols: side.protocols.into_iter().map(GroupProtocolV1::protocol).collect(),
        };
        Arc::new(self.member.with(self.classic.map(side).map(Arc::new)))
    }
}

/// See [`ChangeConsumers`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ChangeConsumersV1 {
    head: HeadV1,
    group: String,
    epoch: i32,
    target_epoch: i32,
    topics_hash: u64,
    assignor: String,
    left: Vec<String>,
    members: Vec<ConsumerV1>,
}

impl Stored for ChangeConsumersV1 {
    const FRAME: (u16, u16) = (30, 1);

    fn of(envelope: &Envelope) -> Option<ChangeConsumersV1> {
        let Command::ChangeConsumers(change) = &envelope.command else {
            return None;
        };
        Some(ChangeConsumersV1 {
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
        Ok(self.head.with(Command::ChangeConsumers(Arc::new(change))))
    }
}

/// See [`ChangeConsumers`]: one that speaks of members of the classic protocol.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ChangeConsumersV2 {
    head: HeadV1,
    group: String,
    converts: bool,
    epoch: i32,
    target_epoch: i32,
    topics_hash: u64,
    assignor: String,
    left: Vec<String>,
    members: Vec<ConsumerV2>,
}

impl Stored for ChangeConsumersV2 {
    const FRAME: (u16, u16) = (30, 2);

    fn of(envelope: &Envelope) -> Option<ChangeConsumersV2> {
        let Command::ChangeConsumers(change) = &envelope.command else {
            return None;
        };
        Some(ChangeConsumersV2 {
            head: HeadV1::of(envelope),
            group: change.group.to_string(),
            converts: change.converts,
            epoch: change.epoch,
            target_epoch: change.target_epoch,
            topics_hash: change.topics_hash,
            assignor: change.assignor.to_string(),
            left: change.left.iter().map(|id| id.to_string()).collect(),
            members: change.members.iter().map(|member| ConsumerV2::of(member)).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let change = ChangeConsumers {
            group: Arc::from(self.group),
            converts: self.converts,
            epoch: self.epoch,
            target_epoch: self.target_epoch,
            topics_hash: self.topics_hash,
            assignor: Arc::from(self.assignor),
            left: self.left.into_iter().map(Arc::from).collect(),
            members: self.members.into_iter().map(ConsumerV2::member).collect(),
        };
        Ok(self.head.with(Command::ChangeConsumers(Arc::new(change))))
    }
}
