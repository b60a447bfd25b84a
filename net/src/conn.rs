//! A core's connections: what stands between a socket and the bytes that the node sees.
//!
//! **Receiving.** One task a connection. Small things are read through one buffer of the core and copied once into
//! the node's buffer for the connection, which holds exactly what arrived: an idle connection owns no buffer. As soon
//! as the node knows that much of a frame is missing, the rest is received straight into the tail of that buffer,
//! which grows with the bytes that arrive, never with the length that was declared. While much is missing, the
//! socket's low watermark keeps the core asleep until it is worth waking up (measured: half the CPU a byte).
//!
//! **Sending.** Replies queue and leave in one vectored call a drain. Only where the socket is full does a task wait
//! for it.
//!
//! **Ending.** Whoever ends it, `Event::Closed` comes once and is the last event. What was replied before is sent
//! first, for at most [`FLUSH_MAX`], unless it is abandoned; a connection that we close is read and ignored for [`LINGER_MAX`] more, so that
//! the reset for unread bytes does not overtake the last reply. A client that closes its sending side is taken to
//! have left, as Kafka does, but is sent what was already replied.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use apus_core::ids::ConnectionId;
use apus_core::turn::Event;
use bytes::{Buf, Bytes, BytesMut};
use futures_lite::future::{self, poll_fn};
use futures_lite::io::{AsyncRead, AsyncWrite};
use glommio::net::TcpStream;
use glommio::timer::Timer;

use crate::listener::Accepted;
use crate::sys;

/// What is read at once through the core's buffer, and copied.
const SMALL_BYTES: usize = 16 << 10;
/// The low watermark is raised while at least so much is missing …
const WATERMARK_BYTES_MIN: usize = 256 << 10;
/// … to at most this …
const WATERMARK_BYTES_MAX: usize = 1 << 20;
/// … for so many connections of a core: the kernel buffers up to twice the watermark for each.
const WATERMARKS_MAX: usize = 64;
/// How long a reply may take to leave a connection that ends.
const FLUSH_MAX: Duration = Duration::from_secs(10);
/// How long a connection that we closed is still read.
const LINGER_MAX: Duration = Duration::from_millis(300);

/// The core that connections live on.
pub trait Host: 'static {
    /// Lends the node's buffer for a connection, with how many bytes of the frame under way are missing (0 where
    /// that is unknown), and room for some of them where some are; nothing where the node does not know the connection, or not yet.
    fn lend<R>(&self, connection: ConnectionId, fill: impl FnOnce(&mut BytesMut, usize) -> R) -> Option<R>;

    /// Queues an event for the node and sees to it that it is stepped; its number, counted from 0.
    fn happened(&self, event: Event) -> u64;

    /// The number of the first event that has not been stepped.
    fn stepped(&self) -> u64;

    /// Wakes a task when more events have been stepped.
    fn wake_after_step(&self, waker: Waker);
}

/// The connections of one core.
pub struct Connections<H> {
    host: Rc<H>,
    core: Rc<CoreWide>,
    open: Rc<RefCell<BTreeMap<ConnectionId, Rc<Connection>>>>,
    /// Those with replies that were not tried yet.
    replied: Vec<ConnectionId>,
    opened: u64,
}

/// What the connections of a core share.
struct CoreWide {
    small: RefCell<Box<[u8; SMALL_BYTES]>>,
    watermarks: Cell<usize>,
}

