//! Clients that speak bytes: a link with its frames, and what producers, consumers, members of groups and admins do on it.

pub mod admin;
pub mod consumer;
mod link;
pub mod member;
pub mod producer;
pub mod topic;

use apus_core::ids::Uuid;
use apus_core::time::{Instant, Rng, WallTime};
use apus_net::wire::client::decode_response;
use apus_net::wire::schema::Message;
use apus_net::wire::schema::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use apus_net::wire::schema::topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse};
use bytes::Bytes;

use crate::checker::Checker;
use admin::Admin;
use consumer::Consumer;
pub use link::Link;
use member::Member;
use producer::Producer;
use topic::Topic;

/// Error codes of Kafka's.
pub const NONE: i16 = 0;
pub const OUT_OF_RANGE: i16 = 1;
pub const CORRUPT: i16 = 2;
pub const UNKNOWN_TOPIC: i16 = 3;
pub const NO_LEADER: i16 = 5;
/// What old versions are told instead of a storage error.
pub const NOT_LEADER: i16 = 6;
pub const TIMED_OUT: i16 = 7;
pub const NO_COORDINATOR: i16 = 15;
pub const TOPIC_EXISTS: i16 = 36;
pub const STORAGE: i16 = 56;
pub const UNKNOWN_ID: i16 = 100;
/// Between two looks for a topic that was not there.
const LOOK_MS: u64 = 100;

/// What a client may know and do while it is called.
pub struct Desk<'a> {
    pub now: Instant,
    pub wall: WallTime,
    pub rng: &'a mut Rng,
    pub checker: &'a mut Checker,
    /// Retries go out without their sequence: a broker that forgot them.
    pub forgets_sequences: bool,
    /// Commits under an epoch that is over say the newest: a broker that takes them.
    pub takes_stale: bool,
    /// The broker said of so many reads that their bytes are damaged.
    pub damages_named: u64,
    /// Frames to send, in order.
    pub out: Vec<Bytes>,
    /// When to be called again.
    pub wake_at: Instant,
    /// A topic was not there, or was another one: look again.
    pub is_lost: bool,
    /// The connection is to go.
    pub hangs_up: bool,
}

impl Desk<'_> {
    /// Asks to be called again in so many milliseconds.
    pub fn again_in(&mut self, milliseconds: u64) {
        self.wake_at = self.wake_at.min(self.now.after_ms(milliseconds));
    }

    /// A topic is not there: right only where somebody deletes it.
    pub fn lost(&mut self, topic: &Topic, code: i16) {
        assert!(topic.is_deleted, "nobody deletes {}, and the answer is {code}", topic.name);
        self.is_lost = true;
        self.again_in(LOOK_MS);
    }

    /// Damaged bytes were refused: right only where the broker says that some are.
    pub fn damaged(&mut self) {
        assert!(self.damages_named > 0, "a client hears of damage that the broker never named");
        self.again_in(20);
    }
}

/// Where a client stands before its work begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Creating,
    Describing { must_exist: bool },
    Working,
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
    Admin(Admin),
    Member(Member),
}

/// One client.
#[derive(Debug)]
pub struct Client {
    link: Link,
    topics: Vec<Topic>,
    stage: Stage,
    /// What it knows of its topics is to be asked again, once nothing else is asked, and not before then.
    is_lost: bool,
    look_at: Instant,
    pub role: Role,
}

impl Client {
    /// A client that works on these topics.
    pub fn new(topics: Vec<Topic>, role: Role) -> Client {
        let stage = if matches!(role, Role::Admin(_)) { Stage::Working } else { Stage::Creating };
        Client { link: Link::default(), topics, stage, is_lost: false, look_at: Instant(0), role }
    }

    /// True when it has nothing left to do.
    pub fn is_done(&self) -> bool {
        match &self.role {
            Role::Producer(producer) => producer.is_done(),
            Role::Consumer(consumer) => consumer.is_done(),
            Role::Admin(admin) => admin.is_done(),
            Role::Member(member) => member.is_done(),
        }
    }

    /// A connection stands.
    pub fn connected(&mut self, desk: &mut Desk<'_>) {
        self.link.reset();
        self.woken(desk);
    }

