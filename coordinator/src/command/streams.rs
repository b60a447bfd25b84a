//! What is durable of a streams group: everything but when its members were heard, and what they say of their states.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{GroupClient, InternalTopic, KeyValues, StreamsEndpoint, Subtopology, Topology};

use super::consumers::AWAY;

/// What a member takes beside its texts and tasks: 110 in a command.
const MEMBER_BYTES: u64 = 160;
/// What a task takes at most: two numbers, and the epoch that it was given at.
const TASK_BYTES: u64 = 12;
/// The version of the topology of a group whose topics are not all there.
pub const NOT_READY: i32 = -1;

/// A partition of a part of the topology: what one member runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// Which part, as an index of the group's topology, which never changes.
    pub subtopology: u32,
    /// The partition.
    pub partition: u32,
}

/// Tasks by what is done with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Those that are run, each with the epoch that it was given at; of targets, 0.
    pub active: BTreeMap<Task, i32>,
    /// Those whose state is kept for others.
    pub standby: BTreeSet<Task>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredStreams {
    /// Rises with every change of its members, of the topics of its topology, and of what tasks are assigned by.
    pub epoch: i32,
    /// The epoch that targets were computed for; at most `epoch`.
    pub target_epoch: i32,
    /// What the topics were that targets were computed of.
    pub topics_hash: u64,
    /// The version of the topology whose topics are all there, or [`NOT_READY`].
    pub ready_epoch: i32,
    /// How many replicas of each state targets were computed for, beside the tasks themselves.
    pub standby_replicas: u32,
    /// Tags that placement was to follow.
    pub rack_tags: Arc<str>,
    /// What it computes; its parts in the order of their ids.
    pub topology: Option<Arc<Topology>>,
    /// Everyone, by id.
    pub members: BTreeMap<Arc<str>, Arc<StoredStreamer>>,
}

/// A member of [`StoredStreams`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredStreamer {
    /// Its id.
    pub id: Arc<str>,
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack_id: Option<Arc<str>>,
    /// Who is behind it.
    pub client: GroupClient,
    /// How long it may take to give tasks back, milliseconds.
    pub rebalance_timeout_ms: i32,
    /// The version of the topology that it joined with.
    pub topology_epoch: i32,
    /// The process that it lives in: members of one share the directory of their states.
    pub process_id: Arc<str>,
    /// Where it answers questions.
    pub endpoint: Option<StreamsEndpoint>,
    /// What its placement may follow, by key.
    pub tags: KeyValues,
    /// The epoch that it was told, or [`AWAY`].
    pub epoch: i32,
    /// The one before: its answer may have been lost.
    pub previous_epoch: i32,
    /// What it has.
    pub assigned: Tasks,
    /// What it is to give back and may have still.
    pub revoking: Tasks,
    /// What it is to have in the end.
    pub target: Tasks,
}

/// What changed in a group: the members that did, and those that left. A group that is not there comes to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeStreams {
    /// The group.
    pub group: Arc<str>,
    /// See [`StoredStreams`].
    pub epoch: i32,
    /// See [`StoredStreams`].
    pub target_epoch: i32,
    /// See [`StoredStreams`].
    pub topics_hash: u64,
    /// See [`StoredStreams`].
    pub ready_epoch: i32,
    /// See [`StoredStreams`].
    pub standby_replicas: u32,
    /// See [`StoredStreams`].
    pub rack_tags: Arc<str>,
    /// What the group computes, where it did not know; nothing: as before.
    pub topology: Option<Arc<Topology>>,
    /// Those who left; they go first.
    pub left: Vec<Arc<str>>,
    /// Those who came or changed, whole.
    pub members: Vec<Arc<StoredStreamer>>,
}

impl Tasks {
    /// True where there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty() && self.standby.is_empty()
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.active.len() + self.standby.len()
    }

    /// True where both are the same tasks, whenever they were given.
    #[must_use]
    pub fn are(&self, other: &Tasks) -> bool {
        self.active.keys().eq(other.active.keys()) && self.standby == other.standby
    }

    /// True where none of the other ones is among these.
    #[must_use]
    pub fn is_without(&self, other: &Tasks) -> bool {
        other.active.keys().all(|task| !self.active.contains_key(task)) && self.standby.is_disjoint(&other.standby)
    }

    /// True where all of these are among the other ones.
    #[must_use]
    pub fn is_within(&self, other: &Tasks) -> bool {
        self.active.keys().all(|task| other.active.contains_key(task)) && self.standby.is_subset(&other.standby)
    }

    fn all(&self) -> impl Iterator<Item = &Task> {
        self.active.keys().chain(&self.standby)
    }
}

impl Default for StoredStreams {
    /// A new group. As in Kafka it begins at epoch 1, so that whoever waits for others to come is a member already: it does
    /// not say all of itself again.
    fn default() -> StoredStreams {
        StoredStreams {
            epoch: 1,
            target_epoch: 1,
            topics_hash: 0,
            ready_epoch: NOT_READY,
            standby_replicas: 0,
            rack_tags: Arc::from(""),
            topology: None,
            members: BTreeMap::new(),
        }
    }
}

