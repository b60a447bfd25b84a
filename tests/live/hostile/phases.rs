//! One kind of attack after another, and what each costs: the broker's memory, and the neighbour's patience.

use std::fs;

use super::neighbour::{Neighbour, WAITS, Wait};
use crate::broker::Broker;
use crate::history::History;
use crate::process::memory;

/// Records of the neighbour in a phase, at least: an attack goes on until there are so many.
const RECORDS_MIN: usize = 100;
/// What a phase may cost whatever it sends: buffers that are kept for the next one.
const GROWTH_BYTES: u64 = 48 << 20;
/// What a received byte may cost while it is decoded and answered: the shortest name takes eight bytes on the wire, and
/// an entry in each of four lists, some eighty bytes long, until its answer has left.
const GROWTH_FACTOR: u64 = 48;

/// The phases so far.
pub struct Phases {
    neighbour: Neighbour,
    process: u32,
}

impl Phases {
    /// Starts the neighbour.
    pub fn start(broker: &Broker) -> Phases {
        Phases { neighbour: Neighbour::start(broker), process: broker.process() }
    }

    /// Nobody attacks.
    pub fn quiet(&mut self) {
        // The first ones wait for the group.
        self.neighbour.wait(RECORDS_MIN);
        let from = self.neighbour.counts();
        self.neighbour.wait(from[Wait::Committed as usize] + 3 * RECORDS_MIN);
        println!("alone: {}", self.waits(from));
    }

    /// Attacks, again and again while the neighbour works; an attack tells how many bytes it sent.
    pub fn run(&mut self, name: &str, attack: impl FnMut() -> u64) {
        self.run_holding(name, 0, attack);
    }

    /// The same, where the broker may hold so much on behalf of whoever attacks.
    pub fn run_holding(&mut self, name: &str, held: u64, mut attack: impl FnMut() -> u64) {
        let before = memory(self.process, "VmRSS");
        fs::write(format!("/proc/{}/clear_refs", self.process), "5").expect("the peak can be forgotten");
        let from = self.neighbour.counts();
        let (mut sent, mut rounds) = (0, 0);
        while rounds == 0 || self.neighbour.counts()[0] < from[0] + RECORDS_MIN {
            sent = sent.max(attack());
            rounds += 1;
        }
        let grown = memory(self.process, "VmHWM").saturating_sub(before);
        println!(
            "{name}: {rounds} rounds of {} KiB; memory grew by {} KiB; {}",
            sent >> 10,
            grown >> 10,
            self.waits(from)
        );
        let bound = GROWTH_BYTES + held + GROWTH_FACTOR * sent;
        assert!(grown <= bound, "{name}: memory grew by {grown} bytes, and {sent} were sent");
    }

    /// How long the neighbour waited since then, for each thing that it waits for.
    fn waits(&self, from: [usize; 3]) -> String {
        let one = |wait: Wait| {
            let percentile = |of_hundred| self.neighbour.percentile(wait, from[wait as usize], of_hundred);
            format!("{wait:?} in {:?}, p99 {:?}", percentile(50), percentile(99))
        };
        format!("the neighbour's records: {}", WAITS.map(one).join("; "))
    }

    /// What the neighbour did.
    pub fn finish(self) -> History {
        self.neighbour.finish()
    }
}
