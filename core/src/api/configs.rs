//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources. Rows and changes are the configuration
//! tables' own.

use std::sync::Arc;

use crate::config::{ConfigChange, ConfigRow};
use crate::error::{Refusal, Refused};

/// Which resources to describe.
#[derive(Clone, Debug)]
pub struct DescribeConfigsRequest {
    /// By resource.
    pub resources: Vec<DescribeResource>,
    /// With the chain of values behind each.
    pub synonyms: bool,
    /// With what each means.
    pub documentation: bool,
}

/// One resource.
#[derive(Clone, Debug)]
pub struct DescribeResource {
    /// Kafka's number of its type: 2 topic, 4 broker, others are answered as Kafka does.
    pub kind: i8,
    /// Its name.
    pub name: Arc<str>,
    /// Which keys; nothing is all of them.
    pub keys: Option<Vec<Arc<str>>>,
}

/// The configs.
#[derive(Clone, Debug)]
pub struct DescribeConfigsResponse {
    /// In the request's order, each once.
    pub resources: Vec<DescribedResource>,
    /// As asked.
    pub synonyms: bool,
    /// As asked.
    pub documentation: bool,
}

/// Of one resource.
#[derive(Clone, Debug)]
pub struct DescribedResource {
    /// As asked.
    pub kind: i8,
    /// As asked.
    pub name: Arc<str>,
    /// The rows, or why not. Resources whose settings are the same share them.
    pub result: Result<Arc<[ConfigRow]>, Refused>,
}

/// Which kinds of resources to name.
#[derive(Clone, Debug)]
pub struct ListConfigResourcesRequest {
    /// Kafka's numbers of their types; none is all of them.
    pub kinds: Vec<i8>,
}

/// The resources that have settings, or could have.
#[derive(Clone, Debug)]
pub struct ListConfigResourcesResponse {
    /// By type and name.
    pub result: Result<Vec<(i8, Arc<str>)>, Refusal>,
}

/// Kafka's number of the resources that are topics.
pub const TOPIC_RESOURCE: i8 = 2;
/// Kafka's number of the resources that are brokers; the empty name is the default of all of them.
pub const BROKER_RESOURCE: i8 = 4;
/// Kafka's number of the loggers of brokers.
pub const BROKER_LOGGER_RESOURCE: i8 = 8;
/// Kafka's number of the subscriptions to metrics of clients.
pub const CLIENT_METRICS_RESOURCE: i8 = 16;
/// Kafka's number of the resources that are groups.
pub const GROUP_RESOURCE: i8 = 32;

/// Settings that are to change.
#[derive(Clone, Debug)]
pub struct AlterConfigsRequest {
    /// By resource; one that stands twice is refused with INVALID_REQUEST.
    pub resources: Vec<AlterResource>,
    /// Say what would happen, and do nothing.
    pub validate_only: bool,
    /// What a change does not name loses the value of its own (AlterConfigs, not IncrementalAlterConfigs).
    pub whole: bool,
}

/// What is to change of one resource.
#[derive(Clone, Debug)]
pub struct AlterResource {
    /// Kafka's number of its type.
    pub kind: i8,
    /// Its name.
    pub name: Arc<str>,
    /// By key; one that stands twice is refused with INVALID_REQUEST.
    pub changes: Vec<ConfigChange>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct AlterConfigsResponse {
    /// In the request's order.
    pub resources: Vec<AlteredResource>,
    /// As asked.
    pub whole: bool,
}

/// What became of one resource.
#[derive(Clone, Debug)]
pub struct AlteredResource {
    /// As asked.
    pub kind: i8,
    /// As asked.
    pub name: Arc<str>,
    /// Done, or why not.
    pub result: Result<(), Refused>,
}
