//! A recorded life of one core: everything that reached `Node::step` from the outside, and what came of it.
//!
//! `apus serve --record FILE` writes one; [`replay`] plays it to a new node, without sockets, disk, store or clock, so
//! that a life is looked at again in a debugger, under valgrind, or after a change. Only a broker of one core has one:
//! its messages never leave the node, so nothing but the world speaks to it.
//!
//! Recording is a wrapper around the node ([`recorder`]); where nobody asks for it, it is not there. It writes on the
//! executor, so a recorded broker is slower, and the file grows by every byte that a client sends. What was recorded
//! before a crash of the process is whole: a turn is written before it is stepped.
//!
//! A trace is a sequence of frames as the journal's (`coordinator/src/command/frame.rs`: length, type, version,
//! CRC32C, padded to 16 bytes), all of version 1, integers little endian:
//!
//! | type | payload | how often |
//! | --- | --- | --- |
//! | 256 | header ([`header`]) | first, once |
//! | 257 | a turn: what the node is told ([`turn`]) | for each call of `boot` and `step` |
//! | 258 | what came of the turn before ([`deed`]) | behind each turn; the last may lack it |
//!
//! | value | bytes |
//! | --- | --- |
//! | u8, u16, u32, u64, i64 | 1, 2, 4, 8, 8 |
//! | bytes, text | u32 length, and as many bytes |
//! | list | u32 count, and as many values |
//! | option | u8 0, or u8 1 and the value |
//! | result | u8 0 and the value, or u8 1 and the failure |
//! | pair | one behind the other |
//!
//! A layout is changed by another version; a reader refuses versions that it does not know. Traces are kept for as long
//! as the code that they are of, and recorded anew then: no old version is read.

pub mod deed;
mod event;
pub mod header;
pub mod recorder;
pub mod replay;
mod stored;
pub mod turn;

/// The type of the header's frame; the journal's own types are below.
const HEADER: u16 = 256;
/// The type of a turn's.
const TURN: u16 = 257;
/// The type of what came of it.
const DEEDS: u16 = 258;
/// The version of all of them.
const VERSION: u16 = 1;
