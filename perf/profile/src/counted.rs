//! The one function whose instructions are collected: valgrind is told its name.

use std::collections::VecDeque;

use apus::node::Node;
use apus_core::turn::{Event, Turn};

/// What valgrind looks for: it begins to collect where this function is entered, and ends where it is left.
pub const COLLECTED: &str = "*apus_profile*counted*step_counted*";

/// Steps what happened. That there is something behind the call keeps it from becoming a jump, which would never return
/// here.
#[inline(never)]
pub fn step_counted(node: &mut Node, events: &mut VecDeque<Event>, turn: &mut Turn<'_>) -> usize {
    node.step(events, turn);
    turn.effects.len()
}
