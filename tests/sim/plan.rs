//! From a seed to a plan: who takes part, and what the world does to them.

use apus_coordinator::journal::JournalLimits;
use apus_core::config::{Config, Host, parse};
use apus_core::limits::KIB;
use apus_core::time::Rng;

use crate::client::admin::Admin;
use crate::client::consumer::Consumer;
use crate::client::member::beating::Beating;
use crate::client::member::classic::Classic;
use crate::client::member::seat::Seat;
use crate::client::member::{BEAT_MS, Member, SESSION_MS, Versions};
use crate::client::producer::{Pace, Producer};
use crate::client::topic::{Limit, Topic};
use crate::client::{Client, Role};

/// A bug that the simulator must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The journal's writes are answered before they are durable.
    AcknowledgesEarly,
    /// A producer's retry is taken for something new.
    ForgetsSequences,
    /// Readers are told what is applied and not yet durable; producers wait as they should.
    AnswersApplied,
    /// A sweep takes an object with it in which an extent lives.
    DeletesReferenced,
    /// The checksum of what was read counts for nothing: damaged bytes come with one that fits.
    IgnoresChecksums,
    /// A sweep forgets what it listed: no orphan goes.
    KeepsOrphans,
    /// A commit under an epoch that is over is taken.
    TakesStale,
}

/// What goes wrong at the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreFaults {
    /// One request of so many fails, and one listing is stale or leaves names out; nothing: none.
    pub fails: Option<u64>,
    /// One block of so many comes damaged or cut short.
    pub damages: Option<u64>,
    /// One answer of so many takes longer than any client waits.
    pub slow: Option<u64>,
}

/// What goes wrong at the journal's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// Now and then there is no room for some seconds.
    pub fills_up: bool,
    /// One request of so many fails for good.
    pub breaks: Option<u64>,
}

/// What a story is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whatever the seed says.
    Any,
    /// More to do, and a journal whose segments are soon full.
    Round,
    /// Members of groups that pause, die and come back.
    Groups,
}

/// A life story before it happens.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed that it is of.
    pub seed: u64,
    /// The bug that was put in, if any.
    pub sabotage: Option<Sabotage>,
    /// Crashes, each after at most `effects_max` effects of its life.
    pub crashes: u32,
    /// See above.
    pub effects_max: u64,
    /// The store's faults, until the producers are done.
    pub store: StoreFaults,
    /// The disk's, likewise.
    pub disk: DiskFaults,
    /// Clients hang up now and then.
    pub hang_ups: bool,
    /// Sizes of the journal.
    pub journal: JournalLimits,
    /// What it is about.
    pub kind: Kind,
    bucket: bool,
    hot_bytes: u64,
    topics: Vec<Topic>,
    batches: u32,
    pace: Pace,
}

