//! Metrics of clients: GetTelemetrySubscriptions and PushTelemetry, keys 71 and 72.

use super::declare::prelude::*;

schema! {
    /// Asks what to push.
    GetTelemetrySubscriptionsRequest: Request 71 "0" flexible "0+" {
        client_instance_id: Uuid = "0+";
    }

    /// What to push.
    GetTelemetrySubscriptionsResponse<'a>: Response 71 "0" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        client_instance_id: Uuid = "0+";
        subscription_id: i32 = "0+";
        accepted_compression_types: Vec<i8> = "0+";
        push_interval_ms: i32 = "0+";
        telemetry_max_bytes: i32 = "0+";
        delta_temporality: bool = "0+";
        requested_metrics: Vec<&'a str> = "0+";
    }

    /// Pushes.
    PushTelemetryRequest<'a>: Request 72 "0" flexible "0+" {
        client_instance_id: Uuid = "0+";
        subscription_id: i32 = "0+";
        terminating: bool = "0+";
        compression_type: i8 = "0+";
        metrics: &'a [u8] = "0+";
    }

    /// What became of it.
    PushTelemetryResponse: Response 72 "0" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
    }
}
