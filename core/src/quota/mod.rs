//! Quotas of clients: whom they are for, what they bound, and how much of them is used.
//!
//! What is set stands in the ledger and in every core's [`catalog`](crate::catalog). What is used each core measures in
//! [`Meters`] of its own, and tells the others.

mod entity;
mod key;
mod meter;
mod meters;

pub use entity::{EntityName, QuotaEntity};
pub use key::{Bound, QuotaKey, Quotas, alter_quotas};
pub use meter::Windows;
pub use meters::{Client, MeterKey, Meters, QuotaUse};