struct Connection {
    id: ConnectionId,
    stream: RefCell<TcpStream>,
    core: Rc<CoreWide>,
    reading: Cell<bool>,
    /// The number of the last `Event::Received`.
    told: Cell<Option<u64>>,
    /// The last read took all it had asked for: there may be more, and the node should see this first.
    more: Cell<bool>,
    watermark: Cell<usize>,
    outbox: RefCell<VecDeque<Bytes>>,
    /// A task waits for the socket to take more.
    writing: Cell<bool>,
    /// We close it: no more events but the last one.
    closing: Cell<bool>,
    broken: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl<H: Host> Connections<H> {
    /// None yet.
    #[must_use]
    pub fn new(host: Rc<H>) -> Connections<H> {
        let core = CoreWide { small: RefCell::new(Box::new([0; SMALL_BYTES])), watermarks: Cell::new(0) };
        Connections { host, core: Rc::new(core), open: Rc::default(), replied: Vec::new(), opened: 0 }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.borrow().len()
    }

    /// Takes a connection over, for life. `ended` is called when it is gone.
    pub fn open(&mut self, accepted: Accepted, ended: impl FnOnce() + 'static) {
        let Accepted { listener, stream } = accepted;
        let stream = stream.bind_to_executor();
        // Either fails only where the client has left already, which the first read will tell.
        let _ = stream.set_nodelay(true);
        let peer: Arc<str> = stream.peer_addr().map_or_else(|_| "unknown".into(), |peer| peer.to_string().into());
        self.opened += 1;
        let id = ConnectionId(self.opened);
        let connection = Rc::new(Connection::new(id, stream, Rc::clone(&self.core)));
        self.open.borrow_mut().insert(id, Rc::clone(&connection));
        self.host.happened(Event::Opened { connection: id, listener, peer });
        let (host, open) = (Rc::clone(&self.host), Rc::clone(&self.open));
        glommio::spawn_local(async move {
            connection.live(&*host).await;
            open.borrow_mut().remove(&id);
            host.happened(Event::Closed { connection: id });
            ended();
        })
        .detach();
    }

    /// Queues a reply; [`Connections::send`] sends it.
    pub fn reply(&mut self, id: ConnectionId, pieces: Vec<Bytes>) {
        if let Some(connection) = self.open.borrow().get(&id) {
            connection.outbox.borrow_mut().extend(pieces.into_iter().filter(|piece| !piece.is_empty()));
            self.replied.push(id);
        }
    }

    /// Sends what was replied since the last time.
    pub fn send(&mut self) {
        for id in self.replied.drain(..) {
            let Some(connection) = self.open.borrow().get(&id).map(Rc::clone) else { continue };
            if connection.writing.get() || connection.send(&*self.host) {
                continue;
            }
            connection.writing.set(true);
            let host = Rc::clone(&self.host);
            glommio::spawn_local(async move { connection.send_all(&*host).await }).detach();
        }
    }

    /// Reads it again, or stops reading it.
    pub fn read(&self, id: ConnectionId, enabled: bool) {
        if let Some(connection) = self.open.borrow().get(&id) {
            connection.reading.set(enabled);
            connection.wake_reader();
        }
    }

    /// Ends it once what was replied is sent.
    pub fn close(&self, id: ConnectionId) {
        if let Some(connection) = self.open.borrow().get(&id) {
            connection.closing.set(true);
            connection.wake_reader();
        }
    }

    /// Ends it without waiting until what was replied is sent. A task that waits for the socket hears of it when that
    /// is shut down.
    pub fn abandon(&self, id: ConnectionId) {
        if let Some(connection) = self.open.borrow().get(&id) {
            connection.broken.set(true);
            if !connection.writing.get() {
                connection.outbox.borrow_mut().clear();
            }
            connection.wake_reader();
        }
    }

    /// Ends all of them.
    pub fn close_all(&self) {
        for connection in self.open.borrow().values() {
            connection.closing.set(true);
            connection.wake_reader();
        }
    }
}

impl Connection {
    fn new(id: ConnectionId, stream: TcpStream, core: Rc<CoreWide>) -> Connection {
        Connection {
            id,
            stream: RefCell::new(stream),
            core,
            reading: Cell::new(true),
            told: Cell::new(None),
            more: Cell::new(false),
            watermark: Cell::new(1),
            outbox: RefCell::default(),
            writing: Cell::new(false),
            closing: Cell::new(false),
            broken: Cell::new(false),
            reader: RefCell::default(),
        }
    }

