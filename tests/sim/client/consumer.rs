//! A consumer: with a fetch session or without, in order from the first offset, and asking for offsets in between.

use std::collections::{BTreeMap, VecDeque};

use apus_core::ids::Uuid;
use apus_net::wire::schema::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData,
};
use apus_net::wire::schema::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use bytes::Bytes;

use super::topic::Topic;
use super::{CORRUPT, Desk, Link, NONE, NOT_LEADER, OUT_OF_RANGE, STORAGE, TIMED_OUT, UNKNOWN_ID, UNKNOWN_TOPIC, read};
use crate::checker::{Place, Promise};

/// Session not found, epoch invalid, topic ids that changed under it.
const SESSION_GONE: [i16; 3] = [70, 71, 106];
const INCONSISTENT_ID: i16 = 103;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

/// One partition.
#[derive(Debug)]
struct Reading {
    topic: usize,
    place: Place,
    id: Uuid,
    /// The era of its topic that it reads, where that was certain.
    era: Option<u32>,
    /// Where it began.
    start: i64,
    position: i64,
    /// Its position lies below the first offset: it asks for that.
    is_behind: bool,
    /// The position that the session knows.
    declared: Option<i64>,
    high_watermark: i64,
    end: Option<i64>,
}

#[derive(Debug)]
enum Asked {
    Fetch { promises: Vec<Promise> },
    Ends { promises: Vec<Promise>, is_last: bool },
    Starts { promises: Vec<Promise> },
    Since { promises: Vec<Promise>, wanted_ms: i64, expected: Vec<Option<i64>> },
}

/// A consumer.
#[derive(Debug)]
pub struct Consumer {
    version: i16,
    uses_session: bool,
    session: (i32, i32),
    readings: Vec<Reading>,
    asked: VecDeque<Asked>,
    finishing: bool,
    bytes_max: i32,
}

impl Consumer {
    /// A consumer from the first offset on.
    pub fn new(version: i16, uses_session: bool, topics: &[Topic], bytes_max: i32) -> Consumer {
        let reading = |topic: usize, index: i32| Reading {
            topic,
            place: (topics[topic].name, index),
            id: Uuid::ZERO,
            era: None,
            start: 0,
            position: 0,
            is_behind: false,
            declared: None,
            high_watermark: 0,
            end: None,
        };
        let places = topics.iter().enumerate().flat_map(|(topic, of)| (0..of.partitions).map(move |at| (topic, at)));
        let readings = places.map(|(topic, index)| reading(topic, index)).collect();
        let uses_session = uses_session && version >= 7;
        let (session, asked) = ((0, 0), VecDeque::new());
        Consumer { version, uses_session, session, readings, asked, finishing: false, bytes_max }
    }

    /// From now on it reads to the end that it is told next, and is done there.
    pub fn finish(&mut self) {
        self.finishing = true;
    }

    /// Where it began and where it stands.
    pub fn positions(&self) -> impl Iterator<Item = (Place, (i64, i64))> {
        self.readings.iter().map(|reading| (reading.place, (reading.start, reading.position)))
    }

    pub(super) fn is_done(&self) -> bool {
        self.finishing && self.readings.iter().all(|reading| reading.end.is_some_and(|end| reading.position >= end))
    }

    pub(super) fn disconnected(&mut self) {
        self.asked.clear();
        self.forget_session();
    }

    fn forget_session(&mut self) {
        self.session = (0, 0);
        self.readings.iter_mut().for_each(|reading| reading.declared = None);
    }

    pub(super) fn work(&mut self, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        if !self.asked.is_empty() || self.is_done() {
            return;
        }
        let follow = |is_other, reading: &mut Reading| reading.follow(&topics[reading.topic], desk) || is_other;
        if self.readings.iter_mut().fold(false, follow) {
            self.forget_session();
        }
        let promises: Vec<Promise> = self.readings.iter().map(|reading| desk.checker.promise(reading.place)).collect();
        let is_last = self.finishing && self.readings.iter().any(|reading| reading.end.is_none());
        let asked = if self.readings.iter().any(|reading| reading.is_behind) {
            self.ask_offsets(EARLIEST, topics, link, desk);
            Asked::Starts { promises }
        } else if is_last || desk.rng.chance(6) {
            self.ask_offsets(LATEST, topics, link, desk);
            Asked::Ends { promises, is_last }
        } else if desk.rng.chance(8) {
            let wanted_ms = desk.wall.0 - desk.rng.below(10_000) as i64;
            let expected = |reading: &Reading| desk.checker.first_since(reading.place, wanted_ms);
            let expected = self.readings.iter().map(expected).collect();
            self.ask_offsets(wanted_ms, topics, link, desk);
            Asked::Since { promises, wanted_ms, expected }
        } else {
            self.ask_records(topics, link, desk);
            Asked::Fetch { promises }
        };
        self.asked.push_back(asked);
    }

