//! Any bytes as what is stored: commands, footers, snapshots, groups of the journal, the objects of the owner.
//!
//! The first byte picks a format. Checksums and lengths are made to fit, so that everything behind them is reached.
//! What is read is written again as the same bytes: nothing is stored in two ways, and nothing is overlooked.

use std::sync::LazyLock;

use apus_coordinator::command::{self, Command, CreateTopic, Envelope, TopicKind, frame};
use apus_coordinator::journal::format::{self, GroupHeader, HEADER_BYTES, MAGIC};
use apus_coordinator::journal::group::{self, OpenGroup, Place, ReadGroup};
use apus_coordinator::journal::recovery::{Progress, Recovery};
use apus_coordinator::ledger::Ledger;
use apus_coordinator::owner::{self, Owner};
use apus_coordinator::snapshot::{Manifest, restore};
use apus_core::batch::crc32c;
use apus_core::footer::{self, Footer};
use apus_core::ids::{PackId, Uuid};
use apus_core::limits::JOURNAL_BLOCK_BYTES;
use apus_core::world::ObjectKey;
use bytes::Bytes;

use super::Input;

/// The formats, in the order of the first byte.
const FORMATS: [fn(&[u8]); 9] =
    [command, footer, manifest, snapshot, journal_group, segment, owner_object, cluster_object, anything];

/// A manifest's frame, and that of its parts.
const MANIFEST_FRAME: (u16, u16) = (65, 1);
const PART_FRAME: (u16, u16) = (64, 1);
/// Bytes of a manifest before the count of its parts.
const MANIFEST_HEAD_BYTES: usize = 68;

/// A stored form is read, or is an error.
pub fn check(input: &[u8]) {
    let [format, bytes @ ..] = input else { return };
    FORMATS[usize::from(*format) % FORMATS.len()](bytes);
}

/// Bytes as nobody sealed them: whatever they are taken for.
fn anything(bytes: &[u8]) {
    let shared = Bytes::copy_from_slice(bytes);
    let _ = command::decode(bytes);
    let _ = Footer::decode(bytes);
    let _ = Manifest::decode(bytes);
    let _ = Owner::decode(bytes);
    let _ = owner::decode_cluster(bytes);
    let _ = GroupHeader::foreign_format(bytes);
    if let Some(header) = GroupHeader::decode(bytes) {
        let _ = group::read(header, &shared);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let key = ObjectKey::parse(text);
        assert!(key.is_none_or(|key| key.as_str() == text));
    }
    if let Some(bits) = bytes.first_chunk() {
        let pack = PackId::from_uuid(&Uuid(*bits));
        assert!(pack.is_none_or(|pack| pack.uuid() == Uuid(*bits)));
    }
}

/// A frame of this type with this payload.
fn sealed((kind, version): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let start = frame::open(&mut out);
    out.extend_from_slice(payload);
    frame::seal(&mut out, start, kind, version);
    out
}

/// Type and version, then the archive. An archive can say a thing in several ways; what it says is written in one.
fn command(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (Some(kind), Some(version)) = (input.byte(), input.byte()) else { return };
    let bytes = sealed((u16::from(kind), u16::from(version)), input.0);
    let Ok((envelope, length)) = command::decode(&bytes) else { return };
    assert_eq!(length, bytes.len());
    let mut once = Vec::new();
    command::encode(&envelope, &mut once);
    assert_eq!(command::decode(&once), Ok((envelope.clone(), once.len())));
    // Whatever it says, a ledger takes it without contradicting itself.
    let mut ledger = LEDGER.clone();
    ledger.apply(ledger.lsn().next(), &envelope);
    ledger.check();
}

/// Something to apply commands to.
static LEDGER: LazyLock<Ledger> = LazyLock::new(|| {
    let mut ledger = Ledger::new();
    for (number, name) in [(7_u8, "orders"), (8, "clicks")] {
        let topic = CreateTopic {
            id: Uuid([number; 16]),
            name: name.into(),
            kind: TopicKind::Diskless,
            partitions: 3,
            replication_factor: 1,
            configs: [("retention.ms".to_owned(), "60000".to_owned())].into(),
        };
        ledger.apply(ledger.lsn().next(), &Envelope::internal(1_700_000_000_000, Command::CreateTopic(topic)));
    }
    ledger
});

fn footer(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    let length = bytes.len();
    if length < footer::HEAD_BYTES + footer::TRAILER_BYTES {
        return assert!(Footer::decode(&bytes).is_err());
    }
    bytes[..8].copy_from_slice(footer::MAGIC);
    bytes[length - 8..].copy_from_slice(footer::MAGIC);
    bytes[length - 16..length - 12].copy_from_slice(&(length as u32).to_be_bytes());
    let crc = crc32c(&bytes[..length - 12]);
    bytes[length - 12..length - 8].copy_from_slice(&crc.to_be_bytes());
    if let Ok(footer) = Footer::decode(&bytes) {
        assert_eq!(footer.encode(), bytes);
    }
}

fn manifest(bytes: &[u8]) {
    let bytes = sealed(MANIFEST_FRAME, bytes);
    if let Ok(manifest) = Manifest::decode(&bytes) {
        assert_eq!(manifest.encode(), bytes);
        assert!(manifest.parts().iter().all(|part| !part.name().is_empty()) && !manifest.folder().is_empty());
    }
}

