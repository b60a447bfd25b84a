//! What administrators ask and are told: between bytes and the core's words.

use std::sync::Arc;

use apus_core::api::*;
use apus_core::config::{ConfigChange, ConfigOperation};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{BrokerId, Uuid};
use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::{Message, alter_configs, delete_records, partitions};
use apus_net::wire::writer::Writer;
use apus_net::wire::{Call, decode_request, encode_response};
use bytes::Bytes;

const ID: Uuid = Uuid([7; 16]);

fn asked<'a, M: Message<'a>>(version: i16, message: &M) -> Request {
    let frame = encode_request(&mut Writer::new(), version, 42, Some("me"), message).body();
    match decode_request(&frame) {
        Ok((_, Call::Core(request))) => request,
        other => panic!("{other:?}"),
    }
}

fn answered(version: i16, response: &Response) -> Bytes {
    encode_response(&mut Writer::new(), version, 42, response).frame().expect("an answer").body()
}

#[test]
fn partitions_are_created() {
    for version in 0..=3 {
        let assignment = partitions::CreatePartitionsAssignment { broker_ids: vec![1, 2] };
        let topic = |assignments| partitions::CreatePartitionsTopic { name: "t", count: 5, assignments };
        let message = partitions::CreatePartitionsRequest {
            topics: vec![topic(None), topic(Some(vec![assignment]))],
            timeout_ms: 9,
            validate_only: true,
        };
        let Request::CreatePartitions(request) = asked(version, &message) else { panic!("another request") };
        assert!(request.validate_only && request.timeout_ms == 9);
        let [plain, placed] = &request.topics[..] else { panic!("two topics") };
        assert_eq!((&*plain.name, plain.partitions, &plain.assignments), ("t", 5, &None));
        assert_eq!(placed.assignments, Some(vec![vec![BrokerId(1), BrokerId(2)]]));

        let refused = Refused::new(Refusal::InvalidPartitions, "no increase");
        let topics = vec![("t".into(), Ok(())), ("u".into(), Err(refused))];
        let body = answered(version, &Response::CreatePartitions(CreatePartitionsResponse { topics }));
        let (_, found) =
            decode_response::<partitions::CreatePartitionsResponse>(&body, version).expect("our own answer");
        let rows: Vec<_> = found.results.iter().map(|row| (row.name, row.error_code, row.error_message)).collect();
        assert_eq!(rows, [("t", 0, None), ("u", 37, Some("no increase"))]);
    }
}

#[test]
fn partitions_are_described_in_pages() {
    let cursor = partitions::Cursor { topic_name: "t", partition_index: 3 };
    let message = partitions::DescribeTopicPartitionsRequest {
        topics: vec![partitions::TopicRequest { name: "t" }],
        response_partition_limit: 7,
        cursor: Some(cursor.clone()),
    };
    let Request::DescribeTopicPartitions(request) = asked(0, &message) else { panic!("another request") };
    let here = PartitionCursor { topic: "t".into(), partition: 3 };
    assert_eq!(
        (&request.topics[..], request.partitions_max, request.cursor),
        (&["t".into()][..], 7, Some(here.clone()))
    );
    let message = partitions::DescribeTopicPartitionsRequest::default();
    let Request::DescribeTopicPartitions(request) = asked(0, &message) else { panic!("another request") };
    assert_eq!((request.topics.len(), request.partitions_max, request.cursor), (0, 2_000, None));

    let partition = MetadataPartition { index: 4, leader: BrokerId(1), replicas: Arc::from([BrokerId(1)]) };
    let topic =
        MetadataTopic { refusal: None, name: Some("t".into()), id: ID, internal: false, partitions: vec![partition] };
    let missing =
        MetadataTopic { refusal: Some(Refusal::UnknownTopicOrPartition), partitions: vec![], ..topic.clone() };
    let refused = MetadataTopic { refusal: Some(Refusal::InvalidRequest), ..missing.clone() };
    let response = DescribeTopicPartitionsResponse { topics: vec![topic, missing, refused], next: Some(here) };
    let body = answered(0, &Response::DescribeTopicPartitions(response));
    let (_, found) = decode_response::<partitions::DescribeTopicPartitionsResponse>(&body, 0).expect("our own answer");
    let [topic, missing, refused] = &found.topics[..] else { panic!("three topics") };
    assert_eq!((topic.name, topic.topic_id), (Some("t"), ID));
    // Nobody has to ask for what may be done; a request that is no good is not told.
    let operations = [topic, missing, refused].map(|topic| topic.topic_authorized_operations);
    assert_eq!(operations, [3576, 3576, i32::MIN]);
    let partition = &topic.partitions[0];
    assert_eq!((partition.partition_index, partition.leader_id, partition.leader_epoch), (4, 1, 0));
    assert_eq!((&partition.replica_nodes[..], &partition.isr_nodes[..]), (&[1][..], &[1][..]));
    assert_eq!((missing.error_code, missing.partitions.len()), (3, 0));
    assert_eq!(found.next_cursor, Some(cursor));
}

