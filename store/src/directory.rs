//! A directory as a bucket: the semantics of S3 on a local file system, durable when answered.
//!
//! Every call blocks; the plane runs them on its bounded pool. An object is a file under its key's path. Everything
//! of our own lives in `.apus` below the root, where no key can point.
//!
//! - A write goes to `.apus/tmp`, is synced, then takes its name in one step: by rename (plain), by hard link
//!   (create-if-absent: of racing creates the file system lets exactly one win), or by rename under an exclusive file
//!   lock after comparing versions (compare-and-swap). Then the directory that holds the name is synced.
//! - A directory entry counts as durable only after this process has synced its parent ([`tree`]): that another
//!   writer made it proves nothing.
//! - A version is the file's modification time, inode and length; each write here gets a modification time of its own, in
//!   nanoseconds, so rewriting an object with the same bytes makes a new version.
//! - A crash leaves files in `.apus/tmp`; the next process that has the directory to itself removes them. A delete is
//!   not synced: after a crash the object may be there again.
//! - No room (`ENOSPC`, quota) fails before anything becomes visible and takes its temporary file with it. For the swap
//!   of one small object there always is some ([`spare`]).

mod file;
mod list;
mod place;
mod spare;
mod stage;
mod tree;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use apus_core::world::{Body, Condition, Etag, Listed, ObjectKey};
use bytes::Bytes;

use crate::retry::Observed;
use spare::Spare;
use stage::Stages;
use tree::Tree;

/// The directory of our own below the root.
const OWN: &str = ".apus";
/// The longest object that is read whole.
const WHOLE_BYTES_MAX: u64 = 2 << 30;

/// A directory that serves as a bucket.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    temporary: PathBuf,
    /// Locked exclusively while versions are compared and swapped, shared by every other step that gives a name.
    swap: PathBuf,
    spare: Spare,
    stages: Stages,
    tree: Tree,
    /// Names of temporary files, and the newest modification time given, in nanoseconds.
    number: AtomicU64,
    stamp: AtomicU64,
    /// Locked for as long as this process uses the directory.
    _in_use: File,
}

impl Directory {
    /// Opens the directory, makes it where it is missing, and removes what a crash left half-written.
    pub fn open(root: &Path) -> io::Result<Directory> {
        fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let temporary = root.join(OWN).join("tmp");
        fs::create_dir_all(&temporary)?;
        let in_use = File::create(root.join(OWN).join("in-use"))?;
        if in_use.try_lock().is_ok() {
            sweep(&temporary)?;
            in_use.unlock()?;
        }
        in_use.lock_shared()?;
        let swap = root.join(OWN).join("swap");
        File::create(&swap)?;
        sync_directory(&root)?;
        if let Some(parent) = root.parent() {
            sync_directory(parent)?;
        }
        let spare = Spare::new(root.join(OWN).join("spare"));
        spare.keep();
        let tree = Tree::new(root.clone());
        let number = AtomicU64::new(u64::from(std::process::id()) << 32);
        let stages = Stages::new();
        Ok(Directory { root, temporary, swap, spare, stages, tree, number, stamp: AtomicU64::new(0), _in_use: in_use })
    }

    /// Writes an object whole, durably.
    pub fn put(&self, key: &ObjectKey, body: &Body, condition: &Condition) -> Result<Etag, Observed> {
        let outcome = place::put(self, key, body, condition);
        self.spare.keep();
        outcome
    }

    /// Reads an object or a part of it; a range past the end is cut.
    pub fn get(&self, key: &ObjectKey, range: Option<&Range<u64>>) -> Result<(Bytes, Etag), Observed> {
        let (mut file, length, etag) = self.look(key)?;
        let end = range.map_or(length, |range| range.end.min(length));
        let start = range.map_or(0, |range| range.start.min(end));
        if end - start > WHOLE_BYTES_MAX {
            return Err(Observed::Refused(format!("{key} is {length} bytes long: too long to read at once")));
        }
        let read = |bytes: &mut Vec<u8>| -> io::Result<()> {
            if start > 0 {
                file.seek(SeekFrom::Start(start))?;
            }
            file.take(end - start).read_to_end(bytes).map(|_| ())
        };
        let mut bytes = Vec::with_capacity((end - start) as usize);
        read(&mut bytes).map_err(|error| observe(&error, "read", key))?;
        if bytes.len() as u64 != end - start {
            return Err(Observed::Truncated(format!("{key} ends at byte {}", start + bytes.len() as u64)));
        }
        Ok((Bytes::from(bytes), etag))
    }

    /// Length and version of an object.
    pub fn head(&self, key: &ObjectKey) -> Result<(u64, Etag), Observed> {
        self.look(key).map(|(_, length, etag)| (length, etag))
    }

    /// A page of names in byte order.
    pub fn list(&self, prefix: &str, after: Option<&ObjectKey>, count_max: usize) -> Result<Vec<Listed>, Observed> {
        let after = after.map(ObjectKey::as_str);
        list::list(&self.root, prefix, after, count_max)
            .map_err(|error| Observed::Refused(format!("cannot list {}: {error}", self.root.display())))
    }

    /// Removes an object, and the directories that it leaves empty; a missing one counts as removed.
    pub fn delete(&self, key: &ObjectKey) -> Result<(), Observed> {
        let path = self.path(key)?;
        match fs::remove_file(&path) {
            Ok(()) => self.tree.prune(&path),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(observe(&error, "remove", key)),
        }
        Ok(())
    }

    /// Can this directory do what is asked of it? Writes, links and removes one small file.
    pub fn check(&self) -> Result<(), String> {
        let probe = self.temporary.join(format!("check-{}", std::process::id()));
        let linked = probe.with_extension("linked");
        let outcome = (|| {
            fs::write(&probe, b"apus")?;
            File::open(&probe)?.sync_all()?;
            fs::hard_link(&probe, &linked)?;
            fs::remove_file(&linked)
        })();
        let _ = fs::remove_file(&probe);
        let root = self.root.display();
        outcome.map_err(|error: io::Error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!("no room on the disk of {root}: {error}"),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                format!("{root} cannot be written by this user: {error}")
            }
            _ => format!("{root} cannot serve as a store (it needs fsync and hard links): {error}"),
        })
    }

    fn path(&self, key: &ObjectKey) -> Result<PathBuf, Observed> {
        if key.as_str().split('/').next() == Some(OWN) {
            return Err(Observed::Refused(format!("{key} is not a name for an object")));
        }
        Ok(self.root.join(key.as_str()))
    }

    fn look(&self, key: &ObjectKey) -> Result<(File, u64, Etag), Observed> {
        let file = File::open(self.path(key)?).map_err(|error| observe(&error, "open", key))?;
        let metadata = file.metadata().map_err(|error| observe(&error, "look at", key))?;
        if !metadata.is_file() {
            return Err(Observed::Absent);
        }
        Ok((file, metadata.len(), etag(&metadata)))
    }
}

fn etag(metadata: &fs::Metadata) -> Etag {
    let nanoseconds = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Etag(Arc::from(format!("{nanoseconds:x}-{:x}-{:x}", metadata.ino(), metadata.len())))
}

fn sweep(temporary: &Path) -> io::Result<()> {
    for entry in fs::read_dir(temporary)? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Nothing of that name: also where a part of the path is a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What the system said before anything became visible.
fn observe(error: &io::Error, verb: &str, key: &ObjectKey) -> Observed {
    let why = format!("cannot {verb} {key}: {error}");
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Observed::NoRoom(why),
        _ if is_absent(error) => Observed::Absent,
        _ => Observed::Refused(why),
    }
}

#[cfg(test)]
mod tests;
