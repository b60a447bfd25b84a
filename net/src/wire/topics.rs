//! CreateTopics and DeleteTopics: between bytes and the core's words.

use apus_core::api::{
    CreateTopicsRequest, CreateTopicsResponse, Created, CreatedTopic, DeleteTopicsRequest, DeleteTopicsResponse,
    DeletedTopic, NewTopic, TopicToDelete,
};
use apus_core::config::ConfigRow;
use apus_core::error::Refusal;
use apus_core::ids::{BrokerId, Uuid};

use super::configs::source;
use super::error::code;
use super::schema::topics as schema;
use super::topic;
use super::versions::Versions;

const DELETE_BY_STATE: Versions = Versions::parse("6+");

/// TOPIC_DELETION_DISABLED came with version 3; before it the answer is INVALID_REQUEST.
const WITHOUT_DELETION_DISABLED: Versions = Versions::parse("0-2");

/// As the schema says it; nothing is checked here.
pub(super) fn create_request(request: schema::CreateTopicsRequest<'_>) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics: request.topics.into_iter().map(new_topic).collect(),
        timeout_ms: request.timeout_ms,
        validate_only: request.validate_only,
    }
}

fn new_topic(topic: schema::CreatableTopic<'_>) -> NewTopic {
    let assignments = topic.assignments.into_iter().map(|assignment| {
        let brokers = assignment.broker_ids.into_iter().map(BrokerId).collect();
        (assignment.partition_index, brokers)
    });
    let configs = topic.configs.iter().map(|config| (config.name.into(), config.value.map(Into::into)));
    NewTopic {
        name: topic.name.into(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.collect(),
    }
}

/// The answer in the schema's words.
pub(super) fn create_response(response: &CreateTopicsResponse) -> schema::CreateTopicsResponse<'_> {
    let topics = response.topics.iter().map(creatable_result).collect();
    schema::CreateTopicsResponse { throttle_time_ms: 0, topics }
}

fn creatable_result(topic: &CreatedTopic) -> schema::CreatableTopicResult<'_> {
    let named = schema::CreatableTopicResult { name: &topic.name, error_message: None, ..Default::default() };
    match &topic.result {
        Ok(created) => created_result(created, named),
        Err(refused) => schema::CreatableTopicResult {
            error_code: code(refused.refusal),
            error_message: topic::sentence(&refused.message),
            ..named
        },
    }
}

fn created_result<'a>(
    created: &'a Created,
    named: schema::CreatableTopicResult<'a>,
) -> schema::CreatableTopicResult<'a> {
    schema::CreatableTopicResult {
        topic_id: created.id,
        num_partitions: created.partitions,
        replication_factor: created.replication_factor,
        configs: Some(created.configs.iter().map(config).collect()),
        ..named
    }
}

fn config(row: &ConfigRow) -> schema::CreatableTopicConfigs<'_> {
    schema::CreatableTopicConfigs {
        name: row.name,
        value: row.value.as_deref(),
        read_only: row.read_only,
        config_source: source(row.source),
        is_sensitive: row.sensitive,
    }
}

/// By names alone, or from version 6 on by name or id.
pub(super) fn delete_request(request: schema::DeleteTopicsRequest<'_>, version: i16) -> DeleteTopicsRequest {
    let topics = if DELETE_BY_STATE.contains(version) {
        request.topics.iter().map(|state| topic_to_delete(state.name, state.topic_id)).collect()
    } else {
        request.topic_names.into_iter().map(|name| topic_to_delete(Some(name), Uuid::ZERO)).collect()
    };
    DeleteTopicsRequest { topics, timeout_ms: request.timeout_ms }
}

fn topic_to_delete(name: Option<&str>, id: Uuid) -> TopicToDelete {
    TopicToDelete { name: name.map(Into::into), id }
}

/// The answer in the schema's words.
pub(super) fn delete_response(response: &DeleteTopicsResponse, version: i16) -> schema::DeleteTopicsResponse<'_> {
    let responses = response.topics.iter().map(|topic| deletable_result(topic, version)).collect();
    schema::DeleteTopicsResponse { throttle_time_ms: 0, responses }
}

fn deletable_result(topic: &DeletedTopic, version: i16) -> schema::DeletableTopicResult<'_> {
    let refusal = match topic.result.as_ref().err().map(|refused| refused.refusal) {
        Some(Refusal::TopicDeletionDisabled) if WITHOUT_DELETION_DISABLED.contains(version) => {
            Some(Refusal::InvalidRequest)
        }
        refusal => refusal,
    };
    schema::DeletableTopicResult {
        name: topic.name.as_deref(),
        topic_id: topic.id,
        error_code: code(refusal),
        error_message: topic.result.as_ref().err().and_then(|refused| topic::sentence(&refused.message)),
    }
}
