//! A directory that goes with its owner.

use std::fs;
use std::path::{Path, PathBuf};

use super::ward::Ward;

/// A new, empty directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    ward: Ward,
}

impl Directory {
    /// Creates one below `parent`; what a killed run left under that name goes first.
    pub fn create(parent: &Path, name: &str, ward: &Ward) -> Result<Directory, String> {
        let path = parent.join("data").join(name);
        let wrong = |error| format!("cannot create {}: {error}", path.display());
        if path.exists() {
            fs::remove_dir_all(&path).map_err(wrong)?;
        }
        fs::create_dir_all(&path).map_err(wrong)?;
        // Other programs are started elsewhere and read paths relative to their own place.
        let path = path.canonicalize().map_err(wrong)?;
        ward.keep(&path);
        Ok(Directory { path, ward: ward.clone() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.ward.remove(&self.path);
    }
}

/// Files below a directory; what vanishes meanwhile is not counted.
pub fn files(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let counted = entries.flatten().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path()),
        Ok(kind) => u64::from(kind.is_file()),
        Err(_) => 0,
    });
    counted.sum()
}
