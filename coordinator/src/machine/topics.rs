//! CreateTopics and DeleteTopics: decided topic by topic, answered when every core has applied them.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::{
    CreateTopicsRequest, CreateTopicsResponse, Created, CreatedTopic, DeleteTopicsRequest, DeleteTopicsResponse,
    DeletedTopic, NewTopic, TopicRef,
};
use apus_core::catalog::{CatalogChange, CatalogUpdate, Topic};
use apus_core::config::describe_topic;
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{CoreId, Ticket, TopicId, Uuid};
use apus_core::limits;
use apus_core::message::{Answer, Message};
use apus_core::topic_name;
use apus_core::turn::Turn;

use super::creation::{self, Plan};
use super::leader::{Leader, topic_of};
use super::outbox::To;
use super::prepared::Prepared;
use crate::command::{Command, CreateTopic, TopicKind};
use crate::journal::{Claim, Room};
use crate::ledger::{Decision, TopicRecord};

impl Leader {
    /// Creates what may be created; hands the request back where it must wait for a segment.
    pub(crate) fn create_topics(
        &mut self,
        core: CoreId,
        ticket: Ticket,
        request: CreateTopicsRequest,
        turn: &mut Turn,
    ) -> Option<CreateTopicsRequest> {
        let plans = self.plans(&request);
        let mut decided = Vec::with_capacity(plans.len());
        for (topic, plan) in request.topics.iter().zip(plans) {
            decided.push(plan.and_then(|plan| prepare(topic, plan, turn)));
        }
        let commands = decided.iter().flatten().map(|(prepared, _)| prepared);
        let room = if request.validate_only { Room::Yes } else { self.room_for(commands, Claim::Client) };
        if room == Room::Soon {
            return Some(request);
        }
        let mut changes = Vec::new();
        let mut topics = Vec::with_capacity(decided.len());
        for (topic, decided) in request.topics.iter().zip(decided) {
            let result = match decided {
                Ok(_) if room == Room::No => Err(full()),
                Ok((_, plan)) if request.validate_only => self.created(Uuid::ZERO, plan),
                Ok((prepared, plan)) => self.create(prepared, &mut changes).and_then(|id| self.created(id, plan)),
                Err(refused) => Err(refused),
            };
            topics.push(CreatedTopic { name: Arc::clone(&topic.name), result });
        }
        self.publish(changes, core, ticket, Answer::CreateTopics(CreateTopicsResponse { topics }), turn);
        None
    }

