//! Share groups between bytes and the core's words.

use std::sync::Arc;

use apus_core::api::*;
use apus_core::error::{Refusal, Refused};
use apus_core::ids::Uuid;
use apus_net::wire::client::decode_response;
use apus_net::wire::encode_response;
use apus_net::wire::schema::{
    share_acknowledge, share_describe, share_fetch, share_groups, share_offsets, share_removal,
};
use apus_net::wire::writer::Writer;

use crate::mapping::asked;

const ID: Uuid = Uuid([7; 16]);

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn refused() -> Refused {
    Refused::new(Refusal::InvalidRecordState, "not yours")
}

macro_rules! shared {
    ($kind:ident, $asked:expr) => {{
        let ShareRequest::$kind(request) = expect!(Share, $asked) else { panic!("another request") };
        request
    }};
}

#[test]
fn members_of_share_groups_beat_and_are_shown() {
    let message = share_groups::ShareGroupHeartbeatRequest {
        group_id: "g",
        member_id: "m",
        member_epoch: 3,
        rack_id: None,
        subscribed_topic_names: Some(vec!["a"]),
    };
    let request = shared!(Heartbeat, asked(1, &message));
    assert_eq!((request.member_epoch, request.topics, request.rack_id), (3, Some(vec![text("a")]), None));
    let beat =
        ConsumerBeat { member_id: text("m"), member_epoch: 4, interval_ms: 7, assignment: Some(vec![(ID, vec![1])]) };
    let response = ShareResponse::Heartbeat(ConsumerHeartbeatResponse { result: Ok(beat) });
    answer!(share_groups::ShareGroupHeartbeatResponse, 1, &Response::Share(response), |answer| {
        assert_eq!((answer.error_code, answer.member_id, answer.heartbeat_interval_ms), (0, Some("m"), 7));
        assert_eq!(answer.assignment.as_ref().expect("told").topic_partitions[0].partitions, [1]);
    });
    let message =
        share_describe::ShareGroupDescribeRequest { group_ids: vec!["a"], include_authorized_operations: true };
    assert!(shared!(Describe, asked(1, &message)).authorized_operations);
    let missing = Refused::new(Refusal::GroupIdNotFound, "Group b not found.");
    let groups = vec![DescribedConsumers { group_id: text("b"), result: Err(missing) }];
    let response = ShareResponse::Describe(ConsumerDescribeResponse { groups, authorized_operations: true });
    answer!(share_describe::ShareGroupDescribeResponse, 1, &Response::Share(response), |answer| {
        assert_eq!((answer.groups[0].error_code, answer.groups[0].error_message), (69, Some("Group b not found.")));
    });
}

#[test]
fn records_are_asked_for_given_and_acknowledged() {
    let batch = || share_fetch::AcknowledgementBatch { first_offset: 1, last_offset: 2, acknowledge_types: vec![1, 4] };
    for version in 1..=2 {
        let partition = share_fetch::FetchPartition {
            partition_index: 3,
            acknowledgement_batches: vec![batch()],
            ..Default::default()
        };
        let message = share_fetch::ShareFetchRequest {
            group_id: Some("g"),
            member_id: Some("m"),
            share_session_epoch: 5,
            max_wait_ms: 6,
            max_records: 7,
            is_renew_ack: version >= 2,
            topics: vec![share_fetch::FetchTopic { topic_id: ID, partitions: vec![partition] }],
            forgotten_topics_data: vec![share_fetch::ForgottenTopic { topic_id: ID, partitions: vec![9] }],
            ..Default::default()
        };
        let request = shared!(Fetch, asked(version, &message));
        assert_eq!((request.caller.session_epoch, request.wait_ms_max, request.records_max), (5, 6, 7));
        assert_eq!((request.caller.renews, request.caller.knows_renewal), (version >= 2, version >= 2));
        let said = ShareBatch { first: 1, last: 2, types: vec![1, 4] };
        assert_eq!(request.topics[0].partitions, [(3, vec![said])]);
        assert_eq!(request.forgotten, [(ID, vec![9])]);
        let partition = SharedPartition {
            index: 3,
            refused: None,
            unacknowledged: Some(refused()),
            acquired: vec![Acquired { first: 5, last: 9, deliveries: 2 }],
            records: vec!["bytes".into()],
        };
        let topics = vec![SharedTopic { topic: ID, partitions: vec![partition] }];
        let response = ShareResponse::Fetch(ShareFetchResponse { refused: None, lock_ms: 30_000, topics });
        answer!(share_fetch::ShareFetchResponse, version, &Response::Share(response), |answer| {
            let partition = &answer.responses[0].partitions[0];
            assert_eq!((answer.acquisition_lock_timeout_ms, partition.acknowledge_error_code), (30_000, 121));
            let acquired = &partition.acquired_records[0];
            assert_eq!((acquired.first_offset, acquired.last_offset, acquired.delivery_count), (5, 9, 2));
        });
        let message = share_acknowledge::ShareAcknowledgeRequest {
            group_id: None,
            member_id: Some("m"),
            share_session_epoch: -1,
            ..Default::default()
        };
        let request = shared!(Acknowledge, asked(version, &message));
        assert_eq!((&*request.caller.group_id, request.caller.session_epoch), ("", -1));
        let topics = vec![(ID, vec![(0, None), (1, Some(refused()))])];
        let response = ShareResponse::Acknowledge(ShareAcknowledgeResponse { refused: None, lock_ms: 1, topics });
        answer!(share_acknowledge::ShareAcknowledgeResponse, version, &Response::Share(response), |answer| {
            let codes: Vec<i16> = answer.responses[0].partitions.iter().map(|one| one.error_code).collect();
            assert_eq!((codes, answer.acquisition_lock_timeout_ms), (vec![0, 121], if version >= 2 { 1 } else { 0 }));
        });
    }
}

