//! How much was used lately: sums of windows, by Kafka's arithmetic.
//!
//! A window begins with the first use behind the end of the one before. What is older than all windows together is
//! forgotten. The rate is what is left over the time since the oldest began, and at least over all windows but one: so
//! whoever begins may use the quota of all of them at once.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

/// `quota.window.num` and `quota.window.size.seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How many are kept, at least 1.
    pub count: usize,
    /// How long each is, milliseconds, at least 1.
    pub size_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    since: Instant,
    last: Instant,
    sum: f64,
}

/// What one client, or several that share a quota, used.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    samples: VecDeque<Sample>,
    /// Everything since the meter came to be.
    total: f64,
}

impl Windows {
    fn all(self) -> Duration {
        Duration::from_millis(self.size_ms.saturating_mul(self.count as u64))
    }

    /// How much fits all windows but one, of so much a second.
    pub(super) fn most(self, bound: f64) -> f64 {
        bound * (self.count - 1) as f64 * self.size_ms as f64 / 1e3
    }
}

impl Meter {
    /// So much was used.
    pub(super) fn record(&mut self, amount: f64, now: Instant, windows: Windows) {
        self.purge(now, windows);
        self.total += amount;
        match self.samples.back_mut() {
            Some(sample) if now - sample.since < Duration::from_millis(windows.size_ms) => {
                sample.sum += amount;
                sample.last = now;
            }
            _ => self.samples.push_back(Sample { since: now, last: now, sum: amount }),
        }
        assert!(self.samples.len() <= windows.count + 1, "windows older than all of them were forgotten");
    }

    fn purge(&mut self, now: Instant, windows: Windows) {
        let all = windows.all();
        while self.samples.front().is_some_and(|sample| now - sample.last >= all) {
            self.samples.pop_front();
        }
    }

    /// How long whoever used it must rest for the rate to come down to the bound, milliseconds.
    pub(super) fn throttle_ms(&mut self, bound: f64, now: Instant, windows: Windows) -> u64 {
        assert!(bound > 0.0, "a bound is above zero");
        self.purge(now, windows);
        let Some(oldest) = self.samples.front() else { return 0 };
        let passed_ms = u64::try_from((now - oldest.since).as_millis()).unwrap_or(u64::MAX);
        let (full, wanted) = (passed_ms / windows.size_ms, windows.count as u64 - 1);
        let elapsed_ms = (passed_ms + wanted.saturating_sub(full) * windows.size_ms).max(1) as f64;
        let rate = self.samples.iter().map(|sample| sample.sum).sum::<f64>() / (elapsed_ms / 1e3);
        if rate <= bound { 0 } else { ((rate - bound) / bound * elapsed_ms).round() as u64 }
    }

    /// Nothing of it counts any more.
    pub(super) fn is_idle(&self, now: Instant, windows: Windows) -> bool {
        self.samples.back().is_none_or(|sample| now - sample.last >= windows.all())
    }

    /// Everything since it came to be.
    pub(super) fn total(&self) -> f64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, size_ms: 1_000 };

    fn at(milliseconds: u64) -> Instant {
        Instant(0).after_ms(milliseconds)
    }

    #[test]
    fn whoever_begins_may_use_all_windows_but_one() {
        let mut meter = Meter::default();
        meter.record(1_000.0, at(0), WINDOWS);
        assert_eq!(meter.throttle_ms(100.0, at(0), WINDOWS), 0, "1,000 in ten seconds is 100 a second");
        meter.record(500.0, at(0), WINDOWS);
        // 150 a second where 100 are allowed: half as long again as the ten seconds that count.
        assert_eq!(meter.throttle_ms(100.0, at(0), WINDOWS), 5_000);
        assert_eq!(WINDOWS.most(100.0).to_bits(), 1_000_f64.to_bits());
    }

    #[test]
    fn rest_is_worth_what_kafka_says() {
        let mut meter = Meter::default();
        meter.record(1_500.0, at(0), WINDOWS);
        assert_eq!(meter.throttle_ms(100.0, at(999), WINDOWS), 15_000 - 10_999);
        assert_eq!(meter.throttle_ms(100.0, at(10_500), WINDOWS), 4_500, "eleven windows have passed by then");
        assert!(meter.is_idle(at(11_000), WINDOWS) && !meter.is_idle(at(10_999), WINDOWS));
        assert_eq!(meter.throttle_ms(100.0, at(11_000), WINDOWS), 0, "what is older than all windows is forgotten");
    }

    #[test]
    fn a_steady_rate_within_the_bound_is_never_throttled() {
        let mut meter = Meter::default();
        for second in 0..100 {
            meter.record(99.0, at(1_000 * second), WINDOWS);
            assert_eq!(meter.throttle_ms(110.0, at(1_000 * second), WINDOWS), 0);
        }
        assert_eq!(meter.total().to_bits(), 9_900_f64.to_bits());
        assert!(meter.samples.len() <= 12);
    }

    #[test]
    fn one_window_is_enough() {
        let windows = Windows { count: 1, size_ms: 1_000 };
        let mut meter = Meter::default();
        meter.record(200.0, at(0), windows);
        assert!(meter.throttle_ms(100.0, at(500), windows) > 0);
        assert_eq!(meter.throttle_ms(100.0, at(1_000), windows), 0);
    }
}
