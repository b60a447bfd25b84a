//! AlterConfigs and IncrementalAlterConfigs: decided resource by resource, answered when every core acts on the new settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::{
    AlterConfigsRequest, AlterConfigsResponse, AlterResource, AlteredResource, BROKER_RESOURCE, TOPIC_RESOURCE,
};
use apus_core::catalog::{CatalogChange, Topic};
use apus_core::config::{ResourceKind, alter_broker, alter_resource, alter_topic};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{CoreId, Ticket};
use apus_core::limits;
use apus_core::message::Answer;
use apus_core::topic_name;
use apus_core::turn::Turn;

use super::leader::{Leader, changed};
use super::prepared::Prepared;
use super::topics::{full, too_large};
use crate::command::Command;
use crate::journal::{Claim, Room};
use crate::ledger::resources::resource_bytes;
use crate::ledger::{Decision, ResourceRecord, TopicRecord};

/// What is left of settings that are replaced as a whole.
static NOTHING: BTreeMap<String, String> = BTreeMap::new();

/// What cores are told of a resource.
pub(super) fn resource_change(record: &ResourceRecord) -> CatalogChange {
    CatalogChange::Resource { kind: record.kind, name: Arc::clone(&record.name), configs: Arc::clone(&record.configs) }
}

impl Leader {
    /// Changes what may be changed; hands the request back where it must wait for a segment.
    pub(crate) fn alter_configs(
        &mut self,
        core: CoreId,
        ticket: Ticket,
        request: AlterConfigsRequest,
        turn: &mut Turn,
    ) -> Option<AlterConfigsRequest> {
        let prepared = self.alterations(&request, turn);
        let commands = prepared.iter().flatten().flatten();
        let room = if request.validate_only { Room::Yes } else { self.room_for(commands, Claim::Client) };
        if room == Room::Soon {
            return Some(request);
        }
        let mut changes = Vec::new();
        let mut resources = Vec::with_capacity(prepared.len());
        for (resource, prepared) in request.resources.iter().zip(prepared) {
            let result = match prepared {
                Err(refused) => Err(refused),
                Ok(None) => Ok(()),
                Ok(Some(_)) if request.validate_only => Ok(()),
                Ok(Some(_)) if room == Room::No => Err(full()),
                Ok(Some(prepared)) => self.configure(prepared, &mut changes, turn),
            };
            resources.push(AlteredResource { kind: resource.kind, name: Arc::clone(&resource.name), result });
        }
        self.publish(
            changes,
            core,
            ticket,
            Answer::AlterConfigs(AlterConfigsResponse { resources, whole: request.whole }),
            turn,
        );
        None
    }

    fn configure(
        &mut self,
        prepared: Prepared,
        changes: &mut Vec<CatalogChange>,
        turn: &mut Turn,
    ) -> Result<(), Refused> {
        match self.apply(prepared).1 {
            Decision::Configured(topic) => self.set_topic(&topic?, changes),
            Decision::BrokerConfigured => self.take_config(changes, turn),
            Decision::ResourceConfigured(record) => changes.push(resource_change(&record)),
            other => unreachable!("a change ended as {other:?}"),
        }
        Ok(())
    }

    /// The command of each resource; none where nothing changes.
    fn alterations(&self, request: &AlterConfigsRequest, turn: &Turn) -> Vec<Result<Option<Prepared>, Refused>> {
        let mut counts: BTreeMap<(i8, &str), u32> = BTreeMap::new();
        for resource in &request.resources {
            *counts.entry((resource.kind, &resource.name)).or_default() += 1;
        }
        let mut held = self.ledger.resources_held();
        let alteration = |resource: &AlterResource| {
            if counts[&(resource.kind, &*resource.name)] > 1 {
                return Err(Refused::new(Refusal::InvalidRequest, "Each resource must appear at most once."));
            }
            match resource.kind {
                TOPIC_RESOURCE => self.alter_topic(resource, request.whole, turn),
                BROKER_RESOURCE => self.alter_broker(resource, request.whole, turn),
                other => match ResourceKind::of(other) {
                    Some(kind) => self.alter_resource(kind, resource, request.whole, &mut held, turn),
                    None => Err(Refused::new(Refusal::InvalidRequest, format!("Unknown resource type {other}"))),
                },
            }
        };
        request.resources.iter().map(alteration).collect()
    }

