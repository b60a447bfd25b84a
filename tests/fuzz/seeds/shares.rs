//! A script of the `step` target: a share group from its first member to its deletion.

use apus_core::ids::Uuid;
use apus_net::wire::schema::alter_configs::*;
use apus_net::wire::schema::group_admin::DeleteGroupsRequest;
use apus_net::wire::schema::share_acknowledge::{AcknowledgePartition, AcknowledgeTopic, ShareAcknowledgeRequest};
use apus_net::wire::schema::share_describe::ShareGroupDescribeRequest;
use apus_net::wire::schema::share_fetch::{AcknowledgementBatch, FetchPartition, FetchTopic, ShareFetchRequest};
use apus_net::wire::schema::share_groups::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse};
use apus_net::wire::schema::share_offsets::*;
use apus_net::wire::schema::share_removal::*;
use apus_net::wire::schema::{share_acknowledge, share_fetch};

use super::script::{Script, response};

fn beat(script: &mut Script, epoch: i32, topics: Option<Vec<&'static str>>) {
    let request = ShareGroupHeartbeatRequest {
        group_id: "g",
        member_id: "m",
        member_epoch: epoch,
        rack_id: None,
        subscribed_topic_names: topics,
    };
    script.ask(1, 1, &request);
}

fn fetch(script: &mut Script, topic: Uuid, epoch: i32, acknowledged: Vec<AcknowledgementBatch>) {
    let partition = FetchPartition { partition_index: 0, acknowledgement_batches: acknowledged, ..Default::default() };
    let request = ShareFetchRequest {
        group_id: Some("g"),
        member_id: Some("m"),
        share_session_epoch: epoch,
        max_wait_ms: 500,
        min_bytes: 1,
        max_records: 2,
        batch_size: 2,
        topics: vec![FetchTopic { topic_id: topic, partitions: vec![partition] }],
        ..Default::default()
    };
    script.ask(1, 2, &request);
}

fn said(first: i64, last: i64, types: &[i8]) -> share_fetch::AcknowledgementBatch {
    AcknowledgementBatch { first_offset: first, last_offset: last, acknowledge_types: types.to_vec() }
}

/// `begin` makes topic `t` and writes to it.
pub fn share_group(begin: impl FnOnce(&mut Script)) -> Vec<u8> {
    let mut script = Script::new();
    let config = AlterableConfig { name: "share.auto.offset.reset", config_operation: 0, value: Some("earliest") };
    let resource = AlterConfigsResource { resource_type: 32, resource_name: "g", configs: vec![config] };
    script.ask(2, 1, &IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false });
    begin(&mut script);
    beat(&mut script, 0, Some(vec!["t"]));
    let told = script.reply(|frame| {
        let assignment = response::<ShareGroupHeartbeatResponse<'_>>(frame, 1).assignment;
        assignment.map(|told| told.topic_partitions.iter().map(|topic| topic.topic_id).collect::<Vec<_>>())
    });
    let topic = told.and_then(|topics| topics.first().copied()).unwrap_or(Uuid::ZERO);
    fetch(&mut script, topic, 0, Vec::new());
    fetch(&mut script, topic, 1, vec![said(0, 0, &[1]), said(1, 1, &[2])]);
    let batch = |batch: share_fetch::AcknowledgementBatch| share_acknowledge::AcknowledgementBatch {
        first_offset: batch.first_offset,
        last_offset: batch.last_offset,
        acknowledge_types: batch.acknowledge_types,
    };
    let partition =
        AcknowledgePartition { partition_index: 0, acknowledgement_batches: vec![batch(said(1, 2, &[3, 0]))] };
    let request = ShareAcknowledgeRequest {
        group_id: Some("g"),
        member_id: Some("m"),
        share_session_epoch: 2,
        topics: vec![AcknowledgeTopic { topic_id: topic, partitions: vec![partition] }],
        ..Default::default()
    };
    script.ask(1, 2, &request);
    fetch(&mut script, topic, 3, Vec::new());
    script.ask(2, 1, &ShareGroupDescribeRequest { group_ids: vec!["g"], include_authorized_operations: true });
    script.pass(31_000);
    script.pass(600);
    let group = DescribeShareGroupOffsetsRequestGroup { group_id: "g", topics: None };
    script.ask(2, 1, &DescribeShareGroupOffsetsRequest { groups: vec![group] });
    beat(&mut script, -1, None);
    let partitions = vec![AlterShareGroupOffsetsRequestPartition { partition_index: 0, start_offset: 1 }];
    let topics = vec![AlterShareGroupOffsetsRequestTopic { topic_name: "t", partitions }];
    script.ask(2, 0, &AlterShareGroupOffsetsRequest { group_id: "g", topics });
    let topics = vec![DeleteShareGroupOffsetsRequestTopic { topic_name: "t" }];
    script.ask(2, 0, &DeleteShareGroupOffsetsRequest { group_id: "g", topics });
    script.hang_up(1);
    script.ask(2, 2, &DeleteGroupsRequest { groups_names: vec!["g"] });
    script.finish()
}
