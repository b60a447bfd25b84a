//! Parts: sixteen pages or leaves of one container, in one frame.
//!
//! Frame type 64, version 1 (see [`frame`]). Payload, little endian:
//!
//! | bytes | field |
//! | --- | --- |
//! | 1 | container: 0 topics, 1 partitions, 2 extents, 3 objects, 4 producers, 5 windows, 6 groups, 7 their offsets, 8 brokers, 10 resources, 12 share partitions, 41 quotas |
//! | 4 | group: the part's first page is page `16 * group` of the container |
//! | 1 | pages that follow |
//!
//! then for each page 4 bytes of how many entries, and these in order. In a table (topics, partitions, objects, windows,
//! groups, brokers, resources, quotas) an entry is 1 byte that says whether it is there, then the record; in a shelf
//! (extents, producers, offsets, share partitions) just the record.
//! The records are described where they are encoded, in the ledger.

use std::sync::Arc;

use apus_core::batch::crc32c;
use apus_core::ids::{Incarnation, Lsn};
use bytes::Bytes;

use super::PartEntry;
use crate::command::Corrupt;
use crate::command::frame;
use crate::ledger::record::{Cursor, Record};
use crate::ledger::shelf::{Entry, Leaf, Shelf};
use crate::ledger::table::{Page, Table};

/// Type and version of a part's frame.
const FRAME: (u16, u16) = (64, 1);

/// Pages or leaves of a part.
const GROUP: usize = 16;

pub(super) type Pages<T> = Vec<Arc<Page<T>>>;
pub(super) type Leaves<E> = Vec<Arc<Leaf<E>>>;

/// One of the ledger's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The names say it.
pub enum Container {
    Topics,
    Partitions,
    Extents,
    Objects,
    Producers,
    Windows,
    Groups,
    GroupOffsets,
    Brokers,
    Resources = 10,
    Shares = 12,
    Quotas = 41,
}

impl Container {
    const ALL: [Container; 12] = [
        Container::Topics,
        Container::Partitions,
        Container::Extents,
        Container::Objects,
        Container::Producers,
        Container::Windows,
        Container::Groups,
        Container::GroupOffsets,
        Container::Brokers,
        Container::Resources,
        Container::Shares,
        Container::Quotas,
    ];

    pub(super) fn read(bytes: &mut Cursor<'_>) -> Result<Container, Corrupt> {
        let number = bytes.u8()?;
        let found = Container::ALL.into_iter().find(|container| *container as u8 == number);
        found.ok_or(Corrupt::Value("a container"))
    }
}

/// A part's place in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartId {
    /// Of which container.
    pub container: Container,
    /// Which part of it.
    pub group: u32,
}

/// One encoded part.
#[derive(Clone, Debug)]
pub struct Part {
    /// What the manifest says of it.
    pub entry: PartEntry,
    /// The object's bytes.
    pub bytes: Bytes,
}

impl Part {
    pub(super) fn new(id: PartId, incarnation: Incarnation, lsn: Lsn, bytes: Vec<u8>) -> Part {
        let entry = PartEntry { id, incarnation, lsn, bytes: bytes.len() as u64, crc: crc32c(&bytes) };
        Part { entry, bytes: Bytes::from(bytes) }
    }
}

/// The position of the last change of each group.
pub(super) fn page_changes<T>(pages: &[Arc<Page<T>>]) -> Vec<Lsn> {
    pages.chunks(GROUP).map(|group| group.iter().map(|page| page.changed).max().unwrap_or_default()).collect()
}

/// The same of leaves.
pub(super) fn leaf_changes<E: Entry>(leaves: &[Arc<Leaf<E>>]) -> Vec<Lsn> {
    leaves.chunks(GROUP).map(|group| group.iter().map(|leaf| leaf.changed).max().unwrap_or_default()).collect()
}

fn group<T>(all: &[T], id: PartId) -> &[T] {
    all.chunks(GROUP).nth(id.group as usize).expect("the part was listed")
}

