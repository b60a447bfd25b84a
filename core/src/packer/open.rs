//! The open pack: requests that were admitted and are in no flush yet, in their order.

use std::collections::VecDeque;

use crate::limits::PACK_BYTES_MAX;
use crate::message::Admission;
use crate::time::Instant;

use super::connections::{Key, key};

/// A queue of requests that knows its bytes. A request is never split between flushes.
#[derive(Debug, Default)]
pub(super) struct Open {
    requests: VecDeque<Waiting>,
    bytes: u64,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    bytes: u64,
    admission: Admission,
}

/// The front part of the queue that one flush takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Requests.
    pub requests: usize,
    /// Bytes of their batches.
    pub bytes: u64,
}

impl Open {
    /// Bytes of all batches.
    pub fn bytes(&self) -> u64 {
        self.bytes
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

    /// A request joins.
    pub fn push(&mut self, admission: Admission, since: Instant) {
        let bytes = admission.batches.iter().map(|batch| batch.bytes.len() as u64).sum();
        self.bytes += bytes;
        self.requests.push_back(Waiting { since, bytes, admission });
    }

    /// What the next flush takes: whole requests until the target is reached.
    pub fn cut(&self, target: u64) -> Cut {
        let mut cut = Cut { requests: 0, bytes: 0 };
        for request in &self.requests {
            if cut.bytes >= target || (cut.requests > 0 && cut.bytes + request.bytes > PACK_BYTES_MAX) {
                break;
            }
            cut.requests += 1;
            cut.bytes += request.bytes;
        }
        cut
    }

    /// Takes what was cut.
    pub fn take(&mut self, cut: Cut) -> impl Iterator<Item = Admission> + '_ {
        assert!(cut.requests > 0 && cut.bytes <= self.bytes);
        self.bytes -= cut.bytes;
        self.requests.drain(..cut.requests).map(|request| request.admission)
    }

    /// Takes the requests of these connections out.
    pub fn withdraw(&mut self, mut connections: impl FnMut(Key) -> bool) -> Vec<Admission> {
        let mut withdrawn = Vec::new();
        for request in std::mem::take(&mut self.requests) {
            if connections(key(&request.admission)) {
                self.bytes -= request.bytes;
                withdrawn.push(request.admission);
            } else {
                self.requests.push_back(request);
            }
        }
        withdrawn
    }

    /// Bytes are the sum, and time runs forward.
    pub fn check(&self) {
        assert!(self.bytes == self.requests.iter().map(|request| request.bytes).sum::<u64>());
        assert!(self.requests.iter().is_sorted_by_key(|request| request.since));
        assert!(self.requests.iter().all(|request| request.bytes > 0));
    }
}
