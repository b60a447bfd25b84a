//! A well-behaved client: one record after the other, each waited for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant as Moment};

use apus_core::time::Rng;

use crate::broker::{Broker, PATIENCE};
use crate::history::History;
use crate::producer::{Producer, TOPIC};
use crate::record::Record;

/// A client on a thread of its own; an error of its ends the test.
pub struct Neighbour {
    shared: Arc<Shared>,
    thread: JoinHandle<History>,
}

#[derive(Default)]
struct Shared {
    took: Mutex<Vec<Duration>>,
    more: Condvar,
    ended: AtomicBool,
}

impl Neighbour {
    /// Starts it.
    pub fn start(broker: &Broker) -> Neighbour {
        let mut producer = Producer::new(broker, TOPIC, &[("linger.ms", "0")]);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut rng = Rng::new(1);
            while !theirs.ended.load(Ordering::Relaxed) {
                let number = producer.next();
                let began = Moment::now();
                producer.send(Record::sized(number, 100, &mut rng), None);
                producer.wait(number as usize + 1);
                theirs.took.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
                theirs.more.notify_all();
            }
            let history = producer.finish();
            assert_eq!(history.refusals, [""; 0], "the well-behaved client sees no error");
            history
        });
        Neighbour { shared, thread }
    }

    /// Records that were acknowledged.
    pub fn count(&self) -> usize {
        assert!(!self.thread.is_finished(), "the well-behaved client gave up");
        self.shared.took.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until so many records were acknowledged.
    pub fn wait(&self, count: usize) {
        let took = self.shared.took.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = self.shared.more.wait_timeout_while(took, PATIENCE, |took| took.len() < count);
        let (took, waited) = enough.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "the well-behaved client is stuck at {} of {count} records", took.len());
    }

    /// How long a record took, since the one of this number, in so many of a hundred cases at most.
    pub fn percentile(&self, from: usize, of_hundred: usize) -> Duration {
        let took = self.shared.took.lock().unwrap_or_else(PoisonError::into_inner);
        let mut took = took[from..].to_vec();
        took.sort_unstable();
        took[(took.len() - 1) * of_hundred / 100]
    }

    /// What it sent, all of it acknowledged.
    pub fn finish(self) -> History {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("the well-behaved client sees no error")
    }
}