    /// The connection is gone; questions without answer are to be asked again.
    pub fn disconnected(&mut self) {
        self.link.reset();
        match &mut self.role {
            Role::Producer(producer) => producer.disconnected(),
            Role::Consumer(consumer) => consumer.disconnected(),
            Role::Admin(admin) => admin.disconnected(),
            Role::Member(member) => member.disconnected(),
        }
    }

    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8], desk: &mut Desk<'_>) {
        self.link.take(bytes);
        while let Some((frame, version)) = self.link.frame() {
            match self.stage {
                Stage::Creating => self.created(&frame, version, desk),
                Stage::Describing { must_exist } => self.described(&frame, version, must_exist, desk),
                Stage::Working => match &mut self.role {
                    Role::Producer(producer) => producer.answered(&self.topics, &frame, version, desk),
                    Role::Consumer(consumer) => consumer.answered(&self.topics, &frame, version, desk),
                    Role::Admin(admin) => admin.answered(&frame, version, desk),
                    Role::Member(member) => member.answered(&self.topics, &frame, version, desk),
                },
            }
        }
        self.is_lost |= desk.is_lost;
        self.woken(desk);
    }

    /// Time passed, or something came: goes on where it can.
    pub fn woken(&mut self, desk: &mut Desk<'_>) {
        if self.is_lost {
            desk.wake_at = desk.wake_at.min(self.look_at.max(desk.now.after_ms(1)));
        }
        if self.stage != Stage::Working {
            if self.link.asked() == 0 {
                self.prepare(desk);
            }
        } else if !self.is_lost || (desk.now < self.look_at && self.topics.iter().any(Topic::is_known)) {
            self.work(desk);
        } else if self.link.asked() == 0 {
            self.stage = Stage::Describing { must_exist: false };
            self.prepare(desk);
        }
    }

    /// No question is older than its asker's patience.
    pub fn check(&self, now: Instant) {
        if let Some(correlation) = self.link.overdue(now) {
            panic!("a client waits for ever for the answer to {correlation}: {:?}", self.role);
        }
    }

    fn work(&mut self, desk: &mut Desk<'_>) {
        match &mut self.role {
            Role::Producer(producer) => producer.work(&self.topics, &mut self.link, desk),
            Role::Consumer(consumer) => consumer.work(&self.topics, &mut self.link, desk),
            Role::Admin(admin) => admin.work(&mut self.link, desk),
            Role::Member(member) => member.work(&self.topics, &mut self.link, desk),
        }
    }

    /// Creates what is to be created, then asks what there is.
    fn prepare(&mut self, desk: &mut Desk<'_>) {
        if self.stage == Stage::Creating {
            let created = self.topics.iter().filter(|topic| topic.is_created && !topic.is_deleted);
            return self.link.ask(7, &creation(created), desk);
        }
        let describe = |topic: &Topic| MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(topic.name) };
        let topics = Some(self.topics.iter().map(describe).collect());
        // What an admin deleted is not to come again by being asked for.
        let allow_auto_topic_creation = !self.topics.iter().any(|topic| topic.is_deleted);
        let request = MetadataRequest { topics, allow_auto_topic_creation, ..Default::default() };
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
        let (mut are_known, mut are_all) = (true, true);
        for topic in &mut self.topics {
            let found = answer.topics.iter().find(|found| found.name == Some(topic.name));
            let found = found.unwrap_or_else(|| panic!("Metadata leaves out {}", topic.name));
            if found.error_code == NONE {
                assert!(found.partitions.len() == topic.partitions as usize, "{} has other partitions", topic.name);
                topic.id = found.topic_id;
                continue;
            }
            let allowed = matches!(found.error_code, UNKNOWN_TOPIC | NO_LEADER | TIMED_OUT | STORAGE);
            assert!(allowed, "Metadata answers {} for {}", found.error_code, topic.name);
            let is_promised = must_exist && topic.is_created && !topic.is_deleted;
            assert!(!is_promised, "{} was created for me and is unknown to me", topic.name);
            topic.id = Uuid::ZERO;
            are_all = false;
            are_known &= topic.is_deleted;
        }
        self.is_lost = !are_all;
        self.look_at = desk.now.after_ms(LOOK_MS);
        desk.is_lost = false;
        if are_known {
            self.stage = Stage::Working;
        }
        if !are_all {
            desk.again_in(LOOK_MS);
        }
    }
}

/// The request that creates these topics.
fn creation<'a>(topics: impl Iterator<Item = &'a Topic>) -> CreateTopicsRequest<'a> {
    let create = |topic: &'a Topic| CreatableTopic {
        name: topic.name,
        num_partitions: topic.partitions,
        replication_factor: -1,
        configs: topic.retention.iter().map(config).collect(),
        ..Default::default()
    };
    CreateTopicsRequest { topics: topics.map(create).collect(), timeout_ms: 5_000, validate_only: false }
}

fn config(limit: &topic::Limit) -> CreatableTopicConfig<'_> {
    CreatableTopicConfig { name: limit.key, value: Some(&limit.text) }
}
