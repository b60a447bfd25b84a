//! Where a setting came from, and what is wrong with it.

use std::fmt;

/// Where a value was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// In the file, in this line, counted from 1.
    File {
        /// The line.
        line: u32,
    },
    /// On the command line.
    Argument,
}

/// One thing that somebody set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The key as written.
    pub key: String,
    /// The value as written.
    pub value: String,
    /// Where.
    pub source: Source,
}

/// One reason not to start, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written, if it was.
    pub source: Option<Source>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A problem with what was written at a place.
    #[must_use]
    pub fn at(source: Source, message: impl Into<String>) -> Problem {
        Problem { source: Some(source), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Some(Source::File { line }) => write!(out, "line {line}: {}", self.message),
            Some(Source::Argument) => write!(out, "--set: {}", self.message),
            None => out.write_str(&self.message),
        }
    }
}
