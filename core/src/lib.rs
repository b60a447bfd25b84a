//! The pure machines of Apus and the seam between decisions and the world.

pub mod error;
pub mod ids;
pub mod limits;
pub mod world;
