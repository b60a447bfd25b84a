//! Connections and the Kafka protocol: from bytes on a socket to the core's requests, and back.

pub mod conn;
pub mod listener;
pub mod session;
#[allow(unsafe_code)]
pub mod sys;
pub mod wire;
