//! A connection as a machine: bytes in, requests out; answers in, bytes out.
//!
//! It owns the receive buffer and the order of the connection, and nothing of what requests mean. The shell appends to
//! [`Session::buffer`]; the node then calls [`Session::next`] until it yields no request, hands requests to the front,
//! and brings each answer to [`Session::answer`]. What was written comes back through [`Session::sent`].
//!
//! Rules:
//! - Replies leave in the order of the requests. Produces overlap; any other request begins when all before it are
//!   answered, and those behind it wait until it is.
//! - At most [`CONNECTION_REQUESTS_MAX`](apus_core::limits::CONNECTION_REQUESTS_MAX) requests are unanswered; with as
//!   many replies unread, or [`CONNECTION_REPLY_BYTES_MAX`](apus_core::limits::CONNECTION_REPLY_BYTES_MAX) of them, no
//!   further request begins. Then the socket is not read, so a client that does not read cannot make us hold more.
//! - ApiVersions never leaves the session.
//! - A client that used too much of a quota is told so and rests: until then no further request begins, whether the client
//!   holds to what it was told or not.
//! - What the core has no room for is held back by its kind ([`Need`]): a connection whose next request is a Produce
//!   waits for bytes in flight, one whose next answer may be large waits for memory of replies. Members of groups go on.
//! - Bytes that are no request, and requests that are not served, close the connection, as Kafka does.
//!
//! Loss: with the connection everything here is gone; answers that still come are dropped.

mod frames;
mod host;
mod replies;
#[cfg(test)]
mod tests;
mod zone;

use std::sync::Arc;
use std::time::Duration;

use apus_core::api::{Context, Request, Response, Software};
use apus_core::error::Refusal;
use apus_core::features::Feature;
use apus_core::ids::ConnectionId;
use apus_core::limits::{READER_MS_MIN, REPLY_STALL_MS_SHORT, REQUEST_BYTES_SMALL};
use apus_core::time::Instant;
use apus_core::turn::{Effect, Level, Turn};
use bytes::{Bytes, BytesMut};

use crate::wire::api_versions::{Identity, encode_api_versions, encode_unsupported};
use crate::wire::header::{Reject, RequestHeader};
use crate::wire::keys::ApiKey;
use crate::wire::request::{Call, decode_request};
use crate::wire::response::{Encoded, encode_throttled};
use crate::wire::writer::{Frame, Writer};

use frames::Frames;
use replies::{Answer, Asked, Replies};

/// Where reply memory is short, a client that reads nothing for so long is closed.
const STALL: Duration = Duration::from_secs(30);

/// What all sessions of a core share.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// The cluster's id, which ApiVersions is held against.
    pub cluster_id: Arc<str>,
    /// This broker's `node.id`, likewise.
    pub node_id: i32,
    /// What ApiVersions tells of the cluster's features.
    pub features: &'static [Feature],
    /// `socket.request.max.bytes`.
    pub request_bytes_max: usize,
    /// `connections.max.idle.ms`; nothing is for ever.
    pub idle_max: Option<Duration>,
    /// Who clients are until listeners authenticate.
    pub principal: Arc<str>,
}

/// What a request needs of its core before it may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Bytes in flight: it brings records.
    InFlight,
    /// Memory of replies: its answer may be large.
    Replies,
}

/// What a core has room for.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes in flight.
    pub in_flight: bool,
    /// Memory of replies.
    pub replies: bool,
    /// Memory of replies to clients that are known to read them: a crowd of strangers that read nothing leaves them some.
    pub replies_to_readers: bool,
}

impl Room {
    fn has(self, need: Need, is_reader: bool) -> bool {
        match need {
            Need::InFlight => self.in_flight,
            Need::Replies => self.replies || (is_reader && self.replies_to_readers),
        }
    }
}

