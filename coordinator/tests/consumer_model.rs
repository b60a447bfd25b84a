//! Groups of the consumer protocol in a whole coordinator against a model of the rules that is too simple to be wrong:
//! who is in by when it was heard last, epochs that only rise, and a set of partitions a member that nobody shares.
//!
//! Members beat, lose answers, lie about their epochs, commit, leave and fall silent; topics come and go; the coordinator is
//! killed and starts from what it left. In the end everyone beats until nothing moves, and the whole is shared out.

#[allow(dead_code, reason = "one world for several tests, each of which uses a part of it")]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use apus_core::api::{GroupCaller, GroupOffset};
use apus_core::error::Refusal;
use apus_core::group_message::{CommitOffsets, GroupAnswer, GroupAsk};
use apus_core::ids::TopicId;
use apus_core::time::Rng;
use proptest::prelude::*;
use world::members::{GROUP, Member, ask, create, describe, send, text};
use world::{Durable, World};

/// Kafka's default, which is ours.
const SESSION_MS: u64 = 45_000;
/// Time goes in steps of 50 ms: so near to its session, a member may be in or out.
const BLUR_MS: u64 = 100;
const TOPICS: [(&str, i32); 3] = [("a", 5), ("b", 2), ("c", 3)];

#[derive(Clone, Debug)]
enum Step {
    /// Somebody who is not in joins, with a choice of topics.
    Join {
        member: usize,
        topics: u8,
    },
    Beat {
        member: usize,
    },
    /// It beats, and the answer is lost.
    Lose {
        member: usize,
    },
    /// It begins anew under its name.
    Return {
        member: usize,
    },
    /// It says an epoch that is not its own.
    Lie {
        member: usize,
        by: i32,
    },
    Commit {
        member: usize,
        by: i32,
    },
    Leave {
        member: usize,
    },
    Create {
        topic: usize,
    },
    Delete {
        topic: usize,
    },
    Pass {
        seconds: u64,
    },
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let member = || 0..5_usize;
    let other = || prop_oneof![-3..0_i32, 1..4_i32];
    prop_oneof![
        6 => (member(), 1..8_u8).prop_map(|(member, topics)| Step::Join { member, topics }),
        16 => member().prop_map(|member| Step::Beat { member }),
        3 => member().prop_map(|member| Step::Lose { member }),
        2 => member().prop_map(|member| Step::Return { member }),
        2 => (member(), other()).prop_map(|(member, by)| Step::Lie { member, by }),
        4 => (member(), -1..2_i32).prop_map(|(member, by)| Step::Commit { member, by }),
        2 => member().prop_map(|member| Step::Leave { member }),
        2 => (0..3_usize).prop_map(|topic| Step::Create { topic }),
        1 => (0..3_usize).prop_map(|topic| Step::Delete { topic }),
        6 => (1..25_u64).prop_map(|seconds| Step::Pass { seconds }),
        2 => Just(Step::Crash),
    ]
}

/// A member and when it was heard.
struct Known {
    client: Member,
    heard_ms: u64,
    /// Its last answer was lost: it may be one epoch further than it knows.
    is_unsure: bool,
}

/// What the rules say of one who speaks now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    In,
    Out,
    Either,
}

struct Model {
    world: World,
    members: BTreeMap<usize, Known>,
    topics: BTreeMap<usize, TopicId>,
    epoch: i32,
    crashes: u64,
    named: u64,
}

impl Model {
    fn new() -> Model {
        let mut world = World::new(Durable::default());
        world.boot();
        let (members, topics) = (BTreeMap::new(), BTreeMap::new());
        Model { world, members, topics, epoch: 0, crashes: 0, named: 0 }
    }

    fn now_ms(&self) -> u64 {
        self.world.now.0 / 1_000_000
    }

    fn standing(&self, member: usize) -> Standing {
        let silent_ms = self.now_ms() - self.members[&member].heard_ms;
        match silent_ms {
            silent_ms if silent_ms + BLUR_MS < SESSION_MS => Standing::In,
            silent_ms if silent_ms > SESSION_MS + BLUR_MS => Standing::Out,
            _ => Standing::Either,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Join { member, topics } => self.join(member, topics),
            Step::Beat { member } => self.beat(member),
            Step::Lose { member } => self.lose(member),
            Step::Return { member } => self.come_back(member),
            Step::Lie { member, by } => self.lie(member, by),
            Step::Commit { member, by } => self.commit(member, by),
            Step::Leave { member } => self.leave(member),
            Step::Create { topic } if !self.topics.contains_key(&topic) => {
                let (name, partitions) = TOPICS[topic];
                let id = create(&mut self.world, name, partitions);
                self.topics.insert(topic, id);
            }
            Step::Delete { topic } if self.topics.contains_key(&topic) => {
                self.topics.remove(&topic);
                self.world.delete(TOPICS[topic].0);
            }
            Step::Create { .. } | Step::Delete { .. } => {}
            Step::Pass { seconds } => self.world.pass(seconds * 1_000),
            Step::Crash => self.crash(),
        }
        self.check();
    }

