//! What each produced batch goes through before it is admitted: its checksum and its rules.

mod fixture;

use std::hint::black_box;

use apus_core::batch::checksum;
use apus_core::config::TimestampType;
use apus_core::validate::{BatchRules, check_batch};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixture::{KIB, WALL_MS, batch};

const RULES: BatchRules = BatchRules {
    max_message_bytes: 2 << 20,
    records_bytes_max: 8 << 20,
    timestamp_type: TimestampType::CreateTime,
    timestamp_before_max_ms: i64::MAX,
    timestamp_after_max_ms: 3_600_000,
    keyed: false,
    records: false,
    zstd: true,
    wall_ms: WALL_MS,
};

fn validate(criterion: &mut Criterion) {
    for (name, rules) in [("check_batch", RULES), ("check_batch with records", RULES.with_records(true))] {
        let mut group = criterion.benchmark_group(name);
        for kib in [1, 16, 256] {
            let batch = batch(kib * KIB);
            group.throughput(Throughput::Bytes(batch.len() as u64));
            group.bench_with_input(BenchmarkId::from_parameter(format!("{kib} KiB")), &batch, |bencher, batch| {
                bencher.iter(|| check_batch(black_box(batch), &rules).expect("sound"));
            });
        }
    }
    let mut group = criterion.benchmark_group("checksum");
    for kib in [1, 16, 256] {
        let batch = batch(kib * KIB);
        group.throughput(Throughput::Bytes(batch.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(format!("{kib} KiB")), &batch, |bencher, batch| {
            bencher.iter(|| checksum(black_box(batch)));
        });
    }
}

criterion_group! { name = benches; config = fixture::criterion(); targets = validate }
criterion_main!(benches);
