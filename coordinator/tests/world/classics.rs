#![allow(dead_code, reason = "not every test has members of the classic protocol")]
//! Members of the classic protocol as their clients see them: consumers that give everything back before they join, or keep
//! what they may.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::*;
use apus_core::error::Refusal;
use apus_core::group_message::{GroupAnswer, GroupAsk};
use apus_core::message::{Answer, Ask};
use bytes::Bytes;

use super::World;
use super::members::{GROUP, ask, text};

/// A member as its client sees it.
#[derive(Clone, Debug)]
pub struct Classic {
    pub id: Arc<str>,
    pub instance: Option<Arc<str>>,
    pub generation: i32,
    pub topics: Vec<String>,
    pub holds: BTreeSet<(String, i32)>,
    /// It keeps what it holds while it joins.
    pub keeps: bool,
    /// It gave something back and is to join again.
    pub rejoins: bool,
    pub session_ms: i32,
    pub rebalance_ms: i32,
    pub protocol_type: String,
    /// What it says instead of its subscription.
    pub says: Option<Bytes>,
    /// It joins with the id that it is told first, as clients do.
    pub learns_id: bool,
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u16).to_be_bytes());
    out.extend(text.as_bytes());
}

fn put_partitions(out: &mut Vec<u8>, partitions: &BTreeSet<(String, i32)>) {
    let topics: BTreeSet<&String> = partitions.iter().map(|(topic, _)| topic).collect();
    out.extend((topics.len() as u32).to_be_bytes());
    for topic in topics {
        let indexes: Vec<i32> = partitions.iter().filter(|(name, _)| name == topic).map(|(_, index)| *index).collect();
        put_text(out, topic);
        out.extend((indexes.len() as u32).to_be_bytes());
        indexes.iter().for_each(|index| out.extend(index.to_be_bytes()));
    }
}

/// An assignment in the words of consumers.
pub fn assignment(partitions: &BTreeSet<(String, i32)>, user_data: Option<&[u8]>) -> Bytes {
    let mut out = vec![0, 3];
    put_partitions(&mut out, partitions);
    match user_data {
        None => out.extend((-1_i32).to_be_bytes()),
        Some(data) => {
            out.extend((data.len() as u32).to_be_bytes());
            out.extend(data);
        }
    }
    Bytes::from(out)
}

/// What such an assignment says.
pub fn partitions(bytes: &[u8]) -> BTreeSet<(String, i32)> {
    if bytes.is_empty() {
        return BTreeSet::new();
    }
    let (found, at) = partitions_at(bytes, 2);
    assert_eq!((&bytes[at..], at + 4), (&[0xff; 4][..], bytes.len()), "no user data, and nothing behind it");
    found
}

/// What a subscription says that its member owns.
pub fn owned(bytes: &[u8]) -> BTreeSet<(String, i32)> {
    let mut at = 6;
    for _ in 0..bytes[5] {
        at += 2 + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    }
    partitions_at(bytes, at + 4).0
}

/// Partitions that begin at a place, and where they end.
fn partitions_at(bytes: &[u8], from: usize) -> (BTreeSet<(String, i32)>, usize) {
    let number = |at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let (mut found, mut at) = (BTreeSet::new(), from + 4);
    for _ in 0..number(from) {
        let length = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let name = std::str::from_utf8(&bytes[at + 2..at + 2 + length]).expect("a name");
        at += 2 + length;
        let count = number(at);
        found.extend((0..count).map(|place| (name.to_owned(), number(at + 4 + 4 * place as usize))));
        at += 4 + 4 * count as usize;
    }
    (found, at)
}

impl Classic {
    /// One without an id, which gives everything back before it joins.
    pub fn new(topics: &[&str]) -> Classic {
        Classic {
            id: text(""),
            instance: None,
            generation: -1,
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            holds: BTreeSet::new(),
            keeps: false,
            rejoins: false,
            session_ms: 30_000,
            rebalance_ms: 60_000,
            protocol_type: "consumer".to_owned(),
            says: None,
            learns_id: false,
        }
    }

