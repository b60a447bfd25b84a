//! What follows the batches in a pack's object: who wrote it and which bytes are whose, so that an object explains
//! itself where the ledger is not at hand. The ledger never reads it; tools and people do, from the object's end.
//!
//! All numbers are big-endian, as in the batches before them.
//!
//! | bytes | head | | bytes | entry, one a partition | | bytes | trailer |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | 0..8 | magic `APUSPACK` | | 0..16 | topic id | | 0..4 | bytes of the whole footer |
//! | 8..10 | version, 1 | | 16..20 | partition index | | 4..8 | CRC32C of all before this field |
//! | 10..12 | zero | | 20..24 | position of its first byte | | 8..16 | magic `APUSPACK` |
//! | 12..16 | count of entries | | 24..28 | bytes | | | |
//! | 16..32 | the pack's id | | 28..32 | count of batches | | | |
//! | 32..40 | bytes of batches | | 32..40 | count of offsets | | | |
//! | | | | 40..48 | newest timestamp, or -1 | | | |
//!
//! Entries tile the batches: each starts where the one before it ended, and the last one ends at the head's count.
//! A batch that the ledger refused (a duplicate, say) is in the bytes and in the counts all the same: the footer
//! tells what was uploaded, before anything was decided.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::batch::crc32c;
use crate::ids::{PackId, TopicId, Uuid};

/// The first and the last bytes of a footer.
pub const MAGIC: &[u8; 8] = b"APUSPACK";
/// The format that this code writes.
pub const VERSION: u16 = 1;
/// Bytes before the entries.
pub const HEAD_BYTES: usize = 40;
/// Bytes of one entry.
pub const ENTRY_BYTES: usize = 48;
/// Bytes behind the entries, at the very end of the object.
pub const TRAILER_BYTES: usize = 16;

/// The directory of one pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footer {
    /// The pack's id, which is also the object's name.
    pub pack: PackId,
    /// Bytes of batches, before the footer.
    pub bytes: u64,
    /// Which of them are whose, in byte order.
    pub entries: Vec<FooterEntry>,
}

/// The bytes of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FooterEntry {
    /// Whose: the topic.
    pub topic: TopicId,
    /// Whose: Kafka's partition index.
    pub index: i32,
    /// The first byte.
    pub position: u32,
    /// How many bytes.
    pub bytes: u32,
    /// How many batches they are.
    pub batches: u32,
    /// How many offsets the batches take.
    pub offsets: u64,
    /// The newest record timestamp, milliseconds, or -1.
    pub timestamp_max: i64,
}

/// Why bytes are not the end of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FooterError {
    /// They do not end as a pack does.
    NotAPack,
    /// They are the end of a pack, but begin behind its footer; so many bytes are needed.
    Short {
        /// The footer's length.
        bytes: usize,
    },
    /// A format that this code does not know.
    Version(u16),
    /// The checksum does not match.
    Checksum,
    /// The checksum matches, but what it covers makes no sense.
    Nonsense,
}

impl fmt::Display for FooterError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FooterError::NotAPack => out.write_str("the bytes do not end as a pack does"),
            FooterError::Short { bytes } => write!(out, "the footer is the last {bytes} bytes of the object"),
            FooterError::Version(version) => write!(out, "footer version {version}; this is Apus for {VERSION}"),
            FooterError::Checksum => out.write_str("the footer's checksum does not match"),
            FooterError::Nonsense => out.write_str("the footer's entries do not tile its pack"),
        }
    }
}

impl std::error::Error for FooterError {}

