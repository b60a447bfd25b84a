//! What fronts ask of the coordinator about groups. Topics are resolved by the front: the coordinator hears of ids only,
//! and of partitions that existed when the front looked.

use std::sync::Arc;

use crate::api::{
    ConsumerDescribeRequest, ConsumerDescribeResponse, ConsumerHeartbeatRequest, ConsumerHeartbeatResponse,
    DeleteGroupsRequest, DeleteGroupsResponse, DeletedGroup, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribedConsumers, DescribedGroup, DescribedStreams, GroupCaller, GroupClient, GroupOffset, HeartbeatRequest,
    HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest,
    ListGroupsResponse, StreamsDescribeRequest, StreamsDescribeResponse, StreamsHeartbeatRequest,
    StreamsHeartbeatResponse, SyncGroupRequest, SyncGroupResponse,
};
use crate::error::Refusal;
use crate::ids::TopicId;
use crate::share_message::{ShareAnswer, ShareAsk};

/// A question about groups. A join or a sync may be answered minutes later; where its connection is gone by then, the
/// front drops the answer.
#[derive(Clone, Debug)]
pub enum GroupAsk {
    /// Answered when the generation is complete.
    Join {
        /// What is asked.
        request: JoinGroupRequest,
        /// By whom.
        client: GroupClient,
    },
    /// Answered when the leader has brought the assignments, and they are durable.
    Sync(SyncGroupRequest),
    /// At once.
    Heartbeat(HeartbeatRequest),
    /// When it is durable.
    Leave(LeaveGroupRequest),
    /// When it is durable.
    Commit(CommitOffsets),
    /// At once.
    Fetch(FetchOffsets),
    /// At once.
    List(ListGroupsRequest),
    /// At once.
    Describe(DescribeGroupsRequest),
    /// When it is durable.
    Delete(DeleteGroupsRequest),
    /// When it is durable.
    Forget(ForgetOffsets),
    /// A member of the consumer protocol beats: when what it changes is durable.
    Beat {
        /// What is asked.
        request: Box<ConsumerHeartbeatRequest>,
        /// By whom.
        client: GroupClient,
    },
    /// At once.
    DescribeConsumers(ConsumerDescribeRequest),
    /// Of share groups.
    Share(ShareAsk),
    /// A member of a streams group beats: when what it changes is durable.
    StreamsBeat {
        /// What is asked.
        request: Box<StreamsHeartbeatRequest>,
        /// By whom.
        client: GroupClient,
    },
    /// At once.
    DescribeStreams(StreamsDescribeRequest),
}

/// The answer to a [`GroupAsk`] of the same name.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The questions say it.
pub enum GroupAnswer {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    Leave(LeaveGroupResponse),
    /// Of all topics that were asked of, in their order; or why none.
    Commit(Result<Vec<OffsetsCommitted>, Refusal>),
    /// Of all groups that were asked of, in their order.
    Fetch(Vec<Result<Vec<OffsetsFetched>, Refusal>>),
    List(ListGroupsResponse),
    Describe(DescribeGroupsResponse),
    Delete(DeleteGroupsResponse),
    /// Of all topics that were asked of, in their order; or why none.
    Forget(Result<Vec<OffsetsCommitted>, Refusal>),
    Beat(ConsumerHeartbeatResponse),
    DescribeConsumers(ConsumerDescribeResponse),
    Share(ShareAnswer),
    StreamsBeat(StreamsHeartbeatResponse),
    DescribeStreams(StreamsDescribeResponse),
}

/// A group's new positions.
#[derive(Clone, Debug)]
pub struct CommitOffsets {
    /// Who says so.
    pub caller: GroupCaller,
    /// The client knows the consumer protocol.
    pub knows_epochs: bool,
    /// How long they are kept, where the client says so, milliseconds.
    pub retention_ms: Option<i64>,
    /// By topic and partition index; never empty.
    pub topics: Vec<(TopicId, Vec<(i32, GroupOffset)>)>,
}

/// What was noted in one topic.
#[derive(Clone, Debug)]
pub struct OffsetsCommitted {
    /// The topic.
    pub topic: TopicId,
    /// In the order of the question.
    pub partitions: Vec<(i32, Result<(), Refusal>)>,
}

/// Positions of a group that are to be forgotten.
#[derive(Clone, Debug)]
pub struct ForgetOffsets {
    /// The group.
    pub group_id: Arc<str>,
    /// By topic and partition index; never empty.
    pub topics: Vec<(TopicId, Vec<i32>)>,
}

