//! What a process, the kernel and the whole machine used so far, out of `/proc`.

use std::fs;

/// Seconds of CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cpu {
    /// In the program.
    pub user: f64,
    /// In the kernel on its behalf, io_uring's workers included.
    pub system: f64,
}

impl Cpu {
    /// Both.
    #[must_use]
    pub fn total(self) -> f64 {
        self.user + self.system
    }
}

/// Of a process and all its threads; nothing where it is gone.
#[must_use]
pub fn cpu(process: u32) -> Option<Cpu> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let [user, system] = fields(&stat, [13, 14])?;
    Some(Cpu { user, system })
}

/// Of all processes that this one started and waited for.
#[must_use]
pub fn children() -> Cpu {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let [user, system] = fields(&stat, [15, 16]).unwrap_or_default();
    Cpu { user, system }
}

/// The kernel's own threads, children of the process 2: flushers, block and network workers.
#[must_use]
pub fn kernel_threads() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let processes = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let kernels = processes.filter(|process| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        behind_name(&stat).is_some_and(|mut words| words.nth(1) == Some("2"))
    });
    kernels.collect()
}

/// Seconds that all CPUs together were busy since the machine started.
#[must_use]
pub fn machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let words = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<f64> = words.filter_map(|word| word.parse().ok()).collect();
    // user, nice, system, (idle, iowait,) irq, softirq; what a hypervisor stole was not ours.
    let busy = [0, 1, 2, 5, 6].iter().filter_map(|place| ticks.get(*place)).sum::<f64>();
    busy / ticks_a_second()
}

/// The most memory that a process had at a time, in bytes.
#[must_use]
pub fn memory_peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    kilobytes.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Bytes that a process gave to disks, or dirtied in the page cache for them.
#[must_use]
pub fn disk_bytes(process: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}

fn ticks_a_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// Fields of a process's stat that are ticks, as seconds; numbered from 0, as proc(5) does from 1.
fn fields<const COUNT: usize>(stat: &str, places: [usize; COUNT]) -> Option<[f64; COUNT]> {
    let words: Vec<&str> = behind_name(stat)?.collect();
    let mut seconds = [0.0; COUNT];
    for (second, place) in seconds.iter_mut().zip(places) {
        *second = words.get(place - 2)?.parse::<f64>().ok()? / ticks_a_second();
    }
    Some(seconds)
}

/// The words behind a process's name, which may itself hold spaces and parentheses.
fn behind_name(stat: &str) -> Option<impl Iterator<Item = &str>> {
    stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_behind_its_name() {
        let stat = "42 (a ) b) S 2 1 1 0 -1 0 0 0 0 0 1500 250 7 9 20 0 1 0";
        assert_eq!(behind_name(stat).and_then(|mut words| words.nth(1)), Some("2"));
        let ticks = fields(stat, [13, 14, 15, 16]).map(|seconds| seconds.map(|second| second * ticks_a_second()));
        assert_eq!(ticks.map(|ticks| ticks.map(f64::round)), Some([1500.0, 250.0, 7.0, 9.0]));
    }

    #[test]
    fn this_process_uses_something() {
        let process = std::process::id();
        assert!(cpu(process).is_some() && machine() > 0.0);
        assert!(memory_peak(process).is_some_and(|bytes| bytes > 1 << 20));
        assert!(!kernel_threads().contains(&process));
        assert_eq!(cpu(u32::MAX), None);
    }
}
