//! The inbox under every interleaving that loom finds, with the weak memory that the language allows:
//! `RUSTFLAGS="--cfg loom" cargo test -p apus-core --test loom_inbox --release`
#![cfg(loom)]

use apus_core::inbox::{Bell, Inbox, bounded};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// The consumer's executor: a permit to run, and someone who waits for it.
#[derive(Default)]
struct Permit {
    given: Mutex<bool>,
    changed: Condvar,
}

impl Permit {
    fn wait(&self) {
        let mut given = self.given.lock().expect("no thread panics");
        while !*given {
            given = self.changed.wait(given).expect("no thread panics");
        }
        *given = false;
    }
}

struct Gong(Arc<Permit>);

impl Bell for Gong {
    fn ring(&self) {
        *self.0.given.lock().expect("no thread panics") = true;
        self.0.changed.notify_one();
    }
}

/// Takes so many messages; sleeps whenever there is none. A lost wake-up is a deadlock here, which loom reports.
fn take(inbox: &Inbox<(usize, usize)>, gong: &Permit, count: usize) -> Vec<(usize, usize)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match inbox.take() {
            Some(message) => taken.push(message),
            None if inbox.sleep() => {
                gong.wait();
                inbox.rise();
            }
            None => {}
        }
    }
    taken
}

/// Each producer puts its messages as a drain does: all of them, then one ring; what finds no room is kept and
/// offered again.
fn check(producers: usize, messages: usize, slots: usize) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let (sender, inbox) = bounded(slots, 1);
        let gong = Arc::new(Permit::default());
        inbox.hang_up(Gong(Arc::clone(&gong)));
        let threads: Vec<_> = (0..producers)
            .map(|producer| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for number in 0..messages {
                        while sender.offer((producer, number)).is_err() {
                            sender.ring();
                            thread::yield_now();
                        }
                    }
                    sender.ring();
                })
            })
            .collect();
        let taken = take(&inbox, &gong, producers * messages);
        for thread in threads {
            thread.join().expect("a producer ends");
        }
        for producer in 0..producers {
            let numbers: Vec<usize> = taken.iter().filter(|one| one.0 == producer).map(|one| one.1).collect();
            assert_eq!(numbers, (0..messages).collect::<Vec<_>>(), "order of producer {producer}");
        }
        assert_eq!(inbox.take(), None);
    });
}

#[test]
fn one_producer_loses_no_wake_up() {
    check(1, 2, 4);
}

#[test]
fn two_producers_lose_no_wake_up_and_keep_their_order() {
    check(2, 2, 8);
}

#[test]
fn a_full_inbox_gives_back_and_loses_nothing() {
    check(1, 3, 2);
}
