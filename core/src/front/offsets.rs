//! ListOffsets and OffsetForLeaderEpoch: the ledger says the offset, or which extent holds it; then its records are
//! read, so that a look-up by time is exact to the record.

use std::collections::BTreeMap;

use super::reads::{self, Done, ReadKey, Source};
use super::rope::Rope;
use super::stitch::{checksum, next_batch};
use super::{Front, RequestId};
use crate::api::{
    EndedPartition, EndedTopic, ListOffsetsRequest, ListOffsetsResponse, ListedOffset, ListedPartition, ListedTopic,
    OffsetAt, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, Response, TopicRef,
};
use crate::batch::{LEADER_EPOCH, check_leader_epoch};
use crate::error::Refusal;
use crate::extent::Extent;
use crate::ids::{CoreId, PartitionId, Ticket};
use crate::limits::{LOCATES_MAX, MOVES_MAX, OFFSET_READS_MAX};
use crate::message::{Ask, Found, Message};
use crate::records;
use crate::turn::{Level, Turn};

/// Look-ups under way on one core.
#[derive(Debug, Default)]
pub struct Lookups {
    requests: BTreeMap<u64, Lookup>,
    asked: BTreeMap<Ticket, Place>,
    reading: BTreeMap<ReadKey, (Place, Search)>,
}

/// The record that is looked for in one extent.
#[derive(Clone, Copy, Debug)]
struct Search {
    extent: Extent,
    /// Not below this offset.
    from: i64,
    /// The first one at or after this time …
    timestamp_ms: i64,
    /// … or the newest one, which has this time unless the first offset lies behind it.
    newest: bool,
}

/// Which partition of which look-up.
#[derive(Clone, Copy, Debug)]
struct Place {
    request: u64,
    topic: usize,
    partition: usize,
    of: PartitionId,
    at: OffsetAt,
    committed_only: bool,
    /// Records below do not count: they were read already.
    from: i64,
    /// The newest record so far.
    best: Option<ListedOffset>,
    /// Extents read.
    reads: u32,
    /// How often bytes had moved away.
    moves: u32,
}

/// A partition of a look-up that begins.
type Wanted = (usize, usize, PartitionId, OffsetAt);

#[derive(Debug)]
struct Lookup {
    id: RequestId,
    committed_only: bool,
    /// Places without an outcome, those that wait included.
    missing: usize,
    /// Partitions that are asked for when those before have their outcome.
    waiting: std::vec::IntoIter<Wanted>,
    answer: Answering,
}

