//! Produce: admission, and the wait for the commit.
//!
//! A request becomes one admission of its sound batches; unsound ones are refused on the spot and reported together
//! with the rest. The request's bytes stay accounted until the last outcome is known, also when its client was already
//! told REQUEST_TIMED_OUT: memory is freed by outcomes, never by clocks.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Front, RequestId};
use crate::api::{ProduceRequest, ProduceResponse, Produced, ProducedPartition, ProducedTopic, Response};
use crate::batch;
use crate::catalog::Topic;
use crate::config::TimestampType;
use crate::error::Refusal;
use crate::ids::{CoreId, Ticket};
use crate::message::{Acknowledgement, Admission, Admitted, Message};
use crate::time::Instant;
use crate::turn::Turn;
use crate::validate::{self, BatchRules, Rejection};

/// Requests that wait for their commit.
#[derive(Debug, Default)]
pub struct Produces {
    pending: BTreeMap<Ticket, Pending>,
    deadlines: BTreeSet<(Instant, Ticket)>,
    bytes: u64,
}

#[derive(Debug)]
struct Pending {
    id: RequestId,
    silent: bool,
    /// Gone once the client was told that time is up.
    response: Option<ProduceResponse>,
    slots: Vec<Slot>,
    missing: usize,
    bytes: u64,
    since: Instant,
    deadline: Instant,
}

/// Where the outcome of an admitted batch belongs.
#[derive(Debug)]
struct Slot {
    topic: u32,
    partition: u32,
    append_time_ms: i64,
    done: bool,
}

impl Produces {
    /// Bytes of admitted batches without an outcome.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// No request waits.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The earliest time at which a client stops waiting.
    pub fn deadline(&self) -> Instant {
        self.deadlines.first().map_or(Instant::NEVER, |(deadline, _)| *deadline)
    }

    /// How many requests wait.
    pub fn count(&self) -> usize {
        self.pending.len()
    }

    fn insert(&mut self, ticket: Ticket, pending: Pending) {
        self.bytes += pending.bytes;
        self.deadlines.insert((pending.deadline, ticket));
        self.pending.insert(ticket, pending);
    }

    /// One batch has its outcome; returned is the answer where it was the last one.
    pub fn acknowledged(
        &mut self,
        acknowledgement: &Acknowledgement,
        turn: &mut Turn<'_>,
    ) -> Option<(RequestId, Response)> {
        let ticket = acknowledgement.ticket;
        let pending = self.pending.get_mut(&ticket).expect("an admission has as many outcomes as batches");
        let slot = &mut pending.slots[acknowledgement.slot as usize];
        assert!(!slot.done, "a batch has one outcome");
        slot.done = true;
        pending.missing -= 1;
        if let Some(response) = &mut pending.response {
            let partition = &mut response.topics[slot.topic as usize].partitions[slot.partition as usize];
            partition.result = match acknowledgement.result {
                Ok(produced) => Ok(Produced { log_append_time_ms: slot.append_time_ms, ..produced }),
                Err(refusal) => Err(refusal.into()),
            };
        }
        if pending.missing > 0 {
            return None;
        }
        let pending = self.pending.remove(&ticket).expect("it is there");
        self.bytes -= pending.bytes;
        self.deadlines.remove(&(pending.deadline, ticket));
        let response = pending.response?;
        turn.count.produce.whole.record(turn.now - pending.since);
        Some((pending.id, finish(response, pending.silent)))
    }

    /// Clients that waited long enough are told so; their batches may still be committed.
    pub fn expire(&mut self, turn: &mut Turn<'_>) -> Vec<(RequestId, Response)> {
        let mut expired = Vec::new();
        while let Some((deadline, ticket)) =
            self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= turn.now)
        {
            self.deadlines.remove(&(deadline, ticket));
            let pending = self.pending.get_mut(&ticket).expect("a deadline belongs to a request");
            if let Some(response) = pending.response.take() {
                turn.count.produce.whole.record(turn.now - pending.since);
                expired.push((pending.id, finish(response, pending.silent)));
            }
        }
        expired
    }

    /// The bytes are those of the requests.
    pub fn check(&self) {
        assert!(self.bytes == self.pending.values().map(|pending| pending.bytes).sum::<u64>());
        assert!(self.pending.values().all(|pending| pending.missing > 0 && pending.missing <= pending.slots.len()));
    }
}

/// With acks=0 there is no answer, but Kafka hangs up where one would have been an error.
fn finish(response: ProduceResponse, silent: bool) -> Response {
    if !silent {
        return Response::Produce(response);
    }
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    match partitions.filter_map(|partition| partition.result.as_ref().err()).next() {
        None => Response::Silence,
        Some(refused) => {
            Response::Hangup(format!("acks=0 and a batch was refused: {:?} {}", refused.refusal, refused.message))
        }
    }
}

