//! Kafka's record batch, version 2: the header, its checks, and the stamp that a reader gets.
//!
//! | bytes | field | | bytes | field |
//! | --- | --- | --- | --- | --- |
//! | 0..8 | base offset (stamped at fetch) | | 23..27 | last offset delta |
//! | 8..12 | length of what follows | | 27..35 | base timestamp |
//! | 12..16 | leader epoch (stamped at fetch) | | 35..43 | max timestamp |
//! | 16 | magic, 2 | | 43..51 | producer id |
//! | 17..21 | CRC32C of 21.. | | 51..53 | producer epoch |
//! | 21..23 | attributes | | 53..57 | base sequence |
//! | | | | 57..61 | record count |
//!
//! What a producer sent stays as it was sent: offset and epoch lie outside the checksum and are written where a
//! reader's copy is made. (The road not taken, writing the epoch at admission, touches shared bytes twice.)

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::Refusal;
use crate::ids::ProducerId;

/// Bytes before the first record.
pub const HEADER_BYTES: usize = 61;
/// Bytes before what the length field counts.
pub const PREFIX_BYTES: usize = 12;
/// Bytes that a stamp replaces: base offset, length, leader epoch.
pub const STAMP_BYTES: usize = 16;
/// First byte that the checksum covers.
pub const CHECKSUM_START: usize = 21;
/// The leader epoch of every partition, for a topic's life.
pub const LEADER_EPOCH: i32 = 0;

/// Whether a client's idea of the leader epoch is right; -1 is none.
///
/// # Errors
/// Where it is ahead of ours, or is no epoch at all.
pub fn check_leader_epoch(epoch: i32) -> Result<(), Refusal> {
    match epoch {
        epoch if epoch > LEADER_EPOCH => Err(Refusal::UnknownLeaderEpoch),
        epoch if epoch < -1 => Err(Refusal::FencedLeaderEpoch),
        _ => Ok(()),
    }
}

/// Attribute bit: timestamps are of the append, not of the creation.
pub const ATTRIBUTE_LOG_APPEND_TIME: u16 = 1 << 3;
/// Attribute bit: part of a transaction.
pub const ATTRIBUTE_TRANSACTIONAL: u16 = 1 << 4;
/// Attribute bit: a control batch.
pub const ATTRIBUTE_CONTROL: u16 = 1 << 5;

/// How a batch's records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    /// The codec of Kafka's number.
    #[must_use]
    pub fn of(number: i8) -> Option<Codec> {
        [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd].get(usize::try_from(number).ok()?).copied()
    }
}

/// The header's fields, as they stand in the bytes; nothing is checked beyond the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The table above is their documentation.
pub struct BatchHeader {
    pub base_offset: i64,
    pub length: i32,
    pub magic: i8,
    pub crc: u32,
    pub attributes: u16,
    pub last_offset_delta: i32,
    pub timestamp_base: i64,
    pub timestamp_max: i64,
    pub producer: ProducerId,
    pub producer_epoch: i16,
    pub sequence_base: i32,
    pub count: i32,
}

fn be<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl BatchHeader {
    /// The header of a batch that begins these bytes, or nothing where they are too short for one.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<BatchHeader> {
        if bytes.len() < HEADER_BYTES {
            return None;
        }
        Some(BatchHeader {
            base_offset: i64::from_be_bytes(be(bytes, 0)),
            length: i32::from_be_bytes(be(bytes, 8)),
            magic: bytes[16] as i8,
            crc: u32::from_be_bytes(be(bytes, 17)),
            attributes: u16::from_be_bytes(be(bytes, 21)),
            last_offset_delta: i32::from_be_bytes(be(bytes, 23)),
            timestamp_base: i64::from_be_bytes(be(bytes, 27)),
            timestamp_max: i64::from_be_bytes(be(bytes, 35)),
            producer: ProducerId(i64::from_be_bytes(be(bytes, 43))),
            producer_epoch: i16::from_be_bytes(be(bytes, 51)),
            sequence_base: i32::from_be_bytes(be(bytes, 53)),
            count: i32::from_be_bytes(be(bytes, 57)),
        })
    }

    /// Bytes of the whole batch, by its own word; nothing where that word cannot be.
    #[must_use]
    pub fn bytes(&self) -> Option<usize> {
        let length = usize::try_from(self.length).ok()?;
        (length >= HEADER_BYTES - PREFIX_BYTES).then_some(length + PREFIX_BYTES)
    }

    /// Offsets that the batch takes.
    #[must_use]
    pub fn offsets(&self) -> i64 {
        i64::from(self.last_offset_delta) + 1
    }

    /// The codec of its records, or the bits that name none.
    pub fn codec(&self) -> Result<Codec, u16> {
        match self.attributes & CODEC_BITS {
            0 => Ok(Codec::None),
            1 => Ok(Codec::Gzip),
            2 => Ok(Codec::Snappy),
            3 => Ok(Codec::Lz4),
            4 => Ok(Codec::Zstd),
            other => Err(other),
        }
    }

    /// True where the attribute bit is set.
    #[must_use]
    pub fn has(&self, attribute: u16) -> bool {
        self.attributes & attribute != 0
    }
}

