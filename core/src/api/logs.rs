//! DescribeLogDirs and DescribeProducers.

use std::sync::Arc;

use crate::error::Refusal;
use crate::ids::ProducerId;

/// What lies in the store.
#[derive(Clone, Debug)]
pub struct DescribeLogDirsRequest {
    /// By topic and partition; nothing is all of them.
    pub topics: Option<Vec<(Arc<str>, Vec<i32>)>>,
}

/// The only directory that there is.
#[derive(Clone, Debug)]
pub struct DescribeLogDirsResponse {
    /// Its path, or the bucket.
    pub path: String,
    /// By name. What was asked for and is not there is left out.
    pub topics: Vec<SizedTopic>,
}

/// A topic in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizedTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Bytes, by partition.
    pub partitions: Vec<(i32, u64)>,
}

/// Who writes to partitions.
#[derive(Clone, Debug)]
pub struct DescribeProducersRequest {
    /// By topic and partition.
    pub topics: Vec<(Arc<str>, Vec<i32>)>,
}

/// The idempotent ones.
#[derive(Clone, Debug)]
pub struct DescribeProducersResponse {
    /// In the request's order, each partition once.
    pub topics: Vec<(Arc<str>, Vec<DescribedProducers>)>,
}

/// A partition and who writes to it.
pub type DescribedProducers = (i32, Result<Vec<ActiveProducer>, Refusal>);

/// An idempotent producer in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: i16,
    /// The sequence of its last record.
    pub last_sequence: i32,
    /// The newest timestamp of its last batch.
    pub last_timestamp_ms: i64,
}
