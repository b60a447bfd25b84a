//! Members that wait for records: until there are some, or their time is up. At most one a request that a front has under
//! way.

use std::collections::{BTreeMap, BTreeSet};

use apus_core::api::ShareCaller;
use apus_core::error::Refused;
use apus_core::ids::{PartitionId, TopicId};
use apus_core::time::Instant;

use super::sessions::Place;
use crate::groups::Asker;

/// What became of acknowledgements: by partition, why they were not taken.
pub(crate) type Told = BTreeMap<(TopicId, i32), Option<Refused>>;

/// One who waits.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) asker: Asker,
    pub(crate) caller: ShareCaller,
    pub(crate) place: Place,
    pub(crate) deadline: Instant,
    pub(crate) bytes_min: u64,
    pub(crate) bytes_max: u64,
    pub(crate) records_max: i64,
    /// What it is told of its acknowledgements.
    pub(crate) told: Told,
}

/// Everyone who waits, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    waits: BTreeMap<u64, (Wait, Vec<PartitionId>)>,
    by_partition: BTreeSet<(PartitionId, u64)>,
    by_place: BTreeSet<(Place, u64)>,
    deadlines: BTreeSet<(Instant, u64)>,
    /// Those whose partitions moved.
    moved: BTreeSet<u64>,
    numbers: u64,
}

impl Waiting {
    /// It waits for these partitions.
    pub(crate) fn insert(&mut self, wait: Wait, partitions: Vec<PartitionId>) {
        self.numbers += 1;
        self.put(self.numbers, wait, partitions);
    }

    /// Puts one in its place, or back to it.
    pub(crate) fn put(&mut self, number: u64, wait: Wait, partitions: Vec<PartitionId>) {
        self.by_partition.extend(partitions.iter().map(|partition| (*partition, number)));
        self.by_place.insert((wait.place, number));
        self.deadlines.insert((wait.deadline, number));
        self.waits.insert(number, (wait, partitions));
    }

    /// There may be records of a partition.
    pub(crate) fn moved(&mut self, partition: PartitionId) {
        let waiting = self.by_partition.range((partition, 0)..=(partition, u64::MAX));
        self.moved.extend(waiting.map(|(_, number)| *number));
    }

    /// The next one that is to be looked at, with its number and partitions.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(u64, Wait, Vec<PartitionId>)> {
        let over = self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, number)| *number);
        let number = over.or_else(|| self.moved.first().copied())?;
        let (wait, partitions) = self.remove(number).expect("an index names who waits");
        Some((number, wait, partitions))
    }

    /// The connection is gone.
    pub(crate) fn closed(&mut self, place: Place) {
        let own = self.by_place.range((place, 0)..=(place, u64::MAX));
        let own: Vec<u64> = own.map(|(_, number)| *number).collect();
        own.into_iter().for_each(|number| drop(self.remove(number)));
    }

    fn remove(&mut self, number: u64) -> Option<(Wait, Vec<PartitionId>)> {
        let (wait, partitions) = self.waits.remove(&number)?;
        for partition in &partitions {
            self.by_partition.remove(&(*partition, number));
        }
        self.by_place.remove(&(wait.place, number));
        self.deadlines.remove(&(wait.deadline, number));
        self.moved.remove(&number);
        Some((wait, partitions))
    }

    /// When one is to be looked at.
    pub(crate) fn deadline(&self) -> Instant {
        if self.moved.is_empty() { self.deadlines.first().map_or(Instant::NEVER, |(at, _)| *at) } else { Instant(0) }
    }

    pub(crate) fn check(&self) {
        assert!(self.deadlines.len() == self.waits.len() && self.by_place.len() == self.waits.len());
        assert!(self.moved.iter().all(|number| self.waits.contains_key(number)));
    }
}
