//! Where the object store is: a directory or a bucket.

use std::fmt;
use std::path::{Path, PathBuf};

/// The value of `diskless.store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// A directory that stands for a bucket.
    Directory(PathBuf),
    /// A bucket of S3 or of something that speaks like it.
    Bucket {
        /// Its name.
        bucket: String,
        /// What all keys begin with; empty, or without a slash at either end.
        prefix: String,
    },
}

impl StorePlace {
    /// The place where nobody set one: beside the journal.
    #[must_use]
    pub fn beside(data_dir: &Path) -> StorePlace {
        StorePlace::Directory(data_dir.join("store"))
    }

    /// Reads `file:DIRECTORY` or `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<StorePlace, String> {
        if let Some(path) = text.strip_prefix("file:") {
            // `file:///var/lib` is the same directory as `file:/var/lib`.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("a directory is missing: write file:DIRECTORY".to_owned());
            }
            return Ok(StorePlace::Directory(PathBuf::from(path)));
        }
        let Some(rest) = text.strip_prefix("s3://") else {
            return Err("write file:DIRECTORY or s3://BUCKET/PREFIX".to_owned());
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(valid) {
            return Err(format!("{bucket:?} is not the name of a bucket: 3 to 63 letters, digits, dots and hyphens"));
        }
        if !prefix.is_empty() && prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(format!("{prefix:?} is not a prefix: no part of it may be empty, . or .."));
        }
        Ok(StorePlace::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// Whether it is a directory of this machine.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        matches!(self, StorePlace::Directory(_))
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorePlace::Directory(path) => write!(out, "file:{}", path.display()),
            StorePlace::Bucket { bucket, prefix } if prefix.is_empty() => write!(out, "s3://{bucket}"),
            StorePlace::Bucket { bucket, prefix } => write!(out, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (text, shown) in [
            ("file:/a/b", "file:/a/b"),
            ("file:///a/b", "file:/a/b"),
            ("file:a", "file:a"),
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ] {
            assert_eq!(StorePlace::parse(text).expect("it is a place").to_string(), shown);
        }
        for text in
            ["", "/a", "file:", "s3:/bucket", "s3://", "s3://ab", "s3://a b c/x", "s3://bucket/a//b", "s3://bucket/.."]
        {
            assert!(StorePlace::parse(text).is_err(), "{text}");
        }
        assert_eq!(StorePlace::beside(Path::new("./apus-data")).to_string(), "file:./apus-data/store");
    }
}
