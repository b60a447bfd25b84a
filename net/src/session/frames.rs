//! From received bytes to frames.
//!
//! The buffer grows with bytes received, never by a declared length alone, and is given back whenever no frame is
//! under way: an idle connection owns none. A client that has sent large frames is given room for another one at once:
//! growing step by step moves most of its bytes a second time. A frame is split off without copying.

use std::fmt;

use apus_core::limits::{RECEIVE_BYTES_FIRST, RECEIVE_BYTES_STEP, RECEIVE_FACTOR, REQUEST_BYTES_MAX};
use bytes::{Bytes, BytesMut};

use crate::wire::keys::ApiKey;

const LENGTH_BYTES: usize = 4;

/// Why the frame under way is not worth waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwanted {
    /// Zero or fewer bytes.
    NotPositive(i32),
    /// Above `socket.request.max.bytes`.
    TooLarge {
        /// As declared.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Above what a request of this API may have.
    TooLargeOf {
        /// The API.
        key: ApiKey,
        /// As declared.
        bytes: usize,
    },
    /// A request of an API that is not served.
    NotServed {
        /// Its key.
        code: i16,
    },
}

impl fmt::Display for Unwanted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unwanted::NotPositive(length) => write!(out, "a request of {length} bytes"),
            Unwanted::TooLarge { bytes, bytes_max } => {
                write!(out, "a request of {bytes} bytes; socket.request.max.bytes is {bytes_max}")
            }
            Unwanted::TooLargeOf { key, bytes } => {
                write!(out, "a {key:?} request of {bytes} bytes; without records it has at most {REQUEST_BYTES_MAX}")
            }
            Unwanted::NotServed { code } => write!(out, "API key {code} is not served"),
        }
    }
}

/// What was received and not yet cut.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: BytesMut,
    bytes_max: usize,
    /// Bytes of the last frame that was taken.
    last: usize,
}

impl Frames {
    pub fn new(bytes_max: usize) -> Frames {
        Frames { buffer: BytesMut::new(), bytes_max, last: 0 }
    }

    /// The buffer to append to, and how many bytes the frame under way still lacks (0: no frame has begun, or all of
    /// it is there). There is room for as many, or for what [`room`] says.
    pub fn buffer(&mut self) -> (&mut BytesMut, usize) {
        let missing = match self.length() {
            Ok(Some(bytes)) => bytes.saturating_sub(self.buffer.len()),
            Ok(None) | Err(_) => 0,
        };
        if self.buffer.capacity() == self.buffer.len() {
            self.buffer.reserve(missing.min(room(self.buffer.len(), self.last)));
        }
        (&mut self.buffer, missing)
    }

    /// Nothing is left of what was received.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Bytes of the next frame with its length, where that has come. What its API does not allow is refused as soon as
    /// the key is there, and not only when all of it was kept.
    fn length(&self) -> Result<Option<usize>, Unwanted> {
        let Some((length, frame)) = self.buffer.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = i32::from_be_bytes(*length);
        let bytes = usize::try_from(length).ok().filter(|bytes| *bytes > 0).ok_or(Unwanted::NotPositive(length))?;
        if bytes > self.bytes_max {
            return Err(Unwanted::TooLarge { bytes, bytes_max: self.bytes_max });
        }
        // A frame too short for a key is refused when it is decoded.
        if let Some(code) = frame[..frame.len().min(bytes)].first_chunk() {
            let code = i16::from_be_bytes(*code);
            match ApiKey::of(code) {
                None => return Err(Unwanted::NotServed { code }),
                Some(ApiKey::Produce) => {}
                Some(key) if bytes > REQUEST_BYTES_MAX => return Err(Unwanted::TooLargeOf { key, bytes }),
                Some(_) => {}
            }
        }
        Ok(Some(LENGTH_BYTES + bytes))
    }

