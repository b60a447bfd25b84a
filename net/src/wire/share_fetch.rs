//! ShareFetch and ShareAcknowledge: between bytes and the core's words.

use std::sync::Arc;

use apus_core::api::{
    Acquired, ShareAcknowledgeRequest, ShareAcknowledgeResponse, ShareBatch, ShareCaller, ShareFetchRequest,
    ShareFetchResponse, ShareTopic, SharedPartition, SharedTopic,
};

use super::schema::{share_acknowledge as acks, share_fetch as schema};
use super::share_groups::refused;
use super::value::Records;
use super::versions::Versions;

/// From it on, acknowledgements may renew locks.
const RENEWAL: Versions = Versions::parse("2+");

fn text(text: Option<&str>) -> Arc<str> {
    Arc::from(text.unwrap_or_default())
}

/// As the schema says it. In which mode records are acquired makes no difference: never more than were asked for are. How
/// many the client would like to have in a run is its wish, and a run is as long as it can be.
pub(super) fn fetch_request(request: schema::ShareFetchRequest<'_>, version: i16) -> ShareFetchRequest {
    let batch = |batch: schema::AcknowledgementBatch| ShareBatch {
        first: batch.first_offset,
        last: batch.last_offset,
        types: batch.acknowledge_types,
    };
    let partition = |partition: schema::FetchPartition| {
        (partition.partition_index, partition.acknowledgement_batches.into_iter().map(batch).collect())
    };
    let topic = |topic: schema::FetchTopic| ShareTopic {
        topic: topic.topic_id,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    };
    ShareFetchRequest {
        caller: ShareCaller {
            group_id: text(request.group_id),
            member_id: text(request.member_id),
            session_epoch: request.share_session_epoch,
            renews: request.is_renew_ack,
            knows_renewal: RENEWAL.contains(version),
        },
        wait_ms_max: request.max_wait_ms,
        bytes_min: request.min_bytes,
        bytes_max: request.max_bytes,
        records_max: request.max_records,
        topics: request.topics.into_iter().map(topic).collect(),
        forgotten: request.forgotten_topics_data.into_iter().map(|one| (one.topic_id, one.partitions)).collect(),
    }
}

/// The answer in the schema's words; records stay where they are.
pub(super) fn fetch_response(response: &ShareFetchResponse) -> schema::ShareFetchResponse<'_> {
    let (error_code, error_message) = refused(response.refused.as_ref());
    schema::ShareFetchResponse {
        throttle_time_ms: 0,
        error_code,
        error_message,
        acquisition_lock_timeout_ms: response.lock_ms,
        responses: response.topics.iter().map(shared_topic).collect(),
        node_endpoints: Vec::new(),
    }
}

fn shared_topic(topic: &SharedTopic) -> schema::ShareFetchableTopicResponse<'_> {
    let partitions = topic.partitions.iter().map(shared_partition).collect();
    schema::ShareFetchableTopicResponse { topic_id: topic.topic, partitions }
}

fn shared_partition(partition: &SharedPartition) -> schema::PartitionData<'_> {
    let (error_code, error_message) = refused(partition.refused.as_ref());
    let (acknowledge_error_code, acknowledge_error_message) = refused(partition.unacknowledged.as_ref());
    let acquired = |records: &Acquired| schema::AcquiredRecords {
        first_offset: records.first,
        last_offset: records.last,
        delivery_count: records.deliveries,
    };
    schema::PartitionData {
        partition_index: partition.index,
        error_code,
        error_message,
        acknowledge_error_code,
        acknowledge_error_message,
        records: Some(Records::Pieces(&partition.records)),
        acquired_records: partition.acquired.iter().map(acquired).collect(),
        ..Default::default()
    }
}

/// As the schema says it.
pub(super) fn acknowledge_request(request: acks::ShareAcknowledgeRequest<'_>, version: i16) -> ShareAcknowledgeRequest {
    let batch = |batch: acks::AcknowledgementBatch| ShareBatch {
        first: batch.first_offset,
        last: batch.last_offset,
        types: batch.acknowledge_types,
    };
    let partition = |partition: acks::AcknowledgePartition| {
        (partition.partition_index, partition.acknowledgement_batches.into_iter().map(batch).collect())
    };
    let topic = |topic: acks::AcknowledgeTopic| ShareTopic {
        topic: topic.topic_id,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    };
    ShareAcknowledgeRequest {
        caller: ShareCaller {
            group_id: text(request.group_id),
            member_id: text(request.member_id),
            session_epoch: request.share_session_epoch,
            renews: request.is_renew_ack,
            knows_renewal: RENEWAL.contains(version),
        },
        topics: request.topics.into_iter().map(topic).collect(),
    }
}

/// The answer in the schema's words.
pub(super) fn acknowledge_response(response: &ShareAcknowledgeResponse) -> acks::ShareAcknowledgeResponse<'_> {
    let (error_code, error_message) = refused(response.refused.as_ref());
    let topics = response.topics.iter().map(|(topic_id, partitions)| {
        let partitions = partitions.iter().map(|(index, why)| {
            let (error_code, error_message) = refused(why.as_ref());
            acks::PartitionData { partition_index: *index, error_code, error_message, ..Default::default() }
        });
        acks::ShareAcknowledgeTopicResponse { topic_id: *topic_id, partitions: partitions.collect() }
    });
    acks::ShareAcknowledgeResponse {
        throttle_time_ms: 0,
        error_code,
        error_message,
        acquisition_lock_timeout_ms: response.lock_ms,
        responses: topics.collect(),
        node_endpoints: Vec::new(),
    }
}
