//! What operators ask and are told of directories, producers, leaders, places, the quorum and features.

use std::sync::Arc;

use apus_core::api::*;
use apus_core::config::ConfigOperation;
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{BrokerId, ProducerId, Uuid};
use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::quorum::{request as quorum_asked, response as quorum_told};
use apus_net::wire::schema::{
    Message, config_resources, describe_producers, elections, features, log_dirs, reassignments, replace_configs,
};
use apus_net::wire::writer::Writer;
use apus_net::wire::{Call, decode_request, encode_response};
use bytes::Bytes;

fn asked<'a, M: Message<'a>>(version: i16, message: &M) -> Request {
    let frame = encode_request(&mut Writer::new(), version, 42, Some("me"), message).body();
    match decode_request(&frame) {
        Ok((_, Call::Core(request))) => request,
        other => panic!("{other:?}"),
    }
}

fn administrated<'a, M: Message<'a>>(version: i16, message: &M) -> AdminRequest {
    let Request::Admin(request) = asked(version, message) else { panic!("another request") };
    request
}

fn answered(version: i16, response: AdminResponse) -> Bytes {
    whole(version, &Response::Admin(response))
}

fn whole(version: i16, response: &Response) -> Bytes {
    encode_response(&mut Writer::new(), version, 42, response).frame().expect("an answer").body()
}

#[test]
fn settings_are_replaced() {
    for version in 0..=2 {
        let config = |value| replace_configs::AlterableConfig { name: "k", value };
        let configs = vec![config(Some("v")), config(None)];
        let resource = replace_configs::AlterConfigsResource { resource_type: 2, resource_name: "t", configs };
        let message = replace_configs::AlterConfigsRequest { resources: vec![resource], validate_only: true };
        let Request::AlterConfigs(request) = asked(version, &message) else { panic!("another request") };
        assert!(request.validate_only && request.whole);
        let changes = &request.resources[0].changes;
        assert!(changes.iter().all(|change| change.operation == ConfigOperation::Set));
        assert_eq!((changes[0].value.as_deref(), changes[1].value.as_deref()), (Some("v"), None));

        let result = Err(Refused::new(Refusal::InvalidConfig, "no such key"));
        let resources = vec![AlteredResource { kind: 2, name: "t".into(), result }];
        let body = whole(version, &Response::AlterConfigs(AlterConfigsResponse { resources, whole: true }));
        let (_, found) =
            decode_response::<replace_configs::AlterConfigsResponse>(&body, version).expect("our own answer");
        let row = &found.responses[0];
        assert_eq!((row.error_code, row.error_message, row.resource_name), (40, Some("no such key"), "t"));
    }
}

#[test]
fn resources_are_listed() {
    for (version, expected) in [(0, &[16][..]), (1, &[2, 4])] {
        let message = config_resources::ListConfigResourcesRequest { resource_types: vec![2, 4] };
        let AdminRequest::ListConfigResources(request) = administrated(version, &message) else { panic!("another") };
        assert_eq!(request.kinds, expected);
        let result = Ok(vec![(16, "m".into())]);
        let body = answered(version, AdminResponse::ListConfigResources(ListConfigResourcesResponse { result }));
        let (_, found) =
            decode_response::<config_resources::ListConfigResourcesResponse>(&body, version).expect("our own answer");
        assert_eq!((found.config_resources[0].resource_name, found.config_resources[0].resource_type), ("m", 16));
    }
    let result = Err(Refusal::UnsupportedVersion);
    let body = answered(1, AdminResponse::ListConfigResources(ListConfigResourcesResponse { result }));
    let (_, found) =
        decode_response::<config_resources::ListConfigResourcesResponse>(&body, 1).expect("our own answer");
    assert_eq!((found.error_code, found.config_resources.len()), (35, 0));
}

