//! What clients ask and are told, free of protocol versions: the codec of `net` maps bytes to and from this.
//!
//! A request that names topics by id or by name is answered by the same, so answers echo a [`TopicRef`].

use std::sync::Arc;

use crate::ids::TopicId;

mod admin;
mod cluster;
mod configs;
mod consumers;
mod fetch;
mod group_offsets;
mod groups;
mod logs;
mod metadata;
mod offsets;
mod partitions;
mod produce;
mod producers;
mod quorum;
mod quotas;
mod records;
mod refusals;
mod replicas;
mod shares;
mod streams;
mod telemetry;
mod topics;

pub use admin::*;
pub use cluster::*;
pub use configs::*;
pub use consumers::*;
pub use fetch::*;
pub use group_offsets::*;
pub use groups::*;
pub use logs::*;
pub use metadata::*;
pub use offsets::*;
pub use partitions::*;
pub use produce::*;
pub use producers::*;
pub use quorum::*;
pub use quotas::*;
pub use records::*;
pub use replicas::*;
pub use shares::*;
pub use streams::*;
pub use telemetry::*;
pub use topics::*;

/// What is known of the asker, from the first day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// `User:ANONYMOUS` until listeners authenticate.
    pub principal: Arc<str>,
    /// Which listener, in the order of the configuration.
    pub listener: u16,
    /// The client id of the request's header, or empty.
    pub client_id: Arc<str>,
    /// The client's address without its port, as Kafka prints it: `/127.0.0.1`.
    pub host: Arc<str>,
    /// The client's zone, where it is known.
    pub zone: Option<Arc<str>>,
    /// What the client said of itself, once it did.
    pub software: Option<Arc<Software>>,
}

/// A topic as a client names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicRef {
    /// By name.
    Name(Arc<str>),
    /// By the id of its present incarnation.
    Id(TopicId),
}

/// One request. ApiVersions never gets here: the session answers it.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Kafka's own names.
pub enum Request {
    Produce(ProduceRequest),
    Fetch(FetchRequest),
    ListOffsets(ListOffsetsRequest),
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest),
    Metadata(MetadataRequest),
    DescribeCluster(DescribeClusterRequest),
    CreateTopics(CreateTopicsRequest),
    DeleteTopics(DeleteTopicsRequest),
    DescribeConfigs(DescribeConfigsRequest),
    InitProducerId(InitProducerIdRequest),
    FindCoordinator(FindCoordinatorRequest),
    JoinGroup(JoinGroupRequest),
    SyncGroup(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    LeaveGroup(LeaveGroupRequest),
    OffsetCommit(OffsetCommitRequest),
    OffsetFetch(OffsetFetchRequest),
    DescribeGroups(DescribeGroupsRequest),
    ListGroups(ListGroupsRequest),
    DeleteGroups(DeleteGroupsRequest),
    OffsetDelete(OffsetDeleteRequest),
    ConsumerGroupHeartbeat(ConsumerHeartbeatRequest),
    ConsumerGroupDescribe(ConsumerDescribeRequest),
    StreamsGroupHeartbeat(Box<StreamsHeartbeatRequest>),
    StreamsGroupDescribe(StreamsDescribeRequest),
    CreatePartitions(CreatePartitionsRequest),
    DescribeTopicPartitions(DescribeTopicPartitionsRequest),
    DeleteRecords(DeleteRecordsRequest),
    AlterConfigs(AlterConfigsRequest),
    Admin(AdminRequest),
    Share(ShareRequest),
}

/// The answer to a [`Request`] of the same name.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Kafka's own names.
pub enum Response {
    Produce(ProduceResponse),
    Fetch(FetchResponse),
    ListOffsets(ListOffsetsResponse),
    OffsetForLeaderEpoch(OffsetForLeaderEpochResponse),
    Metadata(MetadataResponse),
    DescribeCluster(DescribeClusterResponse),
    CreateTopics(CreateTopicsResponse),
    DeleteTopics(DeleteTopicsResponse),
    DescribeConfigs(DescribeConfigsResponse),
    InitProducerId(InitProducerIdResponse),
    FindCoordinator(FindCoordinatorResponse),
    JoinGroup(JoinGroupResponse),
    SyncGroup(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    LeaveGroup(LeaveGroupResponse),
    OffsetCommit(OffsetCommitResponse),
    OffsetFetch(OffsetFetchResponse),
    DescribeGroups(DescribeGroupsResponse),
    ListGroups(ListGroupsResponse),
    DeleteGroups(DeleteGroupsResponse),
    OffsetDelete(OffsetDeleteResponse),
    ConsumerGroupHeartbeat(ConsumerHeartbeatResponse),
    ConsumerGroupDescribe(ConsumerDescribeResponse),
    StreamsGroupHeartbeat(StreamsHeartbeatResponse),
    StreamsGroupDescribe(StreamsDescribeResponse),
    CreatePartitions(CreatePartitionsResponse),
    DescribeTopicPartitions(DescribeTopicPartitionsResponse),
    DeleteRecords(DeleteRecordsResponse),
    AlterConfigs(AlterConfigsResponse),
    Admin(AdminResponse),
    Share(ShareResponse),
    /// acks=0 and all went well: nothing is sent.
    Silence,
    /// acks=0 and something went wrong: the connection is closed, as Kafka does; the text is for the log.
    Hangup(String),
}
