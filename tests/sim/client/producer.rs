//! An idempotent producer: five requests in flight, and retries with the same sequences, as Kafka's own does.

use std::collections::VecDeque;

use apus_core::batch::{Codec, HEADER_BYTES, Sequence, checksum};
use apus_core::ids::{ProducerId, Uuid};
use apus_core::records::build::BatchBuilder;
use apus_core::time::Instant;
use apus_net::wire::schema::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use apus_net::wire::schema::producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use apus_net::wire::value::Records;
use bytes::{Bytes, BytesMut};

use super::{Desk, Link, NONE, NOT_LEADER, STORAGE, TIMED_OUT, Topic, leak, read};
use crate::checker::{BatchName, Place};

const IN_FLIGHT_MAX: usize = 5;
const OUT_OF_ORDER: i16 = 45;
const UNKNOWN_PRODUCER: i16 = 59;

#[derive(Debug)]
struct Batch {
    name: BatchName,
    bytes: Bytes,
    sent: u32,
}

/// One partition's batches, oldest first.
#[derive(Debug)]
struct Lane {
    topic: usize,
    index: i32,
    place: Place,
    sequence: i32,
    queue: VecDeque<Batch>,
    /// So many of the queue are sent on this connection and not answered; with an error among them, the others are
    /// waited for and all are sent again.
    flying: usize,
    next: usize,
    failed: bool,
    retry_at: Instant,
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
    bytes_max: u64,
    /// What each request holds: lane and batch.
    flights: VecDeque<Vec<(usize, BatchName)>>,
    asked_id: bool,
}

