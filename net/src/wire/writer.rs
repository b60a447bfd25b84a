//! Writing a frame: one skeleton, and records spliced into it.
//!
//! Everything but records is written once into one reused buffer. Records of some size are not copied: the writer
//! notes where they belong, and [`Writer::finish`] cuts the skeleton there, so that a vectored write sends the cache's
//! own memory. Small pieces are copied, because an entry in a vectored write and a reference count cost more than
//! moving a few cache lines.
//!
//! Writing cannot fail but for length: a message that the core built is always expressible, and what a version cannot say
//! is left out. Beyond [`ANSWER_BYTES_MAX`] nothing more is kept, and there is no frame: whoever asked too much is told
//! nothing, and memory stays bounded while it is found out.

use apus_core::limits::ANSWER_BYTES_MAX;
use bytes::{BufMut, Bytes, BytesMut};

use super::versions::Format;

/// Records of at least this many bytes are sent from where they are; smaller ones are copied into the skeleton.
/// Copying 8 KiB takes about 0.3 microseconds, as long as a slice of its own in a vectored write.
pub const SPLICE_BYTES_MIN: usize = 8 * 1024;

/// The skeleton grows by at least this much, so that a busy connection allocates once for many responses.
const SKELETON_BYTES: usize = 4 * 1024;

const LENGTH_BYTES: usize = 4;

/// A whole frame, its length field included, as the slices of one vectored write.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// The slices in order; none is empty.
    pub pieces: Vec<Bytes>,
    /// The sum of their lengths.
    pub bytes: usize,
}

impl Frame {
    /// The frame in one piece, length field included. Copies; meant for tests and small requests.
    pub fn contiguous(&self) -> Bytes {
        match &self.pieces[..] {
            [only] => only.clone(),
            pieces => pieces.concat().into(),
        }
    }

    /// What a peer decodes: the frame in one piece without its length field.
    pub fn body(&self) -> Bytes {
        self.contiguous().slice(LENGTH_BYTES..)
    }
}

/// Builds one frame after another; the buffer is reused.
#[derive(Debug)]
pub struct Writer {
    skeleton: BytesMut,
    splices: Vec<Splice>,
    splice_bytes: usize,
    bytes_max: usize,
    /// The frame would be longer than one may be: the rest of it is not written.
    overflowed: bool,
    /// The layout of the message being written.
    pub format: Format,
}

#[derive(Debug)]
struct Splice {
    at: usize,
    bytes: Bytes,
}

impl Default for Writer {
    fn default() -> Self {
        Self::bounded(ANSWER_BYTES_MAX)
    }
}

impl Writer {
    /// A writer that owns no memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, of frames of at most so many bytes.
    pub fn bounded(bytes_max: usize) -> Self {
        let format = Format::default();
        let (skeleton, splices) = (BytesMut::new(), Vec::new());
        Writer { skeleton, splices, splice_bytes: 0, bytes_max, overflowed: false, format }
    }

    /// Starts a frame with room for its length.
    pub fn begin(&mut self) {
        self.skeleton.clear();
        self.splices.clear();
        self.splice_bytes = 0;
        self.overflowed = false;
        self.skeleton.reserve(SKELETON_BYTES);
        self.skeleton.put_bytes(0, LENGTH_BYTES);
    }

    /// Ends the frame: fills in its length and cuts the skeleton where records belong.
    ///
    /// # Panics
    /// Where it is longer than a frame may be; an answer ends with [`Writer::finish_answer`].
    pub fn finish(&mut self) -> Frame {
        self.finish_answer().expect("what is bounded by what was written is not too long")
    }

