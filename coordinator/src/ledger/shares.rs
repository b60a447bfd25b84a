//! Share partitions, as the ledger keeps them: on a shelf by group, and found by partition through an index that is derived
//! and never stored, so that those of a deleted topic go with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::error::Refusal;
use apus_core::ids::{Lsn, PartitionId};
use apus_core::limits;

use super::Ledger;
use super::record::{Cursor, Record};
use super::shelf::{Entry, Shelf};
use crate::command::Corrupt;
use crate::command::shares::{ChangeShares, Delivery, ShareChange, StoredRun, StoredShare};

/// How far a share group is in one partition.
///
/// | bytes | field | | bytes | field, for each run |
/// | --- | --- | --- | --- | --- |
/// | 4 | number of the group | | 8 | first offset |
/// | 4 | partition | | 8 | last offset |
/// | 4 | how often it was set to an offset | | 1 | Kafka's number of where it stands |
/// | 8 | start | | 2 | how often it was given out |
/// | 4 | runs | | | |
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(super) group: u32,
    pub(super) partition: u32,
    pub(super) stored: Arc<StoredShare>,
}

impl Record for Share {
    /// A leaf of 64 is 8 KiB of shares without a run, and 12 MiB of the largest there can be.
    const PAGE_ENTRIES: usize = 64;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.group.to_le_bytes());
        out.extend_from_slice(&self.partition.to_le_bytes());
        out.extend_from_slice(&self.stored.epoch.to_le_bytes());
        out.extend_from_slice(&self.stored.start.to_le_bytes());
        out.extend_from_slice(&(self.stored.runs.len() as u32).to_le_bytes());
        for run in &self.stored.runs {
            out.extend_from_slice(&run.first.to_le_bytes());
            out.extend_from_slice(&run.last.to_le_bytes());
            out.push(run.delivery.number());
            out.extend_from_slice(&run.deliveries.to_le_bytes());
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Share, Corrupt> {
        let (group, partition) = (bytes.u32()?, bytes.u32()?);
        let mut stored = StoredShare { epoch: bytes.i32()?, start: bytes.i64()?, runs: Vec::new() };
        for _ in 0..bytes.u32()? {
            stored.runs.push(StoredRun {
                first: bytes.i64()?,
                last: bytes.i64()?,
                delivery: Delivery::of(bytes.u8()?).ok_or(Corrupt::Value("a record's state"))?,
                deliveries: bytes.i16()?,
            });
        }
        if !stored.is_sound() {
            return Err(Corrupt::Value("a share partition that contradicts itself"));
        }
        Ok(Share { group, partition, stored: Arc::new(stored) })
    }
}

impl Entry for Share {
    type Key = (u32, u32);

    fn key(&self) -> (u32, u32) {
        (self.group, self.partition)
    }

    fn rank(&self) -> i64 {
        0
    }

    fn grows_with(&self, other: &Share) -> bool {
        self.group == other.group
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    pub(crate) shelf: Shelf<Share>,
    /// Partition and group of each. Derived.
    by_partition: BTreeSet<(u32, u32)>,
    /// Runs of all of them. Derived.
    runs: u64,
}

impl Shares {
    pub(super) fn of(shelf: Shelf<Share>) -> Shares {
        Shares {
            by_partition: shelf.iter().map(|share| (share.partition, share.group)).collect(),
            runs: shelf.iter().map(|share| share.stored.runs.len() as u64).sum(),
            shelf,
        }
    }

    fn put(&mut self, lsn: Lsn, group: u32, change: &ShareChange) -> Result<(), Refusal> {
        let key = (group, change.partition.0);
        let spot = self.shelf.spot(key);
        let known = spot.map(|spot| Arc::clone(&self.shelf.at(spot).stored));
        if known.is_none() && (!change.whole || self.shelf.count() >= limits::SHARE_PARTITIONS_MAX) {
            return Err(if change.whole { Refusal::CoordinatorNotAvailable } else { Refusal::UnknownTopicOrPartition });
        }
        let after = known.clone().unwrap_or_default().changed(change);
        assert!(after.is_sound(), "runs that contradict each other");
        self.runs = self.runs - known.as_ref().map_or(0, |known| known.runs.len() as u64) + after.runs.len() as u64;
        let stored = Arc::new(after);
        if let Some(spot) = spot {
            self.shelf.update(lsn, spot, |share| share.stored = stored);
        } else {
            self.by_partition.insert((key.1, group));
            self.shelf.insert(lsn, Share { group, partition: key.1, stored });
        }
        Ok(())
    }

