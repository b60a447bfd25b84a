//! DescribeConfigs. The rows themselves are made by the configuration tables.

use std::sync::Arc;

use crate::config::ConfigRow;
use crate::error::Refused;

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
    /// In the request's order.
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
    /// The rows, or why not.
    pub result: Result<Vec<ConfigRow>, Refused>,
}
