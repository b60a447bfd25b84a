//! Consumer groups.

use std::sync::Arc;

use apus_core::api::{GroupClient, GroupOffset, GroupProtocol};
use apus_core::ids::PartitionId;
use bytes::Bytes;
use rkyv::{Archive, Deserialize, Serialize};

use super::{HeadV1, Stored};
use crate::command::frame::Corrupt;
use crate::command::group::{CommitOffsets, OFFSETS_MAX, StoredGroup, StoredMember};
use crate::command::{Command, Envelope};

/// A [`GroupProtocol`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct GroupProtocolV1 {
    name: String,
    metadata: Vec<u8>,
}

/// A [`StoredMember`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct MemberV1 {
    id: String,
    instance_id: Option<String>,
    client_id: String,
    client_host: String,
    session_timeout_ms: i32,
    rebalance_timeout_ms: i32,
    protocols: Vec<GroupProtocolV1>,
    assignment: Vec<u8>,
}

impl GroupProtocolV1 {
    pub(super) fn of(protocol: &GroupProtocol) -> GroupProtocolV1 {
        GroupProtocolV1 { name: protocol.name.to_string(), metadata: protocol.metadata.to_vec() }
    }

    pub(super) fn protocol(self) -> GroupProtocol {
        GroupProtocol { name: Arc::from(self.name), metadata: Bytes::from(self.metadata) }
    }
}

impl MemberV1 {
    fn of(member: &StoredMember) -> MemberV1 {
        MemberV1 {
            id: member.id.to_string(),
            instance_id: member.instance_id.as_deref().map(str::to_owned),
            client_id: member.client.id.to_string(),
            client_host: member.client.host.to_string(),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            protocols: member.protocols.iter().map(GroupProtocolV1::of).collect(),
            assignment: member.assignment.to_vec(),
        }
    }

    fn member(self) -> StoredMember {
        StoredMember {
            id: Arc::from(self.id),
            instance_id: self.instance_id.map(Arc::from),
            client: GroupClient { id: Arc::from(self.client_id), host: Arc::from(self.client_host) },
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            protocols: self.protocols.into_iter().map(GroupProtocolV1::protocol).collect(),
            assignment: Bytes::from(self.assignment),
        }
    }
}

/// See [`StoredGroup`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct StoreGroupV1 {
    head: HeadV1,
    id: String,
    generation: i32,
    protocol_type: Option<String>,
    protocol_name: Option<String>,
    leader: Option<String>,
    rebalancing: bool,
    since_ms: i64,
    members: Vec<MemberV1>,
}

impl Stored for StoreGroupV1 {
    const FRAME: (u16, u16) = (13, 1);

    fn of(envelope: &Envelope) -> Option<StoreGroupV1> {
        let Command::StoreGroup(group) = &envelope.command else {
            return None;
        };
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Some(StoreGroupV1 {
            head: HeadV1::of(envelope),
            id: group.id.to_string(),
            generation: group.generation,
            protocol_type: text(&group.protocol_type),
            protocol_name: text(&group.protocol_name),
            leader: text(&group.leader),
            rebalancing: group.rebalancing,
            since_ms: group.since_ms,
            members: group.members.iter().map(MemberV1::of).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let group = StoredGroup {
            id: Arc::from(self.id),
            generation: self.generation,
            protocol_type: self.protocol_type.map(Arc::from),
            protocol_name: self.protocol_name.map(Arc::from),
            leader: self.leader.map(Arc::from),
            rebalancing: self.rebalancing,
            since_ms: self.since_ms,
            members: self.members.into_iter().map(MemberV1::member).collect(),
        };
        if !group.is_sound() {
            return Err(Corrupt::Value("a group that contradicts itself"));
        }
        Ok(self.head.with(Command::StoreGroup(Arc::new(group))))
    }
}

/// See [`Command::RemoveGroup`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct RemoveGroupV1 {
    head: HeadV1,
    id: String,
}

impl Stored for RemoveGroupV1 {
    const FRAME: (u16, u16) = (14, 1);

    fn of(envelope: &Envelope) -> Option<RemoveGroupV1> {
        let Command::RemoveGroup { id } = &envelope.command else {
            return None;
        };
        Some(RemoveGroupV1 { head: HeadV1::of(envelope), id: id.to_string() })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        Ok(self.head.with(Command::RemoveGroup { id: Arc::from(self.id) }))
    }
}

/// A [`GroupOffset`] in its partition.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct GroupOffsetV1 {
    partition: u32,
    offset: i64,
    leader_epoch: i32,
    metadata: String,
}

/// See [`CommitOffsets`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct CommitOffsetsV1 {
    head: HeadV1,
    group: String,
    expire_ms: Option<i64>,
    offsets: Vec<GroupOffsetV1>,
}

impl Stored for CommitOffsetsV1 {
    const FRAME: (u16, u16) = (15, 1);

    fn of(envelope: &Envelope) -> Option<CommitOffsetsV1> {
        let Command::CommitOffsets(commit) = &envelope.command else {
            return None;
        };
        let offset = |(partition, offset): &(PartitionId, GroupOffset)| GroupOffsetV1 {
            partition: partition.0,
            offset: offset.offset,
            leader_epoch: offset.leader_epoch,
            metadata: offset.metadata.to_string(),
        };
        Some(CommitOffsetsV1 {
            head: HeadV1::of(envelope),
            group: commit.group.to_string(),
            expire_ms: commit.expire_ms,
            offsets: commit.offsets.iter().map(offset).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        bounded(self.offsets.len())?;
        let offset = |stored: GroupOffsetV1| {
            let metadata = Arc::from(stored.metadata);
            let offset = GroupOffset { offset: stored.offset, leader_epoch: stored.leader_epoch, metadata };
            (PartitionId(stored.partition), offset)
        };
        let offsets = self.offsets.into_iter().map(offset).collect();
        let commit = CommitOffsets { group: Arc::from(self.group), expire_ms: self.expire_ms, offsets };
        Ok(self.head.with(Command::CommitOffsets(commit)))
    }
}

/// See [`Command::RemoveOffsets`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct RemoveOffsetsV1 {
    head: HeadV1,
    group: String,
    partitions: Vec<u32>,
}

impl Stored for RemoveOffsetsV1 {
    const FRAME: (u16, u16) = (16, 1);

    fn of(envelope: &Envelope) -> Option<RemoveOffsetsV1> {
        let Command::RemoveOffsets { group, partitions } = &envelope.command else {
            return None;
        };
        Some(RemoveOffsetsV1 {
            head: HeadV1::of(envelope),
            group: group.to_string(),
            partitions: partitions.iter().map(|partition| partition.0).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        bounded(self.partitions.len())?;
        let partitions = self.partitions.into_iter().map(PartitionId).collect();
        Ok(self.head.with(Command::RemoveOffsets { group: Arc::from(self.group), partitions }))
    }
}

fn bounded(offsets: usize) -> Result<(), Corrupt> {
    if offsets > OFFSETS_MAX { Err(Corrupt::Value("a command's offsets")) } else { Ok(()) }
}
