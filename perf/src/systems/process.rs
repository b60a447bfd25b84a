//! A process with a log of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::ward::Ward;

/// Lines of a log that explain an early end.
const LAST_LINES: usize = 6;

/// A process that runs until it is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// When it was started.
    pub from: Instant,
    ward: Ward,
}

impl Process {
    /// Starts it; both of its outputs go to the log.
    pub fn spawn(name: &str, command: &mut Command, log: &Path, ward: &Ward) -> Result<Process, String> {
        let wrong = |error| format!("cannot write {}: {error}", log.display());
        let output = File::create(log).map_err(wrong)?;
        let errors = output.try_clone().map_err(wrong)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let from = Instant::now();
        let child = ward.spawn(command)?;
        Ok(Process { name: name.to_owned(), child, log: log.to_owned(), from, ward: ward.clone() })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error with the last lines of its log where it ended.
    pub fn alive(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("{} ended early ({status}); {}", self.name, self.last_words())),
            Err(error) => Err(format!("{} cannot be watched: {error}", self.name)),
        }
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = self.output();
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        format!("{} ends with:\n    {}", self.log.display(), last.join("\n    "))
    }

    /// All that it said so far.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ward.kill(&mut self.child);
    }
}
