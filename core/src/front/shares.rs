//! Share groups at the front: the coordinator says which records are a member's, here their bytes are read.
//!
//! Where bytes cannot be read, the records are given back at once and count as never given out: nobody waits for a lock
//! to time out because an object was moved. A connection on which a session was opened tells the coordinator when it
//! goes, and its records with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::groups::Waiting;
use super::reads::{self, Block, Brought, Done, ReadKey, Source};
use super::rope::Rope;
use super::stitch::Stitch;
use super::{Front, RequestId};
use crate::api::{
    Context, GroupClient, Response, ShareFetchResponse, ShareRequest, ShareResponse, SharedPartition, SharedTopic,
};
use crate::error::{Refusal, Refused};
use crate::group_message::GroupAsk;
use crate::ids::{ConnectionId, CoreId, Ticket};
use crate::message::{Ask, Message};
use crate::share_message::{Granted, GrantedPartition, ShareAnswer, ShareAsk, Unread};
use crate::turn::{Level, Turn};
use crate::world::Failure;

/// What a front knows of share groups.
#[derive(Debug, Default)]
pub struct Shares {
    /// Connections on which records were asked for; at most as many as there are connections.
    connections: BTreeSet<ConnectionId>,
    /// Answers whose bytes are being read.
    reading: BTreeMap<ReadKey, Reading>,
}

/// An answer on its way.
#[derive(Debug)]
struct Reading {
    id: RequestId,
    granted: Granted,
    /// By partition of the answer and extent: where its bytes are.
    sources: Vec<Vec<Source>>,
}

impl Shares {
    /// Nothing is being read.
    pub fn is_empty(&self) -> bool {
        self.reading.is_empty()
    }
}

impl Front {
    pub(super) fn share(&mut self, id: RequestId, context: &Context, request: ShareRequest, turn: &mut Turn<'_>) {
        let (waiting, ask) = match request {
            ShareRequest::Heartbeat(request) => {
                let client = GroupClient { id: Arc::clone(&context.client_id), host: Arc::clone(&context.host) };
                (Waiting::Whole, ShareAsk::Beat { request: Box::new(request), client })
            }
            ShareRequest::Describe(request) => (Waiting::Whole, ShareAsk::Describe(request)),
            ShareRequest::Fetch(request) => {
                self.shares.connections.insert(id.connection);
                (Waiting::Records, ShareAsk::Fetch { request: Box::new(request), connection: id.connection })
            }
            ShareRequest::Acknowledge(request) => (Waiting::Whole, ShareAsk::Acknowledge(Box::new(request))),
            ShareRequest::DescribeOffsets(request) => (Waiting::Whole, ShareAsk::DescribeOffsets(request)),
            ShareRequest::AlterOffsets(request) => (Waiting::Whole, ShareAsk::AlterOffsets(request)),
            ShareRequest::DeleteOffsets(request) => (Waiting::Whole, ShareAsk::DeleteOffsets(request)),
        };
        self.ask_group(id, waiting, GroupAsk::Share(ask), turn);
    }

    /// The coordinator answered.
    pub(super) fn share_answered(&mut self, id: RequestId, answer: ShareAnswer, turn: &mut Turn<'_>) {
        let response = match answer {
            ShareAnswer::Fetch(Ok(granted)) => return self.read_shares(id, granted, turn),
            ShareAnswer::Fetch(Err(refused)) => {
                ShareResponse::Fetch(ShareFetchResponse { refused: Some(refused), lock_ms: 0, topics: Vec::new() })
            }
            ShareAnswer::Beat(answer) => ShareResponse::Heartbeat(answer),
            ShareAnswer::Describe(answer) => ShareResponse::Describe(answer),
            ShareAnswer::Acknowledge(answer) => ShareResponse::Acknowledge(answer),
            ShareAnswer::DescribeOffsets(answer) => ShareResponse::DescribeOffsets(answer),
            ShareAnswer::AlterOffsets(answer) => ShareResponse::AlterOffsets(answer),
            ShareAnswer::DeleteOffsets(answer) => ShareResponse::DeleteOffsets(answer),
            ShareAnswer::Noted => unreachable!("nobody waits for it"),
        };
        self.answer(id, Response::Share(response));
    }

    /// Hot slices are taken at once, so that nothing that happens during a cold read can take them away.
    fn read_shares(&mut self, id: RequestId, granted: Granted, turn: &mut Turn<'_>) {
        let partitions = granted.partitions.iter();
        let sources = partitions.map(|one| one.extents.iter().map(|extent| Source::of(extent, &self.hot)).collect());
        let sources: Vec<Vec<Source>> = sources.collect();
        let all = granted.partitions.iter().zip(&sources).flat_map(|(one, sources)| one.extents.iter().zip(sources));
        let cold = all.filter(|(_, source)| matches!(source, Source::Cold));
        let blocks: BTreeSet<Block> = cold.flat_map(|(extent, _)| reads::blocks_of(extent)).collect();
        let reading = Reading { id, granted, sources };
        if blocks.is_empty() {
            return self.shares_read(reading, &Brought::default(), turn);
        }
        let key = ReadKey(self.fetch.number());
        self.shares.reading.insert(key, reading);
        self.fetch.reads.begin(key, blocks, &mut self.tickets, turn);
    }

