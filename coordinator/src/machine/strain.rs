//! What a ledger that fills up means for producers.
//!
//! Up to nine tenths of a cap: nothing. From there on the packer is asked for a pause between rounds of flushes, the
//! longer the fuller: extents come slower, each holds more, and clients stand at their windows until retention has
//! come around. At the cap, produce is refused with KAFKA_STORAGE_ERROR, which clients retry. One line says when it
//! begins to be tight, one when it is full, and one when there is room again, which is well below, so that a ledger
//! that stays near its cap does not chatter.

use apus_core::limits;
use apus_core::message::Message;
use apus_core::turn::{Level, Turn};

use super::PACKER;
use super::leader::Leader;
use crate::ledger::Pressure;

/// Thousandths of a cap from which on producers are slowed down.
const NEAR: u64 = 900;
/// Thousandths of a cap below which it is no longer worth a thought.
const CALM: u64 = 850;
const FULL: u64 = 1_000;

/// What the ledger may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Live extents, at most [`limits::EXTENTS_MAX`].
    pub extents: u64,
    /// Live producers over all partitions, at most [`limits::PRODUCERS_MAX`].
    pub producers: u64,
}

impl Default for Caps {
    fn default() -> Caps {
        Caps { extents: limits::EXTENTS_MAX, producers: limits::PRODUCERS_MAX }
    }
}

impl Caps {
    /// Thousandths of the cap that is nearer.
    fn reached(&self, pressure: &Pressure) -> u64 {
        assert!((1..=limits::EXTENTS_MAX).contains(&self.extents));
        assert!((1..=limits::PRODUCERS_MAX).contains(&self.producers));
        (pressure.extents * FULL / self.extents).max(pressure.producers * FULL / self.producers)
    }
}

/// How near it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Calm,
    Near,
    Full,
}

/// What was told of it last.
#[derive(Debug, Default)]
pub(crate) struct Strain {
    stage: Stage,
    pause_ms: u64,
}

/// The pause between rounds of flushes at so many thousandths of a cap: nothing, then 20 ms more with each of them.
fn pause_ms(reached: u64) -> u64 {
    let above = (reached.min(FULL) + 1).saturating_sub(NEAR);
    above * limits::THROTTLE_PAUSE_MS_MAX / (FULL + 1 - NEAR)
}

impl Strain {
    /// The stage that follows; it falls only where there is room again.
    fn next(&self, reached: u64) -> Stage {
        match reached {
            FULL.. => Stage::Full,
            NEAR.. => self.stage.max(Stage::Near),
            CALM.. => self.stage,
            _ => Stage::Calm,
        }
    }
}

impl Leader {
    /// Says to the packer and to the log what has changed.
    pub(crate) fn advance_strain(&mut self, turn: &mut Turn) {
        let pressure = self.ledger.pressure();
        let reached = self.config.caps.reached(&pressure);
        let pause_ms = pause_ms(reached);
        if pause_ms != self.strain.pause_ms {
            self.strain.pause_ms = pause_ms;
            turn.send(PACKER, Message::Throttle { pause_ms });
        }
        let stage = self.strain.next(reached);
        if stage == self.strain.stage {
            return;
        }
        self.strain.stage = stage;
        let Caps { extents, producers } = self.config.caps;
        let counts = format!(
            "{} of at most {extents} extents, {} of at most {producers} producers",
            pressure.extents, pressure.producers
        );
        let (level, text) = match stage {
            Stage::Calm => (Level::Info, format!("the ledger has room again: {counts}")),
            Stage::Near => (
                Level::Warn,
                format!("the ledger is nearly full, producers are slowed down until records expire: {counts}"),
            ),
            Stage::Full => (
                Level::Error,
                format!("the ledger is full, produce is refused until records expire or topics are deleted: {counts}"),
            ),
        };
        turn.note(level, text);
    }

    /// At its caps the ledger takes no more extents or producers.
    pub(crate) fn is_full(&self) -> bool {
        self.config.caps.reached(&self.ledger.pressure()) >= FULL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_from_nine_tenths_on() {
        assert_eq!((pause_ms(0), pause_ms(NEAR - 1)), (0, 0));
        assert!(pause_ms(NEAR) > 0);
        assert!((NEAR..FULL).all(|reached| pause_ms(reached) < pause_ms(reached + 1)));
        assert_eq!(pause_ms(FULL), limits::THROTTLE_PAUSE_MS_MAX);
        assert_eq!(pause_ms(FULL + 7), limits::THROTTLE_PAUSE_MS_MAX);
    }

    #[test]
    fn each_stage_is_told_once_until_there_is_room_again() {
        let mut strain = Strain::default();
        let mut told = Vec::new();
        for reached in [0, 899, 900, 899, 901, 1_000, 999, 1_000, 950, 1_000, 860, 900, 1_000, 849, 860, 900] {
            let stage = strain.next(reached);
            if stage != strain.stage {
                told.push((reached, stage));
                strain.stage = stage;
            }
        }
        let expected = [(900, Stage::Near), (1_000, Stage::Full), (849, Stage::Calm), (900, Stage::Near)];
        assert_eq!(told, expected);
    }
}
