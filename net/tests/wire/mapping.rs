//! Between bytes and the core's words: what each version means.

use std::sync::Arc;

use apus_core::api::*;
use apus_core::config::{ConfigRow, ConfigSource, Kind};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{BrokerId, ProducerId, Uuid};
use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::header::Reject;
use apus_net::wire::keys::{ApiKey, SERVED};
use apus_net::wire::schema::{self, Message};
use apus_net::wire::value::Records;
use apus_net::wire::writer::{SPLICE_BYTES_MIN, Writer};
use apus_net::wire::{Call, Encoded, decode_request, encode_response};
use bytes::Bytes;

const ID: Uuid = Uuid([7; 16]);

pub fn asked<'a, M: Message<'a>>(version: i16, message: &M) -> Request {
    let frame = encode_request(&mut Writer::new(), version, 42, Some("me"), message).body();
    let (header, call) = decode_request(&frame).expect("our own request");
    assert_eq!(
        (header.key.code(), header.version, header.correlation, header.client_id),
        (M::KEY, version, 42, Some("me"))
    );
    match call {
        Call::Core(request) => request,
        Call::ApiVersions(_) => panic!("the session answers that"),
    }
}

fn answered<M: for<'a> Message<'a>>(version: i16, response: &Response, check: impl FnOnce(&M)) {
    let frame = encode_response(&mut Writer::new(), version, 42, response).frame().expect("an answer");
    let body = frame.body();
    let (correlation, message) = decode_response::<M>(&body, version).expect("our own answer");
    assert_eq!(correlation, 42);
    check(&message);
}

fn name(name: &str) -> TopicRef {
    TopicRef::Name(Arc::from(name))
}

#[test]
fn every_served_version_is_decoded_or_known_to_be_unsupported() {
    for served in SERVED {
        for version in -1..=served.versions.max + 1 {
            let mut frame = served.key.code().to_be_bytes().to_vec();
            frame.extend(version.to_be_bytes());
            frame.extend(b"\0\0\0\x2a\xff\xff");
            let frame = Bytes::from(frame);
            match decode_request(&frame) {
                Ok((header, _)) => {
                    assert!(
                        matches!(header.key, ApiKey::ApiVersions | ApiKey::ListGroups) && version <= 2,
                        "only these bodies are empty"
                    )
                }
                Err(Reject::NotServed { key, version: asked }) => {
                    assert!(key == served.key.code() && asked == version && !served.versions.contains(version));
                }
                Err(Reject::AnswerUnsupported { correlation }) => {
                    assert!(correlation == 42 && served.key == ApiKey::ApiVersions);
                    assert!(!served.versions.contains(version));
                }
                Err(Reject::Malformed { key, .. }) => {
                    assert!(key == Some(served.key) && served.versions.contains(version));
                }
            }
        }
    }
}

#[test]
fn produced_records_are_slices_of_the_frame() {
    let batch = Bytes::from(vec![9; SPLICE_BYTES_MIN * 2]);
    let pieces = [Bytes::from_static(b"stamp"), batch.clone()];
    for version in 3..=13 {
        let partitions = vec![
            schema::produce::PartitionProduceData { index: 3, records: Some(Records::Pieces(&pieces)) },
            schema::produce::PartitionProduceData { index: 4, records: None },
        ];
        let topic = schema::produce::TopicProduceData { name: "t", topic_id: ID, partition_data: partitions };
        let message = schema::produce::ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
        let frame = encode_request(&mut Writer::new(), version, 42, None, &message);
        assert!(frame.pieces.iter().any(|piece| piece.as_ptr() == batch.as_ptr()), "records are spliced, not copied");
        let frame = frame.body();
        let Ok((_, Call::Core(Request::Produce(request)))) = decode_request(&frame) else {
            panic!("a produce request")
        };
        assert_eq!(request.zstd, version >= 7);
        assert_eq!(request.topics[0].topic, if version >= 13 { TopicRef::Id(ID) } else { name("t") });
        let records = request.topics[0].partitions[0].records.as_ref().expect("records");
        assert_eq!(records[..], pieces.concat());
        assert!(frame.as_ptr_range().contains(&records.as_ptr()), "records are not copied");
        assert!(request.topics[0].partitions[1].records.is_none());
    }
}

