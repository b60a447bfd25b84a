//! CreatePartitions and DescribeTopicPartitions: between bytes and the core's words.

use apus_core::api::{
    CreatePartitionsRequest, CreatePartitionsResponse, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    MetadataPartition, MetadataTopic, PartitionCursor, TopicGrowth,
};
use apus_core::batch::LEADER_EPOCH;
use apus_core::error::Refusal;
use apus_core::ids::BrokerId;

use super::error::{NONE, code};
use super::operations;
use super::schema::partitions as schema;
use super::topic;

/// As the schema says it; nothing is checked here.
pub(super) fn create_request(request: schema::CreatePartitionsRequest<'_>) -> CreatePartitionsRequest {
    let brokers = |new: schema::CreatePartitionsAssignment| new.broker_ids.into_iter().map(BrokerId).collect();
    let growth = |topic: schema::CreatePartitionsTopic<'_>| TopicGrowth {
        name: topic.name.into(),
        partitions: topic.count,
        assignments: topic.assignments.map(|assignments| assignments.into_iter().map(brokers).collect()),
    };
    CreatePartitionsRequest {
        topics: request.topics.into_iter().map(growth).collect(),
        timeout_ms: request.timeout_ms,
        validate_only: request.validate_only,
    }
}

/// The answer in the schema's words.
pub(super) fn create_response(response: &CreatePartitionsResponse) -> schema::CreatePartitionsResponse<'_> {
    let results = response.topics.iter().map(|(name, result)| {
        let refused = result.as_ref().err();
        schema::CreatePartitionsTopicResult {
            name,
            error_code: code(refused.map(|refused| refused.refusal)),
            error_message: refused.and_then(|refused| topic::sentence(&refused.message)),
        }
    });
    schema::CreatePartitionsResponse { throttle_time_ms: 0, results: results.collect() }
}

/// As the schema says it.
pub(super) fn describe_request(request: schema::DescribeTopicPartitionsRequest<'_>) -> DescribeTopicPartitionsRequest {
    DescribeTopicPartitionsRequest {
        topics: request.topics.iter().map(|topic| topic.name.into()).collect(),
        partitions_max: request.response_partition_limit,
        cursor: request
            .cursor
            .map(|cursor| PartitionCursor { topic: cursor.topic_name.into(), partition: cursor.partition_index }),
    }
}

/// The answer in the schema's words.
pub(super) fn describe_response(
    response: &DescribeTopicPartitionsResponse,
) -> schema::DescribeTopicPartitionsResponse<'_> {
    schema::DescribeTopicPartitionsResponse {
        throttle_time_ms: 0,
        topics: response.topics.iter().map(described).collect(),
        next_cursor: response.next.as_ref().map(cursor),
    }
}

fn cursor(cursor: &PartitionCursor) -> schema::Cursor<'_> {
    schema::Cursor { topic_name: &cursor.topic, partition_index: cursor.partition }
}

/// What may be done to a topic is always told, also of one that is not there; not where the request is no good.
fn described(topic: &MetadataTopic) -> schema::DescribeTopicPartitionsResponseTopic<'_> {
    schema::DescribeTopicPartitionsResponseTopic {
        error_code: code(topic.refusal),
        name: topic.name.as_deref(),
        topic_id: topic.id,
        is_internal: topic.internal,
        partitions: topic.partitions.iter().map(partition).collect(),
        topic_authorized_operations: operations::told(
            operations::TOPIC,
            topic.refusal != Some(Refusal::InvalidRequest),
        ),
    }
}

/// There are no eligible leaders beside the replicas in sync: nobody follows a diskless partition.
fn partition(partition: &MetadataPartition) -> schema::DescribeTopicPartitionsResponsePartition {
    let replicas: Vec<i32> = partition.replicas.iter().map(|broker| broker.0).collect();
    schema::DescribeTopicPartitionsResponsePartition {
        error_code: NONE,
        partition_index: partition.index,
        leader_id: partition.leader.0,
        leader_epoch: LEADER_EPOCH,
        isr_nodes: replicas.clone(),
        replica_nodes: replicas,
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: Vec::new(),
    }
}
