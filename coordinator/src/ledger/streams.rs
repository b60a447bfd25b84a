//! Streams groups, as the ledger keeps them beside what every group has.
//!
//! Stored behind the group: epoch and epoch of the targets (4 each), hash of the topics (8), the version whose topics are
//! there and the replicas (4 each), tags; 1 byte whether a topology follows; 4 bytes of how many members.
//!
//! The topology: its version (4), 4 bytes of how many parts. Each of them: id; source topics and repartition sinks, each
//! 4 bytes of how many texts; repartition sources and changelogs, each 4 bytes of how many topics: name, partitions (4),
//! replication factor (2), pairs; 4 bytes of how many groups of topics that are partitioned alike, each two lists of
//! indexes (2 each). A list of pairs is 4 bytes of how many, then the texts.
//!
//! A member: id; static name and rack, each 1 byte and, after 1, a text; client id and address; rebalance timeout and
//! version of its topology (4 each); process; endpoint as the static name, and after 1 its port (2); tags, as pairs; epoch
//! and the one before (4 each); what it has, gives back and is to have: each 4 bytes of how many tasks that are run, of 12
//! bytes (part, partition, epoch), and 4 bytes of how many replicas, of 8 (part, partition).

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::{
    Copartitioned, GroupClient, InternalTopic, KeyValues, STREAMS_TYPE, StreamsEndpoint, Subtopology, Topology,
};
use apus_core::error::Refusal;
use apus_core::limits;

use super::Ledger;
use super::group::{Group, put_option, take_option};
use super::record::{Cursor, put_text};
use crate::command::streams::{ChangeStreams, StoredStreamer, StoredStreams, Task, Tasks};
use crate::command::{Corrupt, StoredGroup};

impl Ledger {
    pub(super) fn change_streams(&mut self, change: &ChangeStreams) -> Result<(), Refusal> {
        let (lsn, since_ms) = (self.scalars.lsn, self.scalars.clock_ms);
        let number = self.groups.by_name.get(&change.group).copied();
        let known = number.and_then(|number| self.groups.table.get(number));
        if known.is_some_and(|group| group.is_inhabited() && group.streams.is_none()) {
            return Err(Refusal::NonEmptyGroup);
        } else if known.is_some_and(|group| group.shared) {
            return Err(Refusal::InconsistentGroupProtocol);
        }
        let before = known.and_then(|group| group.streams.clone()).unwrap_or_default();
        let after = before.changed(change);
        let replaces = before.topology.is_some() && change.topology.is_some();
        if replaces || !after.is_sound() || after.epoch < before.epoch || after.target_epoch < before.target_epoch {
            return Err(Refusal::InvalidRequest);
        }
        let stored = StoredGroup {
            protocol_type: Some(Arc::from(STREAMS_TYPE)),
            ..StoredGroup::simple(Arc::clone(&change.group), since_ms)
        };
        let group = Group::of_streams(Arc::new(stored), Arc::new(after));
        match number {
            Some(number) => self.groups.replace(lsn, number, group),
            None if self.groups.table.count() >= limits::GROUPS_MAX => return Err(Refusal::CoordinatorNotAvailable),
            None => {
                self.groups.topology_bytes += group.topology_bytes();
                let number = self.groups.table.insert(lsn, group);
                self.groups.by_name.insert(Arc::clone(&change.group), number);
            }
        }
        Ok(())
    }

    /// Bytes of what all streams groups compute, at most as commands.
    #[must_use]
    pub fn topology_bytes(&self) -> u64 {
        self.groups.topology_bytes
    }

    /// What a group is as a streams group, if it is one.
    #[must_use]
    pub fn streams(&self, id: &str) -> Option<&Arc<StoredStreams>> {
        let number = *self.groups.by_name.get(id)?;
        self.groups.table.get(number)?.streams.as_ref()
    }
}

