//! Streams groups between bytes and the core's words: what each version means.

use std::sync::Arc;

use apus_core::api::*;
use apus_core::error::{Refusal, Refused};
use apus_net::wire::client::decode_response;
use apus_net::wire::encode_response;
use apus_net::wire::schema::{streams_describe, streams_groups as schema};
use apus_net::wire::writer::Writer;

use crate::mapping::asked;

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn topology() -> schema::Topology<'static> {
    let internal = schema::TopicInfo {
        name: "words",
        partitions: 3,
        replication_factor: 2,
        topic_configs: vec![schema::KeyValue { key: "cleanup.policy", value: "delete" }],
    };
    let group =
        schema::CopartitionGroup { source_topics: vec![0], repartition_source_topics: vec![1], ..Default::default() };
    let part = schema::Subtopology {
        subtopology_id: "0",
        source_topics: vec!["lines"],
        repartition_sink_topics: vec!["out"],
        repartition_source_topics: vec![internal],
        copartition_groups: vec![group],
        ..Default::default()
    };
    schema::Topology { epoch: 7, subtopologies: vec![part] }
}

#[test]
fn members_of_streams_groups_beat() {
    for version in 0..=1 {
        let tasks = vec![schema::TaskIds { subtopology_id: "0", partitions: vec![1, 2] }];
        let message = schema::StreamsGroupHeartbeatRequest {
            group_id: "g",
            member_id: "m",
            member_epoch: 3,
            endpoint_information_epoch: 9,
            rebalance_timeout_ms: if version == 0 { -1 } else { 5 },
            topology: Some(topology()),
            active_tasks: Some(tasks.clone()),
            process_id: Some("p"),
            user_endpoint: Some(schema::Endpoint { host: "h", port: 65_000 }),
            client_tags: Some(vec![schema::KeyValue { key: "zone", value: "a" }]),
            task_offsets: Some(vec![schema::TaskOffset { subtopology_id: "0", partition: 1, offset: 8 }]),
            shutdown_application: true,
            ..Default::default()
        };
        let request = expect!(StreamsGroupHeartbeat, asked(version, &message));
        assert_eq!((request.member_epoch, request.endpoint_epoch, request.shutdown), (3, 9, true));
        assert_eq!((request.rebalance_timeout_ms.is_some(), request.knows_missing_tags), (version >= 1, version >= 1));
        assert_eq!((request.active, request.standby), (Some(vec![(text("0"), vec![1, 2])]), None));
        assert_eq!(request.endpoint, Some(StreamsEndpoint { host: text("h"), port: 65_000 }));
        let found = request.topology.expect("it was given");
        let part = &found.subtopologies[0];
        assert_eq!((found.epoch, &part.source_topics[..]), (7, &[text("lines")][..]));
        assert_eq!((part.repartition_sources[0].partitions, part.repartition_sources[0].configs.len()), (3, 1));
        assert_eq!(part.copartitioned[0].repartition_sources, [1]);
        let tasks = TaskSets { active: vec![(text("0"), vec![1])], standby: vec![(text("1"), vec![2])] };
        let endpoints = EndpointPartitions {
            endpoint: StreamsEndpoint { host: text("h"), port: 1 },
            active: vec![(text("lines"), vec![1])],
            standby: vec![],
        };
        let beat = StreamsBeat {
            member_id: text("m"),
            member_epoch: 4,
            interval_ms: 7,
            acceptable_lag: 10_000,
            offset_interval_ms: 60_000,
            statuses: vec![StreamsStatus { kind: StreamsStatusKind::MissingInternalTopics, detail: text("words") }],
            tasks: Some(tasks),
            endpoint_epoch: 10,
            endpoints: Some(vec![endpoints]),
        };
        let response = Response::StreamsGroupHeartbeat(StreamsHeartbeatResponse { result: Ok(beat) });
        answer!(schema::StreamsGroupHeartbeatResponse, version, &response, |answer| {
            assert_eq!((answer.error_code, answer.member_id, answer.heartbeat_interval_ms), (0, "m", 7));
            assert_eq!(answer.acceptable_recovery_lag, if version >= 1 { 10_000 } else { -1 });
            let status = &answer.status.as_ref().expect("told")[0];
            assert_eq!((status.status_code, status.status_detail), (3, "words"));
            assert_eq!(answer.active_tasks.as_ref().expect("told")[0].partitions, [1]);
            assert_eq!(answer.standby_tasks.as_ref().expect("told")[0].subtopology_id, "1");
            assert_eq!(answer.warmup_tasks.as_ref().map(Vec::len), Some(0));
            assert_eq!(
                answer.partitions_by_user_endpoint.as_ref().expect("told")[0].active_partitions[0].topic,
                "lines"
            );
        });
        let refused = Err(Refused::new(Refusal::StreamsInvalidTopology, "no"));
        let response = Response::StreamsGroupHeartbeat(StreamsHeartbeatResponse { result: refused });
        answer!(schema::StreamsGroupHeartbeatResponse, version, &response, |answer| {
            assert_eq!(
                (answer.error_code, answer.error_message, answer.active_tasks.is_some()),
                (130, Some("no"), false)
            );
        });
    }
}

