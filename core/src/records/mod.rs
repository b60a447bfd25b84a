//! The records inside a batch: what admission checks where a topic asks for it, and what look-ups by time read.
//!
//! Where a topic stores another codec than a batch came in, its records are compressed anew ([`recode`]).
//! Everything else in Apus treats a batch as opaque bytes behind its header. The records are decompressed under a
//! limit, because a few bytes of a client can stand for gigabytes, and then read one after another in place.
//!
//! A record is: length (varint) of what follows, attributes (1 byte), timestamp delta and offset delta (varints), key
//! and value (varint length, -1 for null, then bytes), count of headers (varint), and for each a key and a value.
//! Varints are zigzag. Deltas count from the batch's base timestamp and base offset.

pub mod build;
mod codec;
pub mod recode;
mod varint;

pub use codec::decompress;

use std::fmt;

use bytes::Bytes;

use crate::batch::{ATTRIBUTE_LOG_APPEND_TIME, BatchHeader, HEADER_BYTES};
use crate::limits::DECOMPRESSED_BYTES_MAX;

/// Why the records of a batch cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrupt {
    /// They are not what they claim to be.
    Malformed(&'static str),
    /// They decompress to more than this.
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
}

impl fmt::Display for Corrupt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corrupt::Malformed(what) => out.write_str(what),
            Corrupt::TooLarge { bytes_max } => write!(out, "records decompress to more than {bytes_max} bytes"),
        }
    }
}

impl std::error::Error for Corrupt {}

/// One record, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// To be added to the batch's base offset.
    pub offset_delta: i32,
    /// To be added to the batch's base timestamp.
    pub timestamp_delta: i64,
    /// Its key, or null.
    pub key: Option<&'a [u8]>,
    /// Its value, or null.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: u32,
}

/// The records of one batch, read one after another.
#[derive(Debug)]
pub struct Records {
    header: BatchHeader,
    bytes: Bytes,
    at: usize,
    done: i32,
}

impl Records {
    /// The records of a whole batch; decompressed, they may be so many bytes.
    pub fn open(batch: &Bytes, bytes_max: usize) -> Result<Records, Corrupt> {
        let header = BatchHeader::read(batch).ok_or(Corrupt::Malformed("a batch is shorter than its header"))?;
        if header.bytes() != Some(batch.len()) {
            return Err(Corrupt::Malformed("a batch is not as long as it says"));
        }
        let codec = header.codec().map_err(|_| Corrupt::Malformed("the codec is not known"))?;
        let bytes = codec::decompress(codec, &batch.slice(HEADER_BYTES..), bytes_max)?;
        Ok(Records { header, bytes, at: 0, done: 0 })
    }

    /// The header of their batch.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The next record; nothing after as many as the header counts, where the bytes must end.
    pub fn read(&mut self) -> Result<Option<Record<'_>>, Corrupt> {
        if self.done >= self.header.count {
            let ends = self.at == self.bytes.len();
            return if ends { Ok(None) } else { Err(Corrupt::Malformed("bytes follow the last record")) };
        }
        let mut rest = &self.bytes[self.at..];
        let bytes = varint::read_length(&mut rest)?.ok_or(Corrupt::Malformed("a record's length is negative"))?;
        let record = rest.get(..bytes).ok_or(Corrupt::Malformed("a record reaches beyond its batch"))?;
        self.at = self.bytes.len() - rest.len() + bytes;
        self.done += 1;
        read_record(record).map(Some)
    }
}

fn read_record(mut rest: &[u8]) -> Result<Record<'_>, Corrupt> {
    let (_, after) = rest.split_first().ok_or(Corrupt::Malformed("a record has no attributes"))?;
    rest = after;
    let timestamp_delta = varint::read(&mut rest)?;
    let offset_delta = varint::read(&mut rest)?;
    let record = Record {
        timestamp_delta,
        offset_delta: i32::try_from(offset_delta).map_err(|_| Corrupt::Malformed("an offset is out of range"))?,
        key: read_bytes(&mut rest)?,
        value: read_bytes(&mut rest)?,
        headers: read_headers(&mut rest)?,
    };
    if rest.is_empty() { Ok(record) } else { Err(Corrupt::Malformed("bytes follow a record's headers")) }
}

fn read_bytes<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Corrupt> {
    let Some(bytes) = varint::read_length(rest)? else { return Ok(None) };
    let (taken, after) =
        rest.split_at_checked(bytes).ok_or(Corrupt::Malformed("a key, value or header reaches beyond its record"))?;
    *rest = after;
    Ok(Some(taken))
}

fn read_headers(rest: &mut &[u8]) -> Result<u32, Corrupt> {
    let count = varint::read_length(rest)?.ok_or(Corrupt::Malformed("a record has a negative count of headers"))?;
    if count > rest.len() / 2 {
        return Err(Corrupt::Malformed("a record counts more headers than it has bytes"));
    }
    for _ in 0..count {
        read_bytes(rest)?.ok_or(Corrupt::Malformed("a header's key is null"))?;
        read_bytes(rest)?;
    }
    Ok(count as u32)
}

/// The first record of a batch at or after a time and not below an offset, as offset and timestamp.
pub fn first_at_or_after(
    batch: &Bytes,
    base_offset: i64,
    from: i64,
    timestamp: i64,
) -> Result<Option<(i64, i64)>, Corrupt> {
    let header = BatchHeader::read(batch).ok_or(Corrupt::Malformed("a batch is shorter than its header"))?;
    if header.timestamp_max < timestamp {
        return Ok(None);
    }
    let mut first = None;
    scan(batch, &header, base_offset, |offset, at| {
        if offset >= from && at >= timestamp {
            first = Some((offset, at));
        }
        first.is_some()
    })?;
    Ok(first)
}

/// The first record that carries the newest timestamp among those of a batch that are not below an offset, as offset
/// and timestamp; nothing where no record carries one.
pub fn newest(batch: &Bytes, base_offset: i64, from: i64) -> Result<Option<(i64, i64)>, Corrupt> {
    let header = BatchHeader::read(batch).ok_or(Corrupt::Malformed("a batch is shorter than its header"))?;
    let mut newest: Option<(i64, i64)> = None;
    scan(batch, &header, base_offset, |offset, at| {
        if offset >= from && at >= 0 && newest.is_none_or(|(_, newest)| at > newest) {
            newest = Some((offset, at));
        }
        newest.is_some_and(|(_, newest)| newest >= header.timestamp_max)
    })?;
    Ok(newest)
}

/// Shows the offset and timestamp of each record, in order, until that is enough.
fn scan(
    batch: &Bytes,
    header: &BatchHeader,
    base_offset: i64,
    mut is_enough: impl FnMut(i64, i64) -> bool,
) -> Result<(), Corrupt> {
    let append_time = header.has(ATTRIBUTE_LOG_APPEND_TIME).then_some(header.timestamp_max);
    let mut records = Records::open(batch, DECOMPRESSED_BYTES_MAX)?;
    while let Some(record) = records.read()? {
        let own = header.timestamp_base.saturating_add(record.timestamp_delta);
        let offset = base_offset.saturating_add(i64::from(record.offset_delta));
        if is_enough(offset, append_time.unwrap_or(own)) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
