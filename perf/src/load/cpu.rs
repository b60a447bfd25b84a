//! CPU time of processes, as the kernel keeps it: user and system, in ticks of ten milliseconds.

use std::fs;

/// The kernel shows times in hundredths of a second on every machine that Kafka runs on.
const TICKS_A_SECOND: f64 = 100.0;
/// Fields of `stat` from the process's name to its user time.
const TO_USER_TIME: usize = 11;

/// CPU seconds of this process so far.
pub fn own_seconds() -> f64 {
    seconds("self")
}

/// CPU seconds of these processes so far; one that is gone counts nothing.
pub fn seconds_of(processes: &[u32]) -> f64 {
    processes.iter().map(|process| seconds(&process.to_string())).sum()
}

fn seconds(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name stands in parentheses and may hold anything; behind the last one come numbers.
    let numbers = stat.rsplit_once(')').map_or("", |(_, numbers)| numbers);
    let times = numbers.split_whitespace().skip(TO_USER_TIME).take(2);
    times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time() {
        let before = own_seconds();
        let started = std::time::Instant::now();
        while started.elapsed().as_millis() < 300 {
            std::hint::spin_loop();
        }
        assert!(own_seconds() > before && seconds_of(&[u32::MAX]) == 0.0);
    }
}
