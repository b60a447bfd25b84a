//! The broker's life: its cores, what they ask of the world, and its end between any two effects.

use std::collections::{BTreeMap, VecDeque};

use apus::node::{Node, NodeSettings};
use apus_coordinator::ledger::Ledger;
use apus_core::api::Broker;
use apus_core::ids::{ConnectionId, CoreId, Ticket};
use apus_core::time::{Instant, Rng};
use apus_core::turn::{Counters, Effect, Event, Turn};
use apus_core::world::{DiskReply, DiskRequest};

use super::{Happening, Inside, World, fingerprint};
use crate::plan::Sabotage;

/// One core and what it has not heard yet.
pub struct Core {
    node: Node,
    pub queue: VecDeque<Event>,
    rng: Rng,
    count: Counters,
    is_scheduled: bool,
    wake_at: Instant,
    is_stopped: bool,
}

/// One life of the broker.
pub struct Life {
    pub cores: Vec<Core>,
    /// When the last message between two cores arrives: the next one comes behind it.
    last_message: BTreeMap<(CoreId, CoreId), Instant>,
    /// So many effects until the power goes.
    pub effects_left: u64,
    pub serves: bool,
    /// The disk refused something: the broker may halt.
    is_excused: bool,
}

impl Life {
    pub fn is_stopped(&self) -> bool {
        self.cores.iter().all(|core| core.is_stopped)
    }

    pub fn is_idle(&self) -> bool {
        self.cores.iter().all(|core| core.node.is_idle())
    }

    /// The ledger, once it is recovered.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.cores.first()?.node.ledger()
    }

    /// When everything that one core said to another has arrived.
    pub fn quiet_at(&self, from: CoreId, to: CoreId) -> Instant {
        self.last_message.get(&(from, to)).copied().unwrap_or_default()
    }
}

impl World {
    pub(super) fn boot(&mut self) {
        assert!(self.life.is_none());
        self.lives += 1;
        let cores = self.plan.cores(self.lives);
        let advertised: Vec<Broker> = self.config.listeners.iter().map(|_| broker(&self.config)).collect();
        let core = |index: u16, rng: &mut Rng| Core {
            node: Node::new(NodeSettings {
                core: CoreId(index),
                cores,
                config: std::sync::Arc::clone(&self.config),
                advertised: advertised.clone(),
                journal: self.plan.journal,
            }),
            queue: VecDeque::new(),
            rng: rng.fork(),
            count: Counters::default(),
            is_scheduled: false,
            wake_at: Instant::NEVER,
            is_stopped: false,
        };
        let rng = &mut self.rng;
        let cores: Vec<Core> = (0..cores).map(|index| core(index, rng)).collect();
        let effects_left = if self.crashes_left > 0 { 1 + rng.below(self.plan.effects_max) } else { u64::MAX };
        self.life = Some(Life { cores, last_message: BTreeMap::new(), effects_left, serves: false, is_excused: false });
        self.turn(CoreId(0), |core, turn| core.boot(turn));
    }

    /// The power goes. What clients were sent is on its way; what the disk did not answer may be lost.
    pub(super) fn crash(&mut self) {
        self.trace(&|| "CRASH".to_owned());
        self.life = None;
        self.disk.crash(&mut self.rng);
        self.store.forget_all();
        let connections: Vec<ConnectionId> = self.wires.keys().copied().collect();
        for connection in connections {
            let delay = self.delay(500, 5_000);
            self.at(delay, Happening::Gone(connection));
        }
        // Requests that had not left the machine never reach the store.
        let rng = &mut self.rng;
        self.agenda.retain(|_, happening| !matches!(happening, Happening::Store { .. }) || rng.chance(2));
        self.checker.crashed();
        let delay = self.delay(10_000, 1_000_000);
        self.at(delay, Happening::Boot);
    }

    /// The broker says something to a person.
    fn hear(&mut self, text: &str) {
        assert!(!text.contains("moved away again and again"), "a reader cannot get at what is there: {text}");
        self.damages_named += u64::from(names_damage(text));
    }

    /// The broker must not go on: somebody starts it again, once.
    fn halt(&mut self, why: &str) {
        let is_excused = self.life.as_ref().is_some_and(|life| life.is_excused);
        assert!(is_excused, "the broker halted: {why}");
        self.crash();
    }

    /// Something has happened to a core.
    pub(super) fn queue(&mut self, core: CoreId, event: Event) {
        let Some(life) = &mut self.life else { return };
        let target = &mut life.cores[usize::from(core.0)];
        target.queue.push_back(event);
        if !std::mem::replace(&mut target.is_scheduled, true) {
            let delay = self.delay(20, 2_000);
            self.inside(delay, Inside::Step(core));
        }
    }

    pub(super) fn happen_inside(&mut self, inside: Inside) {
        match inside {
            Inside::Step(core) => self.step(core),
            Inside::Wake(core) => self.ring(core),
            Inside::Message(core, message) => self.queue(core, Event::Message(*message)),
            Inside::Open(core, connection) => self.open(core, connection),
            Inside::Arrive(connection, bytes) => self.arrive(connection, bytes),
            Inside::Sent(connection, bytes) => {
                if let Some(core) = self.core_of(connection) {
                    self.queue(core, Event::Sent { connection, bytes });
                }
            }
            Inside::Closed(core, connection) => self.queue(core, Event::Closed { connection }),
            Inside::Stored(core, ticket, reply) => self.queue(core, Event::Stored { ticket, reply: *reply }),
            Inside::Disk { key, ticket } => {
                let result = self.disk.end(key, &mut self.rng).expect("no crash ended it");
                self.life.as_mut().expect("it runs").is_excused |= result.is_err();
                if let Some(ticket) = ticket {
                    self.queue(CoreId(0), Event::Disk { ticket, result });
                }
            }
            Inside::Stop(core) => self.queue(core, Event::Stop),
        }
    }

