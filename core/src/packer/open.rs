//! The open pack: requests that were admitted and are in no flush yet, in their order.

use std::collections::VecDeque;

use crate::ids::{CoreId, Ticket};
use crate::limits::{PACK_BATCHES_MAX, PACK_BYTES_MAX};
use crate::message::{Admission, Admitted};
use crate::time::Instant;

use super::connections::{Key, key};

/// A queue of requests that knows its bytes and batches. A request is never split between flushes, unless it has more
/// batches than a flush may hold: then it is queued in parts, and counts as so many requests of its connection.
#[derive(Debug, Default)]
pub(super) struct Open {
    requests: VecDeque<Waiting>,
    bytes: u64,
    batches: usize,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    bytes: u64,
    part: Part,
}

/// A request, or a part of one.
#[derive(Debug)]
pub(super) struct Part {
    /// Whose.
    pub key: Key,
    /// The front's core.
    pub core: CoreId,
    /// The front's ticket of the whole request.
    pub ticket: Ticket,
    /// The slot of the first batch.
    pub first_slot: u32,
    /// At least one, at most [`PACK_BATCHES_MAX`].
    pub batches: Vec<Admitted>,
}

impl Part {
    /// The parts of a request, in order: one, but of the largest requests.
    pub fn all(admission: Admission) -> Vec<Part> {
        let (key, core, ticket) = (key(&admission), admission.core, admission.ticket);
        let part = |first_slot, batches| Part { key, core, ticket, first_slot, batches };
        if admission.batches.len() <= PACK_BATCHES_MAX {
            return vec![part(0, admission.batches)];
        }
        let firsts = (0..admission.batches.len() as u32).step_by(PACK_BATCHES_MAX);
        let mut rest = admission.batches.into_iter();
        firsts.map(|first_slot| part(first_slot, rest.by_ref().take(PACK_BATCHES_MAX).collect())).collect()
    }

    /// The slot of each batch.
    pub fn slots(&self) -> impl Iterator<Item = u32> + use<> {
        self.first_slot..self.first_slot + self.batches.len() as u32
    }
}

/// The front part of the queue that one flush takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// Requests.
    pub requests: usize,
    /// Bytes of their batches.
    pub bytes: u64,
    /// Their batches.
    pub batches: usize,
}

impl Open {
    /// As large as a pack is to become, or as many batches as one may have.
    pub fn is_full(&self, target: u64) -> bool {
        self.bytes >= target || self.batches >= PACK_BATCHES_MAX
    }

    /// How many requests.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Since when the oldest request waits.
    pub fn since(&self) -> Option<Instant> {
        self.requests.front().map(|oldest| oldest.since)
    }

    /// A request joins, or a part of one.
    pub fn push(&mut self, part: Part, since: Instant) {
        assert!(!part.batches.is_empty() && part.batches.len() <= PACK_BATCHES_MAX);
        let bytes = part.batches.iter().map(|batch| batch.bytes.len() as u64).sum();
        self.bytes += bytes;
        self.batches += part.batches.len();
        self.requests.push_back(Waiting { since, bytes, part });
    }

    /// What the next flush takes: whole requests until the target is reached.
    pub fn cut(&self, target: u64) -> Cut {
        let mut cut = Cut::default();
        for request in &self.requests {
            let batches = cut.batches + request.part.batches.len();
            let full = cut.bytes >= target || cut.bytes + request.bytes > PACK_BYTES_MAX || batches > PACK_BATCHES_MAX;
            if cut.requests > 0 && full {
                break;
            }
            cut.requests += 1;
            cut.bytes += request.bytes;
            cut.batches = batches;
        }
        assert!(cut.batches <= PACK_BATCHES_MAX);
        cut
    }

    /// Bytes of all batches.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes what was cut, with the time since when each waited.
    pub fn take(&mut self, cut: Cut) -> impl Iterator<Item = (Instant, Part)> + '_ {
        assert!(cut.requests > 0 && cut.bytes <= self.bytes && cut.batches <= self.batches);
        self.bytes -= cut.bytes;
        self.batches -= cut.batches;
        self.requests.drain(..cut.requests).map(|request| (request.since, request.part))
    }

    /// Takes the requests of these connections out.
    pub fn withdraw(&mut self, mut connections: impl FnMut(Key) -> bool) -> Vec<Part> {
        let mut withdrawn = Vec::new();
        for request in std::mem::take(&mut self.requests) {
            if connections(request.part.key) {
                self.bytes -= request.bytes;
                self.batches -= request.part.batches.len();
                withdrawn.push(request.part);
            } else {
                self.requests.push_back(request);
            }
        }
        withdrawn
    }

    /// Bytes and batches are the sums, and time runs forward.
    pub fn check(&self) {
        assert!(self.bytes == self.requests.iter().map(|request| request.bytes).sum::<u64>());
        assert!(self.batches == self.requests.iter().map(|request| request.part.batches.len()).sum::<usize>());
        assert!(self.requests.iter().is_sorted_by_key(|request| request.since));
        assert!(self.requests.iter().all(|request| request.bytes > 0));
    }
}