/// Which positions are wanted.
#[derive(Clone, Debug)]
pub struct FetchOffsets {
    /// By group.
    pub groups: Vec<FetchGroupOffsets>,
    /// Rather UNSTABLE_OFFSET_COMMIT than an offset that a transaction is about to replace.
    pub require_stable: bool,
}

/// Which positions of one group.
#[derive(Clone, Debug)]
pub struct FetchGroupOffsets {
    /// The group.
    pub group_id: Arc<str>,
    /// A member of the new consumer protocol, with its epoch; classic members do not say.
    pub member: Option<(Arc<str>, i32)>,
    /// By topic and partition index; nothing: all that the group has.
    pub topics: Option<Vec<(TopicId, Vec<i32>)>>,
}

/// Positions in one topic.
#[derive(Clone, Debug)]
pub struct OffsetsFetched {
    /// The topic.
    pub topic: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// In the order of the question, or by index; nothing where the group never committed.
    pub partitions: Vec<(i32, Result<Option<GroupOffset>, Refusal>)>,
}

impl GroupAsk {
    /// True where it may change what is durable: those keep their order.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            GroupAsk::Join { .. }
            | GroupAsk::Sync(_)
            | GroupAsk::Leave(_)
            | GroupAsk::Commit(_)
            | GroupAsk::Delete(_)
            | GroupAsk::Forget(_)
            | GroupAsk::Beat { .. }
            | GroupAsk::StreamsBeat { .. } => true,
            GroupAsk::Heartbeat(_) | GroupAsk::Fetch(_) | GroupAsk::List(_) | GroupAsk::Describe(_) => false,
            GroupAsk::DescribeConsumers(_) | GroupAsk::DescribeStreams(_) => false,
            GroupAsk::Share(ask) => ask.writes(),
        }
    }

    /// The answer that refuses all of it.
    #[must_use]
    pub fn refused(self, refusal: Refusal) -> GroupAnswer {
        match self {
            GroupAsk::Join { request, .. } => {
                GroupAnswer::Join(JoinGroupResponse { member_id: request.member_id, result: Err(refusal) })
            }
            GroupAsk::Sync(_) => GroupAnswer::Sync(SyncGroupResponse { result: Err(refusal) }),
            GroupAsk::Heartbeat(_) => GroupAnswer::Heartbeat(HeartbeatResponse { result: Err(refusal) }),
            GroupAsk::Leave(_) => GroupAnswer::Leave(LeaveGroupResponse { result: Err(refusal) }),
            GroupAsk::Commit(_) => GroupAnswer::Commit(Err(refusal)),
            GroupAsk::Forget(_) => GroupAnswer::Forget(Err(refusal)),
            GroupAsk::Beat { .. } => GroupAnswer::Beat(ConsumerHeartbeatResponse { result: Err(refusal.into()) }),
            GroupAsk::StreamsBeat { .. } => {
                GroupAnswer::StreamsBeat(StreamsHeartbeatResponse { result: Err(refusal.into()) })
            }
            GroupAsk::DescribeStreams(request) => {
                let describe = |group_id| DescribedStreams { group_id, result: Err(refusal.into()) };
                GroupAnswer::DescribeStreams(StreamsDescribeResponse {
                    groups: request.groups.into_iter().map(describe).collect(),
                    authorized_operations: request.authorized_operations,
                    topology_description: request.topology_description,
                })
            }
            GroupAsk::DescribeConsumers(request) => {
                let describe = |group_id| DescribedConsumers { group_id, result: Err(refusal.into()) };
                GroupAnswer::DescribeConsumers(ConsumerDescribeResponse {
                    groups: request.groups.into_iter().map(describe).collect(),
                    authorized_operations: request.authorized_operations,
                })
            }
            GroupAsk::Share(ask) => GroupAnswer::Share(ask.refused(refusal)),
            GroupAsk::Fetch(wanted) => GroupAnswer::Fetch(wanted.groups.iter().map(|_| Err(refusal)).collect()),
            GroupAsk::List(_) => GroupAnswer::List(ListGroupsResponse { result: Err(refusal) }),
            GroupAsk::Describe(request) => {
                let describe = |group_id| DescribedGroup { group_id, result: Err(refusal.into()) };
                GroupAnswer::Describe(DescribeGroupsResponse {
                    groups: request.groups.into_iter().map(describe).collect(),
                    authorized_operations: request.authorized_operations,
                })
            }
            GroupAsk::Delete(request) => {
                let delete = |group_id| DeletedGroup { group_id, result: Err(refusal.into()) };
                GroupAnswer::Delete(DeleteGroupsResponse { groups: request.groups.into_iter().map(delete).collect() })
            }
        }
    }
}