    fn ring(&mut self, core: CoreId) {
        let life = self.life.as_mut().expect("it runs");
        let target = &mut life.cores[usize::from(core.0)];
        if target.wake_at == self.now {
            target.wake_at = Instant::NEVER;
            self.queue(core, Event::Wake);
        }
    }

    fn step(&mut self, core: CoreId) {
        self.life.as_mut().expect("it runs").cores[usize::from(core.0)].is_scheduled = false;
        self.turn(core, |_, _| {});
    }

    /// Lends a connection's buffer.
    pub(super) fn fill(&mut self, core: CoreId, connection: ConnectionId, bytes: &[u8]) {
        let Some(life) = &mut self.life else { return };
        let target = &mut life.cores[usize::from(core.0)];
        if let Some((buffer, _)) = target.node.receive_buffer(connection) {
            buffer.extend_from_slice(bytes);
            self.queue(core, Event::Received { connection });
        }
    }

    fn turn(&mut self, core: CoreId, first: impl FnOnce(&mut Node, &mut Turn<'_>)) {
        let (now, wall) = (self.now, self.wall());
        let life = self.life.as_mut().expect("it runs");
        let mut effects = Vec::new();
        let Core { node, queue, rng, count, .. } = &mut life.cores[usize::from(core.0)];
        let mut turn = Turn { now, wall, rng, count, effects: &mut effects };
        first(node, &mut turn);
        node.step(queue, &mut turn);
        node.check();
        let more = !queue.is_empty();
        for effect in effects {
            let life = self.life.as_mut().expect("it runs");
            life.effects_left -= 1;
            if life.effects_left == 0 {
                self.crashes_left = self.crashes_left.saturating_sub(1);
                return self.crash();
            }
            self.trace(&|| format!("  {core} {}", summary(&effect)));
            if let Effect::Halt { why } = effect {
                return self.halt(&why);
            }
            self.perform(core, effect);
        }
        let target = &mut self.life.as_mut().expect("it runs").cores[usize::from(core.0)];
        if more && !std::mem::replace(&mut target.is_scheduled, true) {
            self.inside(1, Inside::Step(core));
        }
    }

    fn perform(&mut self, core: CoreId, effect: Effect) {
        match effect {
            Effect::Send { core: to, message } => {
                let delay = self.delay(10, 500);
                let life = self.life.as_mut().expect("it runs");
                let last = life.last_message.entry((core, to)).or_default();
                *last = (*last).max(Instant(self.now.0 + delay * 1_000));
                let (at, number) = (*last, self.lives);
                self.at_instant(at, Happening::Broker(number, Inside::Message(to, Box::new(message))));
            }
            Effect::Reply { connection, pieces } => self.reply(connection, pieces.concat().into()),
            Effect::Read { connection, enabled } => self.read(connection, enabled),
            Effect::Close { connection } | Effect::Abandon { connection } => self.close(connection),
            Effect::Store { ticket, request } => {
                let (delay, life) = (self.delay(3_000, 80_000), self.lives);
                self.at(delay, Happening::Store { life, core, ticket, request: Box::new(request) });
            }
            // The cache may lose anything at any time: this one loses everything.
            Effect::Warm { key, body } => self.check_warmed(&key, &body),
            Effect::Forget { key } => self.store.forget(&key),
            Effect::Note { text, .. } => self.hear(&text),
            Effect::Disk { ticket, request } => self.ask_disk(ticket, request),
            Effect::Wake { at } => {
                self.life.as_mut().expect("it runs").cores[usize::from(core.0)].wake_at = at.max(self.now);
                if at != Instant::NEVER {
                    let (at, life) = (at.max(self.now), self.lives);
                    self.at_instant(at, Happening::Broker(life, Inside::Wake(core)));
                }
            }
            Effect::Again => self.queue(core, Event::Again),
            Effect::Serve { .. } => self.life.as_mut().expect("it runs").serves = true,
            Effect::Stopped => self.life.as_mut().expect("it runs").cores[usize::from(core.0)].is_stopped = true,
            Effect::Halt { .. } => unreachable!("a halt is not performed"),
        }
    }

    fn ask_disk(&mut self, ticket: Ticket, request: DiskRequest) {
        // Either the disk lies to everybody, or only producers are told when a write is really durable.
        let lie_us = match self.plan.sabotage {
            Some(Sabotage::AcknowledgesEarly) => Some(50_000),
            Some(Sabotage::AnswersApplied) => Some(20_000),
            _ => None,
        };
        let lie_us = lie_us.filter(|_| matches!(request, DiskRequest::Write { .. }));
        let key = self.disk.begin(request);
        if let Some(delay) = lie_us {
            self.queue(CoreId(0), Event::Disk { ticket, result: Ok(DiskReply::Done) });
            return self.inside(delay, Inside::Disk { key, ticket: None });
        }
        let delay = self.delay(200, 20_000);
        self.inside(delay, Inside::Disk { key, ticket: Some(ticket) });
    }
}

fn broker(config: &apus_core::config::Config) -> Broker {
    Broker { id: config.node_id, host: "127.0.0.1".into(), port: 9_092, rack: None }
}

/// Whether a note says that bytes which were read are not those that were written.
fn names_damage(text: &str) -> bool {
    text.starts_with("corrupt") || text.contains("too short")
}

fn summary(effect: &Effect) -> String {
    match effect {
        Effect::Reply { connection, pieces } => format!("reply {connection} {}", fingerprint(&pieces.concat().into())),
        other => {
            let text = format!("{other:?}");
            let shown = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
            text[..shown].to_owned()
        }
    }
}