/// What a session has next.
#[derive(Debug)]
pub enum Next {
    /// A request for the front; its answer is brought to the slot.
    Request {
        /// The session's number of it.
        slot: u64,
        /// Who asks.
        context: Arc<Context>,
        /// What.
        request: Request,
        /// No received bytes are left behind it.
        drained: bool,
        /// How long it is, its header included.
        bytes: usize,
    },
    /// No whole request has come.
    Idle,
    /// A request may have come, but none begins before an answer or a read of the client's.
    Busy,
    /// A request has come that the core has no room for.
    Held(Need),
    /// No request begins before this time: the client used too much of a quota.
    Rests(Instant),
    /// The connection is closed or closing.
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    connection: ConnectionId,
    peer: Arc<str>,
    settings: Arc<SessionSettings>,
    frames: Frames,
    replies: Replies,
    context: Arc<Context>,
    /// The last thing that the client did: sent or read bytes.
    active: Instant,
    /// When it last read a part of its replies, or was given the first one that it has not read.
    took: Instant,
    /// When it was accepted, or last took long to read.
    reader_since: Instant,
    reading: bool,
    /// Until then, no request begins.
    rests_until: Instant,
    closed: bool,
    /// Its replies are given up.
    abandoned: bool,
}

impl Session {
    /// A connection that was accepted; its socket is being read.
    #[must_use]
    pub fn new(
        connection: ConnectionId,
        listener: u16,
        peer: Arc<str>,
        settings: &Arc<SessionSettings>,
        now: Instant,
    ) -> Session {
        let (principal, client_id) = (Arc::clone(&settings.principal), Arc::from(""));
        let host = host::of_peer(&peer);
        Session {
            connection,
            peer,
            settings: Arc::clone(settings),
            frames: Frames::new(settings.request_bytes_max),
            replies: Replies::default(),
            context: Arc::new(Context { principal, listener, client_id, host, zone: None, software: None }),
            active: now,
            took: now,
            reader_since: now,
            reading: true,
            rests_until: Instant(0),
            closed: false,
            abandoned: false,
        }
    }

    /// The buffer to append received bytes to, and how many bytes the request under way lacks. Where it lacks some,
    /// there is room to read into; where it lacks none, the buffer may own no memory, and bytes are best read into a
    /// buffer of the core's and copied.
    pub fn buffer(&mut self) -> (&mut BytesMut, usize) {
        self.frames.buffer()
    }

    /// Bytes were appended.
    pub fn received(&mut self, now: Instant) {
        self.active = now;
    }

    /// The next request, if one has come and may begin. ApiVersions is answered on the way.
    pub fn next(&mut self, room: Room, writer: &mut Writer, turn: &mut Turn<'_>) -> Next {
        while !self.closed {
            if turn.now < self.rests_until {
                self.read(false, turn);
                return Next::Rests(self.rests_until);
            }
            let key = self.frames.code().and_then(ApiKey::of);
            let bytes = match self.frames.peek() {
                Ok(Some(frame)) => frame.len(),
                // The rest of it would only wait here.
                Ok(None) if key == Some(ApiKey::Produce) && !room.in_flight => {
                    self.read(false, turn);
                    return Next::Held(Need::InFlight);
                }
                Ok(None) => {
                    self.read(true, turn);
                    return Next::Idle;
                }
                Err(why) => {
                    self.close(Level::Warn, &why.to_string(), turn);
                    break;
                }
            };
            let alone = is_alone(key);
            if !self.replies.admits(alone) {
                self.read(false, turn);
                return Next::Busy;
            }
            if let Some(need) = need_of(key, bytes).filter(|need| !room.has(*need, self.is_reader(turn.now))) {
                self.read(false, turn);
                return Next::Held(need);
            }
            let frame = self.frames.take(bytes);
            turn.count.requests += 1;
            if let Some(next) = self.begin(&frame, alone, writer, turn) {
                return next;
            }
        }
        self.frames.clear(); // What came since is nobody's.
        Next::Closed
    }

    /// Decodes a request; nothing is returned for one that is answered or refused here.
    fn begin(&mut self, frame: &Bytes, alone: bool, writer: &mut Writer, turn: &mut Turn<'_>) -> Option<Next> {
        match decode_request(frame) {
            Ok((header, Call::Core(request))) => {
                let context = self.context_of(header.client_id.unwrap_or_default());
                let slot = self.replies.begin(asked(&header, turn), alone);
                let (drained, bytes) = (self.frames.is_empty(), frame.len());
                Some(Next::Request { slot, context, request, drained, bytes })
            }
            Ok((header, Call::ApiVersions(request))) => {
                let SessionSettings { cluster_id, node_id, features, .. } = &*self.settings;
                let identity = Identity { cluster_id, node_id: *node_id, features };
                let asked = asked(&header, turn);
                let software = Software {
                    name: request.client_software_name.into(),
                    version: request.client_software_version.into(),
                    port: host::port_of_peer(&self.peer),
                };
                let answer = encode_api_versions(writer, asked.version, asked.correlation, &request, &identity);
                self.context =
                    Arc::new(Context { software: Some(Arc::new(software)), ..Context::clone(&self.context) });
                self.answer_here(answer, asked, turn);
                None
            }
            Err(Reject::AnswerUnsupported { correlation }) => {
                turn.count.requests_refused += 1;
                let (api, came) = (ApiKey::ApiVersions.code(), turn.now);
                let asked = Asked { api, version: 0, correlation, came, throttle_ms: 0 };
                turn.count.refused(api, Refusal::UnsupportedVersion);
                self.answer_here(encode_unsupported(writer, correlation), asked, turn);
                None
            }
            Err(reject) => {
                turn.count.requests_refused += 1;
                self.close(Level::Warn, &reject.to_string(), turn);
                None
            }
        }
    }

