//! The seam. A machine is `step(event, turn)`: everything it may know comes in through the event and the turn,
//! everything it wants of the world goes out as an effect. No machine waits, reads a clock or draws chance itself.
//!
//! The shell (or the simulator) drains what happened, steps it, then performs the effects; a fault can strike
//! between any two of them. Each effect that is answered carries the ticket that its event brings back.

use std::sync::Arc;

use bytes::Bytes;

pub use crate::counters::Counters;
use crate::ids::{ConnectionId, CoreId, Ticket};
use crate::message::Message;
use crate::time::{Instant, Rng, WallTime};
use crate::world::{Body, DiskFailure, DiskReply, DiskRequest, ObjectKey, StoreReply, StoreRequest};

/// Everything a machine may know about the outside during one step.
pub struct Turn<'a> {
    /// Monotonic, sampled once a drain.
    pub now: Instant,
    /// Record timestamps and retention only.
    pub wall: WallTime,
    /// One stream a core; the seed is logged.
    pub rng: &'a mut Rng,
    /// Plain numbers; the shell exports them.
    pub count: &'a mut Counters,
    /// What is wanted of the world; reused.
    pub effects: &'a mut Vec<Effect>,
}

impl Turn<'_> {
    /// Asks the world for something.
    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Sends to a machine of this broker.
    pub fn send(&mut self, core: CoreId, message: Message) {
        self.effects.push(Effect::Send { core, message });
    }

    /// One line for a person. Rare by construction: never once a request that a client controls.
    pub fn note(&mut self, level: Level, text: impl Into<String>) {
        self.effects.push(Effect::Note { level, text: text.into() });
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A client connected.
    Opened {
        /// The new connection.
        connection: ConnectionId,
        /// On which listener, in the order of the configuration.
        listener: u16,
        /// Its address, for log lines.
        peer: Arc<str>,
    },
    /// Bytes were added to the connection's own buffer.
    Received {
        /// Where.
        connection: ConnectionId,
    },
    /// The client's socket took so many reply bytes.
    Sent {
        /// Where.
        connection: ConnectionId,
        /// How many.
        bytes: u64,
    },
    /// The connection is gone, by whomever.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// From a machine of this broker.
    Message(Message),
    /// The store answered.
    Stored {
        /// The request's ticket.
        ticket: Ticket,
        /// The end of it.
        reply: StoreReply,
    },
    /// The journal's disk answered.
    Disk {
        /// The request's ticket.
        ticket: Ticket,
        /// The end of it.
        result: Result<DiskReply, DiskFailure>,
    },
    /// The time asked for by `Effect::Wake` has come.
    Wake,
    /// A step's budget was spent; it goes on.
    Again,
    /// SIGTERM: answer what is in flight, flush, say `Effect::Stopped`.
    Stop,
}

/// What a core asks of the world.
#[derive(Debug)]
pub enum Effect {
    /// To a machine of this broker; never lost, in order for each pair of cores.
    Send {
        /// The receiver's core.
        core: CoreId,
        /// What.
        message: Message,
    },
    /// Bytes for a client, in order.
    Reply {
        /// Where.
        connection: ConnectionId,
        /// What.
        pieces: Vec<Bytes>,
    },
    /// Read the connection's socket again, or stop reading it: back-pressure.
    Read {
        /// Which.
        connection: ConnectionId,
        /// Whether to read.
        enabled: bool,
    },
    /// Close the connection after what was replied is sent; the reason was noted.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Close the connection now, and give up what was replied and not sent; the reason was noted.
    Abandon {
        /// Which.
        connection: ConnectionId,
    },
    /// Ask the store; answered by `Event::Stored`.
    Store {
        /// Comes back.
        ticket: Ticket,
        /// What.
        request: StoreRequest,
    },
    /// A body that readers may want soon, for the cache; it may be dropped.
    Warm {
        /// The object.
        key: ObjectKey,
        /// Its bytes.
        body: Body,
    },
    /// Bytes of this object were not what they should be: the cache keeps none of it.
    Forget {
        /// The object.
        key: ObjectKey,
    },
    /// Ask the journal's disk; answered by `Event::Disk`.
    Disk {
        /// Comes back.
        ticket: Ticket,
        /// What.
        request: DiskRequest,
    },
    /// `Event::Wake` at this time, instead of any time asked for before.
    Wake {
        /// When.
        at: Instant,
    },
    /// `Event::Again` after the events that already wait.
    Again,
    /// The ledger is recovered and ours: accept clients.
    Serve {
        /// What a crash had left behind the journal's last whole group, and was cut: nothing that was acknowledged.
        cut_bytes: u64,
    },
    /// Everything is flushed and answered: the process may end.
    Stopped,
    /// The broker must not go on: print this and end the process with an error.
    Halt {
        /// What a person reads.
        why: String,
    },
    /// One log line.
    Note {
        /// How loud.
        level: Level,
        /// What a person reads.
        text: String,
    },
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}
