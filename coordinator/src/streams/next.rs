//! A group's own numbers, on their way through a heartbeat.

use std::sync::Arc;

use apus_core::api::Topology;

use super::configured::Configured;
use super::rules::Rules;
use crate::command::streams::{ChangeStreams, NOT_READY, StoredStreamer, StoredStreams};

/// What is stored of a group beside its members.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) epoch: i32,
    pub(super) target_epoch: i32,
    topics_hash: u64,
    ready_epoch: i32,
    standby_replicas: u32,
    rack_tags: Arc<str>,
}

impl Next {
    pub(super) fn of(group: &StoredStreams) -> Next {
        Next {
            epoch: group.epoch,
            target_epoch: group.target_epoch,
            topics_hash: group.topics_hash,
            ready_epoch: group.ready_epoch,
            standby_replicas: group.standby_replicas,
            rack_tags: Arc::clone(&group.rack_tags),
        }
    }

    /// The epoch rises where members changed, topics, or what tasks are assigned by.
    pub(super) fn look(&mut self, rules: &Rules, configured: &Configured, topology: &Topology, changed: bool) {
        let ready_epoch = if configured.is_ready() { topology.epoch } else { NOT_READY };
        let rises = changed
            || self.topics_hash != configured.hash
            || self.ready_epoch != ready_epoch
            || self.standby_replicas != rules.standby_replicas
            || self.rack_tags != rules.rack_tags;
        if rises {
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        }
        (self.topics_hash, self.ready_epoch) = (configured.hash, ready_epoch);
        (self.standby_replicas, self.rack_tags) = (rules.standby_replicas, Arc::clone(&rules.rack_tags));
    }

    /// What is to be stored, if anything is.
    pub(super) fn change(
        self,
        group: &StoredStreams,
        id: &Arc<str>,
        topology: Option<Arc<Topology>>,
        left: Vec<Arc<str>>,
        members: Vec<Arc<StoredStreamer>>,
    ) -> Option<ChangeStreams> {
        let same = self.epoch == group.epoch && self.target_epoch == group.target_epoch;
        if same && topology.is_none() && left.is_empty() && members.is_empty() {
            return None;
        }
        let Next { epoch, target_epoch, topics_hash, ready_epoch, standby_replicas, rack_tags } = self;
        Some(ChangeStreams {
            group: Arc::clone(id),
            epoch,
            target_epoch,
            topics_hash,
            ready_epoch,
            standby_replicas,
            rack_tags,
            topology,
            left,
            members,
        })
    }
}
