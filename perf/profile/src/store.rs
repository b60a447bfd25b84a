//! An object store in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::limits::BLOCK_BYTES;
use apus_core::world::{Condition, Etag, Failure, Listed, ObjectKey, StoreReply, StoreRequest};
use bytes::Bytes;

/// Objects and their versions.
#[derive(Default)]
pub struct Store {
    objects: BTreeMap<ObjectKey, (Bytes, Etag)>,
    versions: u64,
}

impl Store {
    /// Does what is asked, and fails only where a condition does not hold.
    pub fn answer(&mut self, request: StoreRequest) -> StoreReply {
        match request {
            StoreRequest::Put { key, body, condition } => {
                let holds = match (&condition, self.objects.get(&key)) {
                    (Condition::Always, _) | (Condition::Absent, None) => Ok(()),
                    (Condition::Match(wanted), Some((_, found))) if wanted == found => Ok(()),
                    (Condition::Match(_), None) => Err(Failure::Missing),
                    _ => Err(Failure::Precondition),
                };
                self.versions += 1;
                let etag = Etag(Arc::from(format!("\"{:032x}\"", self.versions)));
                StoreReply::Put(holds.map(|()| {
                    self.objects.insert(key, (body.pieces().concat().into(), etag.clone()));
                    etag
                }))
            }
            StoreRequest::Get { key, range } => StoreReply::Get(self.find(&key).map(|(bytes, etag)| match range {
                Some(range) => (cut(bytes, range.start, range.end), etag.clone()),
                None => (bytes.clone(), etag.clone()),
            })),
            StoreRequest::Block { key, index } => {
                let start = u64::from(index) * BLOCK_BYTES;
                StoreReply::Block(self.find(&key).map(|(bytes, _)| cut(bytes, start, start + BLOCK_BYTES)))
            }
            StoreRequest::Head { key } => {
                StoreReply::Head(self.find(&key).map(|(bytes, etag)| (bytes.len() as u64, etag.clone())))
            }
            StoreRequest::List { prefix, after, count_max } => {
                let listed =
                    self.objects.iter().map(|(key, (bytes, _))| Listed { key: key.clone(), bytes: bytes.len() as u64 });
                let wanted = listed.filter(|listed| {
                    listed.key.as_str().starts_with(&prefix) && after.as_ref().is_none_or(|after| listed.key > *after)
                });
                StoreReply::List(Ok(wanted.take(usize::from(count_max)).collect()))
            }
            StoreRequest::Delete { keys } => {
                keys.iter().for_each(|key| drop(self.objects.remove(key)));
                StoreReply::Delete(Ok(keys))
            }
        }
    }

    fn find(&self, key: &ObjectKey) -> Result<&(Bytes, Etag), Failure> {
        self.objects.get(key).ok_or(Failure::Missing)
    }
}

fn cut(bytes: &Bytes, start: u64, end: u64) -> Bytes {
    let at = |position: u64| position.min(bytes.len() as u64) as usize;
    bytes.slice(at(start.min(end))..at(end))
}
