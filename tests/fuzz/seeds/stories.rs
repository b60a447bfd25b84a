//! Scripts of the `step` target: what clients do all day, so that what is made of them goes as deep.

use apus_core::batch::{Codec, Sequence};
use apus_core::ids::ProducerId;
use apus_core::records::build::BatchBuilder;
use apus_net::wire::schema::alter_configs::*;
use apus_net::wire::schema::client_quotas::{alter as alter_quotas, describe as describe_quotas};
use apus_net::wire::schema::cluster::DescribeClusterRequest;
use apus_net::wire::schema::config_resources::ListConfigResourcesRequest;
use apus_net::wire::schema::configs::*;
use apus_net::wire::schema::delete_records::*;
use apus_net::wire::schema::elections::*;
use apus_net::wire::schema::features::*;
use apus_net::wire::schema::fetch::*;
use apus_net::wire::schema::group_admin::*;
use apus_net::wire::schema::group_offsets::*;
use apus_net::wire::schema::groups::*;
use apus_net::wire::schema::leader_epoch::*;
use apus_net::wire::schema::list_offsets::*;
use apus_net::wire::schema::log_dirs::*;
use apus_net::wire::schema::metadata::*;
use apus_net::wire::schema::partitions::*;
use apus_net::wire::schema::produce::*;
use apus_net::wire::schema::producer_id::*;
use apus_net::wire::schema::quorum::request as quorum;
use apus_net::wire::schema::reassignments::*;
use apus_net::wire::schema::topics::*;
use apus_net::wire::schema::{
    describe_producers, replace_configs, streams_describe, streams_groups as streams, telemetry,
};
use apus_net::wire::value::Records;
use bytes::Bytes;

use super::script::{Script, response};
use super::shares;

const WALL_MS: i64 = 1_700_000_000_000;

/// Every story under its name.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("produce-and-fetch", produce_and_fetch()),
        ("fetch-session", fetch_session()),
        ("idempotent", idempotent()),
        ("offsets", offsets()),
        ("group", group()),
        ("group-of-two", group_of_two()),
        ("simple-group", simple_group()),
        ("share-group", shares::share_group(write_some)),
        ("streams-group", streams_group()),
        ("topics", topics()),
        ("configs", configs()),
        ("operate", operate()),
        ("quotas", quotas()),
        ("stalled-reader", stalled_reader()),
        ("hang-ups", hang_ups()),
    ]
}

fn create(script: &mut Script, name: &str, partitions: i32, configs: &[(&'static str, &'static str)]) {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig { name, value: Some(value) });
    let configs = configs.collect();
    let topic =
        CreatableTopic { name, num_partitions: partitions, replication_factor: -1, assignments: vec![], configs };
    script.ask(0, 4, &CreateTopicsRequest { topics: vec![topic], timeout_ms: 1_000, validate_only: false });
}

fn batch(codec: Codec, sequence: Option<Sequence>) -> Bytes {
    let builder = BatchBuilder::new(codec);
    let builder = if let Some(sequence) = sequence { builder.sequence(sequence) } else { builder };
    let first = builder.record(WALL_MS, Some(b"key"), Some(b"value"));
    first.record(WALL_MS + 1, Some(b"key"), None).build()
}

fn produce(script: &mut Script, client: u8, version: i16, acks: i16, batches: &[Bytes]) {
    let records = batches.iter().map(|batch| Some(Records::Slice(batch)));
    let partition_data = (0..).zip(records).map(|(index, records)| PartitionProduceData { index, records }).collect();
    let topic_data = vec![TopicProduceData { name: "t", partition_data, ..Default::default() }];
    script.ask(client, version, &ProduceRequest { transactional_id: None, acks, timeout_ms: 1_000, topic_data });
}

fn fetch(script: &mut Script, client: u8, version: i16, offset: i64, session: (i32, i32)) {
    let partition = FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
    let other = FetchPartition { partition: 1, ..partition.clone() };
    let topics = vec![FetchTopic { topic: "t", partitions: vec![partition, other], ..Default::default() }];
    script.ask(
        client,
        version,
        &FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            session_id: session.0,
            session_epoch: session.1,
            topics,
            ..Default::default()
        },
    );
}

