//! Extents as they lie in memory: 32 bytes. The end is not stored: extents tile the log, so it is the start of the next
//! one, or the high watermark.

use apus_core::extent::Extent;
use apus_core::ids::PartitionId;

use super::objects::Objects;
use super::record::{Cursor, Record};
use super::shelf::{Entry, Shelf};
use crate::command::Corrupt;

const TRANSACTIONAL: u64 = 1 << 63;
const CONTROL: u64 = 1 << 62;

/// Offsets stay below: the bits above it are flags. At a billion records a second it is reached in a century.
pub(crate) const OFFSET_MAX: i64 = 1 << 61;

/// One extent.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 0..4 | partition | | 12..16 | length |
/// | 4..8 | number of its object | | 16..24 | first offset; bit 63 transactional, 62 control |
/// | 8..12 | first byte inside it | | 24..32 | newest timestamp |
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub(crate) partition: u32,
    pub(crate) object: u32,
    pub(crate) position: u32,
    pub(crate) bytes: u32,
    start_and_flags: u64,
    pub(crate) timestamp_max: i64,
}

const _: () = assert!(size_of::<Packed>() == 32);

impl Packed {
    pub(crate) fn of(partition: PartitionId, object: u32, extent: &Extent) -> Packed {
        assert!(extent.start >= 0 && extent.start < extent.end && extent.end <= OFFSET_MAX);
        let transactional = if extent.transactional { TRANSACTIONAL } else { 0 };
        let control = if extent.control { CONTROL } else { 0 };
        Packed {
            partition: partition.0,
            object,
            position: extent.position,
            bytes: extent.bytes,
            start_and_flags: extent.start as u64 | transactional | control,
            timestamp_max: extent.timestamp_max,
        }
    }

    pub(crate) fn start(&self) -> i64 {
        (self.start_and_flags & !(TRANSACTIONAL | CONTROL)) as i64
    }

    pub(crate) fn extent(&self, end: i64, objects: &Objects) -> Extent {
        assert!(self.start() < end, "an extent is never empty");
        Extent {
            start: self.start(),
            end,
            home: objects.home(self.object),
            position: self.position,
            bytes: self.bytes,
            timestamp_max: self.timestamp_max,
            transactional: self.start_and_flags & TRANSACTIONAL != 0,
            control: self.start_and_flags & CONTROL != 0,
        }
    }
}

impl Record for Packed {
    const PAGE_ENTRIES: usize = 512;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.partition.to_le_bytes());
        out.extend_from_slice(&self.object.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.start_and_flags.to_le_bytes());
        out.extend_from_slice(&self.timestamp_max.to_le_bytes());
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Packed, Corrupt> {
        let packed = Packed {
            partition: bytes.u32()?,
            object: bytes.u32()?,
            position: bytes.u32()?,
            bytes: bytes.u32()?,
            start_and_flags: bytes.u64()?,
            timestamp_max: bytes.i64()?,
        };
        if packed.start() >= OFFSET_MAX {
            return Err(Corrupt::Value("an extent's offset"));
        }
        Ok(packed)
    }
}

impl Entry for Packed {
    type Key = (u32, i64);

    fn key(&self) -> (u32, i64) {
        (self.partition, self.start())
    }

    fn rank(&self) -> i64 {
        self.timestamp_max
    }

    fn grows_with(&self, other: &Packed) -> bool {
        self.partition == other.partition
    }
}

/// The extents of a partition from the one that holds this offset on, each with the offset behind its last one.
pub(crate) fn from_offset(
    shelf: &Shelf<Packed>,
    partition: PartitionId,
    offset: i64,
    high_watermark: i64,
) -> impl Iterator<Item = (&Packed, i64)> {
    let first = shelf.floor((partition.0, offset)).filter(|packed| packed.partition == partition.0);
    let start = first.map_or(offset, Packed::start);
    let mut extents = shelf.from((partition.0, start)).take_while(move |packed| packed.partition == partition.0);
    let mut next = extents.next();
    std::iter::from_fn(move || {
        let current = next?;
        next = extents.next();
        Some((current, next.map_or(high_watermark, Packed::start)))
    })
}
