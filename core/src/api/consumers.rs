//! Groups of the consumer protocol (KIP-848): heartbeats that are all of membership, and what operators see.

use std::sync::Arc;

use super::GroupClient;
use crate::error::Refused;
use crate::ids::TopicId;

/// The type of a group of the consumer protocol, as ListGroups tells it.
pub const CONSUMER_TYPE: &str = "consumer";

/// Partitions by topic.
pub type TopicPartitions = Vec<(TopicId, Vec<i32>)>;

/// A member joins, lives, changes its mind, or leaves.
#[derive(Clone, Debug)]
pub struct ConsumerHeartbeatRequest {
    /// The group.
    pub group_id: Arc<str>,
    /// Its id; empty where the coordinator is to draw one.
    pub member_id: Arc<str>,
    /// Members draw their ids themselves (from version 1).
    pub member_id_required: bool,
    /// What it knows of itself: 0 joins, -1 leaves, -2 leaves for a while under its static name.
    pub member_epoch: i32,
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// Where it is, if it says so anew.
    pub rack_id: Option<Arc<str>>,
    /// How long it may take to give partitions back, milliseconds, if it says so anew.
    pub rebalance_timeout_ms: Option<i32>,
    /// The topics that it wants, if it says so anew.
    pub topics: Option<Vec<Arc<str>>>,
    /// The pattern of topics that it wants, if it says so anew; an empty one wants none.
    pub regex: Option<Arc<str>>,
    /// The assignor that it prefers, if it says so anew.
    pub assignor: Option<Arc<str>>,
    /// The partitions that it holds, if it says so anew.
    pub owned: Option<TopicPartitions>,
}

/// Where the member stands.
#[derive(Clone, Debug)]
pub struct ConsumerHeartbeatResponse {
    /// That, or why it is none.
    pub result: Result<ConsumerBeat, Refused>,
}

/// Where a member stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerBeat {
    /// Its id.
    pub member_id: Arc<str>,
    /// Its epoch.
    pub member_epoch: i32,
    /// When to beat again, milliseconds.
    pub interval_ms: i32,
    /// The partitions that it may use, where they changed or it cannot know them.
    pub assignment: Option<TopicPartitions>,
}

/// What are these groups?
#[derive(Clone, Debug)]
pub struct ConsumerDescribeRequest {
    /// Their ids.
    pub groups: Vec<Arc<str>>,
    /// Say also what the asker may do.
    pub authorized_operations: bool,
}

/// They are.
#[derive(Clone, Debug)]
pub struct ConsumerDescribeResponse {
    /// In the request's order.
    pub groups: Vec<DescribedConsumers>,
    /// The operations are told, where they were asked for.
    pub authorized_operations: bool,
}

/// One group.
#[derive(Clone, Debug)]
pub struct DescribedConsumers {
    /// Its id.
    pub group_id: Arc<str>,
    /// The group, or why it is none.
    pub result: Result<ConsumersDescription, Refused>,
}

/// Where a group of the consumer protocol stands, under Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsumerState {
    /// Nobody is in it.
    Empty,
    /// Members or topics changed since partitions were assigned last.
    Assigning,
    /// Members are on their way to what they were assigned.
    Reconciling,
    /// Everyone has what he is to have.
    Stable,
}

impl ConsumerState {
    /// Kafka's own text of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ConsumerState::Empty => "Empty",
            ConsumerState::Assigning => "Assigning",
            ConsumerState::Reconciling => "Reconciling",
            ConsumerState::Stable => "Stable",
        }
    }
}

/// A group, described.
#[derive(Clone, Debug)]
pub struct ConsumersDescription {
    /// Where it stands.
    pub state: ConsumerState,
    /// Rises with every change of members and topics.
    pub epoch: i32,
    /// The epoch that partitions were assigned for last.
    pub assignment_epoch: i32,
    /// What assigns them.
    pub assignor: Arc<str>,
    /// Everyone.
    pub members: Vec<DescribedConsumer>,
}

/// A member, described.
#[derive(Clone, Debug)]
pub struct DescribedConsumer {
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
    /// The topics that it names.
    pub topics: Vec<Arc<str>>,
    /// The pattern of topics that it names.
    pub regex: Option<Arc<str>>,
    /// What it has.
    pub assigned: Vec<NamedPartitions>,
    /// What it is to have.
    pub target: Vec<NamedPartitions>,
    /// It is of the classic protocol.
    pub is_classic: bool,
}

/// Partitions of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPartitions {
    /// The topic.
    pub topic: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Kafka's indexes.
    pub partitions: Vec<i32>,
}
