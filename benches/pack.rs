//! From admitted batches to a flush: the packer's decision, and the layout of a pack.

mod fixture;

use std::hint::black_box;
use std::sync::Arc;

use apus_core::batch::{BatchFacts, BatchHeader};
use apus_core::ids::{BrokerId, ConnectionId, CoreId, Incarnation, PartitionId, Ticket, Uuid};
use apus_core::message::{Admission, Admitted, Began, Message};
use apus_core::pack_builder::{PackBuilder, Piece};
use apus_core::packer::{Packer, PackerConfig, PackerEvent};
use apus_core::turn::Effect;
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixture::{KIB, Stage, batch, pack_id};

const PARTITIONS: u32 = 100;

fn piece(partition: u32, batch: &Bytes) -> Piece {
    let header = BatchHeader::read(batch).expect("a batch");
    Piece {
        partition: PartitionId(partition),
        topic: Uuid([1; 16]),
        index: partition as i32,
        batches: 1,
        offsets: header.offsets() as u64,
        timestamp_max: header.timestamp_max,
    }
}

/// 4 MiB over 100 partitions that arrive in turn: small batches are copied, large ones shared.
fn build(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("PackBuilder::build");
    for kib in [1, 16, 256] {
        let batch = batch(kib * KIB);
        let count = 4 * KIB / kib;
        group.throughput(Throughput::Bytes((count * batch.len()) as u64));
        let id = BenchmarkId::from_parameter(format!("4 MiB of {kib} KiB"));
        group.bench_with_input(id, &batch, |bencher, batch| {
            let added = || {
                let mut builder = PackBuilder::with_capacity(count);
                let partitions = (0..PARTITIONS).cycle().take(count);
                partitions.for_each(|partition| builder.add(piece(partition, batch), [batch.clone()]));
                builder
            };
            bencher.iter_batched(added, |builder| builder.build(Some(pack_id(1))), BatchSize::SmallInput);
        });
    }
}

fn admission(ticket: u64, batch: &Bytes) -> Admission {
    let header = BatchHeader::read(batch).expect("a batch");
    let partition = ticket as u32 % PARTITIONS;
    Admission {
        core: CoreId(0),
        ticket: Ticket(ticket),
        connection: ConnectionId(ticket % 16),
        drained: true,
        batches: vec![Admitted {
            partition: PartitionId(partition),
            topic: Uuid([1; 16]),
            index: partition as i32,
            bytes: batch.clone(),
            facts: BatchFacts::of(&header, batch.len()),
        }],
    }
}

/// A drain of 32 requests from 16 connections that rides in the journal, and its end.
fn step(criterion: &mut Criterion) {
    const REQUESTS: u64 = 32;
    let mut group = criterion.benchmark_group("Packer::step");
    group.throughput(Throughput::Elements(REQUESTS));
    for bytes in [KIB, 16 * KIB] {
        let batch = batch(bytes);
        let id = BenchmarkId::from_parameter(format!("{REQUESTS} requests of {} KiB", bytes / KIB));
        group.bench_with_input(id, &batch, |bencher, batch| {
            let mut stage = Stage::new();
            let mut packer = Packer::new(PackerConfig {
                broker: BrokerId(1),
                pack_bytes_target: 4 << 20,
                linger_ms_max: 25,
                put_rate_max: 20,
                uploads_max: 8,
            });
            let began = Began { cluster_id: Arc::from("cluster"), incarnation: Incarnation(1), inline: true };
            packer.step(PackerEvent::Began(began), &mut stage.turn());
            bencher.iter(|| {
                let admissions = (0..REQUESTS).map(|ticket| PackerEvent::Admit(admission(ticket, batch)));
                admissions.chain([PackerEvent::DrainEnd]).for_each(|event| packer.step(event, &mut stage.turn()));
                let Some(Effect::Send { message: Message::Commit(commit), .. }) = stage.effects.pop() else {
                    panic!("a drain with nothing in flight is flushed")
                };
                packer.step(PackerEvent::Resolved { flush: commit.flush }, &mut stage.turn());
                black_box(commit);
            });
        });
    }
}

criterion_group! { name = benches; config = fixture::criterion(); targets = build, step }
criterion_main!(benches);
