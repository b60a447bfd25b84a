//! What is around the core: clients who do as the script says, a clock, and a kind disk and store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use apus::node::{Node, NodeSettings};
use apus_coordinator::journal::JournalLimits;
use apus_core::api::Broker;
use apus_core::config::{Config, Host, parse};
use apus_core::ids::{ConnectionId, CoreId};
use apus_core::limits::{CONNECTION_REPLY_BYTES_MAX, CONNECTION_REQUESTS_MAX};
use apus_core::time::{Instant, Rng, WallTime};
use apus_core::turn::{Counters, Effect, Event, Turn};

use super::disk::Disk;
use super::store::Store;

/// When the story begins, milliseconds since 1970.
const WALL_START_MS: i64 = 1_700_000_000_000;
/// A reply to what a script can ask for: topics and groups are few, and requests small.
const REPLY_BYTES_MAX: u64 = 8 << 20;
/// Produce bytes that are admitted at a time.
const INFLIGHT_BYTES_MAX: u64 = 1 << 20;
/// Whatever happens is over after so many turns …
const TURNS_MAX: usize = 20_000;
/// … and so much later nobody waits for anything: whoever would have waited longer has left.
const END: Duration = Duration::from_secs(60);

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let text = format!(
        "listeners=PLAINTEXT://127.0.0.1:9092\ndiskless.inflight.bytes={INFLIGHT_BYTES_MAX}\n\
         diskless.hot.memory.bytes=1048576\ndiskless.validate.records=true\ngroup.initial.rebalance.delay.ms=0\n"
    );
    let (properties, problems) = parse(&text);
    assert!(problems.is_empty(), "{problems:?}");
    let host = Host { name: "fuzz".to_owned(), cpus: 1 };
    Arc::new(Config::load(&properties, &host).expect("the settings are sound"))
});

/// A connection as its client sees it.
struct Wire {
    connection: ConnectionId,
    /// The broker reads.
    is_read: bool,
    /// The client reads.
    reads: bool,
    /// Sent by the client, not read by the broker.
    kept: Vec<u8>,
    /// Replies that the client has not taken.
    unread: u64,
}

/// A broker of one core and its surroundings.
pub struct World {
    node: Node,
    queue: VecDeque<Event>,
    rng: Rng,
    count: Counters,
    now: Instant,
    wake_at: Instant,
    serves: bool,
    stopped: bool,
    disk: Disk,
    store: Store,
    wires: BTreeMap<u8, Wire>,
    connections: u64,
    last_reply: Vec<u8>,
}

impl World {
    /// A broker that serves.
    pub fn boot() -> World {
        let config = Arc::clone(&CONFIG);
        let broker = Broker { id: config.node_id, host: "127.0.0.1".into(), port: 9_092, rack: None };
        let advertised = config.listeners.iter().map(|_| broker.clone()).collect();
        let journal = JournalLimits::default();
        let node = Node::new(NodeSettings { core: CoreId(0), cores: 1, config, advertised, journal });
        let mut world = World {
            node,
            queue: VecDeque::new(),
            rng: Rng::new(1),
            count: Counters::default(),
            now: Instant(0),
            wake_at: Instant::NEVER,
            serves: false,
            stopped: false,
            disk: Disk::default(),
            store: Store::default(),
            wires: BTreeMap::new(),
            connections: 0,
            last_reply: Vec::new(),
        };
        world.turn(|node, turn| node.boot(turn));
        world.run();
        assert!(world.serves, "a broker with an empty disk serves");
        world
    }

    /// A client sends; it connects first where it has to.
    pub fn receive(&mut self, client: u8, bytes: &[u8]) {
        if !self.wires.contains_key(&client) {
            self.connections += 1;
            let connection = ConnectionId(self.connections);
            let wire = Wire { connection, is_read: true, reads: true, kept: Vec::new(), unread: 0 };
            self.wires.insert(client, wire);
            self.queue.push_back(Event::Opened { connection, listener: 0, peer: "127.0.0.1:1".into() });
            self.run();
        }
        if let Some(wire) = self.wires.get_mut(&client) {
            wire.kept.extend_from_slice(bytes);
        }
        self.run();
    }

    /// The last reply to anybody, with its length.
    pub fn last_reply(&self) -> &[u8] {
        &self.last_reply
    }

    /// A client reads its replies, or stops.
    pub fn toggle_reading(&mut self, client: u8) {
        let Some(wire) = self.wires.get_mut(&client) else { return };
        wire.reads = !wire.reads;
        self.run();
    }

    /// A client goes away.
    pub fn hang_up(&mut self, client: u8) {
        if let Some(wire) = self.wires.remove(&client) {
            self.queue.push_back(Event::Closed { connection: wire.connection });
            self.run();
        }
    }

    /// Time passes, and what was to happen in it does.
    pub fn pass(&mut self, milliseconds: u64) {
        self.pass_until(self.now + Duration::from_millis(milliseconds));
    }

    fn pass_until(&mut self, until: Instant) {
        for _ in 0..TURNS_MAX {
            if self.wake_at > until {
                self.now = until;
                return self.run();
            }
            self.now = self.now.max(self.wake_at);
            self.wake_at = Instant::NEVER;
            self.queue.push_back(Event::Wake);
            self.run();
        }
        panic!("the core wakes again and again without getting on");
    }

