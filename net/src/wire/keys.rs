//! The APIs that are served, in one table: dispatch, headers and ApiVersions all read it.

use super::schema::{
    Message, alter_configs, api_versions,
    client_quotas::{alter as alter_quotas, describe as describe_quotas},
    cluster, config_resources, configs, consumer_describe, consumer_groups, coordinator, delete_records,
    describe_producers, elections, features, fetch, group_admin, group_offsets, groups, leader_epoch, list_offsets,
    log_dirs, metadata, partitions, produce, producer_id,
    quorum::request as quorum_request,
    reassignments, replace_configs, share_acknowledge, share_describe, share_fetch, share_groups, share_offsets,
    share_removal, streams_describe, streams_groups, telemetry, topics,
};
use super::versions::{Format, Versions};

macro_rules! served {
    ($($(#[$doc:meta])* $key:ident: $module:ident::$request:ident $versions:literal shown $shown:literal;)*) => {
        /// An API that is served.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(i16)]
        pub enum ApiKey {$(
            #[doc = concat!("Served in versions ", $versions, ".")]
            $(#[$doc])*
            $key = <$module::$request as Message>::KEY,
        )*}

        /// Every served API, by ascending key.
        pub const SERVED: &[Served] = &[$(Served {
            key: ApiKey::$key,
            versions: Versions::parse($versions),
            shown: Versions::parse($shown),
            flexible: <$module::$request as Message>::FLEXIBLE,
        },)*];
    };
}

served! {
    /// Versions 0 to 2 are shown but refused: librdkafka tests features by Produce 0 (KAFKA-18659).
    Produce: produce::ProduceRequest "3-13" shown "0-13";
    Fetch: fetch::FetchRequest "4-18" shown "4-18";
    ListOffsets: list_offsets::ListOffsetsRequest "1-11" shown "1-11";
    Metadata: metadata::MetadataRequest "0-13" shown "0-13";
    OffsetCommit: group_offsets::OffsetCommitRequest "2-10" shown "2-10";
    OffsetFetch: group_offsets::OffsetFetchRequest "1-10" shown "1-10";
    FindCoordinator: coordinator::FindCoordinatorRequest "0-6" shown "0-6";
    JoinGroup: groups::JoinGroupRequest "0-9" shown "0-9";
    Heartbeat: groups::HeartbeatRequest "0-4" shown "0-4";
    LeaveGroup: groups::LeaveGroupRequest "0-5" shown "0-5";
    SyncGroup: groups::SyncGroupRequest "0-5" shown "0-5";
    DescribeGroups: group_admin::DescribeGroupsRequest "0-6" shown "0-6";
    ListGroups: group_admin::ListGroupsRequest "0-5" shown "0-5";
    ApiVersions: api_versions::ApiVersionsRequest "0-5" shown "0-5";
    CreateTopics: topics::CreateTopicsRequest "2-7" shown "2-7";
    DeleteTopics: topics::DeleteTopicsRequest "1-6" shown "1-6";
    DeleteRecords: delete_records::DeleteRecordsRequest "0-2" shown "0-2";
    /// Version 6 is unstable in Kafka 4.4.
    InitProducerId: producer_id::InitProducerIdRequest "0-5" shown "0-5";
    OffsetForLeaderEpoch: leader_epoch::OffsetForLeaderEpochRequest "2-4" shown "2-4";
    DescribeConfigs: configs::DescribeConfigsRequest "1-4" shown "1-4";
    AlterConfigs: replace_configs::AlterConfigsRequest "0-2" shown "0-2";
    DescribeLogDirs: log_dirs::DescribeLogDirsRequest "1-5" shown "1-5";
    CreatePartitions: partitions::CreatePartitionsRequest "0-3" shown "0-3";
    DeleteGroups: group_admin::DeleteGroupsRequest "0-3" shown "0-3";
    ElectLeaders: elections::ElectLeadersRequest "0-2" shown "0-2";
    IncrementalAlterConfigs: alter_configs::IncrementalAlterConfigsRequest "0-1" shown "0-1";
    AlterPartitionReassignments: reassignments::AlterPartitionReassignmentsRequest "0-1" shown "0-1";
    ListPartitionReassignments: reassignments::ListPartitionReassignmentsRequest "0" shown "0";
    OffsetDelete: group_offsets::OffsetDeleteRequest "0" shown "0";
    DescribeClientQuotas: describe_quotas::DescribeClientQuotasRequest "0-1" shown "0-1";
    AlterClientQuotas: alter_quotas::AlterClientQuotasRequest "0-1" shown "0-1";
    DescribeQuorum: quorum_request::DescribeQuorumRequest "0-2" shown "0-2";
    UpdateFeatures: features::UpdateFeaturesRequest "0-2" shown "0-2";
    DescribeCluster: cluster::DescribeClusterRequest "0-2" shown "0-2";
    DescribeProducers: describe_producers::DescribeProducersRequest "0" shown "0";
    ConsumerGroupHeartbeat: consumer_groups::ConsumerGroupHeartbeatRequest "0-1" shown "0-1";
    ConsumerGroupDescribe: consumer_describe::ConsumerGroupDescribeRequest "0-1" shown "0-1";
    GetTelemetrySubscriptions: telemetry::GetTelemetrySubscriptionsRequest "0" shown "0";
    PushTelemetry: telemetry::PushTelemetryRequest "0" shown "0";
    ListConfigResources: config_resources::ListConfigResourcesRequest "0-1" shown "0-1";
    DescribeTopicPartitions: partitions::DescribeTopicPartitionsRequest "0" shown "0";
    ShareGroupHeartbeat: share_groups::ShareGroupHeartbeatRequest "1" shown "1";
    ShareGroupDescribe: share_describe::ShareGroupDescribeRequest "1" shown "1";
    ShareFetch: share_fetch::ShareFetchRequest "1-2" shown "1-2";
    ShareAcknowledge: share_acknowledge::ShareAcknowledgeRequest "1-2" shown "1-2";
    StreamsGroupHeartbeat: streams_groups::StreamsGroupHeartbeatRequest "0-1" shown "0-1";
    StreamsGroupDescribe: streams_describe::StreamsGroupDescribeRequest "0-1" shown "0-1";
    DescribeShareGroupOffsets: share_offsets::DescribeShareGroupOffsetsRequest "0-1" shown "0-1";
    AlterShareGroupOffsets: share_offsets::AlterShareGroupOffsetsRequest "0" shown "0";
    DeleteShareGroupOffsets: share_removal::DeleteShareGroupOffsetsRequest "0" shown "0";
}

/// How an API is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Served {
    /// Which.
    pub key: ApiKey,
    /// The versions that are answered.
    pub versions: Versions,
    /// The versions that ApiVersions shows.
    pub shown: Versions,
    /// The versions with compact lengths and tagged fields.
    pub flexible: Versions,
}

/// One more than the largest key: what is counted by key has as many places.
const CODES: usize = apus_core::counters::API_CODES;

const BY_CODE: [Option<Served>; CODES] = {
    let mut table = [None; CODES];
    let mut index = 0;
    while index < SERVED.len() {
        table[SERVED[index].key as usize] = Some(SERVED[index]);
        index += 1;
    }
    table
};

impl ApiKey {
    /// The API of a key in a header, if it is served.
    #[inline]
    pub fn of(code: i16) -> Option<ApiKey> {
        let served = BY_CODE.get(usize::try_from(code).ok()?)?;
        served.map(|served| served.key)
    }

    /// Kafka's number for it.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// How it is served.
    #[inline]
    pub fn served(self) -> Served {
        BY_CODE[self as usize].expect("the table is made of every key")
    }

    /// The layout of its bodies at a version.
    #[inline]
    pub fn format(self, version: i16) -> Format {
        Format { version, flexible: self.served().flexible.contains(version) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ascend_and_are_found_by_their_codes() {
        assert!(SERVED.is_sorted_by(|left, right| left.key.code() < right.key.code()));
        for served in SERVED {
            assert_eq!(ApiKey::of(served.key.code()), Some(served.key));
            assert_eq!(served.key.served(), *served);
        }
        for code in [i16::MIN, -1, 4, 93, 96, i16::MAX] {
            assert_eq!(ApiKey::of(code), None);
        }
    }
}
