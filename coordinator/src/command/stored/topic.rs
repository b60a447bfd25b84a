//! Topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::ids::Uuid;
use apus_core::limits;
use rkyv::{Archive, Deserialize, Serialize};

use super::{HeadV1, Stored};
use crate::command::frame::Corrupt;
use crate::command::{Command, CreateTopic, Envelope, TopicKind};

const DISKLESS: u8 = 0;
const CLASSIC: u8 = 1;

/// See [`CreateTopic`]. Configs stand in the order of their keys.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct CreateTopicV1 {
    head: HeadV1,
    id: [u8; 16],
    name: String,
    kind: u8,
    partitions: u32,
    replication_factor: i16,
    configs: Vec<(String, String)>,
}

impl Stored for CreateTopicV1 {
    const FRAME: (u16, u16) = (3, 1);

    fn of(envelope: &Envelope) -> Option<CreateTopicV1> {
        let Command::CreateTopic(topic) = &envelope.command else {
            return None;
        };
        Some(CreateTopicV1 {
            head: HeadV1::of(envelope),
            id: topic.id.0,
            name: topic.name.to_string(),
            kind: match topic.kind {
                TopicKind::Diskless => DISKLESS,
                TopicKind::Classic => CLASSIC,
            },
            partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            configs: topic.configs.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let topic = CreateTopic {
            id: Uuid(self.id),
            name: Arc::from(self.name),
            kind: match self.kind {
                DISKLESS => TopicKind::Diskless,
                CLASSIC => TopicKind::Classic,
                _ => return Err(Corrupt::Value("a topic's kind")),
            },
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            configs: by_key(self.configs)?,
        };
        if topic.id.is_zero() || topic.name.is_empty() {
            return Err(Corrupt::Value("a topic without name or id"));
        }
        if topic.partitions == 0 || u64::from(topic.partitions) > limits::PARTITIONS_MAX {
            return Err(Corrupt::Value("a topic's count of partitions"));
        }
        Ok(self.head.with(Command::CreateTopic(topic)))
    }
}

/// See [`Command::DeleteTopic`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct DeleteTopicV1 {
    head: HeadV1,
    id: [u8; 16],
}

impl Stored for DeleteTopicV1 {
    const FRAME: (u16, u16) = (4, 1);

    fn of(envelope: &Envelope) -> Option<DeleteTopicV1> {
        let Command::DeleteTopic { id } = &envelope.command else {
            return None;
        };
        Some(DeleteTopicV1 { head: HeadV1::of(envelope), id: id.0 })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        Ok(self.head.with(Command::DeleteTopic { id: Uuid(self.id) }))
    }
}

/// See [`Command::GrowTopic`].
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct GrowTopicV1 {
    head: HeadV1,
    id: [u8; 16],
    partitions: u32,
}

impl Stored for GrowTopicV1 {
    const FRAME: (u16, u16) = (20, 1);

    fn of(envelope: &Envelope) -> Option<GrowTopicV1> {
        let Command::GrowTopic { id, partitions } = &envelope.command else {
            return None;
        };
        Some(GrowTopicV1 { head: HeadV1::of(envelope), id: id.0, partitions: *partitions })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        if u64::from(self.partitions) > limits::PARTITIONS_MAX {
            return Err(Corrupt::Value("a topic's count of partitions"));
        }
        Ok(self.head.with(Command::GrowTopic { id: Uuid(self.id), partitions: self.partitions }))
    }
}

/// See [`Command::ConfigureTopic`]. Configs stand in the order of their keys.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::command) struct ConfigureTopicV1 {
    head: HeadV1,
    id: [u8; 16],
    configs: Vec<(String, String)>,
}

impl Stored for ConfigureTopicV1 {
    const FRAME: (u16, u16) = (21, 1);

    fn of(envelope: &Envelope) -> Option<ConfigureTopicV1> {
        let Command::ConfigureTopic { id, configs } = &envelope.command else {
            return None;
        };
        let configs = configs.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        Some(ConfigureTopicV1 { head: HeadV1::of(envelope), id: id.0, configs })
    }

    fn envelope(self) -> Result<Envelope, Corrupt> {
        let configs = by_key(self.configs)?;
        Ok(self.head.with(Command::ConfigureTopic { id: Uuid(self.id), configs }))
    }
}

pub(super) fn by_key(configs: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Corrupt> {
    let count = configs.len();
    let by_key: BTreeMap<String, String> = configs.into_iter().collect();
    if by_key.len() == count { Ok(by_key) } else { Err(Corrupt::Value("a config that stands twice")) }
}
