//! An idempotent producer on one connection: batches of its lanes into requests, a window of them under way.
//!
//! A request takes one batch of each lane that has one, in the order in which they had something to send, up to its
//! size; that is how Java's producer drains its partitions. At a rate a batch holds what was due when the window had
//! room, so batches grow by themselves where the broker is slow. At full speed every batch is full.

use std::collections::VecDeque;
use std::rc::Rc;

use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use apus_net::wire::value::Records;
use apus_net::wire::writer::{Frame, Writer};
use bytes::Bytes;

use super::control::CLIENT_ID;
use super::error;
use super::lane::{Batch, Lane, Then};
use super::machine::{Context, in_order, unreadable};
use super::template::{Stamp, Template};

/// How long real producers wait before they send again (`retry.backoff.ms`).
const RETRY_PAUSE: u64 = 100_000_000;
const ALL_REPLICAS: i16 = -1;

/// What all producers of a workload have in common.
#[derive(Clone)]
pub struct ProducerPlan {
    /// What batches are cut from.
    pub template: Rc<Template>,
    /// Records carry their due time.
    pub timed: bool,
    /// The version of Produce.
    pub version: i16,
    /// Requests under way.
    pub in_flight: usize,
    /// Bytes of the largest request.
    pub request_bytes: usize,
    /// Nanoseconds that a batch waits to be filled.
    pub linger: u64,
    /// The broker's limit for a request.
    pub timeout_ms: i32,
}

/// The producer.
pub struct Producer {
    plan: ProducerPlan,
    id: (i64, i16),
    lanes: Vec<Lane>,
    /// Lanes that have something to send.
    ready: VecDeque<usize>,
    /// Lanes that pause after a refusal, and until when.
    resting: VecDeque<(u64, usize)>,
    in_flight: VecDeque<Request>,
    writer: Writer,
    correlation: i32,
    /// The last wake that was asked for.
    wake: u64,
}

struct Request {
    correlation: i32,
    batches: Vec<(usize, Batch)>,
}

impl Producer {
    /// A producer with an id, to these partitions.
    pub fn new(plan: ProducerPlan, id: (i64, i16), partitions: &[i32]) -> Producer {
        let lanes = partitions.iter().map(|&partition| Lane::new(partition)).collect();
        let (ready, resting, in_flight) = Default::default();
        Producer { plan, id, lanes, ready, resting, in_flight, writer: Writer::new(), correlation: 0, wake: 0 }
    }

    /// How many lanes it has.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// At full speed every lane always has something to send.
    pub fn go(&mut self) {
        (0..self.lanes.len()).for_each(|lane| self.queue(lane));
    }

    /// A record falls due.
    pub fn offer(&mut self, lane: usize, record: u64) {
        self.lanes[lane].offer(record);
        self.queue(lane);
    }

    fn queue(&mut self, lane: usize) {
        if !std::mem::replace(&mut self.lanes[lane].queued, true) {
            self.ready.push_back(lane);
        }
    }

