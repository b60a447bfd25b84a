//! What a node is told in one turn.
//!
//! | field | |
//! | --- | --- |
//! | boots | u8: 1 where this is the call of `boot`, else 0 |
//! | now, wall | u64 nanoseconds, i64 milliseconds |
//! | arrived | list of connection u64, bytes: what was appended to receive buffers since the turn before |
//! | events | list of events ([`super::event`]) |

use apus_core::ids::ConnectionId;
use apus_core::time::{Instant, WallTime};
use apus_core::turn::Event;
use bytes::Bytes;

use super::stored::Stored;

/// What a node is told.
#[derive(Debug)]
pub struct Told {
    /// It is told to boot.
    pub boots: bool,
    /// The turn's times.
    pub now: Instant,
    /// See above.
    pub wall: WallTime,
    /// What connections received.
    pub arrived: Vec<(ConnectionId, Bytes)>,
    /// What happened.
    pub events: Vec<Event>,
}

impl Stored for Told {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(self.boots).put(out);
        (self.now, self.wall).put(out);
        self.arrived.put(out);
        self.events.put(out);
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        let boots = u8::take(from)? != 0;
        let ((now, wall), (arrived, events)) = Stored::take(from)?;
        Some(Told { boots, now, wall, arrived, events })
    }
}
