//! ElectLeaders and AlterPartitionReassignments: where partitions are led and kept, which the object store does not ask.

use std::sync::Arc;

use crate::error::{Refusal, Refused};
use crate::ids::BrokerId;

/// Partitions that are to be led by others.
#[derive(Clone, Debug)]
pub struct ElectLeadersRequest {
    /// 0: by the replica that is preferred; 1: by whatever replica is left.
    pub kind: i8,
    /// By topic; nothing is all of them.
    pub topics: Option<Vec<(Arc<str>, Vec<i32>)>>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct ElectLeadersResponse {
    /// In the request's order, or why none of it.
    pub result: Result<Vec<MovedTopic>, Refusal>,
}

/// What became of partitions of a topic.
#[derive(Clone, Debug)]
pub struct MovedTopic {
    /// Which.
    pub name: Arc<str>,
    /// By partition, in the request's order: done, or why not.
    pub partitions: Vec<(i32, Result<(), Refused>)>,
}

/// Partitions that are to be kept elsewhere.
#[derive(Clone, Debug)]
pub struct AlterReassignmentsRequest {
    /// Whether a partition may get more or fewer replicas.
    pub resize: bool,
    /// By topic and partition: its brokers; nothing stops a move.
    pub topics: Vec<ReassignedTopic>,
}

/// In one topic.
#[derive(Clone, Debug)]
pub struct ReassignedTopic {
    /// Which.
    pub name: Arc<str>,
    /// By partition.
    pub partitions: Vec<(i32, Option<Vec<BrokerId>>)>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct AlterReassignmentsResponse {
    /// As asked.
    pub resize: bool,
    /// In the request's order.
    pub topics: Vec<MovedTopic>,
}
