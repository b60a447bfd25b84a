//! A packer in a world of its own: a clock, a store that takes its time, a coordinator that resolves what it gets,
//! and producers with a window of requests in flight.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::batch::BatchFacts;
use crate::ids::{BrokerId, ConnectionId, CoreId, Incarnation, PartitionId, Ticket, Uuid};
use crate::message::{Admission, Admitted, Began, Commit, Message};
use crate::packer::{Packer, PackerConfig, PackerEvent};
use crate::time::{Instant, Rng, WallTime};
use crate::turn::{Counters, Effect, Turn};
use crate::world::{Etag, Failure, StoreReply, StoreRequest};

pub(super) const CONFIG: PackerConfig = PackerConfig {
    broker: BrokerId(1),
    pack_bytes_target: 4 << 20,
    linger_ms_max: 25,
    put_rate_max: 20,
    uploads_max: 8,
};

/// A packer, its clock and what it wanted.
pub(super) struct Bench {
    pub packer: Packer,
    pub now: Instant,
    pub puts: Vec<Ticket>,
    pub commits: Vec<Commit>,
    pub refused: Vec<(Ticket, u32, crate::error::Refusal)>,
    pub put_bytes: Vec<u64>,
    /// How many puts and commits a test has answered.
    pub settled: (usize, usize),
    rng: Rng,
    pub count: Counters,
}

impl Bench {
    pub fn new(config: PackerConfig, inline: bool) -> Bench {
        let mut bench = Bench::before_began(config);
        bench.step(PackerEvent::Began(began(inline)));
        bench
    }

    pub fn before_began(config: PackerConfig) -> Bench {
        Bench {
            packer: Packer::new(config),
            now: Instant(10_000_000_000),
            puts: Vec::new(),
            commits: Vec::new(),
            refused: Vec::new(),
            put_bytes: Vec::new(),
            settled: (0, 0),
            rng: Rng::new(1),
            count: Counters::default(),
        }
    }

    /// One event and the end of its drain.
    pub fn step(&mut self, event: PackerEvent) {
        self.steps([event]);
    }

    /// Events of one drain, and its end.
    pub fn steps(&mut self, events: impl IntoIterator<Item = PackerEvent>) {
        let mut effects = Vec::new();
        for event in events.into_iter().chain([PackerEvent::DrainEnd]) {
            let (rng, count) = (&mut self.rng, &mut self.count);
            let mut turn = Turn { now: self.now, wall: WallTime(0), rng, count, effects: &mut effects };
            self.packer.step(event, &mut turn);
            self.packer.check();
        }
        for effect in effects {
            match effect {
                Effect::Store { ticket, request: StoreRequest::Put { body, .. } } => {
                    self.puts.push(ticket);
                    self.put_bytes.push(body.bytes());
                }
                Effect::Send { message: Message::Commit(commit), .. } => self.commits.push(commit),
                Effect::Send { message: Message::Acknowledged(answers), .. } => {
                    let refused = |answer: crate::message::Acknowledgement| {
                        (answer.ticket, answer.slot, answer.result.expect_err("the packer only ever refuses"))
                    };
                    self.refused.extend(answers.into_iter().map(refused));
                }
                Effect::Note { .. } => {}
                other => panic!("a packer never asks for {other:?}"),
            }
        }
    }

    pub fn admit(&mut self, connection: u64, ticket: u64, bytes: usize) {
        self.step(admit(connection, ticket, bytes));
    }

    pub fn stored(&mut self, ticket: Ticket) {
        self.step(PackerEvent::Stored { ticket, reply: StoreReply::Put(Ok(Etag(Arc::from("etag")))) });
    }

    pub fn not_stored(&mut self, ticket: Ticket, failure: Failure) {
        self.step(PackerEvent::Stored { ticket, reply: StoreReply::Put(Err(failure)) });
    }

    pub fn resolve(&mut self, flush: u64) {
        self.step(PackerEvent::Resolved { flush });
    }

    /// Time passes; the packer is woken where it asked to be.
    pub fn pass_ms(&mut self, milliseconds: u64) {
        let end = self.now.after_ms(milliseconds);
        while self.packer.deadline() <= end {
            self.now = self.now.max(self.packer.deadline());
            let before = self.packer.deadline();
            self.step(PackerEvent::Wake);
            assert!(self.packer.deadline() > before.max(self.now), "the packer wakes for nothing");
        }
        self.now = end;
    }
}

