//! The whole broker under a seeded scheduler: real cores, a simulated world, clients that speak bytes.
//!
//! One seed is one life story: topics, clients, faults, crashes between any two effects, reboots with another number of
//! cores. `APUS_SEED=n cargo test --test sim replay -- --nocapture` tells the story of a seed, step by step.

mod checker;
mod client;
mod disk;
mod plan;
mod seeds;
mod store;
mod world;
