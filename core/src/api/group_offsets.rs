//! OffsetCommit and OffsetFetch: how far a group has come.

use std::sync::Arc;

use super::{GroupCaller, TopicRef};
use crate::error::Refusal;

/// A group came so far.
#[derive(Clone, Debug)]
pub struct OffsetCommitRequest {
    /// Who says so. Generation -1 with an empty member id: nobody's member, which only a group without members lets
    /// commit.
    pub caller: GroupCaller,
    /// Versions from 9 on know members of the consumer protocol.
    pub knows_epochs: bool,
    /// How long the offsets are kept, where the client says so, milliseconds.
    pub retention_ms: Option<i64>,
    /// By topic.
    pub topics: Vec<OffsetCommitTopic>,
}

/// In one topic.
#[derive(Clone, Debug)]
pub struct OffsetCommitTopic {
    /// Which.
    pub topic: TopicRef,
    /// By partition.
    pub partitions: Vec<(i32, GroupOffset)>,
}

/// A group's position in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The next record to read.
    pub offset: i64,
    /// The leader epoch of the last record read, or -1.
    pub leader_epoch: i32,
    /// Whatever the client keeps beside it; empty where it said null, as in Kafka.
    pub metadata: Arc<str>,
}

/// What was noted.
#[derive(Clone, Debug)]
pub struct OffsetCommitResponse {
    /// In the request's order.
    pub topics: Vec<OffsetCommittedTopic>,
}

/// In one topic.
#[derive(Clone, Debug)]
pub struct OffsetCommittedTopic {
    /// As the request named it.
    pub topic: TopicRef,
    /// By partition, in the request's order: noted, or why not. A group that does not exist is GROUP_ID_NOT_FOUND;
    /// versions before 9 say ILLEGAL_GENERATION instead.
    pub partitions: Vec<(i32, Result<(), Refusal>)>,
}

/// How far have these groups come?
#[derive(Clone, Debug)]
pub struct OffsetFetchRequest {
    /// By group.
    pub groups: Vec<OffsetFetchGroup>,
    /// Rather UNSTABLE_OFFSET_COMMIT than an offset that a transaction is about to replace.
    pub require_stable: bool,
    /// Topics are named by id, in the answer too.
    pub by_id: bool,
}

/// Of one group.
#[derive(Clone, Debug)]
pub struct OffsetFetchGroup {
    /// Which.
    pub group_id: Arc<str>,
    /// A member of the new consumer protocol, with its epoch; classic members do not say.
    pub member: Option<(Arc<str>, i32)>,
    /// Which partitions; nothing: all that have an offset.
    pub topics: Option<Vec<OffsetFetchTopic>>,
}

/// Of one topic.
#[derive(Clone, Debug)]
pub struct OffsetFetchTopic {
    /// Which.
    pub topic: TopicRef,
    /// Kafka's partition indexes.
    pub partitions: Vec<i32>,
}

/// So far.
#[derive(Clone, Debug)]
pub struct OffsetFetchResponse {
    /// In the request's order.
    pub groups: Vec<OffsetFetchedGroup>,
}

/// One group.
#[derive(Clone, Debug)]
pub struct OffsetFetchedGroup {
    /// Which.
    pub group_id: Arc<str>,
    /// Why nothing is told of it.
    pub refusal: Option<Refusal>,
    /// Its offsets. Where it is refused: what was asked for, each partition with the refusal, since the oldest version
    /// has no other place for it.
    pub topics: Vec<OffsetFetchedTopic>,
}

/// In one topic.
#[derive(Clone, Debug)]
pub struct OffsetFetchedTopic {
    /// As the request names topics.
    pub topic: TopicRef,
    /// By partition; nothing where the group never committed.
    pub partitions: Vec<(i32, Result<Option<GroupOffset>, Refusal>)>,
}

/// A group is to forget how far it came.
#[derive(Clone, Debug)]
pub struct OffsetDeleteRequest {
    /// Which.
    pub group_id: Arc<str>,
    /// By topic; a topic may have been deleted and its name be nobody's.
    pub topics: Vec<OffsetFetchTopic>,
}

/// It did.
#[derive(Clone, Debug)]
pub struct OffsetDeleteResponse {
    /// In the request's order, or why none.
    pub result: Result<Vec<OffsetCommittedTopic>, Refusal>,
}
