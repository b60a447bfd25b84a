//! Clients that read nothing, while others wait for the memory of their replies.
//!
//! A client may pause: as long as nobody else needs what is kept for it, it has half a minute (the session's own rule).
//! Where somebody does, or where the core holds more than it ever should, those who have read nothing for a second are
//! given up, the largest first, until there is room. Whoever reads, however slowly, is not among them.
//!
//! A silent crowd that comes again and again keeps strangers who read waiting for a second each time, on the core that it
//! fills, and only for answers that may be large. Clients that are known to read are answered meanwhile.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use apus_core::ids::ConnectionId;
use apus_core::limits::{REPLY_BYTES_EASED, REPLY_BYTES_MAX, REPLY_BYTES_SHORT, REPLY_STALL_MS_SHORT};
use apus_core::time::Instant;
use apus_net::session::Session;

/// How often sessions are looked over while memory is short: ten thousand of them take less than a millisecond.
const LOOK_MS: u64 = 100;

/// When to look for those who may be given up.
#[derive(Debug)]
pub struct Crowding {
    look_at: Instant,
}

impl Default for Crowding {
    fn default() -> Crowding {
        Crowding { look_at: Instant::NEVER }
    }
}

impl Crowding {
    /// Whom to give up now. `held`: bytes that all of them hold; `waited_for`: requests wait for some of these.
    pub fn given_up(
        &mut self,
        sessions: &BTreeMap<ConnectionId, Session>,
        held: u64,
        waited_for: bool,
        now: Instant,
    ) -> Vec<ConnectionId> {
        let crowded = held > REPLY_BYTES_MAX || (held > REPLY_BYTES_SHORT && waited_for);
        if !crowded {
            self.look_at = Instant::NEVER;
            return Vec::new();
        }
        if self.look_at != Instant::NEVER && now < self.look_at {
            return Vec::new();
        }
        self.look_at = now.after_ms(LOOK_MS);
        let stalled = sessions.iter().filter_map(|(connection, session)| {
            let since = session.stalled_since()?;
            (since.after_ms(REPLY_STALL_MS_SHORT) <= now).then(|| (session.held_bytes(), *connection))
        });
        largest(stalled.collect(), held.saturating_sub(REPLY_BYTES_EASED))
    }

    /// When to look again.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.look_at
    }
}

/// The largest of them, until they make up so many bytes.
fn largest(mut stalled: Vec<(u64, ConnectionId)>, mut bytes: u64) -> Vec<ConnectionId> {
    stalled.sort_unstable_by_key(|entry| Reverse(*entry));
    let enough = stalled.into_iter().take_while(|(held, _)| {
        let needed = bytes > 0;
        bytes = bytes.saturating_sub(*held);
        needed
    });
    enough.map(|(_, connection)| connection).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_go_first_and_no_more_than_are_needed() {
        let stalled = vec![(10, ConnectionId(1)), (40, ConnectionId(2)), (20, ConnectionId(3)), (40, ConnectionId(4))];
        assert_eq!(largest(stalled.clone(), 0), []);
        assert_eq!(largest(stalled.clone(), 1), [ConnectionId(4)]);
        assert_eq!(largest(stalled.clone(), 81), [ConnectionId(4), ConnectionId(2), ConnectionId(3)]);
        assert_eq!(largest(stalled, 1_000).len(), 4);
    }
}
