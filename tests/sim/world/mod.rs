//! The scheduler: everything that will happen stands in an agenda by time, and chance decides the times.
//!
//! Effects are performed one at a time; the power can go between any two of them. Whatever crosses from one part of the
//! world to another keeps its order where a real one would: between two cores, and on each direction of a connection.

mod broker;
mod groups;
mod inventory;
mod wires;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apus_core::config::Config;
use apus_core::ids::{ConnectionId, CoreId, Ticket};
use apus_core::message::Message;
use apus_core::time::{Instant, Rng, WallTime};
use apus_core::world::{StoreReply, StoreRequest};
use bytes::Bytes;

use crate::checker::Checker;
use crate::client::{Client, Desk, Role};
use crate::disk::{Disk, DiskKey};
use crate::plan::{Plan, Sabotage};
use crate::store::Store;
use broker::Life;
use wires::Wire;

/// 2026, for timestamps.
const WALL_START_MS: i64 = 1_790_000_000_000;
/// Between two looks for clients that wait for ever, and for objects that are missing.
const LOOK_MS: u64 = 1_000;
/// How long the disk has room, and how long it has none.
const ROOM_MS_MAX: u64 = 15_000;
/// Longer than the longest retention, its check, a dead object's grace and a snapshot take together.
const SETTLE_MS: u64 = 400_000;

/// What will happen.
#[derive(Debug)]
enum Happening {
    /// The machine is switched on.
    Boot,
    /// Somebody looks whether anybody waits for ever.
    Look,
    /// The disk has no room from now on, or has again.
    Room,
    /// A client's timer.
    Client(usize),
    /// Bytes reach a client.
    Deliver(ConnectionId, Bytes),
    /// A client learns that its connection is gone.
    Gone(ConnectionId),
    /// A request reaches the store: whoever sent it may be dead.
    Store { life: u64, core: CoreId, ticket: Ticket, request: Box<StoreRequest> },
    /// Something that ends with the life of the broker.
    Broker(u64, Inside),
}

/// What happens to a broker.
#[derive(Debug)]
enum Inside {
    Step(CoreId),
    Wake(CoreId),
    Message(CoreId, Box<Message>),
    Open(CoreId, ConnectionId),
    Arrive(ConnectionId, Bytes),
    Sent(ConnectionId, u64),
    Closed(CoreId, ConnectionId),
    Stored(CoreId, Ticket, Box<StoreReply>),
    Disk { key: DiskKey, ticket: Option<Ticket> },
    Stop(CoreId),
}

/// A client and its connection.
struct Guest {
    client: Client,
    connection: Option<ConnectionId>,
    wake_at: Instant,
}

/// Everything.
pub struct World {
    plan: Plan,
    config: Arc<Config>,
    rng: Rng,
    now: Instant,
    agenda: BTreeMap<(Instant, u64), Happening>,
    numbers: u64,
    lives: u64,
    life: Option<Life>,
    crashes_left: u32,
    disk: Disk,
    store: Store,
    /// So many reads were refused by the broker because their bytes are damaged, and it said so.
    damages_named: u64,
    guests: Vec<Guest>,
    wires: BTreeMap<ConnectionId, Wire>,
    checker: Checker,
    hash: u64,
    traces: bool,
}

/// How a life story ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Of everything that happened, in order.
    pub hash: u64,
    /// Batches that were acknowledged.
    pub acknowledged: u64,
    /// Batches that were read, each as often as it was.
    pub read: u64,
    /// How often the broker was switched on.
    pub lives: u64,
    /// Segments of the journal that had been others before.
    pub segments_used_again: u64,
}

impl World {
    /// A world before its first step.
    pub fn new(plan: Plan, traces: bool) -> World {
        let mut rng = Rng::new(plan.seed);
        let guests = plan.clients(&mut rng);
        World {
            config: Arc::new(plan.config()),
            now: Instant(0),
            agenda: BTreeMap::new(),
            numbers: 0,
            lives: 0,
            life: None,
            crashes_left: plan.crashes,
            disk: Disk::new(plan.disk),
            store: Store::new(plan.store),
            damages_named: 0,
            guests: guests.into_iter().map(Guest::new).collect(),
            wires: BTreeMap::new(),
            checker: Checker::new(plan.topics()),
            hash: 0xcbf2_9ce4_8422_2325,
            traces,
            rng,
            plan,
        }
    }

