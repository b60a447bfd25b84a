//! GetTelemetrySubscriptions and PushTelemetry: between bytes and the core's words.

use apus_core::api::{GetTelemetryRequest, GetTelemetryResponse, PushTelemetryRequest, PushTelemetryResponse};
use bytes::Bytes;

use super::error::{NONE, code};
use super::schema::telemetry as schema;

/// Zstd, lz4, gzip and snappy, best first, as Kafka has them.
const CODECS: [i8; 4] = [4, 3, 1, 2];

/// As the schema says it.
pub(super) fn get_request(request: &schema::GetTelemetrySubscriptionsRequest) -> GetTelemetryRequest {
    GetTelemetryRequest { instance: request.client_instance_id }
}

/// The answer in the schema's words.
pub(super) fn get_response(response: &GetTelemetryResponse) -> schema::GetTelemetrySubscriptionsResponse<'_> {
    match &response.result {
        Ok(asked) => schema::GetTelemetrySubscriptionsResponse {
            throttle_time_ms: 0,
            error_code: NONE,
            client_instance_id: asked.instance,
            subscription_id: asked.number,
            accepted_compression_types: CODECS.to_vec(),
            push_interval_ms: asked.interval_ms,
            telemetry_max_bytes: i32::try_from(asked.bytes_max).unwrap_or(i32::MAX),
            delta_temporality: true,
            requested_metrics: asked.metrics.iter().map(|name| &**name).collect(),
        },
        Err(refusal) => schema::GetTelemetrySubscriptionsResponse { error_code: code(*refusal), ..Default::default() },
    }
}

/// As the schema says it. What is pushed is copied: it is little, and its frame may hold more.
pub(super) fn push_request(request: &schema::PushTelemetryRequest<'_>) -> PushTelemetryRequest {
    PushTelemetryRequest {
        instance: request.client_instance_id,
        subscription: request.subscription_id,
        terminating: request.terminating,
        codec: request.compression_type,
        metrics: Bytes::copy_from_slice(request.metrics),
    }
}

/// The answer in the schema's words.
pub(super) fn push_response(response: PushTelemetryResponse) -> schema::PushTelemetryResponse {
    schema::PushTelemetryResponse { throttle_time_ms: 0, error_code: code(response.result.err()) }
}
