//! A session told bytes and answers by hand: order, back-pressure, refusals and silence.

use apus_core::api::{
    HeartbeatResponse, InitProducerIdResponse, MetadataOperations, MetadataResponse, MetadataTopic, ProduceResponse,
};
use apus_core::error::Refusal;
use apus_core::ids::{BrokerId, Uuid};
use apus_core::limits::{CONNECTION_REPLY_BYTES_MAX, CONNECTION_REQUESTS_MAX};
use apus_core::time::{Rng, WallTime};
use apus_core::turn::Counters;
use proptest::prelude::*;

use super::*;
use crate::wire::client::encode_request;
use crate::wire::schema::api_versions::ApiVersionsRequest;
use crate::wire::schema::groups::{self as schema, LeaveGroupRequest};
use crate::wire::schema::metadata::MetadataRequest;
use crate::wire::schema::produce::ProduceRequest;
use crate::wire::schema::producer_id::InitProducerIdRequest;

/// A core that has nothing to do.
const ROOM: Room = Room { in_flight: true, replies: true, replies_to_readers: true };

/// A session with its surroundings.
struct Bench {
    session: Session,
    writer: Writer,
    rng: Rng,
    count: Counters,
    now: Instant,
    effects: Vec<Effect>,
}

impl Bench {
    fn new() -> Bench {
        let settings = Arc::new(SessionSettings {
            cluster_id: Arc::from("cluster"),
            node_id: 1,
            features: &[],
            request_bytes_max: 1 << 20,
            idle_max: Some(Duration::from_secs(600)),
            principal: Arc::from("User:ANONYMOUS"),
        });
        let session = Session::new(ConnectionId(1), 0, Arc::from("peer"), &settings, Instant(0));
        let (rng, count) = (Rng::new(1), Counters::default());
        Bench { session, writer: Writer::new(), rng, count, now: Instant(0), effects: Vec::new() }
    }

    fn with<T>(&mut self, step: impl FnOnce(&mut Session, &mut Writer, &mut Turn<'_>) -> T) -> T {
        let Bench { session, writer, rng, count, now, effects } = self;
        let mut turn = Turn { now: *now, wall: WallTime(0), rng, count, effects };
        let out = step(session, writer, &mut turn);
        session.check();
        out
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.session.buffer().0.extend_from_slice(bytes);
        self.session.received(self.now);
    }

    fn next(&mut self) -> Next {
        self.next_in(ROOM)
    }

    fn next_in(&mut self, room: Room) -> Next {
        self.with(|session, writer, turn| session.next(room, writer, turn))
    }

    /// The slot of the next request, which must be there.
    fn slot(&mut self) -> u64 {
        match self.next() {
            Next::Request { slot, .. } => slot,
            other => panic!("no request but {other:?}"),
        }
    }

    fn answer(&mut self, slot: u64, response: Response) {
        self.with(|session, writer, turn| session.answer(slot, response, writer, turn));
    }

    /// Correlations of the replies so far, and whether the connection was closed after them.
    fn replies(&mut self) -> (Vec<i32>, bool) {
        let mut bytes = Vec::new();
        let mut closed = false;
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Reply { pieces, .. } => {
                    assert!(!closed);
                    bytes.extend(pieces.concat());
                }
                Effect::Close { .. } | Effect::Abandon { .. } => closed = true,
                Effect::Read { .. } | Effect::Note { .. } => {}
                other => panic!("a session never asks for {other:?}"),
            }
        }
        let mut rest = &bytes[..];
        let mut correlations = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (frame, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            correlations.push(i32::from_be_bytes(*frame.first_chunk().expect("a header")));
            rest = after;
        }
        (correlations, closed)
    }

    fn reading(&mut self) -> Option<bool> {
        let mut reads = self.effects.iter().filter_map(|effect| match effect {
            Effect::Read { enabled, .. } => Some(*enabled),
            _ => None,
        });
        reads.next_back()
    }
}

fn produce(correlation: i32) -> Bytes {
    produce_of("me", correlation)
}

fn produce_of(client_id: &str, correlation: i32) -> Bytes {
    let request = ProduceRequest { acks: -1, timeout_ms: 1_000, ..Default::default() };
    encode_request(&mut Writer::new(), 9, correlation, Some(client_id), &request).contiguous()
}

