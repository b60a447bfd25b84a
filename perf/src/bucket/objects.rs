//! What the buckets hold, under one lock: sizes always, bytes unless they were dropped on purpose.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// One object.
#[derive(Clone, Debug)]
pub struct Object {
    pub length: u64,
    /// Nothing where they were dropped.
    pub bytes: Option<Bytes>,
    pub etag: String,
    /// As its writer declared it.
    pub crc32c: Option<String>,
}

/// What an object is made of.
#[derive(Clone, Debug)]
pub struct Content {
    pub length: u64,
    pub bytes: Option<Bytes>,
    pub crc32c: Option<String>,
}

/// What must hold of a key before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only {
    Always,
    Absent,
    Match(String),
}

/// Why it was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Missing,
    Precondition,
    Full,
}

/// A part of a listing: keys with their lengths, and whether there are more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub objects: Vec<(String, u64)>,
    pub more: bool,
}

#[derive(Debug, Default)]
struct Kept {
    objects: BTreeMap<String, Object>,
    versions: u64,
    bytes: u64,
}

/// All objects by `bucket/key`.
#[derive(Debug)]
pub struct Objects {
    kept: Mutex<Kept>,
    bytes_max: u64,
}

impl Objects {
    pub fn new(bytes_max: u64) -> Objects {
        Objects { kept: Mutex::default(), bytes_max }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an object and returns its version.
    pub fn put(&self, key: &str, content: Content, only: &Only) -> Result<String, Refused> {
        let mut kept = self.lock();
        let before = kept.objects.get(key);
        match (only, before) {
            (Only::Always, _) | (Only::Absent, None) => {}
            (Only::Match(_), None) => return Err(Refused::Missing),
            (Only::Match(wanted), Some(object)) if object.etag == *wanted => {}
            (Only::Absent | Only::Match(_), Some(_)) => return Err(Refused::Precondition),
        }
        let freed = before.map_or(0, held);
        let bytes = kept.bytes - freed + content.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if bytes > self.bytes_max {
            return Err(Refused::Full);
        }
        kept.bytes = bytes;
        kept.versions += 1;
        let etag = format!("\"{:032x}\"", kept.versions);
        let Content { length, bytes, crc32c } = content;
        kept.objects.insert(key.to_owned(), Object { length, bytes, etag: etag.clone(), crc32c });
        Ok(etag)
    }

    pub fn get(&self, key: &str) -> Option<Object> {
        self.lock().objects.get(key).cloned()
    }

    pub fn delete(&self, key: &str) {
        let mut kept = self.lock();
        if let Some(object) = kept.objects.remove(key) {
            kept.bytes -= held(&object);
        }
    }

    /// At most so many keys that begin with the prefix and lie behind `after`.
    pub fn list(&self, prefix: &str, after: &str, count_max: usize) -> Page {
        let kept = self.lock();
        let from = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let found = kept.objects.range::<str, _>((from, Bound::Unbounded));
        let mut found = found.take_while(|(key, _)| key.starts_with(prefix));
        let objects = found.by_ref().take(count_max).map(|(key, object)| (key.clone(), object.length)).collect();
        Page { objects, more: found.next().is_some() }
    }

    /// Objects, and the bytes of them that are kept.
    pub fn size(&self) -> (usize, u64) {
        let kept = self.lock();
        (kept.objects.len(), kept.bytes)
    }
}

fn held(object: &Object) -> u64 {
    object.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &'static str) -> Content {
        Content { length: text.len() as u64, bytes: Some(Bytes::from_static(text.as_bytes())), crc32c: None }
    }

    #[test]
    fn conditions_hold() {
        let objects = Objects::new(100);
        let etag = objects.put("b/k", content("one"), &Only::Absent).expect("it is absent");
        assert_eq!(objects.put("b/k", content("two"), &Only::Absent), Err(Refused::Precondition));
        let second = objects.put("b/k", content("two"), &Only::Match(etag.clone())).expect("nobody was faster");
        assert_ne!(etag, second);
        assert_eq!(objects.put("b/k", content("three"), &Only::Match(etag)), Err(Refused::Precondition));
        assert_eq!(objects.put("b/n", content("x"), &Only::Match(second)), Err(Refused::Missing));
        assert_eq!(objects.get("b/k").and_then(|object| object.bytes), Some(Bytes::from_static(b"two")));
    }

    #[test]
    fn memory_has_an_end() {
        let objects = Objects::new(5);
        objects.put("b/k", content("four"), &Only::Always).expect("room");
        assert_eq!(objects.put("b/l", content("two"), &Only::Always), Err(Refused::Full));
        objects.put("b/k", content("five5"), &Only::Always).expect("the old bytes go");
        objects.put("b/s", Content { bytes: None, ..content("dropped") }, &Only::Always).expect("no bytes");
        assert_eq!(objects.size(), (2, 5));
        objects.delete("b/k");
        assert_eq!(objects.size(), (1, 0));
    }

    #[test]
    fn listings_have_pages() {
        let objects = Objects::new(100);
        for key in ["b/a/1", "b/a/2", "b/a/3", "b/c", "c/a/1"] {
            objects.put(key, content("x"), &Only::Always).expect("room");
        }
        let keys = |page: &Page| page.objects.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        let first = objects.list("b/a/", "", 2);
        assert_eq!((keys(&first), first.more), (vec!["b/a/1".to_owned(), "b/a/2".to_owned()], true));
        let second = objects.list("b/a/", "b/a/2", 2);
        assert_eq!((keys(&second), second.more), (vec!["b/a/3".to_owned()], false));
    }
}
