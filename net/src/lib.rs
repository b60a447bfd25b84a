//! Connections and the Kafka protocol: from bytes on a socket to the core's requests, and back.

pub mod wire;
