//! Composition root.

pub mod args;
