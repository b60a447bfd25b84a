//! Somebody who creates a topic, deletes it and creates it again, and believes no answer that comes too early.

use apus_core::ids::Uuid;
use apus_core::time::Instant;
use apus_net::wire::schema::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use apus_net::wire::schema::topics::{DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse};
use bytes::Bytes;

use super::topic::Topic;
use super::{Desk, Link, NONE, STORAGE, TIMED_OUT, TOPIC_EXISTS, UNKNOWN_ID, UNKNOWN_TOPIC, creation, read};

/// How long a topic is there, or is not.
const REST_MS_MAX: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Creates,
    /// It is there until then.
    Stands(Instant),
    Deletes,
    /// It was deleted, and whoever asks is told so.
    Verifies,
    /// It is gone until then.
    Misses(Instant),
}

/// An admin of one topic.
#[derive(Debug)]
pub struct Admin {
    topic: Topic,
    step: Step,
    rounds: u32,
    /// The present step was asked for before, and nobody knows what became of it.
    is_doubtful: bool,
    is_asked: bool,
}

impl Admin {
    /// An admin that deletes the topic so often, and leaves it there in the end.
    pub fn new(topic: Topic, rounds: u32) -> Admin {
        Admin { topic, step: Step::Creates, rounds, is_doubtful: false, is_asked: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.rounds == 0 && matches!(self.step, Step::Stands(_))
    }

    pub(super) fn disconnected(&mut self) {
        self.is_doubtful |= self.is_asked;
        self.is_asked = false;
    }

    fn enter(&mut self, step: Step) {
        (self.step, self.is_doubtful) = (step, false);
    }

    pub(super) fn work(&mut self, link: &mut Link, desk: &mut Desk<'_>) {
        if self.is_asked || self.is_done() {
            return;
        }
        if let Step::Stands(until) | Step::Misses(until) = self.step {
            if desk.now < until {
                return desk.wake_at = desk.wake_at.min(until);
            }
            let next = if matches!(self.step, Step::Stands(_)) { Step::Deletes } else { Step::Creates };
            self.enter(next);
        }
        self.is_asked = true;
        match self.step {
            Step::Creates => link.ask(7, &creation([&self.topic].into_iter()), desk),
            Step::Deletes => {
                desk.checker.deleting(self.topic.name);
                let topics = vec![DeleteTopicState { name: Some(self.topic.name), topic_id: Uuid::ZERO }];
                link.ask(6, &DeleteTopicsRequest { topics, timeout_ms: 5_000, ..Default::default() }, desk);
            }
            Step::Verifies => {
                let topics = Some(vec![MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(self.topic.name) }]);
                let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
                link.ask(12, &request, desk);
            }
            Step::Stands(_) | Step::Misses(_) => unreachable!("a rest is over"),
        }
    }

    pub(super) fn answered(&mut self, frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        self.is_asked = false;
        match self.step {
            Step::Creates => self.created(frame, version, desk),
            Step::Deletes => self.deleted(frame, version, desk),
            Step::Verifies => self.verified(frame, version, desk),
            Step::Stands(_) | Step::Misses(_) => unreachable!("nothing was asked"),
        }
    }

    fn rest(&self, desk: &mut Desk<'_>) -> Instant {
        desk.now.after_ms(1 + desk.rng.below(REST_MS_MAX))
    }

    fn created(&mut self, frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        use apus_net::wire::schema::topics::CreateTopicsResponse;
        let answer: CreateTopicsResponse<'_> = read(frame, version);
        match answer.topics[0].error_code {
            NONE => {}
            TOPIC_EXISTS if self.is_doubtful => {}
            TIMED_OUT | STORAGE => return self.again(desk),
            other => panic!("CreateTopics answers {other} for {}", self.topic.name),
        }
        desk.checker.created(self.topic.name);
        let until = self.rest(desk);
        self.enter(Step::Stands(until));
    }

    fn deleted(&mut self, frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        let answer: DeleteTopicsResponse<'_> = read(frame, version);
        match answer.responses[0].error_code {
            NONE => {}
            UNKNOWN_TOPIC | UNKNOWN_ID if self.is_doubtful => {}
            TIMED_OUT | STORAGE => return self.again(desk),
            other => panic!("DeleteTopics answers {other} for {}", self.topic.name),
        }
        desk.checker.deleted(self.topic.name);
        self.rounds -= 1;
        self.enter(Step::Verifies);
    }

    fn verified(&mut self, frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        let answer: MetadataResponse<'_> = read(frame, version);
        let code = answer.topics[0].error_code;
        assert!(code == UNKNOWN_TOPIC, "{} was deleted, and Metadata answers {code}", self.topic.name);
        let until = self.rest(desk);
        self.enter(Step::Misses(until));
    }

    /// Refused for now: whether by a word or by silence, it may have happened only where that was said.
    fn again(&mut self, desk: &mut Desk<'_>) {
        self.is_doubtful = true;
        desk.again_in(50);
    }
}