pub(super) fn began(inline: bool) -> Began {
    Began { cluster_id: Arc::from("cluster"), incarnation: Incarnation(1), inline }
}

pub(super) fn admit(connection: u64, ticket: u64, bytes: usize) -> PackerEvent {
    let facts = BatchFacts { offsets: 1, bytes: bytes as u32, timestamp_max: 0, attributes: 0, sequence: None };
    let admitted = Admitted {
        partition: PartitionId(connection as u32 % 3),
        topic: Uuid([1; 16]),
        index: connection as i32 % 3,
        bytes: Bytes::from(vec![0; bytes]),
        facts,
    };
    PackerEvent::Admit(Admission {
        core: CoreId(0),
        ticket: Ticket(ticket),
        connection: ConnectionId(connection),
        drained: true,
        batches: vec![admitted],
    })
}

/// What happens in the world at a time of its own.
#[derive(Debug)]
enum Later {
    Request { connection: u64 },
    Put { ticket: Ticket },
    Resolved { flush: u64, tickets: Vec<Ticket> },
}

/// Producers that send a request for each answer, `window` in flight; what they got answered, and when.
pub(super) struct Load {
    pub bench: Bench,
    later: BTreeMap<(Instant, u64), Later>,
    order: u64,
    put_ms: (u64, u64),
    fail_one_in: u64,
    request_bytes: usize,
    sent: BTreeMap<Ticket, (u64, Instant)>,
    tickets: u64,
    pub answered: Vec<(u64, Ticket)>,
    pub failed: usize,
    pub waited_ms_max: u64,
    pub small_puts: Vec<Instant>,
}

impl Load {
    pub fn new(bench: Bench, put_ms: (u64, u64), request_bytes: usize, fail_one_in: u64) -> Load {
        Load {
            bench,
            later: BTreeMap::new(),
            order: 0,
            put_ms,
            fail_one_in,
            request_bytes,
            sent: BTreeMap::new(),
            tickets: 0,
            answered: Vec::new(),
            failed: 0,
            waited_ms_max: 0,
            small_puts: Vec::new(),
        }
    }

    pub fn producer(&mut self, connection: u64, window: u64) {
        for index in 0..window {
            self.at(self.bench.now + std::time::Duration::from_micros(index * 100), Later::Request { connection });
        }
    }

    fn at(&mut self, when: Instant, what: Later) {
        self.order += 1;
        self.later.insert((when, self.order), what);
    }

    /// Runs the world for so long, or, with `dry`, until nothing happens and nobody sends any more.
    pub fn run(&mut self, milliseconds: u64, dry: bool) {
        let end = self.bench.now.after_ms(milliseconds);
        loop {
            let next = self.later.keys().next().map_or(Instant::NEVER, |&(when, _)| when);
            let wake = self.bench.packer.deadline().max(self.bench.now);
            let when = next.min(wake);
            if when > end || when == Instant::NEVER {
                break;
            }
            self.bench.now = when;
            if wake < next {
                self.bench.step(PackerEvent::Wake);
            } else if let Some((_, what)) = self.later.pop_first() {
                self.happen(what, dry);
            }
            self.collect();
        }
    }

    fn happen(&mut self, what: Later, dry: bool) {
        match what {
            Later::Request { .. } if dry => {}
            Later::Request { connection } => {
                self.tickets += 1;
                self.sent.insert(Ticket(self.tickets), (connection, self.bench.now));
                self.bench.admit(connection, self.tickets, self.request_bytes);
            }
            Later::Put { ticket } => {
                let fails = self.fail_one_in > 0 && self.bench.rng.chance(self.fail_one_in);
                if fails {
                    self.bench.not_stored(ticket, Failure::Definite("no".into()))
                } else {
                    self.bench.stored(ticket)
                }
            }
            Later::Resolved { flush, tickets } => {
                self.bench.resolve(flush);
                for ticket in tickets {
                    let connection = self.end(ticket);
                    self.answered.push((connection, ticket));
                }
            }
        }
    }

    fn end(&mut self, ticket: Ticket) -> u64 {
        let (connection, since) = self.sent.remove(&ticket).expect("a request is answered once");
        self.waited_ms_max = self.waited_ms_max.max((self.bench.now - since).as_millis() as u64);
        self.order += 1;
        let soon = self.bench.now + std::time::Duration::from_micros(200 + self.order % 7 * 50);
        self.at(soon, Later::Request { connection });
        connection
    }