    /// The whole story, to its end.
    pub fn run(mut self) -> Ending {
        self.store.has_quota = true;
        self.store.hides_damage = self.sabotaged(Sabotage::IgnoresChecksums);
        self.at(0, Happening::Boot);
        self.at(LOOK_MS * 1_000, Happening::Look);
        self.at(ROOM_MS_MAX * 1_000, Happening::Room);
        for index in 0..self.guests.len() {
            self.at(0, Happening::Client(index));
        }
        self.until("producers and admins are done", |world| world.are_done(false));
        self.heal();
        self.finish_consumers();
        self.until("the consumers have read everything", |world| world.are_done(true));
        self.until("every group is stable and has read everything", World::groups_are_settled);
        self.retire_members();
        self.until("every member has left", |world| world.are_done(true));
        self.until("nothing is in flight", World::is_idle);
        self.stop();
        self.audit();
        self.settle();
        let Checker { acknowledged, read, .. } = self.checker;
        let segments_used_again = self.disk.used_again();
        Ending { hash: self.hash, acknowledged, read, lives: self.lives, segments_used_again }
    }

    /// SIGTERM: every core says that it has stopped. Then the power goes, for which nothing may be missing.
    fn stop(&mut self) {
        let cores = self.life.as_ref().expect("it runs").cores.len();
        for core in 0..cores {
            self.inside(1, Inside::Stop(CoreId(core as u16)));
        }
        self.until("every core has stopped", |world| world.life.as_ref().is_some_and(Life::is_stopped));
        self.crash();
    }

    /// A new consumer reads everything that the last life serves, and the checker compares.
    fn audit(&mut self) {
        let auditor = self.plan.auditor();
        self.guests.push(Guest::new(auditor));
        let index = self.guests.len() - 1;
        self.at(0, Happening::Client(index));
        self.until("everything is read once more", |world| world.are_done(true));
        let Role::Consumer(consumer) = &self.guests[index].client.role else { unreachable!("an auditor reads") };
        let bounds: BTreeMap<_, _> = consumer.positions().collect();
        for place in self.checker.places() {
            let (start, end) = bounds[&place];
            self.checker.audited(place, start, end);
        }
        self.check_groups(&bounds);
    }

    /// From now on nothing goes wrong any more.
    fn heal(&mut self) {
        self.store.heal();
        self.disk.heal();
        self.crashes_left = 0;
        if let Some(life) = &mut self.life {
            life.effects_left = u64::MAX;
        }
    }

    /// Time passes in which nobody asks for anything; then the store holds what it should and nothing else.
    fn settle(&mut self) {
        let until = self.now.after_ms(SETTLE_MS);
        self.until("everything has settled", |world| world.now >= until);
        self.check_settled();
    }

    fn finish_consumers(&mut self) {
        for guest in &mut self.guests {
            if let Role::Consumer(consumer) = &mut guest.client.role {
                consumer.finish();
            }
        }
        self.finish_members();
    }

    fn are_done(&self, consumers: bool) -> bool {
        let reads = |guest: &Guest| matches!(guest.client.role, Role::Consumer(_) | Role::Member(_));
        let counts = |guest: &&Guest| consumers || !reads(guest);
        self.guests.iter().filter(counts).all(|guest| guest.client.is_done())
    }

    fn is_idle(&self) -> bool {
        self.life.as_ref().is_some_and(Life::is_idle)
    }

