//! One group of which members of both protocols come and go: it goes over and back at any moment, also in the middle of a
//! rebalance, and the coordinator is killed and starts from what it left. After every step nobody holds what another one
//! holds, as the clients themselves see it; in the end everyone beats until nothing moves, and the whole is shared out.
//!
//! Consumers of the classic protocol are eager or cooperative, all of one kind; their leaders assign as such clients do.
//! Nobody is silent for too long here: whoever holds something is in.

#[allow(dead_code, reason = "one world for several tests, each of which uses a part of it")]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use apus_core::api::{Assignment, JoinedMember};
use apus_core::error::Refusal;
use apus_core::group_message::{GroupAnswer, GroupAsk};
use apus_core::ids::TopicId;
use apus_core::message::{Answer, Ask};
use apus_core::time::Rng;
use proptest::prelude::*;
use world::classics::{Classic, assignment, owned};
use world::members::{Member, create, text};
use world::{Durable, World, config, node};

const TOPICS: [(&str, i32); 2] = [("a", 5), ("b", 2)];
const SETTINGS: [(&str, &str); 4] = [
    ("group.initial.rebalance.delay.ms", "100"),
    ("group.consumer.max.session.timeout.ms", "3600000"),
    ("group.consumer.session.timeout.ms", "3600000"),
    ("group.max.session.timeout.ms", "3600000"),
];

/// A topic's name and an index.
type Place = (String, i32);

#[derive(Clone, Debug)]
enum Step {
    /// The place's member of the classic protocol comes, or does what is next.
    Classic {
        member: usize,
    },
    /// It leaves, if it waits for nothing.
    LeaveClassic {
        member: usize,
    },
    /// The place's member of the consumer protocol comes, or beats.
    Consumer {
        member: usize,
    },
    LeaveConsumer {
        member: usize,
    },
    Pass {
        ms: u64,
    },
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let member = || 0..3_usize;
    prop_oneof![
        16 => member().prop_map(|member| Step::Classic { member }),
        1 => member().prop_map(|member| Step::LeaveClassic { member }),
        8 => member().prop_map(|member| Step::Consumer { member }),
        2 => member().prop_map(|member| Step::LeaveConsumer { member }),
        6 => (1..3_000_u64).prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::Crash),
    ]
}

/// What a client of the classic protocol waits for, under a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Nothing,
    Join(u64),
    Sync(u64),
}

#[derive(Debug)]
struct Client {
    classic: Classic,
    waits: Waits,
}

impl Client {
    fn new(keeps: bool) -> Client {
        let topics = TOPICS.map(|(name, _)| name);
        let classic =
            Classic { session_ms: 3_600_000, rebalance_ms: 3_600_000, learns_id: true, ..Classic::new(&topics) };
        Client { classic: Classic { keeps, rejoins: true, ..classic }, waits: Waits::Nothing }
    }

    fn join(&mut self, world: &mut World) {
        self.classic.rejoins = false;
        self.waits = Waits::Join(self.classic.post_join(world));
    }

    /// It is in no generation: it holds nothing any more.
    fn lose(&mut self, refusal: Refusal) {
        assert!(matches!(refusal, Refusal::IllegalGeneration | Refusal::UnknownMemberId), "{refusal:?}");
        self.classic.holds.clear();
        self.classic.generation = -1;
        if refusal == Refusal::UnknownMemberId {
            self.classic.id = text("");
        }
    }

    /// Does what is next, as far as it was answered.
    fn turn(&mut self, world: &mut World) {
        match self.waits {
            Waits::Nothing if self.classic.rejoins => self.join(world),
            Waits::Nothing => match self.classic.heartbeat(world) {
                Ok(()) => {}
                Err(Refusal::RebalanceInProgress) => self.join(world),
                Err(refusal) => {
                    self.lose(refusal);
                    self.join(world);
                }
            },
            Waits::Join(ticket) => self.hear_join(world, ticket),
            Waits::Sync(ticket) => self.hear_sync(world, ticket),
        }
    }

    fn hear_join(&mut self, world: &mut World, ticket: u64) {
        match self.classic.hear_join(world, ticket) {
            None => {}
            Some(Ok(joined)) => {
                let leads = joined.leader == self.classic.id;
                let given = if leads { lead(&joined.members, self.classic.keeps) } else { Vec::new() };
                let ask = GroupAsk::Sync(self.classic.sync_request(given));
                self.waits = Waits::Sync(world.post(Ask::Group(Box::new(ask))));
            }
            Some(Err(Refusal::MemberIdRequired | Refusal::RebalanceInProgress)) => self.join(world),
            Some(Err(refusal)) => {
                self.lose(refusal);
                self.join(world);
            }
        }
    }

    fn hear_sync(&mut self, world: &mut World, ticket: u64) {
        let Some(Answer::Group(answer)) = world.answers.remove(&ticket) else { return };
        let GroupAnswer::Sync(response) = *answer else { panic!("not a sync: {answer:?}") };
        self.waits = Waits::Nothing;
        match response.result {
            Ok(synced) => self.classic.take(world::classics::partitions(&synced.assignment)),
            Err(Refusal::RebalanceInProgress) => self.join(world),
            Err(refusal) => {
                self.lose(refusal);
                self.join(world);
            }
        }
    }

    /// The connection is gone, and with it whatever it waits for.
    fn cut(&mut self) {
        self.classic.rejoins |= self.waits != Waits::Nothing;
        self.waits = Waits::Nothing;
    }
}

