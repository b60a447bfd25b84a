//! What the coordinator answers from the ledger. Only here is an offset ever out of range.

use apus_core::api::{ActiveProducer, OffsetAt};
use apus_core::error::Refusal;
use apus_core::extent::{Extent, Home};
use apus_core::ids::{Lsn, PackId, PartitionId, TopicId};
use apus_core::limits;
use apus_core::message::{Bounds, Found, Located, Opened};

use super::Ledger;
use super::extents::from_offset;
use super::outcome::Known;
use super::producers::Producer;
use super::topics::{Partition, TopicRecord};

const NOWHERE: Found = Found::Offset { offset: -1, timestamp_ms: -1 };

/// Extents that one look-up returns at most, however many bytes are asked for.
const LOCATE_EXTENTS_MAX: usize = 1_024;

impl Ledger {
    /// First offset and the offset behind the last.
    #[must_use]
    pub fn bounds(&self, partition: PartitionId) -> Option<Bounds> {
        self.living(partition).map(|partition| bounds(&partition))
    }

    /// The idempotent producers of a partition that are remembered.
    ///
    /// # Errors
    /// Where the partition is unknown.
    pub fn producers(&self, partition: PartitionId) -> Result<Vec<ActiveProducer>, Refusal> {
        self.living(partition).ok_or(Refusal::UnknownTopicOrPartition)?;
        let found = self.producers.from((partition.0, i64::MIN));
        let found = found.take_while(|producer| producer.partition == partition.0);
        Ok(found.map(Producer::active).collect())
    }

    /// A tail's beginning: the bounds and the newest extents.
    ///
    /// # Errors
    /// Where the partition is unknown.
    pub fn opened(&self, partition: PartitionId) -> Result<Opened, Refusal> {
        let head = self.living(partition).ok_or(Refusal::UnknownTopicOrPartition)?;
        let mut recent = Vec::new();
        let mut end = head.high_watermark;
        while recent.len() < limits::TAIL_EXTENTS_MAX && end > head.log_start_offset {
            let packed = self.extents.below((partition.0, end)).expect("extents tile the log");
            assert!(packed.partition == partition.0, "extents tile the log");
            recent.push(packed.extent(end, &self.objects));
            end = packed.start();
        }
        recent.reverse();
        Ok(Opened { bounds: bounds(&head), recent })
    }

    /// Extents that hold the offset and what follows, until they hold so many bytes; at least
    /// [`limits::LOCATE_EXTENTS_MIN`] where there are so many. None at the high watermark.
    ///
    /// # Errors
    /// Where the partition is unknown, or the offset outside of its bounds.
    pub fn locate(&self, partition: PartitionId, offset: i64, bytes_max: u32) -> Result<Located, Refusal> {
        let head = self.living(partition).ok_or(Refusal::UnknownTopicOrPartition)?;
        if offset < head.log_start_offset || offset > head.high_watermark {
            return Err(Refusal::OffsetOutOfRange);
        }
        let mut extents: Vec<Extent> = Vec::new();
        let mut bytes = 0_u64;
        if offset < head.high_watermark {
            for (packed, end) in from_offset(&self.extents, partition, offset, head.high_watermark) {
                let enough = bytes >= u64::from(bytes_max) && extents.len() >= limits::LOCATE_EXTENTS_MIN;
                if enough || extents.len() == LOCATE_EXTENTS_MAX {
                    break;
                }
                bytes += u64::from(packed.bytes);
                extents.push(packed.extent(end, &self.objects));
            }
        }
        Ok(Located { bounds: bounds(&head), extents })
    }

    /// An offset by name or time; by time, among the records from an offset on. Without transactions, everything below
    /// the high watermark is committed.
    ///
    /// The first offset may lie inside an extent, whose newest timestamp may then be that of a record below it: whoever
    /// reads the extent is told from where on records count, and asks again behind it where none of them does.
    ///
    /// # Errors
    /// Where the partition is unknown.
    pub fn offset(
        &self,
        partition: PartitionId,
        at: OffsetAt,
        from: i64,
        _committed_only: bool,
    ) -> Result<Found, Refusal> {
        let head = self.living(partition).ok_or(Refusal::UnknownTopicOrPartition)?;
        let named = |offset| Found::Offset { offset, timestamp_ms: -1 };
        let part = Partition { log_start_offset: head.log_start_offset.max(from), ..head };
        let within = |extent: Extent, timestamp_ms| {
            let from = extent.start.max(part.log_start_offset);
            assert!(
                (extent.start..extent.end).contains(&from),
                "an extent that was searched ends behind the first offset"
            );
            Found::Within { extent, from, timestamp_ms }
        };
        Ok(match at {
            OffsetAt::Latest => named(head.high_watermark),
            OffsetAt::Earliest | OffsetAt::EarliestLocal => named(head.log_start_offset),
            OffsetAt::LastTiered | OffsetAt::EarliestPendingUpload => NOWHERE,
            OffsetAt::MaxTimestamp => {
                let newest = self.newest(partition, &part);
                newest.map_or(NOWHERE, |(extent, timestamp_ms)| within(extent, timestamp_ms))
            }
            OffsetAt::Time(timestamp_ms) => {
                let extent = self.first_since(partition, &part, timestamp_ms);
                extent.map_or(NOWHERE, |extent| within(extent, timestamp_ms))
            }
        })
    }

