//! A core's inbox: where other cores and the store plane put what is for it.
//!
//! Bounded, many producers, one consumer. A producer *offers* what it has and *rings* once at the end of its drain;
//! the bell wakes a core that sleeps and costs one load for a core that does not. The bell is the shell's: nothing
//! here knows an executor.
//!
//! Invariants:
//! - **No lost wake-up.** A consumer announces that it sleeps, then looks once more; a producer puts, then looks
//!   whether the consumer sleeps. Between each pair stands a sequentially consistent fence, so at least one of the
//!   two sees the other (`tests/loom_inbox.rs` walks the interleavings).
//! - **Order.** What one producer puts is taken in the order in which it was put.
//! - **Nothing is lost.** An offer that finds no room gives the message back, and the sender keeps it, in order, for
//!   its next drain. A reply cannot be offered twice by a thread that has other work, so [`REPLIES_MAX`] slots are
//!   kept free for replies: who asks the store counts what it asked, and asks no more than that at a time.

use std::sync::OnceLock;

use crossbeam::utils::CachePadded;

use crate::ids::Ticket;
use crate::limits::{CORES_MAX, INBOX_MESSAGES};
use crate::message::Message;
use crate::world::StoreReply;

#[cfg(not(loom))]
use crossbeam::queue::ArrayQueue as Ring;
#[cfg(not(loom))]
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering, fence},
};

#[cfg(loom)]
use loom::sync::{
    Arc,
    atomic::{AtomicBool, Ordering, fence},
};
#[cfg(loom)]
use model::Ring;

/// Requests of one core that the store may have under way: so many slots of its inbox are kept for the replies.
pub const REPLIES_MAX: usize = 1_024;

/// Between looking for room and taking it, each other core may take one slot: these many are kept besides.
const RACE_SLOTS: usize = CORES_MAX;

const _: () = assert!(REPLIES_MAX + RACE_SLOTS < INBOX_MESSAGES / 2);

/// What arrives at a core from outside.
#[derive(Debug)]
pub enum Delivery {
    /// From a machine on another core.
    Message(Message),
    /// The store answered this core.
    Stored {
        /// The request's ticket.
        ticket: Ticket,
        /// The end of it.
        reply: StoreReply,
    },
}

/// Wakes a core that sleeps. Called from other threads, at most once for each time that the core fell asleep, nudges
/// apart.
pub trait Bell: Send + Sync + 'static {
    /// Wakes it.
    fn ring(&self);
}

/// The consumer's end; there is one.
pub struct Inbox<T> {
    shared: Arc<Shared<T>>,
}

/// A producer's end.
pub struct InboxSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for InboxSender<T> {
    fn clone(&self) -> InboxSender<T> {
        InboxSender { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<T> {
    ring: Ring<T>,
    /// Offers leave so many slots free.
    kept: usize,
    sleeping: CachePadded<AtomicBool>,
    bell: OnceLock<Box<dyn Bell>>,
}

/// An inbox as a core has it: [`INBOX_MESSAGES`] slots, [`REPLIES_MAX`] of them for replies.
#[must_use]
pub fn core_inbox() -> (InboxSender<Delivery>, Inbox<Delivery>) {
    bounded(INBOX_MESSAGES, REPLIES_MAX + RACE_SLOTS)
}

/// An inbox of so many slots, of which offers leave `kept` free.
#[must_use]
pub fn bounded<T>(slots: usize, kept: usize) -> (InboxSender<T>, Inbox<T>) {
    assert!(kept < slots, "an inbox of {slots} slots that keeps {kept} takes nothing");
    let sleeping = CachePadded::new(AtomicBool::new(false));
    let shared = Arc::new(Shared { ring: Ring::new(slots), kept, sleeping, bell: OnceLock::new() });
    (InboxSender { shared: Arc::clone(&shared) }, Inbox { shared })
}

impl<T> InboxSender<T> {
    /// Puts a message; given back where there is no room now. Wakes nobody: [`InboxSender::ring`] does.
    ///
    /// # Errors
    /// The message itself, for the sender's next drain.
    pub fn offer(&self, message: T) -> Result<(), T> {
        if self.shared.ring.len() + self.shared.kept >= self.shared.ring.capacity() {
            return Err(message);
        }
        self.shared.ring.push(message)
    }

    /// Puts a reply into the slot that its asker kept for it, and wakes the asker.
    ///
    /// # Panics
    /// Where nobody kept a slot: more than [`REPLIES_MAX`] requests were under way.
    pub fn reply(&self, reply: T) {
        let put = self.shared.ring.push(reply).is_ok();
        assert!(put, "a reply without a slot: the asker had too many requests under way");
        self.ring();
    }

    /// Wakes the consumer if it sleeps. Once at the end of a drain, after everything that was offered.
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        let sleeping = &self.shared.sleeping;
        // The load keeps the line shared while the core is busy; of several that see it asleep, one rings.
        if sleeping.load(Ordering::Relaxed)
            && sleeping.swap(false, Ordering::AcqRel)
            && let Some(bell) = self.shared.bell.get()
        {
            bell.ring();
        }
    }
}

impl<T> InboxSender<T> {
    /// Rings whether the consumer sleeps or not: for who doubts that it does what it says.
    pub fn nudge(&self) {
        if let Some(bell) = self.shared.bell.get() {
            bell.ring();
        }
    }
}

impl<T> Inbox<T> {
    /// Hangs up the bell; once, before the first sleep.
    ///
    /// # Panics
    /// Where there is one already.
    pub fn hang_up(&self, bell: impl Bell) {
        assert!(self.shared.bell.set(Box::new(bell)).is_ok(), "an inbox has one bell");
    }

    /// The next message.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.shared.ring.pop()
    }

    /// How many messages wait, about.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.ring.len()
    }

