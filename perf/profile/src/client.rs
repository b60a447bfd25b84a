//! Clients as the standard ones behave: an idempotent producer with five requests in flight, and a consumer with a
//! fetch session. Both are functions from an answer to the next requests; who carries the bytes is not their matter.

use std::collections::BTreeMap;

use apus_core::batch::{Codec, Sequence, checksum};
use apus_core::ids::{ProducerId, Uuid};
use apus_core::records::build::BatchBuilder;
use apus_core::time::Rng;
use apus_net::wire::schema::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use apus_net::wire::schema::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use apus_net::wire::value::Records;
use bytes::{Bytes, BytesMut};

use crate::line::{answer, request};

const PRODUCE_VERSION: i16 = 13;
const FETCH_VERSION: i16 = 17;
const IN_FLIGHT_MAX: usize = 5;
const RECORD_BYTES: usize = 1 << 10;
const TIMESTAMP_MS: i64 = 1_700_000_000_000;

/// Either of them.
pub enum Client {
    /// Appends.
    Producer(Producer),
    /// Reads.
    Consumer(Consumer),
}

impl Client {
    /// The first requests.
    pub fn begin(&mut self) -> Vec<Bytes> {
        match self {
            Client::Producer(producer) => producer.fill(),
            Client::Consumer(consumer) => vec![consumer.ask()],
        }
    }

    /// What follows from an answer.
    pub fn answered(&mut self, frame: &[u8]) -> Vec<Bytes> {
        match self {
            Client::Producer(producer) => producer.answered(frame),
            Client::Consumer(consumer) => consumer.answered(frame),
        }
    }

    /// Batches that were acknowledged to a producer.
    #[must_use]
    pub fn produced(&self) -> u64 {
        if let Client::Producer(producer) = self { producer.acknowledged } else { 0 }
    }

    /// Batches that a consumer has read.
    #[must_use]
    pub fn fetched(&self) -> u64 {
        if let Client::Consumer(consumer) = self { consumer.batches } else { 0 }
    }
}

/// An idempotent producer that goes round its partitions.
pub struct Producer {
    topic: Uuid,
    partitions: Vec<i32>,
    /// Batches of one request.
    width: usize,
    template: Bytes,
    records: i32,
    sequences: Vec<i32>,
    next: usize,
    in_flight: usize,
    left: u64,
    /// Batches that were acknowledged.
    pub acknowledged: u64,
}

impl Producer {
    /// A producer of so many batches of about so many bytes, `width` of them a request.
    ///
    /// # Panics
    /// Where a request would hold two batches of one partition.
    #[must_use]
    pub fn new(
        producer: ProducerId,
        topic: Uuid,
        partitions: Vec<i32>,
        width: usize,
        bytes: usize,
        left: u64,
    ) -> Producer {
        assert!(0 < width && width <= partitions.len());
        let records = (bytes / RECORD_BYTES).max(1);
        let template = batch(producer, bytes, records);
        let sequences = vec![0; partitions.len()];
        let records = i32::try_from(records).expect("records of a batch");
        Producer {
            topic,
            partitions,
            width,
            template,
            records,
            sequences,
            next: 0,
            in_flight: 0,
            left,
            acknowledged: 0,
        }
    }

    /// Bytes of one batch.
    #[must_use]
    pub fn batch_bytes(&self) -> usize {
        self.template.len()
    }

    fn fill(&mut self) -> Vec<Bytes> {
        let mut frames = Vec::new();
        while self.in_flight < IN_FLIGHT_MAX && self.left >= self.width as u64 {
            frames.push(self.request());
            self.in_flight += 1;
            self.left -= self.width as u64;
        }
        frames
    }

    fn request(&mut self) -> Bytes {
        let mut batches: Vec<(i32, Bytes)> = (0..self.width).map(|_| self.batch()).collect();
        batches.sort_by_key(|(index, _)| *index);
        let data = batches.iter();
        let data =
            data.map(|(index, bytes)| PartitionProduceData { index: *index, records: Some(Records::Slice(bytes)) });
        let partition_data = data.collect();
        let topic = TopicProduceData { name: "", topic_id: self.topic, partition_data };
        let message = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
        request(PRODUCE_VERSION, &message)
    }

    /// The next partition's next batch: the template with its own sequence, and the checksum that fits.
    fn batch(&mut self) -> (i32, Bytes) {
        let at = self.next % self.partitions.len();
        self.next += 1;
        let mut batch = BytesMut::from(&self.template[..]);
        batch[53..57].copy_from_slice(&self.sequences[at].to_be_bytes());
        self.sequences[at] += self.records;
        let crc = checksum(&batch);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        (self.partitions[at], batch.freeze())
    }