    /// The first extent, in the order of offsets, with a record at or after this time. Times do not rise with offsets,
    /// so there is nothing to bisect: leaves whose newest record is older are passed over whole.
    fn first_since(&self, partition: PartitionId, head: &Partition, timestamp_ms: i64) -> Option<Extent> {
        let found =
            self.scan(partition, head, |rank_max| rank_max >= timestamp_ms, |timestamp, _| timestamp >= timestamp_ms)?;
        self.extent_at(partition, head, found)
    }

    /// The first extent among those with the newest timestamp.
    fn newest(&self, partition: PartitionId, head: &Partition) -> Option<(Extent, i64)> {
        if head.log_start_offset >= head.high_watermark {
            return None;
        }
        let mut best: Option<(i64, i64)> = None;
        let mut newest = i64::MIN;
        for (rank_max, run) in self.extents.runs(self.first_key(partition, head)) {
            if run.first().is_some_and(|packed| packed.partition > partition.0) {
                break;
            }
            if rank_max <= newest {
                continue;
            }
            for packed in run.iter().take_while(|packed| packed.partition == partition.0) {
                if packed.timestamp_max > newest {
                    newest = packed.timestamp_max;
                    best = Some((packed.start(), packed.timestamp_max));
                }
            }
        }
        let (start, timestamp_ms) = best.filter(|(_, timestamp_ms)| *timestamp_ms >= 0)?;
        Some((self.extent_at(partition, head, start)?, timestamp_ms))
    }

    fn scan(
        &self,
        partition: PartitionId,
        head: &Partition,
        leaf: impl Fn(i64) -> bool,
        entry: impl Fn(i64, i64) -> bool,
    ) -> Option<i64> {
        if head.log_start_offset >= head.high_watermark {
            return None;
        }
        for (rank_max, run) in self.extents.runs(self.first_key(partition, head)) {
            if run.first().is_some_and(|packed| packed.partition > partition.0) {
                return None;
            }
            if !leaf(rank_max) {
                continue;
            }
            let mut own = run.iter().take_while(|packed| packed.partition == partition.0);
            if let Some(packed) = own.find(|packed| entry(packed.timestamp_max, packed.start())) {
                return Some(packed.start());
            }
        }
        None
    }

    /// The key of the extent that holds the partition's first offset.
    fn first_key(&self, partition: PartitionId, head: &Partition) -> (u32, i64) {
        let holder = self.extents.floor((partition.0, head.log_start_offset));
        let start = holder.filter(|packed| packed.partition == partition.0).map_or(0, |packed| packed.start());
        (partition.0, start)
    }

    fn extent_at(&self, partition: PartitionId, head: &Partition, start: i64) -> Option<Extent> {
        let (packed, end) = from_offset(&self.extents, partition, start, head.high_watermark).next()?;
        Some(packed.extent(end, &self.objects))
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &TopicRecord> {
        self.by_name.values().map(|number| self.topics.get(*number).expect("a name belongs to a topic"))
    }

    /// A topic by its id.
    #[must_use]
    pub fn topic(&self, id: TopicId) -> Option<&TopicRecord> {
        self.topics.get(*self.by_id.get(&id)?)
    }

    /// A topic by its name.
    #[must_use]
    pub fn topic_named(&self, name: &str) -> Option<&TopicRecord> {
        self.topics.get(*self.by_name.get(name)?)
    }

    /// The topic of a partition.
    #[must_use]
    pub fn topic_of(&self, partition: PartitionId) -> Option<&TopicRecord> {
        self.topics.get(self.living(partition)?.topic)
    }

    /// Bytes in a partition's extents.
    #[must_use]
    pub fn partition_bytes(&self, partition: PartitionId) -> Option<u64> {
        self.living(partition).map(|partition| partition.bytes)
    }

    /// The live extents of a partition, in order.
    pub fn extents(&self, partition: PartitionId) -> impl Iterator<Item = Extent> + '_ {
        let head = self.living(partition).filter(|head| head.log_start_offset < head.high_watermark);
        head.into_iter().flat_map(move |head| {
            from_offset(&self.extents, partition, head.log_start_offset, head.high_watermark)
                .map(|(packed, end)| packed.extent(end, &self.objects))
        })
    }

    /// Journal homes with live extents, oldest first, each with their bytes: what lies behind the oldest may not be
    /// freed.
    pub fn inline_homes(&self) -> impl Iterator<Item = (Lsn, u64)> + '_ {
        self.objects.inline()
    }

    /// The same without the bytes.
    pub fn journal_homes(&self) -> impl Iterator<Item = Lsn> + '_ {
        self.objects.inline().map(|(lsn, _)| lsn)
    }

    /// Packs in which an extent lives.
    pub fn live_packs(&self) -> impl Iterator<Item = PackId> + '_ {
        self.objects.live()
    }

    /// Packs without a live extent that died before this journaled time, the longest dead first.
    pub fn dead_objects(&self, before_ms: i64) -> impl Iterator<Item = PackId> + '_ {
        self.objects.dead(before_ms)
    }

    /// True while a live extent lies in the pack.
    #[must_use]
    pub fn is_referenced(&self, pack: PackId) -> bool {
        self.objects.find(Home::Pack(pack)).is_some_and(|object| object.live_extents > 0)
    }

    /// What is known of a pack that the store lists.
    #[must_use]
    pub fn known(&self, pack: PackId) -> Known {
        self.windows.known(pack)
    }
}

fn bounds(partition: &Partition) -> Bounds {
    Bounds { log_start_offset: partition.log_start_offset, high_watermark: partition.high_watermark }
}
