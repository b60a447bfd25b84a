//! A group in memory: open while it takes commands, sealed into blocks for the disk, read back at recovery.

use bytes::{Bytes, BytesMut};

use apus_core::batch::crc32c;
use apus_core::ids::Lsn;
use apus_core::limits::GROUP_BYTES_MAX;

use super::format::{self, Author, FRAMES_BYTES_MAX, GroupHeader, GroupKind, HEADER_BYTES, TRAILER_BYTES};
use crate::command::frame;

/// Where a group goes and what stands before it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The segment.
    pub segment: u64,
    /// Where in it.
    pub position: u64,
    /// The digest of the group before.
    pub previous: u64,
}

/// Commands that wait for the disk.
#[derive(Debug)]
pub struct OpenGroup {
    first: Lsn,
    count: u32,
    pieces: Vec<Bytes>,
    bytes: u64,
}

/// A group as it is written.
#[derive(Debug)]
pub struct SealedGroup {
    /// Its header.
    pub header: GroupHeader,
    /// What the next group calls it.
    pub digest: u64,
    /// Whole blocks.
    pub pieces: Vec<Bytes>,
}

/// Bytes that a command's frame takes in a group, with the inline bytes that belong to it.
#[must_use]
pub fn command_span(frame: u64, inline: Option<u64>) -> u64 {
    let span = |bytes: u64| frame::HEADER_BYTES as u64 + bytes.next_multiple_of(frame::ALIGN_BYTES as u64);
    frame + inline.map_or(0, span)
}

impl OpenGroup {
    /// An empty group whose first command will have this position.
    #[must_use]
    pub fn new(first: Lsn) -> OpenGroup {
        assert!(first > Lsn(0));
        OpenGroup { first, count: 0, pieces: Vec::new(), bytes: 0 }
    }

    /// True while it holds no command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of its frames.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The position that the next command gets.
    #[must_use]
    pub fn next(&self) -> Lsn {
        Lsn(self.first.0 + u64::from(self.count))
    }

    /// True where another command would make it larger than a group should be.
    #[must_use]
    pub fn is_full(&self, span: u64, bytes_max: u64) -> bool {
        assert!(bytes_max <= GROUP_BYTES_MAX);
        !self.is_empty() && self.bytes + span > bytes_max
    }

    /// Takes a command's frame, and the inline bytes that belong to it.
    pub fn push(&mut self, frame: Bytes, inline: Option<Vec<Bytes>>) -> Lsn {
        assert!(frame.len() > frame::HEADER_BYTES && frame.len().is_multiple_of(frame::ALIGN_BYTES));
        let lsn = self.next();
        self.bytes += frame.len() as u64;
        self.pieces.push(frame);
        if let Some(pieces) = inline {
            self.push_inline(pieces);
        }
        self.count += 1;
        assert!(self.bytes <= FRAMES_BYTES_MAX, "a group of {} bytes", self.bytes);
        lsn
    }

    fn push_inline(&mut self, pieces: Vec<Bytes>) {
        let head = frame::header(frame::TYPE_BYTES, frame::BYTES_VERSION, pieces.iter().map(|piece| &piece[..]));
        let bytes: usize = pieces.iter().map(Bytes::len).sum();
        let padding = frame::padding(bytes);
        self.pieces.push(Bytes::copy_from_slice(&head));
        self.pieces.extend(pieces);
        self.pieces.push(Bytes::from_static(&ZEROS[..padding]));
        self.bytes += (frame::HEADER_BYTES + bytes + padding) as u64;
    }

    /// Closes it for its place on disk.
    #[must_use]
    pub fn seal(self, kind: GroupKind, author: Author, place: Place) -> SealedGroup {
        let header = GroupHeader {
            kind,
            author,
            first: self.first,
            segment: place.segment,
            position: place.position,
            previous: place.previous,
            count: self.count,
            bytes: u32::try_from(self.bytes).expect("a group is bounded"),
        };
        let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
        self.pieces.iter().for_each(|piece| crc.update(piece));
        let head = header.encode();
        let trailer = format::trailer(&head, crc.finalize() as u32);
        let digest = format::digest(&head, &trailer);
        let padding = header.span() - self.bytes - (HEADER_BYTES + TRAILER_BYTES) as u64;
        let mut end = BytesMut::with_capacity(TRAILER_BYTES + padding as usize);
        end.extend_from_slice(&trailer);
        end.resize(TRAILER_BYTES + padding as usize, 0);
        let mut pieces = Vec::with_capacity(self.pieces.len() + 2);
        pieces.push(Bytes::copy_from_slice(&head));
        pieces.extend(self.pieces);
        pieces.push(end.freeze());
        SealedGroup { header, digest, pieces }
    }
}

static ZEROS: [u8; frame::ALIGN_BYTES] = [0; frame::ALIGN_BYTES];

/// One command of a group that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position.
    pub lsn: Lsn,
    /// The command's frame.
    pub frame: Bytes,
    /// The inline bytes that belong to it.
    pub inline: Option<Bytes>,
}

/// A group that was read back.
#[derive(Clone, Debug)]
pub struct ReadGroup {
    /// Its header.
    pub header: GroupHeader,
    /// What the next group calls it.
    pub digest: u64,
    /// Its commands.
    pub entries: Vec<Entry>,
}