fn init(correlation: i32) -> Bytes {
    let request = InitProducerIdRequest::default();
    encode_request(&mut Writer::new(), 4, correlation, None, &request).contiguous()
}

fn api_versions(correlation: i32) -> Bytes {
    let request = ApiVersionsRequest { client_software_name: "a", client_software_version: "1", ..Default::default() };
    encode_request(&mut Writer::new(), 3, correlation, None, &request).contiguous()
}

fn heartbeat(correlation: i32) -> Bytes {
    encode_request(&mut Writer::new(), 3, correlation, None, &schema::HeartbeatRequest::default()).contiguous()
}

fn metadata(correlation: i32) -> Bytes {
    encode_request(&mut Writer::new(), 9, correlation, None, &MetadataRequest::default()).contiguous()
}

fn beaten() -> Response {
    Response::Heartbeat(HeartbeatResponse { result: Ok(()) })
}

fn described(topics: Vec<MetadataTopic>) -> Response {
    let (cluster_id, controller) = (Arc::from("cluster"), BrokerId(1));
    let operations = MetadataOperations::default();
    Response::Metadata(MetadataResponse { brokers: Vec::new(), cluster_id, controller, topics, operations })
}

fn produced() -> Response {
    Response::Produce(ProduceResponse { topics: Vec::new() })
}

fn inited() -> Response {
    Response::InitProducerId(InitProducerIdResponse { result: Err(Refusal::CoordinatorNotAvailable) })
}

#[test]
fn whoever_used_too_much_rests() {
    let mut bench = Bench::new();
    bench.receive(&[heartbeat(10), heartbeat(11)].concat());
    let Next::Request { slot, bytes, .. } = bench.next() else { panic!("a request came") };
    assert_eq!(bytes, heartbeat(10).len() - 4);
    bench.with(|session, _, turn| session.throttle(slot, 500, turn));
    bench.answer(slot, beaten());
    let reply = bench.effects.iter().find_map(|effect| match effect {
        Effect::Reply { pieces, .. } => Some(pieces.concat()),
        _ => None,
    });
    // Behind its length and its correlation stands how long to rest.
    assert_eq!(reply.as_deref().map(|reply| &reply[8..12]), Some(&500_i32.to_be_bytes()[..]), "it is answered at once");
    let until = Instant(0).after_ms(500);
    assert!(matches!(bench.next(), Next::Rests(at) if at == until));
    assert_eq!(bench.reading(), Some(false));
    bench.now = Instant(until.0 - 1);
    assert!(matches!(bench.next(), Next::Rests(_)));
    bench.now = until;
    let slot = bench.slot();
    bench.answer(slot, beaten());
    assert!(matches!(bench.next(), Next::Idle));
    assert_eq!((bench.reading(), bench.count.throttled_requests), (Some(true), 1));
}

#[test]
fn replies_leave_in_the_order_of_requests() {
    let mut bench = Bench::new();
    bench.receive(&[produce(10), produce(11), produce(12)].concat());
    let slots = [bench.slot(), bench.slot(), bench.slot()];
    assert!(matches!(bench.next(), Next::Idle));
    bench.answer(slots[2], produced());
    bench.answer(slots[1], Response::Silence);
    assert_eq!(bench.replies(), (vec![], false));
    bench.answer(slots[0], produced());
    let replies = bench.effects.iter().filter(|effect| matches!(effect, Effect::Reply { .. })).count();
    assert_eq!((replies, bench.replies()), (1, (vec![10, 12], false)));
}

#[test]
fn other_requests_run_alone() {
    let mut bench = Bench::new();
    bench.receive(&[produce(1), init(2), produce(3), api_versions(4), produce(5)].concat());
    let first = bench.slot();
    assert!(matches!(bench.next(), Next::Busy));
    assert_eq!(bench.reading(), Some(false));
    bench.answer(first, produced());
    let alone = bench.slot();
    assert!(matches!(bench.next(), Next::Busy));
    bench.answer(alone, inited());
    let third = bench.slot();
    assert!(matches!(bench.next(), Next::Busy), "ApiVersions waits as well");
    bench.answer(third, produced());
    let Next::Request { slot, drained, .. } = bench.next() else { panic!("a request") };
    assert!(drained);
    assert!(matches!(bench.next(), Next::Idle));
    assert_eq!(bench.reading(), Some(true));
    bench.answer(slot, produced());
    assert_eq!(bench.replies(), (vec![1, 2, 3, 4, 5], false));
}

