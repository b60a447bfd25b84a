//! The consumer protocol: heartbeats that are all of membership. Partitions come and go one by one.

use std::collections::{BTreeMap, BTreeSet};

use apus_core::ids::Uuid;
use apus_core::time::Instant;
use apus_net::wire::schema::consumer_groups::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use bytes::Bytes;

use super::seat::Told;
use super::{BEAT_MS, FENCED_EPOCH, GROUP_NOT_FOUND, LOADING, NOT_COORDINATOR, REBALANCE_MS, UNKNOWN_MEMBER};
use crate::checker::Place;
use crate::checker::groups::MemberName;
use crate::client::topic::Topic;
use crate::client::{Desk, Link, NO_COORDINATOR, NONE, STORAGE, TIMED_OUT, read};

/// From it on, members draw their ids themselves.
const OWN_IDS: i16 = 1;
/// The epoch of one who leaves.
const LEAVES: i32 = -1;

/// A place in a group of the consumer protocol.
#[derive(Debug)]
pub struct Beating {
    id: String,
    epoch: i32,
    version: i16,
    assignor: Option<&'static str>,
    told: BTreeSet<Place>,
    /// It says all of itself next: what it said last may not have been heard.
    is_whole: bool,
    /// It says what it uses next.
    has_news: bool,
    beat_at: Instant,
}

impl Beating {
    /// A place that speaks this version and prefers this assignor.
    pub fn new(version: i16, assignor: Option<&'static str>) -> Beating {
        let (id, told, beat_at) = (String::new(), BTreeSet::new(), Instant(0));
        Beating { id, epoch: 0, version, assignor, told, is_whole: true, has_news: false, beat_at }
    }

    pub fn begin(&mut self, name: MemberName) {
        self.lose();
        self.id = if self.version >= OWN_IDS { format!("{}-{}", name.process, name.life) } else { String::new() };
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    pub fn is_seated(&self) -> bool {
        self.epoch > 0 && !self.is_whole && !self.has_news
    }

    pub fn is_called(&self) -> bool {
        false
    }

    pub fn is_joining(&self) -> bool {
        self.epoch == 0
    }

    pub fn due_at(&self) -> Instant {
        if self.is_seated() { self.beat_at } else { Instant(0) }
    }

    pub fn lose(&mut self) {
        (self.epoch, self.is_whole, self.has_news) = (0, true, false);
        self.told.clear();
    }

    pub fn call(&mut self) {
        panic!("nobody is called together in a group of the consumer protocol");
    }

    pub fn doubt(&mut self) {
        self.is_whole = true;
    }

    pub fn disconnected(&mut self) {
        self.is_whole = true;
    }

    pub fn ask(&mut self, group: &'static str, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        let joins = self.epoch == 0;
        let is_whole = joins || self.is_whole;
        let owned = if joins { Vec::new() } else { named(&self.told, topics) };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: group,
            member_id: &self.id,
            member_epoch: self.epoch,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: if is_whole { REBALANCE_MS as i32 } else { -1 },
            subscribed_topic_names: is_whole.then(|| topics.iter().map(|topic| topic.name).collect()),
            subscribed_topic_regex: None,
            server_assignor: self.assignor.filter(|_| is_whole),
            topic_partitions: (is_whole || self.has_news).then_some(owned),
        };
        link.ask(self.version, &request, desk);
    }

    pub fn answered(&mut self, topics: &[Topic], frame: &Bytes, version: i16, desk: &mut Desk<'_>) -> Told {
        let answer: ConsumerGroupHeartbeatResponse<'_> = read(frame, version);
        match answer.error_code {
            NONE => {}
            FENCED_EPOCH | UNKNOWN_MEMBER | GROUP_NOT_FOUND => return Told::Lost,
            TIMED_OUT | STORAGE | NO_COORDINATOR | LOADING | NOT_COORDINATOR => return Told::Later,
            other => panic!("ConsumerGroupHeartbeat answers {other} to {self:?}"),
        }
        self.id = answer.member_id.expect("a member has an id").to_owned();
        (self.epoch, self.is_whole, self.has_news) = (answer.member_epoch, false, false);
        self.beat_at = desk.now.after_ms(BEAT_MS);
        if let Some(assignment) = answer.assignment {
            let told: BTreeSet<Place> = places(&assignment.topic_partitions, topics);
            self.has_news = told != self.told;
            self.told = told;
        }
        Told::Holds(self.told.clone())
    }

    pub fn leave(&mut self, group: &'static str, link: &mut Link, desk: &mut Desk<'_>) -> bool {
        if self.id.is_empty() || self.epoch == 0 {
            return false;
        }
        let request = ConsumerGroupHeartbeatRequest {
            group_id: group,
            member_id: &self.id,
            member_epoch: LEAVES,
            rebalance_timeout_ms: -1,
            ..Default::default()
        };
        link.ask(self.version, &request, desk);
        true
    }
}

fn named(told: &BTreeSet<Place>, topics: &[Topic]) -> Vec<TopicPartitions> {
    let mut owned: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (name, index) in told {
        let topic = topics.iter().find(|topic| topic.name == *name).expect("a topic of ours");
        owned.entry(topic.id).or_default().push(*index);
    }
    owned.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
}

fn places(assigned: &[TopicPartitions], topics: &[Topic]) -> BTreeSet<Place> {
    let of_topic = |assigned: &TopicPartitions| {
        let topic = topics.iter().find(|topic| topic.id == assigned.topic_id).expect("a topic of ours");
        let name = topic.name;
        assigned.partitions.iter().map(move |index| (name, *index)).collect::<Vec<Place>>()
    };
    assigned.iter().flat_map(of_topic).collect()
}
