//! Metrics of clients: what they ask, push and are told.

use apus_core::api::*;
use apus_core::error::Refusal;
use apus_core::ids::Uuid;
use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::Message;
use apus_net::wire::schema::telemetry as schema;
use apus_net::wire::writer::Writer;
use apus_net::wire::{Call, decode_request, encode_response};
use bytes::Bytes;

const ID: Uuid = Uuid([7; 16]);

fn asked<'a, M: Message<'a>>(message: &M) -> AdminRequest {
    let frame = encode_request(&mut Writer::new(), 0, 42, Some("me"), message).body();
    match decode_request(&frame) {
        Ok((_, Call::Core(Request::Admin(request)))) => request,
        other => panic!("{other:?}"),
    }
}

fn answered(response: AdminResponse) -> Bytes {
    encode_response(&mut Writer::new(), 0, 42, &Response::Admin(response)).frame().expect("an answer").body()
}

#[test]
fn clients_ask_what_to_push() {
    let message = schema::GetTelemetrySubscriptionsRequest { client_instance_id: ID };
    let AdminRequest::GetTelemetry(request) = asked(&message) else { panic!("another request") };
    assert_eq!(request.instance, ID);
    let subscription = TelemetrySubscription {
        instance: ID,
        number: -5,
        interval_ms: 1_000,
        bytes_max: 1 << 20,
        metrics: vec!["a.".into(), "b".into()],
    };
    let body = answered(AdminResponse::GetTelemetry(GetTelemetryResponse { result: Ok(subscription) }));
    let (_, found) = decode_response::<schema::GetTelemetrySubscriptionsResponse>(&body, 0).expect("our own answer");
    assert_eq!((found.error_code, found.client_instance_id, found.subscription_id), (0, ID, -5));
    assert_eq!((found.push_interval_ms, found.telemetry_max_bytes, found.delta_temporality), (1_000, 1 << 20, true));
    assert_eq!((found.accepted_compression_types, found.requested_metrics), (vec![4, 3, 1, 2], vec!["a.", "b"]));
    let result = Err(Refusal::ThrottlingQuotaExceeded);
    let body = answered(AdminResponse::GetTelemetry(GetTelemetryResponse { result }));
    let (_, found) = decode_response::<schema::GetTelemetrySubscriptionsResponse>(&body, 0).expect("our own answer");
    assert_eq!((found.error_code, found.client_instance_id), (89, Uuid::ZERO));
}

#[test]
fn clients_push() {
    let message = schema::PushTelemetryRequest {
        client_instance_id: ID,
        subscription_id: -5,
        terminating: true,
        compression_type: 4,
        metrics: b"metrics",
    };
    let AdminRequest::PushTelemetry(request) = asked(&message) else { panic!("another request") };
    assert_eq!((request.instance, request.subscription, request.terminating), (ID, -5, true));
    assert_eq!((request.codec, &request.metrics[..]), (4, &b"metrics"[..]));
    for (result, code) in [
        (Ok(()), 0),
        (Err(Refusal::UnknownSubscriptionId), 117),
        (Err(Refusal::TelemetryTooLarge), 118),
        (Err(Refusal::InvalidRecord), 87),
    ] {
        let body = answered(AdminResponse::PushTelemetry(PushTelemetryResponse { result }));
        let (_, found) = decode_response::<schema::PushTelemetryResponse>(&body, 0).expect("our own answer");
        assert_eq!((found.error_code, found.throttle_time_ms), (code, 0));
    }
}
