//! Hostile bytes of several connections through a whole core: sessions, front, packer, coordinator, journal.
//!
//! An input is a script of what clients do. Disk and store are kind and answer at once, so an input is one story and
//! the same each time. After each step the core's whole state is sound, what it holds for clients is bounded, and it
//! never wants to stop. In the end the clients leave, time passes, and nobody waits for anything any more.

mod disk;
mod store;
pub mod world;

use apus_core::api::Request;
use apus_core::batch::{HEADER_BYTES, checksum};
use apus_net::wire::{Call, decode_request};
use bytes::Bytes;

use super::Input;
use world::World;

/// Connections that a script may use.
const CONNECTIONS: u8 = 4;
/// Acts of a script: what follows is not heard.
const ACTS_MAX: usize = 64;

/// Each act is a byte, of which the lower two bits pick a connection, and what belongs to the act.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let mut world = World::boot();
    for _ in 0..ACTS_MAX {
        let Some(act) = input.byte() else { break };
        let client = act % CONNECTIONS;
        match act / CONNECTIONS % 8 {
            // A frame whose length is right, and the checksums of its batches too; most acts are one.
            0..=2 => frame(&mut world, client, &mut input, true),
            3 => frame(&mut world, client, &mut input, false),
            // Bytes as they are.
            4 => {
                let bytes = usize::from(input.byte().unwrap_or(0));
                world.receive(client, input.take(bytes));
            }
            5 => world.pass(u64::from(input.short().unwrap_or(0))),
            6 => world.toggle_reading(client),
            _ => world.hang_up(client),
        }
    }
    world.end();
}

fn frame(world: &mut World, client: u8, input: &mut Input<'_>, seals: bool) {
    let bytes = usize::from(input.short().unwrap_or(0));
    let mut frame = input.take(bytes).to_vec();
    if seals {
        seal(&mut frame);
    }
    world.receive(client, &[&(frame.len() as u32).to_be_bytes(), &frame[..]].concat());
}

/// Makes the checksums of a Produce request's batches fit.
fn seal(frame: &mut [u8]) {
    let shared = Bytes::copy_from_slice(frame);
    let Ok((_, Call::Core(Request::Produce(request)))) = decode_request(&shared) else { return };
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    for batch in partitions.filter_map(|partition| partition.records.as_ref()) {
        if batch.len() >= HEADER_BYTES {
            let at = batch.as_ptr() as usize - shared.as_ptr() as usize;
            frame[at + 17..at + 21].copy_from_slice(&checksum(batch).to_be_bytes());
        }
    }
}
