//! How far away a store is: log-normal times, drawn from a seed.
//!
//! Stores have long tails, and a log-normal is the plainest distribution that has one: two quantiles are all of it.

use std::f64::consts::TAU;
use std::str::FromStr;
use std::time::Duration;

/// The 99th percentile of a standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_874_040_841;

/// A log-normal distribution of times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// Mean of the logarithm of the milliseconds.
    mu: f64,
    /// Its deviation.
    sigma: f64,
}

impl LogNormal {
    /// The distribution with these quantiles, in milliseconds.
    ///
    /// # Panics
    /// Where they are not positive and in order.
    #[must_use]
    pub fn from_quantiles(p50: f64, p99: f64) -> LogNormal {
        assert!(p50 > 0.0 && p99 >= p50, "{p50}:{p99} is no distribution");
        LogNormal { mu: p50.ln(), sigma: (p99 / p50).ln() / NORMAL_P99 }
    }

    /// One time.
    pub fn draw(&self, dice: &mut Dice) -> Duration {
        let milliseconds = (self.mu + self.sigma * dice.normal()).exp();
        // Past the tail of any store: a timer of hours would only hide that something is wrong.
        Duration::from_secs_f64((milliseconds / 1_000.0).min(60.0))
    }
}

impl FromStr for LogNormal {
    type Err = String;

    fn from_str(text: &str) -> Result<LogNormal, String> {
        let wrong = || format!("{text} is not MEDIAN:P99 in milliseconds, as in 60:200");
        let (p50, p99) = text.split_once(':').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
        let (p50, p99) = number(p50).zip(number(p99)).filter(|(p50, p99)| p99 >= p50).ok_or_else(wrong)?;
        Ok(LogNormal::from_quantiles(p50, p99))
    }
}

/// A stream of chance (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The stream `index` of a seed; streams of one seed have nothing to do with each other.
    #[must_use]
    pub fn new(seed: u64, index: u64) -> Dice {
        let mut dice = Dice { state: seed };
        let first = dice.next();
        Dice { state: first ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between 0, which it can be, and 1, which it cannot.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of the standard normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        let (one, other) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * one.ln()).sqrt() * (TAU * other).cos()
    }
}

/// The value below which a share of the sorted values lies; 0 of none.
#[must_use]
pub fn quantile(sorted: &[u64], share: f64) -> u64 {
    assert!((0.0..=1.0).contains(&share));
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, count: usize) -> Vec<u64> {
        let distance = LogNormal::from_str("60:200").expect("as in the help");
        let mut dice = Dice::new(seed, 0);
        let mut drawn: Vec<u64> = (0..count).map(|_| distance.draw(&mut dice).as_micros() as u64).collect();
        drawn.sort_unstable();
        drawn
    }

    #[test]
    fn quantiles_are_those_that_were_asked_for() {
        let drawn = drawn(7, 200_000);
        let near = |share, wanted: f64| (quantile(&drawn, share) as f64 / (wanted * 1_000.0) - 1.0).abs() < 0.03;
        assert!(near(0.5, 60.0), "p50 {}", quantile(&drawn, 0.5));
        assert!(near(0.99, 200.0), "p99 {}", quantile(&drawn, 0.99));
        // Its own formula: 60 * exp(-1.2816 * 0.5175).
        assert!(near(0.1, 30.9), "p10 {}", quantile(&drawn, 0.1));
    }

    #[test]
    fn a_seed_draws_the_same_again() {
        assert_eq!(drawn(3, 100), drawn(3, 100));
        assert_ne!(drawn(3, 100), drawn(4, 100));
        assert_ne!(Dice::new(3, 0).uniform().to_bits(), Dice::new(3, 1).uniform().to_bits());
    }

    #[test]
    fn quantiles_of_few() {
        assert_eq!(quantile(&[], 0.5), 0);
        assert_eq!(quantile(&[5], 0.99), 5);
        assert_eq!(quantile(&[1, 2, 3, 4], 0.5), 2);
        assert_eq!(quantile(&[1, 2, 3, 4], 1.0), 4);
    }

    #[test]
    fn what_is_no_distribution() {
        for wrong in ["", "60", "60:", "200:60", "0:1", "-1:2", "nan:1", "60:inf"] {
            assert!(LogNormal::from_str(wrong).is_err(), "{wrong}");
        }
    }
}
