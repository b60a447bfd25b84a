//! Fetch sessions (KIP-227): subscriptions that outlive one fetch.
//!
//! A session belongs to the connection that made it and goes with it: a consumer that comes back may reach another
//! core, and is told FETCH_SESSION_ID_NOT_FOUND, which it answers with a full fetch.

use std::collections::BTreeMap;

use super::subscription::Subscription;
use crate::api::TopicRef;
use crate::error::Refusal;
use crate::ids::ConnectionId;
use crate::limits::{FETCH_SESSIONS_MAX, WATCHES_MAX};
use crate::time::{Instant, Rng};

/// A session that nobody used for so long gives way to a new one (Kafka's own number).
const EVICTABLE_MS: u64 = 120_000;

/// A subscription and its place in the conversation.
#[derive(Debug)]
pub struct Session {
    /// The partitions.
    pub subscription: Subscription,
    connection: ConnectionId,
    /// The epoch that the next request must carry.
    epoch: i32,
    /// A fetch is under way.
    pub busy: bool,
    used: Instant,
}

/// All sessions of a core.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: BTreeMap<i32, Session>,
}

impl Sessions {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.sessions.len()
    }

    /// Whether so many partitions more may be watched by sessions.
    pub fn may_watch(&self, partitions: usize) -> bool {
        let watched: usize = self.sessions.values().map(|session| session.subscription.len()).sum();
        watched + partitions <= WATCHES_MAX
    }

    /// Room for one more with so many partitions, if need be by the session that was idle longest. Returned is the one that
    /// gave way.
    pub fn make_room(&mut self, slots: usize, partitions: usize, now: Instant) -> Result<Option<Subscription>, ()> {
        if !self.may_watch(partitions) {
            return Err(());
        }
        if self.sessions.len() < slots.min(FETCH_SESSIONS_MAX) {
            return Ok(None);
        }
        let idle = self.sessions.iter().filter(|(_, session)| !session.busy);
        match idle.min_by_key(|(_, session)| session.used).map(|(id, session)| (*id, session.used)) {
            Some((id, used)) if used.after_ms(EVICTABLE_MS) <= now => Ok(self.remove(id)),
            _ => Err(()),
        }
    }

    /// A new session; its first fetch is under way.
    pub fn create(&mut self, connection: ConnectionId, subscription: Subscription, now: Instant, rng: &mut Rng) -> i32 {
        let id = loop {
            let id = (rng.bits() >> 33) as i32;
            if id != 0 && !self.sessions.contains_key(&id) {
                break id;
            }
        };
        self.sessions.insert(id, Session { subscription, connection, epoch: 1, busy: true, used: now });
        id
    }

    /// The next fetch of a session begins.
    pub fn begin(
        &mut self,
        id: i32,
        connection: ConnectionId,
        epoch: i32,
        now: Instant,
    ) -> Result<&mut Session, Refusal> {
        let session = self.sessions.get_mut(&id).filter(|session| session.connection == connection);
        let session = session.ok_or(Refusal::FetchSessionIdNotFound)?;
        if session.epoch != epoch || session.busy {
            return Err(Refusal::InvalidFetchSessionEpoch);
        }
        session.epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        session.busy = true;
        session.used = now;
        Ok(session)
    }

    /// The session's fetch was answered.
    pub fn end(&mut self, id: i32, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.busy = false;
            session.used = now;
        }
    }

    /// A session, where it is there.
    pub fn get_mut(&mut self, id: i32) -> Option<&mut Subscription> {
        self.sessions.get_mut(&id).map(|session| &mut session.subscription)
    }

    /// Ends a session that a client of this connection gives up.
    pub fn close(&mut self, id: i32, connection: ConnectionId) -> Option<Subscription> {
        let ours = self.sessions.get(&id).is_some_and(|session| session.connection == connection && !session.busy);
        if ours { self.remove(id) } else { None }
    }

    /// Ends all sessions of a connection.
    pub fn close_all(&mut self, connection: ConnectionId) -> Vec<Subscription> {
        let of_connection = |session: &Session| session.connection == connection;
        let ids: Vec<i32> =
            self.sessions.iter().filter(|(_, session)| of_connection(session)).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    fn remove(&mut self, id: i32) -> Option<Subscription> {
        self.sessions.remove(&id).map(|session| session.subscription)
    }

    /// Names of one session are of one kind: ids or names.
    pub fn same_naming(subscription: &Subscription, topic: &TopicRef) -> bool {
        let by_id = |topic: &TopicRef| matches!(topic, TopicRef::Id(_));
        subscription.items().next().is_none_or(|(_, item)| by_id(&item.topic) == by_id(topic))
    }

    /// Every session is sound.
    pub fn check(&self) {
        assert!(self.sessions.len() <= FETCH_SESSIONS_MAX);
        self.sessions.values().for_each(|session| session.subscription.check());
    }
}