impl Front {
    pub(super) fn produce(&mut self, id: RequestId, request: ProduceRequest, drained: bool, turn: &mut Turn<'_>) {
        turn.count.produce_requests += 1;
        let whole = if !matches!(request.acks, -1..=1) {
            Some(Refusal::InvalidRequiredAcks)
        } else {
            request.transactional_id.is_some().then_some(Refusal::InvalidRequest)
        };
        let records = self.settings.config.validate_records;
        let ask = Ask { zstd: request.zstd, records, wall_ms: turn.wall.0 };
        let mut admission = Vec::new();
        let mut slots = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic_at, asked) in request.topics.into_iter().enumerate() {
            let topic = self.catalog.topic(&asked.topic).cloned();
            let mut partitions = Vec::with_capacity(asked.partitions.len());
            for (partition_at, partition) in asked.partitions.into_iter().enumerate() {
                let admitted = match (whole, &topic) {
                    (Some(refusal), _) => Err(refusal.into()),
                    (None, Err(refusal)) => Err((*refusal).into()),
                    (None, Ok(topic)) => admit(topic, partition.index, partition.records, ask),
                };
                let result = admitted.map(|(batch, append_time_ms)| {
                    let (topic, partition) = (topic_at as u32, partition_at as u32);
                    slots.push(Slot { topic, partition, append_time_ms, done: false });
                    admission.push(batch);
                });
                // What is admitted waits for its outcome.
                let open = Rejection::from(Refusal::RequestTimedOut);
                let Rejection { refused, record_errors } = result.err().unwrap_or(open);
                partitions.push(ProducedPartition { index: partition.index, result: Err(refused), record_errors });
            }
            topics.push(ProducedTopic { topic: asked.topic, partitions });
        }
        let response = ProduceResponse { topics };
        let silent = request.acks == 0;
        if admission.is_empty() {
            return self.answer(id, finish(response, silent));
        }
        let deadline = turn.now.after_ms(request.timeout_ms.max(0) as u64);
        let records = admission.iter().map(|batch: &Admitted| u64::from(batch.facts.offsets)).sum::<u64>();
        let bytes = admission.iter().map(|batch: &Admitted| batch.bytes.len() as u64).sum();
        turn.count.produce_batches += admission.len() as u64;
        turn.count.produce_records += records;
        turn.count.produce_bytes += bytes;
        let ticket = Ticket::draw(&mut self.tickets);
        let missing = slots.len();
        let pending =
            Pending { id, silent, response: Some(response), slots, missing, bytes, since: turn.now, deadline };
        self.produce.insert(ticket, pending);
        let core = self.settings.core;
        let admission = Admission { core, ticket, connection: id.connection, drained, batches: admission };
        turn.send(CoreId(0), Message::Admit(admission));
    }
}

/// What holds for every batch of a request.
#[derive(Clone, Copy)]
struct Ask {
    /// The protocol version knows zstd.
    zstd: bool,
    /// Records are opened (`diskless.validate.records`).
    records: bool,
    wall_ms: i64,
}

/// A sound batch, ready for its pack, with the append time that it was given (-1: none).
fn admit(topic: &Topic, index: i32, records: Option<Bytes>, ask: Ask) -> Result<(Admitted, i64), Rejection> {
    let wall_ms = ask.wall_ms;
    let partition = topic.partition(index).ok_or(Refusal::UnknownTopicOrPartition)?;
    let config = &topic.config;
    let append = config.timestamp_type == TimestampType::LogAppendTime;
    let bytes = records.unwrap_or_default();
    let recoding = config.compression.codec().filter(|(codec, _)| batch::codec_of(&bytes) != Some(*codec));
    // What is opened to be recoded is checked, as by Kafka.
    let rules = BatchRules::new(config, ask.zstd, ask.wall_ms).with_records(ask.records || recoding.is_some());
    let mut facts = validate::check_batch(&bytes, &rules)?;
    let bytes = match recoding {
        None => bytes,
        Some((codec, level)) => {
            let recoded = validate::recode(&bytes, codec, level, &rules)?;
            facts.bytes = recoded.len() as u32;
            facts.attributes = batch::with_codec(facts.attributes, codec);
            recoded
        }
    };
    let (bytes, facts) = if append {
        let bytes = batch::with_append_time(&bytes, wall_ms);
        let attributes = facts.attributes | batch::ATTRIBUTE_LOG_APPEND_TIME;
        (bytes, batch::BatchFacts { timestamp_max: wall_ms, attributes, ..facts })
    } else {
        (bytes, facts)
    };
    let append_time_ms = if append { wall_ms } else { -1 };
    Ok((Admitted { partition, topic: topic.id, index, bytes, facts }, append_time_ms))
}
