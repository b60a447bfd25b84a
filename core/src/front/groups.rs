//! Consumer groups: their coordinator is this broker's; what is asked of it waits here for its answer.
//!
//! A join waits as long as the slowest member of its group may take, so whoever waits holds a ticket and nothing else:
//! no in-flight bytes, no slot of an inbox. The session begins no other request of that connection meanwhile, as Kafka
//! does. Where the connection goes, the ticket goes with it and its answer is dropped; the member stays in its group
//! until its session ends. Where the broker stops, joins and syncs are told so, whoever waits for records of a
//! share group gets none, and everything else is answered soon.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group_offsets::{Committing, Fetching};
use super::shares::{check_key, no_records};
use super::{Front, RequestId};
use crate::api::{
    ConsumerHeartbeatRequest, Context, CoordinatorKind, FindCoordinatorRequest, FindCoordinatorResponse,
    FoundCoordinator, GroupClient, JoinGroupRequest, JoinGroupResponse, Response, StreamsHeartbeatRequest,
    SyncGroupRequest, SyncGroupResponse,
};
use crate::error::{Refusal, Refused};
use crate::group_message::{GroupAnswer, GroupAsk};
use crate::ids::{ConnectionId, CoreId, Ticket};
use crate::message::{Ask, Message};
use crate::turn::Turn;

/// Questions about groups without an answer yet.
#[derive(Debug, Default)]
pub struct Groups {
    waiting: BTreeMap<Ticket, (RequestId, Waiting)>,
    by_connection: BTreeSet<(ConnectionId, Ticket)>,
}

/// What is done with the answer.
#[derive(Debug)]
pub(super) enum Waiting {
    /// A member's join; the id that it named.
    Join(Arc<str>),
    /// A member's sync.
    Sync,
    /// The coordinator's answer is the client's.
    Whole,
    /// Records for a member of a share group.
    Records,
    /// Positions that are being noted.
    Commit(Committing),
    /// Positions that are being forgotten.
    Forget(Committing),
    /// Positions that are being looked up.
    Fetch(Fetching),
}

impl Groups {
    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn insert(&mut self, ticket: Ticket, id: RequestId, waiting: Waiting) {
        self.by_connection.insert((id.connection, ticket));
        self.waiting.insert(ticket, (id, waiting));
    }

    fn remove(&mut self, ticket: Ticket) -> Option<(RequestId, Waiting)> {
        let (id, waiting) = self.waiting.remove(&ticket)?;
        assert!(self.by_connection.remove(&(id.connection, ticket)), "a connection knows what it waits for");
        Some((id, waiting))
    }

    /// The connection is gone: answers to it will be dropped.
    pub fn closed(&mut self, connection: ConnectionId) {
        let range = (connection, Ticket(0))..=(connection, Ticket(u64::MAX));
        let tickets: Vec<Ticket> = self.by_connection.range(range).map(|(_, ticket)| *ticket).collect();
        for ticket in tickets {
            self.remove(ticket);
        }
    }

    /// The whole state is sound.
    pub fn check(&self) {
        assert!(self.waiting.len() == self.by_connection.len(), "each question belongs to a connection");
    }
}

impl Front {
    pub(super) fn find_coordinator(&mut self, id: RequestId, context: &Arc<Context>, request: FindCoordinatorRequest) {
        let result = match request.kind {
            CoordinatorKind::Group => Ok(self.advertised(context.listener).clone()),
            // Transactions are not built: said at once and for good, so that no client tries again.
            CoordinatorKind::Transaction => {
                Err(Refused::new(Refusal::InvalidRequest, "Transactions are not supported by this broker."))
            }
            CoordinatorKind::Share => Ok(self.advertised(context.listener).clone()),
            CoordinatorKind::Unknown(_) => {
                Err(Refused::new(Refusal::InvalidRequest, "There is no coordinator of this type."))
            }
        };
        let is_share = request.kind == CoordinatorKind::Share;
        let checked = |key: &str| if is_share { check_key(key) } else { Ok(()) };
        let find = |key: Arc<str>| {
            let result = checked(&key).and_then(|()| result.clone());
            FoundCoordinator { key, result }
        };
        let coordinators = request.keys.into_iter().map(find);
        let response = FindCoordinatorResponse { coordinators: coordinators.collect() };
        self.answer(id, Response::FindCoordinator(response));
    }

    pub(super) fn join_group(
        &mut self,
        id: RequestId,
        context: &Arc<Context>,
        request: JoinGroupRequest,
        turn: &mut Turn<'_>,
    ) {
        let waiting = Waiting::Join(Arc::clone(&request.member_id));
        let client = GroupClient { id: Arc::clone(&context.client_id), host: Arc::clone(&context.host) };
        self.ask_group(id, waiting, GroupAsk::Join { request, client }, turn);
    }

