//! This program again, under valgrind: callgrind counts the instructions of one function and of all that it calls.
//!
//! What would differ from machine to machine is held still: glibc copies in one way whatever the CPU's caches are, and
//! never by `rep movsb`, of which valgrind would count every byte. valgrind has no AVX-512, so checksums and copies take
//! the paths of AVX2 and cost more instructions than they would outside.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::counted::COLLECTED;
use crate::scenario::{Done, Scenario};

/// Above every size that is copied.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x40000000:glibc.cpu.x86_rep_stosb_threshold=0x40000000:\
                        glibc.cpu.x86_non_temporal_threshold=0x40000000";

/// What was counted of a scenario.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Instructions, all in all.
    pub instructions: u64,
    /// What was done with them.
    pub done: Done,
    /// callgrind's own file, for `callgrind_annotate`.
    pub file: PathBuf,
}

/// Whether valgrind is installed.
#[must_use]
pub fn is_here() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Counts a scenario; callgrind's file goes to that directory.
///
/// # Errors
/// A sentence.
pub fn count(scenario: Scenario, directory: &Path) -> Result<Counted, String> {
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let file = directory.join(format!("{}.callgrind", scenario.name()));
    let itself = env::current_exe().map_err(|error| format!("this program does not find itself: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--toggle-collect={COLLECTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(itself)
        .args(["inside", scenario.name()])
        .env("GLIBC_TUNABLES", TUNABLES)
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("{} under valgrind: {}", scenario.name(), String::from_utf8_lossy(&output.stderr)));
    }
    let done = parse_done(&String::from_utf8_lossy(&output.stdout)).ok_or("the counted run said nothing")?;
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok());
    let instructions = total.filter(|total| *total > 0).ok_or("valgrind collected nothing: was a function renamed?")?;
    Ok(Counted { instructions, done, file })
}

/// What the inner run says at its end.
#[must_use]
pub fn show_done(done: &Done) -> String {
    format!("{} {} {}", done.batches, done.bytes, done.turns)
}

fn parse_done(text: &str) -> Option<Done> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(Done { batches: next()?, bytes: next()?, turns: next()? })
}

/// The functions that cost most, as lines of instructions a batch; with what they call, or without.
///
/// # Errors
/// A sentence.
pub fn top(counted: &Counted, inclusive: bool, count: usize) -> Result<Vec<String>, String> {
    let output = Command::new("callgrind_annotate")
        .arg(format!("--inclusive={}", if inclusive { "yes" } else { "no" }))
        .args(["--auto=no", "--threshold=100"])
        .arg(&counted.file)
        .output()
        .map_err(|error| format!("callgrind_annotate does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| {
        let (number, rest) = line.trim_start().split_once(' ')?;
        let instructions: u64 = number.replace(',', "").parse().ok()?;
        let (_, function) = rest.split_once(')')?;
        let function = function.trim().rsplit_once(" [").map_or(function.trim(), |(function, _)| function);
        let function = function.split_once(':').map_or(function, |(_, name)| name);
        let share = 100.0 * instructions as f64 / counted.instructions as f64;
        let each = instructions as f64 / counted.done.batches as f64;
        Some(format!("{each:>12.0} {share:>6.1} %  {function}"))
    });
    Ok(lines.take(count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_from_one_process_to_the_other() {
        let done = Done { batches: 3, bytes: 5, turns: 7 };
        assert_eq!(parse_done(&show_done(&done)), Some(done));
        assert_eq!(parse_done("3 5"), None);
    }
}
