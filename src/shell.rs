//! One core's node and its queue of events, as the driver and the tasks of connections and disk share them.
//!
//! All of them run on one thread and never borrow the node across an await: the node is lent for a call, and the
//! call returns.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use apus_core::ids::ConnectionId;
use apus_core::time::Instant;
use apus_core::turn::{Event, Turn};
use apus_net::conn::Host;
use bytes::BytesMut;

use crate::node::Node;
use crate::watch::report::NodeGauges;

/// One core's machines, as the shell sees them: the node, and in tests something simpler.
pub trait Machines: 'static {
    /// Begins the coordinator's recovery; on core 0 alone.
    fn boot(&mut self, turn: &mut Turn<'_>);

    /// Steps events from the front of the queue, as many as its budget allows.
    fn step(&mut self, events: &mut VecDeque<Event>, turn: &mut Turn<'_>);

    /// Where bytes of a connection go, with how many of the frame under way are missing (0 where that is unknown), and
    /// with room for some of them where some are; nothing where it is not to be read.
    fn receive_buffer(&mut self, connection: ConnectionId) -> Option<(&mut BytesMut, usize)>;

    /// How they stand, for whoever watches.
    fn gauges(&self) -> NodeGauges {
        NodeGauges::default()
    }

    /// Whether it matters how long a step takes.
    fn counts_time(&self) -> bool {
        false
    }

    /// The last step took so long.
    fn spent(&mut self, time: Duration, now: Instant) {
        let _ = (time, now);
    }

    /// Whether a client's write would find room in the journal, as far as this core knows.
    fn is_writable(&self) -> bool {
        true
    }
}

impl Machines for Node {
    fn boot(&mut self, turn: &mut Turn<'_>) {
        Node::boot(self, turn);
    }

    fn step(&mut self, events: &mut VecDeque<Event>, turn: &mut Turn<'_>) {
        Node::step(self, events, turn);
    }

    fn receive_buffer(&mut self, connection: ConnectionId) -> Option<(&mut BytesMut, usize)> {
        Node::receive_buffer(self, connection)
    }

    fn gauges(&self) -> NodeGauges {
        Node::gauges(self)
    }

    fn counts_time(&self) -> bool {
        Node::counts_time(self)
    }

    fn spent(&mut self, time: Duration, now: Instant) {
        Node::spent(self, time, now);
    }

    fn is_writable(&self) -> bool {
        Node::is_writable(self)
    }
}

/// The node, what has happened to it, and who waits for it.
pub struct Shell<M> {
    node: RefCell<M>,
    events: RefCell<VecDeque<Event>>,
    driver: RefCell<Option<Waker>>,
    /// Events queued since the start.
    queued: Cell<u64>,
    parked: RefCell<Vec<Waker>>,
}

impl<M: Machines> Shell<M> {
    /// A shell around a node.
    pub fn new(node: M) -> Shell<M> {
        Shell {
            node: RefCell::new(node),
            events: RefCell::default(),
            driver: RefCell::default(),
            queued: Cell::new(0),
            parked: RefCell::default(),
        }
    }

    /// Names the task that is to be woken for an event.
    pub fn driven_by(&self, driver: Waker) {
        *self.driver.borrow_mut() = Some(driver);
    }

    /// Queues an event; the driver is the caller, so it is awake.
    pub fn queue(&self, event: Event) {
        self.queued.set(self.queued.get() + 1);
        self.events.borrow_mut().push_back(event);
    }

    /// Whether nothing waits to be stepped.
    pub fn is_idle(&self) -> bool {
        self.events.borrow().is_empty()
    }

    /// How the machines stand.
    pub fn gauges(&self) -> NodeGauges {
        self.node.borrow().gauges()
    }

    /// Whether a client's write would find room.
    pub fn is_writable(&self) -> bool {
        self.node.borrow().is_writable()
    }

    /// Whether it matters how long a step takes.
    pub fn counts_time(&self) -> bool {
        self.node.borrow().counts_time()
    }

    /// The last step took so long.
    pub fn spent(&self, time: Duration, now: Instant) {
        self.node.borrow_mut().spent(time, now);
    }

    /// Begins the recovery.
    pub fn boot(&self, turn: &mut Turn<'_>) {
        self.node.borrow_mut().boot(turn);
    }

    /// Steps what the node's budget allows.
    pub fn step(&self, turn: &mut Turn<'_>) {
        let mut events = self.events.borrow_mut();
        self.node.borrow_mut().step(&mut events, turn);
        self.parked.borrow_mut().drain(..).for_each(Waker::wake);
    }
}

impl<M: Machines> Host for Shell<M> {
    fn lend<R>(&self, connection: ConnectionId, fill: impl FnOnce(&mut BytesMut, usize) -> R) -> Option<R> {
        let mut node = self.node.borrow_mut();
        node.receive_buffer(connection).map(|(buffer, missing)| fill(buffer, missing))
    }

    fn happened(&self, event: Event) -> u64 {
        let number = self.queued.get();
        self.queue(event);
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
        number
    }

    fn stepped(&self) -> u64 {
        self.queued.get() - self.events.borrow().len() as u64
    }

    fn wake_after_step(&self, waker: Waker) {
        self.parked.borrow_mut().push(waker);
    }
}

#[cfg(test)]
mod tests {
    use apus_core::time::{Instant, Rng, WallTime};
    use apus_core::turn::Counters;

    use super::*;

    /// A node whose budget is one event.
    #[derive(Default)]
    struct Slow;

    impl Machines for Slow {
        fn boot(&mut self, _turn: &mut Turn<'_>) {}

        fn step(&mut self, events: &mut VecDeque<Event>, _turn: &mut Turn<'_>) {
            events.pop_front();
        }

        fn receive_buffer(&mut self, _connection: ConnectionId) -> Option<(&mut BytesMut, usize)> {
            None
        }
    }

    #[test]
    fn an_event_is_known_to_be_stepped_while_others_wait() {
        let shell = Shell::new(Slow);
        let numbers = [1, 2, 3].map(|id| shell.happened(Event::Received { connection: ConnectionId(id) }));
        assert_eq!((numbers, shell.stepped()), ([0, 1, 2], 0));
        let (mut rng, mut count, mut effects) = (Rng::new(1), Counters::default(), Vec::new());
        let (rng, count, effects) = (&mut rng, &mut count, &mut effects);
        let mut turn = Turn { now: Instant::default(), wall: WallTime(0), rng, count, effects };
        for stepped in 1..=3 {
            shell.step(&mut turn);
            // Bytes that come for the first connection now are told of again, although the queue is not empty.
            assert_eq!(shell.stepped(), stepped);
        }
        assert!(shell.is_idle());
    }
}
