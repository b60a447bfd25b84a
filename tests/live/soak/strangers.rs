//! Clients without manners, a draw of them for each round.

use apus_core::time::Rng;

use crate::broker::Broker;
use crate::hostile::batches::{produce, sound};
use crate::hostile::floods::{fetch, metadata};
use crate::hostile::wire::{API_VERSIONS, Answer, CORRELATION, HEARTBEAT, JOIN_GROUP, Reader, Wire, request, text};
use crate::producer::TOPIC;

/// Habits, one as likely as the other.
const HABITS: u64 = 6;
/// Answers of a megabyte that a stalled reader asks for: more than sockets and the broker hold for it.
const UNREAD_REQUESTS: usize = 64;
/// Requests of a pipeline that is cut off, at most.
const PIPELINED_MAX: u64 = 60;
/// Half of a large frame.
const HALF_BYTES: usize = 200 << 10;
/// Groups that members come to and vanish from.
const GROUPS: u64 = 6;
/// How long a silent member stays in its group; as long as others wait for it.
const SESSION_MS: i32 = 300;

/// A client that is connected.
pub enum Stranger {
    /// It only holds its connection.
    Holds(Wire),
    /// It has asked to join this group.
    Joins(Wire, String),
}

/// So many come, each with a habit of its own. Some are gone already when this returns.
pub fn come(broker: &Broker, count: u64, rng: &mut Rng) -> Vec<Stranger> {
    (0..count).filter_map(|_| one(broker, rng)).collect()
}

fn one(broker: &Broker, rng: &mut Rng) -> Option<Stranger> {
    let mut wire = Wire::connect(broker);
    match rng.below(HABITS) {
        0 => wire.send(&half(rng)),
        1 => wire.send(&fetch(TOPIC).repeat(UNREAD_REQUESTS)),
        2 => {
            wire.send(&pipeline(rng));
            return None;
        }
        3 if rng.chance(2) => return None,
        3 => {}
        4 => {
            wire.send(&half(rng));
            wire.end();
        }
        _ => {
            let group = format!("fickle-{}", rng.below(GROUPS));
            wire.send(&join(&group));
            if rng.chance(2) {
                return Some(Stranger::Joins(wire, group));
            }
        }
    }
    Some(Stranger::Holds(wire))
}

/// All of them leave: at once, or with the answer that they waited for. None says that it leaves.
pub fn go(strangers: Vec<Stranger>) {
    for stranger in strangers {
        match stranger {
            Stranger::Holds(wire) => drop(wire),
            Stranger::Joins(wire, group) => vanish(wire, &group),
        }
    }
}

/// A member that says that it lives, and then nothing more. Its group may wait for those who left before it.
fn vanish(mut wire: Wire, group: &str) {
    let Answer::Frame(answer) = wire.answer() else { panic!("who joins is answered") };
    let mut answer = Reader(&answer);
    assert_eq!((answer.i32(), answer.i32()), (CORRELATION, 0), "nobody is throttled");
    assert_eq!(answer.i16(), 0, "the group takes it");
    let generation = answer.i32();
    let (_protocol, _leader, member) = (answer.text(), answer.text(), answer.text());
    let member = member.expect("it was given an id");
    wire.send(&heartbeat(group, generation, &member));
}

/// The first bytes of a request: from a part of its length to all but its last byte, or half of a large one.
fn half(rng: &mut Rng) -> Vec<u8> {
    let whole = [metadata(), fetch(TOPIC), produce(&sound()), join("fickle-0")];
    let mut bytes = whole[rng.below(whole.len() as u64) as usize].clone();
    if rng.chance(4) {
        bytes = produce(&vec![0; 2 * HALF_BYTES]);
        bytes.truncate(HALF_BYTES);
    } else {
        bytes.truncate(1 + rng.below(bytes.len() as u64 - 1) as usize);
    }
    bytes
}

/// Requests of every kind, one behind the other, none of whose answers will find anybody.
fn pipeline(rng: &mut Rng) -> Vec<u8> {
    let kinds = [metadata(), fetch(TOPIC), produce(&sound()), request(API_VERSIONS, 0, false, &[]), join("fickle-1")];
    let drawn = (0..1 + rng.below(PIPELINED_MAX)).map(|_| kinds[rng.below(kinds.len() as u64) as usize].as_slice());
    drawn.collect::<Vec<&[u8]>>().concat()
}

/// JoinGroup, version 2: a new member, which is taken without being asked to come again with its id.
fn join(group: &str) -> Vec<u8> {
    let mut body = text(group);
    body.extend(SESSION_MS.to_be_bytes());
    body.extend(SESSION_MS.to_be_bytes());
    body.extend(text(""));
    body.extend(text("consumer"));
    body.extend(1_i32.to_be_bytes());
    body.extend(text("range"));
    body.extend(0_i32.to_be_bytes());
    request(JOIN_GROUP, 2, false, &body)
}

/// Heartbeat, version 1.
fn heartbeat(group: &str, generation: i32, member: &str) -> Vec<u8> {
    let body = [&text(group)[..], &generation.to_be_bytes(), &text(member)].concat();
    request(HEARTBEAT, 1, false, &body)
}
