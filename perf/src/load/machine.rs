//! What a connection does, without the connection: answers go in, requests come out, and the workload is counted.
//!
//! The machines know no socket and no clock; the engine brings both.

use apus_net::wire::reader::Malformed;
use apus_net::wire::writer::Frame;

use super::cluster::Topic;
use super::consumer::Consumer;
use super::idle::Idle;
use super::producer::Producer;
use super::schedule::Schedule;
use super::tally::Tally;

/// What a machine may know and change during one step.
pub struct Context<'a> {
    /// Nanoseconds since the run began.
    pub now: u64,
    /// Milliseconds since 1970.
    pub wall_ms: i64,
    /// The workload comes to its end: nothing new is begun.
    pub closing: bool,
    /// Latencies of what began earlier are left out.
    pub measured_from: u64,
    /// The workload's counts.
    pub tally: &'a mut Tally,
    /// When its records are due, where they have a rate.
    pub schedule: Option<&'a Schedule>,
    /// Its topic.
    pub topic: &'a mut Topic,
    /// Bytes that it may still send, where they are limited.
    pub bytes_left: &'a mut Option<u64>,
    /// Requests that idle connections may still have under way.
    pub slots: &'a mut usize,
    /// Times at which the machine wants to be stepped whatever happens.
    pub wakes: &'a mut Vec<u64>,
}

/// A connection's side of a workload.
pub enum Machine {
    /// Sends records.
    Producer(Producer),
    /// Reads them.
    Consumer(Consumer),
    /// Is there.
    Idle(Idle),
}

impl Machine {
    /// Makes the requests that can be made now.
    pub fn pump(&mut self, context: &mut Context<'_>, out: &mut Vec<Frame>) {
        match self {
            Machine::Producer(producer) => producer.pump(context, out),
            Machine::Consumer(consumer) => consumer.pump(context, out),
            Machine::Idle(idle) => idle.pump(context, out),
        }
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// Where it is none, which ends the connection.
    pub fn answered(&mut self, frame: &[u8], context: &mut Context<'_>) -> Result<(), String> {
        context.tally.requests += 1;
        match self {
            Machine::Producer(producer) => producer.answered(frame, context),
            Machine::Consumer(consumer) => consumer.answered(frame, context),
            Machine::Idle(idle) => idle.answered(frame, context),
        }
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self, closing: bool) -> bool {
        match self {
            Machine::Producer(producer) => closing && producer.is_empty(),
            Machine::Consumer(consumer) => consumer.is_done(),
            Machine::Idle(idle) => idle.is_done(closing),
        }
    }

    /// What is left to do, in words.
    pub fn left(&self) -> String {
        match self {
            Machine::Producer(producer) => producer.left(),
            Machine::Consumer(consumer) => consumer.left(),
            Machine::Idle(_) => "a connection without an answer".into(),
        }
    }
}

/// Says that an answer cannot be read.
pub fn unreadable(error: Malformed) -> String {
    format!("an answer that cannot be read: {error}")
}

/// Answers come in the order of their requests.
///
/// # Errors
/// Where this one does not.
pub fn in_order(expected: Option<i32>, correlation: i32) -> Result<(), String> {
    match expected {
        Some(expected) if expected == correlation => Ok(()),
        _ => Err(format!("an answer to request {correlation} where {expected:?} is next")),
    }
}
