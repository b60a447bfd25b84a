//! A shelf: entries in the order of their keys, in leaves that a snapshot shares.
//!
//! A tree of two levels. Leaves hold up to 4 KiB of entries, sorted; an index, which is derived and never stored,
//! names each leaf by a key that is not above its first. So a million partitions with ten extents each stand as close
//! together as one partition with ten million, a look-up is one search in the index and one in a leaf, and an append
//! moves at most one leaf's entries. (The road not taken, an array for each partition, pays an allocation and slack for
//! every one of them.) Entries have a rank, and a leaf knows a bound of its entries' ranks, so that a search by time
//! passes over whole leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use apus_core::ids::Lsn;
use apus_core::limits;

use super::record::{Record, Sum};

/// Bytes of the largest leaf that was ever stored: a quarter of a chunk.
const LEAF_BYTES_MAX: usize = limits::CHUNK_BYTES_MAX / 4;
/// A leaf is split at this part of what may be stored, because an insertion moves half of a leaf on average, and a search
/// touches a cache line a step. Without it a commit of 256 scattered batches took half again as long.
const SPLIT_PART: usize = 4;

/// What stands on a shelf.
pub(crate) trait Entry: Record {
    /// What it is sorted by.
    type Key: Ord + Copy;

    /// Its key; never changes.
    fn key(&self) -> Self::Key;

    /// What searches pass over leaves by.
    fn rank(&self) -> i64;

    /// True where both grow at the same end, so that a leaf is better split there than in the middle.
    fn grows_with(&self, other: &Self) -> bool;
}

/// One leaf.
#[derive(Clone, Debug)]
pub(crate) struct Leaf<E> {
    /// Position of its last change.
    pub(crate) changed: Lsn,
    /// No entry ranks higher.
    pub(crate) rank_max: i64,
    /// Sorted by key.
    pub(crate) entries: Vec<E>,
}

impl<E: Entry> Leaf<E> {
    pub(crate) fn new(changed: Lsn, entries: Vec<E>) -> Leaf<E> {
        let rank_max = entries.iter().map(Entry::rank).max().unwrap_or(i64::MIN);
        Leaf { changed, rank_max, entries }
    }
}

/// Where an entry stands, until the next entry comes or goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    slot: u32,
    at: u32,
}

/// Entries in the order of their keys.
#[derive(Clone, Debug)]
pub(crate) struct Shelf<E: Entry> {
    leaves: Vec<Arc<Leaf<E>>>,
    index: BTreeMap<E::Key, u32>,
    free: BTreeSet<u32>,
    count: u64,
    sum: Sum,
}

impl<E: Entry> Shelf<E> {
    pub(crate) fn new() -> Shelf<E> {
        Shelf { leaves: Vec::new(), index: BTreeMap::new(), free: BTreeSet::new(), count: 0, sum: Sum::default() }
    }

    /// A shelf of restored leaves; nothing where their entries are not in order.
    pub(crate) fn restore(leaves: Vec<Leaf<E>>) -> Option<Shelf<E>> {
        let mut shelf = Shelf::new();
        for (slot, leaf) in leaves.iter().enumerate() {
            let Some(first) = leaf.entries.first() else {
                shelf.free.insert(slot as u32);
                continue;
            };
            if shelf.index.insert(first.key(), slot as u32).is_some() {
                return None;
            }
            leaf.entries.iter().for_each(|entry| shelf.sum.add(0, entry));
            shelf.count += leaf.entries.len() as u64;
        }
        shelf.leaves = leaves.into_iter().map(Arc::new).collect();
        shelf.iter().map(Entry::key).is_sorted_by(|earlier, later| earlier < later).then_some(shelf)
    }

