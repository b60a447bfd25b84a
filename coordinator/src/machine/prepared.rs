//! Commands that are decided and not yet applied. Those of one request share one promise of room: all of them are
//! journaled or none.

use apus_core::ids::Lsn;
use apus_core::turn::Turn;

use super::leader::Leader;
use crate::command::{self, Command, Envelope};
use crate::journal::{Claim, Room};
use crate::ledger::Decision;

/// A command in its frame.
#[derive(Debug)]
pub(crate) struct Prepared {
    envelope: Envelope,
    frame: Vec<u8>,
}

impl Prepared {
    /// Decided now, on behalf of a client.
    pub(crate) fn new(command: Command, turn: &Turn) -> Prepared {
        let envelope = Envelope::internal(turn.wall.0, command);
        let mut frame = Vec::new();
        command::encode(&envelope, &mut frame);
        Prepared { envelope, frame }
    }

    /// Bytes in the journal.
    pub(crate) fn bytes(&self) -> u64 {
        self.frame.len() as u64
    }
}

impl Leader {
    /// Whether these commands may all be applied; nothing at all always may.
    pub(crate) fn room_for<'a>(&self, commands: impl IntoIterator<Item = &'a Prepared>, claim: Claim) -> Room {
        let bytes: u64 = commands.into_iter().map(Prepared::bytes).sum();
        if bytes == 0 { Room::Yes } else { self.journal.room(bytes, None, claim) }
    }

    /// Applies and journals a command for which there is room.
    pub(crate) fn apply(&mut self, prepared: Prepared) -> (Lsn, Decision) {
        let (lsn, outcome) = self.record(&prepared.envelope, prepared.frame, None);
        (lsn, outcome.decision)
    }
}