#[test]
fn streams_groups_are_shown() {
    let internal = InternalTopic {
        name: text("words"),
        partitions: 3,
        replication_factor: 0,
        configs: vec![(text("a"), text("b"))],
    };
    let part = Subtopology { id: text("0"), changelogs: vec![internal], ..Subtopology::default() };
    let member = DescribedStreamsMember {
        member_id: text("m"),
        instance_id: None,
        rack_id: None,
        member_epoch: 4,
        client: GroupClient { id: text("me"), host: text("/127.0.0.1") },
        topology_epoch: 2,
        process_id: text("p"),
        endpoint: Some(StreamsEndpoint { host: text("h"), port: 8 }),
        tags: vec![(text("zone"), text("a"))],
        offsets: vec![TaskOffset { subtopology: text("0"), partition: 1, offset: 5 }],
        end_offsets: vec![],
        assigned: TaskSets { active: vec![(text("0"), vec![1])], standby: vec![] },
        target: TaskSets { active: vec![], standby: vec![(text("0"), vec![2])] },
    };
    let found = StreamsDescription {
        state: StreamsState::NotReady,
        epoch: 5,
        assignment_epoch: 4,
        assignor: text("sticky"),
        topology: Some(Topology { epoch: 2, subtopologies: vec![part] }),
        members: vec![member],
    };
    let missing = Refused::new(Refusal::GroupIdNotFound, "Group b not found.");
    let groups = vec![
        DescribedStreams { group_id: text("a"), result: Ok(found) },
        DescribedStreams { group_id: text("b"), result: Err(missing) },
    ];
    for version in 0..=1 {
        let message = streams_describe::StreamsGroupDescribeRequest {
            group_ids: vec!["a"],
            include_authorized_operations: true,
            include_topology_description: version >= 1,
        };
        let request = expect!(StreamsGroupDescribe, asked(version, &message));
        assert_eq!((request.authorized_operations, request.topology_description), (true, version >= 1));
        let answer = StreamsDescribeResponse {
            groups: groups.clone(),
            authorized_operations: true,
            topology_description: request.topology_description,
        };
        let response = Response::StreamsGroupDescribe(answer);
        answer!(streams_describe::StreamsGroupDescribeResponse, version, &response, |answer| {
            let [found, missing] = &answer.groups[..] else { panic!("{answer:?}") };
            assert_eq!((found.group_state, found.group_epoch, found.assignment_epoch), ("NotReady", 5, 4));
            let parts = found.topology.as_ref().expect("shown").subtopologies.as_ref().expect("shown");
            assert_eq!(parts[0].state_changelog_topics[0].partitions, 3);
            let member = &found.members[0];
            assert_eq!((member.process_id, member.task_offsets[0].offset, member.is_classic), ("p", 5, false));
            assert_eq!(member.assignment.active_tasks[0].partitions, [1]);
            assert_eq!(member.target_assignment.standby_tasks[0].partitions, [2]);
            // Nobody keeps the whole description of a topology.
            assert_eq!((found.topology_description_status, &found.topology_description), (version as i8, &None));
            assert_eq!(found.assignor_name.unwrap_or_default(), if version >= 1 { "sticky" } else { "" });
            assert_eq!((missing.error_code, missing.error_message), (69, Some("Group b not found.")));
        });
    }
}
