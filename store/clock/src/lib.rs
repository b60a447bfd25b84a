//! What the block cache measures its disk with: the system's monotonic clock.
//!
//! The crate that this one stands in for reads the processor's own counter, and finds out how fast that counts by
//! spinning for at least 20 ms before `main`: in every start of the broker, and of `apus version` too. The cache asks
//! for the time a few times per megabyte of its disk tier, and the kernel tells it in 20 ns. So the root manifest
//! patches this in: the same names, as far as the cache uses them, on the clock of the standard library.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

/// A moment, in nanoseconds since this process first asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment now.
    #[must_use]
    pub fn now() -> Instant {
        static FIRST: OnceLock<Moment> = OnceLock::new();
        let since = FIRST.get_or_init(Moment::now).elapsed();
        Instant(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time from an earlier moment to this one; nothing where that one is later.
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time since this moment.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }
}

/// A moment that threads share.
#[derive(Debug)]
pub struct Atomic(AtomicU64);

impl Atomic {
    /// Shares a moment.
    #[must_use]
    pub fn new(moment: Instant) -> Atomic {
        Atomic(AtomicU64::new(moment.0))
    }

    /// The moment that was stored last.
    pub fn load(&self, order: Ordering) -> Instant {
        Instant(self.0.load(order))
    }

    /// Stores a moment.
    pub fn store(&self, moment: Instant, order: Ordering) {
        self.0.store(moment.0, order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward() {
        let first = Instant::now();
        let shared = Atomic::new(first);
        std::thread::sleep(Duration::from_millis(2));
        assert!(first.elapsed() >= Duration::from_millis(2));
        let second = Instant::now();
        assert!(second > first && first.duration_since(second) == Duration::ZERO);
        shared.store(second, Ordering::Relaxed);
        assert_eq!(shared.load(Ordering::Relaxed), second);
    }
}
