//! What a fetch is going to read, and the answer that it makes of it.
//!
//! Hot slices are taken when the plan is made, so that nothing that happens during a cold read can take them away.

use std::collections::{BTreeMap, BTreeSet};

use super::reads::{self, Block, Brought, Reads, Source};
use super::rope::Rope;
use super::stitch::{Fit, Stitch};
use super::subscription::{Item, ItemIndex, Subscription};
use crate::api::{FetchedPartition, FetchedTopic, TopicRef};
use crate::error::Refusal;
use crate::extent::Extent;
use crate::hot::Hot;
use crate::message::{Bounds, Located};
use crate::turn::{Level, Turn};
use crate::world::Failure;

/// What is to be read, partition by partition.
#[derive(Debug, Default)]
pub struct Plan {
    parts: Vec<Part>,
    brought: Brought,
    moved: bool,
}

#[derive(Debug)]
struct Part {
    item: ItemIndex,
    offset: i64,
    room: usize,
    found: Result<(Bounds, Vec<(Extent, Source)>), Refusal>,
}

/// How a consumer is to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Telling {
    /// Every partition, changed or not.
    pub full: bool,
    /// The client can read zstd.
    pub zstd: bool,
    /// read_committed.
    pub committed_only: bool,
    /// Bytes of the whole answer.
    pub bytes_max: usize,
}

impl Plan {
    /// Takes of what was located as much as is wanted; of the first partition at least one extent.
    pub fn make(
        located: Vec<(ItemIndex, Option<Result<Located, Refusal>>)>,
        subscription: &Subscription,
        hot: &Hot,
        bytes_max: usize,
    ) -> Plan {
        let mut plan = Plan::default();
        let mut left = bytes_max;
        for (index, found) in located {
            let Some(item) = subscription.get(index) else { continue };
            let room = (item.bytes_max.max(0) as usize).min(left);
            let found = found.expect("everything was located").map(|located| {
                let first = left == bytes_max;
                let sources = plan.choose(&located.extents, room, first, hot);
                let bytes: usize = sources.iter().map(|(extent, _)| extent.bytes as usize).sum();
                left -= bytes.min(room);
                (located.bounds, sources)
            });
            plan.parts.push(Part { item: index, offset: item.offset, room, found });
        }
        plan
    }

    fn choose(&mut self, extents: &[Extent], room: usize, first: bool, hot: &Hot) -> Vec<(Extent, Source)> {
        let mut chosen = Vec::new();
        let mut bytes = 0;
        for extent in extents {
            if bytes >= room && (!first || !chosen.is_empty()) {
                break;
            }
            bytes += extent.bytes as usize;
            let source = Source::of(extent, hot);
            self.moved |= matches!(source, Source::Moved);
            chosen.push((*extent, source));
        }
        chosen
    }

    /// Some partition cannot be read at all: nothing is waited for.
    pub fn refused(&self) -> bool {
        self.parts.iter().any(|part| part.found.is_err())
    }

    /// Some bytes are not where they were located.
    pub fn moved(&self) -> bool {
        self.moved || self.brought.moved()
    }

    /// Bytes that the plan would read.
    pub fn bytes(&self) -> u64 {
        let chosen = self.parts.iter().filter_map(|part| part.found.as_ref().ok());
        chosen.flat_map(|(_, sources)| sources).map(|(extent, _)| u64::from(extent.bytes)).sum()
    }

    /// The blocks that are not hot.
    pub fn blocks(&self) -> BTreeSet<Block> {
        let chosen = self.parts.iter().filter_map(|part| part.found.as_ref().ok());
        let cold = chosen.flat_map(|(_, sources)| sources).filter(|(_, source)| matches!(source, Source::Cold));
        cold.flat_map(|(extent, _)| reads::blocks_of(extent)).collect()
    }

    /// The cold read is over.
    pub fn take(&mut self, brought: Brought) {
        self.brought = brought;
    }

    /// Bytes are not to be found whatever is tried: the partitions that want them are answered with a fault.
    pub fn fail_moved(&mut self) {
        self.moved = false;
        self.brought.give_up();
    }

