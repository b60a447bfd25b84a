//! Bytes of the journal. Integers are little-endian; a group begins at a multiple of 4 KiB of its segment.
//!
//! | group | bytes | field |
//! | --- | --- | --- |
//! | header | 0..8 | magic `APUSJRNL` |
//! | | 8..10 | format, 1 |
//! | | 10 | kind: 1 data, 2 seal |
//! | | 11 | flags, 0 |
//! | | 12..16 | shard, 0 |
//! | | 16..32 | cluster id |
//! | | 32..48 | journal id |
//! | | 48..64 | nonce of the writer's incarnation |
//! | | 64..72 | epoch: the writer's incarnation |
//! | | 72..80 | LSN of the first command, or of the next one where there is none |
//! | | 80..88 | generation: the number of the segment |
//! | | 88..96 | digest of the group before it; 0 of the first one |
//! | | 96..100 | commands |
//! | | 100..104 | bytes of the frames |
//! | | 104..108 | position in the segment, in blocks of 4 KiB |
//! | | 108..112 | CRC32C of 0..108 |
//! | frames | 112.. | one behind the other |
//! | trailer | 16 bytes | CRC32C of the frames; the header's CRC32C again; magic `LNRJSUPA` |
//! | padding | | zeros up to the next multiple of 4 KiB |
//!
//! Frames are those of [`crate::command::frame`]: commands, each with the inline bytes that belong to it behind it.
//! Only commands have a position of their own.
//!
//! Header and trailer name each other, so a write that tore anywhere inside a group shows. The digest is the
//! CRC-64/NVME of header and trailer: it covers every byte of the group and, through the digest inside, of all
//! groups before it. A missing, reordered or foreign group does not fit the chain.

use apus_core::batch::crc32c;
use apus_core::ids::{Incarnation, Lsn, Uuid};
use apus_core::limits::{COMMAND_BYTES_MAX, GROUP_BYTES_MAX, JOURNAL_BLOCK_BYTES};

use crate::command::frame::ALIGN_BYTES;

/// What a group begins with.
pub const MAGIC: [u8; 8] = *b"APUSJRNL";
/// What a group ends with.
pub const MAGIC_END: [u8; 8] = *b"LNRJSUPA";
/// The only format so far.
pub const FORMAT: u16 = 1;
/// Bytes of a group's header.
pub const HEADER_BYTES: usize = 112;
/// Bytes of a group's trailer.
pub const TRAILER_BYTES: usize = 16;

/// The frames of one group. A group takes commands up to [`GROUP_BYTES_MAX`] and then one more at most.
pub const FRAMES_BYTES_MAX: u64 = GROUP_BYTES_MAX + COMMAND_BYTES_MAX + 4 * ALIGN_BYTES as u64;
/// A whole group, padding included.
pub const GROUP_SPAN_MAX: u64 =
    (FRAMES_BYTES_MAX + (HEADER_BYTES + TRAILER_BYTES) as u64).next_multiple_of(JOURNAL_BLOCK_BYTES);

const _: () = assert!(HEADER_BYTES.is_multiple_of(ALIGN_BYTES));
const _: () = assert!(GROUP_SPAN_MAX < apus_core::limits::SEGMENT_FIRST_BYTES);

/// Why a group is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// It carries commands.
    Data = 1,
    /// It carries none and follows a pause: whatever stands before it is complete.
    Seal = 2,
}

/// Who writes this journal: the same in every group of one incarnation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// The cluster.
    pub cluster: Uuid,
    /// The journal, from its first group on.
    pub journal: Uuid,
    /// Drawn anew by every incarnation.
    pub nonce: Uuid,
    /// How often the journal was opened for writing.
    pub incarnation: Incarnation,
}

/// A group's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// Why it is there.
    pub kind: GroupKind,
    /// Who wrote it.
    pub author: Author,
    /// The first command's position, or the next one's.
    pub first: Lsn,
    /// The segment that it was written into.
    pub segment: u64,
    /// Where in the segment, bytes.
    pub position: u64,
    /// The digest of the group before it.
    pub previous: u64,
    /// Commands.
    pub count: u32,
    /// Bytes of its frames.
    pub bytes: u32,
}