#[test]
fn offsets_of_share_groups_are_told_set_and_forgotten() {
    for version in 0..=1 {
        let topic = share_offsets::DescribeShareGroupOffsetsRequestTopic { topic_name: "a", partitions: vec![0, 1] };
        let group = |topics| share_offsets::DescribeShareGroupOffsetsRequestGroup { group_id: "g", topics };
        let message =
            share_offsets::DescribeShareGroupOffsetsRequest { groups: vec![group(Some(vec![topic])), group(None)] };
        let request = shared!(DescribeOffsets, asked(version, &message));
        assert_eq!(request.groups, [(text("g"), Some(vec![(text("a"), vec![0, 1])])), (text("g"), None)]);
        let partitions = vec![(0, Ok(ShareOffset { start: 5, lag: 3 })), (1, Err(refused()))];
        let topics = vec![ShareOffsets { name: text("a"), topic: ID, partitions }];
        let groups = vec![DescribedShareOffsets { group_id: text("g"), result: Ok(topics) }];
        let response = ShareResponse::DescribeOffsets(DescribeShareOffsetsResponse { groups });
        answer!(share_offsets::DescribeShareGroupOffsetsResponse, version, &Response::Share(response), |answer| {
            let told =
                answer.groups[0].topics[0].partitions.iter().map(|one| (one.start_offset, one.lag, one.error_code));
            let lag = if version >= 1 { 3 } else { -1 };
            assert_eq!(told.collect::<Vec<_>>(), [(5, lag, 0), (-1, -1, 121)]);
        });
    }
    let partitions =
        vec![share_offsets::AlterShareGroupOffsetsRequestPartition { partition_index: 1, start_offset: 4 }];
    let topics = vec![share_offsets::AlterShareGroupOffsetsRequestTopic { topic_name: "a", partitions }];
    let message = share_offsets::AlterShareGroupOffsetsRequest { group_id: "g", topics };
    assert_eq!(shared!(AlterOffsets, asked(0, &message)).topics, [(text("a"), vec![(1, 4)])]);
    let topics = vec![ShareOffsets { name: text("a"), topic: ID, partitions: vec![(1, Err(refused()))] }];
    let response = ShareResponse::AlterOffsets(AlterShareOffsetsResponse { result: Ok(topics) });
    answer!(share_offsets::AlterShareGroupOffsetsResponse, 0, &Response::Share(response), |answer| {
        assert_eq!((answer.error_code, answer.responses[0].partitions[0].error_code), (0, 121));
    });
    let topics = vec![share_removal::DeleteShareGroupOffsetsRequestTopic { topic_name: "a" }];
    let message = share_removal::DeleteShareGroupOffsetsRequest { group_id: "g", topics };
    assert_eq!(shared!(DeleteOffsets, asked(0, &message)).topics, [text("a")]);
    let result = Ok(vec![(text("a"), ID, Ok(())), (text("b"), Uuid::ZERO, Err(refused()))]);
    let response = ShareResponse::DeleteOffsets(DeleteShareOffsetsResponse { result });
    answer!(share_removal::DeleteShareGroupOffsetsResponse, 0, &Response::Share(response), |answer| {
        let codes: Vec<i16> = answer.responses.iter().map(|one| one.error_code).collect();
        assert_eq!((answer.error_code, codes), (0, vec![0, 121]));
    });
}