#[test]
fn a_client_that_does_not_read_is_not_read() {
    let mut bench = Bench::new();
    for correlation in 0..CONNECTION_REQUESTS_MAX as i32 {
        bench.receive(&produce(correlation));
        bench.slot();
    }
    bench.receive(&produce(999));
    assert!(matches!(bench.next(), Next::Busy), "so many are unanswered");
    for slot in 0..CONNECTION_REQUESTS_MAX as u64 {
        bench.answer(slot, produced());
    }
    assert!(matches!(bench.next(), Next::Busy), "so many are unread");
    let bytes = bench.session.unread_bytes() / CONNECTION_REQUESTS_MAX as u64;
    bench.session.sent(bytes - 1, bench.now);
    assert!(matches!(bench.next(), Next::Busy));
    bench.session.sent(1, bench.now);
    let slot = bench.slot();
    bench.answer(slot, produced());
    bench.session.sent(bench.session.unread_bytes(), bench.now);
    assert!(bench.session.idle() && bench.session.unread_bytes() < CONNECTION_REPLY_BYTES_MAX);
}

#[test]
fn a_hangup_closes_behind_the_replies_before_it() {
    let mut bench = Bench::new();
    bench.receive(&[produce(1), produce(2), produce(3)].concat());
    let slots = [bench.slot(), bench.slot(), bench.slot()];
    bench.answer(slots[1], Response::Hangup("acks=0".into()));
    bench.answer(slots[2], produced());
    bench.answer(slots[0], produced());
    assert_eq!(bench.replies(), (vec![1], true));
    assert!(matches!(bench.next(), Next::Closed));
}

#[test]
fn what_is_no_request_closes_the_connection() {
    let header = |key: i16, version: i16| {
        let body = [&key.to_be_bytes()[..], &version.to_be_bytes(), &[0; 6]].concat();
        [&(body.len() as u32).to_be_bytes()[..], &body].concat()
    };
    let too_large = (1_u32 << 20) + 1;
    for bytes in [
        0_u32.to_be_bytes().to_vec(),
        (-1_i32).to_be_bytes().to_vec(),
        too_large.to_be_bytes().to_vec(),
        b"GET / HTTP/1.1\r\n".to_vec(),
        header(0, 2),
        header(999, 0),
        header(3, 0),
        b"\0\0\0\x01x".to_vec(),
    ] {
        let mut bench = Bench::new();
        bench.receive(&bytes);
        assert!(matches!(bench.next(), Next::Closed), "{bytes:?}");
        assert_eq!(bench.replies(), (vec![], true));
        bench.receive(b"");
        assert!(matches!(bench.next(), Next::Closed));
    }
}

#[test]
fn a_version_from_the_future_is_answered() {
    let mut bench = Bench::new();
    bench.receive(&[&b"\0\0\0\x0a\0\x12\0\x63\0\0\0\x07\0\0"[..], &produce(8)].concat());
    let slot = bench.slot();
    bench.answer(slot, produced());
    assert_eq!(bench.replies(), (vec![7, 8], false));
}

#[test]
fn the_context_is_shared_while_the_client_calls_itself_the_same() {
    let mut bench = Bench::new();
    bench.receive(&[produce(1), produce(2), produce_of("you,zone=a", 3)].concat());
    let mut contexts = Vec::new();
    while let Next::Request { context, .. } = bench.next() {
        contexts.push(context);
    }
    assert!(Arc::ptr_eq(&contexts[0], &contexts[1]));
    assert_eq!((&*contexts[1].client_id, contexts[1].zone.as_deref()), ("me", None));
    assert_eq!((&*contexts[2].client_id, contexts[2].zone.as_deref()), ("you,zone=a", Some("a")));
}

