//! Produce.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::TopicRef;
use crate::error::Refused;

/// Batches for partitions, with the care that the producer asks for.
#[derive(Clone, Debug)]
pub struct ProduceRequest {
    /// Set for a transactional producer.
    pub transactional_id: Option<Arc<str>>,
    /// 0, 1 or -1; any other value is refused with INVALID_REQUIRED_ACKS.
    pub acks: i16,
    /// How long the producer waits, milliseconds.
    pub timeout_ms: i32,
    /// False below version 7: zstd is refused with UNSUPPORTED_COMPRESSION_TYPE.
    pub zstd: bool,
    /// The data.
    pub topics: Vec<ProduceTopic>,
}

/// Batches for one topic.
#[derive(Clone, Debug)]
pub struct ProduceTopic {
    /// Which.
    pub topic: TopicRef,
    /// By partition.
    pub partitions: Vec<ProducePartition>,
}

/// Batches for one partition.
#[derive(Clone, Debug)]
pub struct ProducePartition {
    /// Kafka's partition index.
    pub index: i32,
    /// A slice of the frame; nothing where the client sent null.
    pub records: Option<Bytes>,
}

/// What became of each partition's batch.
#[derive(Clone, Debug)]
pub struct ProduceResponse {
    /// In the request's order.
    pub topics: Vec<ProducedTopic>,
}

/// What became of one topic's batches.
#[derive(Clone, Debug)]
pub struct ProducedTopic {
    /// As the request named it.
    pub topic: TopicRef,
    /// In the request's order.
    pub partitions: Vec<ProducedPartition>,
}

/// What became of one batch.
#[derive(Clone, Debug)]
pub struct ProducedPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// Where it is, or why not.
    pub result: Result<Produced, Refused>,
    /// The records that it was refused for; none where the reason is another one.
    pub record_errors: Vec<RecordError>,
}

/// A record for which its whole batch was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Its place in the batch.
    pub index: i32,
    /// What is wrong with it.
    pub message: Cow<'static, str>,
}

/// Where an acknowledged batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    /// Its first offset; for a duplicate, the one it was given first.
    pub base_offset: i64,
    /// The append time that was stamped, or -1 where the topic keeps the producer's timestamps.
    pub log_append_time_ms: i64,
    /// The partition's first offset.
    pub log_start_offset: i64,
}
