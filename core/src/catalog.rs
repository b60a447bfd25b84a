//! The topics as a core sees them: a replica of the ledger's, fed by the coordinator, read by every request.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::TopicRef;
use crate::config::{Config, ResourceKind, TopicConfig};
use crate::error::Refusal;
use crate::ids::{Lsn, PartitionId, TopicId};
use crate::quota::{QuotaEntity, Quotas};

/// One incarnation of a topic.
#[derive(Debug)]
pub struct Topic {
    /// Its id, never zero.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// The ledger's number of each partition, by Kafka's index.
    pub partitions: Vec<PartitionId>,
    /// As the creator asked; stored and echoed.
    pub replication_factor: i16,
    /// What the creator set, by key.
    pub overrides: BTreeMap<String, String>,
    /// What follows from it and from the broker's own configuration.
    pub config: TopicConfig,
}

impl Topic {
    /// The ledger's number of a partition.
    #[must_use]
    pub fn partition(&self, index: i32) -> Option<PartitionId> {
        self.partitions.get(usize::try_from(index).ok()?).copied()
    }
}

/// One change, in the order of the journal.
#[derive(Clone, Debug)]
pub enum CatalogChange {
    /// The topic is there, or is different.
    Set(Arc<Topic>),
    /// The topic is gone, and its partitions with it.
    Remove(Arc<Topic>),
    /// A group, or a subscription to metrics of clients, is set up so; without configs it is gone.
    Resource {
        /// What it is.
        kind: ResourceKind,
        /// Its name.
        name: Arc<str>,
        /// All that is set of it, by key.
        configs: ResourceConfigs,
    },
    /// An entity's clients are bounded so; without quotas they are not.
    Quota {
        /// Whom.
        entity: QuotaEntity,
        /// All that is set.
        quotas: Arc<Quotas>,
    },
    /// The broker acts on these settings; what topics take from them is in the topics already.
    Config(Arc<Config>),
}

/// What is set of a group or a subscription, by key; all cores share it.
pub type ResourceConfigs = Arc<BTreeMap<String, String>>;

/// What the coordinator tells every core. Answers that depend on it wait until every core has applied it.
#[derive(Debug)]
pub struct CatalogUpdate {
    /// Where in the journal.
    pub lsn: Lsn,
    /// What changed.
    pub changes: Vec<CatalogChange>,
}

/// All topics, by name and by id.
#[derive(Debug, Default)]
pub struct Catalog {
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    by_id: BTreeMap<TopicId, Arc<Topic>>,
    resources: BTreeMap<(ResourceKind, Arc<str>), ResourceConfigs>,
    quotas: BTreeMap<QuotaEntity, Arc<Quotas>>,
}

impl Catalog {
    /// Takes over what changed.
    pub fn apply(&mut self, update: &CatalogUpdate) {
        for change in &update.changes {
            match change {
                CatalogChange::Set(topic) => {
                    assert!(!topic.id.is_zero());
                    self.by_name.insert(Arc::clone(&topic.name), Arc::clone(topic));
                    self.by_id.insert(topic.id, Arc::clone(topic));
                }
                CatalogChange::Config(_) => {}
                CatalogChange::Quota { entity, quotas } if quotas.is_empty() => drop(self.quotas.remove(entity)),
                CatalogChange::Quota { entity, quotas } => {
                    self.quotas.insert(entity.clone(), Arc::clone(quotas));
                }
                CatalogChange::Resource { kind, name, configs } => {
                    let resource = (*kind, Arc::clone(name));
                    if configs.is_empty() {
                        self.resources.remove(&resource);
                    } else {
                        self.resources.insert(resource, Arc::clone(configs));
                    }
                }
                CatalogChange::Remove(topic) => {
                    self.by_id.remove(&topic.id);
                    if self.by_name.get(&topic.name).is_some_and(|now| now.id == topic.id) {
                        self.by_name.remove(&topic.name);
                    }
                }
            }
        }
        self.check();
    }

    /// The topic that a client means.
    #[must_use]
    pub fn find(&self, topic: &TopicRef) -> Option<&Arc<Topic>> {
        match topic {
            TopicRef::Name(name) => self.by_name.get(name),
            TopicRef::Id(id) => self.by_id.get(id),
        }
    }

    /// The topic that a client means.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn topic(&self, topic: &TopicRef) -> Result<&Arc<Topic>, Refusal> {
        self.find(topic).ok_or_else(|| unknown(topic))
    }

    /// The partition that a client means.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn partition(&self, topic: &TopicRef, index: i32) -> Result<PartitionId, Refusal> {
        self.topic(topic)?.partition(index).ok_or(Refusal::UnknownTopicOrPartition)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }

    /// What is set of a group or a subscription, by key.
    #[must_use]
    pub fn resource(&self, kind: ResourceKind, name: &Arc<str>) -> Option<&BTreeMap<String, String>> {
        self.resources.get(&(kind, Arc::clone(name))).map(|configs| &**configs)
    }

    /// The resources of a kind that have settings, by name.
    pub fn resources(&self, kind: ResourceKind) -> impl Iterator<Item = &Arc<str>> {
        self.resources.keys().filter(move |(found, _)| *found == kind).map(|(_, name)| name)
    }

    /// The entities that have quotas, in order.
    pub fn quotas(&self) -> impl Iterator<Item = (&QuotaEntity, &Arc<Quotas>)> {
        self.quotas.iter()
    }

    /// A name belongs to exactly one living id.
    pub fn check(&self) {
        assert!(self.by_name.len() == self.by_id.len(), "names and ids differ");
    }
}

/// What Kafka says of a topic that is not there.
#[must_use]
pub fn unknown(topic: &TopicRef) -> Refusal {
    match topic {
        TopicRef::Name(_) => Refusal::UnknownTopicOrPartition,
        TopicRef::Id(_) => Refusal::UnknownTopicId,
    }
}
