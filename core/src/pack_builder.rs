//! Lays batches out as a pack: grouped by partition, in arrival order inside a partition, a footer behind them.
//!
//! The packer builds its flushes with it, and the spill the packs that re-home journaled bytes. Slices below
//! [`COPY_BYTES_MAX`] are copied once, into one buffer that was measured before: a contiguous body costs the store
//! plane less than a long list, and a small slice no longer pins the large frame that it came in. Larger slices are
//! shared. No slice is split, so a batch never straddles two of a pack's slices.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::footer::{Footer, FooterEntry};
use crate::ids::{PackId, PartitionId, TopicId};
use crate::limits::COPY_BYTES_MAX;
use crate::pack::Pack;

/// Whole batches of one partition that stay together: one batch of a flush, or an extent that is re-homed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Whose, as the ledger numbers it: pieces are grouped by this.
    pub partition: PartitionId,
    /// Whose: the topic, for the footer.
    pub topic: TopicId,
    /// Whose: Kafka's partition index, for the footer.
    pub index: i32,
    /// How many batches.
    pub batches: u32,
    /// How many offsets they take.
    pub offsets: u64,
    /// The newest record timestamp, milliseconds, or -1.
    pub timestamp_max: i64,
}

/// Pieces on their way into one pack.
#[derive(Debug, Default)]
pub struct PackBuilder {
    pieces: Vec<Added>,
    slices: Vec<Bytes>,
}

#[derive(Debug)]
struct Added {
    piece: Piece,
    slices: Range<usize>,
    bytes: u32,
}

/// A pack, and where its pieces are.
#[derive(Debug)]
pub struct Built {
    /// The bytes.
    pub pack: Pack,
    /// The first byte of each piece, in the order in which pieces were added.
    pub positions: Vec<u32>,
    /// The pieces in byte order, by the order in which they were added.
    pub order: Vec<u32>,
}

impl PackBuilder {
    /// A builder with room for so many pieces of one slice.
    #[must_use]
    pub fn with_capacity(pieces: usize) -> PackBuilder {
        PackBuilder { pieces: Vec::with_capacity(pieces), slices: Vec::with_capacity(pieces) }
    }

    /// Adds a piece: its slices, in order, each of whole batches.
    pub fn add(&mut self, piece: Piece, slices: impl IntoIterator<Item = Bytes>) {
        assert!(piece.batches > 0 && piece.offsets > 0 && piece.index >= 0);
        let first = self.slices.len();
        self.slices.extend(slices);
        let slices = first..self.slices.len();
        let bytes: usize = self.slices[slices.clone()].iter().map(Bytes::len).sum();
        assert!(bytes > 0, "a piece has bytes");
        let bytes = u32::try_from(bytes).expect("a piece comes from one request or one group");
        self.pieces.push(Added { piece, slices, bytes });
    }

    /// The pack. With an id it gets a footer; without one its bytes are to ride in the journal.
    #[must_use]
    pub fn build(self, id: Option<PackId>) -> Built {
        assert!(!self.pieces.is_empty(), "a pack of nothing");
        let mut order: Vec<u32> = (0..self.pieces.len() as u32).collect();
        order.sort_by_key(|&at| self.pieces[at as usize].piece.partition); // Stable: arrival order stays.
        let mut positions = vec![0; order.len()];
        let mut end = 0_u32;
        for &at in &order {
            positions[at as usize] = end;
            end = end
                .checked_add(self.pieces[at as usize].bytes)
                .expect("a pack is bounded by its target and one request");
        }
        let footer = id.map_or_else(Bytes::new, |id| self.footer(id, &order, end));
        let pack = Pack::new(self.lay_out(&order), footer);
        assert!(pack.bytes() == end, "positions tile the pack");
        Built { pack, positions, order }
    }

    fn footer(&self, pack: PackId, order: &[u32], bytes: u32) -> Bytes {
        let mut entries: Vec<FooterEntry> = Vec::new();
        let mut last = None;
        let mut position = 0;
        for &at in order {
            let Added { piece, bytes, .. } = &self.pieces[at as usize];
            match entries.last_mut().filter(|_| last == Some(piece.partition)) {
                Some(entry) => {
                    entry.bytes += bytes;
                    entry.batches += piece.batches;
                    entry.offsets += piece.offsets;
                    entry.timestamp_max = entry.timestamp_max.max(piece.timestamp_max);
                }
                None => entries.push(FooterEntry {
                    topic: piece.topic,
                    index: piece.index,
                    position,
                    bytes: *bytes,
                    batches: piece.batches,
                    offsets: piece.offsets,
                    timestamp_max: piece.timestamp_max,
                }),
            }
            last = Some(piece.partition);
            position += bytes;
        }
        Footer { pack, bytes: u64::from(bytes), entries }.encode()
    }