    fn answer_here(&mut self, frame: Frame, asked: Asked, turn: &mut Turn<'_>) {
        turn.count.answered(asked.api, turn.now - asked.came);
        let slot = self.replies.begin(asked, true);
        self.replies.answer(slot, Answer::Frame(frame));
        self.emit(turn);
    }

    /// Kept as long as the client calls itself the same.
    fn context_of(&mut self, client_id: &str) -> Arc<Context> {
        if *self.context.client_id != *client_id {
            let zone = zone::of_client_id(client_id).map(Arc::from);
            self.context = Arc::new(Context { client_id: Arc::from(client_id), zone, ..Context::clone(&self.context) });
        }
        Arc::clone(&self.context)
    }

    /// Whose requests these are.
    #[must_use]
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The client of this request, which is not answered yet, is to rest so long: it is told with the answer.
    pub fn throttle(&mut self, slot: u64, throttle_ms: u64, turn: &mut Turn<'_>) {
        if self.closed || throttle_ms == 0 {
            return;
        }
        turn.count.throttled_requests += 1;
        self.replies.throttle(slot, throttle_ms);
        self.rests_until = self.rests_until.max(turn.now.after_ms(throttle_ms));
    }

    /// The answer to a request of this session; it leaves when all before it have.
    pub fn answer(&mut self, slot: u64, response: Response, writer: &mut Writer, turn: &mut Turn<'_>) {
        if self.closed {
            return;
        }
        let Asked { api, version, correlation, came, throttle_ms } = self.replies.request(slot);
        turn.count.answered(api, turn.now - came);
        response.refusals(|refusal| turn.count.refused(api, refusal));
        let answer = match (encode_throttled(writer, version, correlation, throttle_ms, &response), response) {
            (Encoded::Frame(frame), _) => Answer::Frame(frame),
            (Encoded::Nothing, Response::Hangup(why)) => Answer::Close(why),
            (Encoded::Nothing, _) => Answer::Nothing,
            (Encoded::TooLong, _) => Answer::TooLong,
        };
        self.replies.answer(slot, answer);
        self.emit(turn);
    }

    fn emit(&mut self, turn: &mut Turn<'_>) {
        if self.replies.unread_bytes() == 0 {
            self.took = turn.now;
        }
        let ready = self.replies.take();
        if !ready.pieces.is_empty() {
            turn.effect(Effect::Reply { connection: self.connection, pieces: ready.pieces });
        }
        if let Some((level, why)) = ready.close {
            self.close(level, &why, turn);
        }
    }

    /// The client's socket took so many bytes of replies.
    pub fn sent(&mut self, bytes: u64, now: Instant) {
        if now - self.took >= Duration::from_millis(REPLY_STALL_MS_SHORT) {
            self.reader_since = now;
        }
        (self.active, self.took) = (now, now);
        self.replies.sent(bytes);
    }

    /// Stops reading, because the broker has enough to do; [`Session::next`] goes on.
    pub fn pause(&mut self, turn: &mut Turn<'_>) {
        self.read(false, turn);
    }

    fn read(&mut self, enabled: bool, turn: &mut Turn<'_>) {
        if self.reading != enabled && !self.closed {
            self.reading = enabled;
            turn.effect(Effect::Read { connection: self.connection, enabled });
        }
    }

    /// Whole or in part, a request has come that has not begun.
    #[must_use]
    pub fn has_received(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Reply bytes that the client has not read.
    #[must_use]
    pub fn unread_bytes(&self) -> u64 {
        self.replies.unread_bytes()
    }

    /// Reply bytes that are kept for the client.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        if self.abandoned { 0 } else { self.replies.bytes() }
    }