    pub fn keeping(topics: &[&str]) -> Classic {
        Classic { keeps: true, ..Classic::new(topics) }
    }

    fn subscription(&self) -> Bytes {
        let mut out = vec![0, 3];
        out.extend((self.topics.len() as u32).to_be_bytes());
        self.topics.iter().for_each(|topic| put_text(&mut out, topic));
        out.extend((-1_i32).to_be_bytes());
        put_partitions(&mut out, &self.holds);
        out.extend(self.generation.to_be_bytes());
        out.extend((-1_i16).to_be_bytes());
        Bytes::from(out)
    }

    /// The strategy that it prefers; all know `range`.
    pub fn strategy(&self) -> &'static str {
        if self.keeps { "cooperative-sticky" } else { "range" }
    }

    pub fn join_request(&self) -> JoinGroupRequest {
        let metadata = self.says.clone().unwrap_or_else(|| self.subscription());
        let names = if self.keeps { &["cooperative-sticky", "range"][..] } else { &["range"][..] };
        let protocol = |name: &&str| GroupProtocol { name: text(name), metadata: metadata.clone() };
        JoinGroupRequest {
            group_id: text(GROUP),
            session_timeout_ms: self.session_ms,
            rebalance_timeout_ms: self.rebalance_ms,
            member_id: Arc::clone(&self.id),
            group_instance_id: self.instance.clone(),
            protocol_type: text(&self.protocol_type),
            protocols: names.iter().map(protocol).collect(),
            reason: None,
            member_id_required: self.learns_id,
            skip_assignment: true,
        }
    }

    /// Asks to be in the next generation, of which it may hear much later: under which ticket.
    pub fn post_join(&mut self, world: &mut World) -> u64 {
        if !self.keeps {
            self.holds.clear();
        }
        let client = GroupClient { id: text("app"), host: text("/127.0.0.1") };
        let ask = GroupAsk::Join { request: self.join_request(), client };
        world.post(Ask::Group(Box::new(ask)))
    }

    /// What it was told, if it was.
    pub fn hear_join(&mut self, world: &mut World, ticket: u64) -> Option<Result<Joined, Refusal>> {
        let Answer::Group(answer) = world.answers.remove(&ticket)? else { panic!("not of groups") };
        let GroupAnswer::Join(response) = *answer else { panic!("not a join: {answer:?}") };
        if !response.member_id.is_empty() {
            self.id = response.member_id;
        }
        if let Ok(joined) = &response.result {
            self.generation = joined.generation;
        }
        Some(response.result)
    }

    /// Joins where it is answered at once.
    pub fn join(&mut self, world: &mut World) -> Result<Joined, Refusal> {
        let ticket = self.post_join(world);
        self.hear_join(world, ticket).expect("it is answered at once")
    }

    pub fn caller(&self) -> GroupCaller {
        GroupCaller {
            group_id: text(GROUP),
            generation: self.generation,
            member_id: Arc::clone(&self.id),
            group_instance_id: self.instance.clone(),
        }
    }

    pub fn sync_request(&self, assignments: Vec<Assignment>) -> SyncGroupRequest {
        SyncGroupRequest {
            caller: self.caller(),
            protocol_required: true,
            protocol_type: Some(text(&self.protocol_type)),
            protocol_name: Some(text(self.strategy())),
            assignments,
        }
    }

    /// Asks for its assignment where it is answered at once, and does as it is told.
    pub fn sync(&mut self, world: &mut World) -> Result<(), Refusal> {
        match ask(world, GroupAsk::Sync(self.sync_request(Vec::new()))) {
            GroupAnswer::Sync(response) => response.result.map(|synced| self.take(partitions(&synced.assignment))),
            other => panic!("not a sync: {other:?}"),
        }
    }

    /// It has these from now on.
    pub fn take(&mut self, partitions: BTreeSet<(String, i32)>) {
        self.rejoins = !self.holds.is_subset(&partitions);
        self.holds = partitions;
    }

    pub fn heartbeat(&self, world: &mut World) -> Result<(), Refusal> {
        match ask(world, GroupAsk::Heartbeat(HeartbeatRequest { caller: self.caller() })) {
            GroupAnswer::Heartbeat(response) => response.result,
            other => panic!("not a heartbeat: {other:?}"),
        }
    }

    /// Beats once among members of the consumer protocol, and joins again where it is told to.
    pub fn beat(&mut self, world: &mut World) -> Result<(), Refusal> {
        let told = if self.rejoins { Err(Refusal::RebalanceInProgress) } else { self.heartbeat(world) };
        if told != Err(Refusal::RebalanceInProgress) {
            return told;
        }
        self.join(world)?;
        match self.sync(world) {
            Err(Refusal::RebalanceInProgress) => Ok(()),
            told => told,
        }
    }

    pub fn leave(&self, world: &mut World) -> Result<(), Refusal> {
        let group_instance_id = self.instance.clone();
        let member = LeavingMember { member_id: Arc::clone(&self.id), group_instance_id, reason: None };
        match ask(world, GroupAsk::Leave(LeaveGroupRequest { group_id: text(GROUP), members: vec![member] })) {
            GroupAnswer::Leave(mut response) => response.result.as_mut().expect("it has a name").remove(0).result,
            other => panic!("not a leave: {other:?}"),
        }
    }
}

