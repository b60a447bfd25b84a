//! Streams groups.

use std::sync::Arc;

use apus_core::api::{Copartitioned, GroupClient, InternalTopic, KeyValues, StreamsEndpoint, Subtopology, Topology};
use rkyv::{Archive, Deserialize, Serialize};

use super::{HeadV1, Stored};
use crate::command::frame::Corrupt;
use crate::command::streams::{ChangeStreams, StoredStreamer, Task, Tasks};
use crate::command::{Command, Envelope};

/// A [`Task`], and the epoch that it was given at.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct TaskV1 {
    subtopology: u32,
    partition: u32,
    epoch: i32,
}

/// [`Tasks`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct TasksV1 {
    active: Vec<TaskV1>,
    standby: Vec<TaskV1>,
}

/// A text by a text.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct PairV1 {
    key: String,
    value: String,
}

/// An [`InternalTopic`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct InternalTopicV1 {
    name: String,
    partitions: i32,
    replication_factor: i16,
    configs: Vec<PairV1>,
}

/// Topics that are partitioned alike.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct CopartitionedV1 {
    source_topics: Vec<i16>,
    repartition_sources: Vec<i16>,
}

/// A [`Subtopology`]. Patterns are refused, and so not stored.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct SubtopologyV1 {
    id: String,
    source_topics: Vec<String>,
    repartition_sinks: Vec<String>,
    repartition_sources: Vec<InternalTopicV1>,
    changelogs: Vec<InternalTopicV1>,
    copartitioned: Vec<CopartitionedV1>,
}

/// A [`Topology`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct TopologyV1 {
    epoch: i32,
    subtopologies: Vec<SubtopologyV1>,
}

/// A [`StoredStreamer`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct StreamerV1 {
    id: String,
    instance_id: Option<String>,
    rack_id: Option<String>,
    client_id: String,
    client_host: String,
    rebalance_timeout_ms: i32,
    topology_epoch: i32,
    process_id: String,
    endpoint_host: Option<String>,
    endpoint_port: u16,
    tags: Vec<PairV1>,
    epoch: i32,
    previous_epoch: i32,
    assigned: TasksV1,
    revoking: TasksV1,
    target: TasksV1,
}

fn strings(texts: &[Arc<str>]) -> Vec<String> {
    texts.iter().map(|text| text.to_string()).collect()
}

fn texts(strings: Vec<String>) -> Vec<Arc<str>> {
    strings.into_iter().map(Arc::from).collect()
}

fn pairs(pairs: &KeyValues) -> Vec<PairV1> {
    pairs.iter().map(|(key, value)| PairV1 { key: key.to_string(), value: value.to_string() }).collect()
}

fn key_values(pairs: Vec<PairV1>) -> KeyValues {
    pairs.into_iter().map(|pair| (Arc::from(pair.key), Arc::from(pair.value))).collect()
}

impl TasksV1 {
    fn of(tasks: &Tasks) -> TasksV1 {
        let one = |task: &Task, epoch| TaskV1 { subtopology: task.subtopology, partition: task.partition, epoch };
        TasksV1 {
            active: tasks.active.iter().map(|(task, epoch)| one(task, *epoch)).collect(),
            standby: tasks.standby.iter().map(|task| one(task, 0)).collect(),
        }
    }

    fn tasks(self) -> Tasks {
        let one = |task: &TaskV1| Task { subtopology: task.subtopology, partition: task.partition };
        Tasks {
            active: self.active.iter().map(|task| (one(task), task.epoch)).collect(),
            standby: self.standby.iter().map(one).collect(),
        }
    }
}

impl InternalTopicV1 {
    fn all(topics: &[InternalTopic]) -> Vec<InternalTopicV1> {
        let one = |topic: &InternalTopic| InternalTopicV1 {
            name: topic.name.to_string(),
            partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            configs: pairs(&topic.configs),
        };
        topics.iter().map(one).collect()
    }

    fn topics(topics: Vec<InternalTopicV1>) -> Vec<InternalTopic> {
        let one = |topic: InternalTopicV1| InternalTopic {
            name: Arc::from(topic.name),
            partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            configs: key_values(topic.configs),
        };
        topics.into_iter().map(one).collect()
    }
}

impl TopologyV1 {
    fn of(topology: &Topology) -> TopologyV1 {
        let group = |group: &Copartitioned| CopartitionedV1 {
            source_topics: group.source_topics.clone(),
            repartition_sources: group.repartition_sources.clone(),
        };
        let part = |part: &Subtopology| SubtopologyV1 {
            id: part.id.to_string(),
            source_topics: strings(&part.source_topics),
            repartition_sinks: strings(&part.repartition_sinks),
            repartition_sources: InternalTopicV1::all(&part.repartition_sources),
            changelogs: InternalTopicV1::all(&part.changelogs),
            copartitioned: part.copartitioned.iter().map(group).collect(),
        };
        TopologyV1 { epoch: topology.epoch, subtopologies: topology.subtopologies.iter().map(part).collect() }
    }

