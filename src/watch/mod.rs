//! What a person or a machine sees of a running broker: one HTTP listener with the numbers, the health and the log level.
//!
//! - The cores count for themselves ([`apus_core::counters`]) and hand over a copy when somebody asks ([`desk`]): without
//!   a scrape, watching costs a core one look at a flag a drain, and no lock.
//! - [`view`] puts the copies under the names of [`table`], the only place that has any; `docs/metrics.md` says the same
//!   to people, and a test holds the two together.
//! - [`server`] answers on a thread of its own, so that a broker whose cores are stuck can still say so.
//!
//! On a crash nothing here is lost that was not counted anew anyway: all counters begin with the process.

pub mod bill;
pub mod desk;
pub mod log_filter;
pub mod page;
pub mod process;
pub mod report;
pub mod server;
pub mod table;
pub mod view;
