//! Idempotent producers: what Kafka's `ProducerStateManager` decides, by partition and producer.
//!
//! In one point it is stricter than Kafka: a producer that a partition does not know begins at sequence 0, and is told
//! OUT_OF_ORDER_SEQUENCE_NUMBER otherwise. Kafka takes any first sequence, and may: in its log a batch cannot fail
//! while a later one of the same producer, sent before the failure was heard of, gets in. Here it can, because a flush
//! fails alone. Were the later batch taken as the producer's first one, the earlier one's retry would be out of order
//! for ever: next in its client's line and refused, which is fatal. Refusing the later one instead is harmless, for
//! clients send a batch again that is refused out of order and is not next in line. UNKNOWN_PRODUCER_ID would be wrong
//! there: it tells a client that what it was acknowledged was truncated, so it begins a new epoch with batches of the
//! old one still under way.
//!
//! The price is paid by a producer that was silent until it was forgotten (`producer.id.expiration.ms`, a day) and
//! goes on where it stopped. Its batch is next in line, so the error reaches the application: Kafka's own client fails
//! this batch and begins a new epoch for the next one, librdkafka raises a fatal error. Whoever has producers that
//! rest longer sets the key accordingly; 120 bytes each are what that costs. To take their first sequence as Kafka does,
//! a commit would have to say that nothing of the batch's connection failed before it, which only the packer knows: a
//! later version of the command may carry it.

use apus_core::api::ActiveProducer;
use apus_core::batch::Sequence;
use apus_core::error::Refusal;
use apus_core::ids::ProducerId;
use apus_core::limits::PRODUCER_BATCHES;

use super::record::{Cursor, Record};
use super::shelf::Entry;
use crate::command::Corrupt;

/// A batch that a retry may repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) base_offset: i64,
    pub(crate) timestamp_max: i64,
}

/// A producer in one partition.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 4 | partition | | 1 | how many batches are remembered |
/// | 8 | producer id | | 4, 4 | first and last sequence of each, oldest first |
/// | 2 | epoch | | 8 | its base offset |
/// | 8 | time of its last batch | | 8 | its newest timestamp |
#[derive(Clone, Copy, Debug)]
pub(crate) struct Producer {
    pub(crate) partition: u32,
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    count: u8,
    pub(crate) last_ms: i64,
    batches: [Remembered; PRODUCER_BATCHES],
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is next, or the very first.
    Accept,
    /// It was accepted before.
    Duplicate(Remembered),
    /// It is neither.
    Refuse(Refusal),
}

/// Judges a batch of so many offsets by what is known of its producer.
pub(crate) fn judge(known: Option<&Producer>, sequence: &Sequence, offsets: u32) -> Judgement {
    if sequence.first < 0 || sequence.epoch < 0 {
        return Judgement::Refuse(Refusal::InvalidRecord);
    }
    let Some(known) = known else {
        let fresh = sequence.first == 0;
        return if fresh { Judgement::Accept } else { Judgement::Refuse(Refusal::OutOfOrderSequenceNumber) };
    };
    if sequence.epoch < known.epoch {
        return Judgement::Refuse(Refusal::InvalidProducerEpoch);
    }
    if sequence.epoch > known.epoch {
        let fresh = sequence.first == 0;
        return if fresh { Judgement::Accept } else { Judgement::Refuse(Refusal::OutOfOrderSequenceNumber) };
    }
    let last = advance(sequence.first, offsets - 1);
    if let Some(same) = known.remembered().iter().find(|batch| batch.first == sequence.first && batch.last == last) {
        return Judgement::Duplicate(*same);
    }
    let newest = known.remembered().last().expect("a producer is known by a batch");
    if sequence.first == advance(newest.last, 1) {
        Judgement::Accept
    } else {
        Judgement::Refuse(Refusal::OutOfOrderSequenceNumber)
    }
}

/// The sequence so many behind this one: after 2147483647 comes 0.
fn advance(sequence: i32, by: u32) -> i32 {
    assert!(sequence >= 0);
    ((i64::from(sequence) + i64::from(by)) & i64::from(i32::MAX)) as i32
}

impl Producer {
    pub(crate) fn new(partition: u32, sequence: &Sequence) -> Producer {
        let batches = [Remembered::default(); PRODUCER_BATCHES];
        Producer { partition, id: sequence.producer.0, epoch: sequence.epoch, count: 0, last_ms: 0, batches }
    }

    pub(crate) fn remembered(&self) -> &[Remembered] {
        &self.batches[..usize::from(self.count)]
    }

    /// As tools are told of it.
    pub(crate) fn active(&self) -> ActiveProducer {
        let newest = self.remembered().last().expect("a producer is known by a batch");
        ActiveProducer {
            id: ProducerId(self.id),
            epoch: self.epoch,
            last_sequence: newest.last,
            last_timestamp_ms: newest.timestamp_max,
        }
    }

    /// An accepted batch; the oldest of five gives way. A new epoch forgets those of the old one.
    pub(crate) fn remember(&mut self, sequence: &Sequence, offsets: u32, base_offset: i64, timestamp_max: i64) {
        assert!(sequence.epoch >= self.epoch && sequence.producer.0 == self.id);
        if sequence.epoch > self.epoch {
            self.epoch = sequence.epoch;
            self.count = 0;
            self.batches = [Remembered::default(); PRODUCER_BATCHES];
        }
        if usize::from(self.count) == PRODUCER_BATCHES {
            self.batches.rotate_left(1);
            self.count -= 1;
        }
        let last = advance(sequence.first, offsets - 1);
        self.batches[usize::from(self.count)] = Remembered { first: sequence.first, last, base_offset, timestamp_max };
        self.count += 1;
    }
}

impl Record for Producer {
    const PAGE_ENTRIES: usize = 113;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.partition.to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.last_ms.to_le_bytes());
        out.push(self.count);
        for batch in self.remembered() {
            out.extend_from_slice(&batch.first.to_le_bytes());
            out.extend_from_slice(&batch.last.to_le_bytes());
            out.extend_from_slice(&batch.base_offset.to_le_bytes());
            out.extend_from_slice(&batch.timestamp_max.to_le_bytes());
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Producer, Corrupt> {
        let mut producer = Producer {
            partition: bytes.u32()?,
            id: bytes.i64()?,
            epoch: bytes.i16()?,
            last_ms: bytes.i64()?,
            count: bytes.u8()?,
            batches: [Remembered::default(); PRODUCER_BATCHES],
        };
        let count = usize::from(producer.count);
        if count == 0 || count > PRODUCER_BATCHES {
            return Err(Corrupt::Value("a producer's batches"));
        }
        for batch in &mut producer.batches[..count] {
            let (first, last) = (bytes.i32()?, bytes.i32()?);
            if first < 0 || last < 0 {
                return Err(Corrupt::Value("a sequence"));
            }
            *batch = Remembered { first, last, base_offset: bytes.i64()?, timestamp_max: bytes.i64()? };
        }
        Ok(producer)
    }
}

impl Entry for Producer {
    type Key = (u32, i64);

    fn key(&self) -> (u32, i64) {
        (self.partition, self.id)
    }

    fn rank(&self) -> i64 {
        0
    }

    fn grows_with(&self, other: &Producer) -> bool {
        self.partition == other.partition
    }
}
