//! Groups between bytes and the core's words: what each version means.

use std::sync::Arc;

use apus_core::api::*;
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{BrokerId, Uuid};
use apus_net::wire::client::decode_response;
use apus_net::wire::encode_response;
use apus_net::wire::schema::{consumer_describe, consumer_groups, coordinator, group_admin, group_offsets, groups};
use apus_net::wire::writer::Writer;
use bytes::Bytes;

use crate::mapping::asked;

const ID: Uuid = Uuid([7; 16]);

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

#[test]
fn coordinators_are_found_one_by_one_or_together() {
    let me = Broker { id: BrokerId(1), host: text("me"), port: 9092, rack: None };
    let found = FoundCoordinator { key: text("a"), result: Ok(me) };
    let refused =
        FoundCoordinator { key: text("b"), result: Err(Refused::new(Refusal::InvalidRequest, "no transactions")) };
    for version in 0..=6 {
        let message = coordinator::FindCoordinatorRequest { key: "a", key_type: 1, coordinator_keys: vec!["a", "b"] };
        let request = expect!(FindCoordinator, asked(version, &message));
        let (kind, keys) = match version {
            0 => (CoordinatorKind::Group, &["a"][..]),
            1..=3 => (CoordinatorKind::Transaction, &["a"][..]),
            _ => (CoordinatorKind::Transaction, &["a", "b"][..]),
        };
        assert_eq!((request.kind, request.keys.iter().map(|key| &**key).collect::<Vec<_>>()), (kind, keys.to_vec()));
        if version >= 4 {
            let coordinators = vec![found.clone(), refused.clone()];
            let response = Response::FindCoordinator(FindCoordinatorResponse { coordinators });
            answer!(coordinator::FindCoordinatorResponse, version, &response, |answer| {
                let rows = answer.coordinators.iter().map(|row| (row.key, row.node_id, row.port, row.error_code));
                assert_eq!(rows.collect::<Vec<_>>(), [("a", 1, 9092, 0), ("b", -1, -1, 42)]);
            });
            continue;
        }
        for (one, expected) in [(&found, (1, "me", 9092, 0)), (&refused, (-1, "", -1, 42))] {
            let response = Response::FindCoordinator(FindCoordinatorResponse { coordinators: vec![one.clone()] });
            answer!(coordinator::FindCoordinatorResponse, version, &response, |answer| {
                assert_eq!((answer.node_id, answer.host, answer.port, answer.error_code), expected);
            });
        }
    }
}

#[test]
fn joins_say_more_with_each_version() {
    let member = JoinedMember { member_id: text("m"), group_instance_id: Some(text("i")), metadata: "said".into() };
    let joined = Joined {
        generation: 3,
        protocol_type: Some(text("consumer")),
        protocol_name: Some(text("range")),
        leader: text("m"),
        skip_assignment: true,
        members: vec![member],
    };
    let joined = Response::JoinGroup(JoinGroupResponse { member_id: text("m"), result: Ok(joined) });
    let refused =
        Response::JoinGroup(JoinGroupResponse { member_id: text("new"), result: Err(Refusal::MemberIdRequired) });
    for version in 0..=9 {
        let message = groups::JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 10,
            rebalance_timeout_ms: 20,
            group_instance_id: (version >= 5).then_some("i"),
            protocol_type: "consumer",
            protocols: vec![groups::JoinGroupRequestProtocol { name: "range", metadata: b"said" }],
            reason: (version >= 8).then_some("why not"),
            ..Default::default()
        };
        let request = expect!(JoinGroup, asked(version, &message));
        assert_eq!(request.rebalance_timeout_ms, if version >= 1 { 20 } else { 10 });
        assert_eq!(request.group_instance_id.is_some(), version >= 5);
        assert_eq!(request.reason.is_some(), version >= 8);
        assert_eq!((request.member_id_required, request.skip_assignment), (version >= 4, version >= 9));
        assert_eq!(request.protocols, [GroupProtocol { name: text("range"), metadata: Bytes::from("said") }]);
        answer!(groups::JoinGroupResponse, version, &joined, |answer| {
            assert_eq!((answer.error_code, answer.generation_id, answer.leader), (0, 3, "m"));
            assert_eq!((answer.protocol_name, answer.members[0].metadata), (Some("range"), &b"said"[..]));
            assert_eq!(answer.protocol_type, (version >= 7).then_some("consumer"));
            assert_eq!(answer.members[0].group_instance_id, (version >= 5).then_some("i"));
            assert_eq!(answer.skip_assignment, version >= 9);
        });
        answer!(groups::JoinGroupResponse, version, &refused, |answer| {
            assert_eq!((answer.error_code, answer.generation_id, answer.member_id), (79, -1, "new"));
            assert_eq!(answer.protocol_name, Some(""));
        });
    }
}