/// What a leader assigns. A cooperative one gives nobody what another one owns: first that is given back.
fn lead(members: &[JoinedMember], keeps: bool) -> Vec<Assignment> {
    let all: Vec<Place> =
        TOPICS.iter().flat_map(|(name, count)| (0..*count).map(|index| ((*name).to_owned(), index))).collect();
    let most = all.len().div_ceil(members.len());
    let mut shares: Vec<BTreeSet<Place>> = vec![BTreeSet::new(); members.len()];
    let mut claimed: BTreeSet<Place> = BTreeSet::new();
    for (share, member) in shares.iter_mut().zip(members).filter(|_| keeps) {
        for place in owned(&member.metadata) {
            if claimed.insert(place.clone()) && share.len() < most {
                share.insert(place);
            }
        }
    }
    for place in all.into_iter().filter(|place| !claimed.contains(place)) {
        let poorest = shares.iter_mut().min_by_key(|share| share.len()).expect("the leader is one of them");
        poorest.insert(place);
    }
    let given = |(member, share): (&JoinedMember, BTreeSet<Place>)| Assignment {
        member_id: member.member_id.clone(),
        assignment: assignment(&share, None),
    };
    members.iter().zip(shares).map(given).collect()
}

struct Model {
    world: World,
    keeps: bool,
    topics: BTreeMap<TopicId, String>,
    classics: BTreeMap<usize, Client>,
    consumers: BTreeMap<usize, Member>,
    named: u64,
    crashes: u64,
}

fn world(durable: Durable) -> World {
    let mut config = config();
    config.node = node(&SETTINGS);
    World::with(durable, config)
}

impl Model {
    fn new(keeps: bool) -> Model {
        let mut world = world(Durable::default());
        world.boot();
        let topics =
            TOPICS.iter().map(|(name, count)| (create(&mut world, name, *count), (*name).to_owned())).collect();
        let (classics, consumers) = (BTreeMap::new(), BTreeMap::new());
        Model { world, keeps, topics, classics, consumers, named: 0, crashes: 0 }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Classic { member } => {
                let client = self.classics.entry(member).or_insert_with(|| Client::new(self.keeps));
                client.turn(&mut self.world);
            }
            Step::LeaveClassic { member } => self.leave_classic(member),
            Step::Consumer { member } => self.beat(member),
            Step::LeaveConsumer { member } => {
                if let Some(consumer) = self.consumers.remove(&member) {
                    consumer.leave(&mut self.world, -1).expect("a member");
                }
            }
            Step::Pass { ms } => self.world.pass(ms),
            Step::Crash => self.crash(),
        }
        self.check();
    }

    fn leave_classic(&mut self, member: usize) {
        let client = self.classics.get(&member);
        if client.is_some_and(|client| client.waits == Waits::Nothing && !client.classic.id.is_empty()) {
            let client = self.classics.remove(&member).expect("it is there");
            // One that lost its place in a crash is not in the group.
            let left = client.classic.leave(&mut self.world);
            assert!(matches!(left, Ok(()) | Err(Refusal::UnknownMemberId)), "{left:?}");
        }
    }

    fn beat(&mut self, member: usize) {
        self.named += 1;
        let topics = TOPICS.map(|(name, _)| name);
        let new = || Member { rebalance_ms: 3_600_000, ..Member::new(&format!("m{}", self.named), &topics) };
        let consumer = self.consumers.entry(member).or_insert_with(new);
        let before = consumer.epoch;
        consumer.beat(&mut self.world).expect("it joins, or is a member");
        assert!(consumer.epoch >= before.max(1), "{} goes back to {}", consumer.id, consumer.epoch);
    }

    fn crash(&mut self) {
        self.crashes += 1;
        let (now, wall) = (self.world.now, self.world.wall);
        let before = std::mem::replace(&mut self.world, world(Durable::default()));
        self.world = world(before.remains(self.crashes));
        (self.world.now, self.world.wall, self.world.rng) = (now, wall, Rng::new(100 + self.crashes));
        self.world.boot();
        self.classics.values_mut().for_each(Client::cut);
    }

    /// What every client holds, by its own word.
    fn held(&self) -> Vec<Place> {
        let classics = self.classics.values().flat_map(|client| client.classic.holds.iter().cloned());
        let consumers = self.consumers.values().flat_map(|member| &member.holds);
        classics.chain(consumers.map(|(topic, index)| (self.topics[topic].clone(), *index))).collect()
    }

    fn check(&self) {
        let mut seen = BTreeSet::new();
        for place in self.held() {
            assert!(seen.insert(place.clone()), "two hold {place:?}: {:?} {:?}", self.classics, self.consumers);
        }
    }

    /// Everyone goes on until nothing moves; then the whole is shared out.
    fn finish(&mut self) {
        let (classics, consumers): (Vec<usize>, Vec<usize>) =
            (self.classics.keys().copied().collect(), self.consumers.keys().copied().collect());
        for _ in 0..60 {
            for member in &classics {
                self.step(&Step::Classic { member: *member });
            }
            for member in &consumers {
                self.step(&Step::Consumer { member: *member });
            }
            self.step(&Step::Pass { ms: 100 });
        }
        let all: BTreeSet<Place> =
            TOPICS.iter().flat_map(|(name, count)| (0..*count).map(|index| ((*name).to_owned(), index))).collect();
        let held: BTreeSet<Place> = self.held().into_iter().collect();
        let nobody = self.classics.is_empty() && self.consumers.is_empty();
        assert!(nobody || held == all, "{:?} {:?}", self.classics, self.consumers);
        assert!(self.classics.values().all(|client| client.waits == Waits::Nothing), "{:?}", self.classics);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_holds_what_another_one_holds(keeps: bool, steps in prop::collection::vec(step(), 1..120)) {
        let mut model = Model::new(keeps);
        for step in &steps {
            model.step(step);
        }
        model.finish();
    }
}
