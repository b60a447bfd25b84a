//! Clients that speak bytes: a link with its frames, and what producers and consumers do on it.

pub mod consumer;
pub mod producer;

use std::collections::VecDeque;

use apus_core::ids::Uuid;
use apus_core::time::{Instant, Rng, WallTime};
use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::Message;
use apus_net::wire::schema::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use apus_net::wire::schema::topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse};
use apus_net::wire::writer::Writer;
use bytes::{Buf, Bytes, BytesMut};

use crate::checker::Checker;
use consumer::Consumer;
use producer::Producer;

/// A question must be answered within this, also while faults last.
const ANSWER_MS_MAX: u64 = 120_000;
/// Error codes of Kafka's.
pub const NONE: i16 = 0;
pub const UNKNOWN_TOPIC: i16 = 3;
/// What old versions are told instead of a storage error.
pub const NOT_LEADER: i16 = 6;
pub const TIMED_OUT: i16 = 7;
pub const TOPIC_EXISTS: i16 = 36;
pub const STORAGE: i16 = 56;

/// What a client may know and do while it is called.
pub struct Desk<'a> {
    pub now: Instant,
    pub wall: WallTime,
    pub rng: &'a mut Rng,
    pub checker: &'a mut Checker,
    /// Retries go out without their sequence: a broker that forgot them.
    pub forgets_sequences: bool,
    /// Frames to send, in order.
    pub out: Vec<Bytes>,
    /// When to be called again.
    pub wake_at: Instant,
}

impl Desk<'_> {
    /// Asks to be called again in so many milliseconds.
    pub fn again_in(&mut self, milliseconds: u64) {
        self.wake_at = self.wake_at.min(self.now.after_ms(milliseconds));
    }
}

/// A topic that clients use, and how it comes to be.
#[derive(Clone, Debug)]
pub struct Topic {
    pub name: String,
    pub partitions: i32,
    /// Created by CreateTopics; else by asking for it.
    pub created: bool,
    pub id: Uuid,
}

/// Where a client stands before its work begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Creating,
    Describing { must_exist: bool },
    Working,
}

/// Frames and their order.
#[derive(Debug, Default)]
pub struct Link {
    writer: Writer,
    correlation: i32,
    asked: VecDeque<(i32, i16, Instant)>,
    inbound: BytesMut,
}

impl Link {
    /// Sends a request.
    pub fn ask<'a, M: Message<'a>>(&mut self, version: i16, message: &M, desk: &mut Desk<'_>) {
        self.correlation += 1;
        let frame = encode_request(&mut self.writer, version, self.correlation, Some("sim"), message);
        self.asked.push_back((self.correlation, version, desk.now));
        desk.out.push(frame.contiguous());
    }

    /// Questions without an answer.
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    fn frame(&mut self) -> Option<(Bytes, i16)> {
        let length = u32::from_be_bytes(*self.inbound.first_chunk()?) as usize;
        if self.inbound.len() < 4 + length {
            return None;
        }
        self.inbound.advance(4);
        let frame = self.inbound.split_to(length).freeze();
        let (correlation, version, _) = self.asked.pop_front().expect("an answer that nobody asked for");
        let found = i32::from_be_bytes(*frame.first_chunk().expect("an answer has a header"));
        assert!(found == correlation, "answers out of order: {found} instead of {correlation}");
        Some((frame, version))
    }
}

/// The answer, in the schema's words.
pub fn read<'a, M: Message<'a>>(frame: &'a [u8], version: i16) -> M {
    decode_response(frame, version).unwrap_or_else(|malformed| panic!("a malformed answer: {malformed:?}")).1
}

/// What a client is for.
#[derive(Debug)]
pub enum Role {
    Producer(Producer),
    Consumer(Consumer),
}

/// One client.
#[derive(Debug)]
pub struct Client {
    link: Link,
    topics: Vec<Topic>,
    stage: Stage,
    pub role: Role,
}

impl Client {
    /// A client that works on these topics.
    pub fn new(topics: Vec<Topic>, role: Role) -> Client {
        Client { link: Link::default(), topics, stage: Stage::Creating, role }
    }

    /// True when it has nothing left to do.
    pub fn is_done(&self) -> bool {
        match &self.role {
            Role::Producer(producer) => producer.is_done(),
            Role::Consumer(consumer) => consumer.is_done(),
        }
    }

    /// A connection stands.
    pub fn connected(&mut self, desk: &mut Desk<'_>) {
        self.link = Link { correlation: self.link.correlation, ..Link::default() };
        if self.stage == Stage::Working {
            return self.work(desk);
        }
        self.prepare(desk);
    }

