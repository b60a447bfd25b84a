//! From answers to frames: a skeleton, and records spliced into it.

mod fixture;

use std::hint::black_box;

use apus_core::api::{
    FetchResponse, FetchedPartition, FetchedTopic, ProduceResponse, Produced, ProducedPartition, ProducedTopic,
    Response, TopicRef,
};
use apus_core::ids::Uuid;
use apus_net::wire::encode_response;
use apus_net::wire::writer::Writer;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixture::{KIB, batch};

const TOPIC: TopicRef = TopicRef::Id(Uuid([7; 16]));

fn produced(partitions: i32) -> Response {
    let produced = Produced { base_offset: 1_000, log_append_time_ms: -1, log_start_offset: 0 };
    let partition = |index| ProducedPartition { index, result: Ok(produced), record_errors: Vec::new() };
    let topic = ProducedTopic { topic: TOPIC, partitions: (0..partitions).map(partition).collect() };
    Response::Produce(ProduceResponse { topics: vec![topic] })
}

/// One batch of each partition, as `Stitch` leaves it: large ones behind their stamp, small ones with it.
fn fetched(partitions: i32, batch: &Bytes) -> Response {
    let records = if batch.len() < 8 * KIB { vec![batch.clone()] } else { vec![batch.slice(..16), batch.slice(16..)] };
    let partition = |index| FetchedPartition {
        index,
        refusal: None,
        high_watermark: 1_000,
        last_stable_offset: 1_000,
        log_start_offset: 0,
        aborted: None,
        records: records.clone(),
    };
    let topic = FetchedTopic { topic: TOPIC, partitions: (0..partitions).map(partition).collect() };
    Response::Fetch(FetchResponse { refusal: None, session_id: 1, topics: vec![topic] })
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode_response");
    let mut writer = Writer::new();
    for partitions in [1, 100] {
        group.throughput(Throughput::Elements(partitions as u64));
        let id = BenchmarkId::new("produce", format!("{partitions} partitions"));
        group.bench_with_input(id, &produced(partitions), |bencher, response| {
            bencher.iter(|| encode_response(&mut writer, 13, 1, black_box(response)));
        });
    }
    for (partitions, kib) in [(100, 1), (1, 16), (100, 16), (1, 256)] {
        let batch = batch(kib * KIB);
        group.throughput(Throughput::Bytes(partitions as u64 * batch.len() as u64));
        let id = BenchmarkId::new("fetch", format!("{partitions} partitions of {kib} KiB"));
        group.bench_with_input(id, &fetched(partitions, &batch), |bencher, response| {
            bencher.iter(|| encode_response(&mut writer, 17, 1, black_box(response)));
        });
    }
}

criterion_group! { name = benches; config = fixture::criterion(); targets = encode }
criterion_main!(benches);
