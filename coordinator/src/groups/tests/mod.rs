//! Rules of groups, one test each, as calls with a time that the test tells.

mod chance;
mod expiry;
mod joining;
mod many;
mod presence;
mod town;