#[test]
fn members_sync_and_live() {
    let synced =
        Synced { protocol_type: Some(text("consumer")), protocol_name: Some(text("range")), assignment: "do".into() };
    let synced = Response::SyncGroup(SyncGroupResponse { result: Ok(synced) });
    let refused = Response::SyncGroup(SyncGroupResponse { result: Err(Refusal::RebalanceInProgress) });
    for version in 0..=5 {
        let message = groups::SyncGroupRequest {
            group_id: "g",
            generation_id: 3,
            member_id: "m",
            protocol_type: (version >= 5).then_some("consumer"),
            assignments: vec![groups::SyncGroupRequestAssignment { member_id: "n", assignment: b"do" }],
            ..Default::default()
        };
        let request = expect!(SyncGroup, asked(version, &message));
        assert_eq!((request.caller.generation, &*request.caller.member_id), (3, "m"));
        assert_eq!((request.protocol_required, request.protocol_type.is_some()), (version >= 5, version >= 5));
        assert_eq!(request.assignments, [Assignment { member_id: text("n"), assignment: Bytes::from("do") }]);
        answer!(groups::SyncGroupResponse, version, &synced, |answer| {
            assert_eq!((answer.error_code, answer.assignment), (0, &b"do"[..]));
            assert_eq!(answer.protocol_name, (version >= 5).then_some("range"));
        });
        answer!(groups::SyncGroupResponse, version, &refused, |answer| {
            assert_eq!((answer.error_code, answer.assignment.len()), (27, 0));
        });
    }
    for version in 0..=4 {
        let group_instance_id = (version >= 3).then_some("i");
        let message = groups::HeartbeatRequest { group_id: "g", generation_id: 3, member_id: "m", group_instance_id };
        let request = expect!(Heartbeat, asked(version, &message));
        assert_eq!(request.caller.group_instance_id.is_some(), version >= 3);
        for (result, code) in [(Ok(()), 0), (Err(Refusal::FencedInstanceId), 82)] {
            answer!(groups::HeartbeatResponse, version, &Response::Heartbeat(HeartbeatResponse { result }), |answer| {
                assert_eq!(answer.error_code, code);
            });
        }
    }
}

#[test]
fn members_leave_alone_or_together() {
    let left = LeftMember { member_id: text("m"), group_instance_id: None, result: Err(Refusal::UnknownMemberId) };
    let left = Response::LeaveGroup(LeaveGroupResponse { result: Ok(vec![left]) });
    let refused = Response::LeaveGroup(LeaveGroupResponse { result: Err(Refusal::NotCoordinator) });
    for version in 0..=5 {
        let alone = version <= 2;
        let identity = groups::MemberIdentity {
            member_id: "m",
            group_instance_id: Some("i"),
            reason: (version >= 5).then_some("done"),
        };
        let members = if alone { vec![] } else { vec![identity.clone(), identity] };
        let message = groups::LeaveGroupRequest { group_id: "g", member_id: if alone { "m" } else { "" }, members };
        let request = expect!(LeaveGroup, asked(version, &message));
        assert_eq!(request.members.len(), if alone { 1 } else { 2 });
        assert_eq!(&*request.members[0].member_id, "m");
        assert_eq!(request.members[0].group_instance_id.is_some(), !alone);
        assert_eq!(request.members[0].reason.is_some(), version >= 5);
        answer!(groups::LeaveGroupResponse, version, &left, |answer| {
            assert_eq!(answer.error_code, if alone { 25 } else { 0 });
            let codes: Vec<_> = answer.members.iter().map(|member| member.error_code).collect();
            assert_eq!(codes, if alone { vec![] } else { vec![25] });
        });
        answer!(groups::LeaveGroupResponse, version, &refused, |answer| assert_eq!(answer.error_code, 16));
    }
}

