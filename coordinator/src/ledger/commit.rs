//! Commits: offsets are given here and nowhere else.
//!
//! Batches are taken in order. Consecutive accepted ones of a partition that touch each other in the object grow into
//! one extent; a refused or duplicate batch between them breaks it, for its bytes are dead.

use apus_core::batch::{ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL};
use apus_core::error::Refusal;
use apus_core::extent::{Extent, Home, Placed};
use apus_core::ids::PartitionId;
use apus_core::limits;

use super::extents::{OFFSET_MAX, Packed};
use super::outcome::{Accepted, Answer, Decision};
use super::producers::{Judgement, Producer, judge};
use super::removal::Removed;
use super::shelf::Spot;
use super::windows::Slot;
use super::{Ledger, Partition};
use crate::command::{Commit, CommitEntry};

/// One commit under way.
struct Growth {
    /// Its object's number.
    object: u32,
    home: Home,
    /// The extent that the next batch may continue.
    open: Option<Placed>,
    placed: Vec<Placed>,
}

impl Ledger {
    pub(super) fn commit(&mut self, commit: &Commit, removed: &mut Removed) -> Decision {
        let lsn = self.scalars.lsn;
        if let Some(pack) = commit.stored {
            let refuse = |refusal| vec![Err(refusal); commit.batches.len()];
            let answers = match self.windows.find(pack) {
                Slot::Open if self.objects.find(Home::Pack(pack)).is_none() => None,
                Slot::Committed { answers, .. } if answers.len() == commit.batches.len() => Some(answers.to_vec()),
                Slot::Abandoned => Some(refuse(Refusal::KafkaStorageError)),
                _ => Some(refuse(Refusal::RequestTimedOut)),
            };
            if let Some(answers) = answers {
                return Decision::Committed { answers, placed: Vec::new() };
            }
        }
        let home = commit.stored.map_or(Home::Journal(lsn), Home::Pack);
        let object = self.objects.add(lsn, home, commit.object_bytes);
        let mut growth = Growth { object, home, open: None, placed: Vec::new() };
        let answers: Vec<Answer> = commit.batches.iter().map(|batch| self.accept(&mut growth, batch)).collect();
        self.close(&mut growth);
        self.objects.hold(lsn, object, &growth.placed);
        removed.settle(self, object);
        if let Some(pack) = commit.stored {
            self.windows.resolve(lsn, pack, Slot::committed(&answers));
        }
        assert!(answers.len() == commit.batches.len());
        Decision::Committed { answers, placed: growth.placed }
    }

    fn accept(&mut self, growth: &mut Growth, batch: &CommitEntry) -> Answer {
        let facts = &batch.facts;
        if growth.open.is_some_and(|open| open.partition != batch.partition) {
            self.close(growth);
        }
        let partition = self.living(batch.partition).ok_or(Refusal::UnknownTopicOrPartition)?;
        if facts.has(ATTRIBUTE_TRANSACTIONAL) || facts.has(ATTRIBUTE_CONTROL) {
            return Err(Refusal::InvalidRequest);
        }
        let sound = facts.offsets > 0 && facts.bytes > 0 && batch.position.checked_add(facts.bytes).is_some();
        if !sound {
            return Err(Refusal::InvalidRequest);
        }
        let key = facts.sequence.map(|sequence| (batch.partition.0, sequence.producer.0));
        let spot = key.and_then(|key| self.producers.spot(key));
        let known = spot.map(|spot| self.producers.at(spot));
        if let Some(sequence) = &facts.sequence {
            match judge(known, sequence, facts.offsets) {
                Judgement::Accept => {}
                Judgement::Refuse(refusal) => return Err(refusal),
                Judgement::Duplicate(first) => {
                    return Ok(Accepted {
                        base_offset: first.base_offset,
                        log_start_offset: partition.log_start_offset,
                        duplicate: true,
                        timestamp_max: first.timestamp_max,
                    });
                }
            }
        }
        let fresh_producer = facts.sequence.is_some() && known.is_none();
        if fresh_producer && self.producers.count() >= limits::PRODUCERS_MAX {
            return Err(Refusal::KafkaStorageError);
        }
        let base_offset = growth.open.map_or(partition.high_watermark, |open| open.extent.end);
        self.grow(growth, batch, base_offset)?;
        self.remember(batch, base_offset, spot);
        let log_start_offset = partition.log_start_offset;
        Ok(Accepted { base_offset, log_start_offset, duplicate: false, timestamp_max: facts.timestamp_max })
    }

    /// Adds the batch to the open extent, or opens one for it.
    fn grow(&mut self, growth: &mut Growth, batch: &CommitEntry, base_offset: i64) -> Result<(), Refusal> {
        let facts = &batch.facts;
        let end = base_offset + i64::from(facts.offsets);
        if end > OFFSET_MAX {
            return Err(Refusal::KafkaStorageError);
        }
        if let Some(open) = &mut growth.open {
            let extent = &mut open.extent;
            if extent.position + extent.bytes == batch.position {
                extent.bytes += facts.bytes;
                extent.end = end;
                extent.timestamp_max = extent.timestamp_max.max(facts.timestamp_max);
                return Ok(());
            }
        }
        let opened = u64::from(growth.open.is_some());
        if self.extents.count() + opened >= limits::EXTENTS_MAX {
            return Err(Refusal::KafkaStorageError);
        }
        self.close(growth);
        let extent = Extent {
            start: base_offset,
            end,
            home: growth.home,
            position: batch.position,
            bytes: facts.bytes,
            timestamp_max: facts.timestamp_max,
            transactional: false,
            control: false,
        };
        growth.open = Some(Placed { partition: batch.partition, extent });
        Ok(())
    }

    /// The open extent is whole: it counts.
    fn close(&mut self, growth: &mut Growth) {
        let Some(placed) = growth.open.take() else {
            return;
        };
        let (lsn, extent) = (self.scalars.lsn, &placed.extent);
        self.partitions.update(lsn, placed.partition.0, |partition| {
            assert!(partition.high_watermark == extent.start, "gap at {}", partition.high_watermark);
            partition.high_watermark = extent.end;
            partition.bytes += u64::from(extent.bytes);
        });
        self.extents.insert(lsn, Packed::of(placed.partition, growth.object, extent));
        growth.placed.push(placed);
    }

    fn remember(&mut self, batch: &CommitEntry, base_offset: i64, spot: Option<Spot>) {
        let Some(sequence) = &batch.facts.sequence else {
            return;
        };
        let (lsn, now_ms) = (self.scalars.lsn, self.scalars.clock_ms);
        let (offsets, timestamp_max) = (batch.facts.offsets, batch.facts.timestamp_max);
        let change = |producer: &mut Producer| {
            producer.remember(sequence, offsets, base_offset, timestamp_max);
            producer.last_ms = now_ms;
        };
        if let Some(spot) = spot {
            self.producers.update(lsn, spot, change);
        } else {
            let mut producer = Producer::new(batch.partition.0, sequence);
            change(&mut producer);
            self.producers.insert(lsn, producer);
        }
    }

    /// The head of a partition whose topic is not deleted.
    pub(super) fn living(&self, partition: PartitionId) -> Option<Partition> {
        self.partitions.get(partition.0).copied().filter(|partition| !partition.gone)
    }
}
