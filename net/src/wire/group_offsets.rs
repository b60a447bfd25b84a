//! OffsetCommit, OffsetFetch and OffsetDelete: between bytes and the core's words.

use std::sync::Arc;

use apus_core::api::{
    GroupCaller, GroupOffset, OffsetCommitRequest, OffsetCommitResponse, OffsetCommitTopic, OffsetCommittedTopic,
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchGroup, OffsetFetchRequest, OffsetFetchResponse,
    OffsetFetchTopic, OffsetFetchedGroup, OffsetFetchedTopic, TopicRef,
};
use apus_core::error::Refusal;

use super::error::{NONE, code};
use super::schema::group_offsets as schema;
use super::topic;
use super::versions::Versions;

const TOPIC_IDS: Versions = Versions::parse("10+");

/// Several groups at a time.
const GROUPS: Versions = Versions::parse("8+");

/// Before it, OffsetFetch has no place for an error but the partitions.
const GROUP_ERROR: Versions = Versions::parse("2+");

/// The generation may be a member's epoch.
const MEMBER_EPOCHS: Versions = Versions::parse("9+");

/// Before it, OffsetCommit called a group that does not exist a wrong generation.
const GROUP_NOT_FOUND: Versions = Versions::parse("9+");

/// As the schema says it.
pub(super) fn commit_request(request: schema::OffsetCommitRequest<'_>, version: i16) -> OffsetCommitRequest {
    let topics = request.topics.into_iter().map(|asked| OffsetCommitTopic {
        topic: topic::reference(asked.name, asked.topic_id, TOPIC_IDS, version),
        partitions: asked.partitions.iter().map(position).collect(),
    });
    OffsetCommitRequest {
        caller: GroupCaller {
            group_id: Arc::from(request.group_id),
            generation: request.generation_id_or_member_epoch,
            member_id: Arc::from(request.member_id),
            group_instance_id: request.group_instance_id.map(Arc::from),
        },
        knows_epochs: MEMBER_EPOCHS.contains(version),
        retention_ms: (request.retention_time_ms >= 0).then_some(request.retention_time_ms),
        topics: topics.collect(),
    }
}

fn position(partition: &schema::OffsetCommitRequestPartition<'_>) -> (i32, GroupOffset) {
    let offset = GroupOffset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: Arc::from(partition.committed_metadata.unwrap_or_default()),
    };
    (partition.partition_index, offset)
}

/// The answer in the schema's words.
pub(super) fn commit_response(response: &OffsetCommitResponse, version: i16) -> schema::OffsetCommitResponse<'_> {
    let topics = response.topics.iter().map(|topic| committed(topic, version)).collect();
    schema::OffsetCommitResponse { throttle_time_ms: 0, topics }
}

fn committed(committed: &OffsetCommittedTopic, version: i16) -> schema::OffsetCommitResponseTopic<'_> {
    let partitions = committed.partitions.iter().map(|(partition_index, result)| {
        let refusal = match result.err() {
            Some(Refusal::GroupIdNotFound) if !GROUP_NOT_FOUND.contains(version) => Some(Refusal::IllegalGeneration),
            refusal => refusal,
        };
        schema::OffsetCommitResponsePartition { partition_index: *partition_index, error_code: code(refusal) }
    });
    schema::OffsetCommitResponseTopic {
        name: topic::name(&committed.topic),
        topic_id: topic::id(&committed.topic),
        partitions: partitions.collect(),
    }
}

/// One group, or from version 8 on any number of them.
pub(super) fn fetch_request(request: schema::OffsetFetchRequest<'_>, version: i16) -> OffsetFetchRequest {
    let groups = if GROUPS.contains(version) {
        request.groups.into_iter().map(|group| wanted(group, version)).collect()
    } else {
        let named = |asked: schema::OffsetFetchRequestTopic<'_>| OffsetFetchTopic {
            topic: TopicRef::Name(Arc::from(asked.name)),
            partitions: asked.partition_indexes,
        };
        let topics = request.topics.map(|topics| topics.into_iter().map(named).collect());
        vec![OffsetFetchGroup { group_id: Arc::from(request.group_id), member: None, topics }]
    };
    OffsetFetchRequest { groups, require_stable: request.require_stable, by_id: TOPIC_IDS.contains(version) }
}

