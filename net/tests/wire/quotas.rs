//! What clients are bounded by, and what they are told when they used too much of it.

use std::sync::Arc;

use apus_core::api::*;
use apus_core::error::{Refusal, Refused};
use apus_core::quota::{Bound, EntityName, QuotaEntity, QuotaKey};
use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::client_quotas::{alter, altered, describe, described};
use apus_net::wire::schema::{Message, fetch, group_offsets, groups, metadata, produce};
use apus_net::wire::writer::Writer;
use apus_net::wire::{Call, decode_request, encode_response, encode_throttled};
use bytes::Bytes;

fn asked<'a, M: Message<'a>>(version: i16, message: &M) -> AdminRequest {
    let frame = encode_request(&mut Writer::new(), version, 42, Some("me"), message).body();
    match decode_request(&frame) {
        Ok((_, Call::Core(Request::Admin(request)))) => request,
        other => panic!("{other:?}"),
    }
}

fn answered(version: i16, response: AdminResponse) -> Bytes {
    encode_response(&mut Writer::new(), version, 42, &Response::Admin(response)).frame().expect("an answer").body()
}

#[test]
fn quotas_are_described() {
    for version in 0..=1 {
        let components = vec![
            describe::ComponentData { entity_type: "user", match_type: 0, r#match: Some("a") },
            describe::ComponentData { entity_type: "client-id", match_type: 1, r#match: None },
        ];
        let message = describe::DescribeClientQuotasRequest { components, strict: true };
        let AdminRequest::DescribeQuotas(request) = asked(version, &message) else { panic!("another request") };
        let named = |component: &QuotaComponent| (component.kind.to_string(), component.match_type);
        assert!(request.strict);
        assert_eq!(
            request.components.iter().map(named).collect::<Vec<_>>(),
            [("user".into(), 0), ("client-id".into(), 1)]
        );
        let entity = QuotaEntity {
            user: Some(EntityName::Named("a".into())),
            client_id: Some(EntityName::Default),
            ..QuotaEntity::default()
        };
        let quotas = [(QuotaKey::RequestPercentage, Bound::new(12.5).expect("a bound"))].into();
        let result = Ok(vec![(entity, Arc::new(quotas))]);
        let body = answered(version, AdminResponse::DescribeQuotas(DescribeQuotasResponse { result }));
        let (_, found) = decode_response::<described::DescribeClientQuotasResponse>(&body, version).expect("our own");
        let entries = found.entries.expect("told");
        let [client, user] = &entries[0].entity[..] else { panic!("{entries:?}") };
        assert_eq!((client.entity_type, client.entity_name), ("client-id", None));
        assert_eq!((user.entity_type, user.entity_name), ("user", Some("a")));
        assert_eq!((entries[0].values[0].key, entries[0].values[0].value), ("request_percentage", 12.5));
        let result = Err(Refused::new(Refusal::InvalidRequest, "no"));
        let body = answered(version, AdminResponse::DescribeQuotas(DescribeQuotasResponse { result }));
        let (_, found) = decode_response::<described::DescribeClientQuotasResponse>(&body, version).expect("our own");
        assert_eq!((found.error_code, found.error_message, found.entries), (42, Some("no"), None));
    }
}

#[test]
fn quotas_are_altered() {
    for version in 0..=1 {
        let entity = vec![alter::EntityData { entity_type: "user", entity_name: None }];
        let ops = vec![
            alter::OpData { key: "producer_byte_rate", value: 5.0, remove: false },
            alter::OpData { key: "consumer_byte_rate", value: 0.0, remove: true },
        ];
        let entries = vec![alter::EntryData { entity, ops }];
        let message = alter::AlterClientQuotasRequest { entries, validate_only: true };
        let AdminRequest::AlterQuotas(request) = asked(version, &message) else { panic!("another request") };
        let entry = &request.entries[0];
        assert!(request.validate_only && &*entry.entity[0].0 == "user" && entry.entity[0].1.is_none());
        assert_eq!(entry.changes.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [Some(5.0), None]);
        let told = |result| (entry.entity.clone(), result);
        let entries = vec![told(Ok(())), told(Err(Refused::new(Refusal::InvalidRequest, "no")))];
        let body = answered(version, AdminResponse::AlterQuotas(AlterQuotasResponse { entries }));
        let (_, found) = decode_response::<altered::AlterClientQuotasResponse>(&body, version).expect("our own");
        let told: Vec<_> = found.entries.iter().map(|entry| (entry.error_code, entry.error_message)).collect();
        assert_eq!(told, [(0, None), (42, Some("no"))]);
        assert_eq!((found.entries[1].entity[0].entity_type, found.entries[1].entity[0].entity_name), ("user", None));
    }
}

/// What a client reads of how long it is to rest.
macro_rules! rest_of {
    ($message:ty, $version:expr, $response:expr) => {{
        let frame = encode_throttled(&mut Writer::new(), $version, 42, 1_234, &$response).frame().expect("an answer");
        let body = frame.body();
        decode_response::<$message>(&body, $version).expect("our own answer").1.throttle_time_ms
    }};
}

#[test]
fn whoever_is_to_rest_is_told() {
    let topics = || vec![ProducedTopic { topic: TopicRef::Name("t".into()), partitions: Vec::new() }];
    for version in 3..=13 {
        assert_eq!(
            rest_of!(produce::ProduceResponse, version, Response::Produce(ProduceResponse { topics: topics() })),
            1_234
        );
    }
    for version in 4..=18 {
        let response = Response::Fetch(FetchResponse { refusal: None, session_id: 7, topics: Vec::new() });
        assert_eq!(rest_of!(fetch::FetchResponse, version, response), 1_234);
    }
    // Older clients cannot be told.
    for (version, told) in [(0, 0), (1, 1_234), (4, 1_234)] {
        let response = Response::Heartbeat(HeartbeatResponse { result: Ok(()) });
        assert_eq!(rest_of!(groups::HeartbeatResponse, version, response), told);
    }
    let response = Response::OffsetDelete(OffsetDeleteResponse { result: Err(Refusal::GroupIdNotFound) });
    assert_eq!(rest_of!(group_offsets::OffsetDeleteResponse, 0, response), 1_234, "behind the error");
    let response = |brokers| {
        Response::Metadata(MetadataResponse {
            brokers,
            cluster_id: "c".into(),
            controller: apus_core::ids::BrokerId(1),
            topics: Vec::new(),
            operations: MetadataOperations::default(),
        })
    };
    for (version, told) in [(2, 0), (3, 1_234), (12, 1_234)] {
        assert_eq!(rest_of!(metadata::MetadataResponse, version, response(Vec::new())), told);
    }
}
