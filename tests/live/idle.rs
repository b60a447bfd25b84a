//! A thousand groups with a member each, of either protocol, of which nothing is asked but that they are kept: what that
//! costs is printed, and must be next to nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant as Moment};

use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::schema::Message;
use apus_net::wire::schema::consumer_groups::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use apus_net::wire::schema::groups::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use apus_net::wire::schema::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use apus_net::wire::writer::Writer;

use crate::broker::{Broker, PATIENCE, seed};
use crate::place::Place;
use crate::process::{TICKS_PER_SECOND, ticks};

const GROUPS: usize = 1_000;
/// Kafka's clients beat every three seconds in a classic group, and as they are told in others: every five.
const BEAT: Duration = Duration::from_secs(3);
/// So many rounds of heartbeats are measured.
const ROUNDS: u32 = 3;
/// Of one CPU. The heartbeats of a thousand members are 333 requests a second; a debug build on a machine that has other
/// work takes a few times what a release build does.
const BUSY_PERCENT_MAX: u64 = 25;
/// Without heartbeats: a timer a group, and nothing due.
const IDLE_PERCENT_MAX: u64 = 5;

/// One connection, and a question at a time.
struct Client {
    stream: TcpStream,
    writer: Writer,
    correlation: i32,
}

impl Client {
    fn connect(broker: &Broker) -> Client {
        let stream = TcpStream::connect(broker.bootstrap()).expect("it serves");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("a socket");
        Client { stream, writer: Writer::default(), correlation: 0 }
    }

    /// Asks; the answer's frame without its length.
    fn ask<'a, M: Message<'a>>(&mut self, version: i16, message: &M) -> Vec<u8> {
        self.correlation += 1;
        let frame = encode_request(&mut self.writer, version, self.correlation, Some("idle"), message);
        self.stream.write_all(&frame.contiguous()).expect("it reads");
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("it answers");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer).expect("it answers");
        answer
    }
}

fn read<'a, M: Message<'a>>(frame: &'a [u8], version: i16) -> M {
    decode_response(frame, version).expect("an answer").1
}

/// A member of a group of its own.
enum Member {
    Classic { group: String, id: String, generation: i32 },
    Beating { group: String, id: String, epoch: i32 },
}

impl Member {
    fn join(number: usize, client: &mut Client) -> Member {
        let group = format!("idle-{number}");
        if number.is_multiple_of(2) { Member::join_classic(group, client) } else { Member::join_beating(group, client) }
    }

    fn join_classic(group: String, client: &mut Client) -> Member {
        let request = JoinGroupRequest {
            group_id: &group,
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer",
            protocols: vec![JoinGroupRequestProtocol { name: "range", metadata: b"" }],
            ..Default::default()
        };
        let frame = client.ask(3, &request);
        let joined: JoinGroupResponse<'_> = read(&frame, 3);
        assert_eq!(joined.error_code, 0, "JoinGroup of {group}");
        let (id, generation) = (joined.member_id.to_owned(), joined.generation_id);
        let assignments = vec![SyncGroupRequestAssignment { member_id: &id, assignment: b"all" }];
        let request = SyncGroupRequest {
            group_id: &group,
            generation_id: generation,
            member_id: &id,
            assignments,
            ..Default::default()
        };
        let frame = client.ask(3, &request);
        let synced: SyncGroupResponse<'_> = read(&frame, 3);
        assert_eq!((synced.error_code, synced.assignment), (0, &b"all"[..]), "SyncGroup of {group}");
        Member::Classic { group, id, generation }
    }

    fn join_beating(group: String, client: &mut Client) -> Member {
        let mut member = Member::Beating { id: format!("member-of-{group}"), group, epoch: 0 };
        // It is told what it has, and says that it has it.
        member.beat(client);
        member.beat(client);
        member
    }

    fn beat(&mut self, client: &mut Client) {
        match self {
            Member::Classic { group, id, generation } => {
                let request = HeartbeatRequest {
                    group_id: group,
                    generation_id: *generation,
                    member_id: id,
                    group_instance_id: None,
                };
                let frame = client.ask(4, &request);
                assert_eq!(read::<HeartbeatResponse>(&frame, 4).error_code, 0, "Heartbeat of {group}");
            }
            Member::Beating { group, id, epoch } => {
                let joins = *epoch == 0;
                let request = ConsumerGroupHeartbeatRequest {
                    group_id: group,
                    member_id: id,
                    member_epoch: *epoch,
                    rebalance_timeout_ms: if joins { 60_000 } else { -1 },
                    subscribed_topic_names: joins.then(|| vec!["idle"]),
                    topic_partitions: joins.then(Vec::new),
                    ..Default::default()
                };
                let frame = client.ask(1, &request);
                let beat: ConsumerGroupHeartbeatResponse<'_> = read(&frame, 1);
                assert_eq!(beat.error_code, 0, "heartbeat of {group}: {:?}", beat.error_message);
                *epoch = beat.member_epoch;
            }
        }
    }
}

/// Percent of one CPU, in tenths, that a broker takes while this goes on.
fn load(broker: &Broker, work: impl FnOnce()) -> u64 {
    let (before, began) = (ticks(broker.process()), Moment::now());
    work();
    let spent = ticks(broker.process()) - before;
    let elapsed_ms = began.elapsed().as_millis().max(1) as u64;
    spent * 1_000 * 1_000 / TICKS_PER_SECOND / elapsed_ms
}

/// All of them beat, each once in three seconds, evenly.
fn beat_on(members: &mut [Member], clients: &mut [Client]) {
    let began = Moment::now();
    for round in 0..ROUNDS {
        for number in 0..members.len() {
            let due = BEAT * round + BEAT * number as u32 / GROUPS as u32;
            thread::sleep(due.saturating_sub(began.elapsed()));
            let count = clients.len();
            members[number].beat(&mut clients[number % count]);
        }
    }
}

#[test]
fn a_thousand_idle_groups_cost_next_to_nothing() {
    let settings = ["group.initial.rebalance.delay.ms=0", "cores=1"];
    let broker = Broker::start(&Place::Directory, seed(31), &settings);
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(&broker)).collect();
    let topics = Some(vec![MetadataRequestTopic { name: Some("idle"), ..Default::default() }]);
    let request = MetadataRequest { topics, allow_auto_topic_creation: true, ..Default::default() };
    let frame = clients[0].ask(12, &request);
    let _: MetadataResponse<'_> = read(&frame, 12);
    let quiet = load(&broker, || thread::sleep(BEAT));
    let mut members: Vec<Member> = (0..GROUPS).map(|number| Member::join(number, &mut clients[number % 8])).collect();
    let idle = load(&broker, || thread::sleep(2 * BEAT));
    let busy = load(&broker, || beat_on(&mut members, &mut clients));
    let percent = |tenths: u64| format!("{}.{} %", tenths / 10, tenths % 10);
    println!(
        "of one CPU: {} without groups, {} with {GROUPS} whose members wait, {} while they beat",
        percent(quiet),
        percent(idle),
        percent(busy)
    );
    assert!(idle < 10 * IDLE_PERCENT_MAX, "{} for groups of which nothing is asked", percent(idle));
    assert!(busy < 10 * BUSY_PERCENT_MAX, "{} for {GROUPS} heartbeats in three seconds", percent(busy));
}