#[test]
fn directories_are_described() {
    for version in 1..=5 {
        let topic = log_dirs::DescribableLogDirTopic { topic: "t", partitions: vec![1, 2] };
        let message = log_dirs::DescribeLogDirsRequest { topics: Some(vec![topic]) };
        let AdminRequest::DescribeLogDirs(request) = administrated(version, &message) else { panic!("another") };
        assert_eq!(request.topics, Some(vec![("t".into(), vec![1, 2])]));
        let message = log_dirs::DescribeLogDirsRequest { topics: None };
        let AdminRequest::DescribeLogDirs(request) = administrated(version, &message) else { panic!("another") };
        assert_eq!(request.topics, None);

        let topics = vec![SizedTopic { name: "t".into(), partitions: vec![(1, 70), (2, u64::MAX)] }];
        let response = DescribeLogDirsResponse { path: "/store".to_owned(), topics };
        let body = answered(version, AdminResponse::DescribeLogDirs(response));
        let (_, found) = decode_response::<log_dirs::DescribeLogDirsResponse>(&body, version).expect("our own answer");
        let dir = &found.results[0];
        assert_eq!((found.error_code, dir.log_dir, dir.topics[0].name), (0, "/store", "t"));
        let sizes: Vec<_> =
            dir.topics[0].partitions.iter().map(|row| (row.partition_index, row.partition_size)).collect();
        assert_eq!(sizes, [(1, 70), (2, i64::MAX)]);
        assert_eq!((dir.total_bytes, dir.usable_bytes, dir.is_cordoned), (-1, -1, false));
    }
}

#[test]
fn producers_are_described() {
    let topic = describe_producers::TopicRequest { name: "t", partition_indexes: vec![3] };
    let message = describe_producers::DescribeProducersRequest { topics: vec![topic] };
    let AdminRequest::DescribeProducers(request) = administrated(0, &message) else { panic!("another") };
    assert_eq!(request.topics, [("t".into(), vec![3])]);
    let producer = ActiveProducer { id: ProducerId(7), epoch: 2, last_sequence: 9, last_timestamp_ms: 1_000 };
    let partitions = vec![(3, Ok(vec![producer])), (4, Err(Refusal::UnknownTopicOrPartition))];
    let response = DescribeProducersResponse { topics: vec![("t".into(), partitions)] };
    let body = answered(0, AdminResponse::DescribeProducers(response));
    let (_, found) =
        decode_response::<describe_producers::DescribeProducersResponse>(&body, 0).expect("our own answer");
    let [one, other] = &found.topics[0].partitions[..] else { panic!("two partitions") };
    let expected = describe_producers::ProducerState {
        producer_id: 7,
        producer_epoch: 2,
        last_sequence: 9,
        last_timestamp: 1_000,
        coordinator_epoch: -1,
        current_txn_start_offset: -1,
    };
    assert_eq!((one.error_code, &one.active_producers[..]), (0, &[expected][..]));
    assert_eq!((other.error_code, other.active_producers.len()), (3, 0));
}

fn moved() -> Vec<MovedTopic> {
    let refused = Refused::new(Refusal::ElectionNotNeeded, "no need");
    vec![MovedTopic { name: "t".into(), partitions: vec![(1, Ok(())), (2, Err(refused))] }]
}

#[test]
fn leaders_are_elected() {
    for version in 0..=2 {
        let topics = vec![elections::TopicPartitions { topic: "t", partitions: vec![1] }];
        let message =
            elections::ElectLeadersRequest { election_type: 1, topic_partitions: Some(topics), timeout_ms: 9 };
        let AdminRequest::ElectLeaders(request) = administrated(version, &message) else { panic!("another") };
        assert_eq!(request.topics, Some(vec![("t".into(), vec![1])]));
        assert_eq!(request.kind, i8::from(version > 0));

        let body = answered(version, AdminResponse::ElectLeaders(ElectLeadersResponse { result: Ok(moved()) }));
        let (_, found) = decode_response::<elections::ElectLeadersResponse>(&body, version).expect("our own answer");
        let rows = found.replica_election_results[0].partition_result.iter();
        let rows: Vec<_> = rows.map(|row| (row.partition_id, row.error_code, row.error_message)).collect();
        assert_eq!(rows, [(1, 0, None), (2, 84, Some("no need"))]);
    }
}

