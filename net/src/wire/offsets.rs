//! ListOffsets and OffsetForLeaderEpoch: between bytes and the core's words.

use apus_core::api::{
    EndedPartition, EpochPartition, EpochTopic, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListedPartition, OffsetAt, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, TopicRef,
};
use apus_core::batch::LEADER_EPOCH;
use apus_core::error::Refusal;

use super::error::{NONE, code};
use super::fetch::READ_COMMITTED;
use super::schema::{leader_epoch, list_offsets};
use super::topic;
use super::versions::Versions;

const TIMEOUT: Versions = Versions::parse("10+");

/// The timestamps that are none, and the first version that knows each.
const SPECIAL: [(i64, i16, OffsetAt); 6] = [
    (-1, 0, OffsetAt::Latest),
    (-2, 0, OffsetAt::Earliest),
    (-3, 7, OffsetAt::MaxTimestamp),
    (-4, 8, OffsetAt::EarliestLocal),
    (-5, 9, OffsetAt::LastTiered),
    (-6, 11, OffsetAt::EarliestPendingUpload),
];

fn offset_at(timestamp: i64, version: i16) -> Result<OffsetAt, Refusal> {
    if timestamp >= 0 {
        return Ok(OffsetAt::Time(timestamp));
    }
    let special = SPECIAL.iter().find(|(special, since, _)| *special == timestamp && *since <= version);
    special.map(|(_, _, at)| *at).ok_or(Refusal::UnsupportedVersion)
}

/// The replica id is left out: nobody follows a diskless partition.
pub(super) fn list_request(request: list_offsets::ListOffsetsRequest<'_>, version: i16) -> ListOffsetsRequest {
    let partition = |partition: &list_offsets::ListOffsetsPartition| ListOffsetsPartition {
        index: partition.partition_index,
        leader_epoch: partition.current_leader_epoch,
        at: offset_at(partition.timestamp, version),
    };
    ListOffsetsRequest {
        committed_only: request.isolation_level == READ_COMMITTED,
        timeout_ms: TIMEOUT.contains(version).then_some(request.timeout_ms),
        topics: request
            .topics
            .into_iter()
            .map(|asked| ListOffsetsTopic {
                topic: TopicRef::Name(asked.name.into()),
                partitions: asked.partitions.iter().map(partition).collect(),
            })
            .collect(),
    }
}

/// The answer in the schema's words.
pub(super) fn list_response(response: &ListOffsetsResponse) -> list_offsets::ListOffsetsResponse<'_> {
    let topics = response.topics.iter().map(|listed| list_offsets::ListOffsetsTopicResponse {
        name: topic::name(&listed.topic),
        partitions: listed.partitions.iter().map(listed_partition).collect(),
    });
    list_offsets::ListOffsetsResponse { throttle_time_ms: 0, topics: topics.collect() }
}

fn listed_partition(partition: &ListedPartition) -> list_offsets::ListOffsetsPartitionResponse {
    let absent = list_offsets::ListOffsetsPartitionResponse {
        partition_index: partition.index,
        error_code: NONE,
        timestamp: -1,
        offset: -1,
        leader_epoch: -1,
    };
    match partition.result {
        Ok(found) => list_offsets::ListOffsetsPartitionResponse {
            timestamp: found.timestamp_ms,
            offset: found.offset,
            leader_epoch: if found.offset >= 0 { LEADER_EPOCH } else { -1 },
            ..absent
        },
        Err(refusal) => list_offsets::ListOffsetsPartitionResponse { error_code: code(refusal), ..absent },
    }
}

/// As the schema says it.
pub(super) fn epoch_request(request: leader_epoch::OffsetForLeaderEpochRequest<'_>) -> OffsetForLeaderEpochRequest {
    let partition = |partition: &leader_epoch::OffsetForLeaderPartition| EpochPartition {
        index: partition.partition,
        current_leader_epoch: partition.current_leader_epoch,
        leader_epoch: partition.leader_epoch,
    };
    let topics = request.topics.into_iter().map(|asked| EpochTopic {
        topic: TopicRef::Name(asked.topic.into()),
        partitions: asked.partitions.iter().map(partition).collect(),
    });
    OffsetForLeaderEpochRequest { topics: topics.collect() }
}

/// The answer in the schema's words.
pub(super) fn epoch_response(
    response: &OffsetForLeaderEpochResponse,
) -> leader_epoch::OffsetForLeaderEpochResponse<'_> {
    let topics = response.topics.iter().map(|ended| leader_epoch::OffsetForLeaderTopicResult {
        topic: topic::name(&ended.topic),
        partitions: ended.partitions.iter().map(ended_partition).collect(),
    });
    leader_epoch::OffsetForLeaderEpochResponse { throttle_time_ms: 0, topics: topics.collect() }
}

fn ended_partition(partition: &EndedPartition) -> leader_epoch::EpochEndOffset {
    let (error_code, (leader_epoch, end_offset)) = match partition.result {
        Ok(end) => (NONE, end),
        Err(refusal) => (code(refusal), (-1, -1)),
    };
    leader_epoch::EpochEndOffset { error_code, partition: partition.index, leader_epoch, end_offset }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_timestamps_exist_from_their_version_on() {
        assert_eq!(offset_at(-1, 1), Ok(OffsetAt::Latest));
        assert_eq!(offset_at(-2, 1), Ok(OffsetAt::Earliest));
        assert_eq!(offset_at(-3, 6), Err(Refusal::UnsupportedVersion));
        assert_eq!(offset_at(-3, 7), Ok(OffsetAt::MaxTimestamp));
        assert_eq!(offset_at(-6, 10), Err(Refusal::UnsupportedVersion));
        assert_eq!(offset_at(-6, 11), Ok(OffsetAt::EarliestPendingUpload));
        assert_eq!(offset_at(-7, 11), Err(Refusal::UnsupportedVersion));
        assert_eq!(offset_at(0, 1), Ok(OffsetAt::Time(0)));
    }
}
