//! ListOffsets and OffsetForLeaderEpoch.

use super::TopicRef;
use crate::error::Refusal;

/// Which offset is wanted of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The offset behind the last record (-1); the last stable one under `committed_only`.
    Latest,
    /// The first offset (-2).
    Earliest,
    /// The offset of the record with the newest timestamp (-3).
    MaxTimestamp,
    /// The first offset that is local (-4); all of it is.
    EarliestLocal,
    /// The last offset in tiered storage (-5); there is none.
    LastTiered,
    /// The first offset pending upload (-6).
    EarliestPendingUpload,
    /// The first record at or after this time, milliseconds.
    Time(i64),
}

/// Offsets by time or by name.
#[derive(Clone, Debug)]
pub struct ListOffsetsRequest {
    /// Only what is committed (read_committed).
    pub committed_only: bool,
    /// How long the client waits, where it says so, milliseconds.
    pub timeout_ms: Option<i32>,
    /// By topic.
    pub topics: Vec<ListOffsetsTopic>,
}

/// Of one topic.
#[derive(Clone, Debug)]
pub struct ListOffsetsTopic {
    /// Which.
    pub topic: TopicRef,
    /// By partition; a partition named twice is refused with INVALID_REQUEST.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// Of one partition.
#[derive(Clone, Copy, Debug)]
pub struct ListOffsetsPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// The leader epoch that the client knows, or -1.
    pub leader_epoch: i32,
    /// What is wanted; a special value that the version does not know is UNSUPPORTED_VERSION.
    pub at: Result<OffsetAt, Refusal>,
}

/// The offsets.
#[derive(Clone, Debug)]
pub struct ListOffsetsResponse {
    /// In the request's order.
    pub topics: Vec<ListedTopic>,
}

/// Of one topic.
#[derive(Clone, Debug)]
pub struct ListedTopic {
    /// As the request named it.
    pub topic: TopicRef,
    /// In the request's order.
    pub partitions: Vec<ListedPartition>,
}

/// Of one partition.
#[derive(Clone, Copy, Debug)]
pub struct ListedPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// What was found; offset and timestamp are -1 where nothing was. The epoch is 0 with an offset, else -1.
    pub result: Result<ListedOffset, Refusal>,
}

/// An offset that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The record's timestamp, or -1.
    pub timestamp_ms: i64,
    /// The offset, or -1.
    pub offset: i64,
}

/// Where epochs end.
#[derive(Clone, Debug)]
pub struct OffsetForLeaderEpochRequest {
    /// By topic name.
    pub topics: Vec<EpochTopic>,
}

/// Of one topic.
#[derive(Clone, Debug)]
pub struct EpochTopic {
    /// Which.
    pub topic: TopicRef,
    /// By partition.
    pub partitions: Vec<EpochPartition>,
}

/// Of one partition.
#[derive(Clone, Copy, Debug)]
pub struct EpochPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// The leader epoch that the client knows, or -1.
    pub current_leader_epoch: i32,
    /// The epoch whose end is wanted.
    pub leader_epoch: i32,
}

/// Where they end.
#[derive(Clone, Debug)]
pub struct OffsetForLeaderEpochResponse {
    /// In the request's order.
    pub topics: Vec<EndedTopic>,
}

/// Of one topic.
#[derive(Clone, Debug)]
pub struct EndedTopic {
    /// As the request named it.
    pub topic: TopicRef,
    /// In the request's order.
    pub partitions: Vec<EndedPartition>,
}

/// Of one partition.
#[derive(Clone, Copy, Debug)]
pub struct EndedPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// The epoch and its end; both -1 where the epoch is unknown.
    pub result: Result<(i32, i64), Refusal>,
}