    pub(crate) fn leaves(&self) -> &[Arc<Leaf<E>>] {
        &self.leaves
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn digest(&self) -> u64 {
        self.sum.value()
    }

    pub(crate) fn get(&self, key: E::Key) -> Option<&E> {
        self.floor(key).filter(|entry| entry.key() == key)
    }

    /// Where the entry with this key stands.
    pub(crate) fn spot(&self, key: E::Key) -> Option<Spot> {
        let (_, slot) = self.leaf_for(key)?;
        let entries = &self.leaves[slot as usize].entries;
        let at = entries.partition_point(|entry| entry.key() < key);
        entries.get(at).filter(|entry| entry.key() == key).map(|_| Spot { slot, at: at as u32 })
    }

    /// The entry at a spot.
    pub(crate) fn at(&self, spot: Spot) -> &E {
        &self.leaves[spot.slot as usize].entries[spot.at as usize]
    }

    /// The last entry whose key is not above this one.
    pub(crate) fn floor(&self, key: E::Key) -> Option<&E> {
        self.index.range(..=key).rev().find_map(|(_, slot)| {
            let entries = &self.leaves[*slot as usize].entries;
            entries[..entries.partition_point(|entry| entry.key() <= key)].last()
        })
    }

    /// The last entry whose key is below this one.
    pub(crate) fn below(&self, key: E::Key) -> Option<&E> {
        self.index.range(..key).rev().find_map(|(_, slot)| {
            let entries = &self.leaves[*slot as usize].entries;
            entries[..entries.partition_point(|entry| entry.key() < key)].last()
        })
    }

    /// Entries from this key on, in runs with a bound of their ranks.
    pub(crate) fn runs(&self, from: E::Key) -> impl Iterator<Item = (i64, &[E])> {
        let first = self.index.range(..=from).next_back();
        let rest = self.index.range((Bound::Excluded(from), Bound::Unbounded));
        first.into_iter().chain(rest).map(move |(_, slot)| {
            let leaf = &self.leaves[*slot as usize];
            (leaf.rank_max, &leaf.entries[leaf.entries.partition_point(|entry| entry.key() < from)..])
        })
    }

    /// Entries from this key on.
    pub(crate) fn from(&self, key: E::Key) -> impl Iterator<Item = &E> {
        self.runs(key).flat_map(|(_, entries)| entries)
    }

    /// All entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &E> {
        self.index.values().flat_map(|slot| &self.leaves[*slot as usize].entries)
    }

    /// Puts an entry in its place.
    pub(crate) fn insert(&mut self, lsn: Lsn, entry: E) {
        let key = entry.key();
        self.sum.add(0, &entry);
        self.count += 1;
        let Some((separator, slot)) = self.leaf_for(key) else {
            let slot = self.place(Leaf::new(lsn, vec![entry]));
            self.index.insert(key, slot);
            return;
        };
        if key < separator {
            self.index.remove(&separator);
            self.index.insert(key, slot);
        }
        let leaf = Arc::make_mut(&mut self.leaves[slot as usize]);
        leaf.changed = lsn;
        let at = leaf.entries.partition_point(|other| other.key() < key);
        assert!(leaf.entries.get(at).is_none_or(|other| other.key() != key), "the key is taken");
        leaf.rank_max = leaf.rank_max.max(entry.rank());
        if leaf.entries.len() < Self::leaf_entries() {
            leaf.entries.insert(at, entry);
            return;
        }
        let middle = leaf.entries.len() / 2;
        let grows = at > middle && leaf.entries[at - 1].grows_with(&entry) && leaf.entries[middle].grows_with(&entry);
        let cut = if grows { at } else { middle };
        let mut right = leaf.entries.split_off(cut);
        // What grows stays on the left: what stands to its right would else go along, and no leaf be full again.
        let stays = at < cut || (grows && !right.is_empty());
        if !stays {
            right.insert(at - cut, entry)
        } else {
            leaf.entries.insert(at, entry)
        }
        *leaf = Leaf::new(lsn, std::mem::take(&mut leaf.entries));
        let first = right[0].key();
        let slot = self.place(Leaf::new(lsn, right));
        self.index.insert(first, slot);
    }

    /// Changes an entry, but not its key.
    ///
    /// # Panics
    /// Where the spot is none of this shelf.
    pub(crate) fn update(&mut self, lsn: Lsn, spot: Spot, change: impl FnOnce(&mut E)) {
        let leaf = Arc::make_mut(&mut self.leaves[spot.slot as usize]);
        let entry = &mut leaf.entries[spot.at as usize];
        let key = entry.key();
        self.sum.take(0, entry);
        change(entry);
        assert!(entry.key() == key, "a key never changes");
        self.sum.add(0, entry);
        leaf.rank_max = leaf.rank_max.max(entry.rank());
        leaf.changed = lsn;
    }