/// Attribute bits that name the codec.
const CODEC_BITS: u16 = 7;

/// The attributes of the same batch in another codec.
#[must_use]
pub fn with_codec(attributes: u16, codec: Codec) -> u16 {
    attributes & !CODEC_BITS | codec as u16
}

/// The codec that a batch names, where it is long enough to name one that is known.
#[must_use]
pub fn codec_of(batch: &[u8]) -> Option<Codec> {
    BatchHeader::read(batch)?.codec().ok()
}

/// CRC32C, as Kafka and S3 use it.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// The checksum that the header of these bytes should hold.
#[must_use]
pub fn checksum(batch: &[u8]) -> u32 {
    assert!(batch.len() >= HEADER_BYTES);
    crc32c(&batch[CHECKSUM_START..])
}

/// The first 16 bytes of a batch as a reader gets them: its offset, its length, the leader epoch.
#[must_use]
pub fn stamp(header: &BatchHeader, base_offset: i64) -> [u8; STAMP_BYTES] {
    assert!(base_offset >= 0);
    let mut out = [0; STAMP_BYTES];
    out[0..8].copy_from_slice(&base_offset.to_be_bytes());
    out[8..12].copy_from_slice(&header.length.to_be_bytes());
    out[12..16].copy_from_slice(&LEADER_EPOCH.to_be_bytes());
    out
}

/// A copy of a batch with the time of its append: attribute, max timestamp, checksum.
#[must_use]
pub fn with_append_time(batch: &[u8], wall_ms: i64) -> Bytes {
    assert!(batch.len() >= HEADER_BYTES);
    let mut copy = BytesMut::with_capacity(batch.len());
    copy.put_slice(batch);
    let attributes = u16::from_be_bytes(be(batch, 21)) | ATTRIBUTE_LOG_APPEND_TIME;
    copy[21..23].copy_from_slice(&attributes.to_be_bytes());
    copy[35..43].copy_from_slice(&wall_ms.to_be_bytes());
    let crc = checksum(&copy);
    copy[17..21].copy_from_slice(&crc.to_be_bytes());
    copy.freeze()
}

/// What the coordinator needs to know of an admitted batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFacts {
    /// Offsets it takes, at least 1.
    pub offsets: u32,
    /// Its length.
    pub bytes: u32,
    /// The newest timestamp in it, milliseconds, or -1.
    pub timestamp_max: i64,
    /// Attribute bits, as stored.
    pub attributes: u16,
    /// Who sent it in which order, where the producer is idempotent.
    pub sequence: Option<Sequence>,
}

/// The place of a batch in its producer's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The producer.
    pub producer: ProducerId,
    /// Its epoch.
    pub epoch: i16,
    /// The sequence of its first record.
    pub first: i32,
}

impl BatchFacts {
    /// The facts of a batch whose header has been checked.
    #[must_use]
    pub fn of(header: &BatchHeader, bytes: usize) -> BatchFacts {
        assert!(header.last_offset_delta >= 0);
        let sequence = (header.producer.0 >= 0).then_some(Sequence {
            producer: header.producer,
            epoch: header.producer_epoch,
            first: header.sequence_base,
        });
        BatchFacts {
            offsets: header.last_offset_delta as u32 + 1,
            bytes: u32::try_from(bytes).expect("a batch is bounded by the request limit"),
            timestamp_max: header.timestamp_max,
            attributes: header.attributes,
            sequence,
        }
    }

    /// True where the attribute bit is set.
    #[must_use]
    pub fn has(&self, attribute: u16) -> bool {
        self.attributes & attribute != 0
    }
}