#[test]
fn a_group_that_is_not_there_was_dead_once() {
    let member = DescribedMember {
        member_id: text("m"),
        group_instance_id: Some(text("i")),
        client: GroupClient { id: text("me"), host: text("/127.0.0.1") },
        metadata: "said".into(),
        assignment: "do".into(),
    };
    let stable = GroupDescription {
        state: GroupState::Stable,
        protocol_type: text("consumer"),
        protocol_name: text("range"),
        members: vec![member],
    };
    let missing = Refused::new(Refusal::GroupIdNotFound, "Group b not found.");
    let groups = vec![
        DescribedGroup { group_id: text("a"), result: Ok(stable) },
        DescribedGroup { group_id: text("b"), result: Err(missing) },
        DescribedGroup { group_id: text("c"), result: Err(Refusal::NotCoordinator.into()) },
    ];
    for version in 0..=6 {
        let message =
            group_admin::DescribeGroupsRequest { groups: vec!["a", "b"], include_authorized_operations: version >= 3 };
        let request = expect!(DescribeGroups, asked(version, &message));
        assert_eq!((request.groups.len(), request.authorized_operations), (2, version >= 3));
        let answer = DescribeGroupsResponse { groups: groups.clone(), authorized_operations: version >= 3 };
        answer!(group_admin::DescribeGroupsResponse, version, &Response::DescribeGroups(answer), |answer| {
            let [found, missing, refused] = &answer.groups[..] else { panic!("{answer:?}") };
            assert_eq!((found.error_code, found.group_state, found.protocol_data), (0, "Stable", "range"));
            assert_eq!(found.authorized_operations, if version >= 3 { 3400 } else { i32::MIN });
            assert_eq!((found.members[0].client_host, found.members[0].member_assignment), ("/127.0.0.1", &b"do"[..]));
            assert_eq!((missing.error_code, missing.group_state), (if version >= 6 { 69 } else { 0 }, "Dead"));
            assert_eq!(missing.error_message, (version >= 6).then_some("Group b not found."));
            assert_eq!((refused.error_code, refused.group_state), (16, ""));
        });
    }
}

#[test]
fn groups_are_listed_and_deleted() {
    let listed =
        ListedGroup { group_id: text("g"), protocol_type: text("consumer"), state: "Empty", group_type: "classic" };
    let listed = Response::ListGroups(ListGroupsResponse { result: Ok(vec![listed]) });
    let refused = Response::ListGroups(ListGroupsResponse { result: Err(Refusal::CoordinatorLoadInProgress) });
    for version in 0..=5 {
        let message = group_admin::ListGroupsRequest {
            states_filter: if version >= 4 { vec!["Empty"] } else { vec![] },
            types_filter: if version >= 5 { vec!["classic"] } else { vec![] },
        };
        let request = expect!(ListGroups, asked(version, &message));
        assert_eq!((request.states.len(), request.types.len()), (usize::from(version >= 4), usize::from(version >= 5)));
        answer!(group_admin::ListGroupsResponse, version, &listed, |answer| {
            assert_eq!((answer.groups[0].group_id, answer.groups[0].protocol_type), ("g", "consumer"));
            assert_eq!(answer.groups[0].group_state, if version >= 4 { "Empty" } else { "" });
            assert_eq!(answer.groups[0].group_type, if version >= 5 { "classic" } else { "" });
        });
        answer!(group_admin::ListGroupsResponse, version, &refused, |answer| assert_eq!(answer.error_code, 14));
    }
    let groups = vec![
        DeletedGroup { group_id: text("a"), result: Ok(()) },
        DeletedGroup { group_id: text("b"), result: Err(Refused::new(Refusal::NonEmptyGroup, "members")) },
    ];
    for version in 0..=3 {
        let message = group_admin::DeleteGroupsRequest { groups_names: vec!["a", "b"] };
        assert_eq!(expect!(DeleteGroups, asked(version, &message)).groups.len(), 2);
        let response = Response::DeleteGroups(DeleteGroupsResponse { groups: groups.clone() });
        answer!(group_admin::DeleteGroupsResponse, version, &response, |answer| {
            let rows: Vec<_> = answer.results.iter().map(|row| (row.error_code, row.error_message)).collect();
            assert_eq!(rows, [(0, None), (68, (version >= 3).then_some("members"))]);
        });
    }
}