    /// Announces that the consumer sleeps. False, and nothing is announced, where something has arrived: drain first.
    /// Whatever else would keep the consumer awake is to be looked at after this, then [`Inbox::rise`] if it does.
    #[must_use]
    pub fn sleep(&self) -> bool {
        assert!(self.shared.bell.get().is_some(), "who sleeps without a bell sleeps for ever");
        // A swap, as the bell's: all changes of the flag then have one order that everybody who reads it agrees on.
        self.shared.sleeping.swap(true, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        if self.shared.ring.is_empty() {
            return true;
        }
        self.rise();
        false
    }

    /// The consumer is awake, whoever woke it.
    pub fn rise(&self) {
        self.shared.sleeping.swap(false, Ordering::AcqRel);
    }
}

/// The queue as the model checker sees it: slots with stamps, like crossbeam's, on atomics whose orderings loom
/// explores. It promises no more than crossbeam's does.
#[cfg(loom)]
mod model {
    use loom::sync::Mutex;
    use loom::sync::atomic::{AtomicUsize, Ordering};

    struct Slot<T> {
        stamp: AtomicUsize,
        value: Mutex<Option<T>>,
    }

    pub struct Ring<T> {
        head: AtomicUsize,
        tail: AtomicUsize,
        slots: Vec<Slot<T>>,
    }

    impl<T> Ring<T> {
        pub fn new(slots: usize) -> Ring<T> {
            let slot = |stamp| Slot { stamp: AtomicUsize::new(stamp), value: Mutex::new(None) };
            Ring { head: AtomicUsize::new(0), tail: AtomicUsize::new(0), slots: (0..slots).map(slot).collect() }
        }

        pub fn capacity(&self) -> usize {
            self.slots.len()
        }

        pub fn len(&self) -> usize {
            let tail = self.tail.load(Ordering::Acquire);
            tail.saturating_sub(self.head.load(Ordering::Acquire))
        }

        pub fn is_empty(&self) -> bool {
            let head = self.head.load(Ordering::Relaxed);
            self.slots[head % self.slots.len()].stamp.load(Ordering::Acquire) != head + 1
        }

        pub fn push(&self, value: T) -> Result<(), T> {
            let mut tail = self.tail.load(Ordering::Relaxed);
            loop {
                let slot = &self.slots[tail % self.slots.len()];
                let stamp = slot.stamp.load(Ordering::Acquire);
                if stamp == tail {
                    match self.tail.compare_exchange(tail, tail + 1, Ordering::Relaxed, Ordering::Relaxed) {
                        Ok(_) => {
                            *slot.value.lock().expect("no model thread panics") = Some(value);
                            slot.stamp.store(tail + 1, Ordering::Release);
                            return Ok(());
                        }
                        Err(now) => tail = now,
                    }
                } else if stamp < tail {
                    return Err(value);
                } else {
                    loom::thread::yield_now();
                    tail = self.tail.load(Ordering::Relaxed);
                }
            }
        }

        pub fn pop(&self) -> Option<T> {
            if self.is_empty() {
                return None;
            }
            let head = self.head.load(Ordering::Relaxed);
            let slot = &self.slots[head % self.slots.len()];
            let value = slot.value.lock().expect("no model thread panics").take();
            slot.stamp.store(head + self.slots.len(), Ordering::Release);
            self.head.store(head + 1, Ordering::Release);
            value
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Count(Arc<AtomicUsize>);

    impl Bell for Count {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn inbox(slots: usize, kept: usize) -> (InboxSender<u32>, Inbox<u32>, Arc<AtomicUsize>) {
        let (sender, inbox) = bounded(slots, kept);
        let rung = Arc::new(AtomicUsize::new(0));
        inbox.hang_up(Count(Arc::clone(&rung)));
        (sender, inbox, rung)
    }

    #[test]
    fn an_offer_without_room_comes_back_and_a_reply_still_fits() {
        let (sender, inbox, _) = inbox(4, 2);
        assert_eq!([sender.offer(1), sender.offer(2), sender.offer(3)], [Ok(()), Ok(()), Err(3)]);
        sender.reply(4);
        sender.reply(5);
        assert_eq!([inbox.take(), inbox.take(), inbox.take(), inbox.take()], [Some(1), Some(2), Some(4), Some(5)]);
        assert_eq!(sender.offer(3), Ok(()));
    }

    #[test]
    fn only_a_sleeper_is_rung_and_only_once() {
        let (sender, inbox, rung) = inbox(4, 1);
        sender.ring();
        assert_eq!(rung.load(Ordering::Relaxed), 0);
        assert!(inbox.sleep());
        assert_eq!(sender.offer(1), Ok(()));
        sender.ring();
        sender.clone().ring();
        assert_eq!(rung.load(Ordering::Relaxed), 1);
        assert!(!inbox.sleep(), "something waits");
        assert_eq!(inbox.take(), Some(1));
        assert!(inbox.sleep());
        inbox.rise();
        sender.ring();
        assert_eq!(rung.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_delivery_stays_small() {
        // All slots of an inbox are allocated at start: INBOX_MESSAGES of these.
        assert!(size_of::<Delivery>() <= 128, "{}", size_of::<Delivery>());
    }
}