    fn join(&mut self, member: usize, topics: u8) {
        if self.members.contains_key(&member) {
            return;
        }
        self.named += 1;
        let chosen = TOPICS.iter().enumerate().filter(|(place, _)| topics & (1 << place) != 0);
        let chosen: Vec<&str> = chosen.map(|(_, (name, _))| *name).collect();
        let mut client = Member::new(&format!("m{}", self.named), &chosen);
        client.rebalance_ms = 3_600_000;
        client.beat(&mut self.world).expect("anybody may join");
        assert!(client.epoch > 0, "a member has an epoch");
        let heard_ms = self.now_ms();
        self.members.insert(member, Known { client, heard_ms, is_unsure: false });
    }

    fn beat(&mut self, member: usize) {
        if !self.members.contains_key(&member) {
            return;
        }
        let (standing, now_ms) = (self.standing(member), self.now_ms());
        let known = self.members.get_mut(&member).expect("it is known");
        let before = known.client.epoch;
        let result = known.client.beat(&mut self.world);
        match result {
            Ok(()) => {
                assert!(standing != Standing::Out, "{} was silent for too long", known.client.id);
                assert!(known.client.epoch >= before, "{} goes back to {}", known.client.id, known.client.epoch);
                (known.heard_ms, known.is_unsure) = (now_ms, false);
            }
            Err(refusal) => {
                // It was told to give back, did not hear it, and is further than it knows: it begins anew.
                if known.is_unsure && refusal == Refusal::FencedMemberEpoch {
                    return self.come_back(member);
                }
                assert!(standing != Standing::In, "{} is in, and is told {refusal:?}", known.client.id);
                assert!(matches!(refusal, Refusal::UnknownMemberId | Refusal::GroupIdNotFound), "{refusal:?}");
                self.members.remove(&member);
            }
        }
    }

    /// It has nothing any more, and is let in whether it is known or not.
    fn come_back(&mut self, member: usize) {
        let now_ms = self.now_ms();
        if !self.members.contains_key(&member) {
            return;
        }
        let is_in = self.standing(member) == Standing::In;
        let known = self.members.get_mut(&member).expect("it is known");
        let before = if is_in { known.client.epoch } else { 0 };
        known.client.epoch = 0;
        known.client.holds.clear();
        known.client.beat(&mut self.world).expect("whoever begins anew is let in");
        assert!(known.client.epoch >= before, "{} goes back to {}", known.client.id, known.client.epoch);
        (known.heard_ms, known.is_unsure) = (now_ms, false);
    }

    /// The coordinator hears it; it hears nothing, and says all of itself next.
    fn lose(&mut self, member: usize) {
        if !self.members.contains_key(&member) || self.members[&member].is_unsure {
            // One answer may be lost: of two the member cannot know what it missed, and has to begin anew.
            return;
        }
        let (standing, now_ms) = (self.standing(member), self.now_ms());
        let known = self.members.get_mut(&member).expect("it is known");
        let result = send(&mut self.world, known.client.request());
        assert!(standing == Standing::Either || (standing == Standing::In) == result.is_ok());
        if result.is_ok() {
            (known.heard_ms, known.is_unsure, known.client.whole) = (now_ms, true, true);
        }
    }

    /// Ahead of its epoch is nobody; behind it only one whose answer was lost, and who says what it holds.
    fn lie(&mut self, member: usize, by: i32) {
        if self.members.get(&member).is_none_or(|known| known.is_unsure) {
            return;
        }
        let standing = self.standing(member);
        let client = &self.members[&member].client;
        let said = client.epoch + by;
        if said <= 0 || (by < 0 && (client.news || client.whole)) {
            return;
        }
        let told = send(&mut self.world, Member { epoch: said, ..client.clone() }.request());
        let refusal = told.expect_err("nobody has such an epoch");
        match standing {
            Standing::In => assert_eq!(refusal, Refusal::FencedMemberEpoch),
            Standing::Out => assert!(matches!(refusal, Refusal::UnknownMemberId | Refusal::GroupIdNotFound)),
            Standing::Either => {}
        }
    }

    /// Its own epoch may commit, and no other.
    fn commit(&mut self, member: usize, by: i32) {
        let Some(topic) = self.topics.values().next().copied() else { return };
        if self.members.get(&member).is_none_or(|known| known.is_unsure) {
            return;
        }
        let standing = self.standing(member);
        let client = &self.members[&member].client;
        let caller = GroupCaller {
            group_id: text(GROUP),
            generation: client.epoch + by,
            member_id: client.id.clone(),
            group_instance_id: None,
        };
        let offset = GroupOffset { offset: 1, leader_epoch: 0, metadata: text("") };
        let topics = vec![(topic, vec![(0, offset)])];
        let asked = GroupAsk::Commit(CommitOffsets { knows_epochs: true, caller, retention_ms: None, topics });
        let GroupAnswer::Commit(result) = ask(&mut self.world, asked) else { panic!("not a commit") };
        let result = result.map(drop);
        match standing {
            Standing::In if by == 0 => assert_eq!(result, Ok(())),
            Standing::In => assert_eq!(result, Err(Refusal::StaleMemberEpoch)),
            // Where nobody is in it, the group may be gone.
            Standing::Out => assert!(result.is_err()),
            Standing::Either => {}
        }
    }