fn produce_and_fetch() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 2, &[]);
    produce(&mut script, 1, 3, -1, &[batch(Codec::None, None), batch(Codec::Gzip, None)]);
    produce(&mut script, 1, 9, 1, &[batch(Codec::Zstd, None)]);
    produce(&mut script, 1, 12, 0, &[batch(Codec::Lz4, None)]);
    fetch(&mut script, 2, 4, 0, (0, -1));
    fetch(&mut script, 2, 12, 6, (0, -1));
    produce(&mut script, 1, 7, -1, &[batch(Codec::Snappy, None)]);
    fetch(&mut script, 3, 11, 99, (0, -1));
    script.pass(600);
    script.finish()
}

fn write_some(script: &mut Script) {
    create(script, "t", 1, &[]);
    produce(script, 1, 9, -1, &[batch(Codec::None, None), batch(Codec::None, None)]);
}

fn fetch_session() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 2, &[]);
    produce(&mut script, 1, 9, -1, &[batch(Codec::None, None)]);
    fetch(&mut script, 2, 7, 0, (0, 0));
    let session = script.reply(|frame| response::<FetchResponse>(frame, 7).session_id);
    let next =
        |epoch| FetchRequest { session_id: session, session_epoch: epoch, max_wait_ms: 500, ..Default::default() };
    script.ask(2, 7, &next(1));
    produce(&mut script, 1, 9, -1, &[batch(Codec::None, None), batch(Codec::None, None)]);
    let forgotten = vec![ForgottenTopic { topic: "t", partitions: vec![1], ..Default::default() }];
    script.ask(2, 7, &FetchRequest { forgotten_topics_data: forgotten, ..next(2) });
    script.ask(2, 7, &next(3));
    script.pass(1_000);
    script.ask(2, 7, &next(-1));
    script.finish()
}

fn idempotent() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 1, &[]);
    script.ask(1, 4, &InitProducerIdRequest { transaction_timeout_ms: 1_000, ..Default::default() });
    let producer = script.reply(|frame| response::<InitProducerIdResponse>(frame, 4).producer_id);
    let next = |first| Some(Sequence { producer: ProducerId(producer), epoch: 0, first });
    for first in [0, 2, 2, 0, 4, 9] {
        produce(&mut script, 1, 9, -1, &[batch(Codec::None, next(first))]);
    }
    script.finish()
}

fn offsets() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 2, &[]);
    produce(&mut script, 1, 9, -1, &[batch(Codec::None, None), batch(Codec::Gzip, None)]);
    for timestamp in [-1, -2, -3, -4, -5, WALL_MS, WALL_MS + 1, i64::MAX] {
        let at = |partition_index| ListOffsetsPartition { partition_index, current_leader_epoch: 0, timestamp };
        let topics = vec![ListOffsetsTopic { name: "t", partitions: vec![at(0), at(1), at(2)] }];
        script.ask(2, 9, &ListOffsetsRequest { replica_id: -1, topics, ..Default::default() });
    }
    let partition = OffsetForLeaderPartition { partition: 0, current_leader_epoch: 0, leader_epoch: 0 };
    let topics = vec![OffsetForLeaderTopic { topic: "t", partitions: vec![partition] }];
    script.ask(2, 4, &OffsetForLeaderEpochRequest { replica_id: -1, topics });
    for offset in [1, -1, 9] {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset }];
        let topics = vec![DeleteRecordsTopic { name: "t", partitions }];
        script.ask(2, 2, &DeleteRecordsRequest { topics, timeout_ms: 1_000 });
    }
    fetch(&mut script, 2, 12, 0, (0, -1));
    script.finish()
}

fn join(script: &mut Script, client: u8, version: i16, member: &str) -> (String, i32) {
    let protocol = JoinGroupRequestProtocol { name: "range", metadata: b"\0\x03\0\0\0\x01\0\x01t\0\0\0\0" };
    script.ask(
        client,
        version,
        &JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 5_000,
            member_id: member,
            protocol_type: "consumer",
            protocols: vec![protocol],
            ..Default::default()
        },
    );
    script.reply(|frame| {
        let joined = response::<JoinGroupResponse>(frame, version);
        (joined.member_id.to_owned(), joined.generation_id)
    })
}

fn sync(script: &mut Script, client: u8, member: &str, generation: i32) {
    let assignments = vec![SyncGroupRequestAssignment { member_id: member, assignment: b"\0\0" }];
    script.ask(
        client,
        5,
        &SyncGroupRequest {
            group_id: "g",
            generation_id: generation,
            member_id: member,
            protocol_type: Some("consumer"),
            protocol_name: Some("range"),
            assignments,
            ..Default::default()
        },
    );
}

