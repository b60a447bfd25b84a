//! One core of two, told by hand: who waits where there is no room, who does not, and who is sent away.

use std::collections::BTreeMap;

use apus_core::batch::Codec;
use apus_core::catalog::{CatalogChange, CatalogUpdate, Topic};
use apus_core::config::{Host, TopicConfig};
use apus_core::ids::{Incarnation, Lsn, PartitionId, Uuid};
use apus_core::limits::{REPLY_BYTES_EASED, REPLY_STALL_MS_SHORT};
use apus_core::message::Acknowledgement;
use apus_core::quota::{Bound, EntityName, QuotaEntity, QuotaKey};
use apus_core::records::build::BatchBuilder;
use apus_core::time::{Rng, WallTime};
use apus_core::turn::Counters;
use apus_net::wire::client::encode_request;
use apus_net::wire::schema::groups::HeartbeatRequest;
use apus_net::wire::schema::metadata::{MetadataRequest, MetadataRequestTopic};
use apus_net::wire::schema::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use apus_net::wire::value::Records;
use bytes::Bytes;

use super::*;

const CORE: CoreId = CoreId(1);
/// What one Metadata answer of the topic takes, more or less.
const PARTITIONS: u32 = 20_000;

/// A core that serves, with its surroundings.
struct Bench {
    node: Node,
    rng: Rng,
    count: Counters,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        let host = Host { name: "swift.example".to_owned(), cpus: 2 };
        let mut config = Config::load(&[], &host).expect("defaults are valid");
        // A byte for each core: one request at a time.
        config.inflight_bytes_max = 2;
        let resolved = TopicConfig::resolve(&BTreeMap::new(), &config).expect("defaults are valid");
        let node = Node::new(NodeSettings {
            core: CORE,
            cores: 2,
            advertised: vec![Broker { id: config.node_id, host: "127.0.0.1".into(), port: 9_092, rack: None }],
            config: Arc::new(config),
            journal: JournalLimits::default(),
        });
        let mut bench = Bench { node, rng: Rng::new(1), count: Counters::default(), now: Instant(0) };
        let began = Began { cluster_id: "cluster".into(), incarnation: Incarnation(1), inline: false };
        let topic = Topic {
            id: Uuid([1; 16]),
            name: "wide".into(),
            partitions: (0..PARTITIONS).map(PartitionId).collect(),
            replication_factor: 1,
            overrides: BTreeMap::new(),
            config: resolved,
        };
        let update = CatalogUpdate { lsn: Lsn(1), changes: vec![CatalogChange::Set(Arc::new(topic))] };
        bench.step(vec![Event::Message(Message::Began(began)), Event::Message(Message::Catalog(Arc::new(update)))]);
        bench
    }

    fn step(&mut self, events: Vec<Event>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let Bench { node, rng, count, now } = self;
        let mut turn = Turn { now: *now, wall: WallTime(1_700_000_000_000), rng, count, effects: &mut effects };
        node.step(&mut events.into(), &mut turn);
        node.check();
        effects
    }

    fn open(&mut self, connection: u64) {
        let connection = ConnectionId(connection);
        self.step(vec![Event::Opened { connection, listener: 0, peer: "127.0.0.1:5".into() }]);
    }

    /// A connection says something.
    fn say(&mut self, connection: u64, bytes: &Bytes) -> Vec<Effect> {
        let connection = ConnectionId(connection);
        self.node.receive_buffer(connection).expect("it is open").0.extend_from_slice(bytes);
        self.step(vec![Event::Received { connection }])
    }
}

fn produce() -> Bytes {
    let batch = BatchBuilder::new(Codec::None).record(1_700_000_000_000, None, Some(b"value")).build();
    let partition_data = vec![PartitionProduceData { index: 0, records: Some(Records::Slice(&batch)) }];
    let topic_data = vec![TopicProduceData { name: "wide", partition_data, ..Default::default() }];
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data, ..Default::default() };
    encode_request(&mut Writer::new(), 9, 1, None, &request).contiguous()
}

fn heartbeat() -> Bytes {
    let request = HeartbeatRequest { group_id: "group", member_id: "member", ..Default::default() };
    encode_request(&mut Writer::new(), 3, 2, None, &request).contiguous()
}