#[test]
fn what_became_of_a_batch_is_said_in_the_words_of_the_version() {
    let done = Produced { base_offset: 5, log_append_time_ms: 6, log_start_offset: 7 };
    let partitions = vec![
        ProducedPartition { index: 0, result: Ok(done), record_errors: Vec::new() },
        ProducedPartition {
            index: 1,
            result: Err(Refused::new(Refusal::KafkaStorageError, "full")),
            record_errors: vec![RecordError { index: 3, message: "no key".into() }],
        },
    ];
    let response = Response::Produce(ProduceResponse { topics: vec![ProducedTopic { topic: name("t"), partitions }] });
    for version in 3..=13 {
        answer!(schema::produce::ProduceResponse, version, &response, |found| {
            assert_eq!(found.responses[0].name, if version >= 13 { "" } else { "t" });
            let [first, second] = &found.responses[0].partition_responses[..] else { panic!("two partitions") };
            assert_eq!((first.error_code, first.base_offset, first.log_append_time_ms), (0, 5, 6));
            assert_eq!(first.log_start_offset, if version >= 5 { 7 } else { -1 });
            assert_eq!((second.error_code, second.base_offset), (56, -1));
            assert_eq!(second.error_message, (version >= 8).then_some("full"));
            let named: Vec<_> =
                second.record_errors.iter().map(|one| (one.batch_index, one.batch_index_error_message)).collect();
            assert_eq!(named, if version >= 8 { vec![(3, Some("no key"))] } else { vec![] });
        });
    }
    for silent in [Response::Silence, Response::Hangup("acks=0".into())] {
        assert_eq!(encode_response(&mut Writer::new(), 9, 42, &silent), Encoded::Nothing);
    }
}

#[test]
fn a_fetch_says_what_it_wants_in_every_version() {
    for version in 4..=18 {
        let partition = schema::fetch::FetchPartition {
            partition: 1,
            current_leader_epoch: 2,
            fetch_offset: 3,
            last_fetched_epoch: 4,
            partition_max_bytes: 5,
            ..Default::default()
        };
        let message = schema::fetch::FetchRequest {
            max_wait_ms: 10,
            min_bytes: 11,
            max_bytes: 12,
            isolation_level: 1,
            session_id: 13,
            session_epoch: 14,
            topics: vec![schema::fetch::FetchTopic { topic: "t", topic_id: ID, partitions: vec![partition] }],
            rack_id: "rack",
            ..Default::default()
        };
        let request = expect!(Fetch, asked(version, &message));
        assert_eq!((request.wait_ms_max, request.bytes_min, request.bytes_max), (10, 11, 12));
        assert!(request.committed_only && request.zstd == (version >= 10));
        assert_eq!((request.session_id, request.session_epoch), if version >= 7 { (13, 14) } else { (0, -1) });
        assert_eq!(&*request.rack, if version >= 11 { "rack" } else { "" });
        assert_eq!(request.topics[0].topic, if version >= 13 { TopicRef::Id(ID) } else { name("t") });
        let partition = &request.topics[0].partitions[0];
        assert_eq!((partition.index, partition.offset, partition.bytes_max), (1, 3, 5));
        assert_eq!(partition.leader_epoch, if version >= 9 { 2 } else { -1 });
        assert_eq!(partition.last_fetched_epoch, if version >= 12 { 4 } else { -1 });
    }
}

#[test]
fn fetched_records_are_spliced_into_the_frame() {
    let batch = Bytes::from(vec![9; SPLICE_BYTES_MIN]);
    let read = FetchedPartition {
        index: 1,
        refusal: None,
        high_watermark: 2,
        last_stable_offset: 3,
        log_start_offset: 4,
        aborted: Some(vec![(5, 6)]),
        records: vec![Bytes::from_static(b"01234567"), batch.clone()],
    };
    let mut failed = read.clone();
    (failed.refusal, failed.records, failed.aborted) = (Some(Refusal::KafkaStorageError), vec![], None);
    let topics = vec![FetchedTopic { topic: TopicRef::Id(ID), partitions: vec![read, failed] }];
    let response = Response::Fetch(FetchResponse { refusal: None, session_id: 8, topics });
    for version in 4..=18 {
        let frame = encode_response(&mut Writer::new(), version, 42, &response).frame().expect("an answer");
        assert!(frame.pieces.iter().any(|piece| piece.as_ptr() == batch.as_ptr()), "records are not copied");
        answer!(schema::fetch::FetchResponse, version, &response, |found| {
            assert_eq!(found.session_id, if version >= 7 { 8 } else { 0 });
            assert_eq!(found.responses[0].topic_id, if version >= 13 { ID } else { Uuid::ZERO });
            let [read, failed] = &found.responses[0].partitions[..] else { panic!("two partitions") };
            let records = [&b"01234567"[..], &batch].concat();
            assert_eq!(read.records, Some(Records::Slice(&records)));
            assert_eq!(read.aborted_transactions.as_ref().map(Vec::len), Some(1));
            assert_eq!(failed.records, Some(Records::Slice(b"")));
            assert_eq!((failed.error_code, &failed.aborted_transactions), (if version >= 6 { 56 } else { 6 }, &None));
        });
    }
}

