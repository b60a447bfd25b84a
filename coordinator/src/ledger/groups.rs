//! Consumer groups and how far they have come.
//!
//! A group has a number, by which its offsets stand together on one shelf; a second index, which is derived and never
//! stored, finds the offsets of a partition, so that those of a deleted topic go with it. Removal is decided at once
//! and carried out a piece at a time, as that of extents: a group that goes keeps its number until its last offset is
//! gone, and its name is free.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::error::Refusal;
use apus_core::ids::{Lsn, PartitionId};
use apus_core::limits;

use super::Ledger;
use super::group::Group;
use super::group_offset::{Committed, GroupPosition};
use super::shares::{Share, Shares};
use super::shelf::{Entry, Shelf};
use super::table::Table;
use crate::command::StoredConsumers;
use crate::command::group::{CommitOffsets, StoredGroup};

/// What one offset of a deleted topic costs in entries of a contiguous removal: each is looked up by itself.
const SCATTERED_COST: usize = 8;

/// All groups.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    pub(crate) table: Table<Group>,
    pub(crate) offsets: Shelf<Committed>,
    /// Of share groups.
    pub(crate) shares: Shares,
    pub(super) by_name: BTreeMap<Arc<str>, u32>,
    /// Partition and group of every offset. Derived.
    by_partition: BTreeSet<(u32, u32)>,
    /// Bytes of what clients keep beside offsets. Derived.
    metadata_bytes: u64,
    /// Bytes of what streams groups compute, whether they have members or not. Derived.
    pub(super) topology_bytes: u64,
    /// Groups that are gone. Derived.
    debts: BTreeSet<u32>,
}

impl Groups {
    /// Groups of restored containers; nothing where they contradict themselves.
    pub(crate) fn of(table: Table<Group>, offsets: Shelf<Committed>, shares: Shelf<Share>) -> Option<Groups> {
        let mut groups = Groups {
            by_name: BTreeMap::new(),
            by_partition: offsets.iter().map(|committed| (committed.partition, committed.group)).collect(),
            metadata_bytes: offsets.iter().map(Committed::metadata_bytes).sum(),
            topology_bytes: 0,
            debts: BTreeSet::new(),
            table,
            offsets,
            shares: Shares::of(shares),
        };
        for (number, group) in groups.table.iter() {
            if group.gone {
                groups.debts.insert(number);
                continue;
            }
            groups.topology_bytes += group.topology_bytes();
            if groups.by_name.insert(Arc::clone(&group.stored.id), number).is_some() {
                return None;
            }
        }
        let sound = groups.offsets.iter().all(|committed| groups.table.get(committed.group).is_some());
        let is_shared = |number| groups.table.get(number).is_some_and(|group| group.shared);
        let sound = sound && groups.shares.shelf.iter().all(|share| is_shared(share.key().0));
        sound.then_some(groups)
    }

    /// What is stored of a group.
    pub(crate) fn find(&self, id: &str) -> Option<(u32, &Arc<StoredGroup>)> {
        let number = *self.by_name.get(id)?;
        Some((number, &self.table.get(number).expect("a name belongs to a group").stored))
    }

    pub(crate) fn owes(&self) -> bool {
        !self.debts.is_empty()
    }

    fn store(&mut self, lsn: Lsn, stored: &Arc<StoredGroup>, groups_max: u64) -> Result<u32, Refusal> {
        if let Some(number) = self.by_name.get(&stored.id).copied() {
            // A share group is told apart before: its members are none of these.
            if self.table.get(number).is_some_and(|group| group.shared) {
                return Err(Refusal::InconsistentGroupProtocol);
            }
            self.replace(lsn, number, Group::new(Arc::clone(stored)));
            return Ok(number);
        }
        if self.table.count() >= groups_max {
            return Err(Refusal::CoordinatorNotAvailable);
        }
        let number = self.table.insert(lsn, Group::new(Arc::clone(stored)));
        self.by_name.insert(Arc::clone(&stored.id), number);
        Ok(number)
    }

    /// Another group in the place of one.
    pub(super) fn replace(&mut self, lsn: Lsn, number: u32, group: Group) {
        let before = self.table.get(number).expect("a name belongs to a group").topology_bytes();
        self.topology_bytes = self.topology_bytes + group.topology_bytes() - before;
        self.table.update(lsn, number, |entry| *entry = group);
    }

