//! What the broker's process holds, look after look.

use std::thread;
use std::time::Instant as Moment;

use super::GLANCE;
use crate::broker::PATIENCE;
use crate::process::{descriptors, memory};

/// Descriptors that may come and go on the broker's own account: a segment, objects that are read, a scrape.
const DESCRIPTORS_SLACK: usize = 16;
/// What the least memory of the last third may be above that of the middle one: the places of what was produced
/// meanwhile, some hundred bytes for each batch, and fragments. The least, because an allocator gives memory back when it
/// likes to, and what leaks is never given back.
const GROWTH_BYTES_MAX: u64 = 16 << 20;
/// Looks of a third, at least: a machine that is busy makes fewer of them.
const THIRD_MIN: usize = 2;

/// The looks so far.
pub struct Looks {
    process: u32,
    /// Those of the clients that stay, and of nobody else.
    descriptors: usize,
    /// Bytes in memory, look by look.
    resident: Vec<u64>,
}

impl Looks {
    /// Nobody is there but those who stay; the strangers before them may be leaving.
    pub fn open(process: u32) -> Looks {
        Looks { process, descriptors: settled(process), resident: Vec::new() }
    }

    /// How many there were.
    pub fn count(&self) -> u32 {
        u32::try_from(self.resident.len()).expect("a few dozen")
    }

    /// Whether thirds can be told apart.
    pub fn is_enough(&self) -> bool {
        self.resident.len() >= 3 * THIRD_MIN
    }

    /// Looks, between two rounds.
    pub fn look(&mut self) {
        returns(self.process, self.descriptors);
        self.resident.push(memory(self.process, "VmRSS"));
    }

    /// Prints what was seen.
    pub fn report(&self) {
        let kib: Vec<u64> = self.resident.iter().map(|bytes| bytes >> 10).collect();
        let (files, now) = (self.descriptors, descriptors(self.process));
        println!("{files} descriptors at first, {now} at last; resident KiB, look by look: {kib:?}");
    }

    /// The last third needs no more than the middle one.
    pub fn verify(&self) {
        assert!(self.is_enough());
        let third = self.resident.len() / 3;
        let (rest, last) = self.resident.split_at(self.resident.len() - third);
        let (middle, last) = (least(&rest[rest.len() - third..]), least(last));
        println!("resident at least: {} KiB in the middle third, {} KiB in the last one", middle >> 10, last >> 10);
        assert!(last <= middle + GROWTH_BYTES_MAX, "memory grows: from {middle} to {last} bytes");
    }
}

/// Waits until no more descriptors are open than were at first.
pub fn returns(process: u32, first: usize) {
    let began = Moment::now();
    while descriptors(process) > first + DESCRIPTORS_SLACK {
        let now = descriptors(process);
        assert!(began.elapsed() < PATIENCE, "{now} descriptors are open, and were {first} at first");
        thread::sleep(GLANCE);
    }
}

/// The number of descriptors, once it has stopped to fall.
fn settled(process: u32) -> usize {
    let mut before = usize::MAX;
    loop {
        let now = descriptors(process);
        if now >= before {
            return before;
        }
        before = now;
        thread::sleep(10 * GLANCE);
    }
}

fn least(bytes: &[u64]) -> u64 {
    bytes.iter().copied().min().expect("there were looks")
}
