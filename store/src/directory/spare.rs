//! Room for one small version on a disk that has none.
//!
//! A swap writes its new version beside the old one, and so would need a free block and a free inode: a broker that
//! must swap `v1/OWNER` before it serves could never start again on a disk that became full. So a file of one block is
//! kept, `.apus/spare`. A swap of a small object that finds no room writes into it, in place, and gives it the object's
//! name; the version that this replaces frees what the next spare takes.
//!
//! - It is made, or made again, whenever an object was written or was to be, and when the directory is opened. It needs
//!   no sync: what a power failure takes away is made again.
//! - Where the names tell of a second link to it, it is not written: it would be somebody's object.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One block, and the longest object that finds room in it.
pub(super) const SPARE_BYTES: usize = 4 << 10;

#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
}

impl Spare {
    pub(super) fn new(path: PathBuf) -> Spare {
        Spare { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it where it is missing. Without room for it there is none, until there is.
    pub(super) fn keep(&self) {
        if fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > 0) {
            return;
        }
        if fs::write(&self.path, [0; SPARE_BYTES]).is_err() {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Opens it for one version; nothing behind its first block is touched by what fits.
    pub(super) fn open(&self) -> io::Result<File> {
        let file = File::options().write(true).open(&self.path)?;
        let links = file.metadata()?.nlink();
        if links != 1 {
            return Err(io::Error::new(ErrorKind::StorageFull, format!("the spare file has {links} names")));
        }
        Ok(file)
    }
}
