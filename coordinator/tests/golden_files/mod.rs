//! The files in `golden/`, which are never edited: what a binary writes is compared with them, and missing ones are
//! written by the tests that are ignored.

#![expect(clippy::disallowed_methods, reason = "golden bytes are files")]

use std::fs;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// The bytes that were written once.
pub fn read(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// Each file is what this binary writes for it.
pub fn are_as_written<N: AsRef<str>>(files: Vec<(N, Vec<u8>)>) {
    for (name, bytes) in files {
        let name = name.as_ref();
        assert_eq!(read(name), bytes, "{name} changed: a stored format is frozen, add a version instead");
    }
}

/// Writes the files that are not there, and none that is.
pub fn write_missing<N: AsRef<str>>(files: Vec<(N, Vec<u8>)>) {
    for (name, bytes) in files {
        let path = path(name.as_ref());
        if !path.exists() {
            fs::write(path, bytes).expect("the directory is writable");
        }
    }
}