#[test]
fn partitions_are_reassigned() {
    for version in 0..=1 {
        let partition = |partition_index, replicas| reassignments::ReassignablePartition { partition_index, replicas };
        let partitions = vec![partition(1, Some(vec![1, 2])), partition(2, None)];
        let message = reassignments::AlterPartitionReassignmentsRequest {
            timeout_ms: 9,
            allow_replication_factor_change: false,
            topics: vec![reassignments::ReassignableTopic { name: "t", partitions }],
        };
        let AdminRequest::AlterReassignments(request) = administrated(version, &message) else { panic!("another") };
        assert_eq!(request.resize, version == 0);
        assert_eq!(request.topics[0].partitions, [(1, Some(vec![BrokerId(1), BrokerId(2)])), (2, None)]);

        let response = AlterReassignmentsResponse { resize: false, topics: moved() };
        let body = answered(version, AdminResponse::AlterReassignments(response));
        let (_, found) = decode_response::<reassignments::AlterPartitionReassignmentsResponse>(&body, version)
            .expect("our own answer");
        assert_eq!((found.error_code, found.allow_replication_factor_change), (0, version == 0));
        let rows = found.responses[0].partitions.iter();
        let rows: Vec<_> = rows.map(|row| (row.partition_index, row.error_code, row.error_message)).collect();
        assert_eq!(rows, [(1, 0, None), (2, 84, Some("no need"))]);
    }
    let message = reassignments::ListPartitionReassignmentsRequest::default();
    assert!(matches!(administrated(0, &message), AdminRequest::ListReassignments));
    let body = answered(0, AdminResponse::ListReassignments);
    let (_, found) =
        decode_response::<reassignments::ListPartitionReassignmentsResponse>(&body, 0).expect("our own answer");
    assert_eq!((found.error_code, found.error_message, found.topics.len()), (0, None, 0));
}

#[test]
fn the_quorum_is_described() {
    for version in 0..=2 {
        let partitions = vec![quorum_asked::PartitionData { partition_index: 0 }];
        let topics = vec![quorum_asked::TopicData { topic_name: "__cluster_metadata", partitions }];
        let AdminRequest::DescribeQuorum(request) =
            administrated(version, &quorum_asked::DescribeQuorumRequest { topics })
        else {
            panic!("another")
        };
        assert_eq!(request.topics, [("__cluster_metadata".into(), vec![0])]);

        let broker = Broker { id: BrokerId(1), host: "here".into(), port: 9092, rack: None };
        let quorum = Quorum { epoch: 3, high_watermark: 70, wall_ms: 5, listener: Arc::from("PLAINTEXT"), broker };
        let body = answered(version, AdminResponse::DescribeQuorum(DescribeQuorumResponse { result: Ok(quorum) }));
        let (_, found) =
            decode_response::<quorum_told::DescribeQuorumResponse>(&body, version).expect("our own answer");
        let partition = &found.topics[0].partitions[0];
        assert_eq!((partition.leader_id, partition.leader_epoch, partition.high_watermark), (1, 3, 70));
        let [voter] = &partition.current_voters[..] else { panic!("one voter") };
        assert_eq!((voter.replica_id, voter.replica_directory_id, voter.log_end_offset), (1, Uuid::ZERO, 70));
        assert_eq!(voter.last_caught_up_timestamp, if version > 0 { 5 } else { -1 });
        assert_eq!(found.nodes.len(), usize::from(version == 2));

        let topics = vec![("t".into(), vec![4])];
        let response = DescribeQuorumResponse { result: Err(DescribeQuorumRequest { topics }) };
        let body = answered(version, AdminResponse::DescribeQuorum(response));
        let (_, found) =
            decode_response::<quorum_told::DescribeQuorumResponse>(&body, version).expect("our own answer");
        let partition = &found.topics[0].partitions[0];
        assert_eq!((found.topics[0].topic_name, partition.partition_index, partition.error_code), ("t", 4, 3));
    }
}

#[test]
fn features_are_updated() {
    use FeatureDirection::{Down, Unknown, Up};
    for version in 0..=2 {
        let update = |allow_downgrade, upgrade_type| features::FeatureUpdateKey {
            feature: "f",
            max_version_level: 5,
            allow_downgrade,
            upgrade_type,
        };
        let message = features::UpdateFeaturesRequest {
            timeout_ms: 9,
            feature_updates: vec![update(false, 1), update(true, 2), update(true, 3), update(true, 4)],
            validate_only: false,
        };
        let AdminRequest::UpdateFeatures(request) = administrated(version, &message) else { panic!("another") };
        let directions: Vec<_> = request.updates.iter().map(|update| update.direction).collect();
        assert_eq!(directions, if version == 0 { [Up, Down, Down, Down] } else { [Up, Down, Down, Unknown] });

        let refused = Refused::new(Refusal::InvalidUpdateVersion, "no");
        for (refused, error, rows) in [(None, 0, usize::from(version < 2)), (Some(refused), 95, 0)] {
            let response = UpdateFeaturesResponse { names: vec!["f".into()], refused };
            let body = answered(version, AdminResponse::UpdateFeatures(response));
            let (_, found) =
                decode_response::<features::UpdateFeaturesResponse>(&body, version).expect("our own answer");
            assert_eq!((found.error_code, found.results.len()), (error, rows));
        }
    }
}
