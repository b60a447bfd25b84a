//! StreamsGroupHeartbeat and StreamsGroupDescribe: between bytes and the core's words.

use std::sync::Arc;

use apus_core::api::{
    Copartitioned, DescribedStreams, DescribedStreamsMember, EndpointPartitions, InternalTopic, KeyValues, StreamsBeat,
    StreamsDescribeRequest, StreamsDescribeResponse, StreamsEndpoint, StreamsHeartbeatRequest,
    StreamsHeartbeatResponse, StreamsStatusKind, Subtopology, TaskIds, TaskOffset, TaskSets, Topology,
};

use super::error::{NONE, code};
use super::schema::{streams_describe as describe, streams_groups as schema};
use super::versions::Versions;
use super::{operations, topic};

/// From it on, members understand that tags are missing.
const MISSING_TAGS: Versions = Versions::parse("1+");

/// What is said of topologies that were not asked for.
const NOT_REQUESTED: i8 = 0;
/// What is said of topologies that were: no broker of ours stores any.
const NOT_STORED: i8 = 1;

fn texts(texts: Vec<&str>) -> Vec<Arc<str>> {
    texts.into_iter().map(Arc::from).collect()
}

fn pairs(pairs: Vec<schema::KeyValue<'_>>) -> KeyValues {
    pairs.into_iter().map(|pair| (Arc::from(pair.key), Arc::from(pair.value))).collect()
}

fn tasks(tasks: Vec<schema::TaskIds<'_>>) -> TaskIds {
    tasks.into_iter().map(|ids| (Arc::from(ids.subtopology_id), ids.partitions)).collect()
}

fn offsets(offsets: Vec<schema::TaskOffset<'_>>) -> Vec<TaskOffset> {
    let one = |offset: schema::TaskOffset<'_>| TaskOffset {
        subtopology: Arc::from(offset.subtopology_id),
        partition: offset.partition,
        offset: offset.offset,
    };
    offsets.into_iter().map(one).collect()
}

fn internal(topics: Vec<schema::TopicInfo<'_>>) -> Vec<InternalTopic> {
    let one = |topic: schema::TopicInfo<'_>| InternalTopic {
        name: Arc::from(topic.name),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: pairs(topic.topic_configs),
    };
    topics.into_iter().map(one).collect()
}

fn subtopology(part: schema::Subtopology<'_>) -> Subtopology {
    let copartitioned = |group: schema::CopartitionGroup| Copartitioned {
        source_topics: group.source_topics,
        source_patterns: group.source_topic_regex,
        repartition_sources: group.repartition_source_topics,
    };
    Subtopology {
        id: Arc::from(part.subtopology_id),
        source_topics: texts(part.source_topics),
        source_patterns: texts(part.source_topic_regex),
        repartition_sinks: texts(part.repartition_sink_topics),
        repartition_sources: internal(part.repartition_source_topics),
        changelogs: internal(part.state_changelog_topics),
        copartitioned: part.copartition_groups.into_iter().map(copartitioned).collect(),
    }
}

fn topology(topology: schema::Topology<'_>) -> Topology {
    Topology { epoch: topology.epoch, subtopologies: topology.subtopologies.into_iter().map(subtopology).collect() }
}

/// As the schema says it.
pub(super) fn heartbeat_request(
    request: schema::StreamsGroupHeartbeatRequest<'_>,
    version: i16,
) -> StreamsHeartbeatRequest {
    let text = |text: Option<&str>| text.map(Arc::from);
    let endpoint =
        |endpoint: schema::Endpoint<'_>| StreamsEndpoint { host: Arc::from(endpoint.host), port: endpoint.port };
    StreamsHeartbeatRequest {
        group_id: Arc::from(request.group_id),
        member_id: Arc::from(request.member_id),
        member_epoch: request.member_epoch,
        endpoint_epoch: request.endpoint_information_epoch,
        instance_id: text(request.instance_id),
        rack_id: text(request.rack_id),
        rebalance_timeout_ms: (request.rebalance_timeout_ms >= 0).then_some(request.rebalance_timeout_ms),
        topology: request.topology.map(topology),
        active: request.active_tasks.map(tasks),
        standby: request.standby_tasks.map(tasks),
        warmup: request.warmup_tasks.map(tasks),
        process_id: text(request.process_id),
        endpoint: request.user_endpoint.map(endpoint),
        tags: request.client_tags.map(pairs),
        offsets: request.task_offsets.map(offsets),
        end_offsets: request.task_end_offsets.map(offsets),
        shutdown: request.shutdown_application,
        knows_missing_tags: MISSING_TAGS.contains(version),
    }
}

/// The answer in the schema's words.
pub(super) fn heartbeat_response(response: &StreamsHeartbeatResponse) -> schema::StreamsGroupHeartbeatResponse<'_> {
    match &response.result {
        Err(refused) => schema::StreamsGroupHeartbeatResponse {
            error_code: code(refused.refusal),
            error_message: topic::sentence(&refused.message),
            ..Default::default()
        },
        Ok(beat) => told(beat),
    }
}

fn told(beat: &StreamsBeat) -> schema::StreamsGroupHeartbeatResponse<'_> {
    let statuses = beat.statuses.iter();
    let statuses = statuses.map(|one| schema::Status { status_code: number(one.kind), status_detail: &one.detail });
    let sets = beat.tasks.as_ref();
    schema::StreamsGroupHeartbeatResponse {
        throttle_time_ms: 0,
        error_code: NONE,
        error_message: None,
        member_id: &beat.member_id,
        member_epoch: beat.member_epoch,
        heartbeat_interval_ms: beat.interval_ms,
        acceptable_recovery_lag_legacy: 0,
        task_offset_interval_ms: beat.offset_interval_ms,
        acceptable_recovery_lag: beat.acceptable_lag,
        status: Some(statuses.collect()),
        active_tasks: sets.map(|sets| ids(&sets.active)),
        standby_tasks: sets.map(|sets| ids(&sets.standby)),
        warmup_tasks: sets.map(|_| Vec::new()),
        topology_description_required: false,
        endpoint_information_epoch: beat.endpoint_epoch,
        partitions_by_user_endpoint: beat.endpoints.as_ref().map(|all| all.iter().map(endpoint).collect()),
    }
}

