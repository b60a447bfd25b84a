//! DescribeLogDirs and DescribeProducers: between bytes and the core's words.

use apus_core::api::{
    ActiveProducer, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeProducersRequest,
    DescribeProducersResponse, DescribedProducers,
};

use super::error::{NONE, code};
use super::schema::{describe_producers, log_dirs};

/// As the schema says it.
pub(super) fn dirs_request(request: log_dirs::DescribeLogDirsRequest<'_>) -> DescribeLogDirsRequest {
    let topics = request.topics;
    let topics = topics.map(|topics| topics.into_iter().map(|topic| (topic.topic.into(), topic.partitions)).collect());
    DescribeLogDirsRequest { topics }
}

/// The answer in the schema's words. How large the store is and how much of it is left, nobody knows.
pub(super) fn dirs_response(response: &DescribeLogDirsResponse) -> log_dirs::DescribeLogDirsResponse<'_> {
    let partition = |(index, bytes): &(i32, u64)| log_dirs::DescribeLogDirsPartition {
        partition_index: *index,
        partition_size: i64::try_from(*bytes).unwrap_or(i64::MAX),
        offset_lag: 0,
        is_future_key: false,
    };
    let topics = response.topics.iter().map(|topic| log_dirs::DescribeLogDirsTopic {
        name: &topic.name,
        partitions: topic.partitions.iter().map(partition).collect(),
    });
    let dir = log_dirs::DescribeLogDirsResult {
        log_dir: &response.path,
        topics: topics.collect(),
        ..log_dirs::DescribeLogDirsResult::default()
    };
    log_dirs::DescribeLogDirsResponse { throttle_time_ms: 0, error_code: NONE, results: vec![dir] }
}

/// As the schema says it.
pub(super) fn producers_request(request: describe_producers::DescribeProducersRequest<'_>) -> DescribeProducersRequest {
    let topics = request.topics.into_iter().map(|topic| (topic.name.into(), topic.partition_indexes));
    DescribeProducersRequest { topics: topics.collect() }
}

/// The answer in the schema's words.
pub(super) fn producers_response(
    response: &DescribeProducersResponse,
) -> describe_producers::DescribeProducersResponse<'_> {
    let topics = response.topics.iter().map(|(name, partitions)| describe_producers::TopicResponse {
        name,
        partitions: partitions.iter().map(partition).collect(),
    });
    describe_producers::DescribeProducersResponse { throttle_time_ms: 0, topics: topics.collect() }
}

fn partition((index, result): &DescribedProducers) -> describe_producers::PartitionResponse<'_> {
    describe_producers::PartitionResponse {
        partition_index: *index,
        error_code: code(result.as_ref().err().copied()),
        error_message: None,
        active_producers: result.as_deref().unwrap_or_default().iter().map(producer).collect(),
    }
}

/// No producer has a transaction: they are not built.
fn producer(producer: &ActiveProducer) -> describe_producers::ProducerState {
    describe_producers::ProducerState {
        producer_id: producer.id.0,
        producer_epoch: i32::from(producer.epoch),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp_ms,
        coordinator_epoch: -1,
        current_txn_start_offset: -1,
    }
}
