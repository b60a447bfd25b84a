#![allow(dead_code, reason = "not every test has groups")]
//! Members of a group of the consumer protocol as their clients see them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::*;
use apus_core::error::Refusal;
use apus_core::group_message::{GroupAnswer, GroupAsk};
use apus_core::ids::TopicId;
use apus_core::message::{Answer, Ask};

use super::World;

/// The group of all of them.
pub const GROUP: &str = "g";

pub fn ask(world: &mut World, ask: GroupAsk) -> GroupAnswer {
    match world.ask(Ask::Group(Box::new(ask))) {
        Some(Answer::Group(answer)) => *answer,
        other => panic!("not of groups: {other:?}"),
    }
}

pub fn create(world: &mut World, name: &str, partitions: i32) -> TopicId {
    match world.create(name, partitions, &[]) {
        Some(Answer::CreateTopics(response)) => response.topics[0].result.as_ref().expect("new").id,
        other => panic!("not a creation: {other:?}"),
    }
}

pub fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

/// A member as its client sees it.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: Arc<str>,
    pub instance: Option<Arc<str>>,
    pub epoch: i32,
    pub topics: Vec<Arc<str>>,
    pub regex: Option<Arc<str>>,
    pub assignor: Option<Arc<str>>,
    pub holds: BTreeSet<(TopicId, i32)>,
    /// It was told something since it beat last: it says what it holds.
    pub news: bool,
    /// It says all of itself: an answer was lost.
    pub whole: bool,
    /// How long it may take to give back.
    pub rebalance_ms: i32,
}

impl Member {
    pub fn new(id: &str, topics: &[&str]) -> Member {
        let topics = topics.iter().map(|topic| text(topic)).collect();
        let (instance, regex, assignor) = (None, None, None);
        let (holds, news, whole) = (BTreeSet::new(), true, false);
        let id = text(id);
        Member { id, instance, epoch: 0, topics, regex, assignor, holds, news, whole, rebalance_ms: 30_000 }
    }

    pub fn request(&self) -> ConsumerHeartbeatRequest {
        let says_all = self.epoch == 0 || self.whole;
        let mut owned: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
        self.holds.iter().for_each(|(topic, index)| owned.entry(*topic).or_default().push(*index));
        ConsumerHeartbeatRequest {
            group_id: text(GROUP),
            member_id: Arc::clone(&self.id),
            member_id_required: true,
            member_epoch: self.epoch,
            instance_id: self.instance.clone(),
            rack_id: None,
            rebalance_timeout_ms: says_all.then_some(self.rebalance_ms),
            topics: says_all.then(|| self.topics.clone()),
            regex: self.regex.clone().filter(|_| says_all),
            assignor: self.assignor.clone().filter(|_| says_all),
            owned: (says_all || self.news).then(|| owned.into_iter().collect()),
        }
    }

    /// Beats once and does as it is told.
    pub fn beat(&mut self, world: &mut World) -> Result<(), Refusal> {
        let beat = send(world, self.request())?;
        self.news = beat.assignment.is_some();
        (self.epoch, self.whole) = (beat.member_epoch, false);
        if let Some(assignment) = beat.assignment {
            let spread = |(topic, indexes): (TopicId, Vec<i32>)| indexes.into_iter().map(move |index| (topic, index));
            self.holds = assignment.into_iter().flat_map(spread).collect();
        }
        Ok(())
    }

    pub fn leave(&self, world: &mut World, epoch: i32) -> Result<(), Refusal> {
        send(world, ConsumerHeartbeatRequest { member_epoch: epoch, ..self.request() }).map(drop)
    }
}

pub fn send(world: &mut World, request: ConsumerHeartbeatRequest) -> Result<ConsumerBeat, Refusal> {
    let client = GroupClient { id: text("app"), host: text("/127.0.0.1") };
    match ask(world, GroupAsk::Beat { request: Box::new(request), client }) {
        GroupAnswer::Beat(response) => response.result.map_err(|refused| refused.refusal),
        other => panic!("not a heartbeat: {other:?}"),
    }
}

/// The group as an operator sees it.
pub fn describe(world: &mut World) -> Result<ConsumersDescription, Refusal> {
    let request = ConsumerDescribeRequest { groups: vec![text(GROUP)], authorized_operations: false };
    match ask(world, GroupAsk::DescribeConsumers(request)) {
        GroupAnswer::DescribeConsumers(mut response) => {
            response.groups.remove(0).result.map_err(|refused| refused.refusal)
        }
        other => panic!("not a description: {other:?}"),
    }
}
