//! What the kernel knows of this process, under the names that every Prometheus client library uses.

use std::fs;

/// Ticks of a CPU-second in `/proc`: the kernel's promise to programs, whatever its own timer does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory, descriptors, processor time and threads; what cannot be read is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Bytes in memory.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Seconds of processor time, user and system.
    pub cpu_seconds: f64,
    /// Threads.
    pub threads: u64,
}

impl Process {
    /// As it stands.
    #[must_use]
    pub fn look() -> Process {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64;
        Process {
            resident_bytes: field(&status, "VmRSS:") * 1024,
            // The look itself holds one.
            descriptors: descriptors.saturating_sub(1),
            cpu_seconds: ticks(&stat) as f64 / TICKS_PER_SECOND,
            threads: field(&status, "Threads:"),
        }
    }
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// `utime` and `stime`, the 12th and 13th field behind the command's name, which may hold anything up to its brace.
fn ticks(stat: &str) -> u64 {
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0 };
    rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_from_what_the_kernel_prints() {
        assert_eq!(field("VmPeak:\t  99 kB\nVmRSS:\t  1234 kB\nThreads:\t7\n", "VmRSS:"), 1_234);
        assert_eq!(field("", "VmRSS:"), 0);
        assert_eq!(ticks("42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0"), 300);
        assert_eq!(ticks("garbage"), 0);
        let own = Process::look();
        assert!(own.resident_bytes > 1 << 20 && own.descriptors > 2 && own.threads > 0, "{own:?}");
    }
}
