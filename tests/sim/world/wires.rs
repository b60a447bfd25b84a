//! Connections between clients and cores: bytes in order each way, cut anywhere, late, and lost with the broker.

use apus_core::ids::{ConnectionId, CoreId};
use apus_core::time::Instant;
use apus_core::turn::Event;
use bytes::Bytes;

use super::{Happening, Inside, World};
use crate::client::Role;
use crate::plan::Sabotage;

/// How long a client waits before it tries to connect again.
const RECONNECT_US: u64 = 20_000;

/// One connection.
pub struct Wire {
    client: usize,
    /// The life of the broker that accepted it, and the core.
    life: u64,
    core: CoreId,
    is_read: bool,
    /// Arrived, not read.
    kept: Vec<Bytes>,
    /// When the last bytes arrive, each way.
    to_broker: Instant,
    to_client: Instant,
}

impl World {
    pub(super) fn core_of(&self, connection: ConnectionId) -> Option<CoreId> {
        self.wires.get(&connection).map(|wire| wire.core)
    }

    pub(super) fn wake_client(&mut self, index: usize) {
        if self.guests[index].connection.is_some() {
            return self.call(index, |client, desk| client.woken(desk));
        }
        let Some(life) = self.life.as_ref().filter(|life| life.serves) else {
            return self.at(RECONNECT_US, Happening::Client(index));
        };
        let core = CoreId(self.rng.below(life.cores.len() as u64) as u16);
        // A core hears what it was told before it is handed a connection.
        let at = life.quiet_at(CoreId(0), core).max(self.now);
        self.numbers += 1;
        let connection = ConnectionId(self.numbers);
        let (life, to_client) = (self.lives, self.now);
        let wire = Wire { client: index, life, core, is_read: true, kept: Vec::new(), to_broker: at, to_client };
        self.wires.insert(connection, wire);
        self.guests[index].connection = Some(connection);
        self.at_instant(at, Happening::Broker(life, Inside::Open(core, connection)));
        self.call(index, |client, desk| client.connected(desk));
    }

    pub(super) fn open(&mut self, core: CoreId, connection: ConnectionId) {
        self.queue(core, Event::Opened { connection, listener: 0, peer: "client".into() });
        // What the session is lent for must exist before bytes come.
        let wire = self.wires.get_mut(&connection);
        if let Some(wire) = wire {
            wire.to_broker = wire.to_broker.max(Instant(self.now.0 + 3_000_000));
        }
    }

    /// A client sends a frame, which travels in pieces.
    pub(super) fn send(&mut self, connection: ConnectionId, mut frame: Bytes) {
        while !frame.is_empty() {
            let cut = if self.rng.chance(3) { 1 + self.rng.below(frame.len() as u64) as usize } else { frame.len() };
            let (piece, delay) = (frame.split_to(cut), self.delay(200, 20_000));
            let Some(wire) = self.wires.get_mut(&connection) else { return };
            wire.to_broker = wire.to_broker.max(Instant(self.now.0 + (3_000 + delay) * 1_000));
            let (at, life) = (wire.to_broker, wire.life);
            self.at_instant(at, Happening::Broker(life, Inside::Arrive(connection, piece)));
        }
    }

    pub(super) fn arrive(&mut self, connection: ConnectionId, bytes: Bytes) {
        let Some(wire) = self.wires.get_mut(&connection) else { return };
        wire.kept.push(bytes);
        if wire.is_read {
            self.take_in(connection);
        }
    }

    /// The broker reads what has arrived.
    fn take_in(&mut self, connection: ConnectionId) {
        let Some(wire) = self.wires.get_mut(&connection) else { return };
        let (core, kept) = (wire.core, std::mem::take(&mut wire.kept));
        kept.iter().for_each(|bytes| self.fill(core, connection, bytes));
    }

    pub(super) fn read(&mut self, connection: ConnectionId, enabled: bool) {
        let Some(wire) = self.wires.get_mut(&connection) else { return };
        wire.is_read = enabled;
        if enabled {
            self.take_in(connection);
        }
    }

    pub(super) fn reply(&mut self, connection: ConnectionId, mut bytes: Bytes) {
        let Some(wire) = self.wires.get(&connection) else { return };
        let is_producer = matches!(self.guests[wire.client].client.role, Role::Producer(_));
        let held = is_producer && self.sabotaged(Sabotage::AnswersApplied) && self.disk.writes();
        while !bytes.is_empty() {
            let cut = if self.rng.chance(4) { 1 + self.rng.below(bytes.len() as u64) as usize } else { bytes.len() };
            let (piece, delay) = (bytes.split_to(cut), self.delay(200, 20_000));
            let delay = if held { delay + 40_000 } else { delay };
            let Some(wire) = self.wires.get_mut(&connection) else { return };
            wire.to_client = wire.to_client.max(Instant(self.now.0 + delay * 1_000));
            let at = wire.to_client;
            self.at_instant(at, Happening::Deliver(connection, piece));
        }
    }

    pub(super) fn deliver(&mut self, connection: ConnectionId, bytes: &Bytes) {
        let Some(wire) = self.wires.get(&connection) else { return };
        let (client, life) = (wire.client, wire.life);
        self.at(1, Happening::Broker(life, Inside::Sent(connection, bytes.len() as u64)));
        self.call(client, |client, desk| client.received(bytes, desk));
        if self.plan.hang_ups && self.rng.chance(300) {
            self.hang_up(connection);
        }
    }

    /// The broker closes a connection, after what it has sent.
    pub(super) fn close(&mut self, connection: ConnectionId) {
        let Some(wire) = self.wires.get(&connection) else { return };
        let at = wire.to_client.max(self.now);
        self.at_instant(at, Happening::Gone(connection));
    }

    /// The client's end is gone; the broker hears of it later, if it lives.
    pub(super) fn hang_up(&mut self, connection: ConnectionId) {
        let Some(wire) = self.wires.get_mut(&connection) else { return };
        let (client, life, core) = (wire.client, wire.life, wire.core);
        let at = wire.to_broker.max(self.now);
        self.wires.remove(&connection);
        let guest = &mut self.guests[client];
        guest.connection = None;
        guest.client.disconnected();
        self.at_instant(at, Happening::Broker(life, Inside::Closed(core, connection)));
        self.at(RECONNECT_US, Happening::Client(client));
    }
}