#[test]
fn offsets_are_committed_by_name_and_then_by_id() {
    let partitions = vec![(0, Ok(())), (1, Err(Refusal::GroupIdNotFound))];
    for version in 2..=10 {
        let partition = group_offsets::OffsetCommitRequestPartition {
            partition_index: 3,
            committed_offset: 9,
            committed_leader_epoch: if version >= 6 { 0 } else { -1 },
            committed_metadata: None,
        };
        let topic = group_offsets::OffsetCommitRequestTopic { name: "t", topic_id: ID, partitions: vec![partition] };
        let message = group_offsets::OffsetCommitRequest {
            group_id: "g",
            generation_id_or_member_epoch: 4,
            member_id: "m",
            retention_time_ms: if version <= 4 { 5 } else { -1 },
            topics: vec![topic],
            ..Default::default()
        };
        let request = expect!(OffsetCommit, asked(version, &message));
        let topic = if version >= 10 { TopicRef::Id(ID) } else { TopicRef::Name(text("t")) };
        assert_eq!((request.caller.generation, &request.topics[0].topic), (4, &topic));
        assert_eq!(request.retention_ms, (version <= 4).then_some(5));
        let leader_epoch = if version >= 6 { 0 } else { -1 };
        assert_eq!(request.topics[0].partitions, [(3, GroupOffset { offset: 9, leader_epoch, metadata: text("") })]);

        let topics = vec![OffsetCommittedTopic { topic, partitions: partitions.clone() }];
        let response = Response::OffsetCommit(OffsetCommitResponse { topics });
        answer!(group_offsets::OffsetCommitResponse, version, &response, |answer| {
            let expected = if version >= 10 { ("", ID) } else { ("t", Uuid::ZERO) };
            assert_eq!((answer.topics[0].name, answer.topics[0].topic_id), expected);
            let codes: Vec<_> = answer.topics[0].partitions.iter().map(|row| row.error_code).collect();
            assert_eq!(codes, [0, if version >= 9 { 69 } else { 22 }]);
        });
    }
}

fn fetch_message(version: i16, all: bool) -> group_offsets::OffsetFetchRequest<'static> {
    let named = group_offsets::OffsetFetchRequestTopic { name: "t", partition_indexes: vec![0, 1] };
    let topics = group_offsets::OffsetFetchRequestTopics { name: "t", topic_id: ID, partition_indexes: vec![0, 1] };
    let group = |group_id| group_offsets::OffsetFetchRequestGroup {
        group_id,
        member_id: (version >= 9).then_some("m"),
        member_epoch: -1,
        topics: (!all).then(|| vec![topics.clone()]),
    };
    group_offsets::OffsetFetchRequest {
        group_id: "g",
        topics: (!all).then(|| vec![named]),
        groups: vec![group("g"), group("h")],
        require_stable: version >= 7,
    }
}

