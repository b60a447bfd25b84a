//! Plays a trace to a new node, and holds what comes of it against what was recorded.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use apus_coordinator::command::frame;
use apus_core::ids::CoreId;
use apus_core::time::Rng;
use apus_core::turn::{Counters, Event, Turn};
use bytes::Bytes;

use super::deed::Deed;
use super::header::Header;
use super::stored::{Stored, whole};
use super::turn::Told;
use super::{DEEDS, HEADER, TURN, VERSION};
use crate::node::{Node, NodeSettings};

/// How a replay ended before its time.
#[derive(Debug)]
pub enum Departure {
    /// The bytes are no trace, or one of another version.
    Unreadable(String),
    /// Something else came of a turn than was recorded.
    Other {
        /// Its number.
        turn: u64,
        /// What was recorded and did not come.
        missing: Vec<Deed>,
        /// What came and was not recorded.
        surplus: Vec<Deed>,
    },
}

impl fmt::Display for Departure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Departure::Unreadable(why) => write!(out, "no trace that this binary reads: {why}"),
            Departure::Other { turn, missing, surplus } => {
                writeln!(out, "turn {turn} is another one than was recorded")?;
                missing.iter().try_for_each(|deed| writeln!(out, "  recorded: {deed}"))?;
                surplus.iter().try_for_each(|deed| writeln!(out, "  now:      {deed}"))
            }
        }
    }
}

/// What a trace was about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Turns that were played.
    pub turns: u64,
    /// Things that came of them and were compared.
    pub deeds: u64,
    /// Bytes that clients sent.
    pub received_bytes: u64,
}

/// The next frame of a trace: its type and what it holds.
fn next_frame(rest: &mut Bytes) -> Result<Option<(u16, Bytes)>, Departure> {
    if rest.is_empty() {
        return Ok(None);
    }
    let frame = frame::read(rest).map_err(|corrupt| Departure::Unreadable(corrupt.to_string()))?;
    if frame.version != VERSION {
        return Err(Departure::Unreadable(format!("version {}", frame.version)));
    }
    let (kind, payload, consumed) = (frame.kind, rest.slice_ref(frame.payload), frame.consumed);
    let _read = rest.split_to(consumed);
    Ok(Some((kind, payload)))
}

fn parse<T: Stored>(payload: Bytes, what: &str) -> Result<T, Departure> {
    whole(payload).ok_or_else(|| Departure::Unreadable(format!("a {what} that is none")))
}

/// Plays a trace; `step` calls `Node::step`, or whatever else is to be done with a node that is told something.
///
/// # Errors
/// Where the trace cannot be read, or where the node does something else than was recorded.
pub fn replay(
    trace: Bytes,
    mut step: impl FnMut(&mut Node, &mut VecDeque<Event>, &mut Turn<'_>),
) -> Result<Replayed, Departure> {
    let mut rest = trace;
    let header: Header = match next_frame(&mut rest)? {
        Some((HEADER, payload)) => parse(payload, "header")?,
        _ => return Err(Departure::Unreadable("it has no header".to_owned())),
    };
    let config = Arc::new(header.config().map_err(Departure::Unreadable)?);
    let mut node = Node::new(NodeSettings::of(CoreId(0), &config));
    let (mut rng, mut count, mut replayed) = (Rng::new(header.chance), Counters::default(), Replayed::default());
    while let Some((kind, payload)) = next_frame(&mut rest)? {
        if kind != TURN {
            return Err(Departure::Unreadable(format!("a frame of type {kind} in place of a turn")));
        }
        let told: Told = parse(payload, "turn")?;
        let mut effects = Vec::new();
        let (rng, count) = (&mut rng, &mut count);
        let mut turn = Turn { now: told.now, wall: told.wall, rng, count, effects: &mut effects };
        for (connection, bytes) in &told.arrived {
            replayed.received_bytes += bytes.len() as u64;
            if let Some((buffer, _)) = node.receive_buffer(*connection) {
                buffer.extend_from_slice(bytes);
            }
        }
        if told.boots {
            node.boot(&mut turn);
        } else {
            step(&mut node, &mut told.events.into(), &mut turn);
        }
        let found: Vec<Deed> = effects.iter().filter_map(Deed::of).collect();
        // The process ended within the turn: nothing is known of it.
        let Some((kind, payload)) = next_frame(&mut rest)? else { break };
        if kind != DEEDS {
            return Err(Departure::Unreadable(format!("a frame of type {kind} in place of deeds")));
        }
        compare(replayed.turns, parse(payload, "list of deeds")?, &found)?;
        replayed.turns += 1;
        replayed.deeds += found.len() as u64;
    }
    Ok(replayed)
}

fn compare(turn: u64, recorded: Vec<Deed>, found: &[Deed]) -> Result<(), Departure> {
    if recorded == found {
        return Ok(());
    }
    let same = recorded.iter().zip(found).take_while(|(one, other)| one == other).count();
    let surplus = found[same..].to_vec();
    Err(Departure::Other { turn, missing: recorded[same..].to_vec(), surplus })
}