/// The group that these bytes begin with, given its header; nothing where any of its checksums fails.
#[must_use]
pub fn read(header: GroupHeader, bytes: &Bytes) -> Option<ReadGroup> {
    let frames_end = HEADER_BYTES + header.bytes as usize;
    let trailer = bytes.get(frames_end..frames_end + TRAILER_BYTES)?;
    let head: &[u8; HEADER_BYTES] = bytes[..HEADER_BYTES].try_into().ok()?;
    let frames = bytes.slice(HEADER_BYTES..frames_end);
    if *trailer != format::trailer(head, crc32c(&frames)) {
        return None;
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = 0;
    while at < frames.len() {
        let found = frame::read(&frames[at..]).ok()?;
        let end = at + found.consumed;
        match (found.kind, entries.last_mut()) {
            (frame::TYPE_BYTES, Some(entry)) if found.version == frame::BYTES_VERSION && entry.inline.is_none() => {
                let start = at + frame::HEADER_BYTES;
                entry.inline = Some(frames.slice(start..start + found.payload.len()));
            }
            (frame::TYPE_BYTES, _) => return None,
            _ => {
                let lsn = Lsn(header.first.0 + entries.len() as u64);
                entries.push(Entry { lsn, frame: frames.slice(at..end), inline: None });
            }
        }
        at = end;
    }
    let complete = entries.len() == header.count as usize;
    complete.then(|| ReadGroup { header, digest: format::digest(head, trailer), entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use apus_core::ids::{Incarnation, Uuid};
    use apus_core::limits::JOURNAL_BLOCK_BYTES;

    fn author() -> Author {
        Author { cluster: Uuid([1; 16]), journal: Uuid([2; 16]), nonce: Uuid([3; 16]), incarnation: Incarnation(4) }
    }

    fn command(payload: &[u8]) -> Bytes {
        let mut out = Vec::new();
        let start = frame::open(&mut out);
        out.extend_from_slice(payload);
        frame::seal(&mut out, start, 99, 1);
        Bytes::from(out)
    }

    fn sealed() -> SealedGroup {
        let mut open = OpenGroup::new(Lsn(7));
        assert_eq!(open.push(command(b"first command"), None), Lsn(7));
        let inline = vec![Bytes::from_static(b"in"), Bytes::from_static(b"line")];
        assert_eq!(open.push(command(b"0123456789abcdef"), Some(inline)), Lsn(8));
        open.seal(GroupKind::Data, author(), Place { segment: 9, position: 8192, previous: 10 })
    }

    fn bytes(group: &SealedGroup) -> Bytes {
        Bytes::from(group.pieces.concat())
    }

    #[test]
    fn a_group_is_read_as_it_was_written() {
        let group = sealed();
        let bytes = bytes(&group);
        assert_eq!(bytes.len() as u64, JOURNAL_BLOCK_BYTES);
        let header = GroupHeader::decode(&bytes).expect("a header");
        assert_eq!((header, header.next()), (group.header, Lsn(9)));
        let read = read(header, &bytes).expect("a group");
        assert_eq!(read.digest, group.digest);
        assert_eq!(read.entries[0].frame, command(b"first command"));
        assert_eq!((read.entries[1].lsn, read.entries[1].inline.as_deref()), (Lsn(8), Some(&b"inline"[..])));
        let used = format::HEADER_BYTES + header.bytes as usize + format::TRAILER_BYTES;
        assert!(bytes[used..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn inline_bytes_of_another_version_are_not_taken_for_these() {
        let mut open = OpenGroup::new(Lsn(7));
        open.push(command(b"first command"), Some(vec![Bytes::from_static(b"inline")]));
        let inline = open.pieces.len() - 3;
        open.pieces[inline] = Bytes::copy_from_slice(&frame::header(frame::TYPE_BYTES, 2, [&b"inline"[..]]));
        let bytes = bytes(&open.seal(GroupKind::Data, author(), Place { segment: 9, position: 0, previous: 0 }));
        let header = GroupHeader::decode(&bytes).expect("a header");
        assert!(read(header, &bytes).is_none());
    }

    #[test]
    fn any_flipped_bit_of_a_group_shows() {
        let whole = bytes(&sealed());
        let used = HEADER_BYTES + sealed().header.bytes as usize + TRAILER_BYTES;
        for bit in 0..used * 8 {
            let mut flipped = whole.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = GroupHeader::decode(&flipped).and_then(|header| read(header, &Bytes::from(flipped.clone())));
            assert!(found.is_none(), "bit {bit} of byte {} goes unseen", bit / 8);
        }
    }

    #[test]
    fn any_missing_end_of_a_group_shows() {
        let whole = bytes(&sealed());
        let used = HEADER_BYTES + sealed().header.bytes as usize + TRAILER_BYTES;
        for length in 0..used {
            let mut torn = whole.to_vec();
            torn[length..].fill(0);
            let found = GroupHeader::decode(&torn).and_then(|header| read(header, &Bytes::from(torn.clone())));
            assert!(found.is_none() || torn == whole, "a group cut at {length} goes unseen");
        }
    }
}
