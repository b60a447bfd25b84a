//! Who used how much CPU while a load ran, looked at over and over: which part of the run is measured is known only
//! when the generator has told, and a table is of that part alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::systems::usage::{self, Cpu};

/// Between two looks; each costs some 50 microseconds.
const PAUSE: Duration = Duration::from_millis(50);

/// Seconds since 1970: the one clock that two processes share.
#[must_use]
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Seconds used so far, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// When.
    pub at: f64,
    /// The broker's.
    pub broker: Cpu,
    /// The store's; none where it is no process.
    pub store: f64,
    /// The kernel's own threads'.
    pub kernel: f64,
    /// Everybody's.
    pub machine: f64,
}

impl Look {
    /// Between two looks, this share of the way.
    fn between(self, other: Look, share: f64) -> Look {
        let mix = |one: f64, other: f64| one + (other - one) * share;
        let (user, system) = (mix(self.broker.user, other.broker.user), mix(self.broker.system, other.broker.system));
        Look {
            at: mix(self.at, other.at),
            broker: Cpu { user, system },
            store: mix(self.store, other.store),
            kernel: mix(self.kernel, other.kernel),
            machine: mix(self.machine, other.machine),
        }
    }
}

/// The kernel's own threads. They come and go: what is lost of one that goes is what it used since the last look, and
/// one that comes is not known.
#[derive(Debug)]
struct Kernel {
    threads: Vec<(u32, f64)>,
    used: f64,
}

impl Kernel {
    fn begin() -> Kernel {
        let threads = usage::kernel_threads().into_iter();
        let threads = threads.filter_map(|thread| Some((thread, usage::cpu(thread)?.total())));
        Kernel { threads: threads.collect(), used: 0.0 }
    }

    /// Seconds since the beginning.
    fn look(&mut self) -> f64 {
        for (thread, before) in &mut self.threads {
            if let Some(cpu) = usage::cpu(*thread) {
                self.used += cpu.total() - *before;
                *before = cpu.total();
            }
        }
        self.used
    }
}

/// A thread that looks.
#[derive(Debug)]
pub struct Watch {
    over: Arc<AtomicBool>,
    looks: JoinHandle<Vec<Look>>,
}

impl Watch {
    /// Begins to look at a broker, and at its store where that is a process.
    #[must_use]
    pub fn begin(broker: u32, store: Option<u32>) -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let mut kernel = Kernel::begin();
        let mut look = move || Look {
            at: now(),
            broker: usage::cpu(broker).unwrap_or_default(),
            store: store.and_then(usage::cpu).unwrap_or_default().total(),
            kernel: kernel.look(),
            machine: usage::machine(),
        };
        let looks = std::thread::spawn(move || {
            let mut looks = vec![look()];
            while !seen.load(Ordering::Relaxed) {
                std::thread::sleep(PAUSE);
                looks.push(look());
            }
            looks
        });
        Watch { over, looks }
    }

    /// All that was seen.
    #[must_use]
    pub fn end(self) -> Vec<Look> {
        self.over.store(true, Ordering::Relaxed);
        self.looks.join().unwrap_or_default()
    }
}

/// What was used from one moment to another; `at` is how long that was.
#[must_use]
pub fn used(looks: &[Look], from: f64, to: f64) -> Look {
    let (start, end) = (at(looks, from), at(looks, to));
    Look {
        at: end.at - start.at,
        broker: Cpu { user: end.broker.user - start.broker.user, system: end.broker.system - start.broker.system },
        store: end.store - start.store,
        kernel: end.kernel - start.kernel,
        machine: end.machine - start.machine,
    }
}

/// What was used up to a moment: between two looks it is taken to have grown evenly.
fn at(looks: &[Look], moment: f64) -> Look {
    let next = looks.partition_point(|look| look.at < moment);
    match (next.checked_sub(1).and_then(|before| looks.get(before)), looks.get(next)) {
        (Some(before), Some(after)) => before.between(*after, (moment - before.at) / (after.at - before.at)),
        (Some(edge), None) | (None, Some(edge)) => *edge,
        (None, None) => Look::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_run() {
        let look = |at: f64, used: f64| Look { at, broker: Cpu { user: used, system: 2.0 * used }, ..Look::default() };
        let looks = [look(10.0, 1.0), look(20.0, 2.0), look(30.0, 5.0)];
        let part = used(&looks, 15.0, 25.0);
        assert!((part.at - 10.0).abs() < 1e-9 && (part.broker.user - 2.0).abs() < 1e-9, "{part:?}");
        assert!((part.broker.total() - 6.0).abs() < 1e-9);
        // Outside of what was looked at there is nothing.
        assert!((used(&looks, 0.0, 100.0).broker.user - 4.0).abs() < 1e-9);
        assert_eq!(used(&[], 0.0, 1.0), Look::default());
    }

    #[test]
    fn a_watch_looks_more_than_once() {
        let watch = Watch::begin(std::process::id(), None);
        std::thread::sleep(PAUSE * 3);
        let looks = watch.end();
        assert!(looks.len() >= 3 && looks.is_sorted_by(|one, other| one.at < other.at));
    }
}
