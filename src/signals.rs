//! SIGTERM and SIGINT: the first one lets the broker answer what is in flight, the second one ends it at once.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::fleet::Fleet;

/// How long what is in flight may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens on a thread of its own, which sleeps in the kernel.
///
/// # Errors
/// The system's.
pub fn listen(fleet: Arc<Fleet>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new().name("apus-signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if fleet.is_stopping() {
                eprintln!("apus: ended at once by a second signal");
                process::exit(128 + signal);
            }
            fleet.stop();
            let fleet = Arc::clone(&fleet);
            let watch = thread::Builder::new().name("apus-patience".to_owned()).spawn(move || give_up(&fleet));
            if let Err(error) = watch {
                tracing::warn!(target: "apus", "nobody watches how long stopping takes: {error}");
            }
        }
    })?;
    Ok(())
}

fn give_up(fleet: &Fleet) {
    thread::sleep(PATIENCE);
    let unfinished = fleet.unfinished();
    let what = if unfinished.is_empty() {
        "all cores had answered, and a client or the store did not let go".to_owned()
    } else {
        format!("cores {unfinished:?} still had requests without an answer")
    };
    eprintln!("apus: ended after {} s of stopping: {what}", PATIENCE.as_secs());
    process::exit(1);
}
