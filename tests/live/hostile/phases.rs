//! One kind of attack after another, and what each costs: the broker's memory, and the neighbour's patience.

use std::fs;
use std::time::Duration;

use super::neighbour::Neighbour;
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
    quiet: Duration,
}

impl Phases {
    /// Starts the neighbour.
    pub fn start(broker: &Broker) -> Phases {
        Phases { neighbour: Neighbour::start(broker), process: broker.process(), quiet: Duration::ZERO }
    }

    /// Nobody attacks.
    pub fn quiet(&mut self) {
        let from = self.neighbour.count();
        self.neighbour.wait(from + 3 * RECORDS_MIN);
        self.quiet = self.neighbour.percentile(from, 99);
        println!("alone: the neighbour's records take {:?}, p99 {:?}", self.neighbour.percentile(from, 50), self.quiet);
    }

    /// Attacks, again and again while the neighbour works; an attack tells how many bytes it sent.
    pub fn run(&mut self, name: &str, mut attack: impl FnMut() -> u64) {
        let before = memory(self.process, "VmRSS");
        fs::write(format!("/proc/{}/clear_refs", self.process), "5").expect("the peak can be forgotten");
        let from = self.neighbour.count();
        let (mut sent, mut rounds) = (0, 0);
        while rounds == 0 || self.neighbour.count() < from + RECORDS_MIN {
            sent = sent.max(attack());
            rounds += 1;
        }
        let grown = memory(self.process, "VmHWM").saturating_sub(before);
        let (median, slow) = (self.neighbour.percentile(from, 50), self.neighbour.percentile(from, 99));
        println!(
            "{name}: {rounds} rounds of {} KiB; memory grew by {} KiB; the neighbour's records took {median:?}, p99 \
             {slow:?} ({:?} alone)",
            sent >> 10,
            grown >> 10,
            self.quiet
        );
        let bound = GROWTH_BYTES + GROWTH_FACTOR * sent;
        assert!(grown <= bound, "{name}: memory grew by {grown} bytes, and {sent} were sent");
    }

    /// What the neighbour did.
    pub fn finish(self) -> History {
        self.neighbour.finish()
    }
}