#[test]
fn silence_closes_a_connection_that_owes_nothing() {
    let mut bench = Bench::new();
    bench.now = Instant(0).after_ms(1_000);
    bench.receive(&produce(1));
    let slot = bench.slot();
    assert_eq!(bench.session.deadline(true), Instant::NEVER, "it waits for us");
    bench.answer(slot, produced());
    assert_eq!(bench.session.deadline(false), bench.now.after_ms(600_000));
    assert_eq!(bench.session.deadline(true), bench.now.after_ms(30_000), "its reply is unread");
    bench.now = bench.now.after_ms(20_000);
    bench.session.sent(bench.session.unread_bytes(), bench.now);
    assert_eq!(bench.session.deadline(true), bench.now.after_ms(600_000));
    bench.now = bench.now.after_ms(599_999);
    bench.with(|session, _, turn| session.wake(true, turn));
    assert_eq!(bench.replies(), (vec![1], false));
    bench.now = bench.now.after_ms(1);
    bench.with(|session, _, turn| session.wake(false, turn));
    assert_eq!(bench.replies(), (vec![], true));
}

#[test]
fn what_there_is_no_room_for_waits_and_members_of_groups_do_not() {
    let full = Room { in_flight: false, ..ROOM };
    let short = Room { replies: false, replies_to_readers: false, ..ROOM };
    let mut bench = Bench::new();
    bench.receive(&heartbeat(1));
    let Next::Request { slot, request: Request::Heartbeat(_), .. } = bench.next_in(full) else { panic!("it begins") };
    bench.answer(slot, beaten());
    bench.receive(&metadata(2));
    let Next::Request { slot, .. } = bench.next_in(full) else { panic!("it brings no records") };
    bench.answer(slot, described(Vec::new()));
    // Not even the rest of it is received.
    bench.receive(&produce(3)[..20]);
    assert!(matches!(bench.next_in(full), Next::Held(Need::InFlight)));
    assert_eq!(bench.reading(), Some(false));
    bench.receive(&produce(3)[20..]);
    assert!(matches!(bench.next_in(full), Next::Held(Need::InFlight)));
    let Next::Request { slot, .. } = bench.next_in(short) else { panic!("its answer is small") };
    bench.answer(slot, produced());
    bench.receive(&[heartbeat(4), metadata(5)].concat());
    let Next::Request { slot, .. } = bench.next_in(short) else { panic!("its answer is small") };
    bench.answer(slot, beaten());
    assert!(matches!(bench.next_in(short), Next::Held(Need::Replies)));
    let slot = bench.slot();
    bench.answer(slot, described(Vec::new()));
    assert_eq!(bench.replies(), (vec![1, 2, 3, 4, 5], false));
}

#[test]
fn who_is_known_to_read_is_answered_before_strangers_are() {
    let mut bench = Bench::new();
    let strained = Room { replies: false, ..ROOM };
    bench.receive(&[metadata(1), metadata(2)].concat());
    assert!(matches!(bench.next_in(strained), Next::Held(Need::Replies)), "nobody knows it");
    bench.now = bench.now.after_ms(READER_MS_MIN);
    let Next::Request { slot, .. } = bench.next_in(strained) else { panic!("it was quick so far") };
    bench.answer(slot, described(Vec::new()));
    assert!(matches!(bench.next_in(strained), Next::Held(Need::Replies)), "it has something to read");
    bench.now = bench.now.after_ms(REPLY_STALL_MS_SHORT);
    bench.session.sent(bench.session.unread_bytes(), bench.now);
    assert!(matches!(bench.next_in(strained), Next::Held(Need::Replies)), "it was slow");
    bench.slot();
}

#[test]
fn a_request_that_is_long_may_have_a_long_answer() {
    let mut bench = Bench::new();
    let short = Room { replies: false, replies_to_readers: false, ..ROOM };
    let long =
        LeaveGroupRequest { group_id: &"g".repeat(30_000), member_id: &"m".repeat(32_000), ..Default::default() };
    let bytes = encode_request(&mut Writer::new(), 2, 1, Some(&"c".repeat(8_000)), &long).contiguous();
    bench.receive(&bytes);
    assert!(matches!(bench.next_in(short), Next::Held(Need::Replies)));
    bench.slot();
}

