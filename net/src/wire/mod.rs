//! The Kafka protocol as bytes: this is where versions live, and where they die.
//!
//! - `schema` declares every message once, as Kafka's own schemas do; structure, decoder and encoder come from the table.
//! - `value`, `reader`, `writer` and `versions` are what the tables are made of.
//! - `keys` is the one table of what is served; `header` reads and writes what stands before a body.
//!
//! Nothing in here does I/O, keeps state between frames, or panics on what a peer sends. Decoding borrows from the
//! frame and allocates in proportion to it; encoding writes a skeleton and splices records into it.

pub mod error;
pub mod header;
pub mod keys;
pub mod reader;
pub mod schema;
pub mod value;
pub mod versions;
pub mod writer;
