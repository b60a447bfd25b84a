//! DeleteRecords.

use std::sync::Arc;

use crate::error::Refusal;

/// Records that are to be deleted, from the beginning of partitions.
#[derive(Clone, Debug)]
pub struct DeleteRecordsRequest {
    /// By topic.
    pub topics: Vec<DeleteRecordsTopic>,
    /// How long the client waits, milliseconds.
    pub timeout_ms: i32,
}

/// In one topic.
#[derive(Clone, Debug)]
pub struct DeleteRecordsTopic {
    /// Which.
    pub name: Arc<str>,
    /// By partition: the offset that is to be its first one; -1 for the one behind its last record.
    pub partitions: Vec<(i32, i64)>,
}

/// What became of each.
#[derive(Clone, Debug)]
pub struct DeleteRecordsResponse {
    /// In the request's order.
    pub topics: Vec<DeletedRecordsTopic>,
}

/// In one topic.
#[derive(Clone, Debug)]
pub struct DeletedRecordsTopic {
    /// Which.
    pub name: Arc<str>,
    /// By partition, in the request's order: its first offset now, or why not.
    pub partitions: Vec<(i32, Result<i64, Refusal>)>,
}
