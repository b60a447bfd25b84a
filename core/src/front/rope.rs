//! Bytes that lie in several slices, read as if they were one.

use bytes::{Buf, Bytes};

use crate::batch::{BatchHeader, HEADER_BYTES};

/// Slices in order. Hot packs give one slice or few; cold blocks may cut a batch anywhere.
#[derive(Debug, Default)]
pub struct Rope {
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Rope {
    /// A rope of these slices.
    #[must_use]
    pub fn new(pieces: Vec<Bytes>) -> Rope {
        let bytes = pieces.iter().map(Bytes::len).sum();
        Rope { pieces, bytes }
    }

    /// Bytes that are left.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The batch header that the rope begins with, or nothing where it is too short for one.
    #[must_use]
    pub fn header(&self) -> Option<BatchHeader> {
        if let Some(first) = self.pieces.first().filter(|first| first.len() >= HEADER_BYTES) {
            return BatchHeader::read(first);
        }
        let mut copy = [0; HEADER_BYTES];
        let mut filled = 0;
        for piece in &self.pieces {
            let take = piece.len().min(HEADER_BYTES - filled);
            copy[filled..filled + take].copy_from_slice(&piece[..take]);
            filled += take;
        }
        BatchHeader::read(&copy[..filled])
    }

    /// Cuts off the first `bytes`.
    ///
    /// # Panics
    /// Where the rope is shorter.
    pub fn take(&mut self, bytes: usize) -> Rope {
        assert!(bytes <= self.bytes, "{bytes} of a rope of {}", self.bytes);
        let mut taken = Vec::with_capacity(1);
        let mut missing = bytes;
        let mut whole = 0;
        for piece in &mut self.pieces {
            if missing < piece.len() {
                if missing > 0 {
                    taken.push(piece.split_to(missing));
                }
                missing = 0;
                break;
            }
            missing -= piece.len();
            taken.push(piece.clone());
            whole += 1;
        }
        assert!(missing == 0);
        self.pieces.drain(..whole);
        self.bytes -= bytes;
        Rope { pieces: taken, bytes }
    }

    /// Drops the first `bytes`.
    pub fn skip(&mut self, bytes: usize) {
        let mut missing = bytes;
        self.bytes -= bytes;
        while missing > 0 {
            let piece = self.pieces.first_mut().expect("the rope is long enough");
            if missing < piece.len() {
                piece.advance(missing);
                return;
            }
            missing -= piece.len();
            self.pieces.remove(0);
        }
    }

    /// The slices.
    #[must_use]
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// One slice of all; copied only where there are several.
    #[must_use]
    pub fn join(mut self) -> Bytes {
        match self.pieces.len() {
            1 => self.pieces.remove(0),
            _ => Bytes::from(self.pieces.concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_what_is_left_are_the_whole() {
        let text = b"abcdefghij";
        for cut in 0..=text.len() {
            for at in 0..=text.len() {
                let pieces = vec![Bytes::copy_from_slice(&text[..cut]), Bytes::copy_from_slice(&text[cut..])];
                let mut rope = Rope::new(pieces);
                let front = rope.take(at).join();
                assert_eq!(&front[..], &text[..at]);
                let left = rope.bytes();
                rope.skip(left / 2);
                assert_eq!(&rope.join()[..], &text[at + left / 2..]);
            }
        }
    }
}
