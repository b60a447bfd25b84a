//! Requests that the coordinator decides: topics, their partitions and settings, first offsets, producer ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::logs::Named;
use super::metadata::Awaited;
use super::{Front, RequestId};
use crate::api::{
    AlterConfigsRequest, AlterConfigsResponse, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DeletedRecordsTopic, DescribeProducersResponse, InitProducerIdRequest, InitProducerIdResponse, Response, TopicRef,
};
use crate::error::Refusal;
use crate::ids::{CoreId, PartitionId, ProducerId, Ticket};
use crate::message::{Ask, Message};
use crate::turn::Turn;

/// Who waits for the coordinator's word.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A request whose answer it is.
    Request(RequestId),
    /// A Metadata request whose topics it creates.
    Metadata(RequestId, Awaited),
    /// A DeleteRecords request whose places are answered in this order, each by its topic and partition in the answer.
    Records(RequestId, DeleteRecordsResponse, Vec<(usize, usize)>),
    /// A DescribeLogDirs request of these partitions.
    Sizes(RequestId, Named),
    /// A DescribeProducers request whose places are answered in this order, each by its topic and partition in the answer.
    Producers(RequestId, DescribeProducersResponse, Vec<(usize, usize)>),
    /// A DescribeQuorum request, and its listener.
    Position(RequestId, u16),
}

/// Questions to the coordinator without an answer yet.
#[derive(Debug, Default)]
pub struct Asks {
    waiting: BTreeMap<Ticket, Waiting>,
}

impl Asks {
    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Front {
    pub(super) fn ask(&mut self, waiting: Waiting, ask: Ask, turn: &mut Turn<'_>) {
        let ticket = Ticket::draw(&mut self.tickets);
        self.admin.waiting.insert(ticket, waiting);
        turn.send(CoreId(0), Message::Ask { core: self.settings.core, ticket, ask });
    }

    pub(super) fn asked(&mut self, ticket: Ticket) -> Waiting {
        self.admin.waiting.remove(&ticket).expect("it was asked")
    }

    pub(super) fn create_topics(&mut self, id: RequestId, request: CreateTopicsRequest, turn: &mut Turn<'_>) {
        self.ask(Waiting::Request(id), Ask::CreateTopics(request), turn);
    }

    pub(super) fn topics_created(&mut self, ticket: Ticket, response: CreateTopicsResponse) {
        match self.asked(ticket) {
            Waiting::Request(id) => self.answer(id, Response::CreateTopics(response)),
            Waiting::Metadata(id, awaited) => self.metadata_created(id, &awaited),
            other => panic!("{ticket:?} creates nothing: {other:?}"),
        }
    }

    pub(super) fn delete_topics(&mut self, id: RequestId, request: DeleteTopicsRequest, turn: &mut Turn<'_>) {
        self.ask(Waiting::Request(id), Ask::DeleteTopics(request), turn);
    }

    pub(super) fn topics_deleted(&mut self, ticket: Ticket, response: DeleteTopicsResponse) {
        let Waiting::Request(id) = self.asked(ticket) else { panic!("{ticket:?} deletes nothing") };
        self.answer(id, Response::DeleteTopics(response));
    }

    pub(super) fn create_partitions(&mut self, id: RequestId, request: CreatePartitionsRequest, turn: &mut Turn<'_>) {
        self.ask(Waiting::Request(id), Ask::CreatePartitions(request), turn);
    }

    pub(super) fn partitions_created(&mut self, ticket: Ticket, response: CreatePartitionsResponse) {
        let Waiting::Request(id) = self.asked(ticket) else { panic!("{ticket:?} creates nothing") };
        self.answer(id, Response::CreatePartitions(response));
    }

    pub(super) fn alter_configs(&mut self, id: RequestId, request: AlterConfigsRequest, turn: &mut Turn<'_>) {
        self.ask(Waiting::Request(id), Ask::AlterConfigs(request), turn);
    }

    pub(super) fn configs_altered(&mut self, ticket: Ticket, response: AlterConfigsResponse) {
        let Waiting::Request(id) = self.asked(ticket) else { panic!("{ticket:?} alters nothing") };
        self.answer(id, Response::AlterConfigs(response));
    }

    pub(super) fn delete_records(&mut self, id: RequestId, request: DeleteRecordsRequest, turn: &mut Turn<'_>) {
        let mut wanted = Vec::new();
        let mut places = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic_at, topic) in request.topics.into_iter().enumerate() {
            let name = TopicRef::Name(Arc::clone(&topic.name));
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for (partition_at, (index, offset)) in topic.partitions.into_iter().enumerate() {
                let result = self.deletable(&name, index).map(|partition| {
                    wanted.push((partition, offset));
                    places.push((topic_at, partition_at));
                    -1
                });
                partitions.push((index, result));
            }
            topics.push(DeletedRecordsTopic { name: topic.name, partitions });
        }
        let response = DeleteRecordsResponse { topics };
        if wanted.is_empty() {
            return self.answer(id, Response::DeleteRecords(response));
        }
        self.ask(Waiting::Records(id, response, places), Ask::DeleteRecords(wanted), turn);
    }

    /// Where records may be deleted: not where a topic keeps the last one of each key.
    fn deletable(&self, topic: &TopicRef, index: i32) -> Result<PartitionId, Refusal> {
        let config = &self.catalog.topic(topic)?.config;
        let compacted = config.cleanup_compact && !config.cleanup_delete;
        let partition = self.catalog.partition(topic, index)?;
        if compacted { Err(Refusal::PolicyViolation) } else { Ok(partition) }
    }

    pub(super) fn records_deleted(&mut self, ticket: Ticket, results: Vec<Result<i64, Refusal>>) {
        let Waiting::Records(id, mut response, places) = self.asked(ticket) else {
            panic!("{ticket:?} deletes nothing")
        };
        assert!(places.len() == results.len(), "each place has its answer");
        for ((topic, partition), result) in places.into_iter().zip(results) {
            response.topics[topic].partitions[partition].1 = result;
        }
        self.answer(id, Response::DeleteRecords(response));
    }

    pub(super) fn init_producer_id(&mut self, id: RequestId, request: &InitProducerIdRequest, turn: &mut Turn<'_>) {
        // Transactions are not built: said at once and for good, so that no client tries again.
        if request.transactional_id.is_some() || (request.producer.0 < 0) != (request.epoch < 0) {
            let result = Err(Refusal::InvalidRequest);
            return self.answer(id, Response::InitProducerId(InitProducerIdResponse { result }));
        }
        // A producer without transactions that comes with an id gets a new one, as Kafka does it.
        self.ask(Waiting::Request(id), Ask::InitProducer, turn);
    }

    pub(super) fn producer_given(&mut self, ticket: Ticket, given: Result<ProducerId, Refusal>) {
        let Waiting::Request(id) = self.asked(ticket) else { panic!("{ticket:?} gives no id") };
        let result = given.map(|producer| (producer, 0));
        self.answer(id, Response::InitProducerId(InitProducerIdResponse { result }));
    }
}