    /// From the first byte to the last.
    async fn live<H: Host>(&self, host: &H) {
        // The stream's end, an error, or our own wish to close.
        while let Ok(1..) = poll_fn(|context| self.poll_receive(context, host)).await {
            if !self.is_told(host) {
                self.told.set(Some(host.happened(Event::Received { connection: self.id })));
            }
        }
        self.wait(FLUSH_MAX, || self.broken.get() || self.outbox.borrow().is_empty()).await;
        // It may be gone already; nothing is lost by asking.
        let _ = poll_fn(|context| Pin::new(&mut *self.stream.borrow_mut()).poll_close(context)).await;
        if self.closing.get() && !self.broken.get() {
            let ignore = async { while let Ok(1..) = poll_fn(|context| self.poll_small(context, |_| ())).await {} };
            let give_up = async {
                Timer::new(LINGER_MAX).await;
            };
            future::or(ignore, give_up).await;
        }
        self.broken.set(true);
        self.lower_watermark();
    }

    /// Whether the node is still to look into the buffer. One that has looked is told again, whatever else waits for it.
    fn is_told<H: Host>(&self, host: &H) -> bool {
        self.told.get().is_some_and(|number| number >= host.stepped())
    }

    /// Receives into the node's buffer. 0 is the end of the stream, or of our interest in it.
    fn poll_receive<H: Host>(&self, context: &mut Context<'_>, host: &H) -> Poll<io::Result<usize>> {
        self.remember_reader(context);
        if self.closing.get() || self.broken.get() {
            return Poll::Ready(Ok(0));
        }
        if !self.reading.get() {
            return Poll::Pending;
        }
        if self.more.get() && self.is_told(host) {
            host.wake_after_step(context.waker().clone());
            return Poll::Pending;
        }
        loop {
            let direct = host.lend(self.id, |buffer, missing| {
                (missing > SMALL_BYTES).then(|| (self.receive_direct(buffer, missing), missing))
            });
            match direct {
                // The node has not heard of it yet.
                None => {
                    host.wake_after_step(context.waker().clone());
                    return Poll::Pending;
                }
                Some(None) => {
                    self.lower_watermark();
                    return self.poll_small(context, |bytes| {
                        self.more.set(bytes.len() == SMALL_BYTES);
                        host.lend(self.id, |buffer, _| append(buffer, bytes));
                    });
                }
                Some(Some((Err(error), missing))) if error.kind() == ErrorKind::WouldBlock => {
                    self.raise_watermark(missing);
                    // No room at all: this asks whether something has arrived, and takes nothing.
                    let mut stream = self.stream.borrow_mut();
                    ready!(Pin::new(&mut *stream).poll_read(context, &mut []))?;
                }
                Some(Some((Err(error), _))) if error.kind() == ErrorKind::Interrupted => {}
                Some(Some((result, _))) => return Poll::Ready(result),
            }
        }
    }

    fn receive_direct(&self, buffer: &mut BytesMut, missing: usize) -> io::Result<usize> {
        let room = missing.min(buffer.capacity() - buffer.len());
        let result = sys::receive(self.stream.borrow().as_raw_fd(), buffer, missing);
        // What is complete is the node's to cut; what is not can go on without it.
        self.more.set(matches!(result, Ok(received) if received == room));
        result
    }

    /// Reads through the core's buffer.
    fn poll_small(&self, context: &mut Context<'_>, take: impl FnOnce(&[u8])) -> Poll<io::Result<usize>> {
        let mut small = self.core.small.borrow_mut();
        let mut stream = self.stream.borrow_mut();
        let received = ready!(Pin::new(&mut *stream).poll_read(context, &mut small[..]))?;
        take(&small[..received]);
        Poll::Ready(Ok(received))
    }

    fn raise_watermark(&self, missing: usize) {
        if missing < WATERMARK_BYTES_MIN {
            return self.lower_watermark();
        }
        let raised = self.watermark.get() > 1;
        let wanted = missing.min(WATERMARK_BYTES_MAX);
        if wanted == self.watermark.get() || (!raised && self.core.watermarks.get() >= WATERMARKS_MAX) {
            return;
        }
        if sys::set_receive_low_watermark(self.stream.borrow().as_raw_fd(), wanted).is_ok() {
            self.watermark.set(wanted);
            self.core.watermarks.set(self.core.watermarks.get() + usize::from(!raised));
        }
    }