    fn ask_offsets(&mut self, timestamp: i64, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        let partition = |partition_index| ListOffsetsPartition { partition_index, current_leader_epoch: -1, timestamp };
        let topics = topics.iter().map(|topic| ListOffsetsTopic {
            name: topic.name,
            partitions: (0..topic.partitions).map(partition).collect(),
        });
        let request = ListOffsetsRequest { replica_id: -1, topics: topics.collect(), ..Default::default() };
        link.ask(7, &request, desk);
    }

    fn ask_records(&mut self, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        let (by_id, whole) = (self.version >= 13, !self.uses_session || self.session == (0, 0));
        let mut wanted = Vec::new();
        for (number, topic) in topics.iter().enumerate() {
            let mut partitions = Vec::new();
            for reading in self.readings.iter_mut().filter(|reading| reading.topic == number && topic.is_known()) {
                if !whole && reading.declared == Some(reading.position) {
                    continue;
                }
                reading.declared = Some(reading.position);
                partitions.push(FetchPartition {
                    partition: reading.place.1,
                    fetch_offset: reading.position,
                    partition_max_bytes: 1 + desk.rng.below(self.bytes_max as u64) as i32,
                    ..Default::default()
                });
            }
            if !partitions.is_empty() {
                let name = if by_id { "" } else { topic.name };
                let topic_id = if by_id { topic.id } else { Uuid::ZERO };
                wanted.push(FetchTopic { topic: name, topic_id, partitions });
            }
        }
        let (session_id, session_epoch) = if self.uses_session { self.session } else { (0, -1) };
        let request = FetchRequest {
            max_wait_ms: desk.rng.below(500) as i32,
            min_bytes: 1,
            max_bytes: self.bytes_max,
            session_id,
            session_epoch,
            topics: wanted,
            ..Default::default()
        };
        link.ask(self.version, &request, desk);
    }

    pub(super) fn answered(&mut self, topics: &[Topic], frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        match self.asked.pop_front().expect("something was asked") {
            Asked::Fetch { promises } => self.fetched(topics, frame, version, &promises, desk),
            Asked::Ends { promises, is_last } => {
                let ends = self.offsets(topics, frame, version, desk);
                self.ended(&ends, &promises, is_last, desk);
            }
            Asked::Starts { promises } => {
                let starts = self.offsets(topics, frame, version, desk);
                self.begun(&starts, &promises, desk);
            }
            Asked::Since { promises, wanted_ms, expected } => {
                let found = self.offsets(topics, frame, version, desk);
                for ((reading, promise), expected) in self.readings.iter().zip(promises).zip(expected) {
                    let Some(found) = found.get(&reading.place) else { continue };
                    desk.checker.found_since(reading.place, wanted_ms, *found, expected, promise);
                }
            }
        }
    }

    /// The offsets and times of an answer to ListOffsets, where there is one.
    fn offsets(
        &self,
        topics: &[Topic],
        frame: &Bytes,
        version: i16,
        desk: &mut Desk<'_>,
    ) -> BTreeMap<Place, (i64, i64)> {
        let answer: ListOffsetsResponse<'_> = read(frame, version);
        let mut found = BTreeMap::new();
        for answered in &answer.topics {
            let topic = topics.iter().find(|topic| topic.name == answered.name).expect("it was asked for");
            for partition in &answered.partitions {
                let place = (topic.name, partition.partition_index);
                match partition.error_code {
                    NONE => drop(found.insert(place, (partition.offset, partition.timestamp))),
                    TIMED_OUT | STORAGE => desk.again_in(20),
                    CORRUPT => desk.damaged(),
                    UNKNOWN_TOPIC => desk.lost(topic, UNKNOWN_TOPIC),
                    other => panic!("ListOffsets answers {other} for {place:?}"),
                }
            }
        }
        found
    }

    fn ended(&mut self, ends: &BTreeMap<Place, (i64, i64)>, promises: &[Promise], is_last: bool, desk: &mut Desk<'_>) {
        for (reading, promise) in self.readings.iter_mut().zip(promises) {
            let Some((end, _)) = ends.get(&reading.place) else { continue };
            desk.checker.told(reading.place, *end, 0, *promise);
            if is_last && desk.checker.holds(reading.place, *promise) {
                reading.end = Some(*end);
            }
        }
    }

