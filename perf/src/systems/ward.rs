//! Who looks after everything that was started: processes by their group, directories by their path.
//!
//! An owner lets go of what it ended itself. What is left when a signal comes is ended by the ward's own thread, and
//! the program with it. Only a SIGKILL of the program itself leaves anything behind.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

#[derive(Debug, Default)]
struct Wards {
    processes: Vec<u32>,
    directories: Vec<PathBuf>,
    /// Nothing is started any more.
    ended: bool,
}

/// A handle to what was started; all clones are one.
#[derive(Clone, Debug)]
pub struct Ward {
    wards: Arc<Mutex<Wards>>,
}

impl Ward {
    /// Looks after whatever will be started, from now on.
    pub fn begin() -> Result<Ward, String> {
        let ward = Ward { wards: Arc::default() };
        let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]);
        let mut signals = signals.map_err(|error| format!("signals cannot be caught: {error}"))?;
        let caught = ward.clone();
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                caught.end();
                eprintln!("ended by a signal; everything that was started is gone");
                std::process::exit(128 + signal);
            }
        });
        Ok(ward)
    }

    fn lock(&self) -> MutexGuard<'_, Wards> {
        self.wards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process in a group of its own, so that a Ctrl-C does not reach it before it reaches us.
    pub fn spawn(&self, command: &mut Command) -> Result<Child, String> {
        let mut wards = self.lock();
        if wards.ended {
            return Err("the run is over".to_owned());
        }
        let child = command.process_group(0).spawn();
        let child = child.map_err(|error| format!("{:?} does not start: {error}", command.get_program()))?;
        wards.processes.push(child.id());
        Ok(child)
    }

    /// Ends a process and all that it started.
    pub fn kill(&self, child: &mut Child) {
        let mut wards = self.lock();
        kill(child.id());
        wards.processes.retain(|process| *process != child.id());
        drop(wards);
        // It was killed: there is nothing to learn from how it ended.
        let _ = child.wait();
    }

    /// A process ended by itself and was waited for.
    pub fn ended(&self, process: u32) {
        self.lock().processes.retain(|known| *known != process);
    }

    /// A directory that will have to go.
    pub fn keep(&self, directory: &Path) {
        self.lock().directories.push(directory.to_owned());
    }

    /// Removes a directory with all that is in it.
    pub fn remove(&self, directory: &Path) {
        self.lock().directories.retain(|known| known != directory);
        // What cannot be removed is below the run's own directory and says by its name whose it was.
        let _ = fs::remove_dir_all(directory);
    }

    /// Ends everything.
    fn end(&self) {
        let mut wards = self.lock();
        wards.ended = true;
        wards.processes.drain(..).for_each(kill);
        for directory in wards.directories.drain(..) {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

fn kill(process: u32) {
    let group = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may be gone already.
        let _ = kill_process_group(group, Signal::KILL);
    }
}
