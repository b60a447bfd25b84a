//! From received bytes to frames.
//!
//! The buffer grows with bytes received, never by a declared length alone, and is given back whenever no frame is
//! under way: an idle connection owns none. A frame is split off without copying.

use std::fmt;

use apus_core::limits::RECEIVE_BYTES_FIRST;
use bytes::{Bytes, BytesMut};

const LENGTH_BYTES: usize = 4;

/// A length that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLength {
    /// Zero or below.
    NotPositive(i32),
    /// Above `socket.request.max.bytes`.
    TooLarge {
        /// As declared.
        bytes: i32,
        /// The limit.
        bytes_max: usize,
    },
}

impl fmt::Display for BadLength {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadLength::NotPositive(length) => write!(out, "a request of {length} bytes"),
            BadLength::TooLarge { bytes, bytes_max } => {
                write!(out, "a request of {bytes} bytes; socket.request.max.bytes is {bytes_max}")
            }
        }
    }
}

/// What was received and not yet cut.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: BytesMut,
    bytes_max: usize,
}

impl Frames {
    pub fn new(bytes_max: usize) -> Frames {
        Frames { buffer: BytesMut::new(), bytes_max }
    }

    /// The buffer to append to, and how many bytes the frame under way still lacks (0: no frame has begun, or all of
    /// it is there). There is room for as many, or for as many again as have come, but at least for
    /// [`RECEIVE_BYTES_FIRST`].
    pub fn buffer(&mut self) -> (&mut BytesMut, usize) {
        let missing = match self.length() {
            Ok(Some(bytes)) => bytes.saturating_sub(self.buffer.len()),
            Ok(None) | Err(_) => 0,
        };
        if self.buffer.capacity() == self.buffer.len() {
            self.buffer.reserve(missing.min(RECEIVE_BYTES_FIRST.max(self.buffer.len())));
        }
        (&mut self.buffer, missing)
    }

    /// Nothing is left of what was received.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Bytes of the next frame with its length, where that has come.
    fn length(&self) -> Result<Option<usize>, BadLength> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = i32::from_be_bytes(*length);
        match usize::try_from(length) {
            Err(_) | Ok(0) => Err(BadLength::NotPositive(length)),
            Ok(bytes) if bytes > self.bytes_max => {
                Err(BadLength::TooLarge { bytes: length, bytes_max: self.bytes_max })
            }
            Ok(bytes) => Ok(Some(LENGTH_BYTES + bytes)),
        }
    }

    /// The next frame, with its length, if all of it has come.
    pub fn peek(&self) -> Result<Option<&[u8]>, BadLength> {
        let whole = self.length()?;
        Ok(whole.and_then(|bytes| self.buffer.get(..bytes)).map(|frame| &frame[LENGTH_BYTES..]))
    }

    /// Takes the frame that was peeked at.
    pub fn take(&mut self, bytes: usize) -> Bytes {
        let mut frame = self.buffer.split_to(LENGTH_BYTES + bytes).freeze();
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        frame.split_off(LENGTH_BYTES)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.buffer = BytesMut::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_follows_what_was_received() {
        let mut frames = Frames::new(100 << 20);
        assert_eq!(frames.buffer().1, 0);
        assert_eq!(frames.buffer.capacity(), 0, "an idle connection owns no buffer");
        frames.buffer().0.extend_from_slice(&(90_u32 << 20).to_be_bytes());
        let mut spare = Vec::new();
        loop {
            let (buffer, missing) = frames.buffer();
            if missing == 0 {
                break;
            }
            spare.push(buffer.capacity());
            assert!(buffer.capacity() <= 2 * buffer.len().max(RECEIVE_BYTES_FIRST) + 64);
            let room = (buffer.capacity() - buffer.len()).min(missing);
            assert!(room > 0);
            buffer.resize(buffer.len() + room, 1);
        }
        spare.dedup();
        assert!(spare.len() < 10, "it doubles: {spare:?}");
        assert_eq!(frames.peek().expect("sound").expect("whole").len(), 90 << 20);
        assert_eq!(frames.take(90 << 20).len(), 90 << 20);
        assert_eq!(frames.buffer.capacity(), 0);
    }
}
