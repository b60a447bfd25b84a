//! What was said at a position and leaves when that position is durable.

use std::collections::VecDeque;

use apus_core::ids::{CoreId, Lsn};
use apus_core::message::Message;
use apus_core::turn::Turn;

/// To whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// One core.
    One(CoreId),
    /// Every core of the broker.
    All,
}

/// Messages in the order of the positions that they wait for.
#[derive(Debug)]
pub struct Outbox {
    cores: u16,
    waiting: VecDeque<(Lsn, To, Message)>,
}

impl Outbox {
    /// An empty one, for a broker of so many cores.
    #[must_use]
    pub fn new(cores: u16) -> Outbox {
        assert!(cores > 0);
        Outbox { cores, waiting: VecDeque::new() }
    }

    /// Says something that was computed at a position. Positions never go back.
    pub fn say(&mut self, lsn: Lsn, to: To, message: Message) {
        assert!(self.waiting.back().is_none_or(|(last, ..)| *last <= lsn));
        self.waiting.push_back((lsn, to, message));
    }

    /// Lets out what is durable.
    pub fn release(&mut self, durable: Lsn, turn: &mut Turn) {
        while self.waiting.front().is_some_and(|(lsn, ..)| *lsn <= durable) {
            let Some((_, to, message)) = self.waiting.pop_front() else { return };
            match to {
                To::One(core) => turn.send(core, message),
                To::All => (0..self.cores).for_each(|core| turn.send(CoreId(core), message.clone())),
            }
        }
    }

    /// True where nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
