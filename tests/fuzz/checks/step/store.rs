//! An object store that never fails.

use std::collections::BTreeMap;

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
    /// Does it, at once.
    pub fn answer(&mut self, request: StoreRequest) -> StoreReply {
        match request {
            StoreRequest::Put { key, body, condition } => {
                StoreReply::Put(self.put(key, body.pieces().concat().into(), &condition))
            }
            StoreRequest::Get { key, range } => StoreReply::Get(self.find(&key).map(|(bytes, etag)| {
                let range = range.unwrap_or(0..bytes.len() as u64);
                (cut(bytes, range.start, range.end), etag.clone())
            })),
            StoreRequest::Block { key, index } => {
                let start = u64::from(index) * BLOCK_BYTES;
                StoreReply::Block(self.find(&key).map(|(bytes, _)| cut(bytes, start, start + BLOCK_BYTES)))
            }
            StoreRequest::Head { key } => {
                StoreReply::Head(self.find(&key).map(|(bytes, etag)| (bytes.len() as u64, etag.clone())))
            }
            StoreRequest::List { prefix, after, count_max } => {
                let behind = |key: &&ObjectKey| after.as_ref().is_none_or(|after| *key > after);
                let keys = self.objects.keys().filter(|key| key.as_str().starts_with(&prefix)).filter(behind);
                let listed = |key: &ObjectKey| Listed { key: key.clone(), bytes: self.objects[key].0.len() as u64 };
                StoreReply::List(Ok(keys.take(usize::from(count_max)).map(listed).collect()))
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

    fn put(&mut self, key: ObjectKey, bytes: Bytes, condition: &Condition) -> Result<Etag, Failure> {
        match (condition, self.objects.get(&key)) {
            (Condition::Absent, Some(_)) => return Err(Failure::Precondition),
            (Condition::Match(_), None) => return Err(Failure::Missing),
            (Condition::Match(wanted), Some((_, etag))) if wanted != etag => return Err(Failure::Precondition),
            _ => {}
        }
        self.versions += 1;
        let etag = Etag(self.versions.to_string().into());
        self.objects.insert(key, (bytes, etag.clone()));
        Ok(etag)
    }
}

/// These bytes, as far as there are any.
fn cut(bytes: &Bytes, start: u64, end: u64) -> Bytes {
    let end = end.min(bytes.len() as u64) as usize;
    bytes.slice((start as usize).min(end)..end)
}