    fn topology(self) -> Arc<Topology> {
        let group = |group: CopartitionedV1| Copartitioned {
            source_topics: group.source_topics,
            source_patterns: Vec::new(),
            repartition_sources: group.repartition_sources,
        };
        let part = |part: SubtopologyV1| Subtopology {
            id: Arc::from(part.id),
            source_topics: texts(part.source_topics),
            source_patterns: Vec::new(),
            repartition_sinks: texts(part.repartition_sinks),
            repartition_sources: InternalTopicV1::topics(part.repartition_sources),
            changelogs: InternalTopicV1::topics(part.changelogs),
            copartitioned: part.copartitioned.into_iter().map(group).collect(),
        };
        Arc::new(Topology { epoch: self.epoch, subtopologies: self.subtopologies.into_iter().map(part).collect() })
    }
}

impl StreamerV1 {
    fn of(member: &StoredStreamer) -> StreamerV1 {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        StreamerV1 {
            id: member.id.to_string(),
            instance_id: text(&member.instance_id),
            rack_id: text(&member.rack_id),
            client_id: member.client.id.to_string(),
            client_host: member.client.host.to_string(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            topology_epoch: member.topology_epoch,
            process_id: member.process_id.to_string(),
            endpoint_host: member.endpoint.as_ref().map(|endpoint| endpoint.host.to_string()),
            endpoint_port: member.endpoint.as_ref().map_or(0, |endpoint| endpoint.port),
            tags: pairs(&member.tags),
            epoch: member.epoch,
            previous_epoch: member.previous_epoch,
            assigned: TasksV1::of(&member.assigned),
            revoking: TasksV1::of(&member.revoking),
            target: TasksV1::of(&member.target),
        }
    }

    fn member(self) -> Arc<StoredStreamer> {
        let port = self.endpoint_port;
        Arc::new(StoredStreamer {
            id: Arc::from(self.id),
            instance_id: self.instance_id.map(Arc::from),
            rack_id: self.rack_id.map(Arc::from),
            client: GroupClient { id: Arc::from(self.client_id), host: Arc::from(self.client_host) },
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            topology_epoch: self.topology_epoch,
            process_id: Arc::from(self.process_id),
            endpoint: self.endpoint_host.map(|host| StreamsEndpoint { host: Arc::from(host), port }),
            tags: key_values(self.tags),
            epoch: self.epoch,
            previous_epoch: self.previous_epoch,
            assigned: self.assigned.tasks(),
            revoking: self.revoking.tasks(),
            target: self.target.tasks(),
        })
    }
}

/// See [`ChangeStreams`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ChangeStreamsV1 {
    head: HeadV1,
    group: String,
    epoch: i32,
    target_epoch: i32,
    topics_hash: u64,
    ready_epoch: i32,
    standby_replicas: u32,
    rack_tags: String,
    topology: Option<TopologyV1>,
    left: Vec<String>,
    members: Vec<StreamerV1>,
}

impl Stored for ChangeStreamsV1 {
    const FRAME: (u16, u16) = (60, 1);

    fn of(envelope: &Envelope) -> Option<ChangeStreamsV1> {
        let Command::ChangeStreams(change) = &envelope.command else {
            return None;
        };
        Some(ChangeStreamsV1 {
            head: HeadV1::of(envelope),
            group: change.group.to_string(),
            epoch: change.epoch,
            target_epoch: change.target_epoch,
            topics_hash: change.topics_hash,
            ready_epoch: change.ready_epoch,
            standby_replicas: change.standby_replicas,
            rack_tags: change.rack_tags.to_string(),
            topology: change.topology.as_ref().map(|topology| TopologyV1::of(topology)),
            left: strings(&change.left),
            members: change.members.iter().map(|member| StreamerV1::of(member)).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let change = ChangeStreams {
            group: Arc::from(self.group),
            epoch: self.epoch,
            target_epoch: self.target_epoch,
            topics_hash: self.topics_hash,
            ready_epoch: self.ready_epoch,
            standby_replicas: self.standby_replicas,
            rack_tags: Arc::from(self.rack_tags),
            topology: self.topology.map(TopologyV1::topology),
            left: texts(self.left),
            members: self.members.into_iter().map(StreamerV1::member).collect(),
        };
        Ok(self.head.with(Command::ChangeStreams(Arc::new(change))))
    }
}