#[test]
fn records_are_deleted() {
    for version in 0..=2 {
        let partition = delete_records::DeleteRecordsPartition { partition_index: 1, offset: -1 };
        let topics = vec![delete_records::DeleteRecordsTopic { name: "t", partitions: vec![partition] }];
        let message = delete_records::DeleteRecordsRequest { topics, timeout_ms: 9 };
        let Request::DeleteRecords(request) = asked(version, &message) else { panic!("another request") };
        assert_eq!((&*request.topics[0].name, &request.topics[0].partitions[..]), ("t", &[(1, -1)][..]));

        let partitions = vec![(1, Ok(5)), (2, Err(Refusal::OffsetOutOfRange))];
        let topics = vec![DeletedRecordsTopic { name: "t".into(), partitions }];
        let body = answered(version, &Response::DeleteRecords(DeleteRecordsResponse { topics }));
        let (_, found) =
            decode_response::<delete_records::DeleteRecordsResponse>(&body, version).expect("our own answer");
        let rows =
            found.topics[0].partitions.iter().map(|row| (row.partition_index, row.low_watermark, row.error_code));
        assert_eq!(rows.collect::<Vec<_>>(), [(1, 5, 0), (2, -1, 1)]);
    }
}

#[test]
fn settings_are_altered() {
    use ConfigOperation::{Append, Delete, Set, Subtract, Unknown};
    for version in 0..=1 {
        let config = |config_operation, value| alter_configs::AlterableConfig { name: "k", config_operation, value };
        let configs = vec![
            config(0, Some("v")),
            config(1, None),
            config(2, Some("v")),
            config(3, Some("v")),
            config(4, Some("v")),
        ];
        let resource = alter_configs::AlterConfigsResource { resource_type: 2, resource_name: "t", configs };
        let message = alter_configs::IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: true };
        let Request::AlterConfigs(request) = asked(version, &message) else { panic!("another request") };
        assert!(request.validate_only);
        let change =
            |operation, value: Option<&str>| ConfigChange { name: "k".into(), operation, value: value.map(Into::into) };
        let value = Some("v");
        let expected = [(Set, value), (Delete, None), (Append, value), (Subtract, value), (Unknown(4), value)];
        assert_eq!(request.resources[0].changes, expected.map(|(operation, value)| change(operation, value)));

        let refused = Err(Refused::new(Refusal::InvalidConfig, "no such key"));
        let resources = vec![AlteredResource { kind: 2, name: "t".into(), result: refused }];
        let body = answered(version, &Response::AlterConfigs(AlterConfigsResponse { resources, whole: false }));
        let (_, found) =
            decode_response::<alter_configs::IncrementalAlterConfigsResponse>(&body, version).expect("our own answer");
        let row = &found.responses[0];
        assert_eq!((row.error_code, row.error_message), (40, Some("no such key")));
        assert_eq!((row.resource_type, row.resource_name), (2, "t"));
    }
}
