//! The system calls that neither the standard library nor glommio offers.
//!
//! Each function is safe to call with any descriptor that its caller keeps open for the call; a wrong one is an error
//! of the kernel's, never of memory.

use std::io::{self, IoSlice};
use std::mem;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};

use bytes::{BufMut, BytesMut};

/// Slices that the kernel takes at once (`IOV_MAX`).
pub const SLICES_MAX: usize = 1024;

/// Receives at most `bytes_max` bytes, and at most as many as there is room for, behind what the buffer holds. Never
/// waits: `WouldBlock` where nothing has arrived, 0 where nothing ever will.
///
/// # Errors
/// The system's.
pub(crate) fn receive(socket: RawFd, buffer: &mut BytesMut, bytes_max: usize) -> io::Result<usize> {
    let spare = buffer.spare_capacity_mut();
    let room = spare.len().min(bytes_max);
    assert!(room > 0, "receiving into no room reads as the end of the stream");
    // SAFETY: the kernel writes at most `room` bytes into the spare capacity, which is ours and that long.
    let received = unsafe { libc::recv(socket, spare.as_mut_ptr().cast(), room, libc::MSG_DONTWAIT) };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    assert!(received <= room);
    // SAFETY: the kernel has written the first `received` bytes of the spare capacity.
    unsafe { buffer.advance_mut(received) };
    Ok(received)
}

/// Sends from the slices, at most [`SLICES_MAX`] of them, what the socket takes at once. Never waits, raises no
/// signal.
///
/// # Errors
/// The system's.
pub(crate) fn send(socket: RawFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    assert!(!slices.is_empty() && slices.len() <= SLICES_MAX);
    // SAFETY: all zero is a message header without address, slices and control data.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = slices.as_ptr().cast::<libc::iovec>().cast_mut();
    message.msg_iovlen = slices.len() as _;
    // SAFETY: `IoSlice` has the layout of `iovec`; the slices outlive the call and the kernel only reads them.
    let sent = unsafe { libc::sendmsg(socket, &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Lets the socket count as readable only from so many bytes on; 1 is the rule.
///
/// # Errors
/// The system's.
pub fn set_receive_low_watermark(socket: RawFd, bytes: usize) -> io::Result<()> {
    let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let length = libc::socklen_t::try_from(size_of_val(&value)).expect("an int is short");
    // SAFETY: the option is an int, and the kernel reads exactly that.
    let set =
        unsafe { libc::setsockopt(socket, libc::SOL_SOCKET, libc::SO_RCVLOWAT, (&raw const value).cast(), length) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets so many connections wait to be accepted; the standard library's own number is small.
pub(crate) fn set_backlog(listener: RawFd, connections: i32) -> io::Result<()> {
    // SAFETY: no memory is passed.
    let set = unsafe { libc::listen(listener, connections) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The listener as one of this thread's executor. glommio's own `bind` shares ports between processes, so that a
/// second broker would not notice the first.
pub(crate) fn adopt(listener: TcpListener) -> glommio::net::TcpListener {
    // SAFETY: the descriptor is open, a listening socket, and given away here.
    unsafe { glommio::net::TcpListener::from_raw_fd(listener.into_raw_fd()) }
}

/// A ring of io_uring is made and dropped again: says whether the kernel, and whoever guards it, allows that.
///
/// # Errors
/// The system's: `EPERM` and `ENOSYS` mean that it is forbidden or absent.
pub fn try_io_uring() -> io::Result<()> {
    // `struct io_uring_params` is 120 bytes, all zero for the defaults.
    let mut parameters = [0_u64; 15];
    // SAFETY: the kernel writes at most 120 bytes into `parameters`.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) };
    if ring < 0 {
        return Err(io::Error::last_os_error());
    }
    let ring = RawFd::try_from(ring).map_err(io::Error::other)?;
    // SAFETY: the descriptor was made just now and is nobody else's.
    drop(unsafe { OwnedFd::from_raw_fd(ring) });
    Ok(())
}

/// Announces that threads will fence each other (`membarrier`), as glommio's executors do. The kernel does it at once
/// for a process of one thread, and makes a process of several wait for all CPUs: measured, 11 ms of a start.
pub fn announce_barriers() {
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;
    // SAFETY: no memory is passed. Where the kernel refuses, glommio finds another way.
    let _ = unsafe { libc::syscall(libc::SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0) };
}

/// A limit of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Open files and sockets.
    Files,
    /// Bytes of memory that may be pinned.
    PinnedMemory,
}

impl Limit {
    fn resource(self) -> libc::__rlimit_resource_t {
        match self {
            Limit::Files => libc::RLIMIT_NOFILE,
            Limit::PinnedMemory => libc::RLIMIT_MEMLOCK,
        }
    }

    /// Raises the limit to what the process may raise it to, and says how far that is.
    ///
    /// # Errors
    /// The system's.
    pub fn raise(self) -> io::Result<u64> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the kernel writes one `rlimit`.
        if unsafe { libc::getrlimit(self.resource(), &raw mut limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max;
            // SAFETY: the kernel reads one `rlimit`.
            if unsafe { libc::setrlimit(self.resource(), &raw const limit) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(limit.rlim_cur)
    }
}
