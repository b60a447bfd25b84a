//! Streams groups (KIP-1071): applications whose tasks the coordinator assigns, and what operators see of them.

use std::sync::Arc;

use super::GroupClient;
use crate::error::Refused;

/// The type of a streams group, as ListGroups tells it; its members call their protocol so too.
pub const STREAMS_TYPE: &str = "streams";

/// Numbers of partitions by subtopology: each is a task.
pub type TaskIds = Vec<(Arc<str>, Vec<i32>)>;

/// Texts by text.
pub type KeyValues = Vec<(Arc<str>, Arc<str>)>;

/// A member joins, lives, changes its mind, or leaves.
#[derive(Clone, Debug)]
pub struct StreamsHeartbeatRequest {
    /// The group.
    pub group_id: Arc<str>,
    /// Its id, which it draws itself.
    pub member_id: Arc<str>,
    /// What it knows of itself: 0 joins, -1 leaves, -2 leaves for a while under its static name.
    pub member_epoch: i32,
    /// The newest state of everyone's endpoints that it knows.
    pub endpoint_epoch: i32,
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// Where it is, if it says so anew.
    pub rack_id: Option<Arc<str>>,
    /// How long it may take to give tasks back, milliseconds, if it says so anew.
    pub rebalance_timeout_ms: Option<i32>,
    /// What the application computes; said by whoever joins.
    pub topology: Option<Topology>,
    /// The tasks that it runs, if it says so anew.
    pub active: Option<TaskIds>,
    /// The tasks whose state it keeps for others, if it says so anew.
    pub standby: Option<TaskIds>,
    /// The tasks whose state it builds up in order to run them, if it says so anew.
    pub warmup: Option<TaskIds>,
    /// The process that it lives in, if it says so anew.
    pub process_id: Option<Arc<str>>,
    /// Where the application answers questions about its state, if it says so anew.
    pub endpoint: Option<StreamsEndpoint>,
    /// What its placement may follow, if it says so anew.
    pub tags: Option<KeyValues>,
    /// How far the states of tasks came, if it says so anew.
    pub offsets: Option<Vec<TaskOffset>>,
    /// How far they could come, if it says so anew.
    pub end_offsets: Option<Vec<TaskOffset>>,
    /// All members of the application are to end.
    pub shutdown: bool,
    /// It understands that tags of clients are missing (from version 1).
    pub knows_missing_tags: bool,
}

/// Where an application answers questions about its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsEndpoint {
    /// The host.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
}

/// How far the state of a task came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOffset {
    /// The subtopology.
    pub subtopology: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The sum over the task's changelogs, records.
    pub offset: i64,
}

/// What an application computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Rises with its versions.
    pub epoch: i32,
    /// Its parts, each of which is run partition by partition.
    pub subtopologies: Vec<Subtopology>,
}

/// A part of a [`Topology`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtopology {
    /// Its name.
    pub id: Arc<str>,
    /// The topics that it reads.
    pub source_topics: Vec<Arc<str>>,
    /// Patterns of topics that it reads.
    pub source_patterns: Vec<Arc<str>>,
    /// Topics that it writes for other parts.
    pub repartition_sinks: Vec<Arc<str>>,
    /// Topics that other parts write for it.
    pub repartition_sources: Vec<InternalTopic>,
    /// Topics that its state is kept in.
    pub changelogs: Vec<InternalTopic>,
    /// Topics that must have as many partitions as each other.
    pub copartitioned: Vec<Copartitioned>,
}

/// A topic that belongs to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalTopic {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it must have; 0: what follows from others.
    pub partitions: i32,
    /// As asked; 0: the broker's default.
    pub replication_factor: i16,
    /// Its settings.
    pub configs: KeyValues,
}

/// Topics of a [`Subtopology`] that must have as many partitions as each other, as indexes of its lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copartitioned {
    /// Of its source topics.
    pub source_topics: Vec<i16>,
    /// Of its patterns.
    pub source_patterns: Vec<i16>,
    /// Of its repartition sources.
    pub repartition_sources: Vec<i16>,
}

/// Where the member stands.
#[derive(Clone, Debug)]
pub struct StreamsHeartbeatResponse {
    /// That, or why it is none.
    pub result: Result<StreamsBeat, Refused>,
}

/// Where a member stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsBeat {
    /// Its id.
    pub member_id: Arc<str>,
    /// Its epoch.
    pub member_epoch: i32,
    /// When to beat again, milliseconds; 0 to one who leaves.
    pub interval_ms: i32,
    /// How far a state may be behind to be as good as whole, records.
    pub acceptable_lag: i64,
    /// How often to say how far states came, milliseconds.
    pub offset_interval_ms: i32,
    /// What keeps the group from its work, or what it is to do.
    pub statuses: Vec<StreamsStatus>,
    /// The tasks that it has, where they changed or it cannot know them.
    pub tasks: Option<TaskSets>,
    /// The state of everyone's endpoints.
    pub endpoint_epoch: i32,
    /// Those, where the member does not know that state.
    pub endpoints: Option<Vec<EndpointPartitions>>,
}

