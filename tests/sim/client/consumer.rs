//! A consumer: with a fetch session or without, in order from the first offset, and asking for the end in between.

use std::collections::{BTreeMap, VecDeque};

use apus_core::ids::Uuid;
use apus_net::wire::schema::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use apus_net::wire::schema::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use bytes::Bytes;

use super::{Desk, Link, NONE, NOT_LEADER, STORAGE, TIMED_OUT, Topic, leak, read};
use crate::checker::Place;

const SESSION_GONE: [i16; 2] = [70, 71];
const LATEST: i64 = -1;

/// One partition.
#[derive(Debug)]
struct Reading {
    topic: usize,
    place: Place,
    id: Uuid,
    position: i64,
    /// The position that the session knows.
    declared: Option<i64>,
    high_watermark: i64,
    end: Option<i64>,
}

#[derive(Debug)]
enum Asked {
    Fetch { floors: Vec<i64> },
    Ends { floors: Vec<i64>, last: bool },
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
            place: (topics[topic].name.clone(), index),
            id: Uuid::ZERO,
            position: 0,
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

    /// Where it stands.
    pub fn positions(&self) -> impl Iterator<Item = (&Place, i64)> {
        self.readings.iter().map(|reading| (&reading.place, reading.position))
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
        let floors = self.readings.iter().map(|reading| desk.checker.floor(&reading.place)).collect();
        let last = self.finishing && self.readings.iter().any(|reading| reading.end.is_none());
        if last || desk.rng.chance(6) {
            self.ask_ends(topics, link, desk);
            return self.asked.push_back(Asked::Ends { floors, last });
        }
        self.ask_records(topics, link, desk);
        self.asked.push_back(Asked::Fetch { floors });
    }

    fn ask_ends(&mut self, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        let topics = topics.iter().map(|topic| ListOffsetsTopic {
            name: leak(&topic.name),
            partitions: (0..topic.partitions)
                .map(|index| ListOffsetsPartition {
                    partition_index: index,
                    current_leader_epoch: -1,
                    timestamp: LATEST,
                })
                .collect(),
        });
        let request = ListOffsetsRequest { replica_id: -1, topics: topics.collect(), ..Default::default() };
        link.ask(7, &request, desk);
    }

    fn ask_records(&mut self, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        let (by_id, whole) = (self.version >= 13, !self.uses_session || self.session == (0, 0));
        let mut wanted = Vec::new();
        for (number, topic) in topics.iter().enumerate() {
            let mut partitions = Vec::new();
            for reading in self.readings.iter_mut().filter(|reading| reading.topic == number) {
                reading.id = topic.id;
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
                let name = if by_id { "" } else { leak(&topic.name) };
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

    pub(super) fn answered(&mut self, frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        match self.asked.pop_front().expect("something was asked") {
            Asked::Fetch { floors } => self.fetched(frame, version, &floors, desk),
            Asked::Ends { floors, last } => self.ended(frame, version, &floors, last, desk),
        }
    }

    fn ended(&mut self, frame: &Bytes, version: i16, floors: &[i64], last: bool, desk: &mut Desk<'_>) {
        let answer: ListOffsetsResponse<'_> = read(frame, version);
        let mut ends = BTreeMap::new();
        for topic in &answer.topics {
            for partition in &topic.partitions {
                match partition.error_code {
                    NONE => drop(ends.insert((topic.name.to_owned(), partition.partition_index), partition.offset)),
                    TIMED_OUT | STORAGE => desk.again_in(20),
                    other => panic!("ListOffsets answers {other}"),
                }
            }
        }
        for (reading, floor) in self.readings.iter_mut().zip(floors) {
            let Some(end) = ends.get(&reading.place) else { continue };
            desk.checker.told(&reading.place, *end, *floor);
            if last {
                reading.end = Some(*end);
            }
        }
    }

    fn fetched(&mut self, frame: &Bytes, version: i16, floors: &[i64], desk: &mut Desk<'_>) {
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
                let is_it = |reading: &Reading| {
                    let named =
                        if version >= 13 { reading.id == topic.topic_id } else { reading.place.0 == topic.topic };
                    named && reading.place.1 == partition.partition_index
                };
                let at = self.readings.iter().position(is_it).expect("an answer for what was asked");
                let reading = &mut self.readings[at];
                match partition.error_code {
                    NONE => {}
                    TIMED_OUT | STORAGE | NOT_LEADER => {
                        reading.declared = None;
                        desk.again_in(20);
                        continue;
                    }
                    other => panic!("Fetch of {:?} at {} answers {other}", reading.place, reading.position),
                }
                let high_watermark = partition.high_watermark;
                desk.checker.told(&reading.place, high_watermark, floors[at].max(reading.high_watermark));
                reading.high_watermark = high_watermark;
                assert!(
                    version < 5 || partition.log_start_offset == 0,
                    "nothing was deleted: {}",
                    partition.log_start_offset
                );
                let Some(records) = partition.records else { continue };
                let bytes = Bytes::from(records.to_vec());
                reading.position = desk.checker.read(&reading.place, reading.position, &bytes, high_watermark);
            }
        }
    }
}
