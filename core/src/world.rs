//! The words in which a machine asks the object store and the journal's disk for something, and is answered.
//!
//! A machine never holds a handle: it emits a [`StoreRequest`] under a ticket and gets that ticket back with a
//! [`StoreReply`]. Keys are relative to the store's prefix. What a failure means for the next step is the type
//! of the failure: nothing else about the store leaks in here.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// An object's name below the store's prefix: `v1/d/3f/…`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// A key: not empty, no leading or trailing slash, no empty, `.` or `..` part.
    ///
    /// # Panics
    /// Where it is not; keys are made by Apus, never by a client.
    #[must_use]
    pub fn new(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap_or_else(|| panic!("not an object key: {text:?}"))
    }

    /// The same of a name that a store listed, where anybody may have put anything: nothing where it is not a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<ObjectKey> {
        let sound = !text.is_empty() && text.split('/').all(|part| !matches!(part, "" | "." | ".."));
        sound.then(|| ObjectKey(Arc::from(text)))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

/// A version of an object, opaque, as the store names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Etag(pub Arc<str>);

/// What must hold of a key for a PUT to take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: the key is never used twice, so repeating it with the same bytes is harmless.
    Always,
    /// The key is absent (`If-None-Match: *`).
    Absent,
    /// The key holds this version (`If-Match`).
    Match(Etag),
}

/// The bytes of an object: slices in order, sent without joining them.
#[derive(Clone, Debug, Default)]
pub struct Body {
    pieces: Arc<[Bytes]>,
    bytes: u64,
}

impl Body {
    /// A body of these pieces, in this order.
    #[must_use]
    pub fn new(pieces: Vec<Bytes>) -> Body {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Body { pieces: pieces.into(), bytes }
    }

    /// The pieces, in order; they may be empty.
    #[must_use]
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// How many bytes the pieces hold together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// One question to the object store. The plane repeats what is safe to repeat (everything but a conditional PUT
/// whose outcome is unknown) until its deadline; what comes back is the end of it.
#[derive(Clone, Debug)]
pub enum StoreRequest {
    /// Write an object whole.
    Put {
        /// Its name.
        key: ObjectKey,
        /// Its bytes.
        body: Body,
        /// When it may take effect.
        condition: Condition,
    },
    /// Read an object, whole or in part.
    Get {
        /// Its name.
        key: ObjectKey,
        /// Which bytes; nothing is all of them. A range past the end is cut.
        range: Option<Range<u64>>,
    },
    /// Read one aligned block of an object that never changes, through the cache (memory, then NVMe, then the store).
    /// Concurrent misses of a block are one GET.
    Block {
        /// Its name.
        key: ObjectKey,
        /// Which block, of [`crate::limits::BLOCK_BYTES`]; the last one may be short.
        index: u32,
    },
    /// Does it exist, how long is it, which version.
    Head {
        /// Its name.
        key: ObjectKey,
    },
    /// Names below a prefix, in byte order. A hint: a listing may be stale.
    List {
        /// What the names begin with (a plain string prefix, relative to the store's own).
        prefix: String,
        /// Only names behind this one.
        after: Option<ObjectKey>,
        /// At most so many, at most 1,000.
        count_max: u16,
    },
    /// Delete objects, at most 1,000; a missing one counts as deleted.
    Delete {
        /// Their names.
        keys: Vec<ObjectKey>,
    },
}

/// One listed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub key: ObjectKey,
    /// Its length.
    pub bytes: u64,
}

/// The answer to a [`StoreRequest`] of the same name.
#[derive(Clone, Debug)]
pub enum StoreReply {
    /// The version written.
    Put(Result<Etag, Failure>),
    /// The bytes and the version they are of.
    Get(Result<(Bytes, Etag), Failure>),
    /// One block.
    Block(Result<Bytes, Failure>),
    /// Length and version.
    Head(Result<(u64, Etag), Failure>),
    /// A page of names, in order; fewer than asked for means that there are no more.
    List(Result<Vec<Listed>, Failure>),
    /// Which of the keys are now known to be gone; the others are to be asked for again.
    Delete(Result<Vec<ObjectKey>, Failure>),
}

/// Why the store did not do it, by what the asker may do next. The text is for the log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It did not happen and will not: asking again is safe.
    Definite(Arc<str>),
    /// It did not happen: no room (disk full, quota). Asking again helps once there is.
    Full(Arc<str>),
    /// It may have happened, or may yet.
    Unknown(Arc<str>),
    /// There is no such object (404), also for `If-Match` on a missing key.
    Missing,
    /// The condition does not hold (412): it exists, or is another version.
    Precondition,
    /// The bytes are not those that were written.
    Corrupt(Arc<str>),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Definite(why) => write!(out, "failed: {why}"),
            Failure::Full(why) => write!(out, "no room: {why}"),
            Failure::Unknown(why) => write!(out, "outcome unknown: {why}"),
            Failure::Missing => out.write_str("no such object"),
            Failure::Precondition => out.write_str("precondition failed"),
            Failure::Corrupt(why) => write!(out, "corrupt: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

/// One thing asked of the journal's disk. Segments are files, named by number; core 0 asks, one write at a time.
#[derive(Clone, Debug)]
pub enum DiskRequest {
    /// Which segments are there.
    List,
    /// Read a part of a segment; past its end the answer is short.
    Read {
        /// The segment.
        segment: u64,
        /// Where.
        position: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Make a segment of this length, file and directory entry durable. Every byte was written: as zero, or the whole is a
    /// segment of this length that was removed and is used again as it stands.
    Create {
        /// Its number.
        segment: u64,
        /// Its length, a multiple of 4 KiB.
        bytes: u64,
    },
    /// Write whole 4 KiB blocks; durable when answered.
    Write {
        /// The segment.
        segment: u64,
        /// Where, a multiple of 4 KiB.
        position: u64,
        /// What, in order; the sum is a multiple of 4 KiB.
        pieces: Vec<Bytes>,
    },
    /// Remove a segment; a missing one counts as removed.
    Remove {
        /// Its number.
        segment: u64,
    },
}

/// The answer to a [`DiskRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskReply {
    /// It is done, and durable.
    Done,
    /// The segments, by number, with their lengths.
    Segments(Vec<(u64, u64)>),
    /// What was read.
    Bytes(Bytes),
}

/// How a [`DiskRequest`] failed. A failed `Write` is fatal for the journal and is never repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskFailure {
    /// No room; nothing of the request counts.
    Full,
    /// Anything else, in the words of the system.
    Broken(Arc<str>),
}
