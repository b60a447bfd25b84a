//! When to send a slow upload a second time.
//!
//! A pure machine: it is told how long uploads took, and says after which delay a second copy of one is worth
//! sending (the p95 of its size class) and whether the budget allows it. Only plain PUTs are hedged: the key is used
//! for these bytes alone, so whichever copy lands first is right and the other one changes nothing.
//!
//! - At most one hedge in twenty uploads, with a burst of [`BURST`].
//! - None for [`QUIET`] after the store has asked for fewer requests: a hedge would be one more.
//! - None below [`DELAY_MIN`]: what a fast store loses to a hiccup is less than what the second copy costs.

use std::time::{Duration, Instant};

/// Latencies remembered for each size class; a p95 of fewer than a quarter of them is not trusted.
const SAMPLES: usize = 128;
/// Uploads that pay for one hedge: 5 %.
const UPLOADS_PER_HEDGE: u32 = 20;
/// Hedges that may be saved up.
const BURST: u32 = 4;
/// How long a 503 switches hedging off.
const QUIET: Duration = Duration::from_secs(30);
/// The shortest delay before a second copy.
const DELAY_MIN: Duration = Duration::from_millis(20);

/// The budget and the latencies of one store.
#[derive(Debug)]
pub struct Hedge {
    enabled: bool,
    classes: [Latencies; 3],
    /// In units of one upload; [`UPLOADS_PER_HEDGE`] of them buy a hedge.
    budget: u32,
    quiet_until: Option<Instant>,
}

impl Hedge {
    /// A machine that knows nothing yet; a disabled one never hedges.
    #[must_use]
    pub fn new(enabled: bool) -> Hedge {
        Hedge { enabled, classes: Default::default(), budget: 0, quiet_until: None }
    }

    /// An upload of this many bytes begins: the delay after which a second copy is worth its price, if any.
    pub fn begin(&mut self, now: Instant, bytes: u64) -> Option<Duration> {
        self.budget = (self.budget + 1).min(BURST * UPLOADS_PER_HEDGE);
        if !self.enabled || self.is_quiet(now) {
            return None;
        }
        self.classes[class(bytes)].p95().map(|delay| delay.max(DELAY_MIN))
    }

    /// The delay has passed: may the second copy be sent? Pays for it.
    pub fn spend(&mut self, now: Instant) -> bool {
        let allowed = self.enabled && !self.is_quiet(now) && self.budget >= UPLOADS_PER_HEDGE;
        if allowed {
            self.budget -= UPLOADS_PER_HEDGE;
        }
        allowed
    }

    /// One copy of an upload succeeded after so long.
    pub fn observe(&mut self, bytes: u64, took: Duration) {
        self.classes[class(bytes)].push(took);
    }

    /// The store asked for fewer requests.
    pub fn slow_down(&mut self, now: Instant) {
        self.quiet_until = Some(now + QUIET);
    }

    fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_until.is_some_and(|until| now < until)
    }
}

/// Small, middle and large uploads are not compared with each other.
fn class(bytes: u64) -> usize {
    match bytes {
        0..=0x1_0000 => 0,
        0x1_0001..=0x10_0000 => 1,
        _ => 2,
    }
}

/// The newest latencies, in microseconds.
#[derive(Debug, Default)]
struct Latencies {
    micros: Vec<u32>,
    next: usize,
}

impl Latencies {
    fn push(&mut self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        if self.micros.len() < SAMPLES {
            self.micros.push(micros);
        } else {
            self.micros[self.next] = micros;
            self.next = (self.next + 1) % SAMPLES;
        }
    }

    fn p95(&self) -> Option<Duration> {
        if self.micros.len() < SAMPLES / 4 {
            return None;
        }
        let mut sorted = self.micros.clone();
        let rank = sorted.len() * 95 / 100;
        let (_, p95, _) = sorted.select_nth_unstable(rank);
        Some(Duration::from_micros(u64::from(*p95)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: u64 = 4 << 20;

    fn learned() -> Hedge {
        let mut hedge = Hedge::new(true);
        for millis in 1..=100 {
            hedge.observe(LARGE, Duration::from_millis(millis));
        }
        hedge
    }

    #[test]
    fn the_delay_is_the_p95_of_the_size_class() {
        let mut hedge = learned();
        let now = Instant::now();
        assert_eq!(hedge.begin(now, LARGE), Some(Duration::from_millis(96)));
        assert_eq!(hedge.begin(now, 100), None, "nothing is known of small uploads");
        for _ in 0..SAMPLES {
            hedge.observe(LARGE, Duration::from_millis(2));
        }
        assert_eq!(hedge.begin(now, LARGE), Some(DELAY_MIN), "old latencies are forgotten");
    }

    #[test]
    fn one_in_twenty_is_hedged() {
        let mut hedge = learned();
        let now = Instant::now();
        let mut sent = 0;
        for _ in 0..1_000 {
            assert!(hedge.begin(now, LARGE).is_some());
            sent += u32::from(hedge.spend(now));
        }
        assert_eq!(sent, 50);
    }

    #[test]
    fn a_store_that_says_slow_down_gets_no_hedges() {
        let mut hedge = learned();
        let now = Instant::now();
        (0..40).for_each(|_| _ = hedge.begin(now, LARGE));
        hedge.slow_down(now);
        assert_eq!(hedge.begin(now, LARGE), None);
        assert!(!hedge.spend(now));
        assert!(hedge.spend(now + QUIET));
    }

    #[test]
    fn a_disabled_machine_never_hedges() {
        let mut hedge = Hedge::new(false);
        (0..SAMPLES).for_each(|_| hedge.observe(LARGE, Duration::from_millis(50)));
        assert_eq!(hedge.begin(Instant::now(), LARGE), None);
        assert!(!hedge.spend(Instant::now()));
    }
}
