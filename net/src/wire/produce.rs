//! Produce: between bytes and the core's words.

use apus_core::api::{
    ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic, Produced, ProducedPartition, ProducedTopic,
    RecordError,
};
use apus_core::error::Refused;
use bytes::Bytes;

use super::error::code;
use super::schema::produce as schema;
use super::topic;
use super::value::Records;
use super::versions::Versions;

const TOPIC_IDS: Versions = Versions::parse("13+");
const ZSTD: Versions = Versions::parse("7+");

/// The batches are slices of the frame; nothing of them is copied.
pub(super) fn request(request: schema::ProduceRequest<'_>, version: i16, frame: &Bytes) -> ProduceRequest {
    ProduceRequest {
        transactional_id: request.transactional_id.map(Into::into),
        acks: request.acks,
        timeout_ms: request.timeout_ms,
        zstd: ZSTD.contains(version),
        topics: request
            .topic_data
            .into_iter()
            .map(|data| ProduceTopic {
                topic: topic::reference(data.name, data.topic_id, TOPIC_IDS, version),
                partitions: data.partition_data.iter().map(|partition| batches(partition, frame)).collect(),
            })
            .collect(),
    }
}

#[inline]
fn batches(partition: &schema::PartitionProduceData<'_>, frame: &Bytes) -> ProducePartition {
    let records = match partition.records {
        Some(Records::Slice(slice)) => Some(frame.slice_ref(slice)),
        Some(Records::Pieces(pieces)) => Some(pieces.concat().into()),
        None => None,
    };
    ProducePartition { index: partition.index, records }
}

/// The answer in the schema's words.
pub(super) fn response(response: &ProduceResponse) -> schema::ProduceResponse<'_> {
    schema::ProduceResponse {
        responses: response.topics.iter().map(topic_response).collect(),
        throttle_time_ms: 0,
        node_endpoints: Vec::new(),
    }
}

fn topic_response(produced: &ProducedTopic) -> schema::TopicProduceResponse<'_> {
    schema::TopicProduceResponse {
        name: topic::name(&produced.topic),
        topic_id: topic::id(&produced.topic),
        partition_responses: produced.partitions.iter().map(appended).collect(),
    }
}

fn appended(partition: &ProducedPartition) -> schema::PartitionProduceResponse<'_> {
    let mut answer = schema::PartitionProduceResponse { index: partition.index, ..Default::default() };
    match &partition.result {
        Ok(Produced { base_offset, log_append_time_ms, log_start_offset }) => {
            answer.base_offset = *base_offset;
            answer.log_append_time_ms = *log_append_time_ms;
            answer.log_start_offset = *log_start_offset;
        }
        Err(Refused { refusal, message }) => {
            answer.error_code = code(*refusal);
            answer.base_offset = -1;
            answer.error_message = topic::sentence(message);
            answer.record_errors = partition.record_errors.iter().map(record_error).collect();
        }
    }
    answer
}

fn record_error(error: &RecordError) -> schema::BatchIndexAndErrorMessage<'_> {
    schema::BatchIndexAndErrorMessage {
        batch_index: error.index,
        batch_index_error_message: topic::sentence(&error.message),
    }
}
