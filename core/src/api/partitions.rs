//! CreatePartitions and DescribeTopicPartitions.

use std::sync::Arc;

use super::MetadataTopic;
use crate::error::Refused;
use crate::ids::BrokerId;

/// Topics that are to have more partitions.
#[derive(Clone, Debug)]
pub struct CreatePartitionsRequest {
    /// By topic; one that stands twice is refused with INVALID_REQUEST.
    pub topics: Vec<TopicGrowth>,
    /// How long the client waits, milliseconds.
    pub timeout_ms: i32,
    /// Say what would happen, and do nothing.
    pub validate_only: bool,
}

/// What a topic is to grow to.
#[derive(Clone, Debug)]
pub struct TopicGrowth {
    /// Which.
    pub name: Arc<str>,
    /// How many partitions it is to have in all.
    pub partitions: i32,
    /// Brokers of each new partition, where the client places replicas itself.
    pub assignments: Option<Vec<Vec<BrokerId>>>,
}

/// What became of each.
#[derive(Clone, Debug)]
pub struct CreatePartitionsResponse {
    /// By topic, in the request's order: done, or why not.
    pub topics: Vec<(Arc<str>, Result<(), Refused>)>,
}

/// A page of partitions.
#[derive(Clone, Debug)]
pub struct DescribeTopicPartitionsRequest {
    /// Which topics; all of them where it is empty.
    pub topics: Vec<Arc<str>>,
    /// Partitions of the page, within the broker's own limit.
    pub partitions_max: i32,
    /// Where it begins, if not at the first topic.
    pub cursor: Option<PartitionCursor>,
}

/// Where a page begins, in the order of topic names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionCursor {
    /// With this topic …
    pub topic: Arc<str>,
    /// … and this partition of it.
    pub partition: i32,
}

/// The page.
#[derive(Clone, Debug)]
pub struct DescribeTopicPartitionsResponse {
    /// By name.
    pub topics: Vec<MetadataTopic>,
    /// Where the next one begins, if there is more.
    pub next: Option<PartitionCursor>,
}
