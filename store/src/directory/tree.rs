//! Which directories are known to survive a crash.
//!
//! A name is durable once the directory that holds it was synced, and so on up to the root. This process remembers
//! the directories that it has made sure of; it trusts no others, since whoever made them may not have synced yet.
//! Giving a name holds the tree for reading, removing an empty directory for writing: nobody's durable directory is
//! taken away between making sure of it and using it.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use super::sync_directory;

#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    durable: RwLock<Mutex<HashSet<PathBuf>>>,
}

impl Tree {
    pub(super) fn new(root: PathBuf) -> Tree {
        Tree { root, durable: RwLock::default() }
    }

    /// Gives `path` its name through `give` in a durable directory, then makes the name durable. The error of the
    /// second step is apart: the name is visible by then.
    pub(super) fn enter<T>(
        &self,
        path: &Path,
        give: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(T, io::Result<()>)> {
        let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
        let durable = self.durable.read().unwrap_or_else(PoisonError::into_inner);
        self.ensure(&durable, parent)?;
        let given = give()?;
        Ok((given, sync_directory(parent)))
    }

    fn ensure(&self, durable: &Mutex<HashSet<PathBuf>>, path: &Path) -> io::Result<()> {
        let known = || durable.lock().unwrap_or_else(PoisonError::into_inner);
        if path == self.root || known().contains(path) {
            return Ok(());
        }
        let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
        self.ensure(durable, parent)?;
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => sync_directory(parent)?,
        }
        known().insert(path.to_owned());
        Ok(())
    }

    /// Removes the directories above a removed file that are empty now.
    pub(super) fn prune(&self, path: &Path) {
        for directory in path.ancestors().skip(1).take_while(|directory| *directory != self.root) {
            // Cheap before exclusive: most directories hold other names still.
            if !fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none()) {
                return;
            }
            let durable = self.durable.write().unwrap_or_else(PoisonError::into_inner);
            if fs::remove_dir(directory).is_err() {
                return;
            }
            durable.lock().unwrap_or_else(PoisonError::into_inner).remove(directory);
        }
    }
}
