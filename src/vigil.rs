//! A thread that nudges the cores, because an executor may fall asleep over work.
//!
//! glommio 0.9 asks, before it runs its queues, whether it is preempted, and takes "preempted before anything ran" for
//! "there is nothing to run": it parks, although tasks are ready, and wakes at the next event, if one ever comes. The
//! preemption timer only has to fire between being armed and the first look at the queues, as it does when the
//! kernel takes the thread away just there. Measured with a timer of 1 ms on two busy cores: one of a hundred starts
//! stood still for ever. (Mended upstream and not published yet: glommio/glommio, pull request 53.)
//!
//! - The preemption timer is long ([`crate::start`]), so that it is rare. What matters to a core preempts it by itself.
//! - A wake from another thread ends such a sleep; so one comes from here, four times a second. A timer of the
//!   executor's own would not do: the task behind it may be the one that is slept over.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;
use std::{io, mem};

use apus_core::ids::CoreId;

use crate::fleet::Fleet;

/// What a sleep over work costs at most; and what idleness costs, in wake-ups of a few microseconds.
const PAUSE: Duration = Duration::from_millis(250);
/// It sleeps and rings.
const STACK_BYTES: usize = 64 << 10;

/// Nudges the cores of this fleet for as long as it exists.
///
/// # Errors
/// The system's, where no thread can be had.
pub fn keep(fleet: &Arc<Fleet>) -> io::Result<()> {
    let fleet = Arc::downgrade(fleet);
    let watch = move || {
        while nudge(&fleet) {
            thread::sleep(PAUSE);
        }
    };
    let vigil = thread::Builder::new().name("apus-vigil".to_owned()).stack_size(STACK_BYTES).spawn(watch)?;
    // It ends with the fleet, and nobody waits for it.
    mem::drop(vigil);
    Ok(())
}

fn nudge(fleet: &Weak<Fleet>) -> bool {
    let Some(fleet) = fleet.upgrade() else { return false };
    for core in 0..fleet.cores() {
        fleet.inbox(CoreId(u16::try_from(core).expect("cores are few"))).nudge();
    }
    !fleet.is_stopped()
}