impl StoredStreams {
    /// The group behind a change.
    #[must_use]
    pub fn changed(&self, change: &ChangeStreams) -> StoredStreams {
        let mut members = self.members.clone();
        change.left.iter().for_each(|id| drop(members.remove(id)));
        members.extend(change.members.iter().map(|member| (Arc::clone(&member.id), Arc::clone(member))));
        StoredStreams {
            epoch: change.epoch,
            target_epoch: change.target_epoch,
            topics_hash: change.topics_hash,
            ready_epoch: change.ready_epoch,
            standby_replicas: change.standby_replicas,
            rack_tags: Arc::clone(&change.rack_tags),
            topology: change.topology.clone().or_else(|| self.topology.clone()),
            members,
        }
    }

    /// The member of a static name.
    #[must_use]
    pub fn of_instance(&self, instance: &str) -> Option<&Arc<StoredStreamer>> {
        self.members.values().find(|member| member.instance_id.as_deref() == Some(instance))
    }

    /// True where its topics are all there.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.topology.as_ref().is_some_and(|topology| topology.epoch == self.ready_epoch)
    }

    /// True where nothing in it contradicts the rest: above all, nobody runs a task that another one runs.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let (mut run, mut wanted, mut instances) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let parts = self.topology.as_ref().map_or(0, |topology| topology.subtopologies.len());
        let is_known = |task: &Task| (task.subtopology as usize) < parts;
        self.target_epoch >= 0
            && self.target_epoch <= self.epoch
            && self.topology.as_ref().is_none_or(|topology| is_ordered(topology))
            && self.members.iter().all(|(id, member)| {
                let mut runs = member.assigned.active.keys().chain(member.revoking.active.keys());
                let mut sets = [&member.assigned, &member.revoking, &member.target].into_iter();
                *id == member.id
                    && member.is_sound()
                    && member.epoch <= self.target_epoch
                    && runs.all(|task| run.insert(*task))
                    && sets.all(|tasks| tasks.all().all(is_known))
                    && member.target.active.keys().all(|task| wanted.insert(*task))
                    && member.instance_id.iter().all(|instance| instances.insert(Arc::clone(instance)))
            })
    }
}

/// Its parts stand in the order of their ids, and what they refer to is there.
fn is_ordered(topology: &Topology) -> bool {
    let is_whole = |part: &Subtopology| {
        let within = |indexes: &[i16], count: usize| {
            indexes.iter().all(|index| usize::try_from(*index).is_ok_and(|index| index < count))
        };
        part.copartitioned.iter().all(|group| {
            within(&group.source_topics, part.source_topics.len())
                && within(&group.repartition_sources, part.repartition_sources.len())
        })
    };
    topology.epoch >= 0
        && topology.subtopologies.is_sorted_by(|earlier, later| earlier.id < later.id)
        && topology.subtopologies.iter().all(is_whole)
}

impl StoredStreamer {
    /// True once it has what it is to have.
    #[must_use]
    pub fn is_settled(&self, target_epoch: i32) -> bool {
        self.epoch == target_epoch && self.revoking.is_empty() && self.assigned.are(&self.target)
    }

    /// What it takes at most in a command.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let tasks = self.assigned.count() + self.revoking.count() + self.target.count();
        self.own_bytes() + TASK_BYTES * tasks as u64
    }

    /// What it says of itself takes at most.
    #[must_use]
    pub fn own_bytes(&self) -> u64 {
        let texts = [&self.id, &self.client.id, &self.client.host, &self.process_id];
        let more = self.instance_id.iter().chain(&self.rack_id).chain(self.endpoint.iter().map(|one| &one.host));
        let texts: usize = texts.into_iter().chain(more).map(|text| text.len()).sum();
        MEMBER_BYTES + texts as u64 + pairs_bytes(&self.tags)
    }

    fn is_sound(&self) -> bool {
        let is_disjoint = |tasks: &Tasks| tasks.standby.iter().all(|task| !tasks.active.contains_key(task));
        !self.id.is_empty()
            && (self.epoch >= 0 || self.epoch == AWAY)
            && self.tags.is_sorted_by(|earlier, later| earlier.0 < later.0)
            && is_disjoint(&self.assigned)
            && is_disjoint(&self.target)
    }
}

fn pairs_bytes(pairs: &KeyValues) -> u64 {
    pairs.iter().map(|(key, value)| (key.len() + value.len() + 16) as u64).sum()
}

/// What a topology takes at most in a command.
#[must_use]
pub fn topology_bytes(topology: &Topology) -> u64 {
    let names = |names: &[Arc<str>]| names.iter().map(|name| (name.len() + 8) as u64).sum::<u64>();
    let topics = |topics: &[InternalTopic]| {
        topics.iter().map(|topic| topic.name.len() as u64 + 32 + pairs_bytes(&topic.configs)).sum::<u64>()
    };
    let part = |part: &Subtopology| {
        let groups = part.copartitioned.iter();
        let groups: usize =
            groups.map(|group| 32 + 2 * (group.source_topics.len() + group.repartition_sources.len())).sum();
        let named = names(&part.source_topics) + names(&part.repartition_sinks);
        part.id.len() as u64 + 64 + named + topics(&part.repartition_sources) + topics(&part.changelogs) + groups as u64
    };
    64 + topology.subtopologies.iter().map(part).sum::<u64>()
}

impl ChangeStreams {
    /// What it takes at most as a command.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let left: usize = self.left.iter().map(|id| id.len() + 16).sum();
        let texts = self.group.len() + self.rack_tags.len() + left;
        let topology = self.topology.as_ref().map_or(0, |topology| topology_bytes(topology));
        256 + texts as u64 + topology + self.members.iter().map(|member| member.bytes()).sum::<u64>()
    }
}