/// The head of a manifest, then parts: two bytes of length, and their payload. The manifest names them as they are.
fn snapshot(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut manifest = input.take(MANIFEST_HEAD_BYTES).to_vec();
    let (mut parts, mut entries) = (Vec::new(), Vec::new());
    while let Some(length) = input.short() {
        let payload = input.take(usize::from(length));
        let part = sealed(PART_FRAME, payload);
        entries.extend_from_slice(&[payload, &[0; 5]].concat()[..5]); // Container and group.
        entries.extend_from_slice(&1_u32.to_le_bytes());
        entries.extend_from_slice(&1_u64.to_le_bytes());
        entries.extend_from_slice(&(part.len() as u64).to_le_bytes());
        entries.extend_from_slice(&crc32c(&part).to_le_bytes());
        parts.push(part);
    }
    manifest.extend_from_slice(&(parts.len() as u32).to_le_bytes());
    manifest.extend_from_slice(&entries);
    let Ok(manifest) = Manifest::decode(&sealed(MANIFEST_FRAME, &manifest)) else { return };
    if let Ok(ledger) = restore(&manifest, &parts) {
        ledger.check();
        assert_eq!(ledger.digest(), manifest.digest());
    }
}

/// Header and frames of a group. The header's length and every checksum are made to fit.
fn seal_group(bytes: &[u8]) -> Option<(Vec<u8>, GroupHeader)> {
    let frames = bytes.len().checked_sub(HEADER_BYTES)? / frame::ALIGN_BYTES * frame::ALIGN_BYTES;
    let mut bytes = bytes[..HEADER_BYTES + frames].to_vec();
    let mut at = HEADER_BYTES;
    while at + frame::HEADER_BYTES <= bytes.len() {
        let length = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
        let start = at + frame::HEADER_BYTES;
        if length > bytes.len() - start {
            break;
        }
        let (kind, version) = ([bytes[at + 4], bytes[at + 5]], [bytes[at + 6], bytes[at + 7]]);
        let payload = &bytes[start..start + length];
        let head = frame::header(u16::from_le_bytes(kind), u16::from_le_bytes(version), [payload]);
        bytes[at..start].copy_from_slice(&head);
        at = start + length + frame::padding(length);
    }
    let frames_crc = crc32c(&bytes[HEADER_BYTES..]);
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[100..104].copy_from_slice(&(frames as u32).to_le_bytes());
    let crc = crc32c(&bytes[..108]);
    bytes[108..112].copy_from_slice(&crc.to_le_bytes());
    let head: [u8; HEADER_BYTES] = bytes[..HEADER_BYTES].try_into().expect("it was cut there");
    bytes.extend_from_slice(&format::trailer(&head, frames_crc));
    let header = GroupHeader::decode(&bytes)?;
    assert_eq!(header.encode(), head);
    Some((bytes, header))
}

fn journal_group(bytes: &[u8]) {
    let Some((bytes, header)) = seal_group(bytes) else { return };
    let Some(found) = group::read(header, &Bytes::from(bytes.clone())) else { return };
    // A frame without a payload is no command, which is for whoever decodes it to say.
    if found.entries.iter().all(|entry| entry.frame.len() > frame::HEADER_BYTES) {
        assert_eq!(written(&found)[..bytes.len()], bytes[..]);
    }
    for entry in &found.entries {
        let _may_be_unknown = command::decode(&entry.frame);
    }
}

/// The group as it was written.
fn written(group: &ReadGroup) -> Vec<u8> {
    let GroupHeader { kind, author, first, segment, position, previous, .. } = group.header;
    let mut open = OpenGroup::new(first);
    for entry in &group.entries {
        let lsn = open.push(entry.frame.clone(), entry.inline.clone().map(|inline| vec![inline]));
        assert_eq!(lsn, entry.lsn);
    }
    let sealed = open.seal(kind, author, Place { segment, position, previous });
    assert_eq!((sealed.header, sealed.digest), (group.header, group.digest));
    sealed.pieces.concat()
}

/// The group as the first one of a segment that begins at its position, with what came behind it.
fn segment(bytes: &[u8]) {
    let Some((group, header)) = seal_group(bytes) else { return };
    let mut file = vec![0; (header.span() + 4 * JOURNAL_BLOCK_BYTES) as usize];
    let copies = [(0, &group[..]), (header.span() as usize, &bytes[..bytes.len().min(64)])];
    for (at, bytes) in copies {
        if let Some(place) = file.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    let file = Bytes::from(file);
    let mut recovery = Recovery::new(header.author.cluster, vec![(header.segment, file.len() as u64)]);
    for _ in 0..2 * file.len() as u64 / JOURNAL_BLOCK_BYTES {
        match recovery.advance() {
            Progress::Read { position, bytes, .. } => {
                let end = position.saturating_add(bytes).min(file.len() as u64) as usize;
                recovery.fill(file.slice((position as usize).min(end)..end));
            }
            Progress::Group(found) => assert!(found.header == header && header.position == 0),
            Progress::End(_) | Progress::Corrupt(_) => return,
        }
    }
    panic!("recovery does not end");
}

/// The text before its last line, which is made to fit.
fn signed(bytes: &[u8]) -> Vec<u8> {
    let line = format!("crc32c {:08x}\n", crc32c(bytes));
    [bytes, line.as_bytes()].concat()
}

fn owner_object(bytes: &[u8]) {
    let bytes = signed(bytes);
    if let Some(owner) = Owner::decode(&bytes) {
        assert_eq!(owner.encode(), bytes);
    }
}

fn cluster_object(bytes: &[u8]) {
    let bytes = signed(bytes);
    if let Some(id) = owner::decode_cluster(&bytes) {
        assert_eq!(owner::encode_cluster(id), bytes);
    }
}
