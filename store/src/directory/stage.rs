//! Memory that direct writes go through: aligned as a disk wants it, and kept, because fresh memory of this size costs
//! a page fault for each 4 KiB that is written.

use std::ops::{Deref, DerefMut};

use crossbeam::queue::ArrayQueue;

/// What memory, position and length of a direct write are multiples of: no block of a disk is larger.
pub(super) const ALIGNMENT: usize = 4 << 10;
/// Bytes of one direct write: they stay in a core's own cache.
pub(super) const STAGE_BYTES: usize = 512 << 10;
/// Stages that are kept: as many as uploads at once, by default.
const STAGES_KEPT: usize = 8;

/// Stages that nobody uses.
#[derive(Debug)]
pub(super) struct Stages(ArrayQueue<Stage>);

/// [`STAGE_BYTES`] of aligned memory, holding anything.
#[derive(Debug)]
pub(super) struct Stage {
    memory: Vec<u8>,
    start: usize,
}

impl Stages {
    pub(super) fn new() -> Stages {
        Stages(ArrayQueue::new(STAGES_KEPT))
    }

    /// One of those that are kept, or a new one.
    pub(super) fn take(&self) -> Stage {
        self.0.pop().unwrap_or_else(Stage::new)
    }

    /// Keeps it, where there are not enough.
    pub(super) fn give_back(&self, stage: Stage) {
        let _ = self.0.push(stage);
    }
}

impl Stage {
    fn new() -> Stage {
        let memory = vec![0; STAGE_BYTES + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        assert!(start <= ALIGNMENT);
        Stage { memory, start }
    }
}

impl Deref for Stage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + STAGE_BYTES]
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + STAGE_BYTES]
    }
}