    /// Whether everything was acknowledged.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty() && self.lanes.iter().all(Lane::is_empty)
    }

    /// What was not acknowledged, in words.
    pub fn left(&self) -> String {
        let records: usize = self.lanes.iter().map(Lane::left).sum();
        format!("{records} records of a producer were not acknowledged, {} requests not answered", self.in_flight.len())
    }

    /// Fills the window.
    pub fn pump(&mut self, context: &mut Context<'_>, out: &mut Vec<Frame>) {
        while self.resting.front().is_some_and(|(until, _)| *until <= context.now) {
            let (_, lane) = self.resting.pop_front().expect("there is one");
            self.lanes[lane].again();
            self.queue(lane);
        }
        while self.in_flight.len() < self.plan.in_flight {
            let batches = self.gather(context);
            if batches.is_empty() {
                break;
            }
            out.push(self.encode(&batches, context));
            self.in_flight.push_back(Request { correlation: self.correlation, batches });
        }
    }

    /// The batches of the next request: at most one of each lane.
    fn gather(&mut self, context: &mut Context<'_>) -> Vec<(usize, Batch)> {
        let mut batches = Vec::new();
        let mut bytes = 0;
        for _ in 0..self.ready.len() {
            let lane = self.ready[0];
            let Some(count) = self.next_count(lane, context) else {
                self.ready.pop_front();
                self.lanes[lane].queued = false;
                continue;
            };
            bytes += self.plan.template.batch_bytes(count);
            let full = !batches.is_empty() && bytes > self.plan.request_bytes;
            if full || self.lingers(lane, count, context) {
                break;
            }
            self.ready.pop_front();
            batches.push((lane, self.take(lane, count, context)));
            self.ready.push_back(lane);
        }
        batches
    }

    /// The size of the lane's next batch, where it has one.
    fn next_count(&self, index: usize, context: &Context<'_>) -> Option<usize> {
        let lane = &self.lanes[index];
        let full = self.plan.template.count_max();
        match lane.resends() {
            Some(batch) => Some(batch.count),
            None if lane.is_rewinding() => None,
            None if context.schedule.is_some() => Some(lane.waiting.min(full)).filter(|count| *count > 0),
            None => (!context.closing && *context.bytes_left != Some(0)).then_some(full),
        }
    }

    /// Whether the lane waits for more records, and then until when.
    fn lingers(&mut self, index: usize, count: usize, context: &mut Context<'_>) -> bool {
        let Some(schedule) = context.schedule.filter(|_| self.plan.linger > 0 && !context.closing) else {
            return false;
        };
        let lane = &self.lanes[index];
        if count == self.plan.template.count_max() || lane.resends().is_some() {
            return false;
        }
        let until = schedule.due(lane.record) + self.plan.linger;
        if until > context.now && until != self.wake {
            self.wake = until;
            context.wakes.push(until);
        }
        until > context.now
    }

    fn take(&mut self, index: usize, count: usize, context: &mut Context<'_>) -> Batch {
        let lane = &mut self.lanes[index];
        if lane.resends().is_some() {
            return lane.resend();
        }
        let record = lane.record;
        if let Some(schedule) = context.schedule {
            lane.waiting -= count;
            lane.record = schedule.behind(record, count as u64);
            if schedule.due(record) >= context.measured_from {
                context.tally.lag.add(schedule.due(record), context.now, 1);
            }
        }
        if let Some(left) = context.bytes_left {
            *left = left.saturating_sub(self.plan.template.batch_bytes(count) as u64);
        }
        lane.send(count, record, context.now)
    }

    fn encode(&mut self, batches: &[(usize, Batch)], context: &Context<'_>) -> Frame {
        self.correlation = self.correlation.wrapping_add(1);
        let pieces: Vec<[Bytes; 2]> = batches.iter().map(|(_, batch)| self.bytes(batch, context)).collect();
        let partitions = batches.iter().zip(&pieces).map(|((lane, _), pieces)| PartitionProduceData {
            index: self.lanes[*lane].partition,
            records: Some(Records::Pieces(pieces)),
        });
        let topic = TopicProduceData {
            name: &context.topic.name,
            topic_id: context.topic.id,
            partition_data: partitions.collect(),
        };
        let request = ProduceRequest {
            transactional_id: None,
            acks: ALL_REPLICAS,
            timeout_ms: self.plan.timeout_ms,
            topic_data: vec![topic],
        };
        encode_request(&mut self.writer, self.plan.version, self.correlation, Some(CLIENT_ID), &request)
    }

    fn bytes(&self, batch: &Batch, context: &Context<'_>) -> [Bytes; 2] {
        let Batch { sequence, count, record, .. } = *batch;
        let stamp = Stamp { count, producer: self.id, sequence, wall_ms: context.wall_ms };
        match context.schedule {
            Some(schedule) if self.plan.timed => {
                self.plan.template.timed_batch(&stamp, |index| schedule.due(schedule.behind(record, index as u64)))
            }
            _ => self.plan.template.batch(&stamp),
        }
    }

    /// Takes the answer to the oldest request.
    ///
    /// # Errors
    /// Where it is none.
    pub fn answered(&mut self, frame: &[u8], context: &mut Context<'_>) -> Result<(), String> {
        let (correlation, response) =
            decode_response::<ProduceResponse<'_>>(frame, self.plan.version).map_err(unreadable)?;
        in_order(self.in_flight.front().map(|request| request.correlation), correlation)?;
        let mut batches = self.in_flight.pop_front().expect("it is in order").batches;
        for answer in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
            let index = batches.iter().position(|(lane, _)| self.lanes[*lane].partition == answer.index);
            let index = index.ok_or_else(|| format!("an answer for partition {}, unasked", answer.index))?;
            // Answers mostly come in the order of the request: what is at the front is taken from there.
            let (lane, batch) = batches.remove(index);
            self.judge(lane, &batch, (answer.error_code, answer.base_offset), context)?;
        }
        if batches.is_empty() { Ok(()) } else { Err(format!("{} batches without an answer", batches.len())) }
    }

    fn judge(
        &mut self,
        index: usize,
        batch: &Batch,
        (code, base_offset): (i16, i64),
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        let lane = &mut self.lanes[index];
        let then = if code == 0 {
            let (batch, then) = lane.acknowledged(batch.sequence);
            let partition = lane.partition;
            self.count(partition, &batch, base_offset, context);
            then
        } else {
            context.tally.error(code);
            let follows = code == error::OUT_OF_ORDER_SEQUENCE_NUMBER && lane.is_rewinding();
            if !follows && !error::passes(code) {
                return Err(format!("partition {} refuses a batch: {}", lane.partition, error::name(code)));
            }
            lane.refused(batch.sequence)
        };
        if then == Then::Again {
            self.resting.push_back((context.now + RETRY_PAUSE, index));
            context.wakes.push(context.now + RETRY_PAUSE);
        }
        Ok(())
    }

    fn count(&self, partition: i32, batch: &Batch, base_offset: i64, context: &mut Context<'_>) {
        if let Err(error) = context.topic.offsets[partition as usize].add(base_offset, batch.count as i64) {
            context.tally.fail(format!("partition {partition}: {error}"));
        }
        let bytes = self.plan.template.batch_bytes(batch.count) as u64;
        context.tally.batch(context.now, batch.count as u64, bytes);
        let Some(schedule) = context.schedule else {
            if batch.sent >= context.measured_from {
                context.tally.latency.add(batch.sent, context.now, batch.count as u64);
            }
            return;
        };
        for place in 0..batch.count as u64 {
            let due = schedule.due(schedule.behind(batch.record, place));
            if due >= context.measured_from {
                context.tally.latency.add(due, context.now, 1);
            }
        }
    }
}
