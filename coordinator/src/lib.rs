//! The batch coordinator of Apus: the ledger that decides offsets, the journal before it, snapshots of it.
//!
//! Everything here is a function of what it is told: no clock, no chance, no I/O.

pub mod boot;
pub mod command;
pub mod journal;
pub mod ledger;
pub mod machine;
pub mod owner;
pub mod reaper;
pub mod spill;
pub mod snapshot;
