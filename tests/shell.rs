//! The shell around a node that only echoes: sockets, cores, the journal's disk, and the end by a signal. A process of
//! its own, because the signal is real.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant as Moment};

use apus::shell::Machines;
use apus::start;
use apus_core::config::{Config, Host, Property, Source};
use apus_core::ids::{ConnectionId, CoreId, Ticket};
use apus_core::turn::{Effect, Event, Turn};
use apus_core::world::{DiskReply, DiskRequest};
use bytes::{Bytes, BytesMut};

/// A frame is a length (4 bytes, big-endian) and so many bytes; it is answered as it came.
#[derive(Default)]
struct Echo {
    core: CoreId,
    buffers: BTreeMap<ConnectionId, BytesMut>,
}

fn frame_bytes(buffer: &BytesMut) -> Option<usize> {
    let length = buffer.first_chunk::<4>()?;
    Some(4 + u32::from_be_bytes(*length) as usize)
}

impl Machines for Echo {
    fn boot(&mut self, turn: &mut Turn<'_>) {
        assert_eq!(self.core, CoreId(0));
        turn.effect(Effect::Disk { ticket: Ticket(1), request: DiskRequest::Create { segment: 7, bytes: 1 << 20 } });
    }

    fn step(&mut self, events: &mut VecDeque<Event>, turn: &mut Turn<'_>) {
        while let Some(event) = events.pop_front() {
            match event {
                Event::Opened { connection, .. } => drop(self.buffers.insert(connection, BytesMut::new())),
                Event::Closed { connection } => {
                    self.buffers.remove(&connection).expect("closed once, and after it was opened");
                }
                Event::Received { connection } => self.echo(connection, turn),
                Event::Disk { ticket, result } => journal(ticket, result.expect("the disk works"), turn),
                Event::Stop => turn.effect(Effect::Stopped),
                _ => {}
            }
        }
    }

    fn receive_buffer(&mut self, connection: ConnectionId) -> Option<(&mut BytesMut, usize)> {
        let buffer = self.buffers.get_mut(&connection)?;
        let missing = frame_bytes(buffer).map_or(0, |bytes| bytes.saturating_sub(buffer.len()));
        if buffer.capacity() == buffer.len() {
            buffer.reserve(missing.min(1 << 20));
        }
        Some((buffer, missing))
    }
}

impl Echo {
    fn echo(&mut self, connection: ConnectionId, turn: &mut Turn<'_>) {
        let Some(buffer) = self.buffers.get_mut(&connection) else { return };
        while let Some(bytes) = frame_bytes(buffer).filter(|bytes| *bytes <= buffer.len()) {
            let frame = buffer.split_to(bytes).freeze();
            // In many pieces, so that a reply takes more than one vectored call.
            let pieces = frame.chunks(100).map(Bytes::copy_from_slice).collect();
            turn.effect(Effect::Reply { connection, pieces });
            if bytes == 4 {
                turn.effect(Effect::Close { connection });
            }
        }
    }
}

/// A segment is made, written, read and removed; then the broker serves.
fn journal(ticket: Ticket, reply: DiskReply, turn: &mut Turn<'_>) {
    let mut then = |request| turn.effect(Effect::Disk { ticket: Ticket(ticket.0 + 1), request });
    let block = |byte| Bytes::from(vec![byte; 2048]);
    match ticket.0 {
        1 => then(DiskRequest::Write { segment: 7, position: 8192, pieces: vec![block(1), block(2)] }),
        2 => then(DiskRequest::Read { segment: 7, position: 8192, bytes: 8192 }),
        3 => {
            let DiskReply::Bytes(bytes) = reply else { panic!("a read answers with bytes: {reply:?}") };
            assert_eq!(bytes[..], [[1; 2048], [2; 2048], [0; 2048], [0; 2048]].concat()[..]);
            then(DiskRequest::List);
        }
        4 => {
            assert_eq!(reply, DiskReply::Segments(vec![(7, 1 << 20)]));
            then(DiskRequest::Remove { segment: 7 });
        }
        _ => turn.effect(Effect::Serve { cut_bytes: 0 }),
    }
}

fn config(data_dir: &str) -> Config {
    let property =
        |key: &str, value: &str| Property { key: key.to_owned(), value: value.to_owned(), source: Source::Argument };
    let host = Host { name: "swift.example".to_owned(), cpus: 2 };
    let properties = [
        property("listeners", "PLAINTEXT://127.0.0.1:0"),
        property("data.dir", data_dir),
        property("cores", "2"),
        property("diskless.http.listener", ""),
    ];
    Config::load(&properties, &host).expect("it is valid")
}

fn exchange(stream: &mut TcpStream, bytes: usize) {
    let frame: Vec<u8> = (bytes as u32).to_be_bytes().into_iter().chain((0..bytes).map(|at| at as u8)).collect();
    let mut writer = stream.try_clone().expect("a socket can be cloned");
    let sent = frame.clone();
    let sender = thread::spawn(move || writer.write_all(&sent).expect("it is sent"));
    let mut answer = vec![0; frame.len()];
    stream.read_exact(&mut answer).expect("it is echoed");
    sender.join().expect("the sender ends");
    assert!(answer == frame, "{bytes} bytes came back changed");
}

#[test]
fn a_node_is_driven_from_start_to_end() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = config(directory.path().to_str().expect("its path is text"));
    let (tell, told) = mpsc::channel();
    let broker = thread::spawn(move || {
        start::run(config, Moment::now(), None, move |core, config| {
            tell.send(config.listeners[0].port).expect("the test listens");
            Echo { core, ..Echo::default() }
        })
    });
    let port = told.recv_timeout(Duration::from_secs(10)).expect("a core is made");
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("it listens");

    let mut streams: Vec<TcpStream> = (0..8).map(|_| connect()).collect();
    for bytes in [1, 100, 16 << 10, (16 << 10) + 1, 300 << 10, 3 << 20, 20 << 20] {
        exchange(&mut streams[bytes % 8], bytes);
    }
    streams.iter_mut().for_each(|stream| exchange(stream, 1000));

    // What was replied before the close arrives, then the end.
    let mut closed = connect();
    closed.write_all(&[0; 8]).expect("it is sent");
    let mut rest = Vec::new();
    closed.read_to_end(&mut rest).expect("no reset before the end");
    assert_eq!(rest, [0; 8]);

    let mut half = connect();
    half.write_all(&[0, 0, 0, 1, 5]).expect("it is sent");
    half.shutdown(Shutdown::Write).expect("it can be half closed");
    rest.clear();
    half.read_to_end(&mut rest).expect("no reset before the end");
    assert!(rest.is_empty() || rest == [0, 0, 0, 1, 5]);

    let began = Moment::now();
    signal_hook::low_level::raise(signal_hook::consts::SIGTERM).expect("a signal can be raised");
    let code = broker.join().expect("the broker ends");
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
