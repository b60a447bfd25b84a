//! Share groups (KIP-932): members share the records of partitions, and each record is one member's at a time.
//!
//! One place decides whose a record is: this one, beside the ledger, on the coordinator's core. What is durable stands in
//! the ledger: who is in a group, and of each share partition its start, what is done with behind it, and how often
//! records were given out without success. Acknowledgements, releases, rejections and locks that time out are commands,
//! and are answered when they are durable. Whose a record is at the moment, for how long, and the sessions of members are
//! in memory: after a start, what was given out and not acknowledged is given out again.
//!
//! A fetch acquires offsets, of which the ledger knows where they are; the front reads their bytes. So what is given out
//! is decided without a look at records, and exact: no more than the member asked for. (The road not taken, acquiring
//! what was read as Kafka does, gives whole batches but needs a fetch before it knows what it may fetch.)
//!
//! Invariants:
//! - No record is two members' at once, and none that is done with is anybody's.
//! - A record was given out `group.share.delivery.count.limit` times at most; then it is given up.
//! - Whoever waits is looked at again when its partitions grow, when records come back, and when its time is up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::ids::PartitionId;
use apus_core::time::Instant;

use crate::ledger::Ledger;

mod assign;
pub(crate) mod locks;
pub(crate) mod members;
mod rules;
pub(crate) mod sessions;
pub(crate) mod waiting;

use locks::Locks;
pub use rules::Rules;
use sessions::Sessions;
use waiting::Waiting;

/// A share partition: the group, and the ledger's number.
pub(crate) type ShareKey = (Arc<str>, PartitionId);

/// What goes on in share partitions.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    locks: BTreeMap<ShareKey, Locks>,
    timers: BTreeSet<(Instant, ShareKey)>,
    pub(crate) sessions: Sessions,
    pub(crate) waiting: Waiting,
}

impl Shares {
    /// Whose records of a share partition are, where any are somebody's.
    pub(crate) fn locks(&self, key: &ShareKey) -> Option<&Locks> {
        self.locks.get(key)
    }

    /// The share partitions of a group of which records are somebody's.
    pub(crate) fn of_group(&self, group: &Arc<str>) -> Vec<ShareKey> {
        let from = (Arc::clone(group), PartitionId(0));
        self.locks.range(from..).map(|(key, _)| key).take_while(|key| key.0 == *group).cloned().collect()
    }

    /// Steps a share partition, and keeps its timer in the books.
    pub(crate) fn on(&mut self, key: &ShareKey, step: impl FnOnce(&mut Locks)) {
        let mut locks = self.locks.remove(key).unwrap_or_default();
        self.timers.remove(&(locks.wake_at(), key.clone()));
        step(&mut locks);
        if !locks.is_empty() {
            self.timers.insert((locks.wake_at(), key.clone()));
            self.locks.insert(key.clone(), locks);
        }
    }

    /// No record of a share partition is anybody's any more.
    pub(crate) fn forget(&mut self, key: &ShareKey) {
        self.on(key, |locks| *locks = Locks::default());
    }

    /// The share partition whose locks are due first.
    pub(crate) fn due(&self, now: Instant) -> Option<ShareKey> {
        self.timers.first().filter(|(at, _)| *at <= now).map(|(_, key)| key.clone())
    }

    /// When locks are due, and when somebody who waits is to be looked at.
    pub(crate) fn deadlines(&self) -> (Instant, Instant) {
        (self.timers.first().map_or(Instant::NEVER, |(at, _)| *at), self.waiting.deadline())
    }

    /// The whole-state invariant.
    pub(crate) fn check(&self, ledger: &Ledger) {
        assert!(self.timers.len() == self.locks.len());
        for (key, locks) in &self.locks {
            assert!(self.timers.contains(&(locks.wake_at(), key.clone())), "a lock would not time out");
            locks.check(ledger.share(&key.0, key.1).map(|stored| &**stored));
        }
        self.sessions.check();
        self.waiting.check();
    }
}
