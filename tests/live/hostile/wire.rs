//! A connection whose bytes are written by hand.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::broker::{Broker, PATIENCE};

/// The correlation id of every request here.
pub const CORRELATION: i32 = 0x0a0b_0c0d;
/// Kafka's key of the API.
pub const PRODUCE: i16 = 0;
/// Kafka's key of the API.
pub const FETCH: i16 = 1;
/// Kafka's key of the API.
pub const METADATA: i16 = 3;
/// Kafka's key of the API.
pub const OFFSET_FETCH: i16 = 9;
/// Kafka's key of the API.
pub const FIND_COORDINATOR: i16 = 10;
/// Kafka's key of the API.
pub const JOIN_GROUP: i16 = 11;
/// Kafka's key of the API.
pub const HEARTBEAT: i16 = 12;
/// Kafka's key of the API.
pub const DESCRIBE_GROUPS: i16 = 15;
/// Kafka's key of the API.
pub const API_VERSIONS: i16 = 18;
/// Kafka's key of the API.
pub const CREATE_TOPICS: i16 = 19;
/// Kafka's key of the API.
pub const DESCRIBE_CONFIGS: i16 = 32;
/// Kafka's key of the API.
pub const DELETE_GROUPS: i16 = 42;

/// A connection.
pub struct Wire {
    stream: TcpStream,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A whole frame, without its length.
    Frame(Vec<u8>),
    /// Nothing: the connection is closed.
    Closed,
}

impl Wire {
    /// Connects.
    pub fn connect(broker: &Broker) -> Wire {
        Wire::try_connect(broker).expect("it listens")
    }

    /// Connects, unless the system refuses.
    pub fn try_connect(broker: &Broker) -> io::Result<Wire> {
        let stream = TcpStream::connect(broker.bootstrap())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Wire { stream })
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes; the broker may have closed the connection already.
    pub fn send(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Err(error) if !is_closed(&error) => panic!("{} bytes cannot be sent: {error}", bytes.len()),
            _ => {}
        }
    }

    /// Nothing more comes from here.
    pub fn end(&mut self) {
        // It may be closed by now.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        let mut length = [0; 4];
        if !self.fill(&mut length) {
            return Answer::Closed;
        }
        let length = i32::from_be_bytes(length);
        let mut frame = vec![0; usize::try_from(length).expect("an answer has a length")];
        if self.fill(&mut frame) { Answer::Frame(frame) } else { Answer::Closed }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> bool {
        match self.stream.read_exact(buffer) {
            Ok(()) => true,
            Err(error) if is_closed(&error) => false,
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

/// Sends bytes on a connection of their own: what comes back.
pub fn ask(broker: &Broker, bytes: &[u8]) -> Answer {
    let mut wire = Wire::connect(broker);
    wire.send(bytes);
    wire.answer()
}

/// A frame around a body.
pub fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

/// A request with the header of a client that has no name.
pub fn request(key: i16, version: i16, flexible: bool, body: &[u8]) -> Vec<u8> {
    let header = header(key, version, flexible);
    frame(&[&header, body].concat())
}

/// The header.
pub fn header(key: i16, version: i16, flexible: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(key.to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend(CORRELATION.to_be_bytes());
    bytes.extend((-1_i16).to_be_bytes());
    bytes.extend(flexible.then_some(0_u8));
    bytes
}

/// A text with its length before it.
pub fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

/// Reads an answer that has no compact lengths.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at_checked(count).expect("the answer is long enough");
        self.0 = rest;
        bytes
    }

    /// A number.
    pub fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.bytes(2).try_into().expect("two bytes"))
    }

    /// A number.
    pub fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.bytes(4).try_into().expect("four bytes"))
    }

    /// A text, or none.
    pub fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()).ok()?;
        Some(String::from_utf8(self.bytes(length).to_vec()).expect("a text"))
    }
}
