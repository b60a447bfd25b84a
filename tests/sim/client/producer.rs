//! An idempotent producer: five requests in flight, and retries with the same sequences, as Kafka's own does.
//!
//! Where a topic was created again, its partitions know no producer: a lane whose first batch in line is out of order
//! there begins anew, with the next epoch and from sequence 0.

use std::collections::VecDeque;

use apus_core::batch::{Codec, HEADER_BYTES, Sequence, checksum};
use apus_core::ids::{ProducerId, Uuid};
use apus_core::records::build::BatchBuilder;
use apus_core::time::Instant;
use apus_net::wire::schema::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use apus_net::wire::schema::producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use apus_net::wire::value::Records;
use bytes::{Bytes, BytesMut};

use super::link::PRODUCE_TIMEOUT_MS;
use super::topic::Topic;
use super::{Desk, Link, NO_COORDINATOR, NONE, NOT_LEADER, STORAGE, TIMED_OUT, UNKNOWN_ID, UNKNOWN_TOPIC, read};
use crate::checker::{BatchName, Place, Promise};

const IN_FLIGHT_MAX: usize = 5;
const OUT_OF_ORDER: i16 = 45;
const UNKNOWN_PRODUCER: i16 = 59;

/// How much a producer sends, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes of a record.
    pub bytes_max: u64,
    /// Between two batches of a partition.
    pub pause_ms_max: u64,
}

#[derive(Debug)]
struct Batch {
    name: BatchName,
    bytes: Bytes,
    count: i32,
    sent: u32,
    /// A broker did not know what became of it.
    is_unknown: bool,
}

/// One partition's batches, oldest first.
#[derive(Debug)]
struct Lane {
    topic: usize,
    place: Place,
    epoch: i16,
    sequence: i32,
    /// The era of the topic in which its sequences began, where that was certain.
    era: Option<u32>,
    queue: VecDeque<Batch>,
    /// So many of the queue are sent on this connection and not answered; with an error among them, the others are
    /// waited for and all are sent again.
    flying: usize,
    next: usize,
    failed: bool,
    /// It was told that its sequences mean nothing where it sends them.
    restarts: bool,
    /// Nothing is sent before, nothing new before.
    retry_at: Instant,
    rests_until: Instant,
}

/// One batch of a request.
#[derive(Debug)]
struct Flight {
    lane: usize,
    name: BatchName,
    promise: Promise,
}

/// A producer.
#[derive(Debug)]
pub struct Producer {
    number: u64,
    version: i16,
    id: Option<ProducerId>,
    lanes: Vec<Lane>,
    left: u32,
    names: u64,
    pace: Pace,
    /// What each request holds.
    flights: VecDeque<Vec<Flight>>,
    asked_id: bool,
}

