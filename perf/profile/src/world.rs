//! A whole broker of one core in simulated time: a real node, a disk and a store that never fail, and clients that
//! speak bytes.
//!
//! Nothing is left to chance: every way takes the same time, so what arrives at the same moment is stepped in one turn,
//! as a drain would gather it. Only [`Node::step`] is ever collected, and only once [`World::count_from_now`] was called.
//! What the shell does (sockets, io_uring, the store's own CRC and PUT) is not here: `perf` measures that.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use apus::node::{Node, NodeSettings};
use apus_core::config::{Config, Host, parse};
use apus_core::ids::{ConnectionId, CoreId};
use apus_core::time::{Instant, Rng, WallTime};
use apus_core::turn::{Counters, Effect, Event, Level, Turn};
use apus_core::world::StoreRequest;
use bytes::Bytes;

use crate::client::Client;
use crate::counted::step_counted;
use crate::disk::Disk;
use crate::line::Line;
use crate::store::Store;

/// From a client to the broker, or back: loopback.
const WIRE_NS: u64 = 20_000;
/// One durable write of the journal.
const DISK_NS: u64 = 100_000;
/// One request of the store: a directory's.
const STORE_NS: u64 = 2_000_000;
/// Wall time at the start.
const WALL_MS: i64 = 1_700_000_000_000;
/// A run in which nothing comes of so many turns is broken.
const TURNS_MAX: u64 = 10_000_000;

/// Something that is on its way.
enum Happening {
    Event(Event),
    Arrives(ConnectionId, Bytes),
    Answered(ConnectionId, Bytes),
    Wake,
}

/// A connection as the world sees it.
struct Wire {
    client: Option<Client>,
    /// Bytes that the broker does not read now.
    held: VecDeque<Bytes>,
    is_read: bool,
    /// What came for a caller of [`Line::call`].
    answers: VecDeque<Bytes>,
    inbound: Vec<u8>,
    /// When the requests were sent that are not answered.
    asked: VecDeque<Instant>,
    /// How long those waited that are, nanoseconds.
    waits: Vec<u64>,
}

/// The broker and everything around it.
pub struct World {
    node: Node,
    now: Instant,
    agenda: BTreeMap<(Instant, u64), Happening>,
    numbers: u64,
    wake_at: Instant,
    rng: Rng,
    count: Counters,
    events: VecDeque<Event>,
    disk: Disk,
    store: Store,
    /// How long a request of the store takes, nanoseconds.
    store_ns: Box<dyn FnMut(&StoreRequest) -> u64>,
    wires: BTreeMap<ConnectionId, Wire>,
    serves: bool,
    is_counting: bool,
    /// Turns that were collected.
    pub turns: u64,
}

impl World {
    /// A broker that serves, on an empty directory, with these settings beside the defaults.
    #[must_use]
    pub fn start(settings: &str) -> World {
        let (properties, problems) = parse(&format!("cores=1\n{settings}"));
        assert!(problems.is_empty(), "{problems:?}");
        let host = Host { name: "profile".to_owned(), cpus: 1 };
        let config = Config::load(&properties, &host).unwrap_or_else(|problems| panic!("{problems:?}"));
        let node = Node::new(NodeSettings::of(CoreId(0), &Arc::new(config)));
        let mut world = World {
            node,
            now: Instant(1_000_000),
            agenda: BTreeMap::new(),
            numbers: 0,
            wake_at: Instant::NEVER,
            rng: Rng::new(1),
            count: Counters::default(),
            events: VecDeque::new(),
            disk: Disk::default(),
            store: Store::default(),
            store_ns: Box::new(|_| STORE_NS),
            wires: BTreeMap::new(),
            serves: false,
            is_counting: false,
            turns: 0,
        };
        world.turn(Node::boot);
        world.run(|world| world.serves);
        world
    }

    /// From here on instructions are collected.
    pub fn count_from_now(&mut self) {
        self.is_counting = true;
    }

    /// A connection to the broker.
    pub fn connect(&mut self) -> ConnectionId {
        let connection = ConnectionId(self.wires.len() as u64 + 1);
        let wire = Wire {
            client: None,
            held: VecDeque::new(),
            is_read: true,
            answers: VecDeque::new(),
            inbound: Vec::new(),
            asked: VecDeque::new(),
            waits: Vec::new(),
        };
        self.wires.insert(connection, wire);
        let opened = Event::Opened { connection, listener: 0, peer: "127.0.0.1:40000".into() };
        self.events.push_back(opened);
        self.turn(|_, _| {});
        connection
    }

    /// The client takes the connection over: its first requests go out.
    pub fn seat(&mut self, connection: ConnectionId, mut client: Client) {
        let frames = client.begin();
        self.wire(connection).client = Some(client);
        self.send(connection, frames);
    }