fn wanted(group: schema::OffsetFetchRequestGroup<'_>, version: i16) -> OffsetFetchGroup {
    let asked = |asked: schema::OffsetFetchRequestTopics<'_>| OffsetFetchTopic {
        topic: topic::reference(asked.name, asked.topic_id, TOPIC_IDS, version),
        partitions: asked.partition_indexes,
    };
    OffsetFetchGroup {
        group_id: Arc::from(group.group_id),
        member: group.member_id.map(|member| (Arc::from(member), group.member_epoch)),
        topics: group.topics.map(|topics| topics.into_iter().map(asked).collect()),
    }
}

/// The answer in the schema's words.
pub(super) fn fetch_response(response: &OffsetFetchResponse, version: i16) -> schema::OffsetFetchResponse<'_> {
    if GROUPS.contains(version) {
        let groups = response.groups.iter().map(fetched).collect();
        return schema::OffsetFetchResponse { groups, ..Default::default() };
    }
    let only = response.groups.first().expect("one group was asked for");
    // Where there is a place for the group's error, it is the whole answer.
    let shown = if GROUP_ERROR.contains(version) && only.refusal.is_some() { &[][..] } else { &only.topics };
    let topics = shown.iter().map(|topic| schema::OffsetFetchResponseTopic {
        name: topic::name(&topic.topic),
        partitions: positions(topic).map(only_group).collect(),
    });
    schema::OffsetFetchResponse { topics: topics.collect(), error_code: code(only.refusal), ..Default::default() }
}

fn fetched(group: &OffsetFetchedGroup) -> schema::OffsetFetchResponseGroup<'_> {
    let shown = if group.refusal.is_some() { &[][..] } else { &group.topics };
    let topics = shown.iter().map(|topic| schema::OffsetFetchResponseTopics {
        name: topic::name(&topic.topic),
        topic_id: topic::id(&topic.topic),
        partitions: positions(topic).collect(),
    });
    schema::OffsetFetchResponseGroup {
        group_id: &group.group_id,
        topics: topics.collect(),
        error_code: code(group.refusal),
    }
}

/// Offset and epoch are -1 where the group never committed, as they are where the partition is refused.
fn positions(topic: &OffsetFetchedTopic) -> impl Iterator<Item = schema::OffsetFetchResponsePartitions<'_>> {
    topic.partitions.iter().map(|(partition_index, result)| {
        let found = result.as_ref().ok().and_then(Option::as_ref);
        schema::OffsetFetchResponsePartitions {
            partition_index: *partition_index,
            committed_offset: found.map_or(-1, |found| found.offset),
            committed_leader_epoch: found.map_or(-1, |found| found.leader_epoch),
            metadata: Some(found.map_or("", |found| &found.metadata)),
            error_code: result.as_ref().err().map_or(NONE, |refusal| code(*refusal)),
        }
    })
}

fn only_group(partition: schema::OffsetFetchResponsePartitions<'_>) -> schema::OffsetFetchResponsePartition<'_> {
    schema::OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    }
}

/// As the schema says it.
pub(super) fn delete_request(request: schema::OffsetDeleteRequest<'_>) -> OffsetDeleteRequest {
    let asked = |asked: schema::OffsetDeleteRequestTopic<'_>| OffsetFetchTopic {
        topic: TopicRef::Name(Arc::from(asked.name)),
        partitions: asked.partitions.iter().map(|partition| partition.partition_index).collect(),
    };
    let topics = request.topics.into_iter().map(asked).collect();
    OffsetDeleteRequest { group_id: Arc::from(request.group_id), topics }
}

/// The answer in the schema's words.
pub(super) fn delete_response(response: &OffsetDeleteResponse) -> schema::OffsetDeleteResponse<'_> {
    let topics = response.result.iter().flatten().map(|topic| schema::OffsetDeleteResponseTopic {
        name: topic::name(&topic.topic),
        partitions: topic.partitions.iter().map(forgotten).collect(),
    });
    let error_code = code(response.result.as_ref().err().copied());
    schema::OffsetDeleteResponse { error_code, throttle_time_ms: 0, topics: topics.collect() }
}

fn forgotten((partition_index, result): &(i32, Result<(), Refusal>)) -> schema::OffsetDeleteResponsePartition {
    schema::OffsetDeleteResponsePartition { partition_index: *partition_index, error_code: code(result.err()) }
}