    /// The connection is gone; questions without answer are to be asked again.
    pub fn disconnected(&mut self) {
        self.link.asked.clear();
        self.link.inbound.clear();
        match &mut self.role {
            Role::Producer(producer) => producer.disconnected(),
            Role::Consumer(consumer) => consumer.disconnected(),
        }
    }

    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8], desk: &mut Desk<'_>) {
        self.link.inbound.extend_from_slice(bytes);
        while let Some((frame, version)) = self.link.frame() {
            match self.stage {
                Stage::Creating => self.created(&frame, version, desk),
                Stage::Describing { must_exist } => self.described(&frame, version, must_exist, desk),
                Stage::Working => match &mut self.role {
                    Role::Producer(producer) => producer.answered(&frame, version, desk),
                    Role::Consumer(consumer) => consumer.answered(&frame, version, desk),
                },
            }
        }
        self.woken(desk);
    }

    /// Time passed, or something came: goes on where it can.
    pub fn woken(&mut self, desk: &mut Desk<'_>) {
        if self.stage == Stage::Working {
            self.work(desk);
        } else if self.link.asked() == 0 {
            self.prepare(desk);
        }
    }

    /// No question is older than any client's patience.
    pub fn check(&self, now: Instant) {
        if let Some((correlation, _, asked_at)) = self.link.asked.front() {
            let late = asked_at.after_ms(ANSWER_MS_MAX) < now;
            assert!(!late, "a client waits for ever for the answer to {correlation}: {:?}", self.role);
        }
    }

    fn work(&mut self, desk: &mut Desk<'_>) {
        match &mut self.role {
            Role::Producer(producer) => producer.work(&self.topics, &mut self.link, desk),
            Role::Consumer(consumer) => consumer.work(&self.topics, &mut self.link, desk),
        }
    }

    /// Creates what is to be created, then asks what there is.
    fn prepare(&mut self, desk: &mut Desk<'_>) {
        if self.stage == Stage::Creating {
            let create = |topic: &Topic| CreatableTopic {
                name: leak(&topic.name),
                num_partitions: topic.partitions,
                replication_factor: -1,
                ..Default::default()
            };
            let topics = self.topics.iter().filter(|topic| topic.created).map(create).collect();
            let request = CreateTopicsRequest { topics, timeout_ms: 5_000, validate_only: false };
            return self.link.ask(7, &request, desk);
        }
        let describe = |topic: &Topic| MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(leak(&topic.name)) };
        let topics = Some(self.topics.iter().map(describe).collect());
        let request = MetadataRequest { topics, allow_auto_topic_creation: true, ..Default::default() };
        self.link.ask(12, &request, desk);
    }

    fn created(&mut self, frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        let answer: CreateTopicsResponse<'_> = read(frame, version);
        let codes: Vec<i16> = answer.topics.iter().map(|topic| topic.error_code).collect();
        let known = |code: &i16| matches!(*code, NONE | TOPIC_EXISTS | TIMED_OUT | STORAGE);
        assert!(codes.iter().all(known), "CreateTopics answers {codes:?}");
        if codes.iter().all(|code| matches!(*code, NONE | TOPIC_EXISTS)) {
            self.stage = Stage::Describing { must_exist: codes.iter().all(|code| *code == NONE) };
        } else {
            desk.again_in(50);
        }
    }

    fn described(&mut self, frame: &Bytes, version: i16, must_exist: bool, desk: &mut Desk<'_>) {
        let answer: MetadataResponse<'_> = read(frame, version);
        let mut known = 0;
        for topic in &mut self.topics {
            let found = answer.topics.iter().find(|found| found.name == Some(&topic.name));
            let found = found.unwrap_or_else(|| panic!("Metadata leaves out {}", topic.name));
            if found.error_code != NONE {
                let allowed = matches!(found.error_code, UNKNOWN_TOPIC | 5 | TIMED_OUT | STORAGE);
                assert!(allowed, "Metadata answers {} for {}", found.error_code, topic.name);
                assert!(!(must_exist && topic.created), "{} was created for me and is unknown to me", topic.name);
                continue;
            }
            assert!(found.partitions.len() == topic.partitions as usize, "{} has other partitions", topic.name);
            topic.id = found.topic_id;
            known += 1;
        }
        if known == self.topics.len() {
            self.stage = Stage::Working;
        } else {
            desk.again_in(20);
        }
    }
}

/// A name for as long as a request is built; the names of a simulation are few.
pub fn leak(name: &str) -> &'static str {
    match name {
        "orders" => "orders",
        "clicks" => "clicks",
        other => panic!("no topic of the simulation: {other}"),
    }
}