    fn until(&mut self, what: &str, is_it: impl Fn(&World) -> bool) {
        let limit = self.now + Duration::from_secs(900);
        while !is_it(self) {
            assert!(self.now < limit, "{:?} of simulated time, and still not true that {what}", self.now);
            let ((at, _), happening) = self.agenda.pop_first().expect("somebody always looks");
            assert!(at >= self.now);
            self.now = at;
            self.trace(&|| summary(&happening));
            self.happen(happening);
        }
        self.trace(&|| what.to_owned());
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Boot => self.boot(),
            Happening::Look => {
                self.guests.iter().for_each(|guest| guest.client.check(self.now));
                self.check_store();
                self.at(LOOK_MS * 1_000, Happening::Look);
            }
            Happening::Room => {
                self.disk.toggle_room();
                let delay = 1 + self.rng.below(ROOM_MS_MAX * 1_000);
                self.at(delay, Happening::Room);
            }
            Happening::Client(index) => self.wake_client(index),
            Happening::Deliver(connection, bytes) => self.deliver(connection, &bytes),
            Happening::Gone(connection) => self.hang_up(connection),
            Happening::Store { life, core, ticket, request } => {
                let reply = self.ask_store(*request);
                let delay = self.delay(20, 30_000) + self.store.dawdles(&mut self.rng);
                self.at(delay, Happening::Broker(life, Inside::Stored(core, ticket, Box::new(reply))));
            }
            Happening::Broker(life, inside) => {
                if self.lives == life && self.life.is_some() {
                    self.happen_inside(inside);
                }
            }
        }
    }

    /// Writes something into the agenda, so many microseconds from now.
    fn at(&mut self, microseconds: u64, happening: Happening) {
        let at = self.now + Duration::from_micros(microseconds);
        self.at_instant(at, happening);
    }

    fn at_instant(&mut self, at: Instant, happening: Happening) {
        self.numbers += 1;
        self.agenda.insert((at, self.numbers), happening);
    }

    fn inside(&mut self, microseconds: u64, inside: Inside) {
        let life = self.lives;
        self.at(microseconds, Happening::Broker(life, inside));
    }

    /// Mostly short, sometimes long.
    fn delay(&mut self, usual: u64, seldom: u64) -> u64 {
        let most = if self.rng.chance(20) { seldom } else { usual };
        1 + self.rng.below(most)
    }

    fn wall(&self) -> WallTime {
        WallTime(WALL_START_MS + (self.now.0 / 1_000_000) as i64)
    }

    fn sabotaged(&self, sabotage: Sabotage) -> bool {
        self.plan.sabotage == Some(sabotage)
    }

    /// Calls a client, and does what it wants.
    fn call(&mut self, index: usize, act: impl FnOnce(&mut Client, &mut Desk<'_>)) {
        let wall = self.wall();
        let guest = &mut self.guests[index];
        let mut desk = Desk {
            now: self.now,
            wall,
            rng: &mut self.rng,
            checker: &mut self.checker,
            forgets_sequences: self.plan.sabotage == Some(Sabotage::ForgetsSequences),
            takes_stale: self.plan.sabotage == Some(Sabotage::TakesStale),
            damages_named: self.damages_named,
            out: Vec::new(),
            wake_at: Instant::NEVER,
            is_lost: false,
            hangs_up: false,
        };
        act(&mut guest.client, &mut desk);
        let Desk { out, wake_at, hangs_up, .. } = desk;
        let (connection, due) = (guest.connection, guest.wake_at);
        if wake_at != Instant::NEVER && (due <= self.now || wake_at < due) {
            guest.wake_at = wake_at;
            self.at_instant(wake_at, Happening::Client(index));
        }
        if let Some(connection) = connection {
            out.into_iter().for_each(|frame| self.send(connection, frame));
            if hangs_up {
                self.hang_up(connection);
            }
        }
    }

    /// Adds a line to the trace and its hash.
    fn trace(&mut self, line: &dyn Fn() -> String) {
        let line = format!("{:>12} {}", self.now.0 / 1_000, line());
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.traces {
            println!("{line}");
        }
    }
}

impl Guest {
    fn new(client: Client) -> Guest {
        Guest { client, connection: None, wake_at: Instant(0) }
    }
}

fn summary(happening: &Happening) -> String {
    match happening {
        Happening::Deliver(connection, bytes) => format!("deliver {connection} {}", fingerprint(bytes)),
        Happening::Broker(_, Inside::Arrive(connection, bytes)) => {
            format!("arrive {connection} {}", fingerprint(bytes))
        }
        other => {
            let text = format!("{other:?}");
            let shown = text.char_indices().nth(160).map_or(text.len(), |(at, _)| at);
            text[..shown].to_owned()
        }
    }
}

fn fingerprint(bytes: &Bytes) -> String {
    format!("{} bytes, {:08x}", bytes.len(), apus_core::batch::crc32c(bytes))
}
