//! A journal's disk in memory.

use std::collections::BTreeMap;

use apus_core::world::{DiskReply, DiskRequest};
use bytes::Bytes;

/// Segments, whole.
#[derive(Default)]
pub struct Disk {
    segments: BTreeMap<u64, Vec<u8>>,
}

impl Disk {
    /// Does what is asked; it never fails.
    pub fn answer(&mut self, request: DiskRequest) -> DiskReply {
        match request {
            DiskRequest::List => {
                let listed = self.segments.iter().map(|(number, bytes)| (*number, bytes.len() as u64));
                return DiskReply::Segments(listed.collect());
            }
            DiskRequest::Read { segment, position, bytes } => {
                let segment = &self.segments[&segment];
                let (start, end) = (position as usize, (position + bytes) as usize);
                return DiskReply::Bytes(Bytes::copy_from_slice(&segment[start..end.min(segment.len())]));
            }
            DiskRequest::Create { segment, bytes } => drop(self.segments.insert(segment, vec![0; bytes as usize])),
            DiskRequest::Write { segment, position, pieces } => {
                let segment = self.segments.get_mut(&segment).expect("it was made");
                let mut at = position as usize;
                for piece in pieces {
                    segment[at..at + piece.len()].copy_from_slice(&piece);
                    at += piece.len();
                }
            }
            DiskRequest::Remove { segment } => drop(self.segments.remove(&segment)),
        }
        DiskReply::Done
    }
}
