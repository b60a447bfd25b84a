//! What is durable of a group of the consumer protocol: everything but when its members were heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{GroupClient, GroupProtocol};
use apus_core::ids::PartitionId;

use super::group::protocols_bytes;

/// What a member takes beside its texts and partitions: 90 in a command.
const MEMBER_BYTES: u64 = 128;

/// What its classic side takes beside the strategies.
const SIDE_BYTES: u64 = 32;

/// The epoch of a static member that left for a while.
pub const AWAY: i32 = -2;

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredConsumers {
    /// Rises with every change of its members and of the topics that they subscribe to.
    pub epoch: i32,
    /// The epoch that targets were computed for; at most `epoch`.
    pub target_epoch: i32,
    /// What the topics were that targets were computed of.
    pub topics_hash: u64,
    /// What computed them; empty before the first time.
    pub assignor: Arc<str>,
    /// Everyone, by id.
    pub members: BTreeMap<Arc<str>, Arc<StoredConsumer>>,
}

/// A member of [`StoredConsumers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConsumer {
    /// Its id.
    pub id: Arc<str>,
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack_id: Option<Arc<str>>,
    /// Who is behind it.
    pub client: GroupClient,
    /// How long it may take to give partitions back, milliseconds.
    pub rebalance_timeout_ms: i32,
    /// The topics that it names, in order.
    pub topics: Vec<Arc<str>>,
    /// The pattern of topics that it names.
    pub regex: Option<Arc<str>>,
    /// The assignor that it prefers.
    pub assignor: Option<Arc<str>>,
    /// The epoch that it was told, or [`AWAY`].
    pub epoch: i32,
    /// The one before: its answer may have been lost.
    pub previous_epoch: i32,
    /// What it may use, in order.
    pub assigned: Vec<PartitionId>,
    /// What it is to give back and may be using still, in order.
    pub revoking: Vec<PartitionId>,
    /// What it is to have in the end, in order.
    pub target: Vec<PartitionId>,
    /// What it said as a member of the classic protocol, if it is one: it joins, syncs, and beats as in a classic group,
    /// and its generation is its epoch.
    pub classic: Option<Arc<ClassicSide>>,
}

/// What a member of the classic protocol says that others do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicSide {
    /// Silence after which it is out, milliseconds.
    pub session_timeout_ms: i32,
    /// The strategies that it supports, best first, and what it said under each; at least one. They are what it would have
    /// in a classic group.
    pub protocols: Vec<GroupProtocol>,
}

/// What changed in a group: the members that did, and those that left. A group that is not there comes to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeConsumers {
    /// The group.
    pub group: Arc<str>,
    /// A classic group with members gives way to this one: these are all its members.
    pub converts: bool,
    /// See [`StoredConsumers`].
    pub epoch: i32,
    /// See [`StoredConsumers`].
    pub target_epoch: i32,
    /// See [`StoredConsumers`].
    pub topics_hash: u64,
    /// See [`StoredConsumers`].
    pub assignor: Arc<str>,
    /// Those who left; they go first.
    pub left: Vec<Arc<str>>,
    /// Those who came or changed, whole.
    pub members: Vec<Arc<StoredConsumer>>,
}

impl StoredConsumers {
    /// The group behind a change.
    #[must_use]
    pub fn changed(&self, change: &ChangeConsumers) -> StoredConsumers {
        let mut members = self.members.clone();
        change.left.iter().for_each(|id| drop(members.remove(id)));
        members.extend(change.members.iter().map(|member| (Arc::clone(&member.id), Arc::clone(member))));
        StoredConsumers {
            epoch: change.epoch,
            target_epoch: change.target_epoch,
            topics_hash: change.topics_hash,
            assignor: Arc::clone(&change.assignor),
            members,
        }
    }

    /// The member of a static name.
    #[must_use]
    pub fn of_instance(&self, instance: &str) -> Option<&Arc<StoredConsumer>> {
        self.members.values().find(|member| member.instance_id.as_deref() == Some(instance))
    }

    /// The members of the classic protocol.
    pub fn classic(&self) -> impl Iterator<Item = (&Arc<StoredConsumer>, &Arc<ClassicSide>)> {
        self.members.values().filter_map(|member| Some((member, member.classic.as_ref()?)))
    }

