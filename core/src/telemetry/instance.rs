//! One client: what it is asked for, when it may speak, and what it said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::otlp::Point;
use super::subscription::Asked;
use crate::api::PushTelemetryRequest;
use crate::batch::Codec;
use crate::error::Refusal;
use crate::ids::ConnectionId;
use crate::limits::TELEMETRY_INSTANCE_SERIES_MAX;
use crate::time::Instant;

/// A client.
#[derive(Debug)]
pub(super) struct Instance {
    /// Of the subscriptions that it is asked by.
    pub version: u64,
    pub asked: Asked,
    pub client_id: Arc<str>,
    /// Where it was heard last.
    pub connection: ConnectionId,
    pub expires: Instant,
    /// By name and attributes.
    pub series: BTreeMap<(Arc<str>, Arc<str>), f64>,
    asked_at: Option<Instant>,
    pushed_at: Option<Instant>,
    /// It said that it would say no more.
    terminating: bool,
    refused: Option<Refusal>,
}

/// What became of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It takes the place of an older one.
    Again,
    /// It is the first of its series.
    New,
    /// There is no room for its series.
    Dropped,
}

impl Instance {
    pub(super) fn new(version: u64, asked: Asked, client_id: Arc<str>) -> Instance {
        Instance {
            version,
            asked,
            client_id,
            connection: ConnectionId(0),
            expires: Instant(0),
            series: BTreeMap::new(),
            asked_at: None,
            pushed_at: None,
            terminating: false,
            refused: None,
        }
    }

    fn is_due(&self, last: Option<Instant>, now: Instant) -> bool {
        let interval = Duration::from_millis(self.asked.interval_ms.max(0) as u64);
        last.is_none_or(|last| now - last >= interval)
    }

    /// It asks what to push: once an interval, unless it was told to ask again.
    pub(super) fn may_ask(&mut self, now: Instant) -> Result<(), Refusal> {
        if self.is_due(self.asked_at.max(self.pushed_at), now) {
            self.asked_at = Some(now);
        } else if !matches!(self.refused, Some(Refusal::UnknownSubscriptionId | Refusal::UnsupportedCompressionType)) {
            return Err(Refusal::ThrottlingQuotaExceeded);
        }
        self.refused = None;
        Ok(())
    }

    /// It pushes: once after it asked, then once an interval, and once more when it goes.
    pub(super) fn may_push(
        &mut self,
        request: &PushTelemetryRequest,
        bytes_max: usize,
        now: Instant,
    ) -> Result<(), Refusal> {
        let refused = self.judge(request, bytes_max, now);
        self.terminating = request.terminating;
        match refused {
            None => {
                self.refused = None;
                Ok(())
            }
            Some(refusal) => Err(self.fail(refusal)),
        }
    }

    fn judge(&mut self, request: &PushTelemetryRequest, bytes_max: usize, now: Instant) -> Option<Refusal> {
        if self.terminating {
            return Some(Refusal::InvalidRequest);
        }
        if self.asked_at > self.pushed_at || self.is_due(self.pushed_at, now) {
            self.pushed_at = Some(now);
        } else if !request.terminating {
            return Some(Refusal::ThrottlingQuotaExceeded);
        }
        if request.subscription != self.asked.number {
            return Some(Refusal::UnknownSubscriptionId);
        }
        if Codec::of(request.codec).is_none() {
            return Some(Refusal::UnsupportedCompressionType);
        }
        (request.metrics.len() > bytes_max).then_some(Refusal::TelemetryTooLarge)
    }

    /// What it asked was refused.
    pub(super) fn fail(&mut self, refusal: Refusal) -> Refusal {
        self.refused = Some(refusal);
        refusal
    }

    /// It said a number; `room`: there is some for another series.
    pub(super) fn take(&mut self, point: Point, room: bool) -> Taken {
        let Point { name, attributes, value, is_delta } = point;
        let is_room = room && self.series.len() < TELEMETRY_INSTANCE_SERIES_MAX;
        match self.series.get_mut(&(Arc::clone(&name), Arc::clone(&attributes))) {
            Some(before) => {
                *before = if is_delta { *before + value } else { value };
                Taken::Again
            }
            None if is_room => {
                self.series.insert((name, attributes), value);
                Taken::New
            }
            None => Taken::Dropped,
        }
    }
}
