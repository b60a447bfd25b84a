//! The wire codec against Kafka's schemas, against another implementation, and against strangers.

#[macro_use]
mod answers;

mod admin;
mod arbitrary;
mod corpus;
mod differential;
mod groups;
mod hostile;
mod mapping;
mod operate;
mod quotas;
mod schema;
mod shares;
mod streams;
mod telemetry;
