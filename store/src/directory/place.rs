//! A write: bytes to a temporary file, then the name in one step.

use std::fs::{self, File, FileTimes};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apus_core::world::{Body, Condition, Etag, ObjectKey};

use super::spare::SPARE_BYTES;
use super::{Directory, etag, file, is_absent, observe};
use crate::retry::Observed;

/// How a name was given, or why not.
enum Given {
    Yes,
    Exists,
    Absent,
}

pub(super) fn put(store: &Directory, key: &ObjectKey, body: &Body, condition: &Condition) -> Result<Etag, Observed> {
    let path = store.path(key)?;
    let mut temporary = Temporary::new(store);
    let mut written = temporary.write(store, body);
    let small = body.bytes() <= SPARE_BYTES as u64 && matches!(condition, Condition::Match(_));
    if small && written.as_ref().is_err_and(is_full) {
        drop(temporary);
        temporary = Temporary { path: store.spare.path().to_owned(), kept: true };
        written = fill_spare(store, body);
    }
    let version = written.map_err(|error| refuse(&error, key))?;
    let outcome = store.tree.enter(&path, || give(store, &temporary.path, &path, condition));
    match outcome.map_err(|error| refuse(&error, key))? {
        (Given::Yes, Ok(())) => Ok(version),
        (Given::Yes, Err(error)) => Err(Observed::Unsettled(format!("cannot sync the directory of {key}: {error}"))),
        (Given::Exists, _) => Err(Observed::Conflict),
        (Given::Absent, _) => Err(Observed::Absent),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// A missing directory is no missing object: of a write it is a refusal.
fn refuse(error: &io::Error, key: &ObjectKey) -> Observed {
    match observe(error, "write", key) {
        Observed::Absent => Observed::Refused(format!("cannot write {key}: {error}")),
        other => other,
    }
}

fn give(store: &Directory, temporary: &Path, path: &Path, condition: &Condition) -> io::Result<Given> {
    let swap = File::open(&store.swap)?;
    match condition {
        Condition::Always => {
            swap.lock_shared()?;
            fs::rename(temporary, path).map(|()| Given::Yes)
        }
        Condition::Absent => {
            swap.lock_shared()?;
            match fs::hard_link(temporary, path) {
                Ok(()) => Ok(Given::Yes),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Given::Exists),
                Err(error) => Err(error),
            }
        }
        Condition::Match(wanted) => {
            swap.lock()?;
            match fs::metadata(path) {
                Ok(metadata) if !metadata.is_file() => Ok(Given::Absent),
                Ok(metadata) if etag(&metadata) != *wanted => Ok(Given::Exists),
                Ok(_) => fs::rename(temporary, path).map(|()| Given::Yes),
                Err(error) if is_absent(&error) => Ok(Given::Absent),
                Err(error) => Err(error),
            }
        }
    }
}

/// A file without a key yet; gone when dropped, unless it was renamed or is the spare one.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    fn new(store: &Directory) -> Temporary {
        let number = store.number.fetch_add(1, Ordering::Relaxed);
        Temporary { path: store.temporary.join(format!("{number:x}")), kept: false }
    }

    /// Bytes and modification time, durable.
    fn write(&self, store: &Directory, body: &Body) -> io::Result<Etag> {
        finish(store, &file::create(&self.path, body, &store.stages)?)
    }
}

/// The same in the spare file, whose block is there already.
pub(super) fn fill_spare(store: &Directory, body: &Body) -> io::Result<Etag> {
    let mut file = store.spare.open()?;
    assert!(body.bytes() <= SPARE_BYTES as u64);
    // Shorter than it was, never empty: a file without a byte would give its block back.
    file.set_len(body.bytes().max(1))?;
    file::write(&mut file, body.pieces())?;
    finish(store, &file)
}

/// Gives a written file its modification time, durably.
fn finish(store: &Directory, file: &File) -> io::Result<Etag> {
    let modified = UNIX_EPOCH + Duration::from_nanos(stamp(store));
    file.set_times(FileTimes::new().set_modified(modified))?;
    file.sync_all()?;
    Ok(etag(&file.metadata()?))
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A modification time that this process gives once.
fn stamp(store: &Directory) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let after = |last: u64| now.max(last + 1);
    // The newest stamp decides; a lost race only means a larger one.
    let mut last = store.stamp.load(Ordering::Relaxed);
    while let Err(newer) = store.stamp.compare_exchange_weak(last, after(last), Ordering::Relaxed, Ordering::Relaxed) {
        last = newer;
    }
    after(last)
}