    fn collect(&mut self) {
        let sizes = std::mem::take(&mut self.bench.put_bytes);
        for (ticket, bytes) in std::mem::take(&mut self.bench.puts).into_iter().zip(sizes) {
            if bytes < CONFIG.pack_bytes_target {
                self.small_puts.push(self.bench.now);
            }
            let took = self.put_ms.0 + self.bench.rng.below(self.put_ms.1 - self.put_ms.0 + 1);
            self.at(self.bench.now.after_ms(took), Later::Put { ticket });
        }
        for commit in std::mem::take(&mut self.bench.commits) {
            let tickets = commit.batches.iter().map(|batch| batch.ticket).collect();
            let when = self.bench.now + std::time::Duration::from_micros(300);
            self.at(when, Later::Resolved { flush: commit.flush, tickets });
        }
        for (ticket, _, _) in std::mem::take(&mut self.bench.refused) {
            self.end(ticket);
            self.failed += 1;
        }
    }

    /// In any stretch of time, no more small objects than the bucket held and got.
    pub fn assert_rate(&self, rate: u64) {
        for (first, start) in self.small_puts.iter().enumerate() {
            for (count, end) in self.small_puts[first..].iter().enumerate() {
                let allowed = rate + (*end - *start).as_millis() as u64 * rate / 1000 + 1;
                assert!((count as u64) < allowed, "{} objects in {:?}", count + 1, *end - *start);
            }
        }
    }

    pub fn assert_over(&self) {
        assert!(self.bench.packer.idle() && self.sent.is_empty(), "{:?} never ended", self.sent);
    }
}

/// Answers of one connection come in the order of its requests (each batch got its offset when it was resolved).
pub(super) fn assert_order(answered: &[(u64, Ticket)]) {
    let mut last: BTreeMap<u64, Ticket> = BTreeMap::new();
    for &(connection, ticket) in answered {
        let before = last.insert(connection, ticket);
        assert!(before.is_none_or(|before| before <= ticket), "{connection}: {ticket} after {before:?}");
    }
}

#[test]
fn a_window_of_five_stays_full_whatever_the_rate_allows() {
    for (put_ms, rate) in [(60, 20), (60, 1_000), (110, 20), (40, 20), (30, 10)] {
        let config = PackerConfig { put_rate_max: rate, ..CONFIG };
        let mut load = Load::new(Bench::new(config, false), (put_ms, put_ms), 16_000, 0);
        load.producer(1, 5);
        load.run(20_000, false);
        let ideal = 20_000 / put_ms * 5;
        let ideal = ideal.min(u64::from(rate) * 20 * 5);
        let got = load.answered.len() as u64;
        assert!(got * 10 >= ideal * 9, "{got} of {ideal} at {put_ms} ms and {rate}/s");
        load.assert_rate(u64::from(rate));
        assert_order(&load.answered);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_request_ends_in_order_and_soon_under_the_rate(
        seed in any::<u64>(),
        windows in prop::collection::vec(1_u64..8, 1..12),
        put_ms in 1_u64..120,
        jitter_ms in 0_u64..200,
        rate in 2_u32..40,
        uploads_max in 1_usize..9,
        request_bytes in prop_oneof![100_usize..5_000, 30_000_usize..900_000],
        fail_one_in in prop_oneof![Just(0_u64), 2_u64..20],
        inline in any::<bool>(),
    ) {
        let config = PackerConfig { put_rate_max: rate, uploads_max, ..CONFIG };
        let mut bench = Bench::new(config, inline);
        bench.rng = Rng::new(seed);
        let mut load = Load::new(bench, (put_ms, put_ms + jitter_ms), request_bytes, fail_one_in);
        for (connection, &window) in windows.iter().enumerate() {
            load.producer(connection as u64, window);
        }
        load.run(1_500, false);
        load.run(60_000, true);
        load.assert_over();
        load.assert_rate(u64::from(rate));
        assert_order(&load.answered);
        let rounds = 2 * (put_ms + jitter_ms) + 4_000 / u64::from(rate) + 1_000;
        let queue = if request_bytes > 5_000 { 60 / uploads_max as u64 + 2 } else { 2 };
        prop_assert!(load.waited_ms_max <= rounds * queue, "{} ms", load.waited_ms_max);
        prop_assert!(!load.answered.is_empty() || load.failed > 0);
    }
}
