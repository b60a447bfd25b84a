//! Frames and headers: lengths that are none, bytes that come late or never, APIs and versions that do not exist.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::wire::{
    API_VERSIONS, Answer, CORRELATION, FETCH, METADATA, PRODUCE, Reader, Wire, ask, frame, header, request, text,
};
use crate::broker::Broker;

/// How long a dripping client takes for a byte.
const DRIP: Duration = Duration::from_secs(1);

/// UNSUPPORTED_VERSION
const UNSUPPORTED: i16 = 35;

pub fn attack(broker: &Broker) -> u64 {
    lengths(broker);
    truncated(broker);
    headers(broker);
    unknown_versions(broker);
    1 << 10
}

fn lengths(broker: &Broker) {
    for length in [0, -1, i32::MIN, i32::MIN + 1, (100 << 20) + 1, i32::MAX, 0x4745_5420] {
        assert_eq!(ask(broker, &length.to_be_bytes()), Answer::Closed, "a frame of {length} bytes");
    }
    assert_eq!(ask(broker, b"GET / HTTP/1.1\r\nHost: swift\r\n\r\n"), Answer::Closed, "another protocol");
    assert_eq!(ask(broker, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), Answer::Closed, "TLS");
}

/// The client ends in the middle: of a length, of a frame, behind a whole request.
fn truncated(broker: &Broker) {
    let whole = request(API_VERSIONS, 0, false, &[]);
    for bytes in [&whole[..2], &whole[..4], &whole[..whole.len() - 1], &(90_i32 << 20).to_be_bytes(), &[]] {
        let mut wire = Wire::connect(broker);
        wire.send(bytes);
        wire.end();
        assert_eq!(wire.answer(), Answer::Closed, "{} bytes of a request", bytes.len());
    }
}

/// A byte a second is slow, and no error: a request that comes so for as long as everything else takes.
pub struct Drip {
    enough: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Drip {
    /// Begins.
    pub fn start(broker: &Broker) -> Drip {
        let mut wire = Wire::connect(broker);
        let (enough, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            // The name of its client makes it long.
            let mut body = header(API_VERSIONS, 0, false);
            body.truncate(8);
            body.extend(text(&"slow".repeat(1_000)));
            let mut bytes = frame(&body).into_iter();
            while told.recv_timeout(DRIP) == Err(RecvTimeoutError::Timeout) {
                wire.send(&[bytes.next().expect("a request lasts an hour")]);
            }
            wire.send(bytes.as_slice());
            let Answer::Frame(answer) = wire.answer() else { panic!("a slow client is answered") };
            assert_eq!(Reader(&answer).i32(), CORRELATION);
        });
        Drip { enough, thread }
    }

    /// Sends the rest: it is answered.
    pub fn finish(self) {
        self.enough.send(()).expect("it drips");
        self.thread.join().expect("a slow client is answered");
    }
}

fn headers(broker: &Broker) {
    for bytes in 1..10 {
        assert_eq!(ask(broker, &frame(&header(METADATA, 1, false)[..bytes])), Answer::Closed, "{bytes} bytes of one");
    }
    let mut long_name = header(METADATA, 1, false);
    long_name[8..10].copy_from_slice(&i16::MAX.to_be_bytes());
    assert_eq!(ask(broker, &frame(&long_name)), Answer::Closed, "a client's name beyond the frame");
    let mut no_text = header(METADATA, 1, false);
    no_text[8..10].copy_from_slice(&2_i16.to_be_bytes());
    no_text.extend([0xff, 0xfe, 0, 0, 0, 0]);
    assert_eq!(ask(broker, &frame(&no_text)), Answer::Closed, "a client's name that is no text");
    for count in [&[0xff_u8, 0xff, 0xff, 0xff, 0x0f][..], &[0xff; 9], &[0x80; 5], &[1, 0, 200, 1]] {
        let mut tagged = header(METADATA, 9, false);
        tagged.extend(count);
        assert_eq!(ask(broker, &frame(&tagged)), Answer::Closed, "tagged fields beyond the frame");
    }
}

fn unknown_versions(broker: &Broker) {
    for key in [-1, i16::MIN, i16::MAX, 95, 200, 4, 7] {
        assert_eq!(ask(broker, &request(key, 0, false, &[0; 8])), Answer::Closed, "API {key}");
    }
    for (key, version) in [(METADATA, 99), (METADATA, -1), (PRODUCE, 99), (FETCH, 3), (FETCH, i16::MAX)] {
        assert_eq!(ask(broker, &request(key, version, true, &[0; 8])), Answer::Closed, "API {key} version {version}");
    }
    for version in [6, 99, i16::MAX, -1, i16::MIN] {
        let mut wire = Wire::connect(broker);
        wire.send(&request(API_VERSIONS, version, true, &[2, b'a', 2, b'1', 0]));
        let Answer::Frame(answer) = wire.answer() else { panic!("ApiVersions {version} is always answered") };
        let mut answer = Reader(&answer);
        assert_eq!((answer.i32(), answer.i16()), (CORRELATION, UNSUPPORTED), "ApiVersions {version}");
        assert_eq!((answer.i32(), answer.i16()), (1, API_VERSIONS), "in the form of version 0, with its own range");
        // The client falls back on the same connection.
        wire.send(&request(API_VERSIONS, 0, false, &[]));
        let Answer::Frame(answer) = wire.answer() else { panic!("the connection goes on") };
        let mut answer = Reader(&answer);
        assert_eq!((answer.i32(), answer.i16()), (CORRELATION, 0));
    }
}