#[test]
fn offsets_are_fetched_for_one_group_and_then_for_many() {
    for version in 1..=10 {
        let request = expect!(OffsetFetch, asked(version, &fetch_message(version, false)));
        let topic = if version >= 10 { TopicRef::Id(ID) } else { TopicRef::Name(text("t")) };
        assert_eq!(request.groups.len(), if version >= 8 { 2 } else { 1 });
        let first = &request.groups[0].topics.as_ref().expect("some")[0];
        assert_eq!((&first.topic, &first.partitions[..]), (&topic, &[0, 1][..]));
        assert_eq!((request.require_stable, request.by_id), (version >= 7, version >= 10));
        assert_eq!(request.groups[0].member.is_some(), version >= 9);
        if version >= 2 {
            let request = expect!(OffsetFetch, asked(version, &fetch_message(version, true)));
            assert!(request.groups[0].topics.is_none(), "all of them");
        }
        let position = GroupOffset { offset: 9, leader_epoch: 0, metadata: text("note") };
        let partitions = vec![(0, Ok(Some(position))), (1, Ok(None)), (2, Err(Refusal::UnstableOffsetCommit))];
        let topics = vec![OffsetFetchedTopic { topic, partitions }];
        let groups = vec![OffsetFetchedGroup { group_id: text("g"), refusal: None, topics }];
        let response = Response::OffsetFetch(OffsetFetchResponse { groups });
        let rows = [(9, 0, Some("note"), 0), (-1, -1, Some(""), 0), (-1, -1, Some(""), 88)];
        answer!(group_offsets::OffsetFetchResponse, version, &response, |answer| {
            if version >= 8 {
                let topic = &answer.groups[0].topics[0];
                assert_eq!((topic.name, topic.topic_id), if version >= 10 { ("", ID) } else { ("t", Uuid::ZERO) });
                let told = topic.partitions.iter();
                let told =
                    told.map(|row| (row.committed_offset, row.committed_leader_epoch, row.metadata, row.error_code));
                assert_eq!(told.collect::<Vec<_>>(), rows);
            } else {
                let told = answer.topics[0].partitions.iter();
                let told = told.map(|row| (row.committed_offset, row.metadata, row.error_code));
                assert_eq!(told.collect::<Vec<_>>(), rows.map(|(offset, _, metadata, code)| (offset, metadata, code)));
            }
        });
    }
}

#[test]
fn a_groups_error_stands_where_the_version_has_a_place_for_it() {
    let partitions = vec![(0, Err(Refusal::NotCoordinator))];
    let topics = vec![OffsetFetchedTopic { topic: TopicRef::Name(text("t")), partitions }];
    let groups = vec![OffsetFetchedGroup { group_id: text("g"), refusal: Some(Refusal::NotCoordinator), topics }];
    let response = Response::OffsetFetch(OffsetFetchResponse { groups });
    for version in 1..=10 {
        answer!(group_offsets::OffsetFetchResponse, version, &response, |answer| match version {
            1 => assert_eq!(answer.topics[0].partitions[0].error_code, 16),
            2..=7 => assert_eq!((answer.error_code, answer.topics.len()), (16, 0)),
            _ => assert_eq!((answer.groups[0].error_code, answer.groups[0].topics.len()), (16, 0)),
        });
    }
}

#[test]
fn offsets_are_deleted_by_name() {
    let partition = group_offsets::OffsetDeleteRequestPartition { partition_index: 3 };
    let topic = group_offsets::OffsetDeleteRequestTopic { name: "t", partitions: vec![partition] };
    let message = group_offsets::OffsetDeleteRequest { group_id: "g", topics: vec![topic] };
    let request = expect!(OffsetDelete, asked(0, &message));
    assert_eq!((&*request.group_id, &request.topics[0].partitions[..]), ("g", &[3][..]));
    let partitions = vec![(3, Ok(())), (4, Err(Refusal::GroupSubscribedToTopic))];
    let topic = OffsetCommittedTopic { topic: request.topics[0].topic.clone(), partitions };
    let response = Response::OffsetDelete(OffsetDeleteResponse { result: Ok(vec![topic]) });
    answer!(group_offsets::OffsetDeleteResponse, 0, &response, |answer| {
        assert_eq!((answer.error_code, answer.topics[0].name), (0, "t"));
        let codes = answer.topics[0].partitions.iter().map(|row| (row.partition_index, row.error_code));
        assert_eq!(codes.collect::<Vec<_>>(), [(3, 0), (4, 86)]);
    });
    let refused = Response::OffsetDelete(OffsetDeleteResponse { result: Err(Refusal::NonEmptyGroup) });
    answer!(group_offsets::OffsetDeleteResponse, 0, &refused, |answer| {
        assert_eq!((answer.error_code, answer.topics.len()), (68, 0));
    });
}

