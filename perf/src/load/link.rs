//! A connection that never waits: frames go out as vectored writes of shared bytes, answers come in through a buffer
//! that is kept.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;

use apus_net::wire::writer::Frame;
use bytes::{Buf, Bytes};

use super::control::connect;
use super::poll::Poll;

/// Slices of one vectored write.
const SLICES_MAX: usize = 64;
const LENGTH_BYTES: usize = 4;
/// Room that there is at least before a read; ten thousand connections have it.
const ROOM_BYTES_MIN: usize = 4 << 10;

/// One connection.
pub struct Link {
    stream: TcpStream,
    client: usize,
    out: VecDeque<Bytes>,
    blocked: bool,
    /// What has arrived.
    pub inbox: Inbox,
}

impl Link {
    /// Connects and joins the poll under this number.
    ///
    /// # Errors
    /// Where that fails.
    pub fn open(address: &str, poll: &Poll, client: usize) -> Result<Link, String> {
        let stream = connect(address)?;
        let joined = stream.set_nonblocking(true).and_then(|()| poll.add(&stream, client));
        joined.map_err(|error| format!("{address}: {error}"))?;
        Ok(Link { stream, client, out: VecDeque::new(), blocked: false, inbox: Inbox::default() })
    }

    /// Queues a frame.
    pub fn send(&mut self, frame: Frame) {
        self.out.extend(frame.pieces);
    }

    /// Writes what the socket takes; the rest goes when the poll says so.
    ///
    /// # Errors
    /// The system's.
    pub fn flush(&mut self, poll: &Poll) -> io::Result<()> {
        while !self.out.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.out.len().min(SLICES_MAX);
            for (slice, bytes) in slices.iter_mut().zip(&self.out) {
                *slice = IoSlice::new(bytes);
            }
            match self.stream.write_vectored(&slices[..count]) {
                Ok(written) => self.written(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let blocked = !self.out.is_empty();
        if blocked != self.blocked {
            self.blocked = blocked;
            poll.want(&self.stream, self.client, blocked)?;
        }
        Ok(())
    }

    /// Leaves the poll; nothing is sent or read any more.
    pub fn close(&mut self, poll: &Poll) {
        self.out.clear();
        poll.remove(&self.stream);
    }

    fn written(&mut self, mut bytes: usize) {
        while let Some(front) = self.out.front_mut().filter(|_| bytes > 0) {
            let taken = bytes.min(front.len());
            front.advance(taken);
            bytes -= taken;
            if front.is_empty() {
                self.out.pop_front();
            }
        }
    }

    /// Reads once.
    ///
    /// # Errors
    /// The system's, and that the broker has closed the connection.
    pub fn receive(&mut self) -> io::Result<()> {
        match self.stream.read(self.inbox.room()) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "closed by the broker")),
            Ok(bytes) => {
                self.inbox.end += bytes;
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Bytes that have arrived and were not yet taken.
#[derive(Default)]
pub struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// The next whole frame, without its length.
    pub fn next(&mut self) -> Option<&[u8]> {
        let frame = self.missing()?.checked_sub(1).is_none();
        frame.then(|| {
            let start = self.start + LENGTH_BYTES;
            self.start = start + self.declared().expect("the frame is whole");
            &self.buffer[start..self.start]
        })
    }

    /// Bytes of the frame at the front by its own word.
    fn declared(&self) -> Option<usize> {
        let length = self.buffer[self.start..self.end].first_chunk::<LENGTH_BYTES>()?;
        Some(u32::from_be_bytes(*length) as usize)
    }

    /// Bytes that the frame at the front lacks; nothing where its length has not arrived.
    fn missing(&self) -> Option<usize> {
        self.declared().map(|bytes| (LENGTH_BYTES + bytes).saturating_sub(self.end - self.start))
    }

    /// Room to read into: at least what the frame at the front lacks. What is left of earlier reads moves to the front
    /// only where the room would not do; that is rare, because a connection has few answers under way.
    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let wanted = self.missing().unwrap_or(0).max(ROOM_BYTES_MIN);
        if self.buffer.len() - self.end < wanted {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let bytes = self.buffer.len().max(self.end + wanted);
            self.buffer.resize(bytes, 0);
        }
        &mut self.buffer[self.end..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(inbox: &mut Inbox, bytes: &[u8]) {
        for part in bytes.chunks(3_000) {
            inbox.room()[..part.len()].copy_from_slice(part);
            inbox.end += part.len();
        }
    }

    #[test]
    fn frames_are_cut_wherever_the_bytes_break() {
        let frames: Vec<Vec<u8>> = [0, 1, 5_000, 3, 70_000].iter().map(|&bytes| vec![bytes as u8; bytes]).collect();
        let stream: Vec<u8> =
            frames.iter().flat_map(|frame| [&(frame.len() as u32).to_be_bytes()[..], frame].concat()).collect();
        for step in [1, 7, 4_096, stream.len()] {
            let mut inbox = Inbox::default();
            let mut found: Vec<Vec<u8>> = Vec::new();
            for part in stream.chunks(step) {
                arrive(&mut inbox, part);
                while let Some(frame) = inbox.next() {
                    found.push(frame.to_vec());
                }
            }
            assert_eq!(found, frames, "step {step}");
        }
    }
}