    /// The key of the frame under way, where that has come.
    pub fn code(&self) -> Option<i16> {
        let code = self.buffer.get(LENGTH_BYTES..)?.first_chunk()?;
        Some(i16::from_be_bytes(*code))
    }

    /// The next frame, with its length, if all of it has come.
    pub fn peek(&self) -> Result<Option<&[u8]>, Unwanted> {
        let whole = self.length()?;
        Ok(whole.and_then(|bytes| self.buffer.get(..bytes)).map(|frame| &frame[LENGTH_BYTES..]))
    }

    /// Takes the frame that was peeked at.
    pub fn take(&mut self, bytes: usize) -> Bytes {
        self.last = bytes;
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

/// How many bytes of a large frame there is room for, beside those that have come: for few while few have, because a
/// length alone is no promise, unless the `last` frame was large, which is one; for many times as many then, so that
/// little is moved; and at last for as many.
fn room(received: usize, last: usize) -> usize {
    (RECEIVE_FACTOR * received).max(last).clamp(RECEIVE_BYTES_FIRST, RECEIVE_BYTES_STEP).max(received)
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
            let fair = (RECEIVE_FACTOR * buffer.len()).min(RECEIVE_BYTES_STEP.max(buffer.len()));
            assert!(buffer.capacity() <= buffer.len() + fair.max(RECEIVE_BYTES_FIRST) + 64);
            let room = (buffer.capacity() - buffer.len()).min(missing);
            assert!(room > 0);
            buffer.resize(buffer.len() + room, 0); // Zeros are the key of Produce.
        }
        spare.dedup();
        assert!(spare.len() < 12, "it doubles: {spare:?}");
        assert_eq!(frames.peek().expect("sound").expect("whole").len(), 90 << 20);
        assert_eq!(frames.take(90 << 20).len(), 90 << 20);
        assert_eq!(frames.buffer.capacity(), 0);
    }

    #[test]
    fn who_has_sent_a_large_frame_has_room_for_another() {
        let mut frames = Frames::new(100 << 20);
        let bytes = 600 << 10;
        for capacity_min in [0, bytes] {
            *frames.buffer().0 = BytesMut::from(&(bytes as u32).to_be_bytes()[..]);
            let (buffer, missing) = frames.buffer();
            assert!((capacity_min..=bytes + 1_024).contains(&buffer.capacity()), "{}", buffer.capacity());
            buffer.resize(LENGTH_BYTES + missing, 0);
            assert_eq!(frames.take(bytes).len(), bytes);
        }
    }

    fn refused(length: u32, rest: &[u8]) -> Option<Unwanted> {
        let mut frames = Frames::new(100 << 20);
        frames.buffer().0.extend_from_slice(&length.to_be_bytes());
        frames.buffer().0.extend_from_slice(rest);
        let refused = frames.peek().err();
        assert!(refused.is_none() || frames.buffer().1 == 0, "nothing more of it is received");
        refused
    }

    #[test]
    fn only_produce_may_be_large() {
        let large = REQUEST_BYTES_MAX as u32 + 1;
        assert_eq!(refused(large, &[0]), None, "its key has not come");
        assert_eq!(refused(large, &[0, 0]), None);
        assert_eq!(
            refused(large, &[0, 3]),
            Some(Unwanted::TooLargeOf { key: ApiKey::Metadata, bytes: large as usize })
        );
        assert_eq!(refused(large - 1, &[0, 3]), None);
        let (bytes, bytes_max) = ((100 << 20) + 1, 100 << 20);
        assert_eq!(refused(bytes as u32, &[0, 0]), Some(Unwanted::TooLarge { bytes, bytes_max }));
    }

    #[test]
    fn what_is_not_served_is_not_received() {
        assert_eq!(refused(1 << 20, &[0x7f, 0xff]), Some(Unwanted::NotServed { code: i16::MAX }));
        assert_eq!(refused(1, &[0x7f, 0xff]), None, "the second byte is not of this frame");
    }
}