    pub(super) fn plans(&self, request: &CreateTopicsRequest) -> Vec<Result<Plan, Refused>> {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        request.topics.iter().for_each(|topic| *counts.entry(&topic.name).or_default() += 1);
        let existing: BTreeMap<String, &Arc<str>> =
            self.topics.values().map(|topic| (topic_name::collision_key(&topic.name), &topic.name)).collect();
        let mut taken: BTreeMap<String, Arc<str>> = BTreeMap::new();
        let mut plans: Vec<Result<Plan, Refused>> = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            if counts[&*topic.name] > 1 {
                plans.push(Err(Refused::new(Refusal::InvalidRequest, "Duplicate topic name.")));
                continue;
            }
            let unified = topic_name::collision_key(&topic.name);
            let plan = match existing.get(&unified).copied().or_else(|| taken.get(&unified)) {
                Some(other) if *other == topic.name => {
                    let message = format!("Topic '{other}' already exists.");
                    Err(Refused::new(Refusal::TopicAlreadyExists, message))
                }
                Some(other) => {
                    let message = format!("Topic '{}' collides with existing topic: {other}", topic.name);
                    Err(Refused::new(Refusal::InvalidTopicException, message))
                }
                None => creation::plan(topic, &self.config.node),
            };
            if plan.is_ok() {
                taken.insert(unified, Arc::clone(&topic.name));
            }
            plans.push(plan);
        }
        self.limit(&mut plans);
        plans
    }

    /// As in Kafka, a request that asks for too much is refused whole.
    fn limit(&self, plans: &mut [Result<Plan, Refused>]) {
        let asked: u64 = plans.iter().flatten().map(|plan| u64::from(plan.partitions)).sum();
        let message = if asked > limits::PARTITIONS_CREATE_MAX {
            "Excessively large number of partitions per request."
        } else if self.ledger.pressure().partitions + asked > limits::PARTITIONS_MAX {
            "The cluster has no room for so many partitions."
        } else {
            return;
        };
        for plan in plans.iter_mut().filter(|plan| plan.is_ok()) {
            *plan = Err(Refused::new(Refusal::PolicyViolation, message));
        }
    }

    pub(super) fn create(&mut self, prepared: Prepared, changes: &mut Vec<CatalogChange>) -> Result<TopicId, Refused> {
        let Decision::Created(created) = self.apply(prepared).1 else { unreachable!("a creation ends as one") };
        let created = created?;
        self.set_topic(&created, changes);
        Ok(created.id)
    }

    /// The topic is there, or is different: every core is to learn it.
    pub(crate) fn set_topic(&mut self, record: &TopicRecord, changes: &mut Vec<CatalogChange>) {
        let topic = topic_of(record, &self.config.node);
        self.topics.insert(topic.id, Arc::clone(&topic));
        changes.push(CatalogChange::Set(topic));
    }

    fn created(&self, id: TopicId, plan: Plan) -> Result<Created, Refused> {
        let configs = describe_topic(&plan.configs, &self.config.node)?;
        let partitions = i32::try_from(plan.partitions).expect("partitions are bounded");
        Ok(Created { id, partitions, replication_factor: plan.replication_factor, configs })
    }

    /// Deletes what exists; hands the request back where it must wait for a segment.
    pub(crate) fn delete_topics(
        &mut self,
        core: CoreId,
        ticket: Ticket,
        request: DeleteTopicsRequest,
        turn: &mut Turn,
    ) -> Option<DeleteTopicsRequest> {
        let found = self.deletable(&request);
        let delete = |topic: Arc<Topic>| (Prepared::new(Command::DeleteTopic { id: topic.id }, turn), topic);
        let found: Vec<_> = found.into_iter().map(|found| found.map(delete)).collect();
        let room = self.room_for(found.iter().flatten().map(|(prepared, _)| prepared), Claim::Upkeep);
        if room == Room::Soon {
            return Some(request);
        }
        let mut changes = Vec::new();
        let mut topics = Vec::with_capacity(found.len());
        for (wanted, found) in request.topics.iter().zip(found) {
            topics.push(match found {
                Ok((prepared, topic)) => {
                    let result = if room == Room::Yes { Ok(()) } else { Err(full()) };
                    let deleted = DeletedTopic { name: Some(Arc::clone(&topic.name)), id: topic.id, result };
                    if deleted.result.is_ok() {
                        self.apply(prepared);
                        self.topics.remove(&topic.id);
                        changes.push(CatalogChange::Remove(topic));
                    }
                    deleted
                }
                Err(refused) => DeletedTopic { name: wanted.name.clone(), id: wanted.id, result: Err(refused) },
            });
        }
        self.publish(changes, core, ticket, Answer::DeleteTopics(DeleteTopicsResponse { topics }), turn);
        None
    }

    /// What each name and id of a request means. A topic that is named twice is deleted by neither.
    fn deletable(&self, request: &DeleteTopicsRequest) -> Vec<Result<Arc<Topic>, Refused>> {
        let found: Vec<_> = request.topics.iter().map(|wanted| self.find(&wanted.topic()?)).collect();
        let mut counts: BTreeMap<TopicId, u32> = BTreeMap::new();
        found.iter().flatten().for_each(|topic| *counts.entry(topic.id).or_default() += 1);
        let once = |topic: Arc<Topic>| match counts[&topic.id] {
            1 => Ok(topic),
            _ => Err(Refused::new(Refusal::InvalidRequest, "Duplicate topic name.")),
        };
        found.into_iter().map(|found| found.and_then(once)).collect()
    }

    fn find(&self, wanted: &TopicRef) -> Result<Arc<Topic>, Refused> {
        if !self.config.node.delete_topics {
            return Err(Refused::new(Refusal::TopicDeletionDisabled, "Topic deletion is disabled."));
        }
        match wanted {
            TopicRef::Name(name) => self.topic_named(name),
            TopicRef::Id(id) => {
                let message = "This server does not host this topic ID.";
                self.topics.get(id).cloned().ok_or_else(|| Refused::new(Refusal::UnknownTopicId, message))
            }
        }
    }

    /// Tells every core what changed; the answer waits until each has applied it.
    pub(crate) fn publish(
        &mut self,
        changes: Vec<CatalogChange>,
        core: CoreId,
        ticket: Ticket,
        answer: Answer,
        turn: &mut Turn,
    ) {
        if changes.is_empty() {
            self.answer(core, ticket, answer, turn);
            return;
        }
        let lsn = self.journal.applied();
        let update = CatalogUpdate { lsn, changes };
        self.outbox.say(lsn, To::All, Message::Catalog(Arc::new(update)));
        self.catalog_waits.push_back((lsn, core, Message::Answer { ticket, answer }));
    }
}

/// The command of a topic that may be created.
pub(super) fn prepare(topic: &NewTopic, plan: Plan, turn: &mut Turn) -> Result<(Prepared, Plan), Refused> {
    let create = CreateTopic {
        id: Uuid::random(turn.rng.bits128()),
        name: Arc::clone(&topic.name),
        kind: TopicKind::Diskless,
        partitions: plan.partitions,
        replication_factor: plan.replication_factor,
        configs: plan.configs.clone(),
    };
    let prepared = Prepared::new(Command::CreateTopic(create), turn);
    if prepared.bytes() > limits::COMMAND_BYTES_MAX { Err(too_large()) } else { Ok((prepared, plan)) }
}

/// More configs than a command may hold.
pub(super) fn too_large() -> Refused {
    Refused::new(Refusal::InvalidConfig, "The configs of the topic are too large.")
}

/// Nothing can be journaled.
pub(super) fn full() -> Refused {
    Refused::new(Refusal::KafkaStorageError, "The broker's journal is full.")
}
