//! Fetch.

use std::sync::Arc;

use bytes::Bytes;

use super::TopicRef;
use crate::error::Refusal;

/// What a consumer wants to read, and how long it can wait.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// How long to wait for `bytes_min`, milliseconds.
    pub wait_ms_max: i32,
    /// Answer as soon as there is so much.
    pub bytes_min: i32,
    /// Answer with no more than this, but for a first batch.
    pub bytes_max: i32,
    /// Only what is committed (read_committed).
    pub committed_only: bool,
    /// 0 asks for a session or for none, by the epoch.
    pub session_id: i32,
    /// -1: no session; 0: a new one; above: the next of this session.
    pub session_epoch: i32,
    /// False below version 10: a zstd batch is refused with UNSUPPORTED_COMPRESSION_TYPE.
    pub zstd: bool,
    /// Partitions to add or change; without a session, all of them.
    pub topics: Vec<FetchTopic>,
    /// Partitions that leave the session.
    pub forgotten: Vec<ForgottenTopic>,
    /// The consumer's `client.rack`, or empty.
    pub rack: Arc<str>,
}

/// What to read of one topic.
#[derive(Clone, Debug)]
pub struct FetchTopic {
    /// Which.
    pub topic: TopicRef,
    /// By partition.
    pub partitions: Vec<FetchPartition>,
}

/// What to read of one partition.
#[derive(Clone, Debug)]
pub struct FetchPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// The first offset wanted.
    pub offset: i64,
    /// At most so many bytes of this partition, but for a first batch.
    pub bytes_max: i32,
    /// The leader epoch that the consumer knows, or -1.
    pub leader_epoch: i32,
    /// The epoch of the last record that it has, or -1.
    pub last_fetched_epoch: i32,
}

/// Partitions that leave a session.
#[derive(Clone, Debug)]
pub struct ForgottenTopic {
    /// Which.
    pub topic: TopicRef,
    /// Kafka's partition indexes.
    pub partitions: Vec<i32>,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct FetchResponse {
    /// A refusal of the whole request (fetch sessions know two).
    pub refusal: Option<Refusal>,
    /// The session, or 0.
    pub session_id: i32,
    /// By topic; an incremental answer leaves out what has not changed.
    pub topics: Vec<FetchedTopic>,
}

/// What was read of one topic.
#[derive(Clone, Debug)]
pub struct FetchedTopic {
    /// As the request named it.
    pub topic: TopicRef,
    /// By partition.
    pub partitions: Vec<FetchedPartition>,
}

/// What was read of one partition.
#[derive(Clone, Debug)]
pub struct FetchedPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// Why there is nothing.
    pub refusal: Option<Refusal>,
    /// The offset behind the last committed record, or -1.
    pub high_watermark: i64,
    /// The offset below which no transaction is open, or -1.
    pub last_stable_offset: i64,
    /// The first offset, or -1.
    pub log_start_offset: i64,
    /// Aborted transactions in the range, under `committed_only`: producer id and first offset.
    pub aborted: Option<Vec<(i64, i64)>>,
    /// Whole batches, as slices in order.
    pub records: Vec<Bytes>,
}