#[derive(Debug)]
enum Answering {
    Offsets(ListOffsetsResponse),
    Epochs(OffsetForLeaderEpochResponse),
}

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
        let partition = self.catalog.partition(topic, index)?;
        check_leader_epoch(leader_epoch).map(|()| partition)
    }

    fn look_up(
        &mut self,
        id: RequestId,
        answer: Answering,
        wanted: Vec<Wanted>,
        committed_only: bool,
        turn: &mut Turn<'_>,
    ) {
        let lookup = Lookup { id, committed_only, missing: wanted.len(), waiting: wanted.into_iter(), answer };
        if lookup.missing == 0 {
            return self.answer_lookup(lookup);
        }
        let request = self.fetch.number();
        self.offsets.requests.insert(request, lookup);
        for _ in 0..LOCATES_MAX {
            self.ask_next(request, turn);
        }
    }

    /// Asks for the next partition of a look-up, where one waits.
    fn ask_next(&mut self, request: u64, turn: &mut Turn<'_>) {
        let lookup = self.offsets.requests.get_mut(&request).expect("it waits for all");
        let committed_only = lookup.committed_only;
        if let Some((topic, partition, of, at)) = lookup.waiting.next() {
            let fresh =
                Place { request, topic, partition, of, at, committed_only, from: 0, best: None, reads: 0, moves: 0 };
            self.ask_offset(fresh, turn);
        }
    }

    fn ask_offset(&mut self, place: Place, turn: &mut Turn<'_>) {
        let ticket = Ticket::draw(&mut self.tickets);
        self.offsets.asked.insert(ticket, place);
        let Place { of: partition, at, from, committed_only, .. } = place;
        let ask = Ask::Offset { partition, at, from, committed_only };
        turn.send(CoreId(0), Message::Ask { core: self.settings.core, ticket, ask });
    }

    /// The ledger answered.
    pub(super) fn offset_found(&mut self, ticket: Ticket, found: Result<Found, Refusal>, turn: &mut Turn<'_>) {
        let place = self.offsets.asked.remove(&ticket).expect("it was asked");
        match found {
            Err(refusal) => self.place_offset(place, Err(refusal), turn),
            Ok(Found::Offset { offset, timestamp_ms }) => {
                let found = ListedOffset { timestamp_ms, offset };
                self.place_offset(place, Ok(place.best.unwrap_or(found)), turn);
            }
            Ok(Found::Within { extent, from, timestamp_ms }) => {
                let newest = matches!(place.at, OffsetAt::MaxTimestamp);
                self.search(place, Search { extent, from, timestamp_ms, newest }, turn);
            }
        }
    }

    /// Reads the extent that ought to hold the record.
    fn search(&mut self, place: Place, search: Search, turn: &mut Turn<'_>) {
        let extent = search.extent;
        match Source::of(&extent, &self.hot) {
            Source::Hot(pieces) => {
                let result = exact(&search, Rope::new(pieces), false, turn);
                self.searched(place, &search, result, turn);
            }
            Source::Moved => self.search_again(place, turn),
            Source::Cold => {
                let key = ReadKey(self.fetch.number());
                self.offsets.reading.insert(key, (place, search));
                let blocks = reads::blocks_of(&extent).collect();
                self.fetch.reads.begin(key, blocks, &mut self.tickets, turn);
            }
        }
    }

    /// What was found in an extent is the answer, unless the record that made the ledger name the extent does not count:
    /// then the search goes on behind it.
    fn searched(
        &mut self,
        place: Place,
        search: &Search,
        found: Result<Option<ListedOffset>, Refusal>,
        turn: &mut Turn<'_>,
    ) {
        let found = match found {
            Ok(found) => found,
            Err(refusal) => return self.place_offset(place, Err(refusal), turn),
        };
        let better = |found: &ListedOffset| place.best.is_none_or(|best| found.timestamp_ms > best.timestamp_ms);
        let best = found.filter(better).or(place.best);
        let cut = search.from > search.extent.start;
        let whole = match found {
            Some(found) => found.timestamp_ms >= search.timestamp_ms || !cut,
            None => search.newest && !cut,
        };
        if whole || place.reads >= OFFSET_READS_MAX {
            return self.place_offset(place, Ok(best.unwrap_or(NOTHING)), turn);
        }
        self.ask_offset(Place { from: search.extent.end, best, reads: place.reads + 1, ..place }, turn);
    }

    /// The bytes moved to another home in the meantime: ask again where they are.
    fn search_again(&mut self, place: Place, turn: &mut Turn<'_>) {
        if place.moves >= MOVES_MAX {
            return self.place_offset(place, Err(Refusal::KafkaStorageError), turn);
        }
        self.ask_offset(Place { moves: place.moves + 1, ..place }, turn);
    }

    /// A cold read is over: a fetch's or a look-up's.
    pub(super) fn read_done(&mut self, done: Done, turn: &mut Turn<'_>) {
        let Some(done) = self.fetch_read(done, turn) else { return };
        let Some(Done { key, brought }) = self.share_read(done, turn) else { return };
        // A fetch whose connection closed leaves a read that nobody waits for.
        let Some((place, search)) = self.offsets.reading.remove(&key) else { return };
        if brought.moved() {
            return self.search_again(place, turn);
        }
        let result = match brought.pieces(&search.extent) {
            Ok(pieces) => match exact(&search, Rope::new(pieces), true, turn) {
                Err(Refusal::CorruptMessage) => Err(self.fetch.reads.doubt(&search.extent, turn)),
                sound => sound,
            },
            Err(failure) => Err(self.fetch.reads.failed(&search.extent, &failure, turn)),
        };
        self.searched(place, &search, result, turn);
    }

    fn place_offset(&mut self, place: Place, result: Result<ListedOffset, Refusal>, turn: &mut Turn<'_>) {
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
        } else {
            self.ask_next(place.request, turn);
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

/// The record that is looked for, among the batches of an extent. Bytes that did not stay in this process are checked
/// against their checksums (`verify`), those of batches that are passed over too: their times decide.
fn exact(search: &Search, mut rope: Rope, verify: bool, turn: &mut Turn<'_>) -> Result<Option<ListedOffset>, Refusal> {
    let Search { extent, from, timestamp_ms, newest } = search;
    let mut base = extent.start;
    let mut best: Option<ListedOffset> = None;
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
        let end = base + header.offsets();
        let least = if *newest { best.map_or(0, |best| best.timestamp_ms + 1) } else { *timestamp_ms };
        if end > *from && header.timestamp_max >= least {
            let batch = batch.join();
            let found = match newest {
                true => records::newest(&batch, base, *from),
                false => records::first_at_or_after(&batch, base, *from, *timestamp_ms),
            };
            let found = found.map_err(|corrupt| {
                turn.note(Level::Error, format!("corrupt records at offset {base} of {extent:?}: {corrupt:?}"));
                Refusal::CorruptMessage
            })?;
            let found = found.map(|(offset, timestamp_ms)| ListedOffset { timestamp_ms, offset });
            best = found.filter(|found| found.timestamp_ms >= least).or(best);
            if best.is_some_and(|best| best.timestamp_ms >= *timestamp_ms) {
                break;
            }
        }
        base = end;
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Codec;
    use crate::extent::Home;
    use crate::ids::Lsn;
    use crate::records::build::BatchBuilder;
    use crate::time::{Instant, Rng, WallTime};
    use crate::turn::Counters;

    /// Two batches of records with these times, from offset 10 on.
    fn look(from: i64, timestamp_ms: i64, newest: bool) -> Option<(i64, i64)> {
        let batch = |times: [i64; 3]| {
            times
                .iter()
                .fold(BatchBuilder::new(Codec::None), |batch, at| batch.record(*at, None, Some(b"value")))
                .build()
        };
        let pieces = vec![batch([500, 20, 30]), batch([40, 70, 60])];
        let bytes = pieces.iter().map(|piece| piece.len() as u32).sum();
        let home = Home::Journal(Lsn(1));
        let (transactional, control, timestamp_max) = (false, false, 500);
        let extent = Extent { start: 10, end: 16, home, position: 0, bytes, timestamp_max, transactional, control };
        let (mut rng, mut count, mut effects) = (Rng::new(1), Counters::default(), Vec::new());
        let (now, wall) = (Instant(1), WallTime(1));
        let mut turn = Turn { now, wall, rng: &mut rng, count: &mut count, effects: &mut effects };
        let search = Search { extent, from, timestamp_ms, newest };
        let found = exact(&search, Rope::new(pieces), true, &mut turn).expect("sound bytes");
        assert!(effects.is_empty());
        found.map(|found| (found.offset, found.timestamp_ms))
    }

    #[test]
    fn no_record_below_the_first_offset_is_found_by_time() {
        assert_eq!(look(10, 400, false), Some((10, 500)));
        assert_eq!(look(11, 400, false), None, "the record that is as new lies below");
        assert_eq!(look(11, 25, false), Some((12, 30)));
        assert_eq!(look(13, 10, false), Some((13, 40)));
        assert_eq!(look(15, 65, false), None);
    }

    #[test]
    fn the_newest_record_is_one_that_is_still_there() {
        assert_eq!(look(10, 500, true), Some((10, 500)));
        assert_eq!(look(11, 500, true), Some((14, 70)));
        assert_eq!(look(15, 500, true), Some((15, 60)));
    }
}