    fn remove(&mut self, lsn: Lsn, id: &str) -> Result<(), Refusal> {
        let number = *self.by_name.get(id).ok_or(Refusal::GroupIdNotFound)?;
        let group = self.table.get(number).expect("a name belongs to a group");
        if group.is_inhabited() {
            return Err(Refusal::NonEmptyGroup);
        }
        self.topology_bytes -= group.topology_bytes();
        self.by_name.remove(id);
        self.table.update(lsn, number, |group| group.gone = true);
        self.debts.insert(number);
        Ok(())
    }

    fn put(&mut self, lsn: Lsn, committed: Committed) -> Result<(), Refusal> {
        let key = committed.key();
        let spot = self.offsets.spot(key);
        let known_bytes = spot.map_or(0, |spot| self.offsets.at(spot).metadata_bytes());
        let metadata_bytes = self.metadata_bytes - known_bytes + committed.metadata_bytes();
        if metadata_bytes > limits::OFFSET_METADATA_BYTES_MAX {
            return Err(Refusal::OffsetMetadataTooLarge);
        }
        if let Some(spot) = spot {
            self.offsets.update(lsn, spot, |entry| *entry = committed);
        } else if self.offsets.count() < limits::GROUP_OFFSETS_MAX {
            self.by_partition.insert((committed.partition, committed.group));
            self.offsets.insert(lsn, committed);
        } else {
            return Err(Refusal::CoordinatorNotAvailable);
        }
        self.metadata_bytes = metadata_bytes;
        Ok(())
    }

    /// Takes away the first offsets of `from..until`; how many.
    fn drain(&mut self, lsn: Lsn, from: (u32, u32), until: (u32, u32), count_max: usize) -> usize {
        let taken = self.offsets.drain(lsn, from, until, count_max);
        for committed in &taken {
            self.metadata_bytes -= committed.metadata_bytes();
            assert!(self.by_partition.remove(&(committed.partition, committed.group)), "both indexes agree");
        }
        taken.len()
    }

    fn take(&mut self, lsn: Lsn, (group, partition): (u32, u32)) -> bool {
        self.drain(lsn, (group, partition), (group, partition.saturating_add(1)), 1) == 1
    }

    /// Takes away offsets of a partition that is gone; returns what is left of the budget, nothing where more wait.
    pub(super) fn sweep_partition(&mut self, lsn: Lsn, partition: u32, budget: usize) -> usize {
        let mut left = budget;
        while let Some((_, group)) = self.by_partition.range((partition, 0)..=(partition, u32::MAX)).next().copied() {
            if left < SCATTERED_COST {
                return 0;
            }
            assert!(self.take(lsn, (group, partition)), "both indexes agree");
            left -= SCATTERED_COST;
        }
        while let Some(group) = self.shares.first_of(partition) {
            if left < SCATTERED_COST {
                return 0;
            }
            assert!(self.shares.take(lsn, (group, partition)), "both indexes agree");
            left -= SCATTERED_COST;
        }
        left
    }

    /// Pays off groups that are gone, within the budget.
    pub(super) fn sweep(&mut self, lsn: Lsn, budget: usize) {
        let mut left = budget;
        while let Some(number) = self.debts.first().copied().filter(|_| left > 0) {
            left -= self.drain(lsn, (number, 0), (number, u32::MAX), left);
            left -= self.shares.drain(lsn, (number, 0), (number, u32::MAX), left);
            if left > 0 {
                self.table.remove(lsn, number);
                self.debts.remove(&number);
                left -= 1;
            }
        }
    }

    pub(super) fn check(&self) {
        self.offsets.check();
        self.shares.check();
        let rebuilt = Groups::of(self.table.clone(), self.offsets.clone(), self.shares.shelf.clone())
            .expect("groups contradict each other");
        assert!(rebuilt.by_name == self.by_name && rebuilt.debts == self.debts, "names of groups");
        assert!(rebuilt.by_partition == self.by_partition && rebuilt.metadata_bytes == self.metadata_bytes, "offsets");
        assert!(rebuilt.topology_bytes == self.topology_bytes, "topologies");
        assert!(self.table.iter().all(|(_, group)| group.stored.is_sound()), "a group contradicts itself");
        let mut consumers = self.table.iter().filter_map(|(_, group)| Some((group, group.consumers.as_ref()?)));
        let is_sound = |group: &Group, consumers: &StoredConsumers| match group.shared {
            true => consumers.is_sound_shared(),
            false => consumers.is_sound(),
        };
        assert!(consumers.all(|(group, all)| is_sound(group, all) && group.stored.members.is_empty()));
        let mut streams = self.table.iter().filter_map(|(_, group)| Some((group, group.streams.as_ref()?)));
        assert!(streams.all(|(group, streams)| streams.is_sound() && group.stored.members.is_empty()));
    }
}