    /// The clients leave, and everything comes to an end.
    pub fn end(&mut self) {
        (0..=u8::MAX).for_each(|client| self.hang_up(client));
        self.pass_until(self.now + END);
        assert!(self.node.is_idle(), "something waits for an outcome that does not come");
        let gauges = self.node.gauges();
        assert_eq!((gauges.connections, gauges.unread_bytes), (0, 0));
        assert_eq!((gauges.front.produces, gauges.front.inflight_bytes), (0, 0));
        assert_eq!((gauges.front.fetches_parked, gauges.front.fetches_reading), (0, 0));
        assert_eq!(gauges.front.fetch_sessions, 0, "sessions end with their connections");
        self.queue.push_back(Event::Stop);
        self.run();
        assert!(self.stopped, "it does not stop");
    }

    /// Until nothing happens at this moment any more.
    fn run(&mut self) {
        for _ in 0..TURNS_MAX {
            self.exchange();
            if self.queue.is_empty() {
                return;
            }
            self.turn(|_, _| {});
        }
        panic!("the core never comes to rest");
    }

    /// Bytes move, where both sides let them.
    fn exchange(&mut self) {
        let World { wires, node, queue, .. } = self;
        for wire in wires.values_mut() {
            let connection = wire.connection;
            if wire.reads && wire.unread > 0 {
                queue.push_back(Event::Sent { connection, bytes: std::mem::take(&mut wire.unread) });
            }
            if !wire.is_read || wire.kept.is_empty() {
                continue;
            }
            let kept = std::mem::take(&mut wire.kept);
            if let Some((buffer, _)) = node.receive_buffer(connection) {
                buffer.extend_from_slice(&kept);
                queue.push_back(Event::Received { connection });
            }
        }
    }

    fn turn(&mut self, first: impl FnOnce(&mut Node, &mut Turn<'_>)) {
        let wall = WallTime(WALL_START_MS + (self.now.0 / 1_000_000) as i64);
        let mut effects = Vec::new();
        let World { node, queue, rng, count, now, .. } = self;
        let mut turn = Turn { now: *now, wall, rng, count, effects: &mut effects };
        first(node, &mut turn);
        node.step(queue, &mut turn);
        node.check();
        effects.into_iter().for_each(|effect| self.perform(effect));
        self.check_bounds();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { .. } => unreachable!("a core alone has nobody to talk to"),
            Effect::Reply { connection, pieces } => self.reply(connection, &pieces.concat()),
            Effect::Read { connection, enabled } => {
                if let Some(wire) = self.wires.values_mut().find(|wire| wire.connection == connection) {
                    wire.is_read = enabled;
                }
            }
            Effect::Close { connection } | Effect::Abandon { connection } => {
                self.wires.retain(|_, wire| wire.connection != connection);
                self.queue.push_back(Event::Closed { connection });
            }
            Effect::Store { ticket, request } => {
                let reply = self.store.answer(request);
                self.queue.push_back(Event::Stored { ticket, reply });
            }
            Effect::Disk { ticket, request } => {
                let result = self.disk.answer(request);
                self.queue.push_back(Event::Disk { ticket, result });
            }
            Effect::Wake { at } => self.wake_at = at,
            Effect::Again => self.queue.push_back(Event::Again),
            Effect::Serve { .. } => self.serves = true,
            Effect::Stopped => self.stopped = true,
            Effect::Halt { why } => panic!("a client makes the broker halt: {why}"),
            Effect::Warm { .. } | Effect::Forget { .. } | Effect::Note { .. } => {}
        }
    }

    /// Replies are whole frames, one behind the other.
    fn reply(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let Some(wire) = self.wires.values_mut().find(|wire| wire.connection == connection) else { return };
        wire.unread += bytes.len() as u64;
        let mut rest = bytes;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            assert!(length >= 4, "a reply has a header");
            let (_, after) = after.split_at_checked(length).expect("a reply is sent whole");
            self.last_reply = rest[..4 + length].to_vec();
            rest = after;
        }
        assert!(rest.is_empty(), "a reply is sent whole");
    }

    /// What is held for clients does not grow with what they ask for.
    fn check_bounds(&self) {
        let gauges = self.node.gauges();
        let clients = self.connections;
        let unread_bytes_max = clients * (CONNECTION_REPLY_BYTES_MAX + REPLY_BYTES_MAX);
        assert!(gauges.unread_bytes <= unread_bytes_max, "{} bytes wait for their readers", gauges.unread_bytes);
        let requests_max = clients * CONNECTION_REQUESTS_MAX as u64;
        let front = &gauges.front;
        assert!(front.produces + front.fetches_parked + front.fetches_reading <= requests_max);
        // One more may begin while there is room, and one frame of a script has at most 64 KiB.
        assert!(front.inflight_bytes <= INFLIGHT_BYTES_MAX + (64 << 10), "{} bytes in flight", front.inflight_bytes);
        assert!(front.hot_bytes <= (1 << 20) + (64 << 10));
    }
}
