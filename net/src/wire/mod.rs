//! The Kafka protocol as bytes: this is where versions live, and where they die.
//!
//! - `schema` declares every message once, as Kafka's own schemas do; structure, decoder and encoder come from the table.
//! - `value`, `reader`, `writer` and `versions` are what the tables are made of.
//! - `keys` is the one table of what is served; `header` reads and writes what stands before a body.
//! - `request` and `response` are the way in and out: between frames and the core's version-free words, with one file
//!   for each family of messages in which all that a version means is resolved. `error` knows the numbers of refusals.
//! - `api_versions` answers what the session answers itself; `client` is the other side of the wire.
//!
//! Nothing in here does I/O, keeps state between frames, or panics on what a peer sends. Decoding borrows from the
//! frame and allocates in proportion to it; encoding writes a skeleton and splices records into it.

pub mod api_versions;
pub mod client;
pub mod error;
pub mod header;
pub mod keys;
pub mod reader;
pub mod request;
pub mod response;
pub mod schema;
pub mod value;
pub mod versions;
pub mod writer;

mod alter_configs;
mod client_quotas;
mod configs;
mod consumer_groups;
mod delete_records;
mod fetch;
mod group_admin;
mod group_offsets;
mod groups;
mod logs;
mod metadata;
mod offsets;
mod operations;
mod partitions;
mod produce;
mod producer_id;
mod quorum;
mod replicas;
mod share_fetch;
mod share_groups;
mod streams_groups;
mod telemetry;
mod topic;
mod topics;

pub use request::{Call, decode_request};
pub use response::{Encoded, encode_response, encode_throttled};
