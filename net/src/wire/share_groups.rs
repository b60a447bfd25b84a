//! ShareGroupHeartbeat, ShareGroupDescribe and what operators do with offsets of share groups: between bytes and the core's
//! words.

use std::sync::Arc;

use apus_core::api::{
    AlterShareOffsetsRequest, AlterShareOffsetsResponse, ConsumerDescribeRequest, ConsumerDescribeResponse,
    ConsumerHeartbeatResponse, DeleteShareOffsetsRequest, DeleteShareOffsetsResponse, DescribeShareOffsetsRequest,
    DescribeShareOffsetsResponse, DescribedConsumer, DescribedConsumers, DescribedShareOffsets, NamedPartitions,
    ShareHeartbeatRequest, ShareOffset, ShareOffsets,
};
use apus_core::error::Refused;

use super::error::{NONE, code};
use super::schema::{share_describe as describe, share_groups as beats, share_offsets as offsets, share_removal};
use super::{operations, topic};

/// Leader epochs are 0 for a topic's life.
const LEADER_EPOCH: i32 = 0;

/// Code and sentence of a refusal, or of none.
pub(super) fn refused(refused: Option<&Refused>) -> (i16, Option<&str>) {
    let sentence = refused.and_then(|refused| topic::sentence(&refused.message));
    (code(refused.map(|refused| refused.refusal)), sentence)
}

/// As the schema says it.
pub(super) fn heartbeat_request(request: beats::ShareGroupHeartbeatRequest<'_>) -> ShareHeartbeatRequest {
    ShareHeartbeatRequest {
        group_id: Arc::from(request.group_id),
        member_id: Arc::from(request.member_id),
        member_epoch: request.member_epoch,
        rack_id: request.rack_id.map(Arc::from),
        topics: request.subscribed_topic_names.map(|names| names.into_iter().map(Arc::from).collect()),
    }
}

/// The answer in the schema's words.
pub(super) fn heartbeat_response(response: &ConsumerHeartbeatResponse) -> beats::ShareGroupHeartbeatResponse<'_> {
    let (error_code, error_message) = refused(response.result.as_ref().err());
    let Ok(beat) = &response.result else {
        return beats::ShareGroupHeartbeatResponse { error_code, error_message, ..Default::default() };
    };
    let topics = |(topic_id, partitions): &(_, Vec<i32>)| beats::TopicPartitions {
        topic_id: *topic_id,
        partitions: partitions.clone(),
    };
    let assignment = beat.assignment.as_ref();
    beats::ShareGroupHeartbeatResponse {
        throttle_time_ms: 0,
        error_code,
        error_message,
        member_id: Some(&beat.member_id),
        member_epoch: beat.member_epoch,
        heartbeat_interval_ms: beat.interval_ms,
        assignment: assignment.map(|all| beats::Assignment { topic_partitions: all.iter().map(topics).collect() }),
    }
}

/// As the schema says it.
pub(super) fn describe_request(request: &describe::ShareGroupDescribeRequest<'_>) -> ConsumerDescribeRequest {
    ConsumerDescribeRequest {
        groups: request.group_ids.iter().map(|id| Arc::from(*id)).collect(),
        authorized_operations: request.include_authorized_operations,
    }
}

/// The answer in the schema's words.
pub(super) fn describe_response(response: &ConsumerDescribeResponse) -> describe::ShareGroupDescribeResponse<'_> {
    let groups = response.groups.iter().map(|group| described(group, response.authorized_operations));
    describe::ShareGroupDescribeResponse { throttle_time_ms: 0, groups: groups.collect() }
}

fn described(group: &DescribedConsumers, asked: bool) -> describe::DescribedGroup<'_> {
    let (error_code, error_message) = refused(group.result.as_ref().err());
    let unknown =
        describe::DescribedGroup { group_id: &group.group_id, error_code, error_message, ..Default::default() };
    let Ok(found) = &group.result else { return unknown };
    describe::DescribedGroup {
        group_state: found.state.name(),
        group_epoch: found.epoch,
        assignment_epoch: found.assignment_epoch,
        assignor_name: &found.assignor,
        members: found.members.iter().map(member).collect(),
        authorized_operations: operations::told(operations::GROUP, asked),
        ..unknown
    }
}

fn member(member: &DescribedConsumer) -> describe::Member<'_> {
    let topics = |named: &'_ NamedPartitions| (named.topic, named.partitions.clone());
    let assigned = member.assigned.iter().map(|named| {
        let (topic_id, partitions) = topics(named);
        describe::TopicPartitions { topic_id, topic_name: &named.name, partitions }
    });
    describe::Member {
        member_id: &member.member_id,
        rack_id: member.rack_id.as_deref(),
        member_epoch: member.member_epoch,
        client_id: &member.client.id,
        client_host: &member.client.host,
        subscribed_topic_names: member.topics.iter().map(|name| &**name).collect(),
        assignment: describe::Assignment { topic_partitions: assigned.collect() },
    }
}

