//! Requests that the coordinator decides: topics and producer ids.

use std::collections::BTreeMap;

use super::metadata::Awaited;
use super::{Front, RequestId};
use crate::api::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, InitProducerIdRequest,
    InitProducerIdResponse, Response,
};
use crate::error::Refusal;
use crate::ids::{CoreId, ProducerId, Ticket};
use crate::message::{Ask, Message};
use crate::turn::Turn;

/// Who waits for the coordinator's word.
#[derive(Debug)]
pub enum Waiting {
    /// A request whose answer it is.
    Request(RequestId),
    /// A Metadata request whose topics it creates.
    Metadata(RequestId, Awaited),
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

    fn asked(&mut self, ticket: Ticket) -> Waiting {
        self.admin.waiting.remove(&ticket).expect("it was asked")
    }

    pub(super) fn create_topics(&mut self, id: RequestId, request: CreateTopicsRequest, turn: &mut Turn<'_>) {
        self.ask(Waiting::Request(id), Ask::CreateTopics(request), turn);
    }

    pub(super) fn topics_created(&mut self, ticket: Ticket, response: CreateTopicsResponse) {
        match self.asked(ticket) {
            Waiting::Request(id) => self.answer(id, Response::CreateTopics(response)),
            Waiting::Metadata(id, awaited) => self.metadata_created(id, &awaited),
        }
    }

    pub(super) fn delete_topics(&mut self, id: RequestId, request: DeleteTopicsRequest, turn: &mut Turn<'_>) {
        self.ask(Waiting::Request(id), Ask::DeleteTopics(request), turn);
    }

    pub(super) fn topics_deleted(&mut self, ticket: Ticket, response: DeleteTopicsResponse) {
        let Waiting::Request(id) = self.asked(ticket) else { panic!("{ticket:?} deletes nothing") };
        self.answer(id, Response::DeleteTopics(response));
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
