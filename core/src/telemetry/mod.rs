//! Metrics that clients push (KIP-714): who is asked for which, and what they said last.
//!
//! Subscriptions are resources of the catalog. A client that asks is given an id, and what the subscriptions that match it
//! come to: prefixes of names, how often, and a number that stands for both. Any core computes the same number, so a client
//! that pushes on another connection than it asked on is understood. What it pushes is kept until it pushes again, its
//! connection ends, or it is silent for three intervals; deltas are summed up.
//!
//! Bounds: clients, series of all of them, and the bytes of one push before and behind its compression. What finds no room
//! is left out, and counted.

mod instance;
mod otlp;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::api::{Context, PushTelemetryRequest, TelemetrySubscription};
use crate::batch::Codec;
use crate::error::Refusal;
use crate::ids::{ConnectionId, Uuid};
use crate::limits::{TELEMETRY_EXPIRY_MS_MIN, TELEMETRY_INSTANCES_MAX, TELEMETRY_SERIES_MAX};
use crate::records::decompress;
use crate::time::{Instant, Rng};

use instance::Instance;
pub(crate) use subscription::pattern;
use subscription::{Asked, Subscription};

/// A number that a client pushed, for whoever watches.
#[derive(Clone, Debug)]
pub struct ClientMetric {
    /// The client's own id.
    pub instance: Uuid,
    /// As it calls itself.
    pub client_id: Arc<str>,
    /// What it is, in the client's words.
    pub name: Arc<str>,
    /// Of what: `key=value`, separated by commas.
    pub attributes: Arc<str>,
    /// How much.
    pub value: f64,
}

/// The clients of a core that were heard.
#[derive(Debug)]
pub struct Telemetry {
    /// `telemetry.max.bytes`.
    bytes_max: usize,
    subscriptions: BTreeMap<Arc<str>, Subscription>,
    /// Rises with every change of them.
    version: u64,
    instances: BTreeMap<Uuid, Instance>,
    by_connection: BTreeMap<ConnectionId, Uuid>,
    expiries: BTreeSet<(Instant, Uuid)>,
    /// Of all instances.
    series: usize,
    /// Numbers that found no room.
    dropped: u64,
}

impl Telemetry {
    /// Nobody was heard.
    #[must_use]
    pub fn new(bytes_max: usize) -> Telemetry {
        Telemetry {
            bytes_max,
            subscriptions: BTreeMap::new(),
            version: 0,
            instances: BTreeMap::new(),
            by_connection: BTreeMap::new(),
            expiries: BTreeSet::new(),
            series: 0,
            dropped: 0,
        }
    }

    /// A subscription is set up so; without settings it is gone.
    pub fn set(&mut self, name: &Arc<str>, configs: &BTreeMap<String, String>) {
        self.version += 1;
        if configs.is_empty() {
            self.subscriptions.remove(name);
        } else {
            self.subscriptions.insert(Arc::clone(name), Subscription::of(configs));
        }
    }

    /// A client asks what to push.
    ///
    /// # Errors
    /// `ThrottlingQuotaExceeded` where it asks again too early.
    pub fn ask(
        &mut self,
        id: Uuid,
        connection: ConnectionId,
        context: &Context,
        now: Instant,
        rng: &mut Rng,
    ) -> Result<TelemetrySubscription, Refusal> {
        let id = if id.is_zero() { self.draw(rng) } else { id };
        let bytes_max = self.bytes_max;
        let instance = self.hear(id, connection, context, now);
        instance.may_ask(now)?;
        let Asked { metrics, interval_ms, number } = instance.asked.clone();
        Ok(TelemetrySubscription { instance: id, number, interval_ms, bytes_max, metrics })
    }

    fn draw(&self, rng: &mut Rng) -> Uuid {
        loop {
            let id = Uuid::random(rng.bits128());
            if !self.instances.contains_key(&id) {
                return id;
            }
        }
    }

    /// A client pushes.
    ///
    /// # Errors
    /// Why nothing of it counts.
    pub fn push(
        &mut self,
        request: &PushTelemetryRequest,
        connection: ConnectionId,
        context: &Context,
        now: Instant,
    ) -> Result<(), Refusal> {
        let id = request.instance;
        // As in Kafka, the ids zero and one are nobody's.
        if u128::from_be_bytes(id.0) <= 1 {
            return Err(Refusal::InvalidRequest);
        }
        let bytes_max = self.bytes_max;
        self.hear(id, connection, context, now).may_push(request, bytes_max, now)?;
        let told = Codec::of(request.codec).map_or(Err(()), |codec| unpacked(codec, &request.metrics, bytes_max));
        let taken = told.and_then(|bytes| self.take(id, &bytes));
        taken.map_err(|()| {
            let instance = self.instances.get_mut(&id).expect("it was heard");
            instance.fail(Refusal::InvalidRecord)
        })
    }