    /// The clients, in the order of their connections.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.wires.values().filter_map(|wire| wire.client.as_ref())
    }

    /// From now on requests of the store take what this says.
    #[cfg(test)]
    pub fn move_store(&mut self, store_ns: impl FnMut(&StoreRequest) -> u64 + 'static) {
        self.store_ns = Box::new(store_ns);
    }

    /// How long the requests of a connection waited for their answers, nanoseconds, in the order of the answers.
    #[cfg(test)]
    pub fn waits(&self, connection: ConnectionId) -> &[u64] {
        &self.wires[&connection].waits
    }

    /// Simulated time.
    #[cfg(test)]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Lets time pass until that holds.
    pub fn run(&mut self, until: impl Fn(&World) -> bool) {
        for _ in 0..TURNS_MAX {
            if until(self) {
                return;
            }
            self.advance();
        }
        panic!("nothing comes of it");
    }

    fn wire(&mut self, connection: ConnectionId) -> &mut Wire {
        self.wires.get_mut(&connection).expect("it was opened")
    }

    fn at(&mut self, after_ns: u64, happening: Happening) {
        self.numbers += 1;
        self.agenda.insert((Instant(self.now.0 + after_ns), self.numbers), happening);
    }

    fn send(&mut self, connection: ConnectionId, frames: Vec<Bytes>) {
        let now = self.now;
        for frame in frames {
            self.wire(connection).asked.push_back(now);
            self.at(WIRE_NS, Happening::Arrives(connection, frame));
        }
    }

    /// The next moment at which anything happens, all of it, and the turn that follows.
    fn advance(&mut self) {
        let (&(moment, _), _) = self.agenda.first_key_value().expect("something is always on its way");
        self.now = moment;
        while let Some(entry) = self.agenda.first_entry()
            && entry.key().0 == moment
        {
            match entry.remove() {
                Happening::Event(event) => self.events.push_back(event),
                Happening::Arrives(connection, bytes) => self.arrive(connection, bytes),
                Happening::Answered(connection, bytes) => self.answered(connection, &bytes),
                Happening::Wake if self.wake_at <= moment => {
                    self.wake_at = Instant::NEVER;
                    self.events.push_back(Event::Wake);
                }
                Happening::Wake => {}
            }
        }
        while !self.events.is_empty() {
            self.turn(|_, _| {});
        }
    }

    fn arrive(&mut self, connection: ConnectionId, bytes: Bytes) {
        let wire = self.wire(connection);
        if !wire.is_read {
            return wire.held.push_back(bytes);
        }
        if let Some((buffer, _)) = self.node.receive_buffer(connection) {
            buffer.extend_from_slice(&bytes);
            self.events.push_back(Event::Received { connection });
        }
    }

    fn answered(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let now = self.now;
        let wire = self.wire(connection);
        wire.inbound.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut start = 0;
        while let Some(length) = wire.inbound[start..].first_chunk() {
            let end = start + 4 + u32::from_be_bytes(*length) as usize;
            let Some(frame) = wire.inbound.get(start + 4..end) else { break };
            let frame = Bytes::copy_from_slice(frame);
            let asked = wire.asked.pop_front().expect("an answer has its request");
            wire.waits.push(now.0 - asked.0);
            match &mut wire.client {
                Some(client) => frames.extend(client.answered(&frame)),
                None => wire.answers.push_back(frame),
            }
            start = end;
        }
        wire.inbound.drain(..start);
        self.send(connection, frames);
    }

    fn turn(&mut self, first: impl FnOnce(&mut Node, &mut Turn<'_>)) {
        let passed_ms = i64::try_from(self.now.0 / 1_000_000).expect("a short run");
        let mut effects = Vec::new();
        let (rng, count) = (&mut self.rng, &mut self.count);
        let mut turn = Turn { now: self.now, wall: WallTime(WALL_MS + passed_ms), rng, count, effects: &mut effects };
        first(&mut self.node, &mut turn);
        if self.is_counting {
            self.turns += 1;
            step_counted(&mut self.node, &mut self.events, &mut turn);
        } else {
            self.node.step(&mut self.events, &mut turn);
        }
        effects.into_iter().for_each(|effect| self.perform(effect));
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { connection, pieces } => {
                let bytes = Bytes::from(pieces.concat());
                let sent = Event::Sent { connection, bytes: bytes.len() as u64 };
                self.at(WIRE_NS, Happening::Event(sent));
                self.at(WIRE_NS, Happening::Answered(connection, bytes));
            }
            Effect::Read { connection, enabled } => {
                let wire = self.wire(connection);
                wire.is_read = enabled;
                let held = if enabled { std::mem::take(&mut wire.held) } else { VecDeque::new() };
                held.into_iter().for_each(|bytes| self.at(0, Happening::Arrives(connection, bytes)));
            }
            Effect::Store { ticket, request } => {
                let store_ns = (self.store_ns)(&request);
                let reply = self.store.answer(request);
                self.at(store_ns, Happening::Event(Event::Stored { ticket, reply }));
            }
            Effect::Disk { ticket, request } => {
                let result = Ok(self.disk.answer(request));
                self.at(DISK_NS, Happening::Event(Event::Disk { ticket, result }));
            }
            Effect::Wake { at } => {
                self.wake_at = at;
                if at != Instant::NEVER {
                    self.at(at.0.saturating_sub(self.now.0), Happening::Wake);
                }
            }
            Effect::Again => self.events.push_back(Event::Again),
            Effect::Serve { .. } => self.serves = true,
            Effect::Warm { .. } | Effect::Forget { .. } => {}
            Effect::Note { level: Level::Debug | Level::Info, .. } => {}
            Effect::Note { text, .. } => eprintln!("{text}"),
            Effect::Send { .. }
            | Effect::Close { .. }
            | Effect::Abandon { .. }
            | Effect::Stopped
            | Effect::Halt { .. } => {
                panic!("the broker is not to do that: {effect:?}")
            }
        }
    }
}

/// A connection of a world, for whoever asks one thing after another.
pub struct Call<'a>(pub &'a mut World, pub ConnectionId);

impl Line for Call<'_> {
    fn call(&mut self, frame: Bytes) -> Bytes {
        let Call(world, connection) = self;
        world.send(*connection, vec![frame]);
        world.run(|world| !world.wires[connection].answers.is_empty());
        world.wire(*connection).answers.pop_front().expect("it has come")
    }
}
