//! DeleteRecords: between bytes and the core's words.

use apus_core::api::{DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic};
use apus_core::error::Refusal;

use super::error::{NONE, code};
use super::schema::delete_records as schema;

/// As the schema says it; nothing is checked here.
pub(super) fn request(request: schema::DeleteRecordsRequest<'_>) -> DeleteRecordsRequest {
    let partition = |partition: &schema::DeleteRecordsPartition| (partition.partition_index, partition.offset);
    let topics = request.topics.iter().map(|topic| DeleteRecordsTopic {
        name: topic.name.into(),
        partitions: topic.partitions.iter().map(partition).collect(),
    });
    DeleteRecordsRequest { topics: topics.collect(), timeout_ms: request.timeout_ms }
}

/// The answer in the schema's words.
pub(super) fn response(response: &DeleteRecordsResponse) -> schema::DeleteRecordsResponse<'_> {
    let topics = response.topics.iter().map(|topic| schema::DeleteRecordsTopicResult {
        name: &topic.name,
        partitions: topic.partitions.iter().map(partition).collect(),
    });
    schema::DeleteRecordsResponse { throttle_time_ms: 0, topics: topics.collect() }
}

fn partition((index, result): &(i32, Result<i64, Refusal>)) -> schema::DeleteRecordsPartitionResult {
    let (low_watermark, error_code) = match result {
        Ok(log_start_offset) => (*log_start_offset, NONE),
        Err(refusal) => (-1, code(*refusal)),
    };
    schema::DeleteRecordsPartitionResult { partition_index: *index, low_watermark, error_code }
}