    fn alter_topic(&self, resource: &AlterResource, whole: bool, turn: &Turn) -> Result<Option<Prepared>, Refused> {
        if resource.name.is_empty() {
            return Err(Refused::new(Refusal::InvalidRequest, "Default topic resources are not allowed."));
        }
        topic_name::check(&resource.name)?;
        let unknown = || {
            let message = format!("The topic '{}' does not exist.", resource.name);
            Refused::new(Refusal::UnknownTopicOrPartition, message)
        };
        let topic = self.topic_named(&resource.name).map_err(|_| unknown())?;
        let configs =
            alter_topic(if whole { &NOTHING } else { &topic.overrides }, &resource.changes, &self.config.node)?;
        if configs == topic.overrides {
            return Ok(None);
        }
        let prepared = Prepared::new(Command::ConfigureTopic { id: topic.id, configs }, turn);
        if prepared.bytes() > limits::COMMAND_BYTES_MAX { Err(too_large()) } else { Ok(Some(prepared)) }
    }

    /// Of this broker, or under the empty name of all of them.
    fn alter_broker(&self, resource: &AlterResource, whole: bool, turn: &Turn) -> Result<Option<Prepared>, Refused> {
        let (own, name) = (self.config.broker, &resource.name);
        let broker = match &**name {
            "" => None,
            name if *name == own.to_string() => Some(own),
            _ => {
                let message = format!("Unexpected broker id, expected {own} or empty string, but received {name}");
                return Err(Refused::new(Refusal::InvalidRequest, message));
            }
        };
        let before = self.ledger.broker_configs(broker);
        let configs = alter_broker(if whole { &NOTHING } else { &before }, &resource.changes)?;
        if configs == before {
            return Ok(None);
        }
        match broker {
            None => self.started.changed(&self.ledger.broker_configs(Some(own)), &configs),
            Some(_) => self.started.changed(&configs, &self.ledger.broker_configs(None)),
        }?;
        Ok(Some(Prepared::new(Command::ConfigureBroker { broker, configs }, turn)))
    }

    /// A group, or a subscription. `held` is how many there are and the bytes of their texts, with what this request adds.
    fn alter_resource(
        &self,
        kind: ResourceKind,
        resource: &AlterResource,
        whole: bool,
        held: &mut (u64, u64),
        turn: &Turn,
    ) -> Result<Option<Prepared>, Refused> {
        let name = &resource.name;
        kind.check_name(name)?;
        let before = self.ledger.resource_configs(kind, name);
        let configs =
            alter_resource(kind, if whole { &NOTHING } else { &before }, &resource.changes, &self.config.node)?;
        if configs == before {
            return Ok(None);
        }
        let grown = (held.0 + 1, held.1 + resource_bytes(name, &configs));
        if !configs.is_empty() && (grown.0 > limits::RESOURCES_MAX || grown.1 > limits::RESOURCE_BYTES_MAX) {
            let message = "The cluster has no room for so many settings of groups and subscriptions.";
            return Err(Refused::new(Refusal::PolicyViolation, message));
        }
        *held = grown;
        let command = Command::ConfigureResource { kind, name: Arc::clone(name), configs };
        let prepared = Prepared::new(command, turn);
        if prepared.bytes() > limits::COMMAND_BYTES_MAX { Err(too_large()) } else { Ok(Some(prepared)) }
    }

    /// The broker acts on other settings: topics take their defaults from them.
    fn take_config(&mut self, changes: &mut Vec<CatalogChange>, turn: &mut Turn) {
        self.config.node = changed(&self.started, self.config.broker, &self.ledger, turn);
        changes.push(CatalogChange::Config(Arc::clone(&self.config.node)));
        let records: Vec<TopicRecord> = self.ledger.topics().cloned().collect();
        records.iter().for_each(|record| self.set_topic(record, changes));
    }

    /// A topic by its name.
    pub(crate) fn topic_named(&self, name: &str) -> Result<Arc<Topic>, Refused> {
        let found = self.ledger.topic_named(name).and_then(|record| self.topics.get(&record.id));
        let message = "This server does not host this topic-partition.";
        found.cloned().ok_or_else(|| Refused::new(Refusal::UnknownTopicOrPartition, message))
    }
}
