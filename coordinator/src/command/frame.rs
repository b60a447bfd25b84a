//! Frames: how one record stands among others in a journal group.
//!
//! | bytes | field (little endian) |
//! | --- | --- |
//! | 0..4 | length of the payload |
//! | 4..6 | type |
//! | 6..8 | version of the type |
//! | 8..12 | CRC32C of bytes 0..8 and of the payload |
//! | 12..16 | zero |
//! | 16.. | payload, then zeros up to a multiple of 16 |
//!
//! Every bit is covered: by the checksum, or by having to be zero. A frame begins at a multiple of 16, so its payload
//! does too. rkyv's own validation lets almost any flipped byte pass: length and checksum come first, always.

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 16;
/// Frames begin at multiples of this.
pub const ALIGN_BYTES: usize = 16;

/// The type of a frame whose payload is the bytes of the commit before it, as the producer sent them.
pub const TYPE_BYTES: u16 = 1;
/// The only version of that type.
pub const BYTES_VERSION: u16 = 1;

/// One frame of a buffer; its checksum holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its type.
    pub kind: u16,
    /// The version of the type.
    pub version: u16,
    /// What it holds.
    pub payload: &'a [u8],
    /// Bytes of the whole frame: the next one begins behind them.
    pub consumed: usize,
}

/// Why stored bytes cannot be what was written. Stop, and keep them as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Corrupt {
    /// They end too early.
    Short,
    /// The checksum does not hold.
    Checksum,
    /// Bytes that must be zero are not.
    Padding,
    /// A type or version that this binary does not know: it is older than the journal's format level.
    Unknown {
        /// The type.
        kind: u16,
        /// The version.
        version: u16,
    },
    /// The archive inside is not sound.
    Archive,
    /// A value that nobody writes.
    Value(&'static str),
}

impl fmt::Display for Corrupt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corrupt::Short => out.write_str("the bytes end too early"),
            Corrupt::Checksum => out.write_str("the checksum does not hold"),
            Corrupt::Padding => out.write_str("bytes that must be zero are not"),
            Corrupt::Unknown { kind, version } => {
                write!(out, "type {kind} version {version} is unknown: a newer Apus wrote it")
            }
            Corrupt::Archive => out.write_str("the archive is not sound"),
            Corrupt::Value(what) => write!(out, "impossible value: {what}"),
        }
    }
}

impl std::error::Error for Corrupt {}

/// Zeros behind a payload of this length.
#[must_use]
pub fn padding(payload_bytes: usize) -> usize {
    payload_bytes.next_multiple_of(ALIGN_BYTES) - payload_bytes
}

/// The header of a frame whose payload stands elsewhere, in pieces. [`padding`] zeros follow the last piece.
///
/// # Panics
/// Where the payload is beyond 4 GiB: flushes are bounded far below.
#[must_use]
pub fn header<'a>(kind: u16, version: u16, pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; HEADER_BYTES] {
    let mut length = 0_usize;
    let mut payload = Digest::new(CrcAlgorithm::Crc32Iscsi);
    let pieces: Vec<&[u8]> = pieces.into_iter().collect();
    pieces.iter().for_each(|piece| length += piece.len());
    let mut out = words(kind, version, length);
    payload.update(&out[..8]);
    pieces.iter().for_each(|piece| payload.update(piece));
    out[8..12].copy_from_slice(&(payload.finalize() as u32).to_le_bytes());
    out
}

/// Begins a frame at the end of `out`: append the payload, then [`seal`] with what this returned.
pub fn open(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    assert!(start.is_multiple_of(ALIGN_BYTES), "a frame begins at {start}");
    out.extend_from_slice(&[0; HEADER_BYTES]);
    start
}

/// Ends the frame that [`open`] began at `start`.
pub fn seal(out: &mut Vec<u8>, start: usize, kind: u16, version: u16) {
    assert!(out.len() >= start + HEADER_BYTES);
    let (head, payload) = out[start..].split_at_mut(HEADER_BYTES);
    head.copy_from_slice(&header(kind, version, [&*payload]));
    let length = payload.len();
    out.resize(out.len() + padding(length), 0);
}

/// The frame that begins these bytes.
///
/// # Errors
/// Where they are too short, or are not what was written.
pub fn read(bytes: &[u8]) -> Result<Frame<'_>, Corrupt> {
    let head = bytes.get(..HEADER_BYTES).ok_or(Corrupt::Short)?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let consumed = HEADER_BYTES + length.checked_next_multiple_of(ALIGN_BYTES).ok_or(Corrupt::Short)?;
    let whole = bytes.get(..consumed).ok_or(Corrupt::Short)?;
    let payload = &whole[HEADER_BYTES..HEADER_BYTES + length];
    let (kind, version) = (u16::from_le_bytes([head[4], head[5]]), u16::from_le_bytes([head[6], head[7]]));
    if header(kind, version, [payload])[8..12] != head[8..12] {
        return Err(Corrupt::Checksum);
    }
    if head[12..16] != [0; 4] || whole[HEADER_BYTES + length..].iter().any(|byte| *byte != 0) {
        return Err(Corrupt::Padding);
    }
    Ok(Frame { kind, version, payload, consumed })
}

fn words(kind: u16, version: u16, length: usize) -> [u8; HEADER_BYTES] {
    let length = u32::try_from(length).expect("a payload is bounded by the pack");
    let mut out = [0; HEADER_BYTES];
    out[0..4].copy_from_slice(&length.to_le_bytes());
    out[4..6].copy_from_slice(&kind.to_le_bytes());
    out[6..8].copy_from_slice(&version.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_pieces_is_the_frame_of_the_whole() {
        for length in 0..40_usize {
            let payload: Vec<u8> = (0..length as u8).collect();
            let mut whole = Vec::new();
            let start = open(&mut whole);
            whole.extend_from_slice(&payload);
            seal(&mut whole, start, 7, 3);
            let mut pieces = header(7, 3, payload.chunks(5)).to_vec();
            pieces.extend_from_slice(&payload);
            pieces.resize(pieces.len() + padding(length), 0);
            assert_eq!(whole, pieces);
            let frame = read(&whole).expect("as written");
            assert_eq!((frame.kind, frame.version, frame.payload), (7, 3, &payload[..]));
            assert_eq!(frame.consumed, whole.len());
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let mut whole = Vec::new();
        let start = open(&mut whole);
        whole.extend_from_slice(b"seventeen bytes !");
        seal(&mut whole, start, 7, 3);
        for bit in 0..whole.len() * 8 {
            let mut broken = whole.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&broken).is_err(), "bit {bit}");
        }
        assert_eq!(read(&[0; 64]), Err(Corrupt::Checksum));
    }
}
