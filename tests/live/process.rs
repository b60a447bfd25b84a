//! What the kernel knows of a broker's process.

use std::fs;

/// Ticks of a CPU-second in `/proc`: the kernel's promise to programs, whatever its own timer does.
pub const TICKS_PER_SECOND: u64 = 100;

/// Bytes, by the kernel's name of them.
pub fn memory(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the broker lives");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("it is counted");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kib << 10
}

/// Open file descriptors.
pub fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).expect("the broker lives").count()
}

/// Processor time so far, user and system, in ticks.
pub fn ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the broker lives");
    let (_, rest) = stat.rsplit_once(')').expect("the command's name is in braces");
    let fields = rest.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<u64>().expect("a number")).sum()
}
