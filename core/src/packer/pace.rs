//! How often small objects may be written: a bucket of tokens, and thrift once it has run dry.
//!
//! The bucket holds a second's worth of `put_rate_max` and fills at that rate. Thrift is what keeps one producer with
//! a few requests in flight at full speed under a low rate. Say its window of five has fallen into a group of one and
//! a group of four, each 60 ms on its way, and the bucket gives a token each 50 ms: spending every token as it comes
//! makes each group wait for its own, 100 ms a round, and the producer runs at 60 % of what its window allows, for
//! ever. Holding the first group back for the few milliseconds until the second returns merges them: one token a
//! round, 60 ms a round. So, from the moment the bucket is empty until it is full again, a flush also waits until its
//! contributors have everything that they can have outstanding in it, or until the newest upload ought to be back.
//! Where uploads take far longer than a token, groups overlap well enough, and nothing is held.

use std::time::Duration;

use crate::time::Instant;

/// A hold of more than so many tokens' time gains nothing.
const HOLD_TOKENS_MAX: u32 = 4;

/// The bucket and what it has learned of uploads.
#[derive(Debug)]
pub(super) struct Pace {
    /// Time in which one token comes.
    interval: Duration,
    /// Time in which an empty bucket fills: its size.
    fill: Duration,
    /// When the bucket is full again.
    full_at: Instant,
    /// The bucket ran empty and has not been full since.
    thrifty: bool,
    /// How long uploads take, smoothed; zero is unknown.
    upload: Duration,
    /// When the newest upload began.
    began: Instant,
}

impl Pace {
    /// A full bucket.
    pub fn new(put_rate_max: u32) -> Pace {
        let rate = put_rate_max.max(1);
        let interval = Duration::from_secs(1) / rate;
        let (full_at, began) = (Instant::default(), Instant::default());
        Pace { interval, fill: interval * rate, full_at, thrifty: false, upload: Duration::ZERO, began }
    }

    /// Spends a token, or says when to ask again.
    pub fn spend(&mut self, now: Instant, gathered: bool) -> Result<(), Instant> {
        if self.full_at <= now {
            self.thrifty = false;
        }
        let token_at = self.token_at();
        if now < token_at {
            self.thrifty = true;
            return Err(token_at);
        }
        let held_until = self.began + self.hold();
        if self.thrifty && !gathered && now < held_until {
            return Err(held_until);
        }
        self.full_at = self.full_at.max(now) + self.interval;
        self.thrifty |= now < self.token_at();
        Ok(())
    }

    /// An upload begins.
    pub fn upload_began(&mut self, now: Instant) {
        self.began = now;
    }

    /// An upload ended well.
    pub fn upload_ended(&mut self, took: Duration) {
        self.upload = if self.upload.is_zero() { took } else { (self.upload * 7 + took) / 8 };
    }

    /// When there is a token: the bucket then lacks all but one.
    fn token_at(&self) -> Instant {
        Instant((self.full_at + self.interval).0.saturating_sub(self.fill.as_nanos() as u64))
    }

    fn hold(&self) -> Duration {
        let hold = self.upload * 3 / 2;
        if hold <= self.interval * HOLD_TOKENS_MAX { hold } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_tokens_at_once_then_one_at_a_time() {
        let mut pace = Pace::new(20);
        let start = Instant(5_000_000_000);
        for _ in 0..20 {
            assert_eq!(pace.spend(start, true), Ok(()));
        }
        assert_eq!(pace.spend(start, true), Err(start.after_ms(50)));
        assert_eq!(pace.spend(start.after_ms(49), true), Err(start.after_ms(50)));
        assert_eq!(pace.spend(start.after_ms(50), true), Ok(()));
        assert_eq!(pace.spend(start.after_ms(50), true), Err(start.after_ms(100)));
    }

    #[test]
    fn an_empty_bucket_makes_thrifty_until_it_is_full() {
        let mut pace = Pace::new(2);
        let start = Instant(5_000_000_000);
        pace.upload_ended(Duration::from_millis(100));
        for _ in 0..2 {
            pace.spend(start, false).expect("a full bucket");
        }
        pace.upload_began(start.after_ms(500));
        assert_eq!(pace.spend(start.after_ms(500), false), Err(start.after_ms(650)));
        assert_eq!(pace.spend(start.after_ms(650), false), Ok(()));
        pace.upload_began(start.after_ms(1100));
        assert_eq!(pace.spend(start.after_ms(1100), false), Err(start.after_ms(1250)));
        assert_eq!(pace.spend(start.after_ms(1100), true), Ok(()));
        pace.upload_began(start.after_ms(9000));
        assert_eq!(pace.spend(start.after_ms(9000), false), Ok(()));
    }

    #[test]
    fn slow_uploads_are_not_waited_for() {
        let mut pace = Pace::new(2);
        let start = Instant(5_000_000_000);
        pace.upload_ended(Duration::from_secs(3));
        for _ in 0..2 {
            pace.spend(start, false).expect("a full bucket");
        }
        pace.upload_began(start.after_ms(500));
        assert_eq!(pace.spend(start.after_ms(500), false), Ok(()));
    }
}