#[test]
fn all_topics_are_asked_for_by_an_empty_list_once_and_by_null_since() {
    let topics = |version, topics| {
        let message = schema::metadata::MetadataRequest { topics, ..Default::default() };
        expect!(Metadata, asked(version, &message)).topics
    };
    assert_eq!(topics(0, Some(vec![])), None);
    for version in 1..=13 {
        assert_eq!(topics(version, Some(vec![])), Some(vec![]));
        assert_eq!(topics(version, None), None);
    }
    let by_id = || schema::metadata::MetadataRequestTopic { topic_id: ID, name: None };
    let both = || schema::metadata::MetadataRequestTopic { topic_id: ID, name: Some("t") };
    assert_eq!(topics(12, Some(vec![by_id(), both()])), Some(vec![TopicRef::Id(ID), TopicRef::Id(ID)]));
    let named = || schema::metadata::MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some("t") };
    let refusal = |version, topics| {
        let message = schema::metadata::MetadataRequest { topics: Some(topics), ..Default::default() };
        expect!(Metadata, asked(version, &message)).refusal
    };
    for topics in [vec![by_id()], vec![named(), both()]] {
        assert_eq!(refusal(12, topics.clone()), None);
        for version in 10..=11 {
            assert_eq!(refusal(version, topics.clone()), Some(Refusal::InvalidRequest), "ids have no use there");
        }
    }
    assert_eq!(refusal(11, vec![named()]), None);
}

#[test]
fn metadata_says_who_leads() {
    let broker = Broker { id: BrokerId(1), host: "host".into(), port: 9092, rack: Some("zone".into()) };
    let partition = MetadataPartition { index: 0, leader: BrokerId(1), replicas: Arc::from([BrokerId(1)]) };
    let known =
        MetadataTopic { refusal: None, name: Some("t".into()), id: ID, internal: true, partitions: vec![partition] };
    let unknown = MetadataTopic {
        refusal: Some(Refusal::UnknownTopicId),
        name: None,
        id: ID,
        internal: false,
        partitions: vec![],
    };
    let response = Response::Metadata(MetadataResponse {
        brokers: vec![broker],
        cluster_id: "cluster".into(),
        controller: BrokerId(1),
        topics: vec![known, unknown],
        operations: MetadataOperations::default(),
    });
    for version in 0..=13 {
        answer!(schema::metadata::MetadataResponse, version, &response, |found| {
            assert_eq!((found.brokers[0].host, found.brokers[0].port), ("host", 9092));
            assert_eq!(found.cluster_id, (version >= 2).then_some("cluster"));
            let [known, unknown] = &found.topics[..] else { panic!("two topics") };
            assert_eq!((known.name, known.partitions[0].leader_id), (Some("t"), 1));
            assert_eq!(known.partitions[0].isr_nodes, [1]);
            assert_eq!(known.partitions[0].leader_epoch, if version >= 7 { 0 } else { -1 });
            assert_eq!((unknown.error_code, unknown.name), (100, if version >= 12 { None } else { Some("") }));
            assert_eq!(known.topic_authorized_operations, i32::MIN);
            assert_eq!(found.cluster_authorized_operations, i32::MIN);
        });
    }
}