    /// Since when the client has read nothing of the replies that wait for it, where some do.
    #[must_use]
    pub fn stalled_since(&self) -> Option<Instant> {
        (!self.abandoned && self.replies.unread_bytes() > 0).then_some(self.took)
    }

    /// Whether the client has read its replies at once for a while, and has none to read.
    fn is_reader(&self, now: Instant) -> bool {
        self.replies.unread_bytes() == 0 && now - self.reader_since >= Duration::from_millis(READER_MS_MIN)
    }

    /// No request is unanswered and no reply unread.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.closed || (self.replies.is_empty() && self.replies.unread_bytes() == 0)
    }

    /// When the connection is to be closed if nothing happens on it; `short`: reply memory is.
    #[must_use]
    pub fn deadline(&self, short: bool) -> Instant {
        if self.closed {
            return Instant::NEVER;
        }
        let stall = self.stalled_since().filter(|_| short).map(|since| since + STALL);
        let idle = self.settings.idle_max.filter(|_| self.replies.is_empty()).map(|wait| self.active + wait);
        stall.into_iter().chain(idle).min().unwrap_or(Instant::NEVER)
    }

    /// Time passed: closes a connection on which nothing happened for too long. Its deadline has moved on otherwise.
    pub fn wake(&mut self, short: bool, turn: &mut Turn<'_>) {
        if self.deadline(short) > turn.now {
            return;
        }
        if self.replies.unread_bytes() > 0 {
            return self.abandon(turn);
        }
        self.close(Level::Debug, "idle for connections.max.idle.ms", turn);
    }

    /// Gives up a client that does not read its replies, and them.
    pub fn abandon(&mut self, turn: &mut Turn<'_>) {
        assert!(!self.abandoned, "a connection is given up once");
        self.abandoned = true;
        if !self.closed {
            self.note_closed(Level::Debug, "the client does not read its replies", turn);
        }
        turn.effect(Effect::Abandon { connection: self.connection });
    }

    /// A warning where the client sent what no client sends.
    fn close(&mut self, level: Level, why: &str, turn: &mut Turn<'_>) {
        self.note_closed(level, why, turn);
        turn.effect(Effect::Close { connection: self.connection });
    }

    fn note_closed(&mut self, level: Level, why: &str, turn: &mut Turn<'_>) {
        assert!(!self.closed, "a connection is closed once");
        self.closed = true;
        self.frames.clear();
        turn.note(level, format!("closed the connection from {}: {why}", self.peer));
    }

    /// The whole state makes sense.
    pub fn check(&self) {
        if !self.closed {
            self.replies.check();
        }
    }
}

/// A request was understood.
fn asked(header: &RequestHeader<'_>, turn: &mut Turn<'_>) -> Asked {
    let api = header.key.code();
    turn.count.begun(api);
    Asked { api, version: header.version, correlation: header.correlation, came: turn.now, throttle_ms: 0 }
}

/// Whether a request runs beside no other. What is too short for a key is refused soon enough. Fetches run one at a time,
/// as in Kafka: whoever sends a hundred of them and reads nothing is owed one answer, and not a hundred.
fn is_alone(key: Option<ApiKey>) -> bool {
    key != Some(ApiKey::Produce)
}

/// What a request of so many bytes needs. An answer is small where it follows from what is asked, and little is; those
/// of Join- and SyncGroup are bounded by their group, which must go on.
fn need_of(key: Option<ApiKey>, bytes: usize) -> Option<Need> {
    use ApiKey::{
        DescribeConfigs, DescribeGroups, DescribeLogDirs, DescribeProducers, DescribeShareGroupOffsets,
        DescribeTopicPartitions, Fetch, ListConfigResources, ListGroups, Metadata, OffsetFetch, Produce, ShareFetch,
        StreamsGroupDescribe,
    };
    match key? {
        Produce => Some(Need::InFlight),
        Fetch
        | Metadata
        | OffsetFetch
        | DescribeGroups
        | ListGroups
        | DescribeConfigs
        | DescribeTopicPartitions
        | DescribeLogDirs
        | DescribeProducers
        | DescribeShareGroupOffsets
        | ShareFetch
        | ListConfigResources
        | StreamsGroupDescribe => Some(Need::Replies),
        _ => (bytes > REQUEST_BYTES_SMALL).then_some(Need::Replies),
    }
}
