//! Any bytes in any pieces as what a connection receives: frames, their order, and when the connection is closed.
//!
//! A session is held against a splitter that is too simple to be wrong, which has all bytes at once.

use std::sync::Arc;

use apus_core::api::{FetchResponse, ProduceResponse, Request, Response};
use apus_core::ids::ConnectionId;
use apus_core::limits::{RECEIVE_BYTES_FIRST, RECEIVE_BYTES_STEP, RECEIVE_FACTOR, REQUEST_BYTES_MAX};
use apus_core::time::{Instant, Rng, WallTime};
use apus_core::turn::{Counters, Effect, Turn};
use apus_net::session::{Next, Room, Session, SessionSettings};
use apus_net::wire::header::Reject;
use apus_net::wire::keys::ApiKey;
use apus_net::wire::writer::Writer;
use apus_net::wire::{Call, decode_request};
use bytes::Bytes;

use super::Input;

/// The core has room for everything.
const ROOM: Room = Room { in_flight: true, replies: true, replies_to_readers: true };
/// `socket.request.max.bytes`: its default.
const BYTES_MAX: usize = 100 << 20;

/// What a stream of bytes comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Story {
    /// Requests that began, in order.
    requests: Vec<String>,
    /// The numbers of the requests that were answered, in the order of the replies.
    replies: Vec<i32>,
    closed: bool,
}

/// The first four bytes say how the others are cut; these are received.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let cuts = input.take(4);
    let stream = input.0;
    let expected = split(stream);
    for cuts in [&[], cuts] {
        let found = received(stream, cuts);
        assert_eq!((&found.requests, found.closed), (&expected.requests, expected.closed), "cut by {cuts:?}");
        // Answers that come after a frame that closes the connection are nobody's.
        let replies = if found.closed { &expected.replies[..found.replies.len()] } else { &expected.replies };
        assert_eq!(found.replies, replies, "cut by {cuts:?}");
    }
}

/// What all of it comes to, seen at once.
fn split(stream: &[u8]) -> Story {
    let mut story = Story::default();
    let mut rest = stream;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = i32::from_be_bytes(*length);
        let bytes = usize::try_from(length).unwrap_or(0);
        let code = after[..after.len().min(bytes)].first_chunk().map(|code| i16::from_be_bytes(*code));
        let key = code.map(ApiKey::of);
        let is_large = bytes > REQUEST_BYTES_MAX && key.is_some_and(|key| key != Some(ApiKey::Produce));
        if bytes == 0 || bytes > BYTES_MAX || key == Some(None) || is_large {
            story.closed = true;
            return story;
        }
        let Some((frame, after)) = after.split_at_checked(bytes) else { return story };
        rest = after;
        match decode_request(&Bytes::copy_from_slice(frame)) {
            Ok((header, Call::ApiVersions(_))) => story.replies.push(header.correlation),
            Ok((header, Call::Core(request))) => {
                story.requests.push(format!("{request:?}"));
                if answer(&request).is_some() {
                    story.replies.push(header.correlation);
                }
            }
            Err(Reject::AnswerUnsupported { correlation }) => story.replies.push(correlation),
            Err(_) => {
                story.closed = true;
                return story;
            }
        }
    }
    story
}

/// Those that overlap are answered, so that their order shows.
fn answer(request: &Request) -> Option<Response> {
    match request {
        Request::Produce(_) => Some(Response::Produce(ProduceResponse { topics: Vec::new() })),
        Request::Fetch(_) => Some(Response::Fetch(FetchResponse { refusal: None, session_id: 0, topics: Vec::new() })),
        _ => None,
    }
}

/// What a session makes of it, received in pieces.
fn received(stream: &[u8], cuts: &[u8]) -> Story {
    let mut bench = Bench::new();
    let mut cuts = cuts.iter().cycle();
    let mut rest = stream;
    loop {
        let cut = cuts.next().map_or(rest.len(), |cut| usize::from(*cut) + 1);
        let (piece, after) = rest.split_at(cut.min(rest.len()));
        rest = after;
        bench.receive(piece, stream.len() - rest.len());
        if rest.is_empty() {
            break;
        }
    }
    bench.answer_all();
    bench.begin_all();
    bench.answer_all();
    bench.story
}

