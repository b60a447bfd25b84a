//! The order of a connection: requests are answered in whatever order, replies leave in the order of the requests.

use std::collections::VecDeque;

use apus_core::limits::{CONNECTION_REPLY_BYTES_MAX, CONNECTION_REQUESTS_MAX};
use apus_core::time::Instant;
use apus_core::turn::Level;
use bytes::Bytes;

use crate::wire::writer::Frame;

/// Why a connection ends whose answer cannot be given.
const TOO_LONG: &str = "it asks for more than one answer may hold";

/// Requests that are not answered, answers that wait for an earlier one, and replies that the client has not read.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// The slot of the first request in `pending`.
    first: u64,
    pending: VecDeque<Pending>,
    /// Bytes of answers in `pending`.
    waiting_bytes: u64,
    /// Bytes of each reply that left and is not read to its end, in order.
    unread: VecDeque<u64>,
    unread_bytes: u64,
    /// Bytes of the first of them that the client has read: they are kept as long as the others.
    read_bytes: u64,
}

/// What an answer needs to know of its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Kafka's number of the API.
    pub api: i16,
    /// The version.
    pub version: i16,
    /// The number that the client gave it.
    pub correlation: i32,
    /// When it had come.
    pub came: Instant,
    /// How long its client is told to rest.
    pub throttle_ms: i32,
}

#[derive(Debug)]
struct Pending {
    asked: Asked,
    /// No other request runs beside it.
    alone: bool,
    answer: Option<Answer>,
}

/// What a request came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// Send this.
    Frame(Frame),
    /// Send nothing.
    Nothing,
    /// Close the connection once all before it is sent, for this reason.
    Close(String),
    /// Close it likewise: the answer would be longer than one may be.
    TooLong,
}

/// What may leave now.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Bytes to send, in order.
    pub pieces: Vec<Bytes>,
    /// Then close, for this reason.
    pub close: Option<(Level, String)>,
}

impl Replies {
    /// A request begins; its slot is returned.
    pub fn begin(&mut self, asked: Asked, alone: bool) -> u64 {
        assert!(self.admits(alone));
        self.pending.push_back(Pending { asked, alone, answer: None });
        self.first + self.pending.len() as u64 - 1
    }

    /// Whether a request may begin now, beside those that are not answered.
    pub fn admits(&self, alone: bool) -> bool {
        let Some(last) = self.pending.back() else { return self.has_room() };
        !alone && !last.alone && self.pending.len() < CONNECTION_REQUESTS_MAX && self.has_room()
    }

    fn has_room(&self) -> bool {
        self.unread.len() < CONNECTION_REQUESTS_MAX
            && self.waiting_bytes + self.unread_bytes < CONNECTION_REPLY_BYTES_MAX
    }

    /// No request is unanswered.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Bytes that are kept for the client: replies that it has not read to their end, and answers that wait for an
    /// earlier one.
    pub fn bytes(&self) -> u64 {
        self.waiting_bytes + self.unread_bytes + self.read_bytes
    }

    /// Bytes that the client has not read.
    pub fn unread_bytes(&self) -> u64 {
        self.unread_bytes
    }

    /// The request in this slot.
    pub fn request(&self, slot: u64) -> Asked {
        self.pending[self.index(slot)].asked
    }

    /// The client is told to rest so long, or longer where it was before.
    pub fn throttle(&mut self, slot: u64, throttle_ms: u64) {
        let index = self.index(slot);
        let told = &mut self.pending[index].asked.throttle_ms;
        *told = (*told).max(i32::try_from(throttle_ms).unwrap_or(i32::MAX));
    }

    fn index(&self, slot: u64) -> usize {
        slot.checked_sub(self.first).expect("a request is answered once") as usize
    }

    /// The answer to the request in this slot.
    pub fn answer(&mut self, slot: u64, answer: Answer) {
        let index = self.index(slot);
        if let Answer::Frame(frame) = &answer {
            self.waiting_bytes += frame.bytes as u64;
        }
        let before = self.pending[index].answer.replace(answer);
        assert!(before.is_none(), "a request is answered once");
    }

    /// Takes what no earlier request holds back.
    pub fn take(&mut self) -> Ready {
        let mut ready = Ready::default();
        while ready.close.is_none() {
            let Some(answer) = self.pending.front_mut().and_then(|head| head.answer.take()) else { break };
            self.pending.pop_front();
            self.first += 1;
            match answer {
                Answer::Frame(frame) => {
                    self.waiting_bytes -= frame.bytes as u64;
                    self.unread_bytes += frame.bytes as u64;
                    self.unread.push_back(frame.bytes as u64);
                    ready.pieces.extend(frame.pieces);
                }
                Answer::Nothing => {}
                Answer::Close(why) => ready.close = Some((Level::Debug, why)),
                Answer::TooLong => ready.close = Some((Level::Warn, TOO_LONG.to_owned())),
            }
        }
        ready
    }

    /// The client's socket took so many bytes.
    pub fn sent(&mut self, mut bytes: u64) {
        assert!(bytes <= self.unread_bytes, "more was sent than there was");
        self.unread_bytes -= bytes;
        while bytes > 0 {
            let first = self.unread.front_mut().expect("the sum is that of the replies");
            let part = bytes.min(*first);
            *first -= part;
            bytes -= part;
            self.read_bytes += part;
            if *first == 0 {
                self.unread.pop_front();
                self.read_bytes = 0;
            }
        }
    }

    /// Sums agree with what they sum, and nothing that could leave has stayed.
    pub fn check(&self) {
        assert!(self.unread_bytes == self.unread.iter().sum::<u64>());
        assert!(self.read_bytes == 0 || !self.unread.is_empty());
        assert!(self.pending.len() <= CONNECTION_REQUESTS_MAX);
        assert!(self.pending.front().is_none_or(|head| head.answer.is_none()));
        assert!(self.pending.len() <= 1 || self.pending.iter().all(|pending| !pending.alone));
        let waiting = self.pending.iter().filter_map(|pending| match &pending.answer {
            Some(Answer::Frame(frame)) => Some(frame.bytes as u64),
            _ => None,
        });
        assert!(self.waiting_bytes == waiting.sum::<u64>());
    }
}
