//! Time and chance as values: a machine is told the time and draws from a stream that the shell seeded.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Monotonic time since the start of the process (or of the simulation), in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// An instant that never comes.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// This instant and so many milliseconds.
    #[must_use]
    pub fn after_ms(self, milliseconds: u64) -> Instant {
        Instant(self.0.saturating_add(milliseconds.saturating_mul(1_000_000)))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Milliseconds since 1970, as Kafka counts them. It may step; nothing but timestamps and retention reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

/// A stream of chance: SplitMix64, whose whole state is one word, so a seed in a log line replays it.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// Where the stream stands: [`Rng::new`] of it goes on from here.
    #[must_use]
    pub fn state(&self) -> u64 {
        self.0
    }

    /// 64 even bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 128 even bits.
    pub fn bits128(&mut self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }

    /// A number in `0..bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number below zero");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// True once in `one_in` draws.
    pub fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    /// A stream of its own, for a part that must not disturb this one's order.
    pub fn fork(&mut self) -> Rng {
        Rng(self.bits())
    }
}