pub(super) fn put_streams(out: &mut Vec<u8>, group: &StoredStreams) {
    out.extend_from_slice(&group.epoch.to_le_bytes());
    out.extend_from_slice(&group.target_epoch.to_le_bytes());
    out.extend_from_slice(&group.topics_hash.to_le_bytes());
    out.extend_from_slice(&group.ready_epoch.to_le_bytes());
    out.extend_from_slice(&group.standby_replicas.to_le_bytes());
    put_text(out, &group.rack_tags);
    out.push(u8::from(group.topology.is_some()));
    if let Some(topology) = &group.topology {
        put_topology(out, topology);
    }
    put_count(out, group.members.len());
    group.members.values().for_each(|member| put_member(out, member));
}

fn put_topology(out: &mut Vec<u8>, topology: &Topology) {
    out.extend_from_slice(&topology.epoch.to_le_bytes());
    put_count(out, topology.subtopologies.len());
    for part in &topology.subtopologies {
        put_text(out, &part.id);
        for names in [&part.source_topics, &part.repartition_sinks] {
            put_count(out, names.len());
            names.iter().for_each(|name| put_text(out, name));
        }
        for topics in [&part.repartition_sources, &part.changelogs] {
            put_count(out, topics.len());
            for topic in topics {
                put_text(out, &topic.name);
                out.extend_from_slice(&topic.partitions.to_le_bytes());
                out.extend_from_slice(&topic.replication_factor.to_le_bytes());
                put_pairs(out, &topic.configs);
            }
        }
        put_count(out, part.copartitioned.len());
        for group in &part.copartitioned {
            for indexes in [&group.source_topics, &group.repartition_sources] {
                put_count(out, indexes.len());
                indexes.iter().for_each(|index| out.extend_from_slice(&index.to_le_bytes()));
            }
        }
    }
}

fn put_member(out: &mut Vec<u8>, member: &StoredStreamer) {
    put_text(out, &member.id);
    put_option(out, &member.instance_id);
    put_option(out, &member.rack_id);
    put_text(out, &member.client.id);
    put_text(out, &member.client.host);
    out.extend_from_slice(&member.rebalance_timeout_ms.to_le_bytes());
    out.extend_from_slice(&member.topology_epoch.to_le_bytes());
    put_text(out, &member.process_id);
    out.push(u8::from(member.endpoint.is_some()));
    if let Some(endpoint) = &member.endpoint {
        put_text(out, &endpoint.host);
        out.extend_from_slice(&endpoint.port.to_le_bytes());
    }
    put_pairs(out, &member.tags);
    out.extend_from_slice(&member.epoch.to_le_bytes());
    out.extend_from_slice(&member.previous_epoch.to_le_bytes());
    for tasks in [&member.assigned, &member.revoking, &member.target] {
        put_count(out, tasks.active.len());
        for (task, epoch) in &tasks.active {
            put_task(out, *task);
            out.extend_from_slice(&epoch.to_le_bytes());
        }
        put_count(out, tasks.standby.len());
        tasks.standby.iter().for_each(|task| put_task(out, *task));
    }
}

fn put_task(out: &mut Vec<u8>, task: Task) {
    out.extend_from_slice(&task.subtopology.to_le_bytes());
    out.extend_from_slice(&task.partition.to_le_bytes());
}

