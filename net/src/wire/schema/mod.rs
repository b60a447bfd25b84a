//! Kafka's messages as tables: one line a field.
//!
//! A table restates Kafka's schema in Rust types. From it the `schema!` macro makes the structure, its decoder, its
//! encoder, its smallest size and a description of itself; a test compares the descriptions, line by line, with the
//! schemas that Kafka 4.4 ships. A line reads
//!
//! ```text
//! name: Type = "versions" null "nullable versions" tag 0 "tagged versions" default value;
//! ```
//!
//! with everything after the versions optional. These structures know versions and nothing else: what a field *means*
//! at which version is said once, where a family of messages is translated to the core's own words (the modules
//! beside this one).

mod declare;

pub mod alter_configs;
pub mod api_versions;
pub mod client_quotas;
pub mod cluster;
pub mod config_resources;
pub mod configs;
pub mod consumer_describe;
pub mod consumer_groups;
pub mod coordinator;
pub mod delete_records;
pub mod describe_producers;
pub mod elections;
pub mod features;
pub mod fetch;
pub mod group_admin;
pub mod group_offsets;
pub mod groups;
pub mod leader_epoch;
pub mod list_offsets;
pub mod log_dirs;
pub mod metadata;
pub mod partitions;
pub mod produce;
pub mod producer_id;
pub mod quorum;
pub mod reassignments;
pub mod replace_configs;
pub mod share_acknowledge;
pub mod share_describe;
pub mod share_fetch;
pub mod share_groups;
pub mod share_offsets;
pub mod share_removal;
pub mod streams_describe;
pub mod streams_groups;
pub mod telemetry;
pub mod topics;

pub use declare::{Direction, Field, Kind, Message, Structure};

/// One message, with its type erased: what tests and fuzz targets walk.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The API key.
    pub key: i16,
    /// Request or response.
    pub direction: Direction,
    /// The versions that the schema has, unstable ones included.
    pub versions: super::versions::Versions,
    /// The versions with compact lengths and tagged fields.
    pub flexible: super::versions::Versions,
    /// Its fields.
    pub structure: &'static Structure,
    /// Decodes a body and encodes what was understood.
    pub recode: fn(&[u8], i16) -> Result<bytes::Bytes, super::reader::Malformed>,
}

const fn entry<'a, M: Message<'a>>(recode: fn(&[u8], i16) -> Result<bytes::Bytes, super::reader::Malformed>) -> Entry {
    Entry {
        key: M::KEY,
        direction: M::DIRECTION,
        versions: M::VERSIONS,
        flexible: M::FLEXIBLE,
        structure: M::STRUCTURE,
        recode,
    }
}

macro_rules! entries {
    ($($($part:ident)::+,)*) => {
        &[$(entry::<$($part)::+>(|body, version| {
            let message = <$($part)::+>::parse(body, version)?;
            let mut writer = super::writer::Writer::new();
            writer.begin();
            message.write(&mut writer, version);
            Ok(writer.finish().body())
        }),)*]
    };
}