fn metadata() -> Bytes {
    let topic = MetadataRequestTopic { name: Some("wide"), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    encode_request(&mut Writer::new(), 9, 3, None, &request).contiguous()
}

/// The ticket of a request that went to the packer.
fn admitted(effects: &[Effect]) -> Option<Ticket> {
    effects.iter().find_map(|effect| match effect {
        Effect::Send { message: Message::Admit(admission), .. } => Some(admission.ticket),
        _ => None,
    })
}

/// Bytes of replies.
fn replied(effects: &[Effect]) -> u64 {
    let bytes = effects.iter().map(|effect| match effect {
        Effect::Reply { pieces, .. } => pieces.iter().map(Bytes::len).sum(),
        _ => 0,
    });
    bytes.sum::<usize>() as u64
}

#[test]
fn what_brings_records_waits_alone() {
    let mut bench = Bench::new();
    (1..=4).for_each(|connection| bench.open(connection));
    let first = admitted(&bench.say(1, &produce())).expect("there is room");
    let held = bench.say(2, &produce());
    assert_eq!(admitted(&held), None, "there is none");
    assert!(held.iter().any(|effect| matches!(effect, Effect::Read { enabled: false, .. })));
    let beat = bench.say(3, &heartbeat());
    assert!(beat.iter().any(|effect| matches!(effect, Effect::Send { message: Message::Ask { .. }, .. })));
    assert!(replied(&bench.say(4, &metadata())) > 0, "a reader goes on");
    let failed = Acknowledgement { ticket: first, slot: 0, result: Err(apus_core::error::Refusal::KafkaStorageError) };
    let effects = bench.step(vec![Event::Message(Message::Acknowledged(vec![failed]))]);
    assert!(replied(&effects) > 0 && admitted(&effects).is_some(), "the other one's turn");
}

#[test]
fn those_who_read_nothing_give_way() {
    let mut bench = Bench::new();
    let ask = metadata();
    bench.open(1);
    let one = replied(&bench.say(1, &ask));
    let enough = REPLY_BYTES_SHORT / one + 3;
    for connection in 2..=enough {
        bench.open(connection);
        bench.say(connection, &ask);
    }
    let held = bench.node.gauges().unread_bytes;
    assert!(held > REPLY_BYTES_SHORT && held <= REPLY_BYTES_SHORT + one, "{held} bytes");
    // Short, and still alive.
    let beat = bench.say(enough, &Bytes::new());
    assert_eq!(replied(&beat), 0);
    bench.open(1_000);
    let beat = bench.say(1_000, &heartbeat());
    assert!(beat.iter().any(|effect| matches!(effect, Effect::Send { message: Message::Ask { .. }, .. })));
    // The first one reads a little now and then.
    bench.now = bench.now.after_ms(REPLY_STALL_MS_SHORT - 1);
    let early = bench.step(vec![Event::Wake, Event::Sent { connection: ConnectionId(1), bytes: 1 }]);
    assert!(!early.iter().any(|effect| matches!(effect, Effect::Abandon { .. })), "a pause is no silence");
    bench.now = bench.now.after_ms(LATER_MS);
    let mut effects = bench.step(vec![Event::Wake]);
    effects.extend(bench.step(vec![Event::Again]));
    let abandoned: Vec<ConnectionId> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Abandon { connection } => Some(*connection),
            _ => None,
        })
        .collect();
    assert!(!abandoned.contains(&ConnectionId(1)), "whoever reads stays");
    assert!(abandoned.len() as u64 * one >= REPLY_BYTES_SHORT - REPLY_BYTES_EASED, "there is room for others");
    assert!(replied(&effects) > 0, "who waited is answered");
    let closed = abandoned.into_iter().map(|connection| Event::Closed { connection });
    bench.step(closed.collect());
    assert!(bench.node.gauges().unread_bytes < REPLY_BYTES_SHORT);
}

/// Time for another look.
const LATER_MS: u64 = 200;

/// A core that knows of a quota of any client id.
fn bounded(key: QuotaKey, bound: f64) -> Bench {
    let mut bench = Bench::new();
    let entity = QuotaEntity { client_id: Some(EntityName::Default), ..QuotaEntity::default() };
    let quotas = Arc::new([(key, Bound::new(bound).expect("a bound"))].into());
    let changes = vec![CatalogChange::Quota { entity, quotas }];
    bench.step(vec![Event::Message(Message::Catalog(Arc::new(CatalogUpdate { lsn: Lsn(2), changes })))]);
    bench
}

#[test]
fn a_producer_beyond_its_quota_rests_and_the_other_cores_hear_of_it() {
    let length = produce().len() as u64 - 4;
    // Ten windows of what is left when one byte is taken off: the first request is one byte too many.
    let mut bench = bounded(QuotaKey::ProducerByteRate, (length - 1) as f64 / 10.0);
    (1..=2).for_each(|connection| bench.open(connection));
    let first = bench.say(1, &produce());
    let ticket = admitted(&first).expect("it is taken all the same");
    assert!(admitted(&bench.say(1, &produce())).is_none(), "the next one is not");
    assert!(replied(&bench.say(2, &metadata())) > 0, "other requests of other connections go on");
    let failed = Acknowledgement { ticket, slot: 0, result: Err(apus_core::error::Refusal::KafkaStorageError) };
    assert!(
        replied(&bench.step(vec![Event::Message(Message::Acknowledged(vec![failed]))])) > 0,
        "it is answered at once"
    );
    bench.now = bench.now.after_ms(10);
    let told = bench.step(vec![Event::Wake]);
    let told = told.iter().find_map(|effect| match effect {
        Effect::Send { core: CoreId(0), message: Message::Used(used) } => Some(used.as_ref().clone()),
        _ => None,
    });
    let [(meter, amount)] = &told.expect("the other core is told")[..] else { panic!("one client") };
    assert_eq!((meter.key, *amount), (QuotaKey::ProducerByteRate, length as f64));
    bench.now = bench.now.after_ms(100);
    assert!(admitted(&bench.step(vec![Event::Wake])).is_some(), "it has rested");
}

#[test]
fn time_that_a_core_spends_is_bounded() {
    let mut bench = bounded(QuotaKey::RequestPercentage, 1.0);
    assert!(bench.node.counts_time());
    bench.open(1);
    assert!(replied(&bench.say(1, &metadata())) > 0);
    // A hundredth of a core is 100 ms in ten seconds.
    bench.node.spent(Duration::from_millis(200), bench.now);
    assert!(replied(&bench.say(1, &metadata())) > 0, "known when it was spent");
    assert_eq!(replied(&bench.say(1, &metadata())), 0, "the client rests");
    bench.now = bench.now.after_ms(999);
    assert_eq!(replied(&bench.step(vec![Event::Wake])), 0);
    bench.now = bench.now.after_ms(1);
    assert!(replied(&bench.step(vec![Event::Wake])) > 0, "for a window at most");
}
