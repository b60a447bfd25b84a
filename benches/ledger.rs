//! The coordinator's one function that changes its state: offsets for the batches of a flush.

mod fixture;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apus_coordinator::command::{Command, Commit, CommitEntry, CreateTopic, Envelope, TopicKind};
use apus_coordinator::ledger::{Decision, Ledger};
use apus_coordinator::snapshot::{self, Snapshot};
use apus_core::batch::{BatchFacts, Sequence};
use apus_core::ids::{PartitionId, ProducerId, Uuid};
use apus_core::time::Rng;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixture::{WALL_MS, pack_id};

const PARTITIONS: u32 = 100_000;
/// A ledger is made anew before it reaches its cap.
const EXTENTS_MAX: u64 = 4_000_000;
const BATCH_BYTES: u32 = 16 << 10;

/// A ledger, and what its producers sent last.
struct World {
    ledger: Ledger,
    sequences: Vec<i32>,
    packs: u64,
    extents: u64,
    rng: Rng,
}

impl World {
    fn new() -> World {
        let mut ledger = Ledger::new();
        let topic = CreateTopic {
            id: Uuid([1; 16]),
            name: Arc::from("topic"),
            kind: TopicKind::Diskless,
            partitions: PARTITIONS,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        let outcome = ledger.apply(ledger.lsn().next(), &Envelope::internal(WALL_MS, Command::CreateTopic(topic)));
        assert!(matches!(outcome.decision, Decision::Created(Ok(_))), "{:?}", outcome.decision);
        World { ledger, sequences: vec![0; PARTITIONS as usize], packs: 0, extents: 0, rng: Rng::new(1) }
    }

    /// One batch of an idempotent producer for each of so many partitions at random.
    fn flush(&mut self, batches: u32) -> Envelope {
        let mut partitions: Vec<u32> = (0..batches).map(|_| self.rng.below(u64::from(PARTITIONS)) as u32).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let entries = partitions.iter().zip(0..).map(|(partition, at)| {
            let next = &mut self.sequences[*partition as usize];
            let sequence = Sequence { producer: ProducerId(7), epoch: 0, first: *next };
            *next += 1;
            let facts = BatchFacts {
                offsets: 1,
                bytes: BATCH_BYTES,
                timestamp_max: WALL_MS,
                attributes: 0,
                sequence: Some(sequence),
            };
            CommitEntry { partition: PartitionId(*partition), position: at * BATCH_BYTES, facts }
        });
        let batches: Vec<CommitEntry> = entries.collect();
        self.extents += batches.len() as u64;
        self.packs += 1;
        let stored = Some(pack_id(self.packs - 1));
        let object_bytes = u64::from(BATCH_BYTES) * batches.len() as u64;
        Envelope::internal(WALL_MS, Command::Commit(Commit { stored, object_bytes, batches }))
    }
}

fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Ledger::apply");
    let mut world = World::new();
    for batches in [1, 16, 256] {
        group.throughput(Throughput::Elements(u64::from(batches)));
        group.bench_function(BenchmarkId::new("commit", format!("{batches} extents of {PARTITIONS}")), |bencher| {
            bencher.iter_custom(|flushes| {
                let mut took = Duration::ZERO;
                for _ in 0..flushes {
                    if world.extents > EXTENTS_MAX {
                        world = World::new();
                    }
                    let envelope = world.flush(batches);
                    let started = Instant::now();
                    let outcome = world.ledger.apply(world.ledger.lsn().next(), &envelope);
                    took += started.elapsed();
                    let Decision::Committed { answers, .. } = outcome.decision else { panic!("a commit") };
                    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                }
                took
            });
        });
    }
}

/// Ten million extents of a million partitions, ten each, from what a snapshot stores to a ledger that serves.
fn restore(criterion: &mut Criterion) {
    const EXTENTS: u32 = 10_000_000;
    const WIDTH: u32 = 1_000;
    let mut ledger = Ledger::new();
    let topic = CreateTopic {
        id: Uuid([1; 16]),
        name: Arc::from("topic"),
        kind: TopicKind::Diskless,
        partitions: EXTENTS / 10,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    ledger.apply(ledger.lsn().next(), &Envelope::internal(WALL_MS, Command::CreateTopic(topic)));
    for pack in 0..EXTENTS / WIDTH {
        let entry = |at: u32| CommitEntry {
            partition: PartitionId((pack * WIDTH + at) % (EXTENTS / 10)),
            position: at * BATCH_BYTES,
            facts: BatchFacts { offsets: 1, bytes: BATCH_BYTES, timestamp_max: WALL_MS, attributes: 0, sequence: None },
        };
        let batches = (0..WIDTH).map(entry).collect();
        let object_bytes = u64::from(BATCH_BYTES * WIDTH);
        let commit = Commit { stored: Some(pack_id(u64::from(pack))), object_bytes, batches };
        ledger.apply(ledger.lsn().next(), &Envelope::internal(WALL_MS, Command::Commit(commit)));
    }
    let taken = Snapshot::of(&ledger);
    let parts: Vec<_> = taken.parts(None).collect();
    let entries: Vec<_> = parts.iter().map(|part| part.entry).collect();
    let manifest = taken.manifest(None, &entries);
    let mut group = criterion.benchmark_group("Ledger::restore");
    group.throughput(Throughput::Elements(u64::from(EXTENTS))).sample_size(10);
    group.bench_function(BenchmarkId::new("snapshot", format!("{EXTENTS} extents")), |bencher| {
        bencher.iter_with_large_drop(|| {
            snapshot::restore(&manifest, parts.iter().map(|part| &part.bytes)).expect("as written")
        });
    });
}

criterion_group! { name = benches; config = fixture::criterion(); targets = apply, restore }
criterion_main!(benches);
