//! From a decision to blocks for the disk: encoding a command, and the group that carries it.

mod fixture;

use std::hint::black_box;

use apus_coordinator::command::{Command, Commit, CommitEntry, Envelope, encode};
use apus_coordinator::journal::group::{OpenGroup, Place};
use apus_coordinator::journal::{Author, Completion, GroupKind, Journal, JournalLimits, Tail};
use apus_coordinator::machine::tickets::Tickets;
use apus_core::batch::{BatchFacts, Sequence};
use apus_core::ids::{Incarnation, Lsn, PartitionId, ProducerId, Uuid};
use apus_core::turn::Effect;
use apus_core::world::{DiskReply, DiskRequest};
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fixture::{KIB, Stage, WALL_MS, batch, pack_id};

fn author() -> Author {
    Author { cluster: Uuid([1; 16]), journal: Uuid([2; 16]), nonce: Uuid([3; 16]), incarnation: Incarnation(1) }
}

/// A commit of so many batches.
fn commit(batches: u32) -> Envelope {
    let entry = |at| CommitEntry {
        partition: PartitionId(at),
        position: at << 14,
        facts: BatchFacts {
            offsets: 16,
            bytes: 1 << 14,
            timestamp_max: WALL_MS,
            attributes: 0,
            sequence: Some(Sequence { producer: ProducerId(7), epoch: 0, first: 0 }),
        },
    };
    let batches: Vec<CommitEntry> = (0..batches).map(entry).collect();
    let object_bytes = (batches.len() as u64) << 14;
    Envelope::internal(WALL_MS, Command::Commit(Commit { stored: Some(pack_id(1)), object_bytes, batches }))
}

fn frame(batches: u32) -> Bytes {
    let mut frame = Vec::new();
    encode(&commit(batches), &mut frame);
    frame.into()
}

fn encode_commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for batches in [1, 64, 1_024] {
        group.throughput(Throughput::Elements(u64::from(batches)));
        let id = BenchmarkId::new("commit", format!("{batches} batches"));
        group.bench_with_input(id, &commit(batches), |bencher, envelope| {
            let mut frame = Vec::new();
            bencher.iter(|| {
                frame.clear();
                encode(black_box(envelope), &mut frame)
            });
        });
    }
}

/// A flush that rides in the journal: its bytes are checksummed for their frame and for their group.
fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("OpenGroup::seal");
    for count in [1, 56] {
        let inline = vec![batch(16 * KIB); count];
        let frame = frame(count as u32);
        group.throughput(Throughput::Bytes(inline.iter().map(|piece| piece.len() as u64).sum()));
        group.bench_function(format!("{count} batches of 16 KiB"), |bencher| {
            let place = Place { segment: 1, position: 0, previous: 0 };
            let inline = || inline.clone();
            bencher.iter_batched(
                inline,
                |inline| {
                    let mut open = OpenGroup::new(Lsn(1));
                    open.push(frame.clone(), Some(inline));
                    open.seal(GroupKind::Data, author(), place)
                },
                BatchSize::SmallInput,
            );
        });
    }
}

/// Commands that come while a write is in flight share the next group.
fn group_commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Journal::append");
    for commands in [1, 64] {
        group.throughput(Throughput::Elements(commands));
        let frame = frame(4);
        group.bench_function(format!("groups of {commands}"), |bencher| {
            let (mut stage, mut tickets) = (Stage::new(), Tickets::default());
            let mut journal = journal(&stage);
            bencher.iter(|| {
                for _ in 0..commands {
                    black_box(journal.append(frame.clone(), None));
                }
                journal.pump(&mut tickets, &mut stage.turn());
                answer(&mut journal, &mut stage);
            });
        });
    }
}

fn journal(stage: &Stage) -> Journal {
    let limits = JournalLimits { bytes_max: u64::MAX, ..JournalLimits::default() };
    let tail = Tail {
        place: Some((1, 0)),
        last: None,
        garbage: Vec::new(),
        spare: None,
        useless: Vec::new(),
        garbage_bytes: 0,
    };
    Journal::new(limits, author(), &tail, &[(1, limits.first_bytes, Lsn(1))], stage.now)
}

/// A disk that takes no time; a segment that is full is freed at once.
fn answer(journal: &mut Journal, stage: &mut Stage) {
    for effect in std::mem::take(&mut stage.effects) {
        let Effect::Disk { ticket, request } = effect else { panic!("a journal wants its disk only") };
        black_box::<DiskRequest>(request);
        if let Completion::Durable(lsn) = journal.answered(ticket, Ok(DiskReply::Done), &mut stage.turn()) {
            journal.release(lsn);
        }
    }
}

criterion_group! { name = benches; config = fixture::criterion(); targets = encode_commit, seal, group_commit }
criterion_main!(benches);
