//! ListOffsets and OffsetForLeaderEpoch: the ledger says the offset, or which extent holds it; then its records are
//! read, so that a look-up by time is exact to the record.

use std::collections::BTreeMap;

use super::produce::unknown;
use super::reads::{self, Blocks, Done, ReadKey};
use super::rope::Rope;
use super::stitch::{checksum, next_batch};
use super::{Front, RequestId};
use crate::api::{
    EndedPartition, EndedTopic, ListOffsetsRequest, ListOffsetsResponse, ListedOffset, ListedPartition, ListedTopic,
    OffsetAt, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, Response, TopicRef,
};
use crate::batch::LEADER_EPOCH;
use crate::error::Refusal;
use crate::extent::{Extent, Home};
use crate::ids::{CoreId, PartitionId, Ticket};
use crate::message::{Ask, Found, Message};
use crate::records;
use crate::turn::{Level, Turn};

/// Look-ups under way on one core.
#[derive(Debug, Default)]
pub struct Lookups {
    requests: BTreeMap<u64, Lookup>,
    asked: BTreeMap<Ticket, Place>,
    reading: BTreeMap<ReadKey, (Place, Extent, i64)>,
}

/// Which partition of which look-up.
#[derive(Clone, Copy, Debug)]
struct Place {
    request: u64,
    topic: usize,
    partition: usize,
    at: Wanted,
    of: PartitionId,
    tries: u8,
}

/// What is asked of the ledger.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    at: OffsetAt,
    committed_only: bool,
}

#[derive(Debug)]
struct Lookup {
    id: RequestId,
    missing: usize,
    answer: Answering,
}

#[derive(Debug)]
enum Answering {
    Offsets(ListOffsetsResponse),
    Epochs(OffsetForLeaderEpochResponse),
}

/// How often bytes may move away under a look-up.
const TRIES_MAX: u8 = 4;

const NOTHING: ListedOffset = ListedOffset { timestamp_ms: -1, offset: -1 };

impl Front {
    pub(super) fn list_offsets(&mut self, id: RequestId, request: ListOffsetsRequest, turn: &mut Turn<'_>) {
        let mut asks = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic_at, topic) in request.topics.iter().enumerate() {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            let mut seen = BTreeMap::new();
            for partition in &topic.partitions {
                *seen.entry(partition.index).or_insert(0_usize) += 1;
            }
            for (partition_at, partition) in topic.partitions.iter().enumerate() {
                let once = if seen[&partition.index] == 1 { Ok(()) } else { Err(Refusal::InvalidRequest) };
                let found = once.and_then(|()| self.partition(&topic.topic, partition.index, partition.leader_epoch));
                let result = match (found, partition.at) {
                    (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
                    (Ok(of), Ok(at)) => {
                        asks.push((topic_at, partition_at, of, at));
                        Ok(NOTHING)
                    }
                };
                partitions.push(ListedPartition { index: partition.index, result });
            }
            topics.push(ListedTopic { topic: topic.topic.clone(), partitions });
        }
        let answer = Answering::Offsets(ListOffsetsResponse { topics });
        self.look_up(id, answer, asks, request.committed_only, turn);
    }

    pub(super) fn offset_for_leader_epoch(
        &mut self,
        id: RequestId,
        request: OffsetForLeaderEpochRequest,
        turn: &mut Turn<'_>,
    ) {
        let mut asks = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (topic_at, topic) in request.topics.iter().enumerate() {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for (partition_at, partition) in topic.partitions.iter().enumerate() {
                let found = self.partition(&topic.topic, partition.index, partition.current_leader_epoch);
                let result = found.map(|of| {
                    // An epoch that never was has no end; the only one there is ends at the high watermark.
                    if partition.leader_epoch == LEADER_EPOCH {
                        asks.push((topic_at, partition_at, of, OffsetAt::Latest));
                    }
                    (-1, -1)
                });
                partitions.push(EndedPartition { index: partition.index, result });
            }
            topics.push(EndedTopic { topic: topic.topic.clone(), partitions });
        }
        let answer = Answering::Epochs(OffsetForLeaderEpochResponse { topics });
        self.look_up(id, answer, asks, false, turn);
    }

    /// A partition as a client names it, with the leader epoch that it believes in.
    fn partition(&self, topic: &TopicRef, index: i32, leader_epoch: i32) -> Result<PartitionId, Refusal> {
        let found = self.catalog.find(topic).ok_or_else(|| unknown(topic))?;
        let partition = found.partition(index).ok_or(Refusal::UnknownTopicOrPartition)?;
        match leader_epoch {
            epoch if epoch > LEADER_EPOCH => Err(Refusal::UnknownLeaderEpoch),
            epoch if epoch < -1 => Err(Refusal::FencedLeaderEpoch),
            _ => Ok(partition),
        }
    }

    fn look_up(
        &mut self,
        id: RequestId,
        answer: Answering,
        asks: Vec<(usize, usize, PartitionId, OffsetAt)>,
        committed_only: bool,
        turn: &mut Turn<'_>,
    ) {
        let lookup = Lookup { id, missing: asks.len(), answer };
        if lookup.missing == 0 {
            return self.answer_lookup(lookup);
        }
        let request = self.fetch.number();
        self.offsets.requests.insert(request, lookup);
        for (topic, partition, of, at) in asks {
            let at = Wanted { at, committed_only };
            self.ask_offset(Place { request, topic, partition, at, of, tries: 0 }, turn);
        }
    }

    fn ask_offset(&mut self, place: Place, turn: &mut Turn<'_>) {
        let ticket = Ticket::draw(&mut self.tickets);
        self.offsets.asked.insert(ticket, place);
        let Wanted { at, committed_only } = place.at;
        let ask = Ask::Offset { partition: place.of, at, committed_only };
        turn.send(CoreId(0), Message::Ask { core: self.settings.core, ticket, ask });
    }