    fn leave(&mut self, member: usize) {
        if !self.members.contains_key(&member) {
            return;
        }
        let standing = self.standing(member);
        let known = self.members.remove(&member).expect("it is known");
        let result = known.client.leave(&mut self.world, -1);
        assert!(standing == Standing::Either || (standing == Standing::In) == result.is_ok(), "{result:?}");
    }

    /// Everyone's silence begins anew; nothing else is forgotten.
    fn crash(&mut self) {
        let standings: Vec<(usize, Standing)> =
            self.members.keys().map(|member| (*member, self.standing(*member))).collect();
        self.crashes += 1;
        let (now, wall) = (self.world.now, self.world.wall);
        let world = std::mem::replace(&mut self.world, World::new(Durable::default()));
        self.world = World::new(world.remains(self.crashes));
        (self.world.now, self.world.wall, self.world.rng) = (now, wall, Rng::new(100 + self.crashes));
        self.world.boot();
        let now_ms = self.now_ms();
        for (member, standing) in standings {
            match standing {
                Standing::In => self.members.get_mut(&member).expect("it is known").heard_ms = now_ms,
                // Whether it was put out is to be seen.
                _ => drop(self.members.remove(&member)),
            }
        }
    }

    /// What holds behind every step.
    fn check(&mut self) {
        let mut held: BTreeSet<(TopicId, i32)> = BTreeSet::new();
        let surely_in: Vec<usize> =
            self.members.keys().copied().filter(|member| self.standing(*member) == Standing::In).collect();
        for member in surely_in {
            let client = &self.members[&member].client;
            for place in &client.holds {
                assert!(held.insert(*place), "{} has {place:?}, and so has another one", client.id);
            }
        }
        let Ok(found) = describe(&mut self.world) else {
            // Nobody was in it for so long that it is forgotten, or nobody ever was.
            self.epoch = 0;
            return;
        };
        assert!(found.assignment_epoch <= found.epoch, "{} of {}", found.assignment_epoch, found.epoch);
        assert!(self.epoch <= found.epoch, "the group goes back from {} to {}", self.epoch, found.epoch);
        self.epoch = found.epoch;
    }

    /// Everyone who is in beats until nothing moves; then the whole is shared out.
    fn finish(&mut self) {
        // Whoever is not beaten for now falls silent for good.
        let members: Vec<usize> = self.members.keys().copied().collect();
        for _ in 0..2 * SESSION_MS / 5_000 {
            self.world.pass(5_000);
            members.iter().for_each(|member| self.beat(*member));
            self.check();
        }
        let subscribes = |client: &Member, topic: usize| client.topics.iter().any(|name| **name == *TOPICS[topic].0);
        let mut wanted: BTreeSet<(TopicId, i32)> = BTreeSet::new();
        for (topic, id) in &self.topics {
            if self.members.values().any(|known| subscribes(&known.client, *topic)) {
                wanted.extend((0..TOPICS[*topic].1).map(|index| (*id, index)));
            }
        }
        let held: BTreeSet<(TopicId, i32)> =
            self.members.values().flat_map(|known| known.client.holds.iter().copied()).collect();
        assert_eq!(held, wanted, "what is subscribed to is held, and nothing else");
        for known in self.members.values() {
            let own = self.topics.iter().filter(|(topic, _)| subscribes(&known.client, **topic));
            let own: BTreeSet<TopicId> = own.map(|(_, id)| *id).collect();
            assert!(known.client.holds.iter().all(|(topic, _)| own.contains(topic)), "{} did not ask", known.client.id);
        }
        let alike = self.members.values().map(|known| &known.client.topics).collect::<BTreeSet<_>>().len() <= 1;
        let counts = self.members.values().map(|known| known.client.holds.len());
        if let (Some(least), Some(most), true) = (counts.clone().min(), counts.max(), alike) {
            assert!(most - least <= 1, "{least} for one, {most} for another");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_keep_to_the_rules(steps in prop::collection::vec(step(), 1..80)) {
        let mut model = Model::new();
        model.step(&Step::Create { topic: 0 });
        for step in &steps {
            model.step(step);
        }
        model.finish();
    }
}

/// Found by the model.
#[test]
fn a_topic_that_goes_takes_its_partitions_from_whoever_holds_them() {
    let mut model = Model::new();
    model.step(&Step::Create { topic: 0 });
    model.step(&Step::Join { member: 0, topics: 7 });
    model.step(&Step::Delete { topic: 0 });
    model.finish();
}

/// Found by the model: what was assigned by a topic's coming has to be taken back at its going, whoever looked in between.
#[test]
fn a_topic_that_came_and_went_is_nobodys() {
    let mut model = Model::new();
    model.step(&Step::Create { topic: 0 });
    model.step(&Step::Join { member: 3, topics: 1 });
    model.step(&Step::Join { member: 0, topics: 1 });
    model.step(&Step::Create { topic: 2 });
    model.step(&Step::Join { member: 1, topics: 4 });
    model.step(&Step::Delete { topic: 2 });
    model.finish();
}
