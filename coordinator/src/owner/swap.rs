//! Swapping `v1/OWNER` until it is known who won.
//!
//! A conditional PUT whose outcome is unknown is repeated, same condition and same bytes, until the store says done or
//! "another version"; then the object is read and compared. So one's own success is never taken for a defeat.

use apus_core::ids::Ticket;
use apus_core::time::Instant;
use apus_core::turn::Turn;
use apus_core::world::{Body, Condition, Etag, Failure, ObjectKey, StoreReply, StoreRequest};

use super::{OWNER_KEY, Owner};
use crate::machine::calls::{Call, Calls};
use crate::machine::tickets::Tickets;

/// What an answer meant for a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// It goes on.
    Going,
    /// It stands, as this version.
    Done(Etag),
    /// Somebody else's stands: why this broker must stop.
    Lost(String),
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    Put,
    Read,
}

/// A swap under way.
#[derive(Debug)]
pub struct Swap {
    wanted: Owner,
    before: Option<(Owner, Etag)>,
    calls: Calls<Purpose>,
    /// Since when the store fails to answer.
    pub failing_since: Option<Instant>,
}

impl Swap {
    /// Begins to put `wanted` in the place of what was read before.
    #[must_use]
    pub fn begin(wanted: Owner, before: Option<(Owner, Etag)>, tickets: &mut Tickets, turn: &mut Turn) -> Swap {
        let mut swap = Swap { wanted, before, calls: Calls::default(), failing_since: None };
        swap.put(tickets, turn);
        swap
    }

    /// What is to stand.
    #[must_use]
    pub fn wanted(&self) -> &Owner {
        &self.wanted
    }

    fn put(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let condition = self.before.as_ref().map_or(Condition::Absent, |(_, etag)| Condition::Match(etag.clone()));
        let body = Body::new(vec![self.wanted.encode()]);
        let request = StoreRequest::Put { key: ObjectKey::new(OWNER_KEY), body, condition };
        self.calls.ask(Purpose::Put, request, tickets, turn);
    }

    /// The store's answer; nothing where the ticket is not of this swap.
    pub fn answered(
        &mut self,
        ticket: Ticket,
        reply: &StoreReply,
        tickets: &mut Tickets,
        turn: &mut Turn,
    ) -> Option<Swapped> {
        let call = self.calls.answered(ticket)?;
        Some(match (call.purpose, reply) {
            (Purpose::Put, StoreReply::Put(Ok(etag))) => Swapped::Done(etag.clone()),
            (Purpose::Put, StoreReply::Put(Err(Failure::Precondition | Failure::Missing))) => {
                let request = StoreRequest::Get { key: ObjectKey::new(OWNER_KEY), range: None };
                self.calls.ask(Purpose::Read, request, tickets, turn);
                Swapped::Going
            }
            (Purpose::Read, StoreReply::Get(Ok((bytes, etag)))) => {
                self.compare(Owner::decode(bytes), etag, tickets, turn)
            }
            (Purpose::Read, StoreReply::Get(Err(Failure::Missing))) if self.before.is_some() => {
                Swapped::Lost(format!("{OWNER_KEY} was deleted from the store while this broker owned it"))
            }
            (_, reply) => self.failed(call, reply, turn),
        })
    }

    fn compare(&mut self, found: Option<Owner>, etag: &Etag, tickets: &mut Tickets, turn: &mut Turn) -> Swapped {
        let Some(found) = found else {
            return Swapped::Lost(format!("{OWNER_KEY} in the store is not what any broker writes"));
        };
        if found == self.wanted {
            return Swapped::Done(etag.clone());
        }
        let same = self.before.as_ref().is_some_and(|(before, _)| *before == found);
        if same {
            // The same content as another version: somebody copied the object onto itself.
            self.before = Some((found, etag.clone()));
            self.put(tickets, turn);
            return Swapped::Going;
        }
        Swapped::Lost(format!(
            "another broker has taken this store over: {OWNER_KEY} names incarnation {} of journal {}, and this is \
             incarnation {} of journal {}. Only one broker may use a store's prefix; stop this one for good",
            found.incarnation, found.journal, self.wanted.incarnation, self.wanted.journal
        ))
    }

    fn failed(&mut self, call: Call<Purpose>, reply: &StoreReply, turn: &mut Turn) -> Swapped {
        assert!(matches!(reply, StoreReply::Put(_) | StoreReply::Get(_)), "an answer of the kind that was asked");
        self.failing_since.get_or_insert(turn.now);
        self.calls.again(call, turn.now);
        Swapped::Going
    }

    /// Asks again what is due.
    pub fn wake(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        self.calls.wake(tickets, turn);
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.calls.deadline()
    }
}
