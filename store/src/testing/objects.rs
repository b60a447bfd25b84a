//! The bucket's content: what S3 promises, under one lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub bytes: Bytes,
    pub etag: String,
    pub crc32c: Option<String>,
}

/// What must hold of a key before it is written.
#[derive(Clone, Debug)]
pub(super) enum Only {
    Always,
    Absent,
    Match(String),
}

/// Why it was not written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    Missing,
    Precondition,
}

#[derive(Debug, Default)]
struct Content {
    objects: BTreeMap<String, Object>,
    versions: u64,
}

#[derive(Debug, Default)]
pub(super) struct Objects {
    content: Mutex<Content>,
}

impl Objects {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, key: &str, bytes: Bytes, crc32c: Option<String>, only: &Only) -> Result<String, Refused> {
        let mut content = self.lock();
        match (only, content.objects.get(key)) {
            (Only::Always, _) | (Only::Absent, None) => {}
            (Only::Absent, Some(_)) => return Err(Refused::Precondition),
            (Only::Match(_), None) => return Err(Refused::Missing),
            (Only::Match(wanted), Some(object)) if object.etag == *wanted => {}
            (Only::Match(_), Some(_)) => return Err(Refused::Precondition),
        }
        content.versions += 1;
        let etag = format!("\"{:032x}\"", content.versions);
        content.objects.insert(key.to_owned(), Object { bytes, etag: etag.clone(), crc32c });
        Ok(etag)
    }

    pub(super) fn get(&self, key: &str) -> Option<Object> {
        self.lock().objects.get(key).cloned()
    }

    pub(super) fn delete(&self, key: &str) {
        self.lock().objects.remove(key);
    }

    /// Names and lengths behind `after`, and whether there are more.
    pub(super) fn list(&self, prefix: &str, after: &str, count_max: usize) -> (Vec<(String, usize)>, bool) {
        let content = self.lock();
        let behind = content.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
        let mut found: Vec<(String, usize)> =
            behind.take(count_max + 1).map(|(key, object)| (key.clone(), object.bytes.len())).collect();
        let more = found.len() > count_max;
        found.truncate(count_max);
        (found, more)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().objects.len()
    }
}
