//! Which connections can be read or written: epoll, with timeouts finer than a millisecond.
//!
//! A record that is due in 40 microseconds must not wait for the next whole millisecond, which is what `epoll_wait`
//! counts in; `epoll_pwait2` counts in nanoseconds. Level-triggered: what was not read is reported again, so one read
//! an event is enough.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::thread::set_current_timer_slack;

/// Connections reported at once.
const EVENTS_MAX: usize = 256;

/// What a connection is ready for.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The number under which it was added.
    pub client: usize,
    /// There are bytes, an end, or an error to read.
    pub readable: bool,
    /// It takes bytes again.
    pub writable: bool,
}

/// The set of connections.
pub struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poll {
    /// An empty set. The thread's timers become as exact as the kernel can make them.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Poll> {
        set_current_timer_slack(NonZeroU64::new(1))?;
        Ok(Poll { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Adds a connection under a number.
    ///
    /// # Errors
    /// The system's.
    pub fn add(&self, source: impl AsFd, client: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, source, EventData::new_u64(client as u64), EventFlags::IN)?)
    }

    /// Says whether a connection waits to be written.
    ///
    /// # Errors
    /// The system's.
    pub fn want(&self, source: impl AsFd, client: usize, write: bool) -> io::Result<()> {
        let flags = if write { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        Ok(epoll::modify(&self.epoll, source, EventData::new_u64(client as u64), flags)?)
    }

    /// Removes a connection; one that is not there is none.
    pub fn remove(&self, source: impl AsFd) {
        let _ = epoll::delete(&self.epoll, source);
    }

    /// Waits until something is ready, at most so long, and puts it into `ready`.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&mut self, patience: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: i64::from(patience.subsec_nanos()) };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
            _ => {}
        }
        for event in &self.events {
            let (flags, data) = (event.flags, event.data);
            let ended = flags.intersects(EventFlags::HUP | EventFlags::ERR);
            ready.push(Ready {
                client: data.u64() as usize,
                readable: ended || flags.contains(EventFlags::IN),
                writable: flags.contains(EventFlags::OUT),
            });
        }
        Ok(())
    }
}
