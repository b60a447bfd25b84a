//! ElectLeaders and the reassignments of partitions: between bytes and the core's words.

use apus_core::api::{
    AlterReassignmentsRequest, AlterReassignmentsResponse, ElectLeadersRequest, ElectLeadersResponse, MovedTopic,
    ReassignedTopic,
};
use apus_core::error::Refused;
use apus_core::ids::BrokerId;

use super::error::{NONE, code};
use super::schema::{elections, reassignments};
use super::topic;

/// As the schema says it. The first version knew elections of preferred replicas alone.
pub(super) fn elect_request(request: elections::ElectLeadersRequest<'_>) -> ElectLeadersRequest {
    let topics = request.topic_partitions;
    let topics = topics.map(|topics| topics.into_iter().map(|topic| (topic.topic.into(), topic.partitions)).collect());
    ElectLeadersRequest { kind: request.election_type, topics }
}

/// The answer in the schema's words.
pub(super) fn elect_response(response: &ElectLeadersResponse) -> elections::ElectLeadersResponse<'_> {
    let topics = response.result.as_deref().unwrap_or_default();
    let topics = topics.iter().map(|topic| elections::ReplicaElectionResult {
        topic: &topic.name,
        partition_result: partitions(topic, |partition_id, error_code, error_message| elections::PartitionResult {
            partition_id,
            error_code,
            error_message,
        }),
    });
    elections::ElectLeadersResponse {
        throttle_time_ms: 0,
        error_code: code(response.result.as_ref().err().copied()),
        replica_election_results: topics.collect(),
    }
}

/// As the schema says it.
pub(super) fn alter_request(
    request: reassignments::AlterPartitionReassignmentsRequest<'_>,
) -> AlterReassignmentsRequest {
    let partition = |partition: reassignments::ReassignablePartition| {
        let brokers = partition.replicas.map(|brokers| brokers.into_iter().map(BrokerId).collect());
        (partition.partition_index, brokers)
    };
    let topics = request.topics.into_iter().map(|topic| ReassignedTopic {
        name: topic.name.into(),
        partitions: topic.partitions.into_iter().map(partition).collect(),
    });
    AlterReassignmentsRequest { resize: request.allow_replication_factor_change, topics: topics.collect() }
}

/// The answer in the schema's words.
pub(super) fn alter_response(
    response: &AlterReassignmentsResponse,
) -> reassignments::AlterPartitionReassignmentsResponse<'_> {
    let topics = response.topics.iter().map(|topic| reassignments::ReassignableTopicResponse {
        name: &topic.name,
        partitions: partitions(topic, |partition_index, error_code, error_message| {
            reassignments::ReassignablePartitionResponse { partition_index, error_code, error_message }
        }),
    });
    reassignments::AlterPartitionReassignmentsResponse {
        throttle_time_ms: 0,
        allow_replication_factor_change: response.resize,
        error_code: NONE,
        error_message: None,
        responses: topics.collect(),
    }
}

/// Nothing is ever on the move.
pub(super) fn list_response() -> reassignments::ListPartitionReassignmentsResponse<'static> {
    reassignments::ListPartitionReassignmentsResponse { error_message: None, ..Default::default() }
}

fn partitions<'a, T>(topic: &'a MovedTopic, row: impl Fn(i32, i16, Option<&'a str>) -> T) -> Vec<T> {
    let told = |(index, result): &'a (i32, Result<(), Refused>)| {
        let refused = result.as_ref().err();
        let message = refused.and_then(|refused| topic::sentence(&refused.message));
        row(*index, code(refused.map(|refused| refused.refusal)), message)
    };
    topic.partitions.iter().map(told).collect()
}
