//! Questions to the store that are under way, and those that are to be repeated after a while.

use std::collections::BTreeMap;

use apus_core::ids::Ticket;
use apus_core::time::Instant;
use apus_core::turn::{Effect, Turn};
use apus_core::world::StoreRequest;

use super::tickets::Tickets;

/// The first pause before a repetition; each further one is twice as long, up to 64 times.
pub const PAUSE_MS: u64 = 100;

/// One question, and what it is for.
#[derive(Clone, Debug)]
pub struct Call<K> {
    /// What it is for.
    pub purpose: K,
    /// The question.
    pub request: StoreRequest,
    /// How often it was asked.
    pub attempts: u32,
}

/// Questions of one machine.
#[derive(Debug)]
pub struct Calls<K> {
    sent: BTreeMap<Ticket, Call<K>>,
    later: Vec<(Instant, Call<K>)>,
}

impl<K> Default for Calls<K> {
    fn default() -> Calls<K> {
        Calls { sent: BTreeMap::new(), later: Vec::new() }
    }
}

impl<K> Calls<K> {
    /// Asks.
    pub fn ask(&mut self, purpose: K, request: StoreRequest, tickets: &mut Tickets, turn: &mut Turn) {
        self.send(Call { purpose, request, attempts: 0 }, tickets, turn);
    }

    fn send(&mut self, mut call: Call<K>, tickets: &mut Tickets, turn: &mut Turn) {
        call.attempts += 1;
        let ticket = tickets.draw();
        turn.effect(Effect::Store { ticket, request: call.request.clone() });
        assert!(self.sent.insert(ticket, call).is_none());
    }

    /// The question that this answer belongs to, if it is one of these.
    pub fn answered(&mut self, ticket: Ticket) -> Option<Call<K>> {
        self.sent.remove(&ticket)
    }

    /// True where the ticket is one of these.
    #[must_use]
    pub fn has(&self, ticket: Ticket) -> bool {
        self.sent.contains_key(&ticket)
    }

    /// Asks the same again after a pause that grows with each attempt.
    pub fn again(&mut self, call: Call<K>, now: Instant) {
        let pause = PAUSE_MS << call.attempts.saturating_sub(1).min(6);
        self.later.push((now.after_ms(pause), call));
    }

    /// Asks what is due.
    pub fn wake(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= turn.now);
        self.later = later;
        let due: Vec<(Instant, Call<K>)> = due;
        due.into_iter().for_each(|(_, call)| self.send(call, tickets, turn));
    }

    /// When something is due.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.later.iter().map(|(at, _)| *at).min().unwrap_or(Instant::NEVER)
    }

    /// Questions without an answer.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sent.len() + self.later.len()
    }

    /// Those of them whose purpose is of a kind.
    #[must_use]
    pub fn count_if(&self, kind: impl Fn(&K) -> bool) -> usize {
        let later = self.later.iter().map(|(_, call)| call);
        self.sent.values().chain(later).filter(|call| kind(&call.purpose)).count()
    }
}