fn put_pairs(out: &mut Vec<u8>, pairs: &KeyValues) {
    put_count(out, pairs.len());
    for (key, value) in pairs {
        put_text(out, key);
        put_text(out, value);
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

pub(super) fn take_streams(bytes: &mut Cursor<'_>) -> Result<StoredStreams, Corrupt> {
    let mut group = StoredStreams {
        epoch: bytes.i32()?,
        target_epoch: bytes.i32()?,
        topics_hash: bytes.u64()?,
        ready_epoch: bytes.i32()?,
        standby_replicas: bytes.u32()?,
        rack_tags: bytes.text()?,
        topology: None,
        members: BTreeMap::new(),
    };
    if bytes.flag()? {
        group.topology = Some(Arc::new(take_topology(bytes)?));
    }
    for _ in 0..bytes.u32()? {
        let member = take_member(bytes)?;
        group.members.insert(Arc::clone(&member.id), Arc::new(member));
    }
    Ok(group)
}

fn take_topology(bytes: &mut Cursor<'_>) -> Result<Topology, Corrupt> {
    let mut topology = Topology { epoch: bytes.i32()?, subtopologies: Vec::new() };
    for _ in 0..bytes.u32()? {
        let part = Subtopology {
            id: bytes.text()?,
            source_topics: take_texts(bytes)?,
            source_patterns: Vec::new(),
            repartition_sinks: take_texts(bytes)?,
            repartition_sources: take_topics(bytes)?,
            changelogs: take_topics(bytes)?,
            copartitioned: take_groups(bytes)?,
        };
        topology.subtopologies.push(part);
    }
    Ok(topology)
}

fn take_texts(bytes: &mut Cursor<'_>) -> Result<Vec<Arc<str>>, Corrupt> {
    (0..bytes.u32()?).map(|_| bytes.text()).collect()
}

fn take_topics(bytes: &mut Cursor<'_>) -> Result<Vec<InternalTopic>, Corrupt> {
    let mut topics = Vec::new();
    for _ in 0..bytes.u32()? {
        topics.push(InternalTopic {
            name: bytes.text()?,
            partitions: bytes.i32()?,
            replication_factor: bytes.i16()?,
            configs: take_pairs(bytes)?,
        });
    }
    Ok(topics)
}

fn take_groups(bytes: &mut Cursor<'_>) -> Result<Vec<Copartitioned>, Corrupt> {
    let mut groups = Vec::new();
    for _ in 0..bytes.u32()? {
        let source_topics = (0..bytes.u32()?).map(|_| bytes.i16()).collect::<Result<_, _>>()?;
        let repartition_sources = (0..bytes.u32()?).map(|_| bytes.i16()).collect::<Result<_, _>>()?;
        groups.push(Copartitioned { source_topics, source_patterns: Vec::new(), repartition_sources });
    }
    Ok(groups)
}

fn take_pairs(bytes: &mut Cursor<'_>) -> Result<KeyValues, Corrupt> {
    (0..bytes.u32()?).map(|_| Ok((bytes.text()?, bytes.text()?))).collect()
}

fn take_member(bytes: &mut Cursor<'_>) -> Result<StoredStreamer, Corrupt> {
    Ok(StoredStreamer {
        id: bytes.text()?,
        instance_id: take_option(bytes)?,
        rack_id: take_option(bytes)?,
        client: GroupClient { id: bytes.text()?, host: bytes.text()? },
        rebalance_timeout_ms: bytes.i32()?,
        topology_epoch: bytes.i32()?,
        process_id: bytes.text()?,
        endpoint: take_endpoint(bytes)?,
        tags: take_pairs(bytes)?,
        epoch: bytes.i32()?,
        previous_epoch: bytes.i32()?,
        assigned: take_tasks(bytes)?,
        revoking: take_tasks(bytes)?,
        target: take_tasks(bytes)?,
    })
}

fn take_endpoint(bytes: &mut Cursor<'_>) -> Result<Option<StreamsEndpoint>, Corrupt> {
    if !bytes.flag()? {
        return Ok(None);
    }
    Ok(Some(StreamsEndpoint { host: bytes.text()?, port: u16::from_le_bytes(bytes.array()?) }))
}

fn take_tasks(bytes: &mut Cursor<'_>) -> Result<Tasks, Corrupt> {
    let mut tasks = Tasks::default();
    for _ in 0..bytes.u32()? {
        let task = take_task(bytes)?;
        tasks.active.insert(task, bytes.i32()?);
    }
    for _ in 0..bytes.u32()? {
        tasks.standby.insert(take_task(bytes)?);
    }
    Ok(tasks)
}

fn take_task(bytes: &mut Cursor<'_>) -> Result<Task, Corrupt> {
    Ok(Task { subtopology: bytes.u32()?, partition: bytes.u32()? })
}