    /// Keeps what a client said; all of it is read before any of it counts.
    fn take(&mut self, id: Uuid, bytes: &[u8]) -> Result<(), ()> {
        let instance = self.instances.get_mut(&id).expect("it was heard");
        let points = otlp::points(bytes, TELEMETRY_SERIES_MAX).ok_or(())?;
        for point in points {
            let room = self.series < TELEMETRY_SERIES_MAX;
            match instance.take(point, room) {
                instance::Taken::Again => {}
                instance::Taken::New => self.series += 1,
                instance::Taken::Dropped => self.dropped += 1,
            }
        }
        Ok(())
    }

    /// The instance of a client that was heard just now: what it is asked follows from the subscriptions as they stand.
    fn hear(&mut self, id: Uuid, connection: ConnectionId, context: &Context, now: Instant) -> &mut Instance {
        let before = self.forget(id);
        let current = before.filter(|instance| instance.version == self.version);
        let mut instance = current.unwrap_or_else(|| {
            let asked = Asked::of(self.subscriptions.values(), id, context);
            Instance::new(self.version, asked, Arc::clone(&context.client_id))
        });
        while self.instances.len() >= TELEMETRY_INSTANCES_MAX {
            let (_, oldest) = *self.expiries.first().expect("every instance expires");
            self.forget(oldest);
        }
        let silence_ms = (instance.asked.interval_ms.max(0) as u64 * 3).max(TELEMETRY_EXPIRY_MS_MIN);
        instance.connection = connection;
        instance.expires = now.after_ms(silence_ms);
        self.series += instance.series.len();
        self.by_connection.insert(connection, id);
        self.expiries.insert((instance.expires, id));
        self.instances.entry(id).or_insert(instance)
    }

    fn forget(&mut self, id: Uuid) -> Option<Instance> {
        let instance = self.instances.remove(&id)?;
        self.expiries.remove(&(instance.expires, id));
        if self.by_connection.get(&instance.connection) == Some(&id) {
            self.by_connection.remove(&instance.connection);
        }
        self.series -= instance.series.len();
        Some(instance)
    }

    /// The connection is gone, and the client with it.
    pub fn closed(&mut self, connection: ConnectionId) {
        if let Some(id) = self.by_connection.get(&connection).copied() {
            self.forget(id);
        }
    }

    /// Clients that were silent for too long go.
    pub fn expire(&mut self, now: Instant) {
        while let Some((_, id)) = self.expiries.first().copied().filter(|(expires, _)| *expires <= now) {
            self.forget(id);
        }
    }

    /// When the next one goes.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.expiries.first().map_or(Instant::NEVER, |(expires, _)| *expires)
    }

    /// Everything that clients said last.
    #[must_use]
    pub fn metrics(&self) -> Vec<ClientMetric> {
        let of = |(id, instance): (&Uuid, &Instance)| {
            let (id, client_id) = (*id, Arc::clone(&instance.client_id));
            let series = instance.series.iter().map(move |((name, attributes), value)| ClientMetric {
                instance: id,
                client_id: Arc::clone(&client_id),
                name: Arc::clone(name),
                attributes: Arc::clone(attributes),
                value: *value,
            });
            series.collect::<Vec<_>>()
        };
        self.instances.iter().flat_map(of).collect()
    }

    /// Clients that were heard, and numbers of theirs that found no room.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.instances.len() as u64, self.dropped)
    }

    /// The whole state is sound.
    pub fn check(&self) {
        assert!(self.instances.len() == self.expiries.len() && self.by_connection.len() <= self.instances.len());
        assert!(self.series == self.instances.values().map(|instance| instance.series.len()).sum::<usize>());
        assert!(self.by_connection.values().all(|id| self.instances.contains_key(id)));
    }
}

fn unpacked(codec: Codec, bytes: &Bytes, bytes_max: usize) -> Result<Bytes, ()> {
    decompress(codec, bytes, bytes_max).map_err(|_| ())
}

#[cfg(test)]
mod tests;
