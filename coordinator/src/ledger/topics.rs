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
/// | 1 | 0 diskless, 1 classic | | 4 | configs |
/// | 2 | replication factor | | text, text | key and value of each, by key |
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
    /// The ledger's number of its partition 0; the others follow.
    pub first: PartitionId,
    /// How many partitions.
    pub partitions: u32,
    /// What the creator set, by key.
    pub configs: Arc<BTreeMap<String, String>>,
}

impl TopicRecord {
    pub(crate) fn of(topic: &CreateTopic, first: u32) -> TopicRecord {
        TopicRecord {
            id: topic.id,
            name: Arc::clone(&topic.name),
            kind: topic.kind,
            replication_factor: topic.replication_factor,
            first: PartitionId(first),
            partitions: topic.partitions,
            configs: Arc::new(topic.configs.clone()),
        }
    }

    /// Its partitions, by Kafka's index.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (self.first.0..self.first.0 + self.partitions).map(PartitionId)
    }
}

impl Record for TopicRecord {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0);
        put_text(out, &self.name);
        out.push(match self.kind {
            TopicKind::Diskless => 0,
            TopicKind::Classic => 1,
        });
        out.extend_from_slice(&self.replication_factor.to_le_bytes());
        out.extend_from_slice(&self.first.0.to_le_bytes());
        out.extend_from_slice(&self.partitions.to_le_bytes());
        out.extend_from_slice(&(self.configs.len() as u32).to_le_bytes());
        for (key, value) in self.configs.iter() {
            put_text(out, key);
            put_text(out, value);
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<TopicRecord, Corrupt> {
        let mut topic = TopicRecord {
            id: Uuid(bytes.array()?),
            name: bytes.text()?,
            kind: match bytes.u8()? {
                0 => TopicKind::Diskless,
                1 => TopicKind::Classic,
                _ => return Err(Corrupt::Value("a topic's kind")),
            },
            replication_factor: bytes.i16()?,
            first: PartitionId(bytes.u32()?),
            partitions: bytes.u32()?,
            configs: Arc::default(),
        };
        if topic.first.0.checked_add(topic.partitions).is_none() {
            return Err(Corrupt::Value("a topic's partitions"));
        }
        let mut configs = BTreeMap::new();
        for _ in 0..bytes.u32()? {
            configs.insert(bytes.text()?.to_string(), bytes.text()?.to_string());
        }
        topic.configs = Arc::new(configs);
        Ok(topic)
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