fn number(kind: StreamsStatusKind) -> i8 {
    match kind {
        StreamsStatusKind::StaleTopology => 0,
        StreamsStatusKind::MissingSourceTopics => 1,
        StreamsStatusKind::IncorrectlyPartitionedTopics => 2,
        StreamsStatusKind::MissingInternalTopics => 3,
        StreamsStatusKind::ShutdownApplication => 4,
        StreamsStatusKind::AssignmentDelayed => 5,
        StreamsStatusKind::MissingClientTags => 6,
    }
}

fn ids(tasks: &TaskIds) -> Vec<schema::TaskIds<'_>> {
    tasks
        .iter()
        .map(|(id, partitions)| schema::TaskIds { subtopology_id: id, partitions: partitions.clone() })
        .collect()
}

fn endpoint(behind: &EndpointPartitions) -> schema::EndpointToPartitions<'_> {
    schema::EndpointToPartitions {
        user_endpoint: address(&behind.endpoint),
        active_partitions: partitions(&behind.active),
        standby_partitions: partitions(&behind.standby),
    }
}

fn address(endpoint: &StreamsEndpoint) -> schema::Endpoint<'_> {
    schema::Endpoint { host: &endpoint.host, port: endpoint.port }
}

fn partitions(topics: &TaskIds) -> Vec<schema::TopicPartition<'_>> {
    topics.iter().map(|(topic, indexes)| schema::TopicPartition { topic, partitions: indexes.clone() }).collect()
}

/// As the schema says it.
pub(super) fn describe_request(request: &describe::StreamsGroupDescribeRequest<'_>) -> StreamsDescribeRequest {
    StreamsDescribeRequest {
        groups: request.group_ids.iter().map(|id| Arc::from(*id)).collect(),
        authorized_operations: request.include_authorized_operations,
        topology_description: request.include_topology_description,
    }
}

/// The answer in the schema's words.
pub(super) fn describe_response(response: &StreamsDescribeResponse) -> describe::StreamsGroupDescribeResponse<'_> {
    let groups = response.groups.iter().map(|group| described(group, response));
    describe::StreamsGroupDescribeResponse { throttle_time_ms: 0, groups: groups.collect() }
}

fn described<'a>(group: &'a DescribedStreams, response: &StreamsDescribeResponse) -> describe::DescribedGroup<'a> {
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
            topology: found.topology.as_ref().map(shown),
            members: found.members.iter().map(member).collect(),
            authorized_operations: operations::told(operations::GROUP, response.authorized_operations),
            topology_description_status: if response.topology_description { NOT_STORED } else { NOT_REQUESTED },
            assignor_name: Some(&found.assignor),
            ..unknown
        },
    }
}

fn shown(topology: &Topology) -> describe::Topology<'_> {
    let parts = topology.subtopologies.iter().map(shown_part);
    describe::Topology { epoch: topology.epoch, subtopologies: Some(parts.collect()) }
}

fn shown_part(part: &Subtopology) -> describe::Subtopology<'_> {
    describe::Subtopology {
        subtopology_id: &part.id,
        source_topics: part.source_topics.iter().map(|name| &**name).collect(),
        repartition_sink_topics: part.repartition_sinks.iter().map(|name| &**name).collect(),
        state_changelog_topics: part.changelogs.iter().map(shown_topic).collect(),
        repartition_source_topics: part.repartition_sources.iter().map(shown_topic).collect(),
    }
}

fn shown_topic(topic: &InternalTopic) -> schema::TopicInfo<'_> {
    schema::TopicInfo {
        name: &topic.name,
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        topic_configs: shown_pairs(&topic.configs),
    }
}

fn shown_pairs(pairs: &KeyValues) -> Vec<schema::KeyValue<'_>> {
    pairs.iter().map(|(key, value)| schema::KeyValue { key, value }).collect()
}

fn shown_offsets(offsets: &[TaskOffset]) -> Vec<schema::TaskOffset<'_>> {
    offsets.iter().map(shown_offset).collect()
}

fn shown_offset(offset: &TaskOffset) -> schema::TaskOffset<'_> {
    schema::TaskOffset { subtopology_id: &offset.subtopology, partition: offset.partition, offset: offset.offset }
}

fn member(member: &DescribedStreamsMember) -> describe::Member<'_> {
    describe::Member {
        member_id: &member.member_id,
        member_epoch: member.member_epoch,
        instance_id: member.instance_id.as_deref(),
        rack_id: member.rack_id.as_deref(),
        client_id: &member.client.id,
        client_host: &member.client.host,
        topology_epoch: member.topology_epoch,
        process_id: &member.process_id,
        user_endpoint: member.endpoint.as_ref().map(address),
        client_tags: shown_pairs(&member.tags),
        task_offsets: shown_offsets(&member.offsets),
        task_end_offsets: shown_offsets(&member.end_offsets),
        assignment: assignment(&member.assigned),
        target_assignment: assignment(&member.target),
        is_classic: false,
    }
}

fn assignment(sets: &TaskSets) -> describe::Assignment<'_> {
    describe::Assignment {
        active_tasks: ids(&sets.active),
        standby_tasks: ids(&sets.standby),
        warmup_tasks: Vec::new(),
    }
}