fn commit(script: &mut Script, client: u8, member: &str, generation: i32) {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: 1,
        committed_leader_epoch: 0,
        committed_metadata: Some("beside"),
    };
    let topics = vec![OffsetCommitRequestTopic { name: "t", partitions: vec![partition], ..Default::default() }];
    script.ask(
        client,
        8,
        &OffsetCommitRequest {
            group_id: "g",
            generation_id_or_member_epoch: generation,
            member_id: member,
            topics,
            ..Default::default()
        },
    );
}

fn heartbeat(script: &mut Script, client: u8, member: &str, generation: i32) {
    let group_instance_id = None;
    script.ask(
        client,
        4,
        &HeartbeatRequest { group_id: "g", generation_id: generation, member_id: member, group_instance_id },
    );
}

fn fetch_committed(script: &mut Script, client: u8) {
    let group = OffsetFetchRequestGroup { group_id: "g", topics: None, ..Default::default() };
    script.ask(client, 8, &OffsetFetchRequest { groups: vec![group], require_stable: true, ..Default::default() });
}

fn leave(script: &mut Script, client: u8, member: &str) {
    let members = vec![MemberIdentity { member_id: member, ..Default::default() }];
    script.ask(client, 5, &LeaveGroupRequest { group_id: "g", members, ..Default::default() });
}

fn group() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 1, &[]);
    let (named, _) = join(&mut script, 1, 9, "");
    let (member, generation) = join(&mut script, 1, 9, &named);
    sync(&mut script, 1, &member, generation);
    heartbeat(&mut script, 1, &member, generation);
    commit(&mut script, 1, &member, generation);
    fetch_committed(&mut script, 1);
    script.ask(2, 6, &DescribeGroupsRequest { groups: vec!["g", "h"], include_authorized_operations: true });
    script.ask(2, 5, &ListGroupsRequest { states_filter: vec!["Stable"], types_filter: vec![] });
    leave(&mut script, 1, &member);
    script.ask(2, 2, &DeleteGroupsRequest { groups_names: vec!["g", "h"] });
    script.finish()
}

fn group_of_two() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 1, &[]);
    let (first, generation) = join(&mut script, 1, 3, "");
    sync(&mut script, 1, &first, generation);
    // The other one waits until the first one hears of it.
    let protocol = JoinGroupRequestProtocol { name: "range", metadata: b"" };
    script.ask(
        2,
        5,
        &JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 5_000,
            group_instance_id: Some("static"),
            protocol_type: "consumer",
            protocols: vec![protocol],
            ..Default::default()
        },
    );
    heartbeat(&mut script, 1, &first, generation);
    let (_, generation) = join(&mut script, 1, 3, &first);
    sync(&mut script, 1, &first, generation);
    script.pass(60_000);
    script.finish()
}

fn simple_group() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 1, &[]);
    commit(&mut script, 1, "", -1);
    fetch_committed(&mut script, 1);
    script.ask(1, 2, &DeleteTopicsRequest { topic_names: vec!["t"], timeout_ms: 1_000, ..Default::default() });
    fetch_committed(&mut script, 1);
    script.ask(2, 2, &DeleteGroupsRequest { groups_names: vec!["g"] });
    script.finish()
}

/// A member of a streams group beats; its epoch then.
fn streams_beat(script: &mut Script, client: u8, member: &str, epoch: i32) -> i32 {
    let internal = |name| streams::TopicInfo { name, ..Default::default() };
    let split = streams::Subtopology {
        subtopology_id: "0",
        source_topics: vec!["t"],
        repartition_sink_topics: vec!["r"],
        ..Default::default()
    };
    let count = streams::Subtopology {
        subtopology_id: "1",
        repartition_source_topics: vec![internal("r")],
        state_changelog_topics: vec![internal("c")],
        ..Default::default()
    };
    let joins = epoch == 0;
    let topology = streams::Topology { epoch: 0, subtopologies: vec![split, count] };
    script.ask(
        client,
        1,
        &streams::StreamsGroupHeartbeatRequest {
            group_id: "s",
            member_id: member,
            member_epoch: epoch,
            rebalance_timeout_ms: if joins { 5_000 } else { -1 },
            topology: joins.then_some(topology),
            active_tasks: joins.then(Vec::new),
            standby_tasks: joins.then(Vec::new),
            warmup_tasks: joins.then(Vec::new),
            process_id: joins.then_some(member),
            user_endpoint: joins.then_some(streams::Endpoint { host: "h", port: 1 }),
            ..Default::default()
        },
    );
    script.reply(|frame| response::<streams::StreamsGroupHeartbeatResponse<'_>>(frame, 1).member_epoch)
}

fn streams_group() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 2, &[]);
    let first = streams_beat(&mut script, 1, "a", 0);
    streams_beat(&mut script, 2, "b", 0);
    script.pass(4_000);
    let first = streams_beat(&mut script, 1, "a", first);
    let second = streams_beat(&mut script, 2, "b", 0);
    script.pass(2_000);
    streams_beat(&mut script, 1, "a", first);
    streams_beat(&mut script, 2, "b", second);
    let groups = streams_describe::StreamsGroupDescribeRequest { group_ids: vec!["s", "h"], ..Default::default() };
    script.ask(3, 1, &groups);
    streams_beat(&mut script, 1, "a", -1);
    script.pass(60_000);
    script.ask(3, 2, &DeleteGroupsRequest { groups_names: vec!["s"] });
    script.finish()
}

