//! The object stores of Apus and the threads that talk to them.
//!
//! A core never waits for a store: it submits a [`apus_core::world::StoreRequest`] to the [`plane`] and gets its
//! ticket back with the reply. Behind the plane are two backends with the same semantics, an S3 bucket ([`s3`]) and
//! a directory ([`directory`]), one table that says what every observed outcome means and whether it is repeated
//! ([`retry`]), hedging of slow uploads ([`hedge`]) and a block cache in memory and on NVMe ([`cache`]).
//!
//! [`contract`] is the suite that any store has to pass, simulated ones included.

pub mod cache;
pub mod contract;
pub mod counters;
pub mod directory;
pub mod hedge;
pub mod plane;
pub mod retry;
pub mod s3;
#[cfg(feature = "testing")]
pub mod testing;

mod backend;
mod flight;
mod unusable;

pub use unusable::Unusable;
