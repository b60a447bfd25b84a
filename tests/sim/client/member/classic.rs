//! The classic protocol: join, sync, beat; whoever leads deals the partitions out.
//!
//! An assignment is text of our own: its generation, then a partition a line. So a member sees whether what it is given is of
//! the generation that it was told.

use std::collections::BTreeSet;

use apus_core::time::Instant;
use apus_net::wire::schema::groups::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
    LeaveGroupRequest, MemberIdentity, SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use bytes::Bytes;

use super::seat::Told;
use super::{
    BEAT_MS, ILLEGAL_GENERATION, LOADING, MEMBER_ID_REQUIRED, NOT_COORDINATOR, REBALANCE, REBALANCE_MS, SESSION_MS,
    UNKNOWN_MEMBER,
};
use crate::checker::Place;
use crate::checker::groups::MemberName;
use crate::client::topic::Topic;
use crate::client::{Desk, Link, NO_COORDINATOR, NONE, STORAGE, TIMED_OUT, read};

const PROTOCOL_TYPE: &str = "consumer";
const STRATEGY: &str = "dealt";
/// From it on, LeaveGroup names any number of members.
const LEAVES_TOGETHER: i16 = 3;
/// From it on, SyncGroup says the strategy.
const NAMES_STRATEGY: i16 = 5;

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Joins,
    /// It was told the generation; whoever leads it knows its members.
    Syncs(Vec<String>),
    Seated,
}

/// A place in a classic group.
#[derive(Debug)]
pub struct Classic {
    id: String,
    generation: i32,
    stage: Stage,
    beat_at: Instant,
    /// What it lost is its generation, not its name.
    keeps_id: bool,
    join_version: i16,
    version: i16,
}

impl Classic {
    /// A place that speaks these versions of JoinGroup, and of the others.
    pub fn new(join_version: i16, version: i16) -> Classic {
        let (id, generation, stage, beat_at) = (String::new(), -1, Stage::Joins, Instant(0));
        Classic { id, generation, stage, beat_at, keeps_id: false, join_version, version }
    }

    pub fn begin(&mut self, _: MemberName) {
        self.keeps_id = false;
        self.lose();
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn epoch(&self) -> i32 {
        self.generation
    }

    pub fn is_seated(&self) -> bool {
        self.stage == Stage::Seated
    }

    /// It joins with an id, and so was a member.
    pub fn is_called(&self) -> bool {
        self.stage == Stage::Joins && !self.id.is_empty()
    }

    pub fn is_joining(&self) -> bool {
        self.stage == Stage::Joins
    }

    pub fn due_at(&self) -> Instant {
        if self.stage == Stage::Seated { self.beat_at } else { Instant(0) }
    }

    pub fn lose(&mut self) {
        (self.generation, self.stage) = (-1, Stage::Joins);
        if !std::mem::take(&mut self.keeps_id) {
            self.id.clear();
        }
    }

    pub fn call(&mut self) {
        self.stage = Stage::Joins;
    }

    pub fn doubt(&mut self) {
        self.lose();
    }

    pub fn disconnected(&mut self) {
        self.beat_at = Instant(0);
    }

    pub fn ask(&mut self, group: &'static str, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        match &self.stage {
            Stage::Joins => self.join(group, topics, link, desk),
            Stage::Syncs(members) => {
                let dealt = deal(members, self.generation, topics);
                let given = members.iter().zip(&dealt);
                let given = given
                    .map(|(member_id, text)| SyncGroupRequestAssignment { member_id, assignment: text.as_bytes() });
                let names = self.version >= NAMES_STRATEGY;
                let request = SyncGroupRequest {
                    group_id: group,
                    generation_id: self.generation,
                    member_id: &self.id,
                    group_instance_id: None,
                    protocol_type: names.then_some(PROTOCOL_TYPE),
                    protocol_name: names.then_some(STRATEGY),
                    assignments: given.collect(),
                };
                link.ask(self.version, &request, desk);
            }
            Stage::Seated => {
                let request = HeartbeatRequest {
                    group_id: group,
                    generation_id: self.generation,
                    member_id: &self.id,
                    group_instance_id: None,
                };
                link.ask(self.version.min(4), &request, desk);
            }
        }
    }

    fn join(&self, group: &'static str, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        let metadata = subscription(topics);
        let request = JoinGroupRequest {
            group_id: group,
            session_timeout_ms: SESSION_MS as i32,
            rebalance_timeout_ms: REBALANCE_MS as i32,
            member_id: &self.id,
            group_instance_id: None,
            protocol_type: PROTOCOL_TYPE,
            protocols: vec![JoinGroupRequestProtocol { name: STRATEGY, metadata: &metadata }],
            reason: None,
        };
        link.ask(self.join_version, &request, desk);
    }