struct Bench {
    session: Session,
    writer: Writer,
    rng: Rng,
    count: Counters,
    effects: Vec<Effect>,
    waiting: Vec<(u64, Response)>,
    replied: Vec<u8>,
    story: Story,
}

impl Bench {
    fn new() -> Bench {
        let settings = Arc::new(SessionSettings {
            cluster_id: Arc::from("cluster"),
            node_id: 1,
            features: &[],
            request_bytes_max: BYTES_MAX,
            idle_max: None,
            principal: Arc::from("User:ANONYMOUS"),
        });
        Bench {
            session: Session::new(ConnectionId(1), 0, Arc::from("peer"), &settings, Instant(0)),
            writer: Writer::new(),
            rng: Rng::new(1),
            count: Counters::default(),
            effects: Vec::new(),
            waiting: Vec::new(),
            replied: Vec::new(),
            story: Story::default(),
        }
    }

    /// A piece comes; so many bytes have come by then.
    fn receive(&mut self, piece: &[u8], bytes: usize) {
        let (buffer, _) = self.session.buffer();
        buffer.extend_from_slice(piece);
        let kept = buffer.capacity();
        let fair = (RECEIVE_FACTOR * bytes).clamp(RECEIVE_BYTES_FIRST, RECEIVE_BYTES_STEP).max(bytes);
        assert!(kept <= 2 * (bytes + fair), "{kept} bytes are kept of {bytes}");
        self.session.received(Instant(0));
        self.begin_all();
    }

    /// Begins what may begin. Where nothing may, all that waits is answered, the last one first.
    fn begin_all(&mut self) {
        loop {
            let next = self.step(|session, writer, turn| session.next(ROOM, writer, turn));
            match next {
                Next::Request { slot, request, .. } => {
                    self.story.requests.push(format!("{request:?}"));
                    self.waiting.push((slot, answer(&request).unwrap_or(Response::Silence)));
                }
                Next::Busy => {
                    assert!(!self.waiting.is_empty(), "every reply is read, and yet it waits");
                    self.answer_all();
                }
                Next::Held(need) => panic!("there is room, and yet it waits for {need:?}"),
                Next::Rests(until) => panic!("nobody bounds it, and yet it rests until {until:?}"),
                Next::Idle => return,
                Next::Closed => {
                    self.story.closed = true;
                    return;
                }
            }
        }
    }

    fn answer_all(&mut self) {
        while let Some((slot, response)) = self.waiting.pop() {
            self.step(|session, writer, turn| session.answer(slot, response, writer, turn));
        }
    }

    /// The session does something, and its client reads what comes of it.
    fn step<T>(&mut self, act: impl FnOnce(&mut Session, &mut Writer, &mut Turn<'_>) -> T) -> T {
        let Bench { session, writer, rng, count, effects, .. } = self;
        let mut turn = Turn { now: Instant(0), wall: WallTime(0), rng, count, effects };
        let out = act(session, writer, &mut turn);
        session.check();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Reply { pieces, .. } => {
                    let bytes: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
                    pieces.iter().for_each(|piece| self.replied.extend_from_slice(piece));
                    self.session.sent(bytes, Instant(0));
                }
                Effect::Read { .. } | Effect::Close { .. } | Effect::Note { .. } => {}
                other => panic!("a session never asks for {other:?}"),
            }
        }
        self.read_replies();
        out
    }

    /// Whole replies only, and their numbers.
    fn read_replies(&mut self) {
        let mut rest = &self.replied[..];
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (frame, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            self.story.replies.push(i32::from_be_bytes(*frame.first_chunk().expect("a reply has a header")));
            rest = after;
        }
        assert!(rest.is_empty(), "a reply is sent whole");
        self.replied.clear();
    }
}
