//! Members that do anything in any order, and crashes: whatever they do, one generation at a time commits, a generation
//! that has committed does not come again, and nobody waits for ever.

use std::sync::Arc;

use apus_core::error::Refusal;
use apus_core::group_message::GroupAnswer;
use proptest::prelude::*;

use super::town::{Client, Town};

#[derive(Clone, Debug)]
enum Step {
    Join {
        client: usize,
        changed: bool,
    },
    Sync {
        client: usize,
    },
    Beat {
        client: usize,
    },
    Commit {
        client: usize,
    },
    Leave {
        client: usize,
    },
    /// The client forgets what it knows.
    Restart {
        client: usize,
    },
    Pass {
        milliseconds: u64,
    },
    Crash,
}

/// Three dynamic clients, then two static ones.
const CLIENTS: usize = 5;

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    prop_oneof![
        8 => (client(), prop::bool::weighted(0.1)).prop_map(|(client, changed)| Step::Join { client, changed }),
        8 => client().prop_map(|client| Step::Sync { client }),
        6 => client().prop_map(|client| Step::Beat { client }),
        6 => client().prop_map(|client| Step::Commit { client }),
        1 => client().prop_map(|client| Step::Leave { client }),
        1 => client().prop_map(|client| Step::Restart { client }),
        4 => (500..9_000_u64).prop_map(|milliseconds| Step::Pass { milliseconds }),
        1 => Just(Step::Crash),
    ]
}

/// What a client believes.
#[derive(Clone, Debug, Default)]
struct Belief {
    id: Option<Arc<str>>,
    generation: i32,
    leads: bool,
    members: Vec<Arc<str>>,
    joins: Option<u64>,
    syncs: Option<u64>,
}

struct Story {
    town: Town,
    clients: Vec<Belief>,
    /// The newest generation that has committed.
    committed: i32,
}

impl Story {
    fn client(&self, number: usize, changed: bool) -> Client {
        let belief = &self.clients[number];
        Client {
            member_id: belief.id.clone().unwrap_or_else(|| Arc::from("")),
            instance_id: (number >= 3).then(|| Arc::from(format!("static-{number}"))),
            protocols: if changed { vec![("range", b"new")] } else { vec![("range", b"old")] },
            rebalance_ms: 15_000,
            ..Client::default()
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Join { client, changed } => {
                let wish = self.client(*client, *changed);
                let ticket = self.town.ask_join(&wish);
                self.clients[*client].joins = Some(ticket);
            }
            Step::Sync { client } => self.sync(*client),
            Step::Beat { client } => {
                if let Some(id) = self.clients[*client].id.clone() {
                    let _ = self.town.heartbeat(&id, self.clients[*client].generation);
                }
            }
            Step::Commit { client } => self.commit(*client),
            Step::Leave { client } => {
                if let Some(id) = self.clients[*client].id.clone() {
                    self.town.leave(&[(&id, None)]);
                }
            }
            Step::Restart { client } => self.clients[*client] = Belief::default(),
            Step::Pass { milliseconds } => self.town.pass(*milliseconds),
            Step::Crash => {
                self.town.restart();
                self.clients.iter_mut().for_each(|belief| (belief.joins, belief.syncs) = (None, None));
            }
        }
        self.listen();
    }

    fn sync(&mut self, client: usize) {
        let belief = self.clients[client].clone();
        let Some(id) = belief.id else { return };
        let given: Vec<(&Arc<str>, &'static [u8])> =
            if belief.leads { belief.members.iter().map(|id| (id, &b"a"[..])).collect() } else { Vec::new() };
        self.clients[client].syncs = Some(self.town.ask_sync(&id, belief.generation, &given));
    }

    fn commit(&mut self, client: usize) {
        let belief = &self.clients[client];
        let Some(id) = belief.id.clone() else { return };
        if belief.generation > 0 && self.town.commits(&Town::caller(&id, belief.generation)).is_ok() {
            assert!(belief.generation >= self.committed, "{} after {}", belief.generation, self.committed);
            self.committed = belief.generation;
        }
    }

    /// Clients hear their answers.
    fn listen(&mut self) {
        for belief in &mut self.clients {
            if let Some((id, result)) = belief.joins.and_then(|ticket| self.town.told(ticket)) {
                belief.joins = None;
                match result {
                    Ok(joined) => {
                        belief.leads = joined.leader == id;
                        belief.members = joined.members.into_iter().map(|member| member.member_id).collect();
                        (belief.id, belief.generation) = (Some(id), joined.generation);
                    }
                    Err(Refusal::MemberIdRequired) => (belief.id, belief.generation) = (Some(id), 0),
                    Err(Refusal::UnknownMemberId | Refusal::FencedInstanceId) => belief.id = None,
                    Err(Refusal::RebalanceInProgress) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            if let Some(result) = belief.syncs.and_then(|ticket| self.town.assigned(ticket)) {
                belief.syncs = None;
                if let Err(Refusal::UnknownMemberId | Refusal::FencedInstanceId) = result {
                    belief.id = None;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_generation_at_a_time_commits_and_nobody_waits_for_ever(steps in prop::collection::vec(step(), 1..150)) {
        let mut story = Story { town: Town::new(), clients: vec![Belief::default(); CLIENTS], committed: 0 };
        for step in &steps {
            story.step(step);
        }
        story.town.pass(400_000);
        story.listen();
        let waiting = story.clients.iter().filter(|belief| belief.joins.is_some() || belief.syncs.is_some()).count();
        prop_assert_eq!(waiting, 0, "nobody waits for ever");
        let answers: Vec<&GroupAnswer> = story.town.answers.values().collect();
        let moot = answers.iter().all(|answer| matches!(answer, GroupAnswer::Join(_) | GroupAnswer::Sync(_)));
        prop_assert!(moot, "what nobody heard was asked twice");
        prop_assert_eq!(story.town.groups.deadline(), apus_core::time::Instant::NEVER, "nothing is left to happen");
    }
}
