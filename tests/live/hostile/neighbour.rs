//! A well-behaved client: one record after the other, each waited for until a group beside it has read it and committed
//! its offset.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant as Moment};

use apus_core::time::Rng;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};

use crate::broker::{Broker, PATIENCE};
use crate::history::History;
use crate::producer::{Producer, TOPIC};
use crate::record::Record;

/// How long the reader waits for a record before it looks whether that is all.
const POLL: Duration = Duration::from_millis(100);

/// What a client waits for.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// The acknowledgement of a record.
    Acknowledged,
    /// The record in its reader's hands, since it was sent.
    Read,
    /// The commit of its offset.
    Committed,
}

/// All of them.
pub const WAITS: [Wait; 3] = [Wait::Acknowledged, Wait::Read, Wait::Committed];

/// Two clients on threads of their own; an error of either ends the test.
pub struct Neighbour {
    shared: Arc<Shared>,
    writer: JoinHandle<History>,
    reader: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    took: Mutex<[Vec<Duration>; 3]>,
    more: Condvar,
    /// When each record was sent.
    sent: Mutex<Vec<Moment>>,
    ended: AtomicBool,
    /// How many records there are, once that is known.
    all: AtomicUsize,
}

impl Shared {
    fn took(&self) -> MutexGuard<'_, [Vec<Duration>; 3]> {
        self.took.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many records were acknowledged, read or committed.
    fn wait(&self, wait: Wait, count: usize) {
        let few = |took: &mut [Vec<Duration>; 3]| took[wait as usize].len() < count;
        let enough = self.more.wait_timeout_while(self.took(), PATIENCE, few);
        let (took, waited) = enough.unwrap_or_else(PoisonError::into_inner);
        let [written, read, committed] = WAITS.map(|wait| took[wait as usize].len());
        assert!(
            !waited.timed_out(),
            "the well-behaved client is stuck: {written} written, {read} read, {committed} committed of {count}"
        );
    }

    fn note(&self, wait: Wait, since: Moment) {
        self.took()[wait as usize].push(since.elapsed());
        self.more.notify_all();
    }
}

impl Neighbour {
    /// Starts both.
    pub fn start(broker: &Broker) -> Neighbour {
        let mut producer = Producer::new(broker, TOPIC, &[("linger.ms", "0")]);
        let shared = Arc::new(Shared::default());
        shared.all.store(usize::MAX, Ordering::Relaxed);
        let theirs = Arc::clone(&shared);
        let writer = thread::spawn(move || {
            let mut rng = Rng::new(1);
            while !theirs.ended.load(Ordering::Relaxed) {
                let number = producer.next();
                let began = Moment::now();
                theirs.sent.lock().unwrap_or_else(PoisonError::into_inner).push(began);
                producer.send(Record::sized(number, 100, &mut rng), None);
                producer.wait(number as usize + 1);
                theirs.note(Wait::Acknowledged, began);
                theirs.wait(Wait::Committed, number as usize + 1);
            }
            let history = producer.finish();
            assert_eq!(history.refusals, [""; 0], "the well-behaved client sees no error");
            history
        });
        let (bootstrap, theirs) = (broker.bootstrap(), Arc::clone(&shared));
        let reader = thread::spawn(move || {
            // The first record makes the topic.
            theirs.wait(Wait::Acknowledged, 1);
            read(&consumer(&bootstrap), &theirs);
        });
        Neighbour { shared, writer, reader }
    }

    /// How often each was waited for so far.
    pub fn counts(&self) -> [usize; 3] {
        assert!(!self.writer.is_finished() && !self.reader.is_finished(), "the well-behaved client gave up");
        let took = self.shared.took();
        WAITS.map(|wait| took[wait as usize].len())
    }

    /// Waits until so many records were committed.
    pub fn wait(&self, count: usize) {
        self.shared.wait(Wait::Committed, count);
    }

    /// How long one took, since the one of this number, in so many of a hundred cases at most.
    pub fn percentile(&self, wait: Wait, from: usize, of_hundred: usize) -> Duration {
        let mut took = self.shared.took()[wait as usize][from..].to_vec();
        took.sort_unstable();
        took.get(took.len().saturating_sub(1) * of_hundred / 100).copied().unwrap_or(Duration::MAX)
    }

    /// What it sent, all of it acknowledged, read and committed.
    pub fn finish(self) -> History {
        self.shared.ended.store(true, Ordering::Relaxed);
        let history = self.writer.join().expect("the well-behaved client sees no error");
        self.shared.all.store(history.sent.len(), Ordering::Relaxed);
        self.reader.join().expect("the well-behaved reader sees no error");
        history
    }
}

fn consumer(bootstrap: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "neighbour").set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "earliest").set("check.crcs", "true").set("fetch.wait.max.ms", "50");
    let consumer: BaseConsumer = config.create().expect("librdkafka takes the settings");
    consumer.subscribe(&[TOPIC]).expect("a topic can be subscribed to");
    consumer
}

/// Reads until all is read: every record once.
fn read(consumer: &BaseConsumer, shared: &Shared) {
    let mut seen = Vec::new();
    while seen.len() < shared.all.load(Ordering::Relaxed) {
        let Some(polled) = consumer.poll(POLL) else { continue };
        let message = polled.expect("the well-behaved reader sees no error");
        let number = Record::of(&message).number() as usize;
        let sent = shared.sent.lock().unwrap_or_else(PoisonError::into_inner)[number];
        shared.note(Wait::Read, sent);
        seen.push(number);
        let began = Moment::now();
        consumer.commit_message(&message, CommitMode::Sync).expect("the well-behaved reader may commit");
        shared.note(Wait::Committed, began);
    }
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..seen.len()), "each record is read once");
}
