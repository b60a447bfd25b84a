//! Topics and the heads of their partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::ids::{PartitionId, TopicId, Uuid};

use super::record::{Cursor, Record, put_text};
use crate::command::{Corrupt, CreateTopic, TopicKind};

/// One incarnation of a topic, as the ledger keeps it.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 16 | id | | 4 | first partition |
/// | text | name | | 4 | partitions |
/// | 1 | 0 diskless, 1 classic; 2 more where it grew | | 4 | configs |
/// | 2 | replication factor | | text, text | key and value of each, by key |
///
/// and where it grew 4 bytes of how often, then for each time first partition and partitions (4 each).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its id, never zero.
    pub id: TopicId,
    /// Its name.
    pub name: Arc<str>,
    /// Where its records live.
    pub kind: TopicKind,
    /// As the creator asked.
    pub replication_factor: i16,
    /// The partitions that it was created with.
    created: Span,
    details: Arc<Details>,
}

/// Partitions whose numbers follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: u32,
    partitions: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Details {
    configs: BTreeMap<String, String>,
    /// The partitions that came later, in the order of Kafka's indexes.
    grown: Vec<Span>,
}

impl Span {
    fn read(bytes: &mut Cursor<'_>) -> Result<Span, Corrupt> {
        let span = Span { first: bytes.u32()?, partitions: bytes.u32()? };
        let end = span.first.checked_add(span.partitions);
        if end.is_some() { Ok(span) } else { Err(Corrupt::Value("a topic's partitions")) }
    }
}

const GREW: u8 = 2;

impl TopicRecord {
    pub(crate) fn of(topic: &CreateTopic, first: u32) -> TopicRecord {
        TopicRecord {
            id: topic.id,
            name: Arc::clone(&topic.name),
            kind: topic.kind,
            replication_factor: topic.replication_factor,
            created: Span { first, partitions: topic.partitions },
            details: Arc::new(Details { configs: topic.configs.clone(), grown: Vec::new() }),
        }
    }

    /// What was set, by key.
    #[must_use]
    pub fn configs(&self) -> &BTreeMap<String, String> {
        &self.details.configs
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.spans().map(|span| span.partitions).sum()
    }

    /// The ledger's numbers of its partitions, by Kafka's index.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.spans().flat_map(|span| span.first..span.first + span.partitions).map(PartitionId)
    }

    /// The number of a partition, by Kafka's index of it.
    #[must_use]
    pub fn partition_at(&self, index: i32) -> Option<PartitionId> {
        let mut rest = u32::try_from(index).ok()?;
        for span in self.spans() {
            if rest < span.partitions {
                return Some(PartitionId(span.first + rest));
            }
            rest -= span.partitions;
        }
        None
    }

    /// Kafka's index of a partition, by its number.
    #[must_use]
    pub fn index_of(&self, partition: PartitionId) -> Option<i32> {
        let mut before = 0;
        for span in self.spans() {
            if let Some(inside) = partition.0.checked_sub(span.first).filter(|inside| *inside < span.partitions) {
                return i32::try_from(before + inside).ok();
            }
            before += span.partitions;
        }
        None
    }

    fn spans(&self) -> impl Iterator<Item = &Span> {
        std::iter::once(&self.created).chain(&self.details.grown)
    }

    /// So many partitions more, with these numbers.
    pub(crate) fn grow(&mut self, first: u32, partitions: u32) {
        assert!(partitions > 0);
        Arc::make_mut(&mut self.details).grown.push(Span { first, partitions });
    }

    /// All that is set from now on.
    pub(crate) fn configure(&mut self, configs: &BTreeMap<String, String>) {
        Arc::make_mut(&mut self.details).configs.clone_from(configs);
    }
}

impl Record for TopicRecord {
    const PAGE_ENTRIES: usize = 1170;

    fn write(&self, out: &mut Vec<u8>) {
        let Details { configs, grown } = &*self.details;
        out.extend_from_slice(&self.id.0);
        put_text(out, &self.name);
        let kind = match self.kind {
            TopicKind::Diskless => 0,
            TopicKind::Classic => 1,
        };
        out.push(if grown.is_empty() { kind } else { kind | GREW });
        out.extend_from_slice(&self.replication_factor.to_le_bytes());
        out.extend_from_slice(&self.created.first.to_le_bytes());
        out.extend_from_slice(&self.created.partitions.to_le_bytes());
        out.extend_from_slice(&(configs.len() as u32).to_le_bytes());
        for (key, value) in configs {
            put_text(out, key);
            put_text(out, value);
        }
        if !grown.is_empty() {
            out.extend_from_slice(&(grown.len() as u32).to_le_bytes());
        }
        for span in grown {
            out.extend_from_slice(&span.first.to_le_bytes());
            out.extend_from_slice(&span.partitions.to_le_bytes());
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<TopicRecord, Corrupt> {
        let (id, name, kind) = (Uuid(bytes.array()?), bytes.text()?, bytes.u8()?);
        let replication_factor = bytes.i16()?;
        let created = Span::read(bytes)?;
        let mut details = Details::default();
        for _ in 0..bytes.u32()? {
            details.configs.insert(bytes.text()?.to_string(), bytes.text()?.to_string());
        }
        if kind & GREW != 0 {
            for _ in 0..bytes.u32()? {
                details.grown.push(Span::read(bytes)?);
            }
            if details.grown.is_empty() || details.grown.iter().any(|span| span.partitions == 0) {
                return Err(Corrupt::Value("a topic that grew by nothing"));
            }
        }
        let spans = std::iter::once(&created).chain(&details.grown);
        let partitions: u64 = spans.map(|span| u64::from(span.partitions)).sum();
        if i32::try_from(partitions).is_err() {
            return Err(Corrupt::Value("a topic's partitions"));
        }
        let kind = match kind & !GREW {
            0 => TopicKind::Diskless,
            1 => TopicKind::Classic,
            _ => return Err(Corrupt::Value("a topic's kind")),
        };
        Ok(TopicRecord { id, name, kind, replication_factor, created, details: Arc::new(details) })
    }
}

/// The head of a partition.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 4 | number of its topic | | 8 | high watermark |
/// | 8 | first offset | | 8 | bytes in its extents |
/// | 1 | 1: its topic is deleted | | | |
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partition {
    pub(crate) topic: u32,
    pub(crate) log_start_offset: i64,
    pub(crate) high_watermark: i64,
    pub(crate) bytes: u64,
    /// Its topic is deleted; it is there until the last extent and producer are gone.
    pub(crate) gone: bool,
}

impl Partition {
    pub(crate) fn new(topic: u32) -> Partition {
        Partition { topic, log_start_offset: 0, high_watermark: 0, bytes: 0, gone: false }
    }
}

impl Record for Partition {
    const PAGE_ENTRIES: usize = 2048;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.topic.to_le_bytes());
        out.extend_from_slice(&self.log_start_offset.to_le_bytes());
        out.extend_from_slice(&self.high_watermark.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.push(u8::from(self.gone));
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Partition, Corrupt> {
        let partition = Partition {
            topic: bytes.u32()?,
            log_start_offset: bytes.i64()?,
            high_watermark: bytes.i64()?,
            bytes: bytes.u64()?,
            gone: bytes.flag()?,
        };
        let (start, end) = (partition.log_start_offset, partition.high_watermark);
        if start < 0 || start > end || end > super::extents::OFFSET_MAX {
            return Err(Corrupt::Value("a partition's bounds"));
        }
        Ok(partition)
    }
}
