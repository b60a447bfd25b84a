//! The pure machines of Apus and the seam between decisions and the world.
//!
//! Nothing here waits, reads a clock, draws chance, opens a file or knows a socket: see [`turn`].

pub mod api;
pub mod batch;
pub mod catalog;
pub mod config;
pub mod counters;
pub mod error;
pub mod extent;
pub mod features;
pub mod footer;
pub mod front;
pub mod group_message;
pub mod hot;
pub mod ids;
pub mod inbox;
pub mod limits;
pub mod message;
pub mod pack;
pub mod pack_builder;
pub mod packer;
pub mod placement;
pub mod quota;
pub mod records;
pub mod share_message;
pub mod tail;
pub mod telemetry;
pub mod time;
pub mod topic_name;
pub mod turn;
pub mod validate;
pub mod world;
