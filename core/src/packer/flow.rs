//! How fast bytes come, so that a pack which is about to be full is waited for.
//!
//! A flush as soon as nothing is in flight, or something has just ended, serves whoever would wait for bytes that may
//! not come. Where they come so fast that the open pack is full before its linger is over, it serves nobody: the same
//! bytes travel in more flushes, each with its own cost, and the small ones of a directory store are written twice, in
//! the journal and by the spill. Such a pack is left to fill. Its contributors may stand at their windows before that,
//! and then it leaves at once (rule e); or stop for no reason that can be seen, and then it leaves with its linger.

use std::time::Duration;

use crate::time::Instant;

/// The rate is looked at so often: some drains of a busy broker, and a fraction of any linger.
const WINDOW: Duration = Duration::from_millis(4);

/// Bytes a second, over the last few windows.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Of the windows that are over.
    rate: u64,
    /// The window under way.
    began: Instant,
    bytes: u64,
}

impl Flow {
    /// Bytes came.
    pub fn came(&mut self, bytes: u64, now: Instant) {
        let elapsed = now - self.began;
        if elapsed >= WINDOW {
            self.rate = if elapsed >= 8 * WINDOW { 0 } else { (self.rate + a_second(self.bytes, elapsed)) / 2 };
            (self.began, self.bytes) = (now, 0);
        }
        self.bytes += bytes;
    }

    /// In how long so many bytes more will have come, if they go on to come like this.
    pub fn brings(&self, bytes: u64, now: Instant) -> Duration {
        let elapsed = now - self.began;
        let rate = if elapsed < WINDOW { self.rate } else { self.rate.min(a_second(self.bytes, elapsed)) };
        match (bytes.saturating_mul(1_000_000_000)).checked_div(rate) {
            Some(nanoseconds) => Duration::from_nanos(nanoseconds),
            None => Duration::MAX,
        }
    }
}

fn a_second(bytes: u64, elapsed: Duration) -> u64 {
    let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1_000_000_000) / nanoseconds
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A MiB each so many microseconds, for 40 ms.
    fn steady(pause_us: u64) -> (Flow, Instant) {
        let (mut flow, mut now) = (Flow::default(), Instant(1_000_000_000));
        let end = now.after_ms(40);
        while now < end {
            flow.came(MIB, now);
            now = now + Duration::from_micros(pause_us);
        }
        (flow, now)
    }

    #[test]
    fn a_stream_is_expected_to_go_on() {
        let (flow, now) = steady(2_000);
        let pause = flow.brings(4 * MIB, now);
        assert!((6..12).contains(&pause.as_millis()), "4 MiB at 512 MiB/s in {pause:?}");
        assert!(flow.brings(0, now).is_zero());
    }

    #[test]
    fn silence_is_believed_soon() {
        let (flow, now) = steady(2_000);
        let before = flow.brings(4 * MIB, now);
        let after = flow.brings(4 * MIB, now.after_ms(20));
        assert!(after > 4 * before, "{before:?}, and {after:?} after 20 ms of silence");
    }

    #[test]
    fn nothing_is_expected_of_the_first_bytes_nor_of_few() {
        let mut flow = Flow::default();
        let start = Instant(1_000_000_000);
        flow.came(MIB, start);
        assert_eq!(flow.brings(1, start), Duration::MAX);
        for second in 0..5 {
            flow.came(100, start.after_ms(1_000 * second));
            assert!(flow.brings(4 * MIB, start.after_ms(1_000 * second)) > Duration::from_secs(1));
        }
    }
}