    pub fn answered(&mut self, topics: &[Topic], frame: &Bytes, version: i16, desk: &mut Desk<'_>) -> Told {
        match self.stage {
            Stage::Joins => self.joined(frame, version),
            Stage::Syncs(_) => self.synced(topics, frame, version, desk),
            Stage::Seated => {
                let answer: HeartbeatResponse = read(frame, version);
                self.beat_at = desk.now.after_ms(BEAT_MS);
                self.judge("Heartbeat", answer.error_code)
            }
        }
    }

    fn joined(&mut self, frame: &Bytes, version: i16) -> Told {
        let answer: JoinGroupResponse<'_> = read(frame, version);
        match answer.error_code {
            NONE => {
                self.id = answer.member_id.to_owned();
                self.generation = answer.generation_id;
                let leads = answer.leader == self.id;
                assert!(leads != answer.members.is_empty(), "whoever leads, and nobody else, is told of the members");
                let members = answer.members.iter().map(|member| member.member_id.to_owned());
                self.stage = Stage::Syncs(members.collect());
                Told::GoesOn
            }
            MEMBER_ID_REQUIRED => {
                self.id = answer.member_id.to_owned();
                Told::Later
            }
            code => self.judge("JoinGroup", code),
        }
    }

    fn synced(&mut self, topics: &[Topic], frame: &Bytes, version: i16, desk: &mut Desk<'_>) -> Told {
        let answer: SyncGroupResponse<'_> = read(frame, version);
        if answer.error_code != NONE {
            return self.judge("SyncGroup", answer.error_code);
        }
        let text = std::str::from_utf8(answer.assignment).expect("what a leader wrote");
        let (generation, lines) = text.split_once('\n').expect("what a leader wrote");
        let expected = self.generation.to_string();
        assert!(generation == expected, "generation {expected} is given the assignment of {generation}");
        self.stage = Stage::Seated;
        self.beat_at = desk.now.after_ms(BEAT_MS);
        let place = |line: &str| {
            let (name, index) = line.split_once(' ').expect("a partition a line");
            let topic = topics.iter().find(|topic| topic.name == name).expect("a topic of ours");
            (topic.name, index.parse().expect("a number"))
        };
        Told::Holds(lines.lines().map(place).collect::<BTreeSet<Place>>())
    }

    /// What an answer without anything in it means.
    fn judge(&mut self, what: &str, code: i16) -> Told {
        match code {
            NONE => Told::Lives,
            REBALANCE => {
                self.stage = Stage::Joins;
                Told::GoesOn
            }
            ILLEGAL_GENERATION | UNKNOWN_MEMBER => {
                self.keeps_id = code == ILLEGAL_GENERATION;
                Told::Lost
            }
            TIMED_OUT | STORAGE | NO_COORDINATOR | LOADING | NOT_COORDINATOR => Told::Later,
            other => panic!("{what} answers {other} to {self:?}"),
        }
    }

    pub fn leave(&mut self, group: &'static str, link: &mut Link, desk: &mut Desk<'_>) -> bool {
        if self.id.is_empty() {
            return false;
        }
        let version = self.version.min(5);
        let mut request = LeaveGroupRequest { group_id: group, ..Default::default() };
        if version >= LEAVES_TOGETHER {
            request.members = vec![MemberIdentity { member_id: &self.id, group_instance_id: None, reason: None }];
        } else {
            request.member_id = &self.id;
        }
        link.ask(version, &request, desk);
        true
    }
}

/// A subscription as Kafka's clients write it: version, topics, nothing else.
fn subscription(topics: &[Topic]) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend_from_slice(&(topics.len() as i32).to_be_bytes());
    for topic in topics {
        out.extend_from_slice(&(topic.name.len() as i16).to_be_bytes());
        out.extend_from_slice(topic.name.as_bytes());
    }
    out.extend_from_slice(&(-1_i32).to_be_bytes());
    out
}

/// Every partition to one of the members; each generation begins with another one.
fn deal(members: &[String], generation: i32, topics: &[Topic]) -> Vec<String> {
    let mut dealt = vec![format!("{generation}\n"); members.len()];
    let places = topics.iter().flat_map(|topic| (0..topic.partitions).map(|index| (topic.name, index)));
    for (number, (name, index)) in places.enumerate().filter(|_| !members.is_empty()) {
        dealt[(number + generation as usize) % members.len()].push_str(&format!("{name} {index}\n"));
    }
    dealt
}
