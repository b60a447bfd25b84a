//! GetTelemetrySubscriptions and PushTelemetry: metrics of clients.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::Refusal;
use crate::ids::Uuid;

/// What a client says of itself in ApiVersions, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    /// Its library.
    pub name: Arc<str>,
    /// The version of that.
    pub version: Arc<str>,
    /// The port of its side of the connection.
    pub port: u16,
}

/// What is a client to push?
#[derive(Clone, Copy, Debug)]
pub struct GetTelemetryRequest {
    /// The client; zero: it has no id yet.
    pub instance: Uuid,
}

/// This.
#[derive(Clone, Debug)]
pub struct GetTelemetryResponse {
    /// Or why not.
    pub result: Result<TelemetrySubscription, Refusal>,
}

/// What a client is to push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetrySubscription {
    /// The client.
    pub instance: Uuid,
    /// Stands for all of this; it comes back with each push.
    pub number: i32,
    /// How often, milliseconds.
    pub interval_ms: i32,
    /// How much at once.
    pub bytes_max: usize,
    /// Prefixes of the names; none: nothing.
    pub metrics: Vec<Arc<str>>,
}

/// What a client counted.
#[derive(Clone, Debug)]
pub struct PushTelemetryRequest {
    /// The client.
    pub instance: Uuid,
    /// As it was told.
    pub subscription: i32,
    /// It is the last one.
    pub terminating: bool,
    /// Kafka's number of the codec.
    pub codec: i8,
    /// OpenTelemetry's MetricsData, packed.
    pub metrics: Bytes,
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub struct PushTelemetryResponse {
    /// Taken, or why not.
    pub result: Result<(), Refusal>,
}
