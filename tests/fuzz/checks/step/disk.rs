//! A journal's disk that never fails: the blocks that were written, and zeros.

use std::collections::BTreeMap;

use apus_core::limits::JOURNAL_BLOCK_BYTES;
use apus_core::world::{DiskFailure, DiskReply, DiskRequest};
use bytes::{Bytes, BytesMut};

const BLOCK: usize = JOURNAL_BLOCK_BYTES as usize;

/// Segments: their lengths, and their blocks by index.
#[derive(Default)]
pub struct Disk(BTreeMap<u64, (u64, BTreeMap<u64, Bytes>)>);

impl Disk {
    /// Does it, at once.
    pub fn answer(&mut self, request: DiskRequest) -> Result<DiskReply, DiskFailure> {
        match request {
            DiskRequest::List => {
                let segments = self.0.iter().map(|(number, (bytes, _))| (*number, *bytes));
                return Ok(DiskReply::Segments(segments.collect()));
            }
            DiskRequest::Read { segment, position, bytes } => {
                return self.read(segment, position, bytes).map(DiskReply::Bytes);
            }
            DiskRequest::Create { segment, bytes } => {
                self.0.insert(segment, (bytes, BTreeMap::new()));
            }
            DiskRequest::Write { segment, position, pieces } => {
                let (length, blocks) = self.0.get_mut(&segment).ok_or_else(missing)?;
                let whole = Bytes::from(pieces.concat());
                assert!(whole.len().is_multiple_of(BLOCK) && position.is_multiple_of(JOURNAL_BLOCK_BYTES));
                assert!(position + whole.len() as u64 <= *length, "a write beyond the end of its segment");
                for (index, at) in (position / JOURNAL_BLOCK_BYTES..).zip((0..whole.len()).step_by(BLOCK)) {
                    blocks.insert(index, whole.slice(at..at + BLOCK));
                }
            }
            DiskRequest::Remove { segment } => {
                self.0.remove(&segment);
            }
        }
        Ok(DiskReply::Done)
    }

    fn read(&self, segment: u64, position: u64, bytes: u64) -> Result<Bytes, DiskFailure> {
        let (length, blocks) = self.0.get(&segment).ok_or_else(missing)?;
        assert!(position.is_multiple_of(JOURNAL_BLOCK_BYTES), "a journal reads whole blocks");
        let mut out = BytesMut::zeroed(length.saturating_sub(position).min(bytes) as usize);
        for (index, part) in (position / JOURNAL_BLOCK_BYTES..).zip(out.chunks_mut(BLOCK)) {
            if let Some(block) = blocks.get(&index) {
                part.copy_from_slice(&block[..part.len()]);
            }
        }
        Ok(out.freeze())
    }
}

fn missing() -> DiskFailure {
    DiskFailure::Broken("no such segment".into())
}
