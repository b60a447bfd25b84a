//! Composition root.

pub mod args;
pub mod boot_screen;
mod crowding;
pub mod disk;
pub mod driver;
pub mod fleet;
pub mod node;
pub mod notes;
pub mod probe;
pub mod shell;
pub mod signals;
pub mod start;
pub mod trace;
pub mod vigil;
pub mod watch;