fn le<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl GroupHeader {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        assert!(self.position.is_multiple_of(JOURNAL_BLOCK_BYTES) && self.first > Lsn(0));
        assert!((self.kind == GroupKind::Seal) == (self.count == 0));
        let block = u32::try_from(self.position / JOURNAL_BLOCK_BYTES).expect("a segment is far below 16 TiB");
        let mut out = [0; HEADER_BYTES];
        out[0..8].copy_from_slice(&MAGIC);
        out[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        out[10] = self.kind as u8;
        out[16..32].copy_from_slice(&self.author.cluster.0);
        out[32..48].copy_from_slice(&self.author.journal.0);
        out[48..64].copy_from_slice(&self.author.nonce.0);
        out[64..72].copy_from_slice(&u64::from(self.author.incarnation.0).to_le_bytes());
        out[72..80].copy_from_slice(&self.first.0.to_le_bytes());
        out[80..88].copy_from_slice(&self.segment.to_le_bytes());
        out[88..96].copy_from_slice(&self.previous.to_le_bytes());
        out[96..100].copy_from_slice(&self.count.to_le_bytes());
        out[100..104].copy_from_slice(&self.bytes.to_le_bytes());
        out[104..108].copy_from_slice(&block.to_le_bytes());
        let crc = crc32c(&out[..108]);
        out[108..112].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header that begins these bytes, or nothing where none of this format does.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<GroupHeader> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        if bytes[0..8] != MAGIC || u32::from_le_bytes(le(bytes, 108)) != crc32c(&bytes[..108]) {
            return None;
        }
        let kind = match bytes[10] {
            1 => GroupKind::Data,
            2 => GroupKind::Seal,
            _ => return None,
        };
        let header = GroupHeader {
            kind,
            author: Author {
                cluster: Uuid(le(bytes, 16)),
                journal: Uuid(le(bytes, 32)),
                nonce: Uuid(le(bytes, 48)),
                incarnation: Incarnation(u32::try_from(u64::from_le_bytes(le(bytes, 64))).ok()?),
            },
            first: Lsn(u64::from_le_bytes(le(bytes, 72))),
            segment: u64::from_le_bytes(le(bytes, 80)),
            position: u64::from(u32::from_le_bytes(le(bytes, 104))) * JOURNAL_BLOCK_BYTES,
            previous: u64::from_le_bytes(le(bytes, 88)),
            count: u32::from_le_bytes(le(bytes, 96)),
            bytes: u32::from_le_bytes(le(bytes, 100)),
        };
        let sound = u16::from_le_bytes(le(bytes, 8)) == FORMAT
            && bytes[11] == 0
            && u32::from_le_bytes(le(bytes, 12)) == 0
            && (kind == GroupKind::Seal) == (header.count == 0)
            && u64::from(header.bytes) <= FRAMES_BYTES_MAX
            && (header.bytes as usize).is_multiple_of(ALIGN_BYTES)
            && header.first > Lsn(0)
            && header.first.0.checked_add(u64::from(header.count)).is_some();
        sound.then_some(header)
    }

    /// The format of a group that carries our magic and a checksum that holds, whatever its version.
    #[must_use]
    pub fn foreign_format(bytes: &[u8]) -> Option<u16> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let sound = bytes[0..8] == MAGIC && u32::from_le_bytes(le(bytes, 108)) == crc32c(&bytes[..108]);
        let format = u16::from_le_bytes(le(bytes, 8));
        (sound && format != FORMAT).then_some(format)
    }

    /// The position behind its last command.
    #[must_use]
    pub fn next(&self) -> Lsn {
        Lsn(self.first.0 + u64::from(self.count))
    }

    /// Bytes on disk, padding included.
    #[must_use]
    pub fn span(&self) -> u64 {
        span_of(u64::from(self.bytes))
    }
}

/// Bytes on disk of a group with so many bytes of frames.
#[must_use]
pub fn span_of(frames: u64) -> u64 {
    (frames + (HEADER_BYTES + TRAILER_BYTES) as u64).next_multiple_of(JOURNAL_BLOCK_BYTES)
}

/// The trailer of a group.
#[must_use]
pub fn trailer(header: &[u8; HEADER_BYTES], frames_crc: u32) -> [u8; TRAILER_BYTES] {
    let mut out = [0; TRAILER_BYTES];
    out[0..4].copy_from_slice(&frames_crc.to_le_bytes());
    out[4..8].copy_from_slice(&header[108..112]);
    out[8..16].copy_from_slice(&MAGIC_END);
    out
}

/// What the next group calls this one.
#[must_use]
pub fn digest(header: &[u8], trailer: &[u8]) -> u64 {
    assert!(header.len() == HEADER_BYTES && trailer.len() == TRAILER_BYTES);
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
    digest.update(header);
    digest.update(trailer);
    digest.finalize()
}