    /// The same; nothing, where it is longer than a frame may be.
    pub fn finish_answer(&mut self) -> Option<Frame> {
        if self.overflowed {
            // Not kept for the next frame, which is likely to be small.
            (self.skeleton, self.splices) = (BytesMut::new(), Vec::new());
            return None;
        }
        let bytes = self.skeleton.len() + self.splice_bytes;
        assert!(self.skeleton.len() >= LENGTH_BYTES, "a frame was begun");
        let length = u32::try_from(bytes - LENGTH_BYTES).expect("a frame is bounded");
        self.skeleton[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        let mut skeleton = self.skeleton.split().freeze();
        let mut pieces = Vec::with_capacity(2 * self.splices.len() + 1);
        let mut cut = 0;
        for splice in self.splices.drain(..) {
            let head = skeleton.split_to(splice.at - cut);
            cut = splice.at;
            if !head.is_empty() {
                pieces.push(head);
            }
            pieces.push(splice.bytes);
        }
        if !skeleton.is_empty() {
            pieces.push(skeleton);
        }
        Some(Frame { pieces, bytes })
    }

    /// Appends bytes by copying.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        if self.skeleton.len() + self.splice_bytes + bytes.len() > self.bytes_max {
            self.overflowed = true;
            return;
        }
        self.skeleton.extend_from_slice(bytes);
    }

    /// Appends records: by reference when they are large, by copying when they are small.
    #[inline]
    pub fn splice(&mut self, bytes: &Bytes) {
        if bytes.len() < SPLICE_BYTES_MIN {
            return self.put(bytes);
        }
        if self.skeleton.len() + self.splice_bytes + bytes.len() > self.bytes_max {
            self.overflowed = true;
            return;
        }
        self.splice_bytes += bytes.len();
        self.splices.push(Splice { at: self.skeleton.len(), bytes: bytes.clone() });
    }

    /// Where the next byte goes; what is spliced does not count.
    pub fn position(&self) -> usize {
        self.skeleton.len()
    }

    /// Puts bytes in the place of others that were put there; a frame that is too long keeps none.
    pub fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.skeleton.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// An unsigned variable-length number.
    #[inline]
    pub fn varint(&mut self, value: u32) {
        let mut bytes = [0; 5];
        let count = encode_varint(value, &mut bytes);
        self.put(&bytes[..count]);
    }

    /// The length of a string, or null.
    #[inline]
    pub fn string_length(&mut self, length: Option<usize>) {
        if self.format.flexible {
            return self.compact_length(length);
        }
        let length = length.map_or(-1, |length| i16::try_from(length).expect("strings are cut to 32767 bytes"));
        self.put(&length.to_be_bytes());
    }

    /// The length of bytes or records, or the count of an array, or null.
    #[inline]
    pub fn length(&mut self, length: Option<usize>) {
        if self.format.flexible {
            return self.compact_length(length);
        }
        let length = length.map_or(-1, |length| i32::try_from(length).expect("limits keep lengths below 2 GiB"));
        self.put(&length.to_be_bytes());
    }

    fn compact_length(&mut self, length: Option<usize>) {
        self.varint(length.map_or(0, |length| u32::try_from(length + 1).expect("limits keep lengths below 4 GiB")));
    }

    /// A tagged field: its tag, its size, its value. The value is written first and the size slipped in front of it,
    /// which moves a few bytes and saves a second walk over every message to learn sizes.
    pub fn tagged(&mut self, tag: u32, value: impl FnOnce(&mut Self)) {
        self.varint(tag);
        let (start, splices) = (self.skeleton.len(), self.splices.len());
        value(self);
        assert!(splices == self.splices.len(), "records are never a tagged field");
        let end = self.skeleton.len();
        let mut bytes = [0; 5];
        let count = encode_varint((end - start) as u32, &mut bytes);
        self.put(&bytes[..count]);
        if self.overflowed {
            return;
        }
        self.skeleton.copy_within(start..end, start + count);
        self.skeleton[start..start + count].copy_from_slice(&bytes[..count]);
    }
}

#[inline]
fn encode_varint(mut value: u32, bytes: &mut [u8; 5]) -> usize {
    let mut count = 0;
    while value >= 0x80 {
        bytes[count] = value as u8 | 0x80;
        value >>= 7;
        count += 1;
    }
    bytes[count] = value as u8;
    count + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reader::Reader;

    #[test]
    fn large_records_are_shared_and_small_ones_copied() {
        let large = Bytes::from(vec![7; SPLICE_BYTES_MIN]);
        let mut writer = Writer::new();
        writer.begin();
        writer.put(b"head");
        writer.splice(&Bytes::from_static(b"stamp"));
        writer.splice(&large);
        writer.put(b"tail");
        let frame = writer.finish();
        assert_eq!(frame.pieces.len(), 3);
        assert_eq!(frame.pieces[1].as_ptr(), large.as_ptr());
        assert_eq!(frame.bytes, frame.pieces.iter().map(Bytes::len).sum::<usize>());
        assert_eq!(&frame.pieces[0][..], [&(13 + large.len() as u32).to_be_bytes()[..], b"headstamp"].concat());
        assert_eq!(&frame.body()[9 + large.len()..], b"tail");
    }

    #[test]
    fn a_second_frame_starts_afresh() {
        let mut writer = Writer::new();
        for _ in 0..2 {
            writer.begin();
            writer.put(b"x");
            assert_eq!(writer.finish().contiguous(), &b"\0\0\0\x01x"[..]);
        }
    }

    #[test]
    fn a_frame_that_would_be_too_long_is_none() {
        let mut writer = Writer::bounded(100);
        let records = Bytes::from(vec![7; SPLICE_BYTES_MIN]);
        let too_long: [&dyn Fn(&mut Writer); 3] = [
            &|writer| (0..100).for_each(|_| writer.put(b"x")),
            &|writer| writer.tagged(1, |writer| writer.put(&[9; 94])),
            &|writer| writer.splice(&records),
        ];
        for write in too_long {
            writer.begin();
            write(&mut writer);
            writer.put(b"more");
            assert_eq!(writer.finish_answer(), None);
            writer.begin();
            writer.put(&[1; 96]);
            assert_eq!(writer.finish_answer().map(|frame| frame.bytes), Some(100), "the next one is as good as any");
        }
    }

    #[test]
    fn tagged_values_carry_their_size() {
        for length in [0, 1, 127, 128, 20_000] {
            let mut writer = Writer::new();
            writer.begin();
            writer.varint(1);
            writer.tagged(3, |writer| writer.put(&vec![9; length]));
            let body = writer.finish().body();
            let mut reader = Reader::new(&body, Format::default());
            let outcome = reader.tagged(|tag, value| {
                assert_eq!((tag, value.remaining()), (3, length));
                Ok(value.take(length)?.iter().all(|&byte| byte == 9))
            });
            assert_eq!((outcome, reader.end()), (Ok(()), Ok(())));
        }
    }
}
