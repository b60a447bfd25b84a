//! Who is owed a reply: bounds what is under way, and answers everything exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use apus_core::ids::{CoreId, Ticket};
use apus_core::world::{Failure, StoreReply, StoreRequest};
use tokio::sync::Notify;

use super::Sink;
use crate::counters::StoreCounters;
use crate::retry::Operation;

/// Writes and deletes under way: 64 uploads, snapshot parts and deletions of 64 cores at once.
const WRITES_MAX: usize = 1_024;
/// Reads under way: [`apus_core::limits::COLD_READ_BYTES_MAX`] of a core is 64 blocks, of 64 cores.
const READS_MAX: usize = 4_096;
/// All of it.
pub(super) const REQUESTS_MAX: usize = WRITES_MAX + READS_MAX;

#[derive(Clone, Copy)]
enum Lane {
    Writes,
    Reads,
}

/// The form of the reply, remembered for the case that there is no other.
#[derive(Clone, Copy)]
enum Form {
    Put,
    Get,
    Block,
    Head,
    List,
    Delete,
}

impl Form {
    fn of(request: &StoreRequest) -> Form {
        match request {
            StoreRequest::Put { .. } => Form::Put,
            StoreRequest::Get { .. } => Form::Get,
            StoreRequest::Block { .. } => Form::Block,
            StoreRequest::Head { .. } => Form::Head,
            StoreRequest::List { .. } => Form::List,
            StoreRequest::Delete { .. } => Form::Delete,
        }
    }

    fn failed(self, failure: Failure) -> StoreReply {
        match self {
            Form::Put => StoreReply::Put(Err(failure)),
            Form::Get => StoreReply::Get(Err(failure)),
            Form::Block => StoreReply::Block(Err(failure)),
            Form::Head => StoreReply::Head(Err(failure)),
            Form::List => StoreReply::List(Err(failure)),
            Form::Delete => StoreReply::Delete(Err(failure)),
        }
    }
}

pub(super) struct Desk {
    sink: Sink,
    counters: Arc<StoreCounters>,
    writes: AtomicUsize,
    reads: AtomicUsize,
    answered: Notify,
}

impl Desk {
    pub(super) fn new(sink: Sink, counters: Arc<StoreCounters>) -> Desk {
        Desk { sink, counters, writes: AtomicUsize::new(0), reads: AtomicUsize::new(0), answered: Notify::new() }
    }

    pub(super) fn counters(&self) -> &Arc<StoreCounters> {
        &self.counters
    }

    /// Owes the core a reply from here on; nothing where too many are owed.
    pub(super) fn accept(self: &Arc<Desk>, core: CoreId, ticket: Ticket, request: &StoreRequest) -> Option<Owed> {
        let operation = Operation::of(request);
        let lane = match operation {
            Operation::PutAlways | Operation::PutConditional | Operation::Delete => Lane::Writes,
            Operation::Get | Operation::Head | Operation::List => Lane::Reads,
        };
        let (under_way, bound) = self.lane(lane);
        if under_way.fetch_add(1, Ordering::Relaxed) >= bound {
            under_way.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let form = Form::of(request);
        Some(Owed { desk: Arc::clone(self), core, ticket, operation, form, lane, since: Instant::now(), open: true })
    }

    fn lane(&self, lane: Lane) -> (&AtomicUsize, usize) {
        match lane {
            Lane::Writes => (&self.writes, WRITES_MAX),
            Lane::Reads => (&self.reads, READS_MAX),
        }
    }

    /// Waits until nothing is owed.
    pub(super) async fn settled(&self) {
        loop {
            let answered = self.answered.notified();
            if self.writes.load(Ordering::SeqCst) + self.reads.load(Ordering::SeqCst) == 0 {
                return;
            }
            answered.await;
        }
    }
}

/// A reply that a core waits for. Dropping it answers as unknown.
pub(super) struct Owed {
    desk: Arc<Desk>,
    core: CoreId,
    ticket: Ticket,
    operation: Operation,
    form: Form,
    lane: Lane,
    since: Instant,
    open: bool,
}

impl Owed {
    /// Answers.
    pub(super) fn settle(mut self, reply: StoreReply) {
        self.answer(reply);
    }

    /// The request was not taken after all: nothing is owed.
    pub(super) fn withdraw(mut self) {
        self.open = false;
    }

    fn answer(&mut self, reply: StoreReply) {
        self.open = false;
        self.desk.counters.operation(self.operation).ended(self.since.elapsed(), outcome(&reply));
        (self.desk.sink)(self.core, self.ticket, reply);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if self.open {
            let failure = Failure::Unknown(Arc::from("the store plane ended before the answer"));
            self.answer(self.form.failed(failure));
        }
        self.desk.lane(self.lane).0.fetch_sub(1, Ordering::SeqCst);
        self.desk.answered.notify_waiters();
    }
}

/// Payload bytes that a reply stands for, or its failure. Bytes written are counted where they are sent.
fn outcome(reply: &StoreReply) -> Result<u64, &Failure> {
    match reply {
        StoreReply::Put(outcome) => outcome.as_ref().map(|_| 0),
        StoreReply::Get(outcome) => outcome.as_ref().map(|(bytes, _)| bytes.len() as u64),
        StoreReply::Block(outcome) => outcome.as_ref().map(|bytes| bytes.len() as u64),
        StoreReply::Head(outcome) => outcome.as_ref().map(|_| 0),
        StoreReply::List(outcome) => outcome.as_ref().map(|_| 0),
        StoreReply::Delete(outcome) => outcome.as_ref().map(|_| 0),
    }
}