    fn answered(&mut self, frame: &[u8]) -> Vec<Bytes> {
        let answer: ProduceResponse<'_> = answer(frame, PRODUCE_VERSION);
        for partition in answer.responses.iter().flat_map(|topic| &topic.partition_responses) {
            assert!(partition.error_code == 0, "Produce answers {}", partition.error_code);
            self.acknowledged += 1;
        }
        self.in_flight -= 1;
        self.fill()
    }
}

fn batch(producer: ProducerId, bytes: usize, records: usize) -> Bytes {
    let mut rng = Rng::new(bytes as u64);
    let value: Vec<u8> = (0..RECORD_BYTES - 16).map(|_| rng.bits() as u8).collect();
    let empty = BatchBuilder::new(Codec::None).sequence(Sequence { producer, epoch: 0, first: 0 });
    (0..records).fold(empty, |batch, at| batch.record(TIMESTAMP_MS + at as i64, None, Some(&value))).build()
}

/// A consumer with a fetch session, from the first offset on.
pub struct Consumer {
    topic: Uuid,
    positions: BTreeMap<i32, i64>,
    /// The positions that the session does not know.
    changed: Vec<i32>,
    session: (i32, i32),
    bytes_max: i32,
    /// Where each partition ends, for one that begins again there.
    end: Option<i64>,
    /// Batches that were read.
    pub batches: u64,
}

impl Consumer {
    /// A consumer of these partitions.
    #[must_use]
    pub fn new(topic: Uuid, partitions: &[i32]) -> Consumer {
        let positions = partitions.iter().map(|index| (*index, 0)).collect();
        let (session, bytes_max) = ((0, 0), 50 << 20);
        Consumer { topic, positions, changed: partitions.to_vec(), session, bytes_max, end: None, batches: 0 }
    }

    /// One that reads again from the start when it has read all of every partition, in answers of so many bytes.
    #[cfg(test)]
    #[must_use]
    pub fn round_and_round(self, end: i64, bytes_max: i32) -> Consumer {
        Consumer { end: Some(end), bytes_max, ..self }
    }

    fn ask(&mut self) -> Bytes {
        if self.end.is_some_and(|end| self.positions.values().all(|position| *position >= end)) {
            self.positions.values_mut().for_each(|position| *position = 0);
            self.changed = self.positions.keys().copied().collect();
        }
        let wanted = |partition: i32| FetchPartition {
            partition,
            fetch_offset: self.positions[&partition],
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        let partitions: Vec<_> = std::mem::take(&mut self.changed).into_iter().map(wanted).collect();
        let topic = FetchTopic { topic: "", topic_id: self.topic, partitions };
        let topics = if topic.partitions.is_empty() { Vec::new() } else { vec![topic] };
        let message = FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: self.bytes_max,
            session_id: self.session.0,
            session_epoch: self.session.1,
            topics,
            ..Default::default()
        };
        request(FETCH_VERSION, &message)
    }

    fn answered(&mut self, frame: &[u8]) -> Vec<Bytes> {
        let answer: FetchResponse<'_> = answer(frame, FETCH_VERSION);
        assert!(answer.error_code == 0 && answer.session_id != 0, "Fetch answers {}", answer.error_code);
        self.session = (answer.session_id, self.session.1 + 1);
        for partition in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            assert!(partition.error_code == 0, "Fetch answers {}", partition.error_code);
            let Some(records) = &partition.records else { continue };
            let bytes = records.to_vec();
            let position = self.positions.get_mut(&partition.partition_index).expect("it was asked for");
            let mut rest = &bytes[..];
            // What the answer had no room for is cut, in the middle of a batch too.
            while let Some((offset, whole, next)) = whole_batch(rest) {
                assert!(offset == *position, "a batch at {offset} instead of {position}");
                *position = next;
                self.batches += 1;
                rest = &rest[whole..];
            }
            self.changed.push(partition.partition_index);
        }
        vec![self.ask()]
    }
}

/// Offset and length of the batch that begins these bytes, and the offset behind it.
fn whole_batch(bytes: &[u8]) -> Option<(i64, usize, i64)> {
    let offset = i64::from_be_bytes(*bytes.first_chunk()?);
    let length = 12 + i32::from_be_bytes(*bytes.get(8..12)?.first_chunk()?) as usize;
    let last_delta = i32::from_be_bytes(*bytes.get(23..27)?.first_chunk()?);
    (bytes.len() >= length).then(|| (offset, length, offset + i64::from(last_delta) + 1))
}