impl Footer {
    /// The footer as the object holds it.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        assert!(self.tiles(), "entries tile a pack");
        let length = HEAD_BYTES + self.entries.len() * ENTRY_BYTES + TRAILER_BYTES;
        let mut out = BytesMut::with_capacity(length);
        out.put_slice(MAGIC);
        out.put_u16(VERSION);
        out.put_u16(0);
        out.put_u32(u32::try_from(self.entries.len()).expect("a pack has fewer partitions than bytes"));
        out.put_slice(&self.pack.uuid().0);
        out.put_u64(self.bytes);
        for entry in &self.entries {
            entry.encode(&mut out);
        }
        out.put_u32(u32::try_from(length).expect("a footer is smaller than its pack's limit"));
        let checksum = crc32c(&out);
        out.put_u32(checksum);
        out.put_slice(MAGIC);
        assert!(out.len() == length);
        out.freeze()
    }

    /// How long the footer is, by the last [`TRAILER_BYTES`] of an object.
    pub fn length(tail: &[u8]) -> Result<usize, FooterError> {
        let trailer = tail.last_chunk::<TRAILER_BYTES>().ok_or(FooterError::NotAPack)?;
        let length = (&trailer[..4]).get_u32() as usize;
        let entries = length.checked_sub(HEAD_BYTES + TRAILER_BYTES).ok_or(FooterError::NotAPack)?;
        let sound = trailer[8..] == MAGIC[..] && entries.is_multiple_of(ENTRY_BYTES);
        if sound { Ok(length) } else { Err(FooterError::NotAPack) }
    }

    /// The footer at the end of these bytes, which end where their object ends.
    pub fn decode(tail: &[u8]) -> Result<Footer, FooterError> {
        let length = Footer::length(tail)?;
        let start = tail.len().checked_sub(length).ok_or(FooterError::Short { bytes: length })?;
        let footer = &tail[start..];
        if footer[..8] != MAGIC[..] {
            return Err(FooterError::NotAPack);
        }
        let covered = length - 12;
        if crc32c(&footer[..covered]) != (&footer[covered..]).get_u32() {
            return Err(FooterError::Checksum);
        }
        match (&footer[8..]).get_u16() {
            VERSION => Footer::decode_version_1(footer),
            other => Err(FooterError::Version(other)),
        }
    }

    fn decode_version_1(footer: &[u8]) -> Result<Footer, FooterError> {
        let mut head = &footer[10..HEAD_BYTES];
        let entries = &footer[HEAD_BYTES..footer.len() - TRAILER_BYTES];
        if head.get_u16() != 0 || head.get_u32() as usize != entries.len() / ENTRY_BYTES {
            return Err(FooterError::Nonsense);
        }
        let mut id = [0; 16];
        head.copy_to_slice(&mut id);
        let footer = Footer {
            pack: PackId::from_uuid(&Uuid(id)).ok_or(FooterError::Nonsense)?,
            bytes: head.get_u64(),
            entries: entries.chunks_exact(ENTRY_BYTES).map(FooterEntry::decode).collect(),
        };
        if footer.tiles() { Ok(footer) } else { Err(FooterError::Nonsense) }
    }

    fn tiles(&self) -> bool {
        let mut end = 0_u64;
        for entry in &self.entries {
            let counted = entry.index >= 0 && entry.bytes > 0 && entry.batches > 0 && entry.offsets > 0;
            if !counted || u64::from(entry.position) != end {
                return false;
            }
            end += u64::from(entry.bytes);
        }
        end == self.bytes
    }
}

impl FooterEntry {
    fn encode(&self, out: &mut BytesMut) {
        out.put_slice(&self.topic.0);
        out.put_i32(self.index);
        out.put_u32(self.position);
        out.put_u32(self.bytes);
        out.put_u32(self.batches);
        out.put_u64(self.offsets);
        out.put_i64(self.timestamp_max);
    }

    fn decode(mut bytes: &[u8]) -> FooterEntry {
        assert!(bytes.len() == ENTRY_BYTES);
        let mut topic = [0; 16];
        bytes.copy_to_slice(&mut topic);
        FooterEntry {
            topic: Uuid(topic),
            index: bytes.get_i32(),
            position: bytes.get_u32(),
            bytes: bytes.get_u32(),
            batches: bytes.get_u32(),
            offsets: bytes.get_u64(),
            timestamp_max: bytes.get_i64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BrokerId, Incarnation, Writer};

    fn footer() -> Footer {
        let entry = |topic, index, position, bytes| FooterEntry {
            topic: Uuid([topic; 16]),
            index,
            position,
            bytes,
            batches: 2,
            offsets: 300,
            timestamp_max: 1_700_000_000_000,
        };
        Footer {
            pack: PackId { broker: BrokerId(1), incarnation: Incarnation(2), writer: Writer::Packer, number: 3 },
            bytes: 300,
            entries: vec![entry(7, 0, 0, 100), entry(9, 5, 100, 200)],
        }
    }

    #[test]
    fn the_stored_format_is_the_golden_file() {
        assert_eq!(footer().encode(), &include_bytes!("../tests/golden/footer_v1.bin")[..]);
    }

    #[test]
    fn a_footer_is_found_at_the_end_of_its_object() {
        let object = [&[1; 300][..], &footer().encode()].concat();
        assert_eq!(Footer::decode(&object), Ok(footer()));
        let bytes = footer().encode().len();
        assert_eq!(Footer::length(&object[object.len() - TRAILER_BYTES..]), Ok(bytes));
        assert_eq!(Footer::decode(&object[object.len() - 20..]), Err(FooterError::Short { bytes }));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let sound = footer().encode();
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Footer::decode(&bytes).is_err(), "bit {bit}");
        }
        for length in 0..sound.len() {
            assert!(Footer::decode(&sound[..length]).is_err());
        }
    }

    #[test]
    fn a_newer_version_and_a_gap_are_refused_by_name() {
        let reseal = |change: fn(&mut [u8])| {
            let mut bytes = footer().encode().to_vec();
            change(&mut bytes);
            let covered = bytes.len() - 12;
            let checksum = crc32c(&bytes[..covered]).to_be_bytes();
            bytes[covered..covered + 4].copy_from_slice(&checksum);
            Footer::decode(&bytes)
        };
        assert_eq!(reseal(|bytes| bytes[9] = 2), Err(FooterError::Version(2)));
        assert_eq!(reseal(|bytes| bytes[HEAD_BYTES + 23] = 1), Err(FooterError::Nonsense));
        assert_eq!(reseal(|bytes| bytes[15] = 3), Err(FooterError::Nonsense));
        assert_eq!(reseal(|bytes| bytes[11] = 1), Err(FooterError::Nonsense), "what nobody writes is zero");
    }
}
