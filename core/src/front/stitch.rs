//! From the bytes of an extent to what a consumer gets: whole batches, each with its offset stamped over it.
//!
//! Only the first 16 bytes of a batch depend on the reader's view (offset, length, leader epoch), so a small batch is
//! copied once together with its stamp, and a large one is spliced: stamp, then the shared bytes behind it.

use bytes::{BufMut, Bytes, BytesMut};

use super::rope::Rope;
use crate::api::Acquired;
use crate::batch::{self, BatchHeader, CHECKSUM_START, Codec, STAMP_BYTES};
use crate::extent::Extent;
use crate::limits::SPLICE_BYTES_MIN;

/// Bytes that are not the batches they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt(pub String);

/// The records of one partition, as they are gathered.
#[derive(Debug, Default)]
pub struct Stitch {
    pieces: Vec<Bytes>,
    open: BytesMut,
    bytes: usize,
    /// A batch uses zstd; old clients cannot read it.
    pub zstd: bool,
}

impl Stitch {
    /// Bytes gathered.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The slices, in order.
    #[must_use]
    pub fn finish(mut self) -> Vec<Bytes> {
        self.seal();
        self.pieces
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.pieces.push(self.open.split().freeze());
        }
    }

    fn add(&mut self, header: &BatchHeader, body: &Rope, base_offset: i64) {
        let bytes = body.bytes();
        self.bytes += bytes;
        self.zstd |= header.codec() == Ok(Codec::Zstd);
        let stamp = batch::stamp(header, base_offset);
        let small = bytes < SPLICE_BYTES_MIN;
        self.open.reserve(if small { bytes } else { STAMP_BYTES });
        self.open.put_slice(&stamp);
        if !small {
            self.seal();
        }
        let mut skip = STAMP_BYTES;
        for piece in body.pieces() {
            let from = skip.min(piece.len());
            skip -= from;
            if small {
                self.open.put_slice(&piece[from..]);
            } else if from < piece.len() {
                self.pieces.push(piece.slice(from..));
            }
        }
    }

    /// Adds the batches of an extent that hold `offset` or what follows, as long as they fit. False where one
    /// did not.
    ///
    /// Bytes that did not stay in this process are checked against their checksum (`verify`).
    ///
    /// # Errors
    /// Where the bytes are not the batches that the extent promises.
    pub fn extent(
        &mut self,
        extent: &Extent,
        mut rope: Rope,
        offset: i64,
        fit: Fit,
        verify: bool,
    ) -> Result<bool, Corrupt> {
        assert!(rope.bytes() == extent.bytes as usize, "the bytes of an extent, whole");
        let mut base = extent.start;
        while rope.bytes() > 0 {
            let (header, bytes) = next_batch(&rope, extent, base)?;
            let end = base + header.offsets();
            if end <= offset {
                rope.skip(bytes);
            } else if self.bytes + bytes <= fit.room || (fit.first && self.bytes == 0) {
                let body = rope.take(bytes);
                if verify && checksum(&body) != header.crc {
                    return Err(Corrupt(format!("checksum of the batch at offset {base} of extent {extent:?}")));
                }
                self.add(&header, &body, base);
            } else {
                return Ok(false);
            }
            base = end;
        }
        if base != extent.end {
            return Err(Corrupt(format!("extent {}..{} ends at {base}", extent.start, extent.end)));
        }
        Ok(true)
    }

    /// Adds the batches of an extent that hold some of these records, which ascend. Bytes that did not stay in this
    /// process are checked against their checksum (`verify`).
    ///
    /// # Errors
    /// Where the bytes are not the batches that the extent promises.
    pub fn acquired(
        &mut self,
        extent: &Extent,
        mut rope: Rope,
        records: &[Acquired],
        verify: bool,
    ) -> Result<(), Corrupt> {
        assert!(rope.bytes() == extent.bytes as usize, "the bytes of an extent, whole");
        let mut base = extent.start;
        while rope.bytes() > 0 {
            let (header, bytes) = next_batch(&rope, extent, base)?;
            let end = base + header.offsets();
            let wanted = &records[records.partition_point(|records| records.last < base)..];
            if wanted.first().is_some_and(|records| records.first < end) {
                let body = rope.take(bytes);
                if verify && checksum(&body) != header.crc {
                    return Err(Corrupt(format!("checksum of the batch at offset {base} of extent {extent:?}")));
                }
                self.add(&header, &body, base);
            } else {
                rope.skip(bytes);
            }
            base = end;
        }
        if base != extent.end {
            return Err(Corrupt(format!("extent {}..{} ends at {base}", extent.start, extent.end)));
        }
        Ok(())
    }
}

/// The checksum that a batch's header should hold.
pub(super) fn checksum(batch: &Rope) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    let mut skip = CHECKSUM_START;
    for piece in batch.pieces() {
        let from = skip.min(piece.len());
        skip -= from;
        digest.update(&piece[from..]);
    }
    digest.finalize() as u32
}

/// How much may be added.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// Bytes in all, of this partition.
    pub room: usize,
    /// The first batch is added whatever its size.
    pub first: bool,
}

/// The header of the next batch and its length, checked against what the extent promises.
///
/// # Errors
/// Where they are not what it promises.
pub fn next_batch(rope: &Rope, extent: &Extent, base: i64) -> Result<(BatchHeader, usize), Corrupt> {
    let corrupt = |what: &str| Corrupt(format!("{what} at offset {base} of extent {extent:?}"));
    let header = rope.header().ok_or_else(|| corrupt("a batch without a header"))?;
    let bytes = header.bytes().ok_or_else(|| corrupt("a batch of no possible length"))?;
    if header.magic != 2 || header.last_offset_delta < 0 || bytes > rope.bytes() {
        return Err(corrupt("not a batch"));
    }
    if base + header.offsets() > extent.end {
        return Err(corrupt("a batch beyond its extent"));
    }
    Ok((header, bytes))
}

#[cfg(test)]
mod tests;