fn open(id: PartId, pages: usize) -> Vec<u8> {
    let mut out = Vec::new();
    frame::open(&mut out);
    out.push(id.container as u8);
    out.extend_from_slice(&id.group.to_le_bytes());
    out.push(pages as u8);
    out
}

pub(super) fn encode_pages<T: Record>(id: PartId, pages: &[Arc<Page<T>>]) -> Vec<u8> {
    let pages = group(pages, id);
    let mut out = open(id, pages.len());
    for page in pages {
        out.extend_from_slice(&(page.entries.len() as u32).to_le_bytes());
        for entry in &page.entries {
            out.push(u8::from(entry.is_some()));
            if let Some(entry) = entry {
                entry.write(&mut out);
            }
        }
    }
    frame::seal(&mut out, 0, FRAME.0, FRAME.1);
    out
}

pub(super) fn encode_leaves<E: Entry>(id: PartId, leaves: &[Arc<Leaf<E>>]) -> Vec<u8> {
    let leaves = group(leaves, id);
    let mut out = open(id, leaves.len());
    for leaf in leaves {
        out.extend_from_slice(&(leaf.entries.len() as u32).to_le_bytes());
        leaf.entries.iter().for_each(|entry| entry.write(&mut out));
    }
    frame::seal(&mut out, 0, FRAME.0, FRAME.1);
    out
}

/// The payload behind the head of the part that the manifest names, and how many pages it holds.
pub(super) fn decode<'a>(entry: &PartEntry, bytes: &'a [u8]) -> Result<(Cursor<'a>, usize), Corrupt> {
    if bytes.len() as u64 != entry.bytes {
        return Err(Corrupt::Short);
    }
    if crc32c(bytes) != entry.crc {
        return Err(Corrupt::Checksum);
    }
    let found = frame::read(bytes)?;
    if (found.kind, found.version) != FRAME {
        return Err(Corrupt::Unknown { kind: found.kind, version: found.version });
    }
    let mut payload = Cursor(found.payload);
    let id = PartId { container: Container::read(&mut payload)?, group: payload.u32()? };
    let pages = usize::from(payload.u8()?);
    if id != entry.id || pages == 0 || pages > GROUP || found.consumed != bytes.len() {
        return Err(Corrupt::Value("a part's head"));
    }
    Ok((payload, pages))
}

/// Appends the pages of a part to those before it.
pub(super) fn decode_pages<T: Record>(
    (mut payload, pages): (Cursor<'_>, usize),
    group: u32,
    changed: Lsn,
    out: &mut Vec<Page<T>>,
) -> Result<(), Corrupt> {
    follows(out.len(), group)?;
    for _ in 0..pages {
        let count = payload.u32()? as usize;
        if count > Table::<T>::page_entries() {
            return Err(Corrupt::Value("a page's entries"));
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(if payload.flag()? { Some(T::read(&mut payload)?) } else { None });
        }
        out.push(Page { changed, entries });
    }
    payload.end()
}

/// Appends the leaves of a part to those before it.
pub(super) fn decode_leaves<E: Entry>(
    (mut payload, leaves): (Cursor<'_>, usize),
    group: u32,
    changed: Lsn,
    out: &mut Vec<Leaf<E>>,
) -> Result<(), Corrupt> {
    follows(out.len(), group)?;
    for _ in 0..leaves {
        let count = payload.u32()? as usize;
        if count > Shelf::<E>::leaf_entries_max() {
            return Err(Corrupt::Value("a leaf's entries"));
        }
        let entries = (0..count).map(|_| E::read(&mut payload)).collect::<Result<Vec<_>, _>>()?;
        out.push(Leaf::new(changed, entries));
    }
    payload.end()
}

fn follows(pages: usize, group: u32) -> Result<(), Corrupt> {
    if pages == group as usize * GROUP { Ok(()) } else { Err(Corrupt::Value("a part out of order")) }
}
