//! A flush on its way: out of the open pack, into an object or the journal, then to the coordinator for its offsets.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::connections::Key;
use super::flights::{Flight, Phase};
use super::open::Cut;
use super::{Packer, TICKET_BIT};
use crate::extent::pack_key;
use crate::ids::{CoreId, PackId, Ticket, Writer};
use crate::limits::PACK_BATCHES_MAX;
use crate::message::{Admitted, Commit, CommitBatch, Message};
use crate::pack::Pack;
use crate::pack_builder::{PackBuilder, Piece};
use crate::turn::{Effect, Turn};
use crate::world::{Condition, StoreRequest};

impl Packer {
    /// Takes the cut out of the open pack and sends it on its way.
    pub(super) fn flush(&mut self, cut: Cut, turn: &mut Turn) {
        let id = if self.rides_in_journal(cut) { None } else { Some(self.next_pack()) };
        let (flush, slot) = (self.flushes, self.flights.free());
        self.flushes += 1;
        let mut connections: BTreeMap<Key, u32> = BTreeMap::new();
        let mut depends = 0;
        let mut batches: Vec<(CommitBatch, Admitted)> = Vec::new();
        for (since, part) in self.open.take(cut) {
            turn.count.produce.gather.record(turn.now - since);
            *connections.entry(part.key).or_default() += 1;
            let (core, ticket, slots) = (part.core, part.ticket, part.slots());
            batches.extend(part.batches.into_iter().zip(slots).map(|(admitted, slot)| {
                let (partition, facts) = (admitted.partition, admitted.facts);
                (CommitBatch { partition, position: 0, facts, core, ticket, slot }, admitted)
            }));
        }
        for (&key, &requests) in &connections {
            depends |= self.connections.unresolved(key);
            for _ in 0..requests {
                self.connections.departed(key, slot);
            }
        }
        let (pack, batches) = lay_out(batches, id);
        let phase = if id.is_some() { Phase::Uploading } else { Phase::Waiting };
        turn.count.flush_bytes += cut.bytes;
        if let Some(id) = id {
            turn.count.flushes_pack += 1;
            self.pace.upload_began(turn.now);
            let began = self.began.as_ref().expect("nothing is flushed before the ledger began");
            let request = StoreRequest::Put {
                key: pack_key(&began.cluster_id, id),
                body: pack.body(),
                condition: Condition::Always,
            };
            turn.effect(Effect::Store { ticket: Ticket(TICKET_BIT | flush), request });
        } else {
            turn.count.flushes_inline += 1;
        }
        let connections = connections.into_iter().collect();
        let (pack, began) = (Arc::new(pack), turn.now);
        let flight = Flight { flush, id, phase, depends, connections, pack, batches, began, asked: began };
        self.flights.insert(slot, flight);
        self.commit_ready(turn);
    }

    fn next_pack(&mut self) -> PackId {
        let number = self.packs;
        self.packs += 1;
        let began = self.began.as_ref().expect("nothing is flushed before the ledger began");
        PackId { broker: self.config.broker, incarnation: began.incarnation, writer: Writer::Packer, number }
    }

    /// Asks offsets for every flush whose bytes are safe and which waits for no other.
    pub(super) fn commit_ready(&mut self, turn: &mut Turn) {
        while let Some(slot) = self.flights.next_ready() {
            let flight = self.flights.at(slot);
            flight.phase = Phase::Committing;
            flight.asked = turn.now;
            let batches = std::mem::take(&mut flight.batches);
            assert!(batches.is_sorted_by_key(|batch| batch.position) && batches.len() <= PACK_BATCHES_MAX);
            let commit = Commit { flush: flight.flush, pack: Arc::clone(&flight.pack), stored: flight.id, batches };
            turn.send(CoreId(0), Message::Commit(commit));
        }
    }
}

/// The pack of these batches, and the batches in byte order with their positions.
fn lay_out(batches: Vec<(CommitBatch, Admitted)>, id: Option<PackId>) -> (Pack, Vec<CommitBatch>) {
    let mut builder = PackBuilder::with_capacity(batches.len());
    let mut commits = Vec::with_capacity(batches.len());
    for (commit, admitted) in batches {
        let piece = Piece {
            partition: admitted.partition,
            topic: admitted.topic,
            index: admitted.index,
            batches: 1,
            offsets: u64::from(admitted.facts.offsets),
            timestamp_max: admitted.facts.timestamp_max,
        };
        builder.add(piece, [admitted.bytes]);
        commits.push(commit);
    }
    let built = builder.build(id);
    let placed = |&at: &u32| CommitBatch { position: built.positions[at as usize], ..commits[at as usize] };
    let ordered = built.order.iter().map(placed).collect();
    (built.pack, ordered)
}
