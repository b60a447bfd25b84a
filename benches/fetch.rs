//! From an offset to records: where a tail has them, and the batches stamped with their offsets.

mod fixture;

use std::hint::black_box;
use std::sync::Arc;

use apus_core::extent::{Home, Placed};
use apus_core::front::rope::Rope;
use apus_core::front::stitch::{Fit, Stitch};
use apus_core::ids::{CoreId, Lsn, PartitionId, Ticket};
use apus_core::limits::TAIL_EXTENTS_MAX;
use apus_core::message::{Ask, Bounds, Committed, Message, Opened, WatchId};
use apus_core::pack::Pack;
use apus_core::tail::Tails;
use apus_core::turn::Effect;
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixture::{KIB, Stage, batch, extent};

const PARTITIONS: u32 = 1_000;

/// Tails that are watched and hold as many extents as they keep.
fn tails(stage: &mut Stage) -> Tails {
    let mut tails = Tails::new(CoreId(0), 1);
    let partitions: Vec<PartitionId> = (0..PARTITIONS).map(PartitionId).collect();
    tails.watch((CoreId(0), WatchId(1)), &partitions, &mut 0, &mut stage.turn());
    for effect in std::mem::take(&mut stage.effects) {
        let Effect::Send { message: Message::Ask { ticket, ask: Ask::Open(_), .. }, .. } = effect else { continue };
        let bounds = Bounds { log_start_offset: 0, high_watermark: 0 };
        tails.opened(ticket, Ok(Opened { bounds, recent: Vec::new() }), &mut stage.turn());
    }
    for commit in 0..TAIL_EXTENTS_MAX as u64 {
        tails.committed(&committed(commit, &partitions), &mut stage.turn());
    }
    stage.effects.clear();
    tails
}

/// A commit of one batch in each of these partitions.
fn committed(number: u64, partitions: &[PartitionId]) -> Committed {
    let batch = batch(KIB);
    let home = Home::Journal(Lsn(number + 1));
    let extent = extent(number as i64, std::slice::from_ref(&batch), home);
    let placed = partitions.iter().map(|partition| Placed { partition: *partition, extent }).collect();
    Committed { lsn: Lsn(number + 1), home, pack: Arc::new(Pack::default()), placed, answers: Vec::new() }
}

fn locate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Tails::locate");
    let mut stage = Stage::new();
    let tails = tails(&mut stage);
    let end = TAIL_EXTENTS_MAX as i64;
    group.throughput(Throughput::Elements(1));
    for (name, behind) in [("the newest extent", 1), ("all that a tail keeps", end)] {
        group.bench_function(format!("{name} of {PARTITIONS} tails"), |bencher| {
            let mut next = (0..PARTITIONS).cycle();
            bencher.iter(|| {
                let partition = PartitionId(next.next().expect("for ever"));
                tails.locate((CoreId(0), Ticket(1)), (partition, end - behind), 1 << 20, &mut stage.turn());
                black_box(stage.effects.pop())
            });
        });
    }
}

/// A commit that reaches one tail in ten, each watched once.
fn advance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Tails::committed");
    let mut stage = Stage::new();
    let mut tails = tails(&mut stage);
    let partitions: Vec<PartitionId> = (0..PARTITIONS).step_by(10).map(PartitionId).collect();
    group.throughput(Throughput::Elements(partitions.len() as u64));
    let mut number = TAIL_EXTENTS_MAX as u64;
    group.bench_function(format!("{} of {PARTITIONS} tails", partitions.len()), |bencher| {
        let commit = || {
            number += 1;
            committed(number - 1, &partitions)
        };
        let apply = |commit: Committed| {
            tails.committed(&commit, &mut stage.turn());
            (commit, std::mem::take(&mut stage.effects))
        };
        bencher.iter_batched(commit, apply, BatchSize::PerIteration);
    });
}

/// 1 MiB of batches: below 8 KiB they are copied with their stamp, above they are spliced. What was read from a store
/// is compared with its checksum.
fn stitch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Stitch::extent");
    for (kib, verify) in [(1, false), (16, false), (256, false), (16, true)] {
        let batches = vec![batch(kib * KIB); KIB / kib];
        let extent = extent(100, &batches, Home::Journal(Lsn(1)));
        let bytes = Bytes::from(batches.concat());
        let fit = Fit { room: usize::MAX, first: true };
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let how = if verify { "cold" } else { "hot" };
        group.bench_function(BenchmarkId::new(how, format!("1 MiB of {kib} KiB")), |bencher| {
            bencher.iter_batched(
                || Rope::new(vec![bytes.clone()]),
                |rope| {
                    let mut stitch = Stitch::default();
                    assert!(stitch.extent(&extent, rope, 100, fit, verify) == Ok(true));
                    stitch.finish()
                },
                BatchSize::SmallInput,
            );
        });
    }
}

/// Cold blocks cut batches anywhere: 1 MiB in four slices, taken a batch of 16 KiB at a time.
fn rope(criterion: &mut Criterion) {
    let bytes = Bytes::from(vec![7; 1 << 20]);
    let slices: Vec<Bytes> = (0..4).map(|at| bytes.slice(at << 18..(at + 1) << 18)).collect();
    let mut group = criterion.benchmark_group("Rope::take");
    group.throughput(Throughput::Elements(64));
    group.bench_function("64 batches", |bencher| {
        let rope = || Rope::new(slices.clone());
        let take = |mut rope: Rope| (0..64).map(|_| rope.take(16 * KIB)).collect::<Vec<_>>();
        bencher.iter_batched(rope, take, BatchSize::SmallInput);
    });
}

criterion_group! { name = benches; config = fixture::criterion(); targets = locate, advance, stitch, rope }
criterion_main!(benches);
