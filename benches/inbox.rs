//! Between cores: messages through an inbox, and the wake-up of one that sleeps.

mod fixture;

use std::hint::{black_box, spin_loop};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use apus_core::inbox::{Bell, Delivery, Inbox, InboxSender, bounded};
use apus_core::message::Message;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Bell for Unpark {
    fn ring(&self) {
        self.0.unpark();
    }
}

/// The next message, asleep until there is one.
fn wait(inbox: &Inbox<Delivery>) -> Delivery {
    loop {
        if let Some(message) = inbox.take() {
            return message;
        }
        if inbox.sleep() {
            thread::park();
            inbox.rise();
        }
    }
}

fn send(sender: &InboxSender<Delivery>, number: u64) {
    let mut message = Delivery::Message(Message::Resolved { flush: number });
    while let Err(back) = sender.offer(message) {
        message = back;
        spin_loop();
    }
}

/// Time for so many messages from another core, rung once for each `drain` of them.
fn across(messages: u64, drain: u64) -> Duration {
    let (sender, inbox) = bounded(1 << 14, 1 << 11);
    inbox.hang_up(Unpark(thread::current()));
    let producer = thread::spawn(move || {
        for number in 0..messages {
            send(&sender, number);
            if number % drain == drain - 1 || number == messages - 1 {
                sender.ring();
            }
        }
    });
    let started = Instant::now();
    (0..messages).for_each(|_| drop(black_box(wait(&inbox))));
    let took = started.elapsed();
    producer.join().expect("the producer ends");
    took
}

/// Time for so many questions to another core that sleeps, each answered before the next.
fn there_and_back(questions: u64) -> Duration {
    let ((ask, asked), (answer, answered)) = (bounded(64, 1), bounded(64, 1));
    answered.hang_up(Unpark(thread::current()));
    let other = thread::spawn(move || {
        asked.hang_up(Unpark(thread::current()));
        for number in 0..questions {
            drop(black_box(wait(&asked)));
            send(&answer, number);
            answer.ring();
        }
    });
    let started = Instant::now();
    for number in 0..questions {
        send(&ask, number);
        ask.ring();
        drop(black_box(wait(&answered)));
    }
    let took = started.elapsed();
    other.join().expect("the other core ends");
    took
}

fn offer_and_take(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("InboxSender::offer");
    group.throughput(Throughput::Elements(1));
    for drain in [1, 32] {
        group.bench_function(format!("rung once in {drain}"), |bencher| {
            bencher.iter_custom(|messages| across(messages, drain));
        });
    }
}

fn wake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("InboxSender::ring");
    group.throughput(Throughput::Elements(2));
    group.bench_function("a sleeper, there and back", |bencher| bencher.iter_custom(there_and_back));
}

criterion_group! { name = benches; config = fixture::criterion(); targets = offer_and_take, wake }
criterion_main!(benches);