    /// The answer, and what the subscription remembers of it.
    pub fn answer(
        mut self,
        subscription: &mut Subscription,
        how: Telling,
        reads: &mut Reads,
        turn: &mut Turn<'_>,
    ) -> Vec<FetchedTopic> {
        let mut told: BTreeMap<ItemIndex, FetchedPartition> = BTreeMap::new();
        let mut gathered = 0;
        for part in std::mem::take(&mut self.parts) {
            let Some(item) = subscription.get_mut(part.item) else { continue };
            let index = part.item;
            let partition = self.partition(item, part, &mut gathered, how, reads, turn);
            if !partition.records.is_empty() {
                subscription.rotation = index + 1;
            }
            told.insert(index, partition);
        }
        turn.count.fetch_bytes += gathered as u64;
        let candidates = if how.full { subscription.all() } else { subscription.active() };
        for index in candidates {
            let item = subscription.get_mut(index).expect("an active item is there");
            let changed = item.bounds != item.told || item.refusal().is_some();
            if !told.contains_key(&index) && (how.full || changed) {
                told.insert(index, standing(item, how));
            }
        }
        by_topic(subscription, told)
    }

    fn partition(
        &self,
        item: &mut Item,
        part: Part,
        gathered: &mut usize,
        how: Telling,
        doubts: &mut Reads,
        turn: &mut Turn<'_>,
    ) -> FetchedPartition {
        let (bounds, sources) = match part.found {
            Ok(found) => found,
            Err(refusal) => return refused(item, refusal),
        };
        let mut stitch = Stitch::default();
        let fit = Fit { room: part.room.min(how.bytes_max.saturating_sub(*gathered)), first: *gathered == 0 };
        for (extent, source) in sources {
            let verify = matches!(source, Source::Cold);
            let pieces = match source {
                Source::Hot(pieces) => {
                    turn.count.fetch_hot_extents += 1;
                    Ok(pieces)
                }
                Source::Cold => self.brought.pieces(&extent),
                Source::Moved => Err(Failure::Missing),
            };
            let pieces = match pieces {
                Ok(pieces) => pieces,
                Err(failure) => {
                    let refusal = doubts.failed(&extent, &failure, turn);
                    // What was gathered before is sound; the fault is told when it stands first.
                    if stitch.bytes() == 0 {
                        return refused(item, refusal);
                    }
                    break;
                }
            };
            match stitch.extent(&extent, Rope::new(pieces), part.offset, fit, verify) {
                Ok(true) if verify => doubts.trust(&extent),
                Ok(true) => {}
                Ok(false) => break,
                Err(corrupt) => {
                    turn.note(Level::Error, format!("corrupt bytes: {}", corrupt.0));
                    let refusal = doubts.doubt(&extent, turn);
                    if stitch.bytes() == 0 {
                        return refused(item, refusal);
                    }
                    break;
                }
            }
        }
        if stitch.zstd && !how.zstd {
            return refused(item, Refusal::UnsupportedCompressionType);
        }
        *gathered += stitch.bytes();
        item.told = Some(bounds);
        FetchedPartition { records: stitch.finish(), ..bare(item.index, bounds, how) }
    }
}

/// A partition without records.
fn bare(index: i32, bounds: Bounds, how: Telling) -> FetchedPartition {
    FetchedPartition {
        index,
        refusal: None,
        high_watermark: bounds.high_watermark,
        last_stable_offset: bounds.high_watermark,
        log_start_offset: bounds.log_start_offset,
        aborted: how.committed_only.then(Vec::new),
        records: Vec::new(),
    }
}

fn refused(item: &mut Item, refusal: Refusal) -> FetchedPartition {
    item.told = None;
    FetchedPartition {
        index: item.index,
        refusal: Some(refusal),
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        aborted: None,
        records: Vec::new(),
    }
}

/// A partition of which nothing is read now.
fn standing(item: &mut Item, how: Telling) -> FetchedPartition {
    match (item.refusal(), item.bounds) {
        (Some(refusal), _) => refused(item, refusal),
        (None, None) => refused(item, Refusal::UnknownTopicOrPartition),
        (None, Some(bounds)) => {
            item.told = Some(bounds);
            bare(item.index, bounds, how)
        }
    }
}

fn by_topic(subscription: &Subscription, told: BTreeMap<ItemIndex, FetchedPartition>) -> Vec<FetchedTopic> {
    let mut places: BTreeMap<&TopicRef, usize> = BTreeMap::new();
    let mut topics: Vec<FetchedTopic> = Vec::new();
    for (index, partition) in told {
        let topic = &subscription.item(index).topic;
        let place = *places.entry(topic).or_insert(topics.len());
        if place == topics.len() {
            topics.push(FetchedTopic { topic: topic.clone(), partitions: Vec::new() });
        }
        topics[place].partitions.push(partition);
    }
    topics
}