/// As Kafka's `AclEntry.supportedOperations` has them, which is what a client sees where there is no authorizer.
#[test]
fn what_a_client_may_do_is_told_to_those_who_ask() {
    let topic = |name: Option<&str>, refusal| MetadataTopic {
        refusal,
        name: name.map(Into::into),
        id: ID,
        internal: false,
        partitions: vec![],
    };
    let unknown = Some(Refusal::UnknownTopicOrPartition);
    let topics = vec![topic(Some("t"), None), topic(Some("u"), unknown), topic(None, Some(Refusal::UnknownTopicId))];
    for (cluster, of_topics) in [(true, false), (false, true), (true, true)] {
        for version in 8..=13 {
            let message = schema::metadata::MetadataRequest {
                include_cluster_authorized_operations: cluster,
                include_topic_authorized_operations: of_topics,
                ..Default::default()
            };
            let operations = expect!(Metadata, asked(version, &message)).operations;
            let told = cluster && version <= 10;
            assert_eq!(operations, MetadataOperations { cluster: told, topics: of_topics }, "version {version}");
            let response = Response::Metadata(MetadataResponse {
                brokers: vec![],
                cluster_id: "cluster".into(),
                controller: BrokerId(1),
                topics: topics.clone(),
                operations,
            });
            answer!(schema::metadata::MetadataResponse, version, &response, |found| {
                assert_eq!(found.cluster_authorized_operations, if told { 8096 } else { i32::MIN });
                let topics: Vec<i32> = found.topics.iter().map(|topic| topic.topic_authorized_operations).collect();
                let expected = if of_topics { 3576 } else { i32::MIN };
                assert_eq!(topics, [expected, expected, i32::MIN], "nothing of an id that nobody knows");
            });
        }
    }
    for authorized_operations in [false, true] {
        let response = Response::DescribeCluster(DescribeClusterResponse {
            refused: None,
            endpoint_type: 1,
            cluster_id: "cluster".into(),
            controller: BrokerId(1),
            brokers: vec![],
            authorized_operations,
        });
        for version in 0..=2 {
            let include_cluster_authorized_operations = authorized_operations;
            let message =
                schema::cluster::DescribeClusterRequest { include_cluster_authorized_operations, ..Default::default() };
            let request = expect!(DescribeCluster, asked(version, &message));
            assert_eq!(request.authorized_operations, authorized_operations);
            answer!(schema::cluster::DescribeClusterResponse, version, &response, |found| {
                let expected = if authorized_operations { 8096 } else { i32::MIN };
                assert_eq!(found.cluster_authorized_operations, expected);
            });
        }
    }
}

fn row() -> ConfigRow {
    ConfigRow {
        name: "cleanup.policy",
        value: Some("delete".into()),
        source: ConfigSource::Default,
        kind: Kind::List,
        documentation: "what becomes of old records",
        read_only: false,
        sensitive: false,
        synonyms: vec![],
    }
}

#[test]
fn topics_are_created_and_described() {
    let created = Created { id: ID, partitions: 3, replication_factor: 1, configs: vec![row()] };
    let refused = Refused::new(Refusal::TopicAlreadyExists, "it is there");
    let response = Response::CreateTopics(CreateTopicsResponse {
        topics: vec![
            CreatedTopic { name: "new".into(), result: Ok(created) },
            CreatedTopic { name: "old".into(), result: Err(refused) },
        ],
    });
    for version in 2..=7 {
        answer!(schema::topics::CreateTopicsResponse, version, &response, |found| {
            let [new, old] = &found.topics[..] else { panic!("two topics") };
            assert_eq!(
                (new.error_code, new.error_message, new.num_partitions),
                (0, None, if version >= 5 { 3 } else { -1 })
            );
            let configs = new.configs.as_ref().expect("configs are never null");
            assert_eq!(configs.len(), usize::from(version >= 5));
            assert_eq!(new.topic_id, if version >= 7 { ID } else { Uuid::ZERO });
            assert_eq!((old.error_code, old.error_message, old.num_partitions), (36, Some("it is there"), -1));
        });
        let topic = schema::topics::CreatableTopic {
            name: "new",
            num_partitions: -1,
            replication_factor: 2,
            assignments: vec![schema::topics::CreatableReplicaAssignment {
                partition_index: 0,
                broker_ids: vec![1, 2],
            }],
            configs: vec![schema::topics::CreatableTopicConfig { name: "key", value: None }],
        };
        let message = schema::topics::CreateTopicsRequest { topics: vec![topic], timeout_ms: 9, validate_only: true };
        let request = expect!(CreateTopics, asked(version, &message));
        assert!(request.validate_only && request.timeout_ms == 9);
        assert_eq!(request.topics[0].assignments, [(0, vec![BrokerId(1), BrokerId(2)])]);
        assert_eq!(request.topics[0].configs, [("key".into(), None)]);
    }
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    for version in 1..=6 {
        let states = [("t", Uuid::ZERO), ("", ID), ("t", ID), ("", Uuid::ZERO)];
        let state = |(name, topic_id): (&'static str, Uuid)| schema::topics::DeleteTopicState {
            name: (!name.is_empty()).then_some(name),
            topic_id,
        };
        let message = schema::topics::DeleteTopicsRequest {
            topics: states.into_iter().map(state).collect(),
            topic_names: vec!["t"],
            timeout_ms: 9,
        };
        let request = expect!(DeleteTopics, asked(version, &message));
        let topics: Vec<_> = request.topics.iter().map(TopicToDelete::topic).collect();
        let [first, others @ ..] = &topics[..] else { panic!("a topic") };
        assert_eq!(first, &Ok(name("t")));
        let expected = [Ok(TopicRef::Id(ID)), Err(Refusal::InvalidRequest), Err(Refusal::InvalidRequest)];
        let others: Vec<_> = others.iter().map(|topic| topic.clone().map_err(|refused| refused.refusal)).collect();
        assert_eq!(others, expected[..if version >= 6 { 3 } else { 0 }]);
    }
    let refused = Err(Refused::from(Refusal::TopicDeletionDisabled));
    let deleted = DeletedTopic { name: None, id: ID, result: refused };
    let response = Response::DeleteTopics(DeleteTopicsResponse { topics: vec![deleted] });
    for version in 1..=6 {
        answer!(schema::topics::DeleteTopicsResponse, version, &response, |found| {
            let [topic] = &found.responses[..] else { panic!("one topic") };
            assert_eq!(topic.error_code, if version >= 3 { 73 } else { 42 });
            assert_eq!(topic.name, if version >= 6 { None } else { Some("") });
        });
    }
}