impl Ledger {
    pub(super) fn store_group(&mut self, group: &Arc<StoredGroup>) -> Result<(), Refusal> {
        if !group.is_sound() {
            return Err(Refusal::InvalidRequest);
        }
        // Groups that gather were admitted before others took the last numbers.
        self.groups.store(self.scalars.lsn, group, 2 * limits::GROUPS_MAX).map(drop)
    }

    pub(super) fn remove_group(&mut self, id: &str) -> Result<(), Refusal> {
        self.groups.remove(self.scalars.lsn, id)
    }

    pub(super) fn commit_offsets(&mut self, commit: &CommitOffsets) -> Vec<Result<(), Refusal>> {
        let (lsn, commit_ms) = (self.scalars.lsn, self.scalars.clock_ms);
        let found = self.groups.find(&commit.group).map(|(number, _)| number);
        let simple = || Arc::new(StoredGroup::simple(Arc::clone(&commit.group), commit_ms));
        let found = found.map_or_else(|| self.groups.store(lsn, &simple(), limits::GROUPS_MAX), Ok);
        let is_shared = |number| self.groups.table.get(number).is_some_and(|group| group.shared);
        let group = match found {
            Ok(group) if is_shared(group) => return vec![Err(Refusal::GroupIdNotFound); commit.offsets.len()],
            Ok(group) => group,
            Err(refusal) => return vec![Err(refusal); commit.offsets.len()],
        };
        let mut results = Vec::with_capacity(commit.offsets.len());
        for (partition, offset) in &commit.offsets {
            let committed = Committed {
                group,
                partition: partition.0,
                offset: offset.offset,
                leader_epoch: offset.leader_epoch,
                commit_ms,
                expire_ms: commit.expire_ms.map_or(-1, |expire_ms| expire_ms.max(0)),
                metadata: Some(Arc::clone(&offset.metadata)).filter(|metadata| !metadata.is_empty()),
            };
            results.push(match self.living(*partition) {
                Some(_) => self.groups.put(lsn, committed),
                None => Err(Refusal::UnknownTopicOrPartition),
            });
        }
        results
    }

    pub(super) fn remove_offsets(&mut self, group: &str, partitions: &[PartitionId]) -> u64 {
        let lsn = self.scalars.lsn;
        let Some((number, _)) = self.groups.find(group) else { return 0 };
        partitions.iter().filter(|partition| self.groups.take(lsn, (number, partition.0))).count() as u64
    }

    /// What is stored of a group.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Arc<StoredGroup>> {
        self.groups.find(id).map(|(_, stored)| stored)
    }

    /// How many groups there are, those that are being removed included.
    #[must_use]
    pub fn groups_count(&self) -> u64 {
        self.groups.table.count()
    }

    /// How many groups are stored, those that are being removed left out: nobody sees them any more.
    #[must_use]
    pub fn group_count(&self) -> u64 {
        self.groups.by_name.len() as u64
    }

    /// All groups behind this name, by name.
    pub fn groups_behind(&self, after: Option<&str>) -> impl Iterator<Item = &Arc<StoredGroup>> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let numbers = self.groups.by_name.range::<str, _>((from, Bound::Unbounded));
        numbers.map(|(_, number)| &self.groups.table.get(*number).expect("a name belongs to a group").stored)
    }

    /// How far a group has come in a partition that lives.
    #[must_use]
    pub fn group_position(&self, id: &str, partition: PartitionId) -> Option<GroupPosition> {
        self.living(partition)?;
        let (number, _) = self.groups.find(id)?;
        self.groups.offsets.get((number, partition.0)).map(Committed::position)
    }

    /// How far a group has come, from this partition on, in the order of the ledger's numbers.
    pub fn group_positions(
        &self,
        id: &str,
        from: PartitionId,
    ) -> impl Iterator<Item = (PartitionId, GroupPosition)> + '_ {
        let found = self.groups.find(id).map(|(number, _)| number);
        found.into_iter().flat_map(move |number| {
            let own = self.groups.offsets.from((number, from.0)).take_while(move |committed| committed.group == number);
            let living = own.filter(|committed| self.living(PartitionId(committed.partition)).is_some());
            living.map(|committed| (PartitionId(committed.partition), committed.position()))
        })
    }
}