impl Producer {
    /// A producer that will send so many batches.
    pub fn new(number: u64, version: i16, topics: &[Topic], batches: u32, pace: Pace) -> Producer {
        let lane = |topic: usize, index: i32| Lane {
            topic,
            place: (topics[topic].name, index),
            epoch: 0,
            sequence: 0,
            era: None,
            queue: VecDeque::new(),
            flying: 0,
            next: 0,
            failed: false,
            restarts: false,
            retry_at: Instant(0),
            rests_until: Instant(0),
        };
        let places = topics.iter().enumerate().flat_map(|(topic, of)| (0..of.partitions).map(move |at| (topic, at)));
        let lanes = places.map(|(topic, index)| lane(topic, index)).collect();
        let (flights, id) = (VecDeque::new(), None);
        Producer { number, version, id, lanes, left: batches, names: 0, pace, flights, asked_id: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == 0 && self.lanes.iter().all(|lane| lane.queue.is_empty())
    }

    pub(super) fn disconnected(&mut self) {
        self.asked_id = false;
        self.flights.clear();
        for lane in &mut self.lanes {
            (lane.flying, lane.next, lane.failed, lane.restarts) = (0, 0, false, false);
        }
    }

    pub(super) fn work(&mut self, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        if self.id.is_none() {
            if !self.asked_id {
                self.asked_id = true;
                let request = InitProducerIdRequest {
                    transactional_id: None,
                    transaction_timeout_ms: 60_000,
                    ..Default::default()
                };
                link.ask(4, &request, desk);
            }
            return;
        }
        while self.flights.len() < IN_FLIGHT_MAX && self.send(topics, link, desk) {}
    }

    /// Sends a request with what some lanes have; nothing where none has anything.
    fn send(&mut self, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) -> bool {
        let mut flights = Vec::new();
        let mut data: Vec<(usize, i32, Bytes)> = Vec::new();
        // Often one lane is left out, unless it is the only one that has something.
        let last = desk.rng.below(self.lanes.len() as u64) as usize;
        let left_out = desk.rng.chance(2);
        for index in (0..self.lanes.len()).filter(|index| *index != last).chain([last]) {
            let is_left_out = index == last && left_out && !flights.is_empty();
            if is_left_out || !topics[self.lanes[index].topic].is_known() {
                continue;
            }
            let Some((name, bytes)) = self.take(index, desk) else { continue };
            let lane = &self.lanes[index];
            flights.push(Flight { lane: index, name, promise: desk.checker.promise(lane.place) });
            data.push((lane.topic, lane.place.1, bytes));
        }
        if flights.is_empty() {
            return false;
        }
        // Answers come by topic and partition.
        flights.sort_by_key(|flight| flight.lane);
        data.sort_by_key(|(topic, index, _)| (*topic, *index));
        self.flights.push_back(flights);
        let by_id = self.version >= 13;
        let of_topic = |(topic, of): (usize, &Topic)| {
            let of_partition = |(_, index, bytes): &'_ (usize, i32, Bytes)| (*index, bytes.clone());
            let partitions: Vec<_> = data.iter().filter(|(at, ..)| *at == topic).map(of_partition).collect();
            (of.clone(), partitions)
        };
        let grouped: Vec<(Topic, Vec<(i32, Bytes)>)> = topics.iter().enumerate().map(of_topic).collect();
        let topic_data = grouped.iter().filter(|(_, partitions)| !partitions.is_empty());
        let topic_data = topic_data.map(|(topic, partitions)| TopicProduceData {
            name: if by_id { "" } else { topic.name },
            topic_id: if by_id { topic.id } else { Uuid::ZERO },
            partition_data: partitions
                .iter()
                .map(|(index, bytes)| PartitionProduceData { index: *index, records: Some(Records::Slice(bytes)) })
                .collect(),
        });
        let topic_data = topic_data.collect();
        let timeout_ms = PRODUCE_TIMEOUT_MS;
        let request = ProduceRequest { transactional_id: None, acks: -1, timeout_ms, topic_data };
        link.ask(self.version, &request, desk);
        true
    }

    /// The next batch of a lane, an old one or a new one.
    fn take(&mut self, index: usize, desk: &mut Desk<'_>) -> Option<(BatchName, Bytes)> {
        let producer = self.id.expect("it was given");
        let lane = &mut self.lanes[index];
        if lane.failed && lane.flying == 0 {
            (lane.failed, lane.next) = (false, 0);
            lane.restart(producer, desk);
        }
        if lane.failed || lane.flying >= IN_FLIGHT_MAX {
            return None;
        }
        if lane.retry_at > desk.now {
            desk.wake_at = desk.wake_at.min(lane.retry_at);
            return None;
        }
        if lane.next == lane.queue.len() {
            if self.left == 0 || lane.queue.len() >= IN_FLIGHT_MAX {
                return None;
            }
            if lane.rests_until > desk.now {
                desk.wake_at = desk.wake_at.min(lane.rests_until);
                return None;
            }
            self.left -= 1;
            self.names += 1;
            let name = self.number << 32 | self.names;
            lane.rests_until = desk.now.after_ms(desk.rng.below(self.pace.pause_ms_max + 1));
            lane.add(name, producer, self.pace.bytes_max, desk);
        }
        let batch = &mut lane.queue[lane.next];
        batch.sent += 1;
        lane.next += 1;
        lane.flying += 1;
        let forgotten = desk.forgets_sequences && batch.sent > 1;
        Some((batch.name, if forgotten { without_sequence(&batch.bytes) } else { batch.bytes.clone() }))
    }

    pub(super) fn answered(&mut self, topics: &[Topic], frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        if self.id.is_none() {
            let answer: InitProducerIdResponse = read(frame, version);
            self.asked_id = false;
            match answer.error_code {
                NONE => self.id = Some(ProducerId(answer.producer_id)),
                TIMED_OUT | STORAGE | NO_COORDINATOR => desk.again_in(50),
                other => panic!("InitProducerId answers {other}"),
            }
            return;
        }
        let answer: ProduceResponse<'_> = read(frame, version);
        let flights = self.flights.pop_front().expect("a request was sent");
        let answers = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
        let answers: Vec<_> = answers.collect();
        assert!(answers.len() == flights.len(), "{} answers for {} batches", answers.len(), flights.len());
        for (flight, answer) in flights.into_iter().zip(answers) {
            let lane = &mut self.lanes[flight.lane];
            assert!(answer.index == lane.place.1, "answers in another order");
            lane.answered(&flight, answer.error_code, answer.base_offset, &topics[lane.topic], desk);
        }
    }
}

impl Lane {
    /// A new batch at the end of the line.
    fn add(&mut self, name: BatchName, producer: ProducerId, bytes_max: u64, desk: &mut Desk<'_>) {
        if self.sequence == 0 {
            self.era = desk.checker.era(self.place);
        }
        let sequence = Sequence { producer, epoch: self.epoch, first: self.sequence };
        let (bytes, count) = build(name, sequence, bytes_max, desk);
        self.sequence += count;
        desk.checker.attempt(self.place, name, &bytes, i64::from(count), desk.wall.0);
        self.queue.push_back(Batch { name, bytes, count, sent: 0, is_unknown: false });
    }

