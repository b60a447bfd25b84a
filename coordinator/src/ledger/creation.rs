//! Topics that come to be, grow, and are set up anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::error::Refusal;
use apus_core::ids::TopicId;
use apus_core::limits;

use super::Ledger;
use super::topics::{Partition, TopicRecord};
use crate::command::CreateTopic;

impl Ledger {
    pub(super) fn create_topic(&mut self, topic: &CreateTopic) -> Result<TopicRecord, Refusal> {
        if topic.id.is_zero() || topic.name.is_empty() || topic.partitions == 0 {
            return Err(Refusal::InvalidRequest);
        }
        if self.by_name.contains_key(&topic.name) || self.by_id.contains_key(&topic.id) {
            return Err(Refusal::TopicAlreadyExists);
        }
        let first = self.room_for(topic.partitions)?;
        let state = TopicRecord::of(topic, first);
        let number = self.topics.insert(self.scalars.lsn, state.clone());
        self.add_partitions(number, first, topic.partitions);
        self.by_id.insert(topic.id, number);
        self.by_name.insert(Arc::clone(&topic.name), number);
        Ok(state)
    }

    /// Only upwards: partitions go with their topic.
    pub(super) fn grow_topic(&mut self, id: TopicId, partitions: u32) -> Result<TopicRecord, Refusal> {
        let number = *self.by_id.get(&id).ok_or(Refusal::UnknownTopicId)?;
        let before = self.topics.get(number).expect("an id belongs to a topic").partitions();
        let added = partitions.checked_sub(before).filter(|added| *added > 0).ok_or(Refusal::InvalidPartitions)?;
        let first = self.room_for(added)?;
        self.add_partitions(number, first, added);
        Ok(self.topics.update(self.scalars.lsn, number, |topic| {
            topic.grow(first, added);
            topic.clone()
        }))
    }

    pub(super) fn configure_topic(
        &mut self,
        id: TopicId,
        configs: &BTreeMap<String, String>,
    ) -> Result<TopicRecord, Refusal> {
        let number = *self.by_id.get(&id).ok_or(Refusal::UnknownTopicId)?;
        Ok(self.topics.update(self.scalars.lsn, number, |topic| {
            topic.configure(configs);
            topic.clone()
        }))
    }

    /// The number of the first of so many new partitions, where they fit.
    fn room_for(&self, partitions: u32) -> Result<u32, Refusal> {
        let first = self.partitions.end();
        let fits = self.partitions.count() + u64::from(partitions) <= limits::PARTITIONS_MAX;
        if fits && first.checked_add(partitions).is_some() { Ok(first) } else { Err(Refusal::KafkaStorageError) }
    }

    fn add_partitions(&mut self, topic: u32, first: u32, partitions: u32) {
        for expected in first..first + partitions {
            let partition = self.partitions.insert(self.scalars.lsn, Partition::new(topic));
            assert!(partition == expected, "partitions are numbered in order");
        }
    }
}