    /// Takes away the first entries of `from..until`, at most so many.
    pub(crate) fn drain(&mut self, lsn: Lsn, from: E::Key, until: E::Key, count_max: usize) -> Vec<E> {
        let mut taken = Vec::new();
        while taken.len() < count_max {
            let next = self.from(from).next().map(Entry::key);
            let Some(first) = next.filter(|key| *key < until) else {
                break;
            };
            let (separator, slot) = self.leaf_for(first).expect("it holds the entry");
            let leaf = Arc::make_mut(&mut self.leaves[slot as usize]);
            let start = leaf.entries.partition_point(|entry| entry.key() < first);
            let end = leaf.entries.partition_point(|entry| entry.key() < until).min(start + count_max - taken.len());
            let before = taken.len();
            taken.extend(leaf.entries.drain(start..end));
            *leaf = Leaf::new(lsn, std::mem::take(&mut leaf.entries));
            taken[before..].iter().for_each(|entry| self.sum.take(0, entry));
            self.count -= (taken.len() - before) as u64;
            self.tidy(lsn, separator, slot);
        }
        taken
    }

    /// A leaf that lost entries goes where it is empty, and takes in its successor where both fit well in one.
    fn tidy(&mut self, lsn: Lsn, separator: E::Key, slot: u32) {
        if self.leaves[slot as usize].entries.is_empty() {
            self.vacate(lsn, separator, slot);
            return;
        }
        let next = self.index.range((Bound::Excluded(separator), Bound::Unbounded)).next();
        let Some((&next_separator, &next_slot)) = next else {
            return;
        };
        let (own, other) = (self.leaves[slot as usize].entries.len(), self.leaves[next_slot as usize].entries.len());
        if own + other <= Self::leaf_entries() / 2 {
            let moved = self.leaves[next_slot as usize].entries.clone();
            let leaf = Arc::make_mut(&mut self.leaves[slot as usize]);
            leaf.entries.extend(moved);
            *leaf = Leaf::new(lsn, std::mem::take(&mut leaf.entries));
            self.vacate(lsn, next_separator, next_slot);
        }
    }

    fn vacate(&mut self, lsn: Lsn, separator: E::Key, slot: u32) {
        self.leaves[slot as usize] = Arc::new(Leaf::new(lsn, Vec::new()));
        self.index.remove(&separator);
        self.free.insert(slot);
    }

    fn place(&mut self, leaf: Leaf<E>) -> u32 {
        if let Some(slot) = self.free.pop_first() {
            self.leaves[slot as usize] = Arc::new(leaf);
            return slot;
        }
        self.leaves.push(Arc::new(leaf));
        u32::try_from(self.leaves.len() - 1).expect("leaves are bounded")
    }

    /// The leaf that holds the key, or should: the last one not above it, or the first of all.
    fn leaf_for(&self, key: E::Key) -> Option<(E::Key, u32)> {
        let found = self.index.range(..=key).next_back().or_else(|| self.index.iter().next());
        found.map(|(separator, slot)| (*separator, *slot))
    }

    /// Entries of the largest leaf that may be stored.
    pub(crate) fn leaf_entries_max() -> usize {
        const { assert!(E::PAGE_ENTRIES * size_of::<E>() <= LEAF_BYTES_MAX, "a leaf is a quarter of a chunk") };
        E::PAGE_ENTRIES
    }

    /// Entries of a full leaf.
    pub(crate) fn leaf_entries() -> usize {
        const { assert!(E::PAGE_ENTRIES >= 2 * SPLIT_PART, "a leaf is split in two") };
        Self::leaf_entries_max() / SPLIT_PART
    }

    /// Entries are in order and in the leaves that the index names.
    pub(crate) fn check(&self) {
        assert!(self.iter().map(Entry::key).is_sorted_by(|earlier, later| earlier < later), "entries out of order");
        assert!(self.iter().count() as u64 == self.count, "a count is wrong");
        for (separator, slot) in &self.index {
            let leaf = &self.leaves[*slot as usize];
            assert!(!leaf.entries.is_empty() && leaf.entries.len() <= Self::leaf_entries_max());
            assert!(leaf.entries[0].key() >= *separator, "a leaf below its separator");
            assert!(leaf.entries.iter().all(|entry| entry.rank() <= leaf.rank_max), "a rank above its leaf's");
        }
    }
}

#[cfg(test)]
mod tests {
    use apus_core::extent::{Extent, Home};
    use apus_core::ids::PartitionId;
    use apus_core::time::Rng;

    use super::super::extents::Packed;
    use super::*;