    /// Begins anew where that is due: the batches in line get the next epoch's first sequences.
    fn restart(&mut self, producer: ProducerId, desk: &mut Desk<'_>) {
        if !std::mem::take(&mut self.restarts) {
            return;
        }
        self.epoch += 1;
        self.sequence = 0;
        self.era = desk.checker.era(self.place);
        for batch in &mut self.queue {
            let sequence = Sequence { producer, epoch: self.epoch, first: self.sequence };
            batch.bytes = with_sequence(&batch.bytes, sequence);
            self.sequence += batch.count;
        }
    }

    fn answered(&mut self, flight: &Flight, code: i16, base_offset: i64, topic: &Topic, desk: &mut Desk<'_>) {
        let name = flight.name;
        self.flying -= 1;
        let at = self.queue.iter().position(|batch| batch.name == name).expect("it was not answered before");
        match code {
            NONE => {
                desk.checker.acknowledge(self.place, name, base_offset, flight.promise);
                self.queue.remove(at);
                return self.next = self.next.saturating_sub(1);
            }
            OUT_OF_ORDER | UNKNOWN_PRODUCER if at > 0 => {}
            // It was committed after all, those behind it were when it was sent again, and that answer was lost: five later
            // ones are remembered, and it is not. Kafka says the same, and real clients give up here.
            OUT_OF_ORDER if self.queue[at].is_unknown => {
                self.queue.remove(at);
                return self.next = self.next.saturating_sub(1);
            }
            OUT_OF_ORDER | UNKNOWN_PRODUCER if topic.is_deleted => {
                let began_here = self.era.is_some() && self.era == desk.checker.era(self.place);
                let is_wrong = began_here && desk.checker.holds(self.place, flight.promise);
                assert!(!is_wrong, "batch {name:x} to {:?} is out of order where its sequence began", self.place);
                self.restarts = true;
            }
            UNKNOWN_TOPIC | UNKNOWN_ID => {
                desk.lost(topic, code);
                self.retry_at = desk.now.after_ms(desk.rng.below(200));
            }
            TIMED_OUT | STORAGE | NOT_LEADER => {
                self.queue[at].is_unknown |= code == TIMED_OUT;
                self.retry_at = desk.now.after_ms(desk.rng.below(200));
            }
            other => panic!("Produce of batch {name:x} to {:?} answers {other}, place {at} in line", self.place),
        }
        self.failed = true;
    }
}

fn build(name: BatchName, sequence: Sequence, bytes_max: u64, desk: &mut Desk<'_>) -> (Bytes, i32) {
    let count = 1 + desk.rng.below(4);
    let mut batch = BatchBuilder::new(Codec::None).sequence(sequence);
    for record in 0..count {
        let value = vec![record as u8; desk.rng.below(bytes_max) as usize];
        let key = name.to_be_bytes();
        batch = batch.record(desk.wall.0, Some(&key), Some(&value));
    }
    (batch.build(), count as i32)
}

fn with_sequence(batch: &Bytes, sequence: Sequence) -> Bytes {
    let Sequence { producer, epoch, first } = sequence;
    let fields = [&producer.0.to_be_bytes()[..], &epoch.to_be_bytes(), &first.to_be_bytes()].concat();
    rewrite(batch, &fields)
}

fn without_sequence(batch: &Bytes) -> Bytes {
    rewrite(batch, &[0xff; 14])
}

/// Puts producer, epoch and sequence into the header, and the checksum that fits.
fn rewrite(batch: &Bytes, fields: &[u8]) -> Bytes {
    let mut copy = BytesMut::from(&batch[..]);
    assert!(copy.len() > HEADER_BYTES);
    copy[43..57].copy_from_slice(fields);
    let crc = checksum(&copy);
    copy[17..21].copy_from_slice(&crc.to_be_bytes());
    copy.freeze()
}