    /// True where nothing in it contradicts the rest: above all, nobody holds a partition that another one holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let (mut held, mut wanted, mut instances) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        self.target_epoch >= 0
            && self.target_epoch <= self.epoch
            && self.members.iter().all(|(id, member)| {
                let mut holds = member.assigned.iter().chain(&member.revoking);
                *id == member.id
                    && member.is_sound()
                    && member.epoch <= self.target_epoch
                    && holds.all(|partition| held.insert(*partition))
                    && member.target.iter().all(|partition| wanted.insert(*partition))
                    && member.instance_id.iter().all(|instance| instances.insert(Arc::clone(instance)))
            })
    }
}

impl StoredConsumers {
    /// The same of a share group, where members share partitions and have no other names.
    #[must_use]
    pub fn is_sound_shared(&self) -> bool {
        self.target_epoch >= 0
            && self.target_epoch <= self.epoch
            && self.members.iter().all(|(id, member)| {
                let plain = member.instance_id.is_none() && member.regex.is_none() && member.revoking.is_empty();
                let plain = plain && member.classic.is_none();
                *id == member.id && plain && member.is_sound() && (0..=self.target_epoch).contains(&member.epoch)
            })
    }
}

impl StoredConsumer {
    /// One who has said nothing yet but who it is.
    #[must_use]
    pub fn new(id: &Arc<str>, instance_id: Option<Arc<str>>, client: &GroupClient) -> StoredConsumer {
        StoredConsumer {
            id: Arc::clone(id),
            instance_id,
            rack_id: None,
            client: client.clone(),
            rebalance_timeout_ms: 0,
            topics: Vec::new(),
            regex: None,
            assignor: None,
            epoch: 0,
            previous_epoch: 0,
            assigned: Vec::new(),
            revoking: Vec::new(),
            target: Vec::new(),
            classic: None,
        }
    }

    /// True once it has what it is to have.
    #[must_use]
    pub fn is_settled(&self, target_epoch: i32) -> bool {
        self.epoch == target_epoch && self.revoking.is_empty() && self.assigned == self.target
    }

    /// What it takes at most in a command.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let partitions = self.assigned.len() + self.revoking.len() + self.target.len();
        self.own_bytes() + 4 * partitions as u64
    }

    /// What it says of itself takes at most.
    #[must_use]
    pub fn own_bytes(&self) -> u64 {
        let texts = [&self.id, &self.client.id, &self.client.host];
        let more = [&self.instance_id, &self.rack_id, &self.regex, &self.assignor];
        let texts: usize = texts.into_iter().chain(more.into_iter().flatten()).map(|text| text.len()).sum();
        let topics: usize = self.topics.iter().map(|topic| topic.len() + 16).sum();
        MEMBER_BYTES + (texts + topics) as u64 + self.classic.as_ref().map_or(0, |side| side.bytes())
    }

    fn is_sound(&self) -> bool {
        let lists = [&self.assigned, &self.revoking, &self.target];
        !self.id.is_empty()
            && self.classic.as_ref().is_none_or(|side| side.is_sound() && self.regex.is_none())
            && (self.epoch >= 0 || self.epoch == AWAY)
            && self.topics.is_sorted_by(|earlier, later| earlier < later)
            && lists.into_iter().all(|list| list.is_sorted_by(|earlier, later| earlier < later))
    }
}

impl ClassicSide {
    /// What it takes at most in a command.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        SIDE_BYTES + protocols_bytes(&self.protocols)
    }

    fn is_sound(&self) -> bool {
        self.session_timeout_ms >= 0 && !self.protocols.is_empty()
    }
}

impl ChangeConsumers {
    /// Whether it speaks of members of the classic protocol.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.converts || self.members.iter().any(|member| member.classic.is_some())
    }

    /// What it takes at most as a command.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let left: usize = self.left.iter().map(|id| id.len() + 16).sum();
        let texts = self.group.len() + self.assignor.len() + left;
        256 + texts as u64 + self.members.iter().map(|member| member.bytes()).sum::<u64>()
    }
}
