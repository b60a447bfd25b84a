//! Names in byte order out of a tree of directories.
//!
//! Depth first, each directory sorted as its names appear inside keys: a directory `a` sorts as `a/`, behind `a.b`.
//! Whole directories that cannot hold a wanted key are not entered.

use std::fs;
use std::io;
use std::path::Path;

use apus_core::world::{Listed, ObjectKey};

use super::{OWN, is_absent};

struct Walk<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    count_max: usize,
    found: Vec<Listed>,
}

pub(super) fn list(root: &Path, prefix: &str, after: Option<&str>, count_max: usize) -> io::Result<Vec<Listed>> {
    let mut walk = Walk { prefix, after, count_max, found: Vec::new() };
    // Start in the deepest directory that the prefix names whole.
    let base = prefix.rfind('/').map_or("", |end| &prefix[..=end]);
    if base.is_empty() || ObjectKey::parse(&base[..base.len() - 1]).is_some() {
        walk.enter(&root.join(base), base)?;
    }
    Ok(walk.found)
}

impl Walk<'_> {
    fn enter(&mut self, path: &Path, base: &str) -> io::Result<()> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            // What is not text is none of ours, nor is anything but files and directories.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if kind.is_dir() && !(base.is_empty() && name == OWN) {
                names.push(format!("{base}{name}/"));
            } else if kind.is_file() {
                names.push(format!("{base}{name}"));
            }
        }
        names.retain(|name| self.may_hold(name));
        names.sort_unstable();
        for name in names {
            if self.found.len() >= self.count_max {
                break;
            }
            match name.strip_suffix('/') {
                Some(directory) => self.enter(&path.join(&directory[base.len()..]), &name)?,
                None => self.take(&path.join(&name[base.len()..]), &name)?,
            }
        }
        Ok(())
    }

    /// Could this key, or a key in this directory, be wanted?
    fn may_hold(&self, name: &str) -> bool {
        let prefixed = name.starts_with(self.prefix) || (name.ends_with('/') && self.prefix.starts_with(name));
        let behind = self.after.is_none_or(|after| name > after || (name.ends_with('/') && after.starts_with(name)));
        prefixed && behind
    }

    fn take(&mut self, path: &Path, name: &str) -> io::Result<()> {
        match (ObjectKey::parse(name), fs::metadata(path)) {
            (Some(key), Ok(metadata)) => self.found.push(Listed { key, bytes: metadata.len() }),
            // Removed since: not there.
            (_, Err(error)) if !is_absent(&error) => return Err(error),
            _ => {}
        }
        Ok(())
    }
}