/// A journal of a few dozen groups a segment, so that segments come and go within one story.
const SMALL_JOURNAL: JournalLimits =
    JournalLimits { first_bytes: 192 * KIB, segment_bytes: 256 * KIB, bytes_max: 1_024 * KIB, reserve_bytes: 32 * KIB };

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64, sabotage: Option<Sabotage>) -> Plan {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let one_of = |rng: &mut Rng, choices: &[Option<u64>]| choices[rng.below(choices.len() as u64) as usize];
        let bucket = rng.chance(2);
        let fails = one_of(&mut rng, &[None, None, Some(30), Some(8)]);
        let damages = one_of(&mut rng, &[None, None, None, Some(3)]);
        let slow = one_of(&mut rng, &[None, None, None, Some(40)]);
        let small_journal = rng.chance(2);
        let disk = DiskFaults {
            fills_up: small_journal && rng.chance(2),
            breaks: one_of(&mut rng, &[None, None, None, Some(200)]),
        };
        let topics = topics(&mut rng);
        let slowly = topics.iter().any(|topic| topic.retention.is_some()) || rng.chance(4);
        let mut plan = Plan {
            seed,
            sabotage,
            crashes: rng.below(4) as u32,
            effects_max: [200, 1_000, 4_000][rng.below(3) as usize],
            store: StoreFaults { fails, damages, slow },
            disk,
            hang_ups: rng.chance(2),
            journal: if small_journal { SMALL_JOURNAL } else { JournalLimits::default() },
            kind: Kind::Any,
            bucket,
            hot_bytes: [0, 3_000, 64 << 20][rng.below(3) as usize],
            topics,
            batches: 10 + rng.below(50) as u32,
            pace: Pace {
                bytes_max: [20, 200, if small_journal { 400 } else { 3_500 }][rng.below(3) as usize],
                pause_ms_max: if slowly { 5_000 } else { 0 },
            },
        };
        plan.suit_sabotage();
        plan
    }

    /// The same with more to do, and a journal whose segments are soon full.
    pub fn going_round(mut self) -> Plan {
        self.kind = Kind::Round;
        let segment_bytes = 160 * KIB;
        self.journal =
            JournalLimits { first_bytes: segment_bytes, segment_bytes, bytes_max: 4 * segment_bytes, ..SMALL_JOURNAL };
        self.batches = 150;
        self.pace = Pace { bytes_max: 400, pause_ms_max: 3_000 };
        self
    }

    /// The same with groups, on topics that keep everything, for a minute or so.
    pub fn with_groups(mut self) -> Plan {
        let mut rng = Rng::new(self.seed ^ 0x960);
        self.kind = Kind::Groups;
        self.topics.retain(|topic| !topic.is_deleted && topic.retention.is_none());
        self.topics[0].partitions = 2 + rng.below(5) as i32;
        self.crashes = self.crashes.max(1 + rng.below(4) as u32);
        self.effects_max = [1_000, 4_000, 12_000][rng.below(3) as usize];
        self.batches = 30;
        self.pace = Pace { bytes_max: 200, pause_ms_max: 8_000 };
        self
    }

    /// The plan of a seed of this kind, by the name that `APUS_PLAN` gives it.
    pub fn named(seed: u64, kind: &str) -> Plan {
        let plan = Plan::new(seed, None);
        match kind {
            "round" => plan.going_round(),
            "groups" => plan.with_groups(),
            _ => plan,
        }
    }

    /// A bug is looked for where it can show.
    fn suit_sabotage(&mut self) {
        let Some(sabotage) = self.sabotage else { return };
        self.crashes = 4;
        if matches!(sabotage, Sabotage::DeletesReferenced | Sabotage::IgnoresChecksums | Sabotage::KeepsOrphans) {
            (self.bucket, self.hot_bytes) = (true, 0);
            self.store.fails = Some(8);
            self.store.damages = Some(3);
        }
    }

    /// The broker's configuration.
    pub fn config(&self) -> Config {
        let store = if self.bucket { "s3://bucket/simulated" } else { "file:./store" };
        let hot = self.hot_bytes;
        let mut text = format!("data.dir=./simulated\ndiskless.store={store}\ndiskless.hot.memory.bytes={hot}\n");
        if self.kind == Kind::Groups {
            text.push_str(&format!(
                "group.initial.rebalance.delay.ms=500\ngroup.consumer.session.timeout.ms={SESSION_MS}\n\
                 group.consumer.min.session.timeout.ms={SESSION_MS}\n\
                 group.consumer.heartbeat.interval.ms={BEAT_MS}\n\
                 group.consumer.min.heartbeat.interval.ms={BEAT_MS}\n"
            ));
        }
        let (properties, problems) = parse(&text);
        assert!(problems.is_empty(), "{problems:?}");
        let host = Host { name: "simulated".to_owned(), cpus: 4 };
        Config::load(&properties, &host).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// Cores of a life: one, or three.
    pub fn cores(&self, life: u64) -> u16 {
        if (self.seed + life).is_multiple_of(2) { 1 } else { 3 }
    }

    /// The topics, as they are to be.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Whoever takes part.
    pub fn clients(&self, rng: &mut Rng) -> Vec<Client> {
        let mut clients = Vec::new();
        for number in 1..=1 + rng.below(3) {
            let version = [3, 8, 12, 13][rng.below(4) as usize];
            let producer = Producer::new(number, version, &self.topics, self.batches, self.pace);
            clients.push(Client::new(self.topics.clone(), Role::Producer(producer)));
        }
        if self.kind == Kind::Groups {
            clients.extend(self.members(rng));
            return clients;
        }
        for _ in 0..1 + rng.below(3) {
            let version = [4, 7, 11, 12, 13, 17][rng.below(6) as usize];
            let bytes_max = [1_000, 100_000][rng.below(2) as usize];
            let consumer = Consumer::new(version, rng.chance(2), &self.topics, bytes_max);
            clients.push(Client::new(self.topics.clone(), Role::Consumer(consumer)));
        }
        for topic in self.topics.iter().filter(|topic| topic.is_deleted) {
            let admin = Admin::new(topic.clone(), 1 + rng.below(3) as u32);
            clients.push(Client::new(vec![topic.clone()], Role::Admin(admin)));
        }
        clients
    }

    /// A group of one protocol, of the other, or both.
    fn members(&self, rng: &mut Rng) -> Vec<Client> {
        let chosen = rng.below(3);
        let mut clients = Vec::new();
        for (place, group) in ["flock", "swarm"].into_iter().enumerate().filter(|(place, _)| *place as u64 != chosen) {
            let assignor = [None, Some("uniform"), Some("range")][rng.below(3) as usize];
            for number in 0..2 + rng.below(3) {
                let seat = if place == 0 {
                    Seat::Classic(Classic::new([2, 3, 5, 9][rng.below(4) as usize], [2, 3, 5][rng.below(3) as usize]))
                } else {
                    Seat::Beating(Beating::new(rng.below(2) as i16, assignor))
                };
                let versions = Versions {
                    commit: if place == 0 { [2, 5, 7, 8][rng.below(4) as usize] } else { 9 },
                    offsets: [5, 7, 8, 9][rng.below(4) as usize],
                    fetch: [4, 11, 12, 13, 17][rng.below(5) as usize],
                };
                let member = Member::new(group, number, seat, versions);
                clients.push(Client::new(self.topics.clone(), Role::Member(member)));
            }
        }
        clients
    }

    /// Reads everything in the end.
    pub fn auditor(&self) -> Client {
        let mut consumer = Consumer::new(12, false, &self.topics, 1 << 20);
        consumer.finish();
        Client::new(self.topics.clone(), Role::Consumer(consumer))
    }
}

/// One topic that just is, and sometimes one that comes by being asked for, is deleted and comes again, or loses old
/// records.
fn topics(rng: &mut Rng) -> Vec<Topic> {
    let mut topics = vec![Topic::new("orders", 1 + rng.below(3) as i32)];
    match rng.below(3) {
        0 => topics.push(Topic { is_created: false, ..Topic::new("clicks", 1) }),
        1 => topics.push(Topic { is_deleted: true, ..Topic::new("drafts", 1 + rng.below(2) as i32) }),
        _ => {}
    }
    let retention = match rng.below(4) {
        0 => Some(Limit::new("retention.ms", 20_000 + rng.below(40_000) as i64)),
        1 => Some(Limit::new("retention.bytes", 500 + rng.below(5_000) as i64)),
        _ => None,
    };
    if retention.is_some() {
        topics.push(Topic { retention, ..Topic::new("events", 1 + rng.below(2) as i32) });
    }
    topics
}