    fn entry(partition: u32, start: i64, timestamp_max: i64) -> Packed {
        let extent = Extent {
            start,
            end: start + 1,
            home: Home::Journal(Lsn(1)),
            position: 0,
            bytes: 1,
            timestamp_max,
            transactional: false,
            control: false,
        };
        Packed::of(PartitionId(partition), 0, &extent)
    }

    /// Appends to some partitions and drains others, against a sorted map.
    #[test]
    fn a_shelf_of_many_leaves_is_a_sorted_map() {
        let mut rng = Rng::new(7);
        let mut shelf = Shelf::new();
        let mut model: BTreeMap<(u32, i64), i64> = BTreeMap::new();
        for round in 0..60_u64 {
            let lsn = Lsn(round + 1);
            for _ in 0..1_500 {
                // One partition in the middle grows fastest, as a busy one among idle ones.
                let partition = if rng.chance(3) { 20 } else { rng.below(40) as u32 };
                let start = model.range((partition, 0)..(partition + 1, 0)).next_back().map_or(0, |(key, _)| key.1 + 1);
                let timestamp = rng.below(1_000_000) as i64;
                shelf.insert(lsn, entry(partition, start, timestamp));
                model.insert((partition, start), timestamp);
            }
            let partition = rng.below(40) as u32;
            let from = (partition, rng.below(200) as i64);
            let until = (partition + rng.below(3) as u32, rng.below(20_000) as i64);
            let count_max = rng.below(3_000) as usize;
            let taken = shelf.drain(lsn, from, until, count_max);
            let expected: Vec<_> = model.keys().copied().filter(|key| (from..until).contains(key)).collect();
            let expected = &expected[..expected.len().min(count_max)];
            assert_eq!(taken.iter().map(Entry::key).collect::<Vec<_>>(), expected);
            expected.iter().for_each(|key| assert!(model.remove(key).is_some()));
            shelf.check();
            let probe = (rng.below(41) as u32, rng.below(5_000) as i64);
            let floor = model.range(..=probe).next_back().map(|(key, _)| *key);
            assert_eq!(shelf.floor(probe).map(Entry::key), floor);
            let from: Vec<_> = shelf.from(probe).take(50).map(Entry::key).collect();
            assert_eq!(from, model.range(probe..).take(50).map(|(key, _)| *key).collect::<Vec<_>>());
        }
        assert!(shelf.leaves().len() > 20, "several leaves took part");
        let restored = Shelf::restore(shelf.leaves().iter().map(|leaf| (**leaf).clone()).collect()).expect("in order");
        assert_eq!(restored.digest(), shelf.digest());
        assert_eq!(restored.count(), model.len() as u64);
    }

    #[test]
    fn leaves_of_a_growing_partition_are_full() {
        let mut shelf = Shelf::new();
        (0..100).for_each(|partition| shelf.insert(Lsn(1), entry(partition, 0, 0)));
        let full = Shelf::<Packed>::leaf_entries() as i64;
        (1..full * 20).for_each(|start| shelf.insert(Lsn(2), entry(50, start, 0)));
        assert!(shelf.leaves().len() <= 24, "{} leaves", shelf.leaves().len());
    }

    #[test]
    fn a_leaf_as_large_as_any_that_was_stored_is_taken_and_grows() {
        let stored: Vec<Packed> =
            (0..Shelf::<Packed>::leaf_entries_max() as u32).map(|at| entry(2 * at, 0, 0)).collect();
        let mut shelf = Shelf::restore(vec![Leaf::new(Lsn(1), stored.clone())]).expect("in order");
        shelf.check();
        (0..stored.len() as u32).rev().for_each(|at| {
            shelf.insert(Lsn(2), entry(2 * at + 1, 0, 0));
            shelf.check();
        });
        assert_eq!(shelf.count(), 2 * stored.len() as u64);
    }

    #[test]
    fn a_clone_does_not_see_what_comes_after_it() {
        let mut shelf = Shelf::new();
        (0..5_000).for_each(|start| shelf.insert(Lsn(1), entry(0, start, 0)));
        let (before, digest) = (shelf.clone(), shelf.digest());
        shelf.drain(Lsn(2), (0, 0), (0, 4_000), usize::MAX);
        assert_eq!((before.iter().count(), before.digest()), (5_000, digest));
        assert_eq!(shelf.count(), 1_000);
        let changed = shelf.leaves().iter().filter(|leaf| leaf.changed == Lsn(2)).count();
        assert!(changed > 0);
    }
}
