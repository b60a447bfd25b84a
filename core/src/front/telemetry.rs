//! GetTelemetrySubscriptions and PushTelemetry.

use super::{Front, RequestId};
use crate::api::{
    AdminResponse, Context, GetTelemetryRequest, GetTelemetryResponse, PushTelemetryRequest, PushTelemetryResponse,
    Response,
};
use crate::telemetry::{ClientMetric, Telemetry};
use crate::turn::Turn;

impl Front {
    pub(super) fn get_telemetry(
        &mut self,
        id: RequestId,
        context: &Context,
        request: GetTelemetryRequest,
        turn: &mut Turn<'_>,
    ) {
        let result = self.telemetry.ask(request.instance, id.connection, context, turn.now, turn.rng);
        self.answer(id, Response::Admin(AdminResponse::GetTelemetry(GetTelemetryResponse { result })));
    }

    pub(super) fn push_telemetry(
        &mut self,
        id: RequestId,
        context: &Context,
        request: &PushTelemetryRequest,
        turn: &Turn<'_>,
    ) {
        let result = self.telemetry.push(request, id.connection, context, turn.now);
        self.answer(id, Response::Admin(AdminResponse::PushTelemetry(PushTelemetryResponse { result })));
    }

    /// What clients of this core said of themselves, how many are known, and how many numbers found no room.
    #[must_use]
    pub fn client_metrics(&self) -> (Vec<ClientMetric>, (u64, u64)) {
        (Telemetry::metrics(&self.telemetry), self.telemetry.counts())
    }
}
