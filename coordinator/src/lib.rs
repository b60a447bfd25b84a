//! The batch coordinator of Apus: the ledger that decides offsets, the journal before it, snapshots of it.
//!
//! Everything here is a function of what it is told: no clock, no chance, no I/O.

pub mod command;
pub mod ledger;
pub mod snapshot;
