//! CreateTopics and DeleteTopics.

use std::sync::Arc;

use super::TopicRef;
use crate::config::ConfigRow;
use crate::error::{Refusal, Refused};
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
    pub topics: Vec<TopicToDelete>,
    /// How long the client waits, milliseconds.
    pub timeout_ms: i32,
}

/// A topic as its deleter names it: by a name or by an id, not by both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicToDelete {
    /// Its name, where it goes by name.
    pub name: Option<Arc<str>>,
    /// Its id, or zero.
    pub id: TopicId,
}

impl TopicToDelete {
    /// Which one is meant.
    ///
    /// # Errors
    /// Where that is said twice, or not at all.
    pub fn topic(&self) -> Result<TopicRef, Refused> {
        match (&self.name, self.id.is_zero()) {
            (Some(name), true) => Ok(TopicRef::Name(Arc::clone(name))),
            (None, false) => Ok(TopicRef::Id(self.id)),
            (Some(_), false) => {
                let message = "You may not specify both topic name and topic id.";
                Err(Refused::new(Refusal::InvalidRequest, message))
            }
            (None, true) => Err(Refused::new(Refusal::InvalidRequest, "Neither topic name nor id were specified.")),
        }
    }
}

impl From<TopicRef> for TopicToDelete {
    fn from(topic: TopicRef) -> TopicToDelete {
        match topic {
            TopicRef::Name(name) => TopicToDelete { name: Some(name), id: TopicId::ZERO },
            TopicRef::Id(id) => TopicToDelete { name: None, id },
        }
    }
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
