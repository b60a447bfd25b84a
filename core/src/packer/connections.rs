//! What the packer knows of the connections whose batches it holds: how much each has outstanding, how much it is
//! able to have outstanding (its window), and which unresolved flushes it stands behind.
//!
//! A client's window is learned, because the protocol does not tell it: whenever a client is answered, what it had
//! outstanding just before is what it managed to send before it stalled. The largest such count is its window; it is
//! forgotten after [`ANSWERS_REMEMBERED`] to twice as many answers that stayed below it.
//!
//! Counts over all contributing connections are kept as each one changes, so that asking for them at the end of a
//! drain costs nothing, however many connections there are.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{ConnectionId, CoreId};
use crate::message::Admission;
use crate::time::Instant;

/// Answers after which a window that was not reached again is forgotten: one or two seconds of a busy client.
const ANSWERS_REMEMBERED: u32 = 32;

/// Connections that are remembered without a thought; beyond, the long silent ones are forgotten. ~100 bytes each.
const CONNECTIONS_REMEMBERED: usize = 4_096;

/// How long a silent connection is worth remembering.
const SILENCE: Duration = Duration::from_secs(60);

/// A connection of this broker, whichever core it lives on.
pub(super) type Key = (CoreId, ConnectionId);

/// The connection that an admission came on.
pub(super) fn key(admission: &Admission) -> Key {
    (admission.core, admission.connection)
}

/// All connections that have something outstanding, and those that lately had.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: BTreeMap<Key, Connection>,
    /// Connections with requests in the open pack.
    contributing: usize,
    /// Of these: nothing more is to be expected of them before they are answered.
    stalled: usize,
    /// Of these: all that they can have outstanding lies in the open pack.
    gathered: usize,
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Connection {
    /// Requests in the open pack.
    open: u32,
    /// Requests in unresolved flushes.
    flying: u32,
    /// Nothing unread lay behind its newest request.
    drained: bool,
    /// The learned window; 0 is unknown.
    window: u32,
    /// The largest count seen since the last time of forgetting, and how many answers that is.
    window_lately: u32,
    answers: u32,
    /// Slots of the unresolved flushes that hold its requests.
    unresolved: u64,
    seen: Instant,
}

impl Connection {
    fn is_stalled(&self) -> bool {
        self.drained && self.window > 0 && self.open + self.flying >= self.window
    }

    fn is_gathered(&self) -> bool {
        self.is_stalled() && self.open >= self.window
    }

    fn learn(&mut self) {
        let outstanding = self.open + self.flying;
        self.window = self.window.max(outstanding);
        self.window_lately = self.window_lately.max(outstanding);
        self.answers += 1;
        if self.answers == ANSWERS_REMEMBERED {
            self.window = self.window_lately;
            self.window_lately = 0;
            self.answers = 0;
        }
    }
}

impl Connections {
    /// A request joins the open pack.
    pub fn admitted(&mut self, key: Key, drained: bool, now: Instant) {
        if !self.all.contains_key(&key) && self.all.len() >= self.sweep_at.max(CONNECTIONS_REMEMBERED) {
            self.all.retain(|_, connection| connection.open + connection.flying > 0 || now - connection.seen < SILENCE);
            self.sweep_at = self.all.len() * 2;
        }
        self.change(key, |connection| {
            connection.open += 1;
            connection.drained = drained;
            connection.seen = now;
        });
    }

    /// A request moves from the open pack into the flush in this slot.
    pub fn departed(&mut self, key: Key, slot: usize) {
        self.change(key, |connection| {
            connection.open -= 1;
            connection.flying += 1;
            connection.unresolved |= 1 << slot;
        });
    }

    /// So many requests of the flush in this slot are decided.
    pub fn answered(&mut self, key: Key, requests: u32, slot: usize) {
        self.change(key, |connection| {
            connection.learn();
            connection.flying -= requests;
            connection.unresolved &= !(1 << slot);
        });
    }

    /// So many requests of the flush in this slot failed; that teaches nothing.
    pub fn failed(&mut self, key: Key, requests: u32, slot: usize) {
        self.change(key, |connection| {
            connection.flying -= requests;
            connection.unresolved &= !(1 << slot);
        });
    }

    /// A request leaves the open pack without a flush.
    pub fn withdrawn(&mut self, key: Key) {
        self.change(key, |connection| connection.open -= 1);
    }

    /// Slots of the unresolved flushes that a request of this connection must wait for.
    pub fn unresolved(&self, key: Key) -> u64 {
        self.all.get(&key).map_or(0, |connection| connection.unresolved)
    }

    /// No contributor will send more before it is answered.
    pub fn all_stalled(&self) -> bool {
        self.contributing > 0 && self.stalled == self.contributing
    }

    /// Everything that the contributors can have outstanding lies in the open pack.
    pub fn all_gathered(&self) -> bool {
        self.contributing > 0 && self.gathered == self.contributing
    }

    fn change(&mut self, key: Key, change: impl FnOnce(&mut Connection)) {
        let connection = self.all.entry(key).or_default();
        let before = *connection;
        change(connection);
        let after = *connection;
        for (connection, sign) in [(before, -1), (after, 1)] {
            if connection.open > 0 {
                self.contributing = self.contributing.wrapping_add_signed(sign);
                self.stalled = self.stalled.wrapping_add_signed(isize::from(connection.is_stalled()) * sign);
                self.gathered = self.gathered.wrapping_add_signed(isize::from(connection.is_gathered()) * sign);
            }
        }
        assert!(self.gathered <= self.stalled && self.stalled <= self.contributing);
    }

    /// Counts agree with what they count; `open` and `flying` are what the packer itself holds.
    pub fn check(&self, open: usize, flying: usize, slots: u64) {
        let contributors = || self.all.values().filter(|connection| connection.open > 0);
        assert!(self.contributing == contributors().count());
        assert!(self.stalled == contributors().filter(|connection| connection.is_stalled()).count());
        assert!(self.gathered == contributors().filter(|connection| connection.is_gathered()).count());
        assert!(self.all.values().map(|connection| connection.open as usize).sum::<usize>() == open);
        assert!(self.all.values().map(|connection| connection.flying as usize).sum::<usize>() == flying);
        for connection in self.all.values() {
            assert!(connection.unresolved & !slots == 0, "a connection waits for a flush that is gone");
            assert!((connection.flying > 0) == (connection.unresolved != 0));
        }
    }
}