#[test]
fn offsets_are_listed() {
    let partition = |at, result| ListedPartition { index: at, result };
    let found = ListedOffset { timestamp_ms: 5, offset: 6 };
    let nothing = ListedOffset { timestamp_ms: -1, offset: -1 };
    let partitions =
        vec![partition(0, Ok(found)), partition(1, Ok(nothing)), partition(2, Err(Refusal::OffsetOutOfRange))];
    let response =
        Response::ListOffsets(ListOffsetsResponse { topics: vec![ListedTopic { topic: name("t"), partitions }] });
    for version in 1..=11 {
        answer!(schema::list_offsets::ListOffsetsResponse, version, &response, |answer| {
            let rows: Vec<_> = answer.topics[0].partitions.iter().map(|row| (row.error_code, row.offset)).collect();
            assert_eq!(rows, [(0, 6), (0, -1), (1, -1)]);
            assert_eq!(answer.topics[0].partitions[0].leader_epoch, if version >= 4 { 0 } else { -1 });
            assert_eq!(answer.topics[0].partitions[1].leader_epoch, -1);
        });
        let partitions = vec![schema::list_offsets::ListOffsetsPartition { timestamp: -3, ..Default::default() }];
        let topics = vec![schema::list_offsets::ListOffsetsTopic { name: "t", partitions }];
        let message = schema::list_offsets::ListOffsetsRequest { topics, timeout_ms: 8, ..Default::default() };
        let request = expect!(ListOffsets, asked(version, &message));
        assert_eq!(request.timeout_ms, (version >= 10).then_some(8));
        let at = request.topics[0].partitions[0].at;
        assert_eq!(at, if version >= 7 { Ok(OffsetAt::MaxTimestamp) } else { Err(Refusal::UnsupportedVersion) });
    }
}

#[test]
fn epochs_end_somewhere() {
    let partitions = vec![
        EndedPartition { index: 0, result: Ok((0, 9)) },
        EndedPartition { index: 1, result: Err(Refusal::UnknownLeaderEpoch) },
    ];
    let topics = vec![EndedTopic { topic: name("t"), partitions }];
    let response = Response::OffsetForLeaderEpoch(OffsetForLeaderEpochResponse { topics });
    for version in 2..=4 {
        answer!(schema::leader_epoch::OffsetForLeaderEpochResponse, version, &response, |found| {
            let ends: Vec<_> = found.topics[0].partitions.iter().map(|end| (end.error_code, end.end_offset)).collect();
            assert_eq!(ends, [(0, 9), (75, -1)]);
        });
        let partition =
            schema::leader_epoch::OffsetForLeaderPartition { partition: 1, current_leader_epoch: 2, leader_epoch: 3 };
        let topics = vec![schema::leader_epoch::OffsetForLeaderTopic { topic: "t", partitions: vec![partition] }];
        let message = schema::leader_epoch::OffsetForLeaderEpochRequest { replica_id: -1, topics };
        let request = expect!(OffsetForLeaderEpoch, asked(version, &message));
        assert_eq!((request.topics[0].partitions[0].index, request.topics[0].partitions[0].leader_epoch), (1, 3));
    }
}

