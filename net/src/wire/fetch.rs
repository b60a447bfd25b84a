//! Fetch: between bytes and the core's words.

use apus_core::api::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, FetchedTopic, ForgottenTopic,
};
use apus_core::error::Refusal;

use super::error::code;
use super::schema::fetch as schema;
use super::topic;
use super::value::Records;
use super::versions::Versions;

const TOPIC_IDS: Versions = Versions::parse("13+");
const ZSTD: Versions = Versions::parse("10+");

/// Clients of these versions need not know KAFKA_STORAGE_ERROR and would give up; NOT_LEADER_OR_FOLLOWER makes them
/// retry. Kafka 4.4 does the same here, and not (any more) for the old versions of Produce.
const WITHOUT_STORAGE_ERROR: Versions = Versions::parse("0-5");

/// Kafka's number for read_committed.
pub(super) const READ_COMMITTED: i8 = 1;

/// Fields that only followers fill are left out: nobody follows a diskless partition.
pub(super) fn request(request: schema::FetchRequest<'_>, version: i16) -> FetchRequest {
    FetchRequest {
        wait_ms_max: request.max_wait_ms,
        bytes_min: request.min_bytes,
        bytes_max: request.max_bytes,
        committed_only: request.isolation_level == READ_COMMITTED,
        session_id: request.session_id,
        session_epoch: request.session_epoch,
        zstd: ZSTD.contains(version),
        topics: request
            .topics
            .into_iter()
            .map(|wanted| FetchTopic {
                topic: topic::reference(wanted.topic, wanted.topic_id, TOPIC_IDS, version),
                partitions: wanted.partitions.iter().map(partition).collect(),
            })
            .collect(),
        forgotten: request
            .forgotten_topics_data
            .into_iter()
            .map(|forgotten| ForgottenTopic {
                topic: topic::reference(forgotten.topic, forgotten.topic_id, TOPIC_IDS, version),
                partitions: forgotten.partitions,
            })
            .collect(),
        rack: request.rack_id.into(),
    }
}

fn partition(partition: &schema::FetchPartition) -> FetchPartition {
    FetchPartition {
        index: partition.partition,
        offset: partition.fetch_offset,
        bytes_max: partition.partition_max_bytes,
        leader_epoch: partition.current_leader_epoch,
        last_fetched_epoch: partition.last_fetched_epoch,
    }
}

/// The answer in the schema's words; records stay where they are.
pub(super) fn response(response: &FetchResponse, version: i16) -> schema::FetchResponse<'_> {
    schema::FetchResponse {
        throttle_time_ms: 0,
        error_code: code(response.refusal),
        session_id: response.session_id,
        responses: response.topics.iter().map(|fetched| topic_response(fetched, version)).collect(),
        node_endpoints: Vec::new(),
    }
}

fn topic_response(fetched: &FetchedTopic, version: i16) -> schema::FetchableTopicResponse<'_> {
    schema::FetchableTopicResponse {
        topic: topic::name(&fetched.topic),
        topic_id: topic::id(&fetched.topic),
        partitions: fetched.partitions.iter().map(|partition| read(partition, version)).collect(),
    }
}

fn read(partition: &FetchedPartition, version: i16) -> schema::PartitionData<'_> {
    let aborted = partition.aborted.as_ref().map(|aborted| {
        let transaction =
            |&(producer_id, first_offset): &(i64, i64)| schema::AbortedTransaction { producer_id, first_offset };
        aborted.iter().map(transaction).collect()
    });
    let refusal = match partition.refusal {
        Some(Refusal::KafkaStorageError) if WITHOUT_STORAGE_ERROR.contains(version) => {
            Some(Refusal::NotLeaderOrFollower)
        }
        refusal => refusal,
    };
    schema::PartitionData {
        partition_index: partition.index,
        error_code: code(refusal),
        high_watermark: partition.high_watermark,
        last_stable_offset: partition.last_stable_offset,
        log_start_offset: partition.log_start_offset,
        aborted_transactions: aborted,
        records: Some(Records::Pieces(&partition.records)),
        ..Default::default()
    }
}
