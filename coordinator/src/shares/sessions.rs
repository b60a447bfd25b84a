//! Share sessions: the partitions that a member fetches from. Kept in memory; each ends with its connection, and a member
//! that comes back begins a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{ShareCaller, ShareFetchRequest};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{ConnectionId, CoreId, TopicId};
use apus_core::limits::SHARE_WATCHES_MAX;

/// The epoch of a request that ends a session.
pub(crate) const FINAL: i32 = -1;

/// A connection of a core.
pub(crate) type Place = (CoreId, ConnectionId);

/// A group and a member of it.
pub(crate) type MemberKey = (Arc<str>, Arc<str>);

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    /// What the next request must say.
    epoch: i32,
    place: Place,
    pub(crate) partitions: BTreeSet<(TopicId, i32)>,
}

impl Session {
    /// Its partitions, each time from another one on, so that none is always last.
    pub(crate) fn rotated(&self) -> impl Iterator<Item = (TopicId, i32)> + '_ {
        let skip = self.epoch.unsigned_abs() as usize % self.partitions.len().max(1);
        self.partitions.iter().skip(skip).chain(self.partitions.iter().take(skip)).copied()
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_member: BTreeMap<MemberKey, Session>,
    by_place: BTreeSet<(Place, MemberKey)>,
    /// Partitions in all of them.
    watched: usize,
}

impl Sessions {
    /// The session of a member.
    pub(crate) fn get(&self, caller: &ShareCaller) -> Option<&Session> {
        self.by_member.get(&key(caller))
    }

    /// Takes the next request of a member; its session holds what the request says. A request that ends a session leaves
    /// it to [`Sessions::close`].
    ///
    /// # Errors
    /// Kafka's names of what is wrong with it.
    pub(crate) fn fetch(
        &mut self,
        request: &ShareFetchRequest,
        place: Place,
        sessions_max: usize,
    ) -> Result<(), Refused> {
        let (caller, key) = (&request.caller, key(&request.caller));
        let named = request.topics.iter().flat_map(|topic| &topic.partitions);
        match caller.session_epoch {
            FINAL if !self.by_member.contains_key(&key) => return Err(Refusal::ShareSessionNotFound.into()),
            FINAL => return Ok(()),
            0 => {
                if named.clone().any(|(_, batches)| !batches.is_empty()) {
                    return Err(Refusal::InvalidRequest.into());
                }
                self.close(&key);
                if self.by_member.len() >= sessions_max {
                    return Err(Refusal::ShareSessionLimitReached.into());
                }
                self.by_place.insert((place, key.clone()));
                self.by_member.insert(key.clone(), Session { epoch: 1, place, partitions: BTreeSet::new() });
            }
            _ => self.turn_over(caller)?,
        }
        let Some(session) = self.by_member.get_mut(&key) else { return Err(Refusal::ShareSessionNotFound.into()) };
        let before = session.partitions.len();
        for topic in &request.topics {
            session.partitions.extend(topic.partitions.iter().map(|(index, _)| (topic.topic, *index)));
        }
        for (topic, indexes) in &request.forgotten {
            for index in indexes {
                session.partitions.remove(&(*topic, *index));
            }
        }
        self.watched = self.watched + session.partitions.len() - before;
        if self.watched > SHARE_WATCHES_MAX {
            self.close(&key);
            return Err(Refusal::ShareSessionLimitReached.into());
        }
        Ok(())
    }

    /// Takes the next request of a member that only acknowledges.
    ///
    /// # Errors
    /// Kafka's names of what is wrong with it.
    pub(crate) fn acknowledge(&mut self, caller: &ShareCaller) -> Result<(), Refused> {
        match caller.session_epoch {
            FINAL if self.get(caller).is_some() => Ok(()),
            _ => self.turn_over(caller),
        }
    }

    fn turn_over(&mut self, caller: &ShareCaller) -> Result<(), Refused> {
        let session = self.by_member.get_mut(&key(caller)).ok_or(Refusal::ShareSessionNotFound)?;
        if session.epoch != caller.session_epoch || caller.session_epoch <= 0 {
            return Err(Refusal::InvalidShareSessionEpoch.into());
        }
        session.epoch = caller.session_epoch.checked_add(1).unwrap_or(1);
        Ok(())
    }

    /// Ends the session of a member.
    pub(crate) fn close(&mut self, key: &MemberKey) {
        if let Some(session) = self.by_member.remove(key) {
            self.watched -= session.partitions.len();
            self.by_place.remove(&(session.place, key.clone()));
        }
    }

    /// The members whose sessions are on a connection.
    pub(crate) fn on(&self, place: Place) -> Vec<MemberKey> {
        let first = (place, (Arc::from(""), Arc::from("")));
        let own = self.by_place.range(first..).take_while(|(known, _)| *known == place);
        own.map(|(_, member)| member.clone()).collect()
    }

    pub(crate) fn check(&self) {
        assert!(self.by_place.len() == self.by_member.len(), "each session is on a connection");
        assert!(self.watched == self.by_member.values().map(|session| session.partitions.len()).sum::<usize>());
        assert!(self.by_member.iter().all(|(key, session)| self.by_place.contains(&(session.place, key.clone()))));
    }
}

/// Who a caller is.
pub(crate) fn key(caller: &ShareCaller) -> MemberKey {
    (Arc::clone(&caller.group_id), Arc::clone(&caller.member_id))
}