    fn begun(&mut self, starts: &BTreeMap<Place, (i64, i64)>, promises: &[Promise], desk: &mut Desk<'_>) {
        for (reading, promise) in self.readings.iter_mut().zip(promises).filter(|(reading, _)| reading.is_behind) {
            let Some((start, _)) = starts.get(&reading.place) else { continue };
            desk.checker.starts(reading.place, *start, *promise, desk.wall);
            let holds = desk.checker.holds(reading.place, *promise);
            assert!(!holds || *start > reading.position, "{:?} is out of range behind its start {start}", reading);
            (reading.start, reading.position, reading.is_behind) = (*start, *start, false);
        }
    }

    fn fetched(&mut self, topics: &[Topic], frame: &Bytes, version: i16, promises: &[Promise], desk: &mut Desk<'_>) {
        let answer: FetchResponse<'_> = read(frame, version);
        if SESSION_GONE.contains(&answer.error_code) {
            return self.forget_session();
        }
        assert!(answer.error_code == NONE, "Fetch answers {}", answer.error_code);
        if self.uses_session && answer.session_id != 0 {
            self.session = (answer.session_id, self.session.1 + 1);
        }
        for topic in &answer.responses {
            for partition in &topic.partitions {
                let is_it = |reading: &Reading| reading.is_named(topic, version >= 13, partition.partition_index);
                let at = self.readings.iter().position(is_it).expect("an answer for what was asked");
                let reading = &mut self.readings[at];
                reading.take(partition, promises[at], version, &topics[reading.topic], desk);
            }
        }
    }
}

impl Reading {
    /// Follows its topic where that is another one now; true where it begins anew.
    fn follow(&mut self, topic: &Topic, desk: &Desk<'_>) -> bool {
        let era = desk.checker.era(self.place);
        let is_other = era.is_some() && self.era.is_some() && era != self.era;
        let is_renamed = topic.is_known() && self.id != topic.id && self.id != Uuid::ZERO;
        if topic.is_known() {
            self.id = topic.id;
        }
        self.era = era.or(self.era);
        if is_other || is_renamed {
            (self.start, self.position, self.is_behind) = (0, 0, false);
            (self.declared, self.high_watermark, self.end) = (None, 0, None);
        }
        is_other || is_renamed
    }

    fn is_named(&self, topic: &FetchableTopicResponse<'_>, by_id: bool, index: i32) -> bool {
        let is_topic = if by_id { self.id == topic.topic_id } else { self.place.0 == topic.topic };
        is_topic && self.place.1 == index
    }

    fn take(
        &mut self,
        partition: &PartitionData<'_>,
        promise: Promise,
        version: i16,
        topic: &Topic,
        desk: &mut Desk<'_>,
    ) {
        let code = partition.error_code;
        if code != NONE {
            self.declared = None;
            return self.refused(code, promise, topic, desk);
        }
        let high_watermark = partition.high_watermark;
        desk.checker.told(self.place, high_watermark, self.high_watermark, promise);
        if desk.checker.holds(self.place, promise) {
            self.high_watermark = high_watermark;
        }
        if version >= 5 {
            desk.checker.starts(self.place, partition.log_start_offset, promise, desk.wall);
        }
        let Some(records) = partition.records else { return };
        let bytes = Bytes::from(records.to_vec());
        self.position = desk.checker.read(self.place, self.position, &bytes, high_watermark, promise);
    }

    fn refused(&mut self, code: i16, promise: Promise, topic: &Topic, desk: &mut Desk<'_>) {
        match code {
            TIMED_OUT | STORAGE | NOT_LEADER => desk.again_in(20),
            CORRUPT => desk.damaged(),
            UNKNOWN_TOPIC | UNKNOWN_ID | INCONSISTENT_ID => desk.lost(topic, code),
            OUT_OF_RANGE => {
                let holds = desk.checker.holds(self.place, promise);
                let is_trimmed = desk.checker.is_trimmed(self.place);
                assert!(is_trimmed || !holds, "{:?} is out of range at {}", self.place, self.position);
                self.is_behind = is_trimmed;
                if !is_trimmed {
                    // Of another era than it believed.
                    (self.position, self.high_watermark) = (0, 0);
                }
            }
            other => panic!("Fetch of {:?} at {} answers {other}", self.place, self.position),
        }
    }
}
