//! DescribeCluster.

use std::sync::Arc;

use super::Broker;
use crate::error::Refused;
use crate::ids::BrokerId;

/// Whom to describe.
#[derive(Clone, Copy, Debug)]
pub struct DescribeClusterRequest {
    /// 1: brokers, 2: controllers (refused here with MISMATCHED_ENDPOINT_TYPE).
    pub endpoint_type: i8,
    /// What may be done to the cluster is to be told.
    pub authorized_operations: bool,
}

/// The brokers.
#[derive(Clone, Debug)]
pub struct DescribeClusterResponse {
    /// Why not.
    pub refused: Option<Refused>,
    /// As asked.
    pub endpoint_type: i8,
    /// The cluster's id.
    pub cluster_id: Arc<str>,
    /// Who takes admin requests.
    pub controller: BrokerId,
    /// Live brokers.
    pub brokers: Vec<Broker>,
    /// What may be done to the cluster is told.
    pub authorized_operations: bool,
}