/// As the schema says it.
pub(super) fn describe_offsets_request(
    request: offsets::DescribeShareGroupOffsetsRequest<'_>,
) -> DescribeShareOffsetsRequest {
    let topic =
        |topic: offsets::DescribeShareGroupOffsetsRequestTopic<'_>| (Arc::from(topic.topic_name), topic.partitions);
    let group = |group: offsets::DescribeShareGroupOffsetsRequestGroup<'_>| {
        (Arc::from(group.group_id), group.topics.map(|topics| topics.into_iter().map(topic).collect()))
    };
    DescribeShareOffsetsRequest { groups: request.groups.into_iter().map(group).collect() }
}

/// The answer in the schema's words.
pub(super) fn describe_offsets_response(
    response: &DescribeShareOffsetsResponse,
) -> offsets::DescribeShareGroupOffsetsResponse<'_> {
    let groups = response.groups.iter().map(described_offsets).collect();
    offsets::DescribeShareGroupOffsetsResponse { throttle_time_ms: 0, groups }
}

fn described_offsets(group: &DescribedShareOffsets) -> offsets::DescribeShareGroupOffsetsResponseGroup<'_> {
    let (error_code, error_message) = refused(group.result.as_ref().err());
    offsets::DescribeShareGroupOffsetsResponseGroup {
        group_id: &group.group_id,
        topics: group.result.iter().flatten().map(topic_offsets).collect(),
        error_code,
        error_message,
    }
}

fn topic_offsets(topic: &ShareOffsets<ShareOffset>) -> offsets::DescribeShareGroupOffsetsResponseTopic<'_> {
    let partition = |(index, result): &'_ (i32, Result<ShareOffset, Refused>)| (*index, result.clone().ok());
    let partitions = topic.partitions.iter().map(|told| {
        let (partition_index, offset) = partition(told);
        let (error_code, error_message) = refused(told.1.as_ref().err());
        offsets::DescribeShareGroupOffsetsResponsePartition {
            partition_index,
            start_offset: offset.map_or(-1, |offset| offset.start),
            leader_epoch: LEADER_EPOCH,
            lag: offset.map_or(-1, |offset| offset.lag),
            error_code,
            error_message,
        }
    });
    offsets::DescribeShareGroupOffsetsResponseTopic {
        topic_name: &topic.name,
        topic_id: topic.topic,
        partitions: partitions.collect(),
    }
}

/// As the schema says it.
pub(super) fn alter_offsets_request(request: offsets::AlterShareGroupOffsetsRequest<'_>) -> AlterShareOffsetsRequest {
    let topic = |topic: offsets::AlterShareGroupOffsetsRequestTopic<'_>| {
        let partitions = topic.partitions.iter().map(|one| (one.partition_index, one.start_offset));
        (Arc::from(topic.topic_name), partitions.collect())
    };
    AlterShareOffsetsRequest {
        group_id: Arc::from(request.group_id),
        topics: request.topics.into_iter().map(topic).collect(),
    }
}

/// The answer in the schema's words.
pub(super) fn alter_offsets_response(
    response: &AlterShareOffsetsResponse,
) -> offsets::AlterShareGroupOffsetsResponse<'_> {
    let (error_code, error_message) = refused(response.result.as_ref().err());
    let responses = response.result.iter().flatten().map(altered_topic).collect();
    offsets::AlterShareGroupOffsetsResponse { throttle_time_ms: 0, error_code, error_message, responses }
}

fn altered_topic(topic: &ShareOffsets<()>) -> offsets::AlterShareGroupOffsetsResponseTopic<'_> {
    let partitions = topic.partitions.iter().map(|(index, result)| {
        let (error_code, error_message) = refused(result.as_ref().err());
        offsets::AlterShareGroupOffsetsResponsePartition { partition_index: *index, error_code, error_message }
    });
    offsets::AlterShareGroupOffsetsResponseTopic {
        topic_name: &topic.name,
        topic_id: topic.topic,
        partitions: partitions.collect(),
    }
}

/// As the schema says it.
pub(super) fn delete_offsets_request(
    request: &share_removal::DeleteShareGroupOffsetsRequest<'_>,
) -> DeleteShareOffsetsRequest {
    DeleteShareOffsetsRequest {
        group_id: Arc::from(request.group_id),
        topics: request.topics.iter().map(|topic| Arc::from(topic.topic_name)).collect(),
    }
}

/// The answer in the schema's words.
pub(super) fn delete_offsets_response(
    response: &DeleteShareOffsetsResponse,
) -> share_removal::DeleteShareGroupOffsetsResponse<'_> {
    let (error_code, error_message) = refused(response.result.as_ref().err());
    let topics = response.result.iter().flatten().map(|(name, topic_id, result)| {
        let (error_code, error_message) = result.as_ref().err().map_or((NONE, None), |one| refused(Some(one)));
        share_removal::DeleteShareGroupOffsetsResponseTopic {
            topic_name: name,
            topic_id: *topic_id,
            error_code,
            error_message,
        }
    });
    let responses = topics.collect();
    share_removal::DeleteShareGroupOffsetsResponse { throttle_time_ms: 0, error_code, error_message, responses }
}
