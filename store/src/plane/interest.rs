//! Whether packs that leave the hot tier are worth a copy into the block cache.
//!
//! A copy of every byte that is produced was a third of what a produce to a bucket cost (0.35 of 1.26 CPU s/GB: memory
//! that is touched anew, and a checksum), and nobody reads it where all consumers are at the end. So packs are copied
//! where there is a disk for them, or for as long as somebody reads old ones: the first of these reads goes to the
//! store, as it does after a start.

use std::sync::atomic::{AtomicU64, Ordering};

/// Packs that are copied after a block was asked for: four times the memory that the cache has by default.
const PACKS_AFTER_A_READ: u64 = 64;

/// How many more packs are worth it.
#[derive(Debug)]
pub(super) struct Interest {
    /// The cache has a disk: every pack is.
    always: bool,
    packs: AtomicU64,
}

impl Interest {
    pub(super) fn new(always: bool) -> Interest {
        Interest { always, packs: AtomicU64::new(0) }
    }

    /// Somebody asked for a block.
    pub(super) fn read(&self) {
        // Cores read often and packs leave rarely: the line stays shared while nothing changes.
        if self.packs.load(Ordering::Relaxed) != PACKS_AFTER_A_READ {
            self.packs.store(PACKS_AFTER_A_READ, Ordering::Relaxed);
        }
    }

    /// A pack leaves the hot tier: is it worth a copy?
    pub(super) fn takes(&self) -> bool {
        let one_less = |packs: u64| packs.checked_sub(1);
        self.always || self.packs.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_copied_while_old_ones_are_read() {
        let interest = Interest::new(false);
        assert!(!interest.takes(), "nobody has read yet");
        interest.read();
        interest.read();
        let taken = (0..2 * PACKS_AFTER_A_READ).filter(|_| interest.takes()).count() as u64;
        assert_eq!(taken, PACKS_AFTER_A_READ, "and then nobody reads any more");
        let disk = Interest::new(true);
        assert!((0..1_000).all(|_| disk.takes()));
    }
}
