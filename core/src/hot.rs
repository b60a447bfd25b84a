//! The hot tier: the newest packs, in memory, as one core sees them.
//!
//! Every core applies the same commit stream in the same order, so all of them hold the same packs without a word
//! between them; the bytes are shared through one `Arc`. Packs leave in the order they came, by bytes. Inline bytes
//! whose only other copy is in the journal are pinned until a spill gives them a home in the store; the packer bounds
//! them ([`crate::limits::INLINE_HELD_BYTES_MAX`]), so they do not count here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::extent::Home;
use crate::ids::PackId;
use crate::message::{Committed, Rehomed};
use crate::pack::Pack;

/// The packs of one core's hot tier.
#[derive(Debug)]
pub struct Hot {
    packs: BTreeMap<Home, Arc<Pack>>,
    order: VecDeque<PackId>,
    bytes: u64,
    bytes_max: u64,
}

impl Hot {
    /// An empty tier of at most so many bytes.
    #[must_use]
    pub fn new(bytes_max: u64) -> Hot {
        Hot { packs: BTreeMap::new(), order: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// The bytes behind a home, where they are hot.
    #[must_use]
    pub fn get(&self, home: &Home) -> Option<&Arc<Pack>> {
        self.packs.get(home)
    }

    /// Packs that have a home in the store, and their bytes.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        (self.order.len() as u64, self.bytes)
    }

    /// Takes in a commit's bytes; returned are the packs that had to leave for them.
    pub fn commit(&mut self, committed: &Committed) -> Vec<(PackId, Arc<Pack>)> {
        if committed.placed.is_empty() {
            return Vec::new();
        }
        self.insert(committed.home, Arc::clone(&committed.pack))
    }

    /// Takes in a spill: the pinned bytes go, the pack that holds them now comes.
    pub fn rehome(&mut self, rehomed: &Rehomed) -> Vec<(PackId, Arc<Pack>)> {
        for home in &rehomed.emptied {
            assert!(matches!(home, Home::Journal(_)), "only the journal is spilled");
            self.packs.remove(home);
        }
        match &rehomed.pack {
            Some(pack) if !rehomed.placed.is_empty() => self.insert(rehomed.home, Arc::clone(pack)),
            _ => Vec::new(),
        }
    }

    fn insert(&mut self, home: Home, pack: Arc<Pack>) -> Vec<(PackId, Arc<Pack>)> {
        let bytes = u64::from(pack.bytes());
        let before = self.packs.insert(home, pack);
        assert!(before.is_none(), "{home:?} came twice");
        let mut left = Vec::new();
        if let Home::Pack(id) = home {
            self.order.push_back(id);
            self.bytes += bytes;
            while self.bytes > self.bytes_max {
                let oldest = self.order.pop_front().expect("bytes belong to packs");
                let pack = self.packs.remove(&Home::Pack(oldest)).expect("what is in order is there");
                self.bytes -= u64::from(pack.bytes());
                left.push((oldest, pack));
            }
        }
        left
    }

    /// What is counted is what is there.
    pub fn check(&self) {
        let counted: u64 = self.order.iter().map(|id| u64::from(self.packs[&Home::Pack(*id)].bytes())).sum();
        assert!(counted == self.bytes && self.bytes <= self.bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::extent::{Extent, Placed};
    use crate::ids::{BrokerId, Incarnation, Lsn, PartitionId, Writer};

    fn id(number: u64) -> PackId {
        PackId { broker: BrokerId(1), incarnation: Incarnation(1), writer: Writer::Packer, number }
    }

    fn placed(home: Home, bytes: u32) -> Vec<Placed> {
        let extent = Extent {
            start: 0,
            end: 1,
            home,
            position: 0,
            bytes,
            timestamp_max: -1,
            transactional: false,
            control: false,
        };
        vec![Placed { partition: PartitionId(0), extent }]
    }

    fn committed(home: Home, bytes: usize) -> Committed {
        let pack = Arc::new(Pack::new(vec![Bytes::from(vec![0; bytes])], Bytes::new()));
        Committed { lsn: Lsn(1), home, pack, placed: placed(home, bytes as u32), answers: Vec::new() }
    }

    #[test]
    fn the_oldest_pack_leaves_first_and_inline_bytes_stay_until_they_are_spilled() {
        let mut hot = Hot::new(25);
        let inline = Home::Journal(Lsn(7));
        assert!(hot.commit(&committed(inline, 100)).is_empty());
        assert!(hot.commit(&committed(Home::Pack(id(0)), 10)).is_empty());
        assert!(hot.commit(&committed(Home::Pack(id(1)), 10)).is_empty());
        let left = hot.commit(&committed(Home::Pack(id(2)), 10));
        assert_eq!(left.iter().map(|(pack, _)| pack.number).collect::<Vec<_>>(), vec![0]);
        assert!(hot.get(&inline).is_some());

        let pack = Arc::new(Pack::new(vec![Bytes::from(vec![0; 5])], Bytes::new()));
        let home = Home::Pack(id(3));
        let spilled = Rehomed { lsn: Lsn(9), emptied: vec![inline], home, pack: Some(pack), placed: placed(home, 5) };
        assert!(hot.rehome(&spilled).is_empty());
        assert!(hot.get(&inline).is_none() && hot.get(&home).is_some());
        hot.check();
    }

    #[test]
    fn a_pack_larger_than_the_tier_passes_through() {
        let mut hot = Hot::new(5);
        assert_eq!(hot.commit(&committed(Home::Pack(id(0)), 10)).len(), 1);
        hot.check();
    }
}