    pub(super) fn consumer_heartbeat(
        &mut self,
        id: RequestId,
        context: &Arc<Context>,
        request: ConsumerHeartbeatRequest,
        turn: &mut Turn<'_>,
    ) {
        let client = GroupClient { id: Arc::clone(&context.client_id), host: Arc::clone(&context.host) };
        self.ask_group(id, Waiting::Whole, GroupAsk::Beat { request: Box::new(request), client }, turn);
    }

    pub(super) fn streams_heartbeat(
        &mut self,
        id: RequestId,
        context: &Arc<Context>,
        request: Box<StreamsHeartbeatRequest>,
        turn: &mut Turn<'_>,
    ) {
        let client = GroupClient { id: Arc::clone(&context.client_id), host: Arc::clone(&context.host) };
        self.ask_group(id, Waiting::Whole, GroupAsk::StreamsBeat { request, client }, turn);
    }

    pub(super) fn sync_group(&mut self, id: RequestId, request: SyncGroupRequest, turn: &mut Turn<'_>) {
        let named = request.protocol_type.is_some() && request.protocol_name.is_some();
        if request.protocol_required && !named {
            let result = Err(Refusal::InconsistentGroupProtocol);
            return self.answer(id, Response::SyncGroup(SyncGroupResponse { result }));
        }
        self.ask_group(id, Waiting::Sync, GroupAsk::Sync(request), turn);
    }

    pub(super) fn ask_group(&mut self, id: RequestId, waiting: Waiting, ask: GroupAsk, turn: &mut Turn<'_>) {
        let ticket = Ticket::draw(&mut self.tickets);
        self.groups.insert(ticket, id, waiting);
        let ask = Ask::Group(Box::new(ask));
        turn.send(CoreId(0), Message::Ask { core: self.settings.core, ticket, ask });
    }

    /// The coordinator answered; perhaps nobody waits any more.
    pub(super) fn group_answered(&mut self, ticket: Ticket, answer: GroupAnswer, turn: &mut Turn<'_>) {
        let Some((id, waiting)) = self.groups.remove(ticket) else { return };
        let response = match (answer, waiting) {
            (GroupAnswer::Share(answer), Waiting::Whole | Waiting::Records) => {
                return self.share_answered(id, answer, turn);
            }
            (GroupAnswer::Join(response), Waiting::Join(_)) => Response::JoinGroup(response),
            (GroupAnswer::Sync(response), Waiting::Sync) => Response::SyncGroup(response),
            (GroupAnswer::Heartbeat(response), Waiting::Whole) => Response::Heartbeat(response),
            (GroupAnswer::Leave(response), Waiting::Whole) => Response::LeaveGroup(response),
            (GroupAnswer::List(response), Waiting::Whole) => Response::ListGroups(response),
            (GroupAnswer::Describe(response), Waiting::Whole) => Response::DescribeGroups(response),
            (GroupAnswer::Delete(response), Waiting::Whole) => Response::DeleteGroups(response),
            (GroupAnswer::Commit(result), Waiting::Commit(committing)) => {
                Response::OffsetCommit(committing.finish(result))
            }
            (GroupAnswer::Beat(response), Waiting::Whole) => Response::ConsumerGroupHeartbeat(response),
            (GroupAnswer::DescribeConsumers(response), Waiting::Whole) => Response::ConsumerGroupDescribe(response),
            (GroupAnswer::StreamsBeat(response), Waiting::Whole) => Response::StreamsGroupHeartbeat(response),
            (GroupAnswer::DescribeStreams(response), Waiting::Whole) => Response::StreamsGroupDescribe(response),
            (GroupAnswer::Forget(result), Waiting::Forget(forgetting)) => {
                Response::OffsetDelete(forgetting.forgotten(result))
            }
            (GroupAnswer::Fetch(groups), Waiting::Fetch(fetching)) => Response::OffsetFetch(fetching.finish(groups)),
            (answer, waiting) => panic!("{answer:?} is no answer to {waiting:?}"),
        };
        self.answer(id, response);
    }

    /// The broker stops: members are sent to look for their coordinator again, which is what they do when it is back.
    pub(super) fn groups_hurry(&mut self) {
        let parked = self.groups.waiting.iter().filter(|(_, (_, waiting))| waiting.is_parked());
        let parked: Vec<Ticket> = parked.map(|(ticket, _)| *ticket).collect();
        for ticket in parked {
            let (id, waiting) = self.groups.remove(ticket).expect("it was just seen");
            let response = match waiting {
                Waiting::Join(member_id) => {
                    Response::JoinGroup(JoinGroupResponse { member_id, result: Err(Refusal::NotCoordinator) })
                }
                Waiting::Sync => Response::SyncGroup(SyncGroupResponse { result: Err(Refusal::NotCoordinator) }),
                Waiting::Records => no_records(),
                waiting => unreachable!("{waiting:?} is answered soon"),
            };
            self.answer(id, response);
        }
    }
}

impl Waiting {
    /// It may take minutes: others must act first.
    fn is_parked(&self) -> bool {
        matches!(self, Waiting::Join(_) | Waiting::Sync | Waiting::Records)
    }
}

#[cfg(test)]
mod tests;
