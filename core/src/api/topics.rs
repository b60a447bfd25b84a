//! CreateTopics and DeleteTopics.

use std::sync::Arc;

use super::TopicRef;
use crate::config::ConfigRow;
use crate::error::Refused;
use crate::ids::{BrokerId, TopicId};

/// Topics to create.
#[derive(Clone, Debug)]
pub struct CreateTopicsRequest {
    /// By topic; a name that stands twice is refused with INVALID_REQUEST.
    pub topics: Vec<NewTopic>,
    /// How long the client waits, milliseconds.
    pub timeout_ms: i32,
    /// Say what would happen, and do nothing.
    pub validate_only: bool,
}

/// A topic to create.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// Its name, not yet checked.
    pub name: Arc<str>,
    /// How many partitions; -1 for the broker's default, or with assignments.
    pub partitions: i32,
    /// -1 for the default.
    pub replication_factor: i16,
    /// Brokers by partition index, where the client places replicas itself.
    pub assignments: Vec<(i32, Vec<BrokerId>)>,
    /// Configs; null values are refused as Kafka does.
    pub configs: Vec<(Arc<str>, Option<Arc<str>>)>,
}

/// What became of each.
#[derive(Clone, Debug)]
pub struct CreateTopicsResponse {
    /// In the request's order.
    pub topics: Vec<CreatedTopic>,
}

/// What became of one.
#[derive(Clone, Debug)]
pub struct CreatedTopic {
    /// Its name.
    pub name: Arc<str>,
    /// The topic, or why not.
    pub result: Result<Created, Refused>,
}

/// A topic that was created (or would be).
#[derive(Clone, Debug)]
pub struct Created {
    /// Its id; zero where nothing was created.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: i32,
    /// As stored.
    pub replication_factor: i16,
    /// All of its configs.
    pub configs: Vec<ConfigRow>,
}

/// Topics to delete.
#[derive(Clone, Debug)]
pub struct DeleteTopicsRequest {
    /// By name or id.
    pub topics: Vec<TopicRef>,
    /// How long the client waits, milliseconds.
    pub timeout_ms: i32,
}

/// What became of each.
#[derive(Clone, Debug)]
pub struct DeleteTopicsResponse {
    /// In the request's order.
    pub topics: Vec<DeletedTopic>,
}

/// What became of one.
#[derive(Clone, Debug)]
pub struct DeletedTopic {
    /// Its name; nothing where an unknown id was named.
    pub name: Option<Arc<str>>,
    /// Its id, or zero.
    pub id: TopicId,
    /// Done, or why not.
    pub result: Result<(), Refused>,
}
