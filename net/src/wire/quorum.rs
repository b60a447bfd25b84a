//! DescribeQuorum and UpdateFeatures: between bytes and the core's words.

use apus_core::api::{
    DescribeQuorumRequest, DescribeQuorumResponse, FeatureDirection, FeatureUpdate, Quorum, UpdateFeaturesRequest,
    UpdateFeaturesResponse,
};
use apus_core::error::Refusal;
use apus_core::ids::Uuid;

use super::error::{NONE, code};
use super::schema::features;
use super::schema::quorum::{request as asked, response as told};
use super::topic;
use super::versions::Versions;

/// Versions whose requests say one bit of which way a level may move.
const ONE_BIT: Versions = Versions::parse("0");

/// As the schema says it.
pub(super) fn describe_request(request: asked::DescribeQuorumRequest<'_>) -> DescribeQuorumRequest {
    let topics = request.topics.into_iter().map(|topic| {
        let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
        (topic.topic_name.into(), indexes.collect())
    });
    DescribeQuorumRequest { topics: topics.collect() }
}

/// The answer in the schema's words.
pub(super) fn describe_response(response: &DescribeQuorumResponse) -> told::DescribeQuorumResponse<'_> {
    let (topics, nodes) = match &response.result {
        Ok(quorum) => (vec![metadata(quorum)], vec![node(quorum)]),
        Err(asked) => (asked.topics.iter().map(|(name, indexes)| missing(name, indexes)).collect(), Vec::new()),
    };
    told::DescribeQuorumResponse { error_code: NONE, error_message: None, topics, nodes }
}

fn missing<'a>(topic_name: &'a str, indexes: &[i32]) -> told::TopicData<'a> {
    let partition = |index: &i32| told::PartitionData {
        partition_index: *index,
        error_code: code(Refusal::UnknownTopicOrPartition),
        error_message: None,
        ..told::PartitionData::default()
    };
    told::TopicData { topic_name, partitions: indexes.iter().map(partition).collect() }
}

/// The only voter leads, and has fetched what it wrote just now. It stands for no directory of its own, as voters of a
/// fixed quorum in Kafka.
fn metadata(quorum: &Quorum) -> told::TopicData<'_> {
    let voter = told::ReplicaState {
        replica_id: quorum.broker.id.0,
        replica_directory_id: Uuid::ZERO,
        log_end_offset: quorum.high_watermark,
        last_fetch_timestamp: quorum.wall_ms,
        last_caught_up_timestamp: quorum.wall_ms,
    };
    let partition = told::PartitionData {
        partition_index: 0,
        error_code: NONE,
        error_message: None,
        leader_id: quorum.broker.id.0,
        leader_epoch: quorum.epoch,
        high_watermark: quorum.high_watermark,
        current_voters: vec![voter],
        observers: Vec::new(),
    };
    told::TopicData { topic_name: "__cluster_metadata", partitions: vec![partition] }
}

fn node(quorum: &Quorum) -> told::Node<'_> {
    let broker = &quorum.broker;
    let listener = told::Listener { name: &quorum.listener, host: &broker.host, port: broker.port };
    told::Node { node_id: broker.id.0, listeners: vec![listener] }
}

/// As the schema says it.
pub(super) fn update_request(request: features::UpdateFeaturesRequest<'_>, version: i16) -> UpdateFeaturesRequest {
    let update = |update: features::FeatureUpdateKey<'_>| FeatureUpdate {
        name: update.feature.into(),
        level: update.max_version_level,
        direction: match (ONE_BIT.contains(version), update.allow_downgrade, update.upgrade_type) {
            (true, false, _) | (false, _, 1) => FeatureDirection::Up,
            (true, true, _) | (false, _, 2 | 3) => FeatureDirection::Down,
            (false, ..) => FeatureDirection::Unknown,
        },
    };
    UpdateFeaturesRequest { updates: request.feature_updates.into_iter().map(update).collect() }
}

/// The answer in the schema's words: one refusal is that of all.
pub(super) fn update_response(response: &UpdateFeaturesResponse) -> features::UpdateFeaturesResponse<'_> {
    let refused = response.refused.as_ref();
    let done = |name| features::UpdatableFeatureResult { feature: name, error_code: NONE, error_message: None };
    let results = if refused.is_some() { &[][..] } else { &response.names };
    features::UpdateFeaturesResponse {
        throttle_time_ms: 0,
        error_code: code(refused.map(|refused| refused.refusal)),
        error_message: refused.and_then(|refused| topic::sentence(&refused.message)),
        results: results.iter().map(|name| done(name)).collect(),
    }
}
