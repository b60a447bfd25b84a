//! What the cores of a broker share: the way to each other's inboxes, the connections handed to them, and how far
//! the broker is on its way from start to end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant as Moment;

use apus_core::ids::CoreId;
use apus_core::inbox::{Delivery, InboxSender};
use apus_core::time::Instant;
use apus_net::listener::Accepted;
use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;

use crate::watch::desk::{Desk, Question};

/// Connections on their way to a core: a fleet of clients that comes at once; further ones are closed.
const HANDED_MAX: usize = 4_096;

/// From this many cores on, core 0 is left to journal, ledger and packer.
const SPARED_CORES_MIN: usize = 8;

/// All cores of the broker.
pub struct Fleet {
    started: Moment,
    berths: Vec<Berth>,
    connections_max: usize,
    serving: AtomicBool,
    stopping: AtomicBool,
}

/// One core, as the others see it.
struct Berth {
    inbox: InboxSender<Delivery>,
    handed: ArrayQueue<Accepted>,
    connections: CachePadded<AtomicUsize>,
    desk: CachePadded<Desk>,
    stopped: AtomicBool,
}

impl Fleet {
    /// A fleet whose cores have these inboxes, in order; all of its time is measured from `started`.
    #[must_use]
    pub fn new(started: Moment, inboxes: Vec<InboxSender<Delivery>>, connections_max: usize) -> Fleet {
        assert!(!inboxes.is_empty());
        let berth = |inbox| Berth {
            inbox,
            handed: ArrayQueue::new(HANDED_MAX),
            connections: CachePadded::default(),
            desk: CachePadded::default(),
            stopped: AtomicBool::new(false),
        };
        let berths = inboxes.into_iter().map(berth).collect();
        let (serving, stopping) = (AtomicBool::new(false), AtomicBool::new(false));
        Fleet { started, berths, connections_max, serving, stopping }
    }

    /// How many cores there are.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.berths.len()
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The inbox of a core.
    #[must_use]
    pub fn inbox(&self, core: CoreId) -> &InboxSender<Delivery> {
        &self.berth(core).inbox
    }

    fn berth(&self, core: CoreId) -> &Berth {
        &self.berths[usize::from(core.0)]
    }

    /// Gives a connection to the core that has the fewest; closes it where there are too many.
    pub fn hand_over(&self, accepted: Accepted) {
        let spared = usize::from(self.berths.len() >= SPARED_CORES_MIN);
        let count = |berth: &Berth| berth.connections.load(Ordering::Relaxed);
        let total: usize = self.berths.iter().map(count).sum();
        let berth = self.berths[spared..].iter().min_by_key(|berth| count(berth)).expect("a fleet has a core");
        if total >= self.connections_max || self.is_stopping() {
            return accepted.refuse();
        }
        berth.connections.fetch_add(1, Ordering::Relaxed);
        match berth.handed.push(accepted) {
            Ok(()) => berth.inbox.ring(),
            Err(accepted) => {
                berth.connections.fetch_sub(1, Ordering::Relaxed);
                accepted.refuse();
            }
        }
    }

    /// A connection that was handed to this core.
    #[must_use]
    pub fn take_connection(&self, core: CoreId) -> Option<Accepted> {
        self.berth(core).handed.pop()
    }

    /// Whether connections wait for this core.
    #[must_use]
    pub fn has_connections(&self, core: CoreId) -> bool {
        !self.berth(core).handed.is_empty()
    }

    /// One of this core's connections is gone.
    pub fn connection_ended(&self, core: CoreId) {
        self.berth(core).connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Puts a question to a core.
    pub fn ask(&self, core: CoreId, question: Question) {
        let berth = self.berth(core);
        berth.desk.put(question);
        berth.inbox.ring();
    }

    /// Whether questions wait for this core.
    #[must_use]
    pub fn is_asked(&self, core: CoreId) -> bool {
        self.berth(core).desk.is_asked()
    }

    /// What this core was asked.
    #[must_use]
    pub fn take_questions(&self, core: CoreId) -> Vec<Question> {
        self.berth(core).desk.take()
    }

    /// The ledger is recovered and clients are served.
    pub fn served(&self) {
        self.serving.store(true, Ordering::SeqCst);
    }

    /// Whether clients are served: not while the ledger is recovered, and not once the broker stops.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.serving.load(Ordering::SeqCst) && !self.is_stopping()
    }

    /// Asks every core to finish what is in flight.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.ring_all();
    }

    /// Whether the cores were asked to finish.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// This core has answered and flushed everything. It goes on for the others until all have.
    pub fn stopped(&self, core: CoreId) {
        self.berth(core).stopped.store(true, Ordering::SeqCst);
        if self.is_stopped() {
            self.ring_all();
        }
    }

    /// Whether all cores have answered and flushed everything.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.berths.iter().all(|berth| berth.stopped.load(Ordering::SeqCst))
    }

    /// The cores that have not yet.
    #[must_use]
    pub fn unfinished(&self) -> Vec<usize> {
        let unfinished = |index: &usize| !self.berths[*index].stopped.load(Ordering::SeqCst);
        (0..self.berths.len()).filter(unfinished).collect()
    }

    fn ring_all(&self) {
        for berth in &self.berths {
            berth.inbox.ring();
        }
    }
}
