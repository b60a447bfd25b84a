//! Connections and the Kafka protocol: from bytes on a socket to the core's requests, and back.

pub mod conn;
pub mod listener;
#[allow(unsafe_code)]
pub mod session;
pub mod sys;
pub mod wire;
