//! When each record is due: settled before the first is sent, and never moved by what the broker does.
//!
//! Record `k` of a workload is due `k / rate` seconds after its start. Where a broker stalls, records that fall due
//! meanwhile wait, and their wait counts: their latency begins at their due time and not when there was room to send.
//! (The road not taken, Poisson arrivals, models independent clients better, and makes runs harder to compare.)
//!
//! Records are dealt over *lanes* in turn; a lane is one producer's way to one partition. So the records of a lane are
//! an arithmetic sequence, and a batch need only remember its first.

use std::ops::Range;

const NANOSECONDS: u128 = 1_000_000_000;

/// The due times of all records of a workload. Times are nanoseconds since the start of the run.
#[derive(Clone, Debug)]
pub struct Schedule {
    start: u64,
    rate: u64,
    lanes: u64,
    total: u64,
    taken: u64,
}

impl Schedule {
    /// `rate` records a second from `start` on, for so many seconds, over so many lanes.
    ///
    /// # Panics
    /// Where there is no rate or no lane.
    pub fn new(start: u64, rate: u64, seconds: f64, lanes: usize) -> Schedule {
        assert!(rate > 0 && lanes > 0, "a schedule has a rate and lanes");
        let total = (rate as f64 * seconds).round() as u64;
        Schedule { start, rate, lanes: lanes as u64, total, taken: 0 }
    }

    /// When a record is due.
    pub fn due(&self, record: u64) -> u64 {
        self.start + (u128::from(record) * NANOSECONDS / u128::from(self.rate)) as u64
    }

    /// When the next record is due that was not taken; nothing where all were.
    pub fn next_due(&self) -> Option<u64> {
        (self.taken < self.total).then(|| self.due(self.taken))
    }

    /// Takes the records that have fallen due by now.
    pub fn take(&mut self, now: u64) -> Range<u64> {
        let passed = u128::from(now.saturating_sub(self.start));
        let mut end = (passed * u128::from(self.rate) / NANOSECONDS) as u64;
        // The division rounds down, and so does `due`: look at the neighbour before believing either.
        while end < self.total && self.due(end) <= now {
            end += 1;
        }
        let start = self.taken;
        self.taken = end.min(self.total).max(start);
        start..self.taken
    }

    /// The lane that a record travels in.
    pub fn lane(&self, record: u64) -> usize {
        (record % self.lanes) as usize
    }

    /// The record that comes so many places behind another in the same lane.
    pub fn behind(&self, record: u64, places: u64) -> u64 {
        record + places * self.lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_fall_due_at_their_rate_and_never_again() {
        let mut schedule = Schedule::new(1_000, 1_000, 0.01, 3);
        assert_eq!(schedule.take(999), 0..0);
        assert_eq!(schedule.take(1_000), 0..1);
        assert_eq!(schedule.next_due(), Some(1_001_000));
        assert_eq!(schedule.take(1_000_999), 1..1);
        assert_eq!(schedule.take(3_001_000), 1..4);
        assert_eq!(schedule.take(u64::MAX), 4..10);
        assert_eq!((schedule.next_due(), schedule.take(u64::MAX)), (None, 10..10));
    }

    #[test]
    fn a_stall_moves_no_due_time() {
        let even = Schedule::new(0, 7_000, 1.0, 1);
        let mut stalled = even.clone();
        stalled.take(1_000_000);
        let late = stalled.take(500_000_000);
        assert!(late.clone().all(|record| stalled.due(record) == even.due(record)));
        // The first of them waited for the whole stall, the last for almost nothing.
        assert!(500_000_000 - stalled.due(late.start) > 498_000_000);
        assert!(500_000_000 - stalled.due(late.end - 1) < 150_000);
    }

    #[test]
    fn every_rate_takes_exactly_what_is_due() {
        for rate in [1, 3, 7, 999, 1_000_003] {
            let mut schedule = Schedule::new(5, rate, 1.0, 4);
            for step in 0..1_000 {
                let now = step * 1_234_567;
                let taken = schedule.take(now);
                assert!(taken.clone().all(|record| schedule.due(record) <= now));
                assert!(schedule.next_due().is_none_or(|due| due > now), "rate {rate}, step {step}");
            }
        }
    }

    #[test]
    fn lanes_are_dealt_in_turn() {
        let schedule = Schedule::new(0, 10, 1.0, 4);
        assert_eq!([0, 1, 4, 7].map(|record| schedule.lane(record)), [0, 1, 0, 3]);
        assert_eq!(schedule.lane(schedule.behind(3, 5)), 3);
    }
}
