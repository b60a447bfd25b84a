//! From received bytes to requests: cutting frames, and decoding those that a busy client sends.

mod fixture;

use std::hint::black_box;
use std::sync::Arc;

use apus_core::ids::{ConnectionId, Uuid};
use apus_net::session::{Next, Room, Session, SessionSettings};
use apus_net::wire::client::encode_request;
use apus_net::wire::decode_request;
use apus_net::wire::schema::{fetch, produce};
use apus_net::wire::value::Records;
use apus_net::wire::writer::{Frame, Writer};
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixture::{KIB, Stage, batch};

const TOPIC: Uuid = Uuid([7; 16]);
/// A core that has nothing to do.
const ROOM: Room = Room { in_flight: true, replies: true, replies_to_readers: true };

/// A produce of one batch of 16 KiB for each of so many partitions, as of Kafka 4.
fn produce_frame(partitions: i32) -> Frame {
    let batch = batch(16 * KIB);
    let data = |index| produce::PartitionProduceData { index, records: Some(Records::Slice(&batch)) };
    let partition_data = (0..partitions).map(data).collect();
    let topic = produce::TopicProduceData { name: "", topic_id: TOPIC, partition_data };
    let message =
        produce::ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    encode_request(&mut Writer::new(), 13, 1, Some("producer-1"), &message)
}

/// A whole fetch (a session's first) of so many partitions.
fn fetch_frame(partitions: i32) -> Frame {
    let wanted = |partition| fetch::FetchPartition { partition, partition_max_bytes: 1 << 20, ..Default::default() };
    let topic = fetch::FetchTopic { topic: "", topic_id: TOPIC, partitions: (0..partitions).map(wanted).collect() };
    let message = fetch::FetchRequest { max_wait_ms: 500, min_bytes: 1, topics: vec![topic], ..Default::default() };
    encode_request(&mut Writer::new(), 17, 1, Some("consumer-1"), &message)
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode_request");
    for partitions in [1, 64] {
        let frame = produce_frame(partitions).body();
        group.throughput(Throughput::Bytes(frame.len() as u64));
        let id = BenchmarkId::new("produce", format!("{partitions} partitions of 16 KiB"));
        group.bench_with_input(id, &frame, |bencher, frame| {
            bencher.iter(|| decode_request(black_box(frame)).expect("a request"));
        });
    }
    for partitions in [1, 1_000] {
        let frame = fetch_frame(partitions).body();
        group.throughput(Throughput::Elements(partitions as u64));
        let id = BenchmarkId::new("fetch", format!("{partitions} partitions"));
        group.bench_with_input(id, &frame, |bencher, frame| {
            bencher.iter(|| decode_request(black_box(frame)).expect("a request"));
        });
    }
}

fn settings() -> Arc<SessionSettings> {
    Arc::new(SessionSettings {
        cluster_id: Arc::from("cluster"),
        node_id: 1,
        features: &[],
        request_bytes_max: 100 << 20,
        idle_max: None,
        principal: Arc::from("User:ANONYMOUS"),
    })
}

/// Five produce requests that arrived at once, as a pipelining client sends them.
fn frames(criterion: &mut Criterion) {
    let settings = settings();
    let arrived = Bytes::from(produce_frame(1).contiguous().repeat(5));
    let mut group = criterion.benchmark_group("Session::next");
    group.throughput(Throughput::Elements(5));
    group.bench_function("5 requests of 16 KiB", |bencher| {
        let (mut stage, mut writer) = (Stage::new(), Writer::new());
        let received = || {
            let mut session = Session::new(ConnectionId(1), 0, Arc::from("peer"), &settings, Stage::new().now);
            session.buffer().0.extend_from_slice(&arrived);
            session
        };
        bencher.iter_batched(
            received,
            |mut session| {
                let mut requests = Vec::with_capacity(5);
                while let Next::Request { request, .. } = session.next(ROOM, &mut writer, &mut stage.turn()) {
                    requests.push(request);
                }
                assert!(requests.len() == 5);
                (session, requests)
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group! { name = benches; config = fixture::criterion(); targets = decode, frames }
criterion_main!(benches);
