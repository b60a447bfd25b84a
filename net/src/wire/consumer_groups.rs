//! ConsumerGroupHeartbeat and ConsumerGroupDescribe: between bytes and the core's words.

use std::sync::Arc;

use apus_core::api::{
    ConsumerDescribeRequest, ConsumerDescribeResponse, ConsumerHeartbeatRequest, ConsumerHeartbeatResponse,
    DescribedConsumer, DescribedConsumers, NamedPartitions, TopicPartitions,
};

use super::error::{NONE, code};
use super::schema::{consumer_describe as describe, consumer_groups as schema};
use super::versions::Versions;
use super::{operations, topic};

/// From it on, members draw their ids themselves.
const OWN_IDS: Versions = Versions::parse("1+");

/// What a member of the classic protocol is called.
const CLASSIC_MEMBER: i8 = 0;
/// What one of the consumer protocol is called.
const CONSUMER_MEMBER: i8 = 1;

/// As the schema says it.
pub(super) fn heartbeat_request(
    request: schema::ConsumerGroupHeartbeatRequest<'_>,
    version: i16,
) -> ConsumerHeartbeatRequest {
    let text = |text: Option<&str>| text.map(Arc::from);
    let owned = |owned: Vec<schema::TopicPartitions>| -> TopicPartitions {
        owned.into_iter().map(|topic| (topic.topic_id, topic.partitions)).collect()
    };
    ConsumerHeartbeatRequest {
        group_id: Arc::from(request.group_id),
        member_id: Arc::from(request.member_id),
        member_id_required: OWN_IDS.contains(version),
        member_epoch: request.member_epoch,
        instance_id: text(request.instance_id),
        rack_id: text(request.rack_id),
        rebalance_timeout_ms: (request.rebalance_timeout_ms >= 0).then_some(request.rebalance_timeout_ms),
        topics: request.subscribed_topic_names.map(|names| names.into_iter().map(Arc::from).collect()),
        regex: text(request.subscribed_topic_regex),
        assignor: text(request.server_assignor),
        owned: request.topic_partitions.map(owned),
    }
}

/// The answer in the schema's words.
pub(super) fn heartbeat_response(response: &ConsumerHeartbeatResponse) -> schema::ConsumerGroupHeartbeatResponse<'_> {
    match &response.result {
        Err(refused) => schema::ConsumerGroupHeartbeatResponse {
            error_code: code(refused.refusal),
            error_message: topic::sentence(&refused.message),
            ..Default::default()
        },
        Ok(beat) => schema::ConsumerGroupHeartbeatResponse {
            throttle_time_ms: 0,
            error_code: NONE,
            error_message: None,
            member_id: Some(&beat.member_id),
            member_epoch: beat.member_epoch,
            heartbeat_interval_ms: beat.interval_ms,
            assignment: beat.assignment.as_ref().map(assignment),
        },
    }
}

fn assignment(partitions: &TopicPartitions) -> schema::Assignment {
    let topic = |(topic_id, partitions): &(_, Vec<i32>)| schema::TopicPartitions {
        topic_id: *topic_id,
        partitions: partitions.clone(),
    };
    schema::Assignment { topic_partitions: partitions.iter().map(topic).collect() }
}

/// As the schema says it.
pub(super) fn describe_request(request: &describe::ConsumerGroupDescribeRequest<'_>) -> ConsumerDescribeRequest {
    ConsumerDescribeRequest {
        groups: request.group_ids.iter().map(|id| Arc::from(*id)).collect(),
        authorized_operations: request.include_authorized_operations,
    }
}

/// The answer in the schema's words.
pub(super) fn describe_response(response: &ConsumerDescribeResponse) -> describe::ConsumerGroupDescribeResponse<'_> {
    let groups = response.groups.iter().map(|group| described(group, response.authorized_operations));
    describe::ConsumerGroupDescribeResponse { throttle_time_ms: 0, groups: groups.collect() }
}

fn described(group: &DescribedConsumers, asked: bool) -> describe::DescribedGroup<'_> {
    let unknown = describe::DescribedGroup { group_id: &group.group_id, ..Default::default() };
    match &group.result {
        Err(refused) => describe::DescribedGroup {
            error_code: code(refused.refusal),
            error_message: topic::sentence(&refused.message),
            ..unknown
        },
        Ok(found) => describe::DescribedGroup {
            group_state: found.state.name(),
            group_epoch: found.epoch,
            assignment_epoch: found.assignment_epoch,
            assignor_name: &found.assignor,
            members: found.members.iter().map(member).collect(),
            authorized_operations: operations::told(operations::GROUP, asked),
            ..unknown
        },
    }
}

fn member(member: &DescribedConsumer) -> describe::Member<'_> {
    describe::Member {
        member_id: &member.member_id,
        instance_id: member.instance_id.as_deref(),
        rack_id: member.rack_id.as_deref(),
        member_epoch: member.member_epoch,
        client_id: &member.client.id,
        client_host: &member.client.host,
        subscribed_topic_names: member.topics.iter().map(|name| &**name).collect(),
        subscribed_topic_regex: member.regex.as_deref(),
        assignment: partitions(&member.assigned),
        target_assignment: partitions(&member.target),
        member_type: if member.is_classic { CLASSIC_MEMBER } else { CONSUMER_MEMBER },
    }
}

fn partitions(topics: &[NamedPartitions]) -> describe::Assignment<'_> {
    let topic = |topic: &'_ NamedPartitions| (topic.topic, topic.partitions.clone());
    let named = topics.iter().map(|named| {
        let (topic_id, partitions) = topic(named);
        describe::TopicPartitions { topic_id, topic_name: &named.name, partitions }
    });
    describe::Assignment { topic_partitions: named.collect() }
}
