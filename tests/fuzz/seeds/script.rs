//! Writes a script of the `step` target while a core plays it, so that what it says next may follow from replies.

use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::Message;
use apus_net::wire::writer::Writer;

use crate::checks::step::world::World;

/// What the acts of a script are called there, beside the connection.
const FRAME: u8 = 0;
const BYTES: u8 = 4 << 2;
const PASS: u8 = 5 << 2;
const TOGGLE_READING: u8 = 6 << 2;
const HANG_UP: u8 = 7 << 2;

/// A script and the core that plays it.
pub struct Script {
    world: World,
    writer: Writer,
    correlation: i32,
    acts: Vec<u8>,
}

impl Script {
    /// An empty one.
    pub fn new() -> Script {
        Script { world: World::boot(), writer: Writer::new(), correlation: 0, acts: Vec::new() }
    }

    /// A client asks.
    pub fn ask<'a, M: Message<'a>>(&mut self, client: u8, version: i16, message: &M) {
        self.correlation += 1;
        let frame = encode_request(&mut self.writer, version, self.correlation, Some("fuzz"), message).body();
        self.acts.push(FRAME | client);
        self.acts.extend_from_slice(&(frame.len() as u16).to_be_bytes());
        self.acts.extend_from_slice(&frame);
        self.world.receive(client, &[&(frame.len() as u32).to_be_bytes(), &frame[..]].concat());
    }

    /// What the core replied last, on any connection; the reader gets it.
    pub fn reply<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        read(self.world.last_reply())
    }

    /// Bytes that are no frame.
    pub fn bytes(&mut self, client: u8, bytes: &[u8]) {
        self.acts.extend_from_slice(&[BYTES | client, bytes.len() as u8]);
        self.acts.extend_from_slice(bytes);
        self.world.receive(client, bytes);
    }

    /// Time passes.
    pub fn pass(&mut self, milliseconds: u16) {
        self.acts.push(PASS);
        self.acts.extend_from_slice(&milliseconds.to_be_bytes());
        self.world.pass(u64::from(milliseconds));
    }

    /// A client stops reading, or goes on.
    pub fn toggle_reading(&mut self, client: u8) {
        self.acts.push(TOGGLE_READING | client);
        self.world.toggle_reading(client);
    }

    /// A client goes.
    pub fn hang_up(&mut self, client: u8) {
        self.acts.push(HANG_UP | client);
        self.world.hang_up(client);
    }

    /// The whole script.
    pub fn finish(mut self) -> Vec<u8> {
        self.world.end();
        self.acts
    }
}

/// Reads a reply, which must be one to a request of this kind.
pub fn response<'a, M: Message<'a>>(frame: &'a [u8], version: i16) -> M {
    let (_, message) = decode_response(&frame[4..], version).expect("the reply is one to this request");
    message
}