#[test]
fn members_of_the_consumer_protocol_beat() {
    let partitions = vec![consumer_groups::TopicPartitions { topic_id: ID, partitions: vec![1, 2] }];
    for version in 0..=1 {
        let message = consumer_groups::ConsumerGroupHeartbeatRequest {
            group_id: "g",
            member_id: "m",
            member_epoch: 3,
            rebalance_timeout_ms: if version == 0 { -1 } else { 5 },
            subscribed_topic_regex: (version >= 1).then_some("a.*"),
            topic_partitions: Some(partitions.clone()),
            ..Default::default()
        };
        let request = expect!(ConsumerGroupHeartbeat, asked(version, &message));
        assert_eq!((request.member_id_required, request.regex.is_some()), (version >= 1, version >= 1));
        assert_eq!((request.rebalance_timeout_ms.is_some(), request.topics), (version >= 1, None));
        assert_eq!(request.owned, Some(vec![(ID, vec![1, 2])]));
        let beat =
            ConsumerBeat { member_id: text("m"), member_epoch: 4, interval_ms: 7, assignment: request.owned.clone() };
        let response = Response::ConsumerGroupHeartbeat(ConsumerHeartbeatResponse { result: Ok(beat) });
        answer!(consumer_groups::ConsumerGroupHeartbeatResponse, version, &response, |answer| {
            assert_eq!((answer.error_code, answer.member_id, answer.heartbeat_interval_ms), (0, Some("m"), 7));
            assert_eq!(answer.assignment.as_ref().expect("told").topic_partitions[0].partitions, [1, 2]);
        });
        let refused = Err(Refused::new(Refusal::FencedMemberEpoch, "too old"));
        let response = Response::ConsumerGroupHeartbeat(ConsumerHeartbeatResponse { result: refused });
        answer!(consumer_groups::ConsumerGroupHeartbeatResponse, version, &response, |answer| {
            assert_eq!(
                (answer.error_code, answer.error_message, answer.assignment.is_some()),
                (110, Some("too old"), false)
            );
        });
    }
}

#[test]
fn groups_of_the_consumer_protocol_are_shown() {
    let named = vec![NamedPartitions { topic: ID, name: text("a"), partitions: vec![1] }];
    let member = DescribedConsumer {
        member_id: text("m"),
        instance_id: None,
        rack_id: None,
        member_epoch: 4,
        client: GroupClient { id: text("me"), host: text("/127.0.0.1") },
        topics: vec![text("a")],
        regex: None,
        assigned: named.clone(),
        target: named,
        is_classic: false,
    };
    let found = ConsumersDescription {
        state: ConsumerState::Reconciling,
        epoch: 5,
        assignment_epoch: 4,
        assignor: text("uniform"),
        members: vec![member],
    };
    let missing = Refused::new(Refusal::GroupIdNotFound, "Group b not found.");
    let groups = vec![
        DescribedConsumers { group_id: text("a"), result: Ok(found) },
        DescribedConsumers { group_id: text("b"), result: Err(missing) },
    ];
    for version in 0..=1 {
        let message = consumer_describe::ConsumerGroupDescribeRequest {
            group_ids: vec!["a"],
            include_authorized_operations: true,
        };
        assert!(expect!(ConsumerGroupDescribe, asked(version, &message)).authorized_operations);
        let answer = ConsumerDescribeResponse { groups: groups.clone(), authorized_operations: true };
        answer!(
            consumer_describe::ConsumerGroupDescribeResponse,
            version,
            &Response::ConsumerGroupDescribe(answer),
            |answer| {
                let [found, missing] = &answer.groups[..] else { panic!("{answer:?}") };
                assert_eq!((found.group_state, found.group_epoch, found.assignment_epoch), ("Reconciling", 5, 4));
                assert_eq!(found.members[0].target_assignment.topic_partitions[0].topic_name, "a");
                assert_eq!(found.members[0].member_type, if version >= 1 { 1 } else { -1 });
                assert_eq!((missing.error_code, missing.error_message), (69, Some("Group b not found.")));
            }
        );
    }
}