    /// Takes away the first ones of `from..until`; how many.
    pub(super) fn drain(&mut self, lsn: Lsn, from: (u32, u32), until: (u32, u32), count_max: usize) -> usize {
        let taken = self.shelf.drain(lsn, from, until, count_max);
        for share in &taken {
            self.runs -= share.stored.runs.len() as u64;
            assert!(self.by_partition.remove(&(share.partition, share.group)), "both indexes agree");
        }
        taken.len()
    }

    pub(super) fn take(&mut self, lsn: Lsn, (group, partition): (u32, u32)) -> bool {
        self.drain(lsn, (group, partition), (group, partition.saturating_add(1)), 1) == 1
    }

    /// The first group that shares a partition.
    pub(super) fn first_of(&self, partition: u32) -> Option<u32> {
        self.by_partition.range((partition, 0)..=(partition, u32::MAX)).next().map(|(_, group)| *group)
    }

    pub(super) fn check(&self) {
        self.shelf.check();
        let rebuilt = Shares::of(self.shelf.clone());
        assert!(rebuilt.by_partition == self.by_partition && rebuilt.runs == self.runs, "share partitions");
        assert!(self.shelf.iter().all(|share| share.stored.is_sound()), "a share partition contradicts itself");
    }
}

impl Ledger {
    /// Each change for itself; told is the first one that could not be.
    pub(super) fn change_shares(&mut self, change: &ChangeShares) -> Result<(), Refusal> {
        let number = *self.groups.by_name.get(&change.group).ok_or(Refusal::GroupIdNotFound)?;
        if !self.groups.table.get(number).is_some_and(|group| group.shared) {
            return Err(Refusal::GroupIdNotFound);
        }
        let mut result = Ok(());
        for one in &change.changes {
            let put = match self.living(one.partition) {
                Some(_) if one.is_sound() => self.groups.shares.put(self.scalars.lsn, number, one),
                Some(_) => Err(Refusal::InvalidRequest),
                None => Err(Refusal::UnknownTopicOrPartition),
            };
            result = result.and(put);
        }
        result
    }

    pub(super) fn remove_shares(&mut self, group: &str, partitions: &[PartitionId]) -> u64 {
        let lsn = self.scalars.lsn;
        let Some((number, _)) = self.groups.find(group) else { return 0 };
        partitions.iter().filter(|partition| self.groups.shares.take(lsn, (number, partition.0))).count() as u64
    }

    /// How far a share group is in a partition that lives.
    #[must_use]
    pub fn share(&self, group: &str, partition: PartitionId) -> Option<&Arc<StoredShare>> {
        self.living(partition)?;
        let (number, _) = self.groups.find(group)?;
        self.groups.shares.shelf.get((number, partition.0)).map(|share| &share.stored)
    }

    /// All share partitions of a group that live, in the order of the ledger's numbers.
    pub fn shares(&self, group: &str) -> impl Iterator<Item = (PartitionId, &Arc<StoredShare>)> + '_ {
        let found = self.groups.find(group).map(|(number, _)| number);
        found.into_iter().flat_map(move |number| {
            let own = self.groups.shares.shelf.from((number, 0)).take_while(move |share| share.group == number);
            let living = own.filter(|share| self.living(PartitionId(share.partition)).is_some());
            living.map(|share| (PartitionId(share.partition), &share.stored))
        })
    }

    /// How many share partitions there are, and how many runs of records in them.
    #[must_use]
    pub fn shares_held(&self) -> (u64, u64) {
        (self.groups.shares.shelf.count(), self.groups.shares.runs)
    }
}