    fn lay_out(&self, order: &[u32]) -> Vec<Bytes> {
        let copied = self.slices.iter().map(Bytes::len).filter(|&bytes| bytes < COPY_BYTES_MAX).sum();
        let mut buffer = BytesMut::with_capacity(copied);
        let mut laid = Vec::new();
        for &at in order {
            for slice in &self.slices[self.pieces[at as usize].slices.clone()] {
                if slice.len() < COPY_BYTES_MAX {
                    buffer.extend_from_slice(slice);
                    continue;
                }
                if !buffer.is_empty() {
                    laid.push(buffer.split().freeze());
                }
                laid.push(slice.clone());
            }
        }
        if !buffer.is_empty() {
            laid.push(buffer.freeze());
        }
        laid
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{BrokerId, Incarnation, Uuid, Writer};

    fn piece(partition: u32) -> Piece {
        Piece {
            partition: PartitionId(partition),
            topic: Uuid([partition as u8; 16]),
            index: partition as i32,
            batches: 1,
            offsets: 2,
            timestamp_max: 5,
        }
    }

    fn id() -> PackId {
        PackId { broker: BrokerId(1), incarnation: Incarnation(1), writer: Writer::Packer, number: 0 }
    }

    #[test]
    fn small_slices_are_joined_and_large_ones_shared() {
        let large = Bytes::from(vec![9; COPY_BYTES_MAX]);
        let mut builder = PackBuilder::default();
        builder.add(piece(2), [Bytes::from_static(b"late")]);
        builder.add(piece(1), [Bytes::from_static(b"first"), large.clone()]);
        builder.add(piece(0), [Bytes::from_static(b"zero")]);
        builder.add(piece(1), [Bytes::from_static(b"second")]);
        let built = builder.build(Some(id()));
        let pieces: Vec<&Bytes> = built.pack.pieces().collect();
        assert_eq!(pieces[0], &b"zerofirst"[..]);
        assert_eq!(pieces[1].as_ptr(), large.as_ptr());
        assert_eq!(pieces[2], &b"secondlate"[..]);
        assert_eq!(built.order, [2, 1, 3, 0]);
        let end = 9 + COPY_BYTES_MAX as u32;
        assert_eq!(built.positions, [end + 6, 4, 0, end]);
    }

    #[test]
    fn inline_bytes_have_no_footer() {
        let mut builder = PackBuilder::with_capacity(1);
        builder.add(piece(3), [Bytes::from_static(b"abc")]);
        let built = builder.build(None);
        assert_eq!(built.pack.body().bytes(), 3);
    }

    proptest! {
        #[test]
        fn every_piece_is_where_its_position_says(
            pieces in prop::collection::vec((0_u32..6, prop::collection::vec(1_usize..70_000, 1..3)), 1..20)
        ) {
            let mut builder = PackBuilder::default();
            let mut wanted = Vec::new();
            for (index, (partition, lengths)) in pieces.iter().enumerate() {
                let slices: Vec<Bytes> = lengths.iter().map(|&bytes| Bytes::from(vec![index as u8; bytes])).collect();
                wanted.push((*partition, slices.concat()));
                builder.add(piece(*partition), slices);
            }
            let built = builder.build(Some(id()));
            for (at, (_, bytes)) in wanted.iter().enumerate() {
                let cut: Vec<Bytes> = built.pack.slices(built.positions[at], bytes.len() as u32).collect();
                prop_assert_eq!(&cut.concat(), bytes);
            }
            let keys: Vec<(u32, u32)> = built.order.iter().map(|&at| (wanted[at as usize].0, at)).collect();
            prop_assert!(keys.is_sorted());
            let object = built.pack.body().pieces().concat();
            let footer = Footer::decode(&object).expect("the object explains itself");
            prop_assert_eq!(footer.pack, id());
            prop_assert_eq!(footer.entries.iter().map(|entry| entry.batches).sum::<u32>() as usize, wanted.len());
            for entry in &footer.entries {
                let of: Vec<u8> = wanted.iter().filter(|(p, _)| *p as i32 == entry.index).flat_map(|(_, b)| b.clone()).collect();
                prop_assert_eq!(&object[entry.position as usize..][..entry.bytes as usize], &of[..]);
            }
        }
    }
}
