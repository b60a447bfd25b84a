//! What the machine must allow before anything starts. Each refusal names what is missing and the exact setting.

use std::fs;
use std::io;

use apus_net::sys::{self, Limit};

/// What glommio refuses to start below: rings and their buffers are pinned.
const PINNED_BYTES_MIN: u64 = 512 << 10;
/// Pinned for each core at most: glommio registers its buffers with three rings.
const PINNED_BYTES_CORE: u64 = 3 << 20;

/// Checks io_uring and the limits of this process, and raises what may be raised. To be called while the process has
/// one thread.
///
/// # Errors
/// A text for a person, with what to change.
pub fn probe(cores: usize) -> Result<(), String> {
    sys::announce_barriers();
    sys::try_io_uring().map_err(|error| refused_ring(&error))?;
    let pinned = Limit::PinnedMemory.raise().unwrap_or(u64::MAX);
    let wanted = PINNED_BYTES_MIN.max(PINNED_BYTES_CORE.saturating_mul(cores as u64));
    if pinned < PINNED_BYTES_MIN {
        return Err(format!(
            "only {} KiB of memory may be pinned, and io_uring needs {} KiB.\n{}",
            pinned >> 10,
            wanted >> 10,
            pin_advice(wanted)
        ));
    }
    if pinned < wanted {
        tracing::debug!(target: "apus", "{} KiB may be pinned: some buffers are not registered", pinned >> 10);
    }
    match Limit::Files.raise() {
        Ok(files) => tracing::debug!(target: "apus", "{files} files and sockets may be open"),
        Err(error) => tracing::warn!(target: "apus", "the limit of open files stays as it is: {error}"),
    }
    Ok(())
}

fn pin_advice(bytes: u64) -> String {
    let kib = bytes >> 10;
    format!(
        "  shell:      ulimit -l {kib}\n  Docker:     --ulimit memlock={bytes}:{bytes}\n  systemd:    LimitMEMLOCK={bytes}"
    )
}

fn refused_ring(error: &io::Error) -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim();
    match error.raw_os_error() {
        Some(libc::ENOMEM) => format!("io_uring finds no memory that may be pinned.\n{}", pin_advice(8 << 20)),
        Some(libc::ENOSYS | libc::EPERM | libc::EACCES) if is_switched_off() => {
            "io_uring is switched off on this machine (kernel.io_uring_disabled).\n  as root:    sysctl -w kernel.io_uring_disabled=0"
                .to_owned()
        }
        Some(libc::ENOSYS | libc::EPERM | libc::EACCES) => format!(
            "this process may not use io_uring (io_uring_setup: {error}). Apus needs it, and Linux 5.8 or newer (this is {kernel}).\n\
             Containers forbid it by default; allow it with one of\n  \
             Docker:     --security-opt seccomp=unconfined\n              \
             or a profile that allows io_uring_setup, io_uring_enter and io_uring_register\n  \
             Kubernetes: securityContext: {{ seccompProfile: {{ type: Unconfined }} }}"
        ),
        _ => format!("io_uring does not work here: {error} (kernel {kernel})"),
    }
}

fn is_switched_off() -> bool {
    let text = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    matches!(text.trim(), "1" | "2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_ring_is_told_with_the_setting() {
        let told = refused_ring(&io::Error::from_raw_os_error(libc::ENOMEM));
        assert!(told.contains("ulimit -l 8192"), "{told}");
        if !is_switched_off() {
            let told = refused_ring(&io::Error::from_raw_os_error(libc::EPERM));
            assert!(told.contains("--security-opt seccomp=unconfined") && told.contains("Kubernetes"), "{told}");
        }
    }

    #[test]
    fn this_machine_allows_what_is_needed() {
        assert_eq!(probe(1), Ok(()));
    }
}