#[test]
fn configs_are_described() {
    let resource = |result| DescribedResource { kind: 2, name: "t".into(), result };
    let resources = vec![resource(Ok(Arc::from([row()]))), resource(Err(Refusal::UnknownTopicOrPartition.into()))];
    for version in 1..=4 {
        let resources = resources.clone();
        let response =
            Response::DescribeConfigs(DescribeConfigsResponse { resources, synonyms: true, documentation: true });
        answer!(schema::configs::DescribeConfigsResponse, version, &response, |found| {
            let config = &found.results[0].configs[0];
            assert_eq!((config.name, config.value, config.config_source), ("cleanup.policy", Some("delete"), 5));
            assert_eq!(config.config_type, if version >= 3 { 7 } else { 0 });
            assert_eq!((found.results[1].error_code, found.results[1].configs.len()), (3, 0));
        });
        let resource = schema::configs::DescribeConfigsResource {
            resource_type: 2,
            resource_name: "t",
            configuration_keys: Some(vec!["key"]),
        };
        let message = schema::configs::DescribeConfigsRequest {
            resources: vec![resource],
            include_synonyms: true,
            include_documentation: true,
        };
        let request = expect!(DescribeConfigs, asked(version, &message));
        assert!(request.synonyms && request.documentation == (version >= 3));
        assert_eq!(request.resources[0].keys, Some(vec!["key".into()]));
    }
}

#[test]
fn producers_and_clusters_are_known() {
    let fenced = Response::InitProducerId(InitProducerIdResponse { result: Err(Refusal::ProducerFenced) });
    let given = Response::InitProducerId(InitProducerIdResponse { result: Ok((ProducerId(9), 1)) });
    for version in 0..=5 {
        answered::<schema::producer_id::InitProducerIdResponse>(version, &fenced, |found| {
            assert_eq!((found.error_code, found.producer_id), (if version >= 4 { 90 } else { 47 }, -1));
        });
        answered::<schema::producer_id::InitProducerIdResponse>(version, &given, |found| {
            assert_eq!((found.error_code, found.producer_id, found.producer_epoch), (0, 9, 1));
        });
        let message = schema::producer_id::InitProducerIdRequest { transactional_id: None, ..Default::default() };
        let request = expect!(InitProducerId, asked(version, &message));
        assert_eq!((request.transactional_id, request.producer, request.epoch), (None, ProducerId(-1), -1));
    }
    let response = Response::DescribeCluster(DescribeClusterResponse {
        refused: Some(Refused::new(Refusal::MismatchedEndpointType, "brokers only")),
        endpoint_type: 2,
        cluster_id: "cluster".into(),
        controller: BrokerId(1),
        brokers: vec![],
        authorized_operations: false,
    });
    for version in 0..=2 {
        answer!(schema::cluster::DescribeClusterResponse, version, &response, |found| {
            assert_eq!((found.error_code, found.error_message), (114, Some("brokers only")));
            assert_eq!(found.endpoint_type, if version >= 1 { 2 } else { 1 });
        });
        let message = schema::cluster::DescribeClusterRequest { endpoint_type: 2, ..Default::default() };
        let request = expect!(DescribeCluster, asked(version, &message));
        assert_eq!(request.endpoint_type, if version >= 1 { 2 } else { 1 });
    }
}

/// librdkafka sends these behind a Metadata request for all topics; a broker that minds closes on every such client.
#[test]
fn bytes_behind_a_request_are_ignored() {
    let all = schema::metadata::MetadataRequest { topics: None, ..Default::default() };
    for version in 1..=13 {
        let frame = encode_request(&mut Writer::new(), version, 42, Some("rdkafka"), &all).body();
        let longer = Bytes::from([&frame[..], &[0, 0, 0]].concat());
        let (_, call) = decode_request(&longer).expect("as Kafka reads it");
        assert!(matches!(call, Call::Core(Request::Metadata(MetadataRequest { topics: None, .. }))));
    }
}