fn topics() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 1, &[("cleanup.policy", "compact")]);
    create(&mut script, "t", 1, &[]);
    let metadata = |name, auto| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { name: Some(name), ..Default::default() }]),
        allow_auto_topic_creation: auto,
        include_cluster_authorized_operations: true,
        include_topic_authorized_operations: true,
    };
    script.ask(1, 9, &metadata("u", true));
    script.ask(1, 12, &metadata("v", false));
    let grown = vec![CreatePartitionsTopic { name: "t", count: 3, assignments: None }];
    script.ask(1, 3, &CreatePartitionsRequest { topics: grown, timeout_ms: 1_000, validate_only: false });
    produce(&mut script, 1, 9, -1, &[batch(Codec::None, None), batch(Codec::None, None)]);
    script.ask(2, 0, &DescribeTopicPartitionsRequest { response_partition_limit: 2, ..Default::default() });
    script.ask(2, 2, &DescribeClusterRequest { endpoint_type: 1, ..Default::default() });
    script.ask(1, 4, &DeleteTopicsRequest { topic_names: vec!["t", "w"], timeout_ms: 1_000, ..Default::default() });
    produce(&mut script, 1, 9, -1, &[batch(Codec::None, None)]);
    create(&mut script, "t", 1, &[]);
    script.pass(60_000);
    script.finish()
}

fn configs() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 1, &[("retention.ms", "1000")]);
    let alter = |resource_type, resource_name, name, config_operation, value| {
        let configs = vec![AlterableConfig { name, config_operation, value }];
        let resources = vec![AlterConfigsResource { resource_type, resource_name, configs }];
        IncrementalAlterConfigsRequest { resources, validate_only: false }
    };
    script.ask(1, 1, &alter(2, "t", "retention.ms", 0, Some("5000")));
    script.ask(1, 1, &alter(2, "t", "cleanup.policy", 2, Some("compact")));
    script.ask(1, 0, &alter(2, "t", "retention.ms", 1, None));
    script.ask(1, 1, &alter(4, "", "log.retention.ms", 0, Some("9000")));
    script.ask(1, 1, &alter(4, "1", "log.retention.ms", 0, Some("no number")));
    for (resource_type, resource_name) in [(2, "t"), (4, "1"), (4, ""), (8, "x")] {
        let resource = DescribeConfigsResource { resource_type, resource_name, configuration_keys: None };
        script.ask(
            2,
            4,
            &DescribeConfigsRequest { resources: vec![resource], include_synonyms: true, ..Default::default() },
        );
    }
    produce(&mut script, 1, 9, -1, &[batch(Codec::None, None)]);
    script.pass(60_000);
    script.finish()
}

