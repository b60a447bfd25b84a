//! What one consumer reads: the partitions of a fetch session, or of a single fetch, and how they stand.
//!
//! A subscription watches its partitions at their tails once and is told what changes. A fetch then looks at the
//! *active* items only: those that have something to say. Its cost follows what changed, never what is watched.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{FetchPartition, TopicRef};
use crate::batch::check_leader_epoch;
use crate::catalog::{Catalog, unknown};
use crate::error::Refusal;
use crate::ids::PartitionId;
use crate::message::{Advance, Bounds, WatchId};

/// An item's place in its subscription; not used again within it.
pub type ItemIndex = u32;

/// One partition of a subscription.
#[derive(Debug)]
pub struct Item {
    /// The topic, as the client names it.
    pub topic: TopicRef,
    /// Kafka's partition index.
    pub index: i32,
    /// The first offset wanted.
    pub offset: i64,
    /// At most so many bytes, but for a first batch.
    pub bytes_max: i32,
    /// The leader epoch that the consumer knows, or -1.
    pub leader_epoch: i32,
    /// The ledger's number, where the partition is there.
    pub partition: Option<PartitionId>,
    /// What a client is told while it is not.
    missing: Refusal,
    /// What the tail said last.
    pub bounds: Option<Bounds>,
    /// The bounds that the consumer was told last.
    pub told: Option<Bounds>,
}

impl Item {
    /// Why nothing can be read at all.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        if self.partition.is_none() { Some(self.missing) } else { check_leader_epoch(self.leader_epoch).err() }
    }
}

/// Partitions under one watch.
#[derive(Debug)]
pub struct Subscription {
    /// The name of the watch at the tails.
    pub watch: WatchId,
    items: BTreeMap<ItemIndex, Item>,
    next: ItemIndex,
    by_name: BTreeMap<(TopicRef, i32), ItemIndex>,
    by_partition: BTreeMap<PartitionId, ItemIndex>,
    /// Items that may have something to say.
    active: BTreeSet<ItemIndex>,
    /// Partitions of whose tails nothing was heard yet.
    unheard: usize,
    /// Where the next answer begins, so that no partition starves behind the others.
    pub rotation: ItemIndex,
}

impl Subscription {
    /// A subscription of nothing.
    #[must_use]
    pub fn new(watch: WatchId) -> Subscription {
        Subscription {
            watch,
            items: BTreeMap::new(),
            next: 0,
            by_name: BTreeMap::new(),
            by_partition: BTreeMap::new(),
            active: BTreeSet::new(),
            unheard: 0,
            rotation: 0,
        }
    }

    /// How many partitions it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// An item.
    ///
    /// # Panics
    /// Where there is none of that number.
    #[must_use]
    pub fn item(&self, index: ItemIndex) -> &Item {
        &self.items[&index]
    }

    /// The item, where it is still there.
    #[must_use]
    pub fn get(&self, index: ItemIndex) -> Option<&Item> {
        self.items.get(&index)
    }

    /// The item, where it is still there.
    pub fn get_mut(&mut self, index: ItemIndex) -> Option<&mut Item> {
        self.items.get_mut(&index)
    }

    /// All items, in the order in which they came.
    pub fn items(&self) -> impl Iterator<Item = (ItemIndex, &Item)> {
        self.items.iter().map(|(index, item)| (*index, item))
    }

    /// Adds a partition, or changes what is wanted of it. Returned is the partition that is to be watched from now on.
    pub fn set(&mut self, topic: &TopicRef, asked: &FetchPartition, catalog: &Catalog) -> Option<PartitionId> {
        let name = (topic.clone(), asked.index);
        let index = *self.by_name.entry(name).or_insert_with(|| {
            self.next += 1;
            self.next - 1
        });
        self.active.insert(index);
        if let Some(item) = self.items.get_mut(&index) {
            item.offset = asked.offset;
            item.bytes_max = asked.bytes_max;
            item.leader_epoch = asked.leader_epoch;
        } else {
            let item = Item {
                topic: topic.clone(),
                index: asked.index,
                offset: asked.offset,
                bytes_max: asked.bytes_max,
                leader_epoch: asked.leader_epoch,
                partition: None,
                missing: unknown(topic),
                bounds: None,
                told: None,
            };
            self.items.insert(index, item);
        }
        self.resolve(index, catalog)
    }

    /// Looks again for a partition that was not there. Returned is the partition that is to be watched from now on.
    pub fn resolve(&mut self, index: ItemIndex, catalog: &Catalog) -> Option<PartitionId> {
        let item = self.items.get_mut(&index).expect("the item is there");
        if item.partition.is_some() {
            return None;
        }
        // The same partition under another name: the protocol has one way of naming a request.
        let twice = |partition: &PartitionId| self.by_partition.contains_key(partition);
        match catalog.partition(&item.topic, item.index) {
            Err(refusal) => item.missing = refusal,
            Ok(partition) if twice(&partition) => item.missing = Refusal::UnknownTopicOrPartition,
            Ok(partition) => {
                item.partition = Some(partition);
                item.bounds = None;
                self.unheard += 1;
                self.by_partition.insert(partition, index);
                return Some(partition);
            }
        }
        None
    }

    /// Drops a partition. Returned is what is not to be watched any more.
    pub fn forget(&mut self, topic: &TopicRef, index: i32) -> Option<PartitionId> {
        let at = self.by_name.remove(&(topic.clone(), index))?;
        self.active.remove(&at);
        let item = self.items.remove(&at).expect("a name belongs to an item");
        if let Some(partition) = item.partition {
            self.by_partition.remove(&partition);
            self.unheard -= usize::from(item.bounds.is_none());
        }
        item.partition
    }

    /// Every item.
    #[must_use]
    pub fn all(&self) -> Vec<ItemIndex> {
        self.items.keys().copied().collect()
    }

    /// What is watched.
    pub fn watched(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.by_partition.keys().copied()
    }

    /// A tail moved, or is gone. False where it is not of this subscription any more.
    pub fn advance(&mut self, advance: &Advance) -> bool {
        let Some(index) = self.by_partition.get(&advance.partition).copied() else { return false };
        let item = self.items.get_mut(&index).expect("a partition belongs to an item");
        self.unheard -= usize::from(item.bounds.is_none());
        item.bounds = advance.bounds;
        if advance.bounds.is_none() {
            item.partition = None;
            item.missing = unknown(&item.topic);
            self.by_partition.remove(&advance.partition);
        }
        self.active.insert(index);
        true
    }

    /// Every tail that is watched has said how it stands. Before, a look is in vain: tails speak one by one, and a look at
    /// each of ten thousand at each word of each would keep the core for a minute.
    #[must_use]
    pub fn heard(&self) -> bool {
        self.unheard == 0
    }

    /// The items that may have something to say, beginning behind the one that was served last.
    #[must_use]
    pub fn active(&self) -> Vec<ItemIndex> {
        let behind = self.active.range(self.rotation..);
        behind.chain(self.active.range(..self.rotation)).copied().collect()
    }

    /// This item has nothing more to say until it is set or its tail moves.
    pub fn rest(&mut self, index: ItemIndex) {
        self.active.remove(&index);
    }

    /// Indexes agree with the items.
    pub fn check(&self) {
        assert!(self.by_name.len() == self.items.len());
        let unheard = |item: &&Item| item.partition.is_some() && item.bounds.is_none();
        assert!(self.items.values().filter(unheard).count() == self.unheard);
        assert!(self.active.iter().all(|index| self.items.contains_key(index)));
        assert!(self.by_partition.iter().all(|(partition, index)| self.items[index].partition == Some(*partition)));
    }
}