/// The tasks of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskSets {
    /// Those that it runs.
    pub active: TaskIds,
    /// Those whose state it keeps for others.
    pub standby: TaskIds,
}

/// What a group or a member is told beside its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsStatus {
    /// Kafka's word for it.
    pub kind: StreamsStatusKind,
    /// What a person reads.
    pub detail: Arc<str>,
}

/// Kafka's words of [`StreamsStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamsStatusKind {
    /// The member's topology is older than the group's (0).
    StaleTopology,
    /// Topics that are read do not exist (1).
    MissingSourceTopics,
    /// Topics do not have the partitions that they must have (2).
    IncorrectlyPartitionedTopics,
    /// Topics of the application do not exist yet (3).
    MissingInternalTopics,
    /// All members are to end (4).
    ShutdownApplication,
    /// Tasks are assigned later (5).
    AssignmentDelayed,
    /// The member lacks tags that its placement follows (6).
    MissingClientTags,
}

/// The partitions that are worked on behind an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPartitions {
    /// The endpoint.
    pub endpoint: StreamsEndpoint,
    /// Partitions that are read there, by topic.
    pub active: TaskIds,
    /// Partitions whose state is kept there for others, by topic.
    pub standby: TaskIds,
}

/// What are these groups?
#[derive(Clone, Debug)]
pub struct StreamsDescribeRequest {
    /// Their ids.
    pub groups: Vec<Arc<str>>,
    /// Say also what the asker may do.
    pub authorized_operations: bool,
    /// Say also what the whole topology looks like (from version 1).
    pub topology_description: bool,
}

/// They are.
#[derive(Clone, Debug)]
pub struct StreamsDescribeResponse {
    /// In the request's order.
    pub groups: Vec<DescribedStreams>,
    /// The operations are told, where they were asked for.
    pub authorized_operations: bool,
    /// Topologies were asked for: none is stored.
    pub topology_description: bool,
}

/// One group.
#[derive(Clone, Debug)]
pub struct DescribedStreams {
    /// Its id.
    pub group_id: Arc<str>,
    /// The group, or why it is none.
    pub result: Result<StreamsDescription, Refused>,
}

/// Where a streams group stands, under Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamsState {
    /// Nobody is in it.
    Empty,
    /// Topics are missing, or have other partitions than they must.
    NotReady,
    /// Members or topics changed since tasks were assigned last.
    Assigning,
    /// Members are on their way to what they were assigned.
    Reconciling,
    /// Everyone has what he is to have.
    Stable,
}

impl StreamsState {
    /// Kafka's own text of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            StreamsState::Empty => "Empty",
            StreamsState::NotReady => "NotReady",
            StreamsState::Assigning => "Assigning",
            StreamsState::Reconciling => "Reconciling",
            StreamsState::Stable => "Stable",
        }
    }
}

/// A group, described.
#[derive(Clone, Debug)]
pub struct StreamsDescription {
    /// Where it stands.
    pub state: StreamsState,
    /// Rises with every change of members and topics.
    pub epoch: i32,
    /// The epoch that tasks were assigned for last.
    pub assignment_epoch: i32,
    /// What assigns them.
    pub assignor: Arc<str>,
    /// What it computes, with the partitions that its topics have where all are there.
    pub topology: Option<Topology>,
    /// Everyone.
    pub members: Vec<DescribedStreamsMember>,
}

/// A member, described.
#[derive(Clone, Debug)]
pub struct DescribedStreamsMember {
    /// Its id.
    pub member_id: Arc<str>,
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack_id: Option<Arc<str>>,
    /// How far it came.
    pub member_epoch: i32,
    /// As it last beat.
    pub client: GroupClient,
    /// The version of the topology that it joined with.
    pub topology_epoch: i32,
    /// The process that it lives in.
    pub process_id: Arc<str>,
    /// Where it answers questions.
    pub endpoint: Option<StreamsEndpoint>,
    /// What its placement may follow.
    pub tags: KeyValues,
    /// How far the states of tasks came, as it last said.
    pub offsets: Vec<TaskOffset>,
    /// How far they could come, as it last said.
    pub end_offsets: Vec<TaskOffset>,
    /// What it has.
    pub assigned: TaskSets,
    /// What it is to have.
    pub target: TaskSets,
}