/// All partitions of a topic, dealt out.
pub fn deal(members: &[Classic], topic: &str, count: i32) -> Vec<Bytes> {
    let share = |place: usize| {
        let own = (0..count).filter(|index| *index as usize % members.len() == place);
        assignment(&own.map(|index| (topic.to_owned(), index)).collect(), None)
    };
    (0..members.len()).map(share).collect()
}

/// All of them go through a generation of a classic group, in which each is assigned this.
pub fn gather(world: &mut World, members: &mut [Classic], shares: &[Bytes]) {
    let mut tickets: Vec<Option<u64>> = members.iter_mut().map(|member| Some(member.post_join(world))).collect();
    for _ in 0..10 {
        world.pass(50);
        for (member, ticket) in members.iter_mut().zip(&mut tickets) {
            let Some(told) = ticket.and_then(|waits| member.hear_join(world, waits)) else { continue };
            told.expect("everyone is let in");
            *ticket = None;
        }
        let newest = members.iter().map(|member| member.generation).max().expect("somebody");
        let waits = tickets.iter().any(Option::is_some);
        if !waits && members.iter().all(|member| member.generation == newest) {
            return sync_all(world, members, shares);
        }
        // Whoever was told of a generation that others wait to follow joins again.
        for (member, ticket) in members.iter_mut().zip(&mut tickets) {
            if ticket.is_none() && (waits || member.generation < newest) {
                *ticket = Some(member.post_join(world));
            }
        }
    }
    panic!("no generation gathers")
}

/// Everyone asks for its assignment; the leader, whoever it is, brings them.
pub fn sync_all(world: &mut World, members: &mut [Classic], shares: &[Bytes]) {
    let given: Vec<Assignment> = members
        .iter()
        .zip(shares)
        .map(|(member, share)| Assignment { member_id: Arc::clone(&member.id), assignment: share.clone() })
        .collect();
    let mut tickets = Vec::new();
    for member in members.iter() {
        let sync = SyncGroupRequest { protocol_name: None, ..member.sync_request(given.clone()) };
        tickets.push(world.post(Ask::Group(Box::new(GroupAsk::Sync(sync)))));
    }
    for (member, ticket) in members.iter_mut().zip(tickets) {
        let Some(Answer::Group(answer)) = world.answers.remove(&ticket) else { panic!("no answer") };
        let GroupAnswer::Sync(response) = *answer else { panic!("not a sync: {answer:?}") };
        let synced = response.result.expect("it is assigned");
        if synced.assignment.first() == Some(&0) && synced.assignment.len() >= 6 {
            member.take(std::panic::catch_unwind(|| partitions(&synced.assignment)).unwrap_or_default());
        }
    }
}
