//! A pack in memory: the batches of one flush, grouped by partition, as slices that nobody copies again.

use bytes::Bytes;

use crate::world::Body;

/// The bytes of one flush. Immutable, shared by every core through one `Arc`.
#[derive(Debug, Default)]
pub struct Pack {
    /// Slices in order, each with the position of its first byte. No batch straddles two slices.
    pieces: Vec<(u32, Bytes)>,
    /// Bytes of batches.
    bytes: u32,
    /// What follows the batches in the object; empty for inline bytes.
    footer: Bytes,
}

impl Pack {
    /// A pack of these slices and this footer.
    #[must_use]
    pub fn new(slices: Vec<Bytes>, footer: Bytes) -> Pack {
        let mut pieces = Vec::with_capacity(slices.len());
        let mut position = 0_u32;
        for slice in slices.into_iter().filter(|slice| !slice.is_empty()) {
            let length = u32::try_from(slice.len()).expect("a slice of a frame");
            pieces.push((position, slice));
            position = position.checked_add(length).expect("a pack is bounded by its target and one request");
        }
        Pack { pieces, bytes: position, footer }
    }

    /// Bytes of batches, without the footer.
    #[must_use]
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// The slices that hold `position..position + bytes`, in order, cut to it.
    pub fn slices(&self, position: u32, bytes: u32) -> impl Iterator<Item = Bytes> + '_ {
        let end = position.checked_add(bytes).expect("a range inside a pack");
        assert!(end <= self.bytes, "{position}..{end} beyond a pack of {}", self.bytes);
        let first = self.pieces.partition_point(|(start, piece)| start + piece.len() as u32 <= position);
        self.pieces[first..].iter().take_while(move |(start, _)| *start < end).map(move |(start, piece)| {
            let from = position.saturating_sub(*start) as usize;
            let to = piece.len().min((end - start) as usize);
            piece.slice(from..to)
        })
    }

    /// Batches and footer, as the object holds them.
    #[must_use]
    pub fn body(&self) -> Body {
        let footer = (!self.footer.is_empty()).then(|| self.footer.clone());
        Body::new(self.pieces.iter().map(|(_, piece)| piece.clone()).chain(footer).collect())
    }

    /// The batches alone, as a journal group carries them.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter().map(|(_, piece)| piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_out_of_the_slices_it_touches() {
        let pack = Pack::new(vec![Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"defg")], Bytes::new());
        let cut = |position, bytes| pack.slices(position, bytes).map(|slice| slice.to_vec()).collect::<Vec<_>>();
        assert_eq!(cut(0, 3), vec![b"abc".to_vec()]);
        assert_eq!(cut(3, 4), vec![b"defg".to_vec()]);
        assert_eq!(cut(2, 3), vec![b"c".to_vec(), b"de".to_vec()]);
        assert_eq!(cut(7, 0), Vec::<Vec<u8>>::new());
        assert_eq!(pack.body().bytes(), 7);
    }
}
