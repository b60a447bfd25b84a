//! Metadata and DescribeCluster: between bytes and the core's words.

use apus_core::api::{
    Broker, DescribeClusterRequest, DescribeClusterResponse, MetadataOperations, MetadataPartition, MetadataRequest,
    MetadataResponse, MetadataTopic, TopicRef,
};
use apus_core::batch::LEADER_EPOCH;
use apus_core::error::Refusal;

use super::error::{NONE, code};
use super::operations;
use super::schema::{cluster, metadata as schema};
use super::topic;
use super::versions::Versions;

/// Here an empty list asks for all topics, because there was no null yet; later it asks for none.
const EMPTY_IS_ALL: Versions = Versions::parse("0");

/// Versions 10 and 11 carry ids that nobody may use.
const TOPIC_IDS: Versions = Versions::parse("12+");

/// All topics, or these.
pub(super) fn request(request: schema::MetadataRequest<'_>, version: i16) -> MetadataRequest {
    let topics = request.topics.filter(|topics| !(topics.is_empty() && EMPTY_IS_ALL.contains(version)));
    let by_id = |topic: &schema::MetadataRequestTopic<'_>| topic.name.is_none() || !topic.topic_id.is_zero();
    let ids = topics.iter().flatten().any(by_id);
    MetadataRequest {
        topics: topics.map(|topics| topics.iter().map(reference).collect()),
        auto_create: request.allow_auto_topic_creation,
        refusal: (ids && !TOPIC_IDS.contains(version)).then_some(Refusal::InvalidRequest),
        operations: MetadataOperations {
            cluster: request.include_cluster_authorized_operations,
            topics: request.include_topic_authorized_operations,
        },
    }
}

fn reference(topic: &schema::MetadataRequestTopic<'_>) -> TopicRef {
    match topic.name {
        Some(name) if topic.topic_id.is_zero() => TopicRef::Name(name.into()),
        _ => TopicRef::Id(topic.topic_id),
    }
}

/// The answer in the schema's words.
pub(super) fn response(response: &MetadataResponse) -> schema::MetadataResponse<'_> {
    schema::MetadataResponse {
        brokers: response.brokers.iter().map(broker).collect(),
        cluster_id: Some(&response.cluster_id),
        controller_id: response.controller.0,
        topics: response.topics.iter().map(|topic| topic_response(topic, response.operations.topics)).collect(),
        cluster_authorized_operations: operations::told(operations::CLUSTER, response.operations.cluster),
        ..Default::default()
    }
}

fn broker(broker: &Broker) -> schema::MetadataResponseBroker<'_> {
    schema::MetadataResponseBroker {
        node_id: broker.id.0,
        host: &broker.host,
        port: i32::from(broker.port),
        rack: broker.rack.as_deref(),
    }
}

/// Kafka is silent about what may be done to an id that it does not know.
fn topic_response(topic: &MetadataTopic, asked: bool) -> schema::MetadataResponseTopic<'_> {
    schema::MetadataResponseTopic {
        error_code: code(topic.refusal),
        name: topic.name.as_deref(),
        topic_id: topic.id,
        is_internal: topic.internal,
        partitions: topic.partitions.iter().map(partition).collect(),
        topic_authorized_operations: operations::told(operations::TOPIC, asked && topic.name.is_some()),
    }
}

fn partition(partition: &MetadataPartition) -> schema::MetadataResponsePartition {
    let replicas: Vec<i32> = partition.replicas.iter().map(|broker| broker.0).collect();
    schema::MetadataResponsePartition {
        error_code: NONE,
        partition_index: partition.index,
        leader_id: partition.leader.0,
        leader_epoch: LEADER_EPOCH,
        isr_nodes: replicas.clone(),
        replica_nodes: replicas,
        offline_replicas: Vec::new(),
    }
}

/// As the schema says it.
pub(super) fn cluster_request(request: &cluster::DescribeClusterRequest) -> DescribeClusterRequest {
    DescribeClusterRequest {
        endpoint_type: request.endpoint_type,
        authorized_operations: request.include_cluster_authorized_operations,
    }
}

/// The answer in the schema's words.
pub(super) fn cluster_response(response: &DescribeClusterResponse) -> cluster::DescribeClusterResponse<'_> {
    let brokers = response.brokers.iter().map(|broker| cluster::DescribeClusterBroker {
        broker_id: broker.id.0,
        host: &broker.host,
        port: i32::from(broker.port),
        rack: broker.rack.as_deref(),
        is_fenced: false,
    });
    cluster::DescribeClusterResponse {
        error_code: code(response.refused.as_ref().map(|refused| refused.refusal)),
        error_message: response.refused.as_ref().and_then(|refused| topic::sentence(&refused.message)),
        endpoint_type: response.endpoint_type,
        cluster_id: &response.cluster_id,
        controller_id: response.controller.0,
        brokers: brokers.collect(),
        cluster_authorized_operations: operations::told(operations::CLUSTER, response.authorized_operations),
        ..Default::default()
    }
}
