//! Metadata.

use std::sync::Arc;

use super::TopicRef;
use crate::error::Refusal;
use crate::ids::{BrokerId, TopicId};

/// Which topics to describe.
#[derive(Clone, Debug)]
pub struct MetadataRequest {
    /// Nothing: all topics.
    pub topics: Option<Vec<TopicRef>>,
    /// Create what is missing, where the broker allows it.
    pub auto_create: bool,
    /// The version does not allow what was asked: every topic is answered with this.
    pub refusal: Option<Refusal>,
    /// What may be done is to be told.
    pub operations: MetadataOperations,
}

/// Of what a client wants to know what it may do to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataOperations {
    /// Of the cluster.
    pub cluster: bool,
    /// Of each topic that it named or that there is.
    pub topics: bool,
}

/// The cluster as this client is to see it.
#[derive(Clone, Debug)]
pub struct MetadataResponse {
    /// Live brokers.
    pub brokers: Vec<Broker>,
    /// The cluster's id.
    pub cluster_id: Arc<str>,
    /// Who takes admin requests.
    pub controller: BrokerId,
    /// In the request's order; all topics by name.
    pub topics: Vec<MetadataTopic>,
    /// What may be done is told: nothing where the request was refused.
    pub operations: MetadataOperations,
}

/// A broker and where to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its `node.id`.
    pub id: BrokerId,
    /// Its host, as advertised on the listener of the request.
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
    /// Its `broker.rack`.
    pub rack: Option<Arc<str>>,
}

/// One topic.
#[derive(Clone, Debug)]
pub struct MetadataTopic {
    /// Why it cannot be described.
    pub refusal: Option<Refusal>,
    /// Its name; nothing where the client named an unknown id.
    pub name: Option<Arc<str>>,
    /// Its id, or zero.
    pub id: TopicId,
    /// One of Kafka's own topics.
    pub internal: bool,
    /// By index.
    pub partitions: Vec<MetadataPartition>,
}

/// One partition.
#[derive(Clone, Debug)]
pub struct MetadataPartition {
    /// Kafka's partition index.
    pub index: i32,
    /// The broker to talk to. The leader epoch is [`crate::batch::LEADER_EPOCH`].
    pub leader: BrokerId,
    /// Replicas, which are also the isr.
    pub replicas: Arc<[BrokerId]>,
}
