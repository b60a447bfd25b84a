//! The local journal: the order of commands, made durable on this machine's disk.
//!
//! Segments are files of zeros that groups fill from the front, each group at a multiple of 4 KiB. Exactly one write
//! is in flight; commands that come meanwhile share the next group. What was computed at a position leaves when that
//! position is durable. [`format`] is the byte table.
//!
//! - A failed write ends the process: what the disk holds then is unknown, and is found out by the next start.
//! - A crash loses at most the group in flight, of which nothing was told to anybody.
//! - A full disk turns writes away before they are applied; reads go on.

pub mod format;
pub mod group;
pub mod recovery;
pub mod writer;

#[cfg(test)]
mod tests;

pub use format::{Author, GroupKind};
pub use group::Entry;
pub use recovery::{Corruption, Progress, Recovery, Tail};
pub use writer::{Claim, Completion, Journal, JournalLimits, Room};
