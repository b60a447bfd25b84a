//! DescribeQuorum and UpdateFeatures.

use std::sync::Arc;

use super::Broker;
use crate::error::Refused;

/// Partitions of the metadata's own topic. Only one exists.
#[derive(Clone, Debug)]
pub struct DescribeQuorumRequest {
    /// By topic.
    pub topics: Vec<(Arc<str>, Vec<i32>)>,
}

/// How the quorum stands.
#[derive(Clone, Debug)]
pub struct DescribeQuorumResponse {
    /// The quorum; or what was asked for, of which something does not exist.
    pub result: Result<Quorum, DescribeQuorumRequest>,
}

/// A quorum of one voter, which is this broker.
#[derive(Clone, Debug)]
pub struct Quorum {
    /// Its life of the journal, as Kafka counts leaders.
    pub epoch: i32,
    /// The offset behind the last durable command.
    pub high_watermark: i64,
    /// When that was so.
    pub wall_ms: i64,
    /// The listener on which it was asked.
    pub listener: Arc<str>,
    /// The broker as that listener advertises it.
    pub broker: Broker,
}

/// Features that are to have another level.
#[derive(Clone, Debug)]
pub struct UpdateFeaturesRequest {
    /// All or none of them.
    pub updates: Vec<FeatureUpdate>,
}

/// One feature.
#[derive(Clone, Debug)]
pub struct FeatureUpdate {
    /// Its name.
    pub name: Arc<str>,
    /// The level that it is to have; 0 is off.
    pub level: i16,
    /// Which way, as the client says it.
    pub direction: FeatureDirection,
}

/// Which way a level may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureDirection {
    /// Only up.
    Up,
    /// Only down.
    Down,
    /// A number without a meaning.
    Unknown,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct UpdateFeaturesResponse {
    /// As asked.
    pub names: Vec<Arc<str>>,
    /// Why not.
    pub refused: Option<Refused>,
}