    /// The ledger answered.
    pub(super) fn offset_found(&mut self, ticket: Ticket, found: Result<Found, Refusal>, turn: &mut Turn<'_>) {
        let place = self.offsets.asked.remove(&ticket).expect("it was asked");
        match found {
            Err(refusal) => self.place_offset(place, Err(refusal)),
            Ok(Found::Offset { offset, timestamp_ms }) => {
                self.place_offset(place, Ok(ListedOffset { timestamp_ms, offset }));
            }
            Ok(Found::Within { extent, timestamp_ms }) => self.search(place, extent, timestamp_ms, turn),
        }
    }

    /// Reads the extent that holds the record.
    fn search(&mut self, place: Place, extent: Extent, timestamp_ms: i64, turn: &mut Turn<'_>) {
        if let Some(pack) = self.hot.get(&extent.home) {
            let rope = Rope::new(pack.slices(extent.position, extent.bytes).collect());
            let result = exact(&extent, rope, timestamp_ms, false, turn);
            return self.place_offset(place, result);
        }
        match extent.home {
            Home::Journal(_) => self.search_again(place, turn),
            Home::Pack(_) => {
                let key = ReadKey(self.fetch.number());
                self.offsets.reading.insert(key, (place, extent, timestamp_ms));
                let blocks = reads::blocks_of(&extent).collect();
                self.fetch.reads.begin(key, blocks, &mut self.tickets, turn);
            }
        }
    }

    /// The bytes moved to another home in the meantime: ask again where they are.
    fn search_again(&mut self, place: Place, turn: &mut Turn<'_>) {
        if place.tries >= TRIES_MAX {
            return self.place_offset(place, Err(Refusal::KafkaStorageError));
        }
        self.ask_offset(Place { tries: place.tries + 1, ..place }, turn);
    }

    /// A cold read is over: a fetch's or a look-up's.
    pub(super) fn read_done(&mut self, done: Done, turn: &mut Turn<'_>) {
        let Some(Done { key, blocks, failure }) = self.fetch_read(done, turn) else { return };
        // A fetch whose connection closed leaves a read that nobody waits for.
        let Some((place, extent, timestamp_ms)) = self.offsets.reading.remove(&key) else { return };
        match failure {
            Some(crate::world::Failure::Missing) => self.search_again(place, turn),
            Some(failure) => {
                turn.note(Level::Error, format!("cannot read {extent:?}: {failure}"));
                self.place_offset(place, Err(Refusal::KafkaStorageError));
            }
            None => {
                let result = exact_cold(&extent, &blocks, timestamp_ms, turn);
                self.place_offset(place, result);
            }
        }
    }

    fn place_offset(&mut self, place: Place, result: Result<ListedOffset, Refusal>) {
        let lookup = self.offsets.requests.get_mut(&place.request).expect("it waits for all");
        match &mut lookup.answer {
            Answering::Offsets(response) => {
                response.topics[place.topic].partitions[place.partition].result = result;
            }
            Answering::Epochs(response) => {
                let result = result.map(|found| (LEADER_EPOCH, found.offset));
                response.topics[place.topic].partitions[place.partition].result = result;
            }
        }
        lookup.missing -= 1;
        if lookup.missing == 0 {
            let lookup = self.offsets.requests.remove(&place.request).expect("it is there");
            self.answer_lookup(lookup);
        }
    }

    fn answer_lookup(&mut self, lookup: Lookup) {
        let response = match lookup.answer {
            Answering::Offsets(response) => Response::ListOffsets(response),
            Answering::Epochs(response) => Response::OffsetForLeaderEpoch(response),
        };
        self.answer(lookup.id, response);
    }
}

fn exact_cold(
    extent: &Extent,
    blocks: &Blocks,
    timestamp_ms: i64,
    turn: &mut Turn<'_>,
) -> Result<ListedOffset, Refusal> {
    match reads::cut(extent, blocks) {
        Some(pieces) => exact(extent, Rope::new(pieces), timestamp_ms, true, turn),
        None => {
            turn.note(Level::Error, format!("an object is too short for {extent:?}"));
            Err(Refusal::CorruptMessage)
        }
    }
}

/// The first record at or after a time among the batches of an extent. Bytes that did not stay in this process are
/// checked against their checksums (`verify`), those of batches that are passed over too: their times decide.
fn exact(
    extent: &Extent,
    mut rope: Rope,
    timestamp_ms: i64,
    verify: bool,
    turn: &mut Turn<'_>,
) -> Result<ListedOffset, Refusal> {
    let mut base = extent.start;
    while rope.bytes() > 0 {
        let (header, bytes) = next_batch(&rope, extent, base).map_err(|corrupt| {
            turn.note(Level::Error, format!("corrupt bytes: {}", corrupt.0));
            Refusal::CorruptMessage
        })?;
        let batch = rope.take(bytes);
        if verify && checksum(&batch) != header.crc {
            turn.note(Level::Error, format!("corrupt bytes: checksum of the batch at offset {base} of {extent:?}"));
            return Err(Refusal::CorruptMessage);
        }
        if header.timestamp_max >= timestamp_ms {
            let found = records::first_at_or_after(&batch.join(), base, timestamp_ms).map_err(|corrupt| {
                turn.note(Level::Error, format!("corrupt records at offset {base} of {extent:?}: {corrupt:?}"));
                Refusal::CorruptMessage
            })?;
            if let Some((offset, timestamp_ms)) = found {
                return Ok(ListedOffset { timestamp_ms, offset });
            }
        }
        base += header.offsets();
    }
    Ok(NOTHING)
}
