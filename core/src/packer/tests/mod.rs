//! Each rule by a scenario of its own, and all of them together under random loads, in simulated time.

mod rules;
mod world;
