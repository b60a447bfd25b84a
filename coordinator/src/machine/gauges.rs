//! How a coordinator stands, for whoever watches: gathered when somebody asks, on the core that owns it.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::ids::PartitionId;
use apus_core::limits::GROUP_LAGS_MAX;

use super::{Coordinator, Stage};
use crate::journal::{Claim, Room};
use crate::ledger::{Ledger, Pressure};

/// Numbers that go up and down.
#[derive(Clone, Debug)]
pub struct CoordinatorGauges {
    /// Bytes of the journal's segments on disk.
    pub journal_bytes: u64,
    /// Bytes that they may come to.
    pub journal_bytes_max: u64,
    /// Topics.
    pub topics: u64,
    /// How full the ledger is.
    pub pressure: Pressure,
    /// Groups by state.
    pub groups: BTreeMap<&'static str, u64>,
    /// How far groups are behind, [`GROUP_LAGS_MAX`] at most, by group.
    pub lags: Vec<GroupLag>,
}

/// How far a group is behind in a partition.
#[derive(Clone, Debug)]
pub struct GroupLag {
    /// The group.
    pub group: Arc<str>,
    /// The topic.
    pub topic: Arc<str>,
    /// Kafka's partition index.
    pub partition: i32,
    /// The committed offset.
    pub offset: i64,
    /// Records from there to the high watermark.
    pub lag: i64,
}

impl Coordinator {
    /// How it stands; nothing before it leads.
    #[must_use]
    pub fn gauges(&self) -> Option<CoordinatorGauges> {
        let Stage::Leads(leader) = &self.stage else { return None };
        let ledger = &leader.ledger;
        Some(CoordinatorGauges {
            journal_bytes: leader.journal.bytes(),
            journal_bytes_max: self.config.journal.bytes_max,
            topics: ledger.topics().count() as u64,
            pressure: ledger.pressure(),
            groups: leader.membership.groups.counts(&leader.membership.counts(ledger), ledger),
            lags: lags(ledger),
        })
    }

    /// Whether a client's write would find room in the journal, now or once a segment is made that is being made.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let Stage::Leads(leader) = &self.stage else { return false };
        leader.journal.room(0, None, Claim::Client) != Room::No
    }
}

fn lags(ledger: &Ledger) -> Vec<GroupLag> {
    let mut lags = Vec::new();
    for group in ledger.groups_behind(None) {
        for (partition, position) in ledger.group_positions(&group.id, PartitionId(0)) {
            if lags.len() == GROUP_LAGS_MAX {
                return lags;
            }
            let (Some(topic), Some(bounds)) = (ledger.topic_of(partition), ledger.bounds(partition)) else { continue };
            let index = topic.index_of(partition).expect("a topic has its partitions");
            let offset = position.offset.offset;
            lags.push(GroupLag {
                group: Arc::clone(&group.id),
                topic: Arc::clone(&topic.name),
                partition: index,
                offset,
                lag: (bounds.high_watermark - offset.max(bounds.log_start_offset)).max(0),
            });
        }
    }
    lags
}