    fn lower_watermark(&self) {
        if self.watermark.get() == 1 {
            return;
        }
        self.watermark.set(1);
        self.core.watermarks.set(self.core.watermarks.get() - 1);
        if sys::set_receive_low_watermark(self.stream.borrow().as_raw_fd(), 1).is_err() {
            self.broken.set(true);
        }
    }

    /// Sends what the socket takes; true where nothing is left to wait for.
    fn send<H: Host>(&self, host: &H) -> bool {
        let mut outbox = self.outbox.borrow_mut();
        let mut sent = 0;
        let done = loop {
            if outbox.is_empty() || self.broken.get() {
                break true;
            }
            let slices: Vec<IoSlice<'_>> =
                outbox.iter().take(sys::SLICES_MAX).map(|piece| IoSlice::new(piece)).collect();
            match sys::send(self.stream.borrow().as_raw_fd(), &slices) {
                Ok(bytes) => {
                    drop(slices);
                    advance(&mut outbox, bytes);
                    sent += bytes;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.broken.set(true);
                    break true;
                }
            }
        };
        drop(outbox);
        self.sent(host, sent);
        if done {
            self.ended_sending();
        }
        done
    }

    /// Sends all of it, however long the socket takes.
    async fn send_all<H: Host>(&self, host: &H) {
        while !self.send(host) {
            let result = poll_fn(|context| {
                let outbox = self.outbox.borrow();
                let Some(piece) = outbox.front().filter(|_| !self.broken.get()) else { return Poll::Ready(Ok(0)) };
                Pin::new(&mut *self.stream.borrow_mut()).poll_write(context, piece)
            })
            .await;
            match result {
                Ok(bytes) => {
                    advance(&mut self.outbox.borrow_mut(), bytes);
                    self.sent(host, bytes);
                }
                Err(_) => self.broken.set(true),
            }
        }
        self.writing.set(false);
        self.ended_sending();
    }

    fn sent<H: Host>(&self, host: &H, bytes: usize) {
        if bytes > 0 {
            host.happened(Event::Sent { connection: self.id, bytes: bytes as u64 });
        }
    }

    /// The reader may wait for this: to end the connection.
    fn ended_sending(&self) {
        if self.broken.get() {
            self.outbox.borrow_mut().clear();
        }
        if self.broken.get() || self.closing.get() {
            self.wake_reader();
        }
    }

    async fn wait(&self, time_max: Duration, done: impl Fn() -> bool) {
        let ready = poll_fn(|context| {
            self.remember_reader(context);
            if done() { Poll::Ready(()) } else { Poll::Pending }
        });
        // Checked first: most connections have nothing to wait for, and a timer costs.
        if done() {
            return;
        }
        self.closing.set(true);
        let give_up = async {
            Timer::new(time_max).await;
            self.broken.set(true);
        };
        future::or(ready, give_up).await;
    }

    fn remember_reader(&self, context: &Context<'_>) {
        let mut reader = self.reader.borrow_mut();
        if !reader.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *reader = Some(context.waker().clone());
        }
    }

    fn wake_reader(&self) {
        if let Some(waker) = &*self.reader.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// Puts bytes behind what a buffer holds; an empty one becomes exactly as large as they are.
fn append(buffer: &mut BytesMut, bytes: &[u8]) {
    if buffer.is_empty() {
        *buffer = BytesMut::from(bytes);
    } else {
        buffer.extend_from_slice(bytes);
    }
}

/// Forgets so many bytes at the front.
fn advance(pieces: &mut VecDeque<Bytes>, mut bytes: usize) {
    while bytes > 0 {
        let piece = pieces.front_mut().expect("no more was sent than there was");
        if piece.len() > bytes {
            piece.advance(bytes);
            return;
        }
        bytes -= piece.len();
        pieces.pop_front();
    }
}