impl Producer {
    /// A producer that will send so many batches.
    pub fn new(number: u64, version: i16, topics: &[Topic], batches: u32, bytes_max: u64) -> Producer {
        let lane = |topic: usize, index: i32| Lane {
            topic,
            index,
            place: (topics[topic].name.clone(), index),
            sequence: 0,
            queue: VecDeque::new(),
            flying: 0,
            next: 0,
            failed: false,
            retry_at: Instant(0),
        };
        let places = topics.iter().enumerate().flat_map(|(topic, of)| (0..of.partitions).map(move |at| (topic, at)));
        let lanes = places.map(|(topic, index)| lane(topic, index)).collect();
        let (flights, id) = (VecDeque::new(), None);
        Producer { number, version, id, lanes, left: batches, names: 0, bytes_max, flights, asked_id: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == 0 && self.lanes.iter().all(|lane| lane.queue.is_empty())
    }

    pub(super) fn disconnected(&mut self) {
        self.asked_id = false;
        self.flights.clear();
        for lane in &mut self.lanes {
            (lane.flying, lane.next, lane.failed) = (0, 0, false);
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
        let mut flight = Vec::new();
        let mut data: Vec<(usize, i32, Bytes)> = Vec::new();
        let skipped = desk.rng.below(self.lanes.len() as u64) as usize;
        for index in 0..self.lanes.len() {
            if self.lanes.len() > 1 && index == skipped && desk.rng.chance(2) {
                continue;
            }
            let Some((name, bytes)) = self.take(index, desk) else { continue };
            flight.push((index, name));
            data.push((self.lanes[index].topic, self.lanes[index].index, bytes));
        }
        if flight.is_empty() {
            return false;
        }
        self.flights.push_back(flight);
        let by_id = self.version >= 13;
        let of_topic = |(topic, of): (usize, &Topic)| {
            let of_partition = |(_, index, bytes): &'_ (usize, i32, Bytes)| (*index, bytes.clone());
            let partitions: Vec<_> = data.iter().filter(|(at, ..)| *at == topic).map(of_partition).collect();
            (of.clone(), partitions)
        };
        let grouped: Vec<(Topic, Vec<(i32, Bytes)>)> = topics.iter().enumerate().map(of_topic).collect();
        let topic_data = grouped.iter().filter(|(_, partitions)| !partitions.is_empty());
        let topic_data = topic_data.map(|(topic, partitions)| TopicProduceData {
            name: if by_id { "" } else { leak(&topic.name) },
            topic_id: if by_id { topic.id } else { Uuid::ZERO },
            partition_data: partitions
                .iter()
                .map(|(index, bytes)| PartitionProduceData { index: *index, records: Some(Records::Slice(bytes)) })
                .collect(),
        });
        let topic_data = topic_data.collect();
        let request = ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 5_000, topic_data };
        link.ask(self.version, &request, desk);
        true
    }

    /// The next batch of a lane, an old one or a new one.
    fn take(&mut self, index: usize, desk: &mut Desk<'_>) -> Option<(BatchName, Bytes)> {
        let lane = &mut self.lanes[index];
        if lane.failed && lane.flying == 0 {
            (lane.failed, lane.next) = (false, 0);
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
            self.left -= 1;
            self.names += 1;
            let name = self.number << 32 | self.names;
            let sequence = Sequence { producer: self.id.expect("it was given"), epoch: 0, first: lane.sequence };
            let (bytes, count) = build(name, sequence, self.bytes_max, desk);
            lane.sequence += count as i32;
            desk.checker.attempt(&lane.place, name, &bytes, count);
            lane.queue.push_back(Batch { name, bytes, sent: 0 });
        }
        let batch = &mut lane.queue[lane.next];
        batch.sent += 1;
        lane.next += 1;
        lane.flying += 1;
        let forgotten = desk.forgets_sequences && batch.sent > 1;
        Some((batch.name, if forgotten { without_sequence(&batch.bytes) } else { batch.bytes.clone() }))
    }

    pub(super) fn answered(&mut self, frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        if self.id.is_none() {
            let answer: InitProducerIdResponse = read(frame, version);
            self.asked_id = false;
            match answer.error_code {
                NONE => self.id = Some(ProducerId(answer.producer_id)),
                TIMED_OUT | STORAGE => desk.again_in(50),
                other => panic!("InitProducerId answers {other}"),
            }
            return;
        }
        let answer: ProduceResponse<'_> = read(frame, version);
        let flight = self.flights.pop_front().expect("a request was sent");
        let answers = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
        let answers: Vec<_> = answers.collect();
        assert!(answers.len() == flight.len(), "{} answers for {} batches", answers.len(), flight.len());
        for ((lane, name), answer) in flight.into_iter().zip(answers) {
            let lane = &mut self.lanes[lane];
            assert!(answer.index == lane.index, "answers in another order");
            lane.flying -= 1;
            let at = lane.queue.iter().position(|batch| batch.name == name).expect("it was not answered before");
            match answer.error_code {
                NONE => {
                    desk.checker.acknowledge(&lane.place, name, answer.base_offset);
                    lane.queue.remove(at);
                    lane.next = lane.next.saturating_sub(1);
                }
                OUT_OF_ORDER | UNKNOWN_PRODUCER if at > 0 => lane.failed = true,
                TIMED_OUT | STORAGE | NOT_LEADER => {
                    lane.failed = true;
                    lane.retry_at = desk.now.after_ms(desk.rng.below(200));
                }
                other => panic!("Produce of batch {name:x} to {:?} answers {other}, place {at} in line", lane.place),
            }
        }
    }
}

fn build(name: BatchName, sequence: Sequence, bytes_max: u64, desk: &mut Desk<'_>) -> (Bytes, i64) {
    let count = 1 + desk.rng.below(4);
    let mut batch = BatchBuilder::new(Codec::None).sequence(sequence);
    for record in 0..count {
        let value = vec![record as u8; desk.rng.below(bytes_max) as usize];
        let key = name.to_be_bytes();
        batch = batch.record(desk.wall.0, Some(&key), Some(&value));
    }
    (batch.build(), count as i64)
}

fn without_sequence(batch: &Bytes) -> Bytes {
    let mut copy = BytesMut::from(&batch[..]);
    assert!(copy.len() > HEADER_BYTES);
    copy[43..57].fill(0xff);
    let crc = checksum(&copy);
    copy[17..21].copy_from_slice(&crc.to_be_bytes());
    copy.freeze()
}
