//! Rehoming: bytes that rode in the journal lie in a pack now. Offsets do not change, only where the bytes are.
//!
//! Between the spill's reading and its command, retention and deletion go on: of each move, what still lives is
//! replaced, and where nothing does, the move is void. An extent never changes but by leaving from the front, so what
//! lives of a move is its tail; the new extent then begins below the partition's first offset, like any extent that a
//! trim cuts through.

use apus_core::extent::{Home, Placed};

use super::extents::{OFFSET_MAX, Packed, from_offset};
use super::outcome::Decision;
use super::removal::Removed;
use super::windows::Slot;
use super::{Ledger, Partition};
use crate::command::Rehome;

impl Ledger {
    pub(super) fn rehome(&mut self, rehome: &Rehome, removed: &mut Removed) -> Decision {
        let (lsn, home) = (self.scalars.lsn, Home::Pack(rehome.pack));
        let open = matches!(self.windows.find(rehome.pack), Slot::Open);
        if !open || self.objects.find(home).is_some() {
            return Decision::Rehomed { placed: Vec::new() };
        }
        let object = self.objects.add(lsn, home, rehome.object_bytes);
        let mut placed = Vec::new();
        for moved in &rehome.moves {
            let Some(partition) = self.living(moved.partition) else {
                continue;
            };
            let Some(replaced) = self.replaceable(moved, &partition, rehome) else {
                continue;
            };
            self.replace(object, moved, &replaced, removed);
            placed.push(Placed {
                partition: moved.partition,
                extent: apus_core::extent::Extent { home, ..moved.extent },
            });
        }
        self.objects.hold(lsn, object, &placed);
        removed.settle(self, object);
        self.windows.resolve(lsn, rehome.pack, Slot::committed(&[]));
        Decision::Rehomed { placed }
    }

    /// The live extents that a move stands for; nothing where it fits none, or not exactly.
    fn replaceable(&self, moved: &Placed, partition: &Partition, rehome: &Rehome) -> Option<Vec<Packed>> {
        let extent = &moved.extent;
        let sound = extent.start >= 0 && extent.start < extent.end && extent.end <= OFFSET_MAX;
        if !sound || extent.end <= partition.log_start_offset || extent.end > partition.high_watermark {
            return None;
        }
        let within = from_offset(&self.extents, moved.partition, extent.start, partition.high_watermark)
            .take_while(|(packed, _)| packed.start() < extent.end);
        let within: Vec<(Packed, i64)> = within.map(|(packed, end)| (*packed, end)).collect();
        let ((first, _), (_, end)) = (within.first()?, within.last()?);
        let beheaded = self.extents.below(first_key(first)).is_none_or(|before| before.partition != first.partition);
        let exact = *end == extent.end && (first.start() == extent.start || first.start() > extent.start && beheaded);
        let moves = |packed: &Packed| match self.objects.home(packed.object) {
            Home::Journal(lsn) => rehome.emptied.binary_search(&lsn).is_ok(),
            Home::Pack(_) => false,
        };
        let replaced: Vec<Packed> = within.into_iter().map(|(packed, _)| packed).collect();
        (exact && replaced.iter().all(moves)).then_some(replaced)
    }

    fn replace(&mut self, object: u32, moved: &Placed, replaced: &[Packed], removed: &mut Removed) {
        let lsn = self.scalars.lsn;
        let (from, until) = ((moved.partition.0, moved.extent.start), (moved.partition.0, moved.extent.end));
        let taken = self.extents.drain(lsn, from, until, replaced.len());
        assert!(taken.len() == replaced.len(), "they were just counted");
        self.extents.insert(lsn, Packed::of(moved.partition, object, &moved.extent));
        let bytes: u64 = taken.iter().map(|packed| u64::from(packed.bytes)).sum();
        self.partitions.update(lsn, moved.partition.0, |partition| {
            partition.bytes = partition.bytes - bytes + u64::from(moved.extent.bytes);
        });
        removed.release(self, &taken);
    }
}

fn first_key(packed: &Packed) -> (u32, i64) {
    (packed.partition, packed.start())
}
