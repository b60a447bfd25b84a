//! Log lines of the machines. Warnings have a rate: a stranger who is refused again and again writes a short log, and
//! the next line says how many others there were. Errors are never left out.

use std::time::Duration;

use apus_core::time::Instant;
use apus_core::turn::Level;

/// Warnings that may come at once: a start, or a bad minute, shows all it has.
const BURST: u32 = 20;
/// Afterwards, one in this time.
const PACE: Duration = Duration::from_secs(1);

/// The log of one core.
#[derive(Debug)]
pub struct Notes {
    /// Warnings that may come now.
    tokens: u32,
    /// When there will be, or was, one more.
    next_at: Instant,
    left_out: u64,
}

impl Default for Notes {
    fn default() -> Notes {
        Notes { tokens: BURST, next_at: Instant::default() + PACE, left_out: 0 }
    }
}

impl Notes {
    /// Writes a line, or counts it.
    pub fn note(&mut self, level: Level, text: &str, now: Instant) {
        match level {
            Level::Debug => tracing::debug!(target: "apus", "{text}"),
            Level::Info => tracing::info!(target: "apus", "{text}"),
            Level::Warn => match self.admit(now) {
                Some(0) => tracing::warn!(target: "apus", "{text}"),
                Some(others) => tracing::warn!(target: "apus", "{text} (and {others} other warnings before)"),
                None => tracing::debug!(target: "apus", "{text}"),
            },
            Level::Error => tracing::error!(target: "apus", "{text}"),
        }
    }

    /// Whether one more warning may be shown, and how many were left out before it.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        assert!(self.tokens <= BURST);
        while self.next_at <= now && self.tokens < BURST {
            self.tokens += 1;
            self.next_at = self.next_at + PACE;
        }
        if self.tokens == BURST {
            self.next_at = now + PACE;
        }
        match self.tokens.checked_sub(1) {
            Some(rest) => {
                self.tokens = rest;
                Some(std::mem::take(&mut self.left_out))
            }
            None => {
                self.left_out += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_with_the_next_line() {
        let mut notes = Notes::default();
        let start = Instant::default() + Duration::from_secs(3600);
        for _ in 0..BURST {
            assert_eq!(notes.admit(start), Some(0));
        }
        for _ in 0..1_000 {
            assert_eq!(notes.admit(start + PACE / 2), None);
        }
        assert_eq!(notes.admit(start + PACE), Some(1_000));
        assert_eq!(notes.admit(start + PACE), None);
        let later = start + Duration::from_secs(86_400);
        assert_eq!(notes.admit(later), Some(1));
        for _ in 1..BURST {
            assert_eq!(notes.admit(later), Some(0));
        }
        assert_eq!(notes.admit(later), None);
    }
}