    /// A cold read is over; hands it back where it is another one's.
    pub(super) fn share_read(&mut self, done: Done, turn: &mut Turn<'_>) -> Option<Done> {
        let Some(reading) = self.shares.reading.remove(&done.key) else { return Some(done) };
        self.shares_read(reading, &done.brought, turn);
        None
    }

    /// All bytes are here that will ever be.
    fn shares_read(&mut self, reading: Reading, brought: &Brought, turn: &mut Turn<'_>) {
        let Reading { id, granted, sources } = reading;
        let (lock_ms, group_id, member_id) = (granted.lock_ms, granted.group_id, granted.member_id);
        let mut topics: Vec<SharedTopic> = Vec::new();
        let mut unread = Vec::new();
        for (mut granted, sources) in granted.partitions.into_iter().zip(sources) {
            let records = self.share_records(&granted, sources, brought, turn);
            let records = records.unwrap_or_else(|refused| {
                unread.push((granted.partition, std::mem::take(&mut granted.acquired)));
                granted.refused = refused;
                Vec::new()
            });
            let partition = SharedPartition {
                index: granted.index,
                refused: granted.refused,
                unacknowledged: granted.unacknowledged,
                acquired: granted.acquired,
                records,
            };
            match topics.last_mut().filter(|last| last.topic == granted.topic) {
                Some(last) => last.partitions.push(partition),
                None => topics.push(SharedTopic { topic: granted.topic, partitions: vec![partition] }),
            }
        }
        if !unread.is_empty() {
            self.tell_coordinator(ShareAsk::Unread(Unread { group_id, member_id, partitions: unread }), turn);
        }
        self.answer(id, Response::Share(ShareResponse::Fetch(ShareFetchResponse { refused: None, lock_ms, topics })));
    }

    /// The batches that hold what was acquired.
    ///
    /// # Errors
    /// What the client is told where they cannot be read: nothing where it is to come again.
    fn share_records(
        &mut self,
        granted: &GrantedPartition,
        sources: Vec<Source>,
        brought: &Brought,
        turn: &mut Turn<'_>,
    ) -> Result<Vec<bytes::Bytes>, Option<Refused>> {
        let mut stitch = Stitch::default();
        let doubts = &mut self.fetch.reads;
        for (extent, source) in granted.extents.iter().zip(sources) {
            let verify = matches!(source, Source::Cold);
            let pieces = match source {
                Source::Hot(pieces) => {
                    turn.count.fetch_hot_extents += 1;
                    Ok(pieces)
                }
                Source::Cold if brought.moved() => return Err(None),
                Source::Cold => brought.pieces(extent),
                Source::Moved => return Err(None),
            };
            let pieces = pieces.map_err(|failure: Failure| Some(doubts.failed(extent, &failure, turn).into()))?;
            match stitch.acquired(extent, Rope::new(pieces), &granted.acquired, verify) {
                Ok(()) if verify => doubts.trust(extent),
                Ok(()) => {}
                Err(corrupt) => {
                    turn.note(Level::Error, format!("corrupt bytes: {}", corrupt.0));
                    return Err(Some(doubts.doubt(extent, turn).into()));
                }
            }
        }
        turn.count.fetch_bytes += stitch.bytes() as u64;
        Ok(stitch.finish())
    }

    /// Says something that is not answered to anybody.
    fn tell_coordinator(&mut self, ask: ShareAsk, turn: &mut Turn<'_>) {
        let ticket = Ticket::draw(&mut self.tickets);
        let ask = Ask::Group(Box::new(GroupAsk::Share(ask)));
        turn.send(CoreId(0), Message::Ask { core: self.settings.core, ticket, ask });
    }

    /// The connection is gone: its sessions end. What was being read for it is nobody's.
    pub(super) fn shares_closed(&mut self, connection: ConnectionId, turn: &mut Turn<'_>) {
        if self.shares.connections.remove(&connection) {
            self.shares.reading.retain(|_, reading| reading.id.connection != connection);
            self.tell_coordinator(ShareAsk::Closed(connection), turn);
        }
    }
}

/// What whoever waits for records is told when the broker stops.
pub(super) fn no_records() -> Response {
    Response::Share(ShareResponse::Fetch(ShareFetchResponse { refused: None, lock_ms: 0, topics: Vec::new() }))
}

/// Whether this names a share partition: group, topic and index, the id in Kafka's text of it.
pub(super) fn check_key(key: &str) -> Result<(), Refused> {
    let mut parts = key.rsplitn(3, ':');
    let (index, topic, group) = (parts.next(), parts.next(), parts.next());
    let index = index.and_then(|index| index.parse::<i32>().ok()).filter(|index| *index >= 0);
    let is_id = |text: &str| {
        text.len() == 22 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match (group, topic) {
        (Some(group), Some(topic)) if !group.is_empty() && is_id(topic) && index.is_some() => Ok(()),
        _ => Err(Refused::new(Refusal::InvalidRequest, "Share coordinator key is invalid")),
    }
}