#[test]
fn an_answer_beyond_its_bound_closes_the_connection() {
    let mut bench = Bench::new();
    bench.writer = Writer::bounded(1_000);
    bench.receive(&[heartbeat(1), metadata(2), heartbeat(3)].concat());
    let slot = bench.slot();
    bench.answer(slot, beaten());
    let slot = bench.slot();
    let topic = MetadataTopic {
        refusal: None,
        name: Some("t".repeat(2_000).into()),
        id: Uuid::ZERO,
        internal: false,
        partitions: Vec::new(),
    };
    bench.answer(slot, described(vec![topic]));
    let warned = bench.effects.iter().any(|effect| matches!(effect, Effect::Note { level: Level::Warn, .. }));
    assert_eq!((warned, bench.replies()), (true, (vec![1], true)));
    assert!(matches!(bench.next(), Next::Closed));
}

#[test]
fn who_reads_nothing_is_given_up_however_much_it_says() {
    let mut bench = Bench::new();
    bench.receive(&produce(1));
    let slot = bench.slot();
    bench.now = bench.now.after_ms(5_000);
    bench.answer(slot, produced());
    assert_eq!(bench.session.stalled_since(), Some(bench.now));
    let held = bench.session.held_bytes();
    assert!(held > 0 && held == bench.session.unread_bytes());
    bench.now = bench.now.after_ms(29_999);
    bench.receive(&produce(2)[..5]);
    bench.with(|session, _, turn| session.wake(true, turn));
    assert_eq!(bench.replies(), (vec![1], false));
    bench.now = bench.now.after_ms(1);
    bench.with(|session, _, turn| session.wake(true, turn));
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Abandon { .. })));
    assert_eq!((bench.session.held_bytes(), bench.session.stalled_since()), (0, None));
    bench.session.sent(held, bench.now); // What had been sent already is told late.
}

proptest! {
    #[test]
    fn any_chunks_and_any_order_of_answers_give_the_same_replies(
        kinds in prop::collection::vec(0_u8..6, 1..60),
        cuts in prop::collection::vec(1_usize..80, 1..20),
        picks in prop::collection::vec(any::<usize>(), 1..20),
    ) {
        let request = |(correlation, kind): (usize, &u8)| match kind {
            0 => init(correlation as i32),
            1 => api_versions(correlation as i32),
            _ => produce(correlation as i32),
        };
        let stream: Vec<u8> = kinds.iter().enumerate().map(request).collect::<Vec<_>>().concat();
        let mut bench = Bench::new();
        let mut open: Vec<(u64, bool)> = Vec::new();
        let mut rest = &stream[..];
        let mut round = 0;
        let mut replies = Vec::new();
        while replies.len() < kinds.len() {
            let cut = cuts[round % cuts.len()].min(rest.len());
            bench.receive(&rest[..cut]);
            rest = &rest[cut..];
            loop {
                match bench.next() {
                    Next::Request { slot, request, .. } => {
                        let alone = matches!(request, Request::InitProducerId(_));
                        prop_assert!(open.is_empty() || !(alone || open[0].1));
                        open.push((slot, alone));
                    }
                    Next::Idle | Next::Busy => break,
                    Next::Held(_) | Next::Rests(_) | Next::Closed => prop_assert!(false, "held, resting or closed"),
                }
            }
            let pick = picks[round % picks.len()];
            if !open.is_empty() && (pick % 3 > 0 || rest.is_empty()) {
                let (slot, alone) = open.swap_remove(pick % open.len());
                bench.answer(slot, if alone { inited() } else { produced() });
            }
            let (correlations, closed) = bench.replies();
            prop_assert!(!closed);
            replies.extend(correlations);
            bench.session.sent(bench.session.unread_bytes(), bench.now);
            round += 1;
        }
        prop_assert_eq!(replies, (0..kinds.len() as i32).collect::<Vec<_>>());
        prop_assert!(bench.session.idle() && !bench.session.has_received());
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bench = Bench::new();
        bench.receive(&[&((bytes.len() as u32).to_be_bytes())[..], &bytes].concat());
        while let Next::Request { .. } = bench.next() {}
    }
}
