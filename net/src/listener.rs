//! Listening: every configured address is bound before anything else happens, so that a port in use is told at once;
//! connections are taken from it only when the broker serves, and wait in the kernel until then.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant as Moment};

use apus_core::config::{Bind, Listener};
use glommio::net::AcceptedTcpStream;

use crate::sys;

/// Connections that may wait to be accepted: a fleet that reconnects at once, not more than the kernel's own bound.
const BACKLOG: i32 = 4096;

/// How long a port may be taken by nobody, and how often it is tried: the kernel lets go of the sockets of a killed
/// process that used io_uring a little after its end, and whoever starts the broker again is faster.
const RELEASE: Duration = Duration::from_secs(1);
const TRY: Duration = Duration::from_millis(10);

/// How long accepting rests after an error: descriptors run out for longer than that.
const REST: Duration = Duration::from_millis(100);

/// A bound address.
#[derive(Debug)]
pub struct Bound {
    /// Which listener, in the order of the configuration.
    pub listener: u16,
    /// The address, with the port that was found where any was asked for.
    pub address: SocketAddr,
    socket: TcpListener,
}

/// A connection on its way to the core that it will live on. Nothing is asked of it before it is there: glommio's
/// `peer_addr` of an accepted stream closes the descriptor under it where the client has left already.
#[derive(Debug)]
pub struct Accepted {
    /// On which listener.
    pub listener: u16,
    pub(crate) stream: AcceptedTcpStream,
}

impl Accepted {
    /// Closes it unread. The stream has to become one of this thread's executor to be closed at all.
    pub fn refuse(self) {
        drop(self.stream.bind_to_executor());
    }
}

/// Binds every address of every listener.
///
/// # Errors
/// A sentence for a person: what cannot be bound, why, and which key to change.
pub fn bind(listeners: &[Listener]) -> Result<Vec<Bound>, String> {
    let mut bound = Vec::new();
    for (index, listener) in listeners.iter().enumerate() {
        let index = u16::try_from(index).map_err(|_| "listeners: 65536 are too many".to_owned())?;
        let before = bound.len();
        let mut port = listener.port;
        for address in addresses(listener)? {
            match patiently(SocketAddr::new(address, port)) {
                Ok(socket) => {
                    let address = socket.local_addr().map_err(|error| refusal(listener, &error))?;
                    // One port for all addresses of a listener, also where any free one will do.
                    port = address.port();
                    bound.push(Bound { listener: index, address, socket });
                }
                // A machine without IPv6, or without IPv4, listens on what it has.
                Err(error) if is_absent(&error) && !matches!(listener.bind, Bind::Address(_)) => {}
                Err(error) => return Err(refusal(listener, &error)),
            }
        }
        if bound.len() == before {
            return Err(refusal(listener, &io::Error::from_raw_os_error(libc::EADDRNOTAVAIL)));
        }
    }
    Ok(bound)
}

fn patiently(address: SocketAddr) -> io::Result<TcpListener> {
    let began = Moment::now();
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && began.elapsed() < RELEASE => thread::sleep(TRY),
            other => return other,
        }
    }
}

fn addresses(listener: &Listener) -> Result<Vec<IpAddr>, String> {
    Ok(match &listener.bind {
        // The IPv6 wildcard takes IPv4 too, unless the machine has no IPv6 at all.
        Bind::Everywhere if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() => vec![Ipv6Addr::UNSPECIFIED.into()],
        Bind::Everywhere => vec![Ipv4Addr::UNSPECIFIED.into()],
        Bind::Loopback => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Bind::Address(address) => vec![*address],
        Bind::Name(name) => {
            let found = (name.as_str(), listener.port).to_socket_addrs().map_err(|error| refusal(listener, &error))?;
            found.map(|address| address.ip()).collect()
        }
    })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT))
}

fn refusal(listener: &Listener, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process listens there. End it, or choose another port: --set listeners=PLAINTEXT://127.0.0.1:9192"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose another port in listeners",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address: correct it in listeners",
        _ => "correct listeners",
    };
    format!("cannot listen on {listener}: {error}; {advice}")
}

impl Bound {
    /// Accepts for ever, on this thread's executor, and hands each connection over.
    pub async fn accept(self, mut hand_over: impl FnMut(Accepted)) {
        let Bound { listener, address, socket } = self;
        if let Err(error) = sys::set_backlog(socket.as_raw_fd(), BACKLOG) {
            tracing::warn!("{address} keeps a short queue of connections: {error}");
        }
        let socket = sys::adopt(socket);
        let mut quiet = false;
        loop {
            match socket.shared_accept().await {
                Ok(stream) => {
                    quiet = false;
                    hand_over(Accepted { listener, stream });
                }
                Err(error) => {
                    if !quiet {
                        tracing::error!("no connections from {address} for now: {error} (file limit: ulimit -n)");
                    }
                    quiet = true;
                    glommio::timer::sleep(REST).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_let_go_of_late_is_taken() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = holder.local_addr().expect("it is bound");
        let taken = thread::spawn(move || patiently(address));
        thread::sleep(3 * TRY);
        drop(holder);
        taken.join().expect("no panic").expect("it was let go of");
        let _holder = TcpListener::bind(address).expect("it is free again");
        let refused = patiently(address).expect_err("nobody lets go of it");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }
}