/// Every message there is a schema for.
pub const MESSAGES: &[Entry] = entries! {
    produce::ProduceRequest,
    produce::ProduceResponse,
    fetch::FetchRequest,
    fetch::FetchResponse,
    list_offsets::ListOffsetsRequest,
    list_offsets::ListOffsetsResponse,
    metadata::MetadataRequest,
    metadata::MetadataResponse,
    api_versions::ApiVersionsRequest,
    api_versions::ApiVersionsResponse,
    topics::CreateTopicsRequest,
    topics::CreateTopicsResponse,
    topics::DeleteTopicsRequest,
    topics::DeleteTopicsResponse,
    producer_id::InitProducerIdRequest,
    producer_id::InitProducerIdResponse,
    leader_epoch::OffsetForLeaderEpochRequest,
    leader_epoch::OffsetForLeaderEpochResponse,
    configs::DescribeConfigsRequest,
    configs::DescribeConfigsResponse,
    cluster::DescribeClusterRequest,
    cluster::DescribeClusterResponse,
    coordinator::FindCoordinatorRequest,
    coordinator::FindCoordinatorResponse,
    groups::JoinGroupRequest,
    groups::JoinGroupResponse,
    groups::HeartbeatRequest,
    groups::HeartbeatResponse,
    groups::LeaveGroupRequest,
    groups::LeaveGroupResponse,
    groups::SyncGroupRequest,
    groups::SyncGroupResponse,
    group_admin::DescribeGroupsRequest,
    group_admin::DescribeGroupsResponse,
    group_admin::ListGroupsRequest,
    group_admin::ListGroupsResponse,
    group_admin::DeleteGroupsRequest,
    group_admin::DeleteGroupsResponse,
    group_offsets::OffsetCommitRequest,
    group_offsets::OffsetCommitResponse,
    group_offsets::OffsetFetchRequest,
    group_offsets::OffsetFetchResponse,
    delete_records::DeleteRecordsRequest,
    delete_records::DeleteRecordsResponse,
    partitions::CreatePartitionsRequest,
    partitions::CreatePartitionsResponse,
    alter_configs::IncrementalAlterConfigsRequest,
    alter_configs::IncrementalAlterConfigsResponse,
    partitions::DescribeTopicPartitionsRequest,
    partitions::DescribeTopicPartitionsResponse,
    replace_configs::AlterConfigsRequest,
    replace_configs::AlterConfigsResponse,
    log_dirs::DescribeLogDirsRequest,
    log_dirs::DescribeLogDirsResponse,
    elections::ElectLeadersRequest,
    elections::ElectLeadersResponse,
    reassignments::AlterPartitionReassignmentsRequest,
    reassignments::AlterPartitionReassignmentsResponse,
    reassignments::ListPartitionReassignmentsRequest,
    reassignments::ListPartitionReassignmentsResponse,
    quorum::request::DescribeQuorumRequest,
    quorum::response::DescribeQuorumResponse,
    features::UpdateFeaturesRequest,
    features::UpdateFeaturesResponse,
    describe_producers::DescribeProducersRequest,
    describe_producers::DescribeProducersResponse,
    config_resources::ListConfigResourcesRequest,
    config_resources::ListConfigResourcesResponse,
    group_offsets::OffsetDeleteRequest,
    group_offsets::OffsetDeleteResponse,
    consumer_groups::ConsumerGroupHeartbeatRequest,
    consumer_groups::ConsumerGroupHeartbeatResponse,
    consumer_describe::ConsumerGroupDescribeRequest,
    consumer_describe::ConsumerGroupDescribeResponse,
    client_quotas::describe::DescribeClientQuotasRequest,
    client_quotas::described::DescribeClientQuotasResponse,
    client_quotas::alter::AlterClientQuotasRequest,
    client_quotas::altered::AlterClientQuotasResponse,
    share_groups::ShareGroupHeartbeatRequest,
    share_groups::ShareGroupHeartbeatResponse,
    share_describe::ShareGroupDescribeRequest,
    share_describe::ShareGroupDescribeResponse,
    share_fetch::ShareFetchRequest,
    share_fetch::ShareFetchResponse,
    share_acknowledge::ShareAcknowledgeRequest,
    share_acknowledge::ShareAcknowledgeResponse,
    share_offsets::DescribeShareGroupOffsetsRequest,
    share_offsets::DescribeShareGroupOffsetsResponse,
    share_offsets::AlterShareGroupOffsetsRequest,
    share_offsets::AlterShareGroupOffsetsResponse,
    share_removal::DeleteShareGroupOffsetsRequest,
    share_removal::DeleteShareGroupOffsetsResponse,
    telemetry::GetTelemetrySubscriptionsRequest,
    telemetry::GetTelemetrySubscriptionsResponse,
    telemetry::PushTelemetryRequest,
    telemetry::PushTelemetryResponse,
    streams_groups::StreamsGroupHeartbeatRequest,
    streams_groups::StreamsGroupHeartbeatResponse,
    streams_describe::StreamsGroupDescribeRequest,
    streams_describe::StreamsGroupDescribeResponse,
};
