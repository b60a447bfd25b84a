//! The manifest: which parts make up the ledger at one position.
//!
//! Frame type 65, version 1 (see [`frame`]). Payload, little endian:
//!
//! | bytes | field | | bytes | field, for each part in order |
//! | --- | --- | --- | --- | --- |
//! | 8 | LSN | | 1 | container |
//! | 8 | clock, milliseconds | | 4 | group |
//! | 4 | incarnation | | 4 | incarnation that wrote it |
//! | 16 | nonce | | 8 | LSN of the snapshot that wrote it |
//! | 8 | producer ids given end here | | 8 | bytes |
//! | 4, 8 | where the next search for idle producers begins | | 4 | CRC32C |
//! | 4 | partition numbers given end here | | | |
//! | 8 | digest of the state | | | |
//! | 4 | parts | | | |

use apus_core::ids::{Incarnation, Lsn};
use bytes::Bytes;

use super::folder;
use super::part::{Container, PartId};
use crate::command::Corrupt;
use crate::command::frame;
use crate::ledger::Scalars;
use crate::ledger::record::Cursor;

/// Type and version of a manifest's frame.
const FRAME: (u16, u16) = (65, 1);

/// One part of a snapshot, and which snapshot wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// Its place in the state.
    pub id: PartId,
    /// The life of the journal in which it was written.
    pub incarnation: Incarnation,
    /// The position of the snapshot that wrote it.
    pub lsn: Lsn,
    /// The object's length.
    pub bytes: u64,
    /// CRC32C of the object.
    pub crc: u32,
}

impl PartEntry {
    /// The object's name below the folder of all snapshots: the folder of the snapshot that wrote it, container, group.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}-{:06x}", folder(self.incarnation, self.lsn), self.id.container as u8, self.id.group)
    }
}

/// What a snapshot consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub(super) scalars: Scalars,
    pub(super) digest: u64,
    pub(super) partitions_end: u32,
    pub(super) parts: Vec<PartEntry>,
}

impl Manifest {
    /// The position that the snapshot holds.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.scalars.lsn
    }

    /// The digest of the state.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// All parts, in the order in which they are restored.
    #[must_use]
    pub fn parts(&self) -> &[PartEntry] {
        &self.parts
    }

    /// The folder of the snapshot; its manifest is `MANIFEST` inside it.
    #[must_use]
    pub fn folder(&self) -> String {
        folder(self.scalars.incarnation, self.scalars.lsn)
    }

    pub(super) fn part(&self, id: PartId) -> Option<&PartEntry> {
        self.parts.binary_search_by_key(&id, |entry| entry.id).ok().map(|index| &self.parts[index])
    }

    /// The object's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        frame::open(&mut out);
        self.scalars.write(&mut out);
        out.extend_from_slice(&self.partitions_end.to_le_bytes());
        out.extend_from_slice(&self.digest.to_le_bytes());
        out.extend_from_slice(&(self.parts.len() as u32).to_le_bytes());
        for entry in &self.parts {
            out.push(entry.id.container as u8);
            out.extend_from_slice(&entry.id.group.to_le_bytes());
            out.extend_from_slice(&entry.incarnation.0.to_le_bytes());
            out.extend_from_slice(&entry.lsn.0.to_le_bytes());
            out.extend_from_slice(&entry.bytes.to_le_bytes());
            out.extend_from_slice(&entry.crc.to_le_bytes());
        }
        frame::seal(&mut out, 0, FRAME.0, FRAME.1);
        Bytes::from(out)
    }

    /// The manifest that [`Manifest::encode`] wrote.
    ///
    /// # Errors
    /// Where the bytes are not that.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, Corrupt> {
        let found = frame::read(bytes)?;
        if (found.kind, found.version) != FRAME {
            return Err(Corrupt::Unknown { kind: found.kind, version: found.version });
        }
        let mut payload = Cursor(found.payload);
        let mut manifest = Manifest {
            scalars: Scalars::read(&mut payload)?,
            partitions_end: payload.u32()?,
            digest: payload.u64()?,
            parts: Vec::new(),
        };
        for _ in 0..payload.u32()? {
            manifest.parts.push(PartEntry {
                id: PartId { container: Container::read(&mut payload)?, group: payload.u32()? },
                incarnation: Incarnation(payload.u32()?),
                lsn: Lsn(payload.u64()?),
                bytes: payload.u64()?,
                crc: payload.u32()?,
            });
        }
        payload.end()?;
        if found.consumed != bytes.len() || !manifest.parts.is_sorted_by(|earlier, later| earlier.id < later.id) {
            return Err(Corrupt::Value("a manifest's parts"));
        }
        Ok(manifest)
    }
}