fn operate() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 2, &[("compression.type", "zstd")]);
    let sequence = Sequence { producer: ProducerId(0), epoch: 0, first: 0 };
    script.ask(1, 5, &InitProducerIdRequest::default());
    produce(&mut script, 1, 9, -1, &[batch(Codec::Gzip, Some(sequence))]);
    let partitions = || vec![0, 1, 1, 7];
    let topics = vec![DescribableLogDirTopic { topic: "t", partitions: partitions() }];
    script.ask(1, 5, &DescribeLogDirsRequest { topics: Some(topics) });
    script.ask(1, 4, &DescribeLogDirsRequest { topics: None });
    let topics = vec![describe_producers::TopicRequest { name: "t", partition_indexes: partitions() }];
    script.ask(2, 0, &describe_producers::DescribeProducersRequest { topics });
    let topics = vec![TopicPartitions { topic: "t", partitions: partitions() }];
    script.ask(2, 2, &ElectLeadersRequest { election_type: 1, topic_partitions: Some(topics), timeout_ms: 9 });
    let partitions = vec![
        ReassignablePartition { partition_index: 0, replicas: Some(vec![1, 2]) },
        ReassignablePartition { partition_index: 1, replicas: None },
    ];
    let topics = vec![ReassignableTopic { name: "t", partitions }];
    script.ask(2, 1, &AlterPartitionReassignmentsRequest { topics, ..Default::default() });
    script.ask(2, 0, &ListPartitionReassignmentsRequest::default());
    let partitions = vec![quorum::PartitionData { partition_index: 0 }];
    let topics = vec![quorum::TopicData { topic_name: "__cluster_metadata", partitions }];
    script.ask(2, 2, &quorum::DescribeQuorumRequest { topics });
    let feature_updates = vec![FeatureUpdateKey { feature: "metadata.version", ..Default::default() }];
    script.ask(2, 1, &UpdateFeaturesRequest { feature_updates, ..Default::default() });
    for (resource_type, resource_name, name, value) in
        [(2, "t", "retention.ms", "5"), (16, "all", "metrics", "a"), (32, "g", "consumer.session.timeout.ms", "50000")]
    {
        let configs = vec![replace_configs::AlterableConfig { name, value: Some(value) }];
        let resources = vec![replace_configs::AlterConfigsResource { resource_type, resource_name, configs }];
        script.ask(1, 2, &replace_configs::AlterConfigsRequest { resources, validate_only: false });
        let resource = DescribeConfigsResource { resource_type, resource_name, configuration_keys: None };
        script.ask(1, 4, &DescribeConfigsRequest { resources: vec![resource], ..Default::default() });
    }
    script.ask(1, 1, &ListConfigResourcesRequest { resource_types: vec![] });
    script.finish()
}

fn quotas() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 2, &[]);
    for (entity_type, key, value) in [("client-id", "producer_byte_rate", 1.0), ("user", "consumer_byte_rate", 1.0)] {
        let entity = vec![alter_quotas::EntityData { entity_type, entity_name: None }];
        let ops = vec![alter_quotas::OpData { key, value, remove: false }];
        let entries = vec![alter_quotas::EntryData { entity, ops }];
        script.ask(0, 1, &alter_quotas::AlterClientQuotasRequest { entries, validate_only: false });
    }
    let components = vec![describe_quotas::ComponentData { entity_type: "user", match_type: 2, r#match: None }];
    script.ask(2, 1, &describe_quotas::DescribeClientQuotasRequest { components, strict: true });
    for _ in 0..3 {
        produce(&mut script, 1, 9, -1, &[batch(Codec::None, None)]);
        fetch(&mut script, 2, 12, 0, (0, -1));
    }
    let client_instance_id = apus_core::ids::Uuid([7; 16]);
    script.ask(2, 0, &telemetry::GetTelemetrySubscriptionsRequest { client_instance_id });
    let metrics = &b"\x0a\x0a\x12\x08\x12\x06\x0a\x01a\x2a\x01\x00"[..];
    let push = telemetry::PushTelemetryRequest { client_instance_id, metrics, ..Default::default() };
    script.ask(2, 0, &push);
    script.pass(60_000);
    script.finish()
}

fn stalled_reader() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 2, &[]);
    produce(&mut script, 1, 9, -1, &[batch(Codec::None, None)]);
    script.toggle_reading(2);
    for _ in 0..12 {
        fetch(&mut script, 2, 12, 0, (0, -1));
    }
    script.pass(40_000);
    script.toggle_reading(2);
    script.finish()
}

fn hang_ups() -> Vec<u8> {
    let mut script = Script::new();
    create(&mut script, "t", 2, &[]);
    fetch(&mut script, 1, 12, 0, (0, -1));
    script.hang_up(1);
    produce(&mut script, 2, 9, 0, &[batch(Codec::None, None)]);
    script.bytes(2, b"\0\0\x10\0\0\0\0");
    script.hang_up(2);
    script.bytes(3, b"GET / HTTP/1.1\r\n");
    join(&mut script, 1, 3, "");
    script.hang_up(1);
    script.pass(60_000);
    script.finish()
}
