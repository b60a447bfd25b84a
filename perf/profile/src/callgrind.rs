//! This program again, under valgrind: callgrind counts the instructions of one function and of all that it calls.
//!
//! What would differ from machine to machine is held still: glibc copies in one way whatever the CPU's caches are, and
//! never by `rep movsb`, of which valgrind would count every byte; the allocator never looks at the clock. So a count
//! repeats to the last instruction. valgrind has no AVX-512, so checksums and copies take
//! the paths of AVX2 and cost more instructions than they would outside.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::counted::COLLECTED;
use crate::scenario::Done;

/// mimalloc gives memory back when a clock says so: never.
const PURGE: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");
/// Above every size that is copied.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x40000000:glibc.cpu.x86_rep_stosb_threshold=0x40000000:\
                        glibc.cpu.x86_non_temporal_threshold=0x40000000";

/// What asks the allocator for memory.
const ALLOCATORS: [&str; 3] = ["__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc"];

/// What was counted of a scenario.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Instructions, all in all.
    pub instructions: u64,
    /// Calls of the allocator for memory, all in all.
    pub allocations: u64,
    /// What was done with them.
    pub done: Done,
    /// callgrind's own file.
    pub file: PathBuf,
}

/// Whether valgrind is installed.
#[must_use]
pub fn is_here() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Counts what is played under that name (a scenario, or the file of a trace); callgrind's file goes to that directory.
///
/// # Errors
/// A sentence.
pub fn count(name: &str, directory: &Path) -> Result<Counted, String> {
    std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let stem = Path::new(name).file_name().ok_or("it has no name")?.to_string_lossy();
    let file = directory.join(format!("{stem}.callgrind"));
    let itself = env::current_exe().map_err(|error| format!("this program does not find itself: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--toggle-collect={COLLECTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(itself)
        .args(["inside", name])
        .env("GLIBC_TUNABLES", TUNABLES)
        .env(PURGE.0, PURGE.1)
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} under valgrind: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let done = parse_done(&String::from_utf8_lossy(&output.stdout)).ok_or("the counted run said nothing")?;
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok());
    let instructions = total.filter(|total| *total > 0).ok_or("valgrind collected nothing: was a function renamed?")?;
    Ok(Counted { instructions, allocations: allocations(&text), done, file })
}

/// How often memory was asked for: callgrind names a callee, and then says how often it was called.
fn allocations(text: &str) -> u64 {
    let (mut is_allocator, mut calls) = (false, 0);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            is_allocator = name.rsplit("::").next().is_some_and(|last| ALLOCATORS.contains(&last));
        } else if let Some(called) = line.strip_prefix("calls=").filter(|_| is_allocator) {
            calls += called.split(' ').next().and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
        }
    }
    calls
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_for_memory_is_counted() {
        let text = "fn=step\n1 10\ncfn=__rustc::__rust_alloc\ncalls=3 0\n1 20\ncfn=memcpy\ncalls=9 0\n1 20\n\
                    cfn=__rustc::__rust_realloc\ncalls=2 0\n1 20\ncfn=__rustc::__rust_dealloc\ncalls=5 0\n1 20\n";
        assert_eq!(allocations(text), 5);
    }

    #[test]
    fn what_was_done_is_told_from_one_process_to_the_other() {
        let done = Done { batches: 3, bytes: 5, turns: 7 };
        assert_eq!(parse_done(&show_done(&done)), Some(done));
        assert_eq!(parse_done("3 5"), None);
    }
}
