//! Work and memory are bounded: removals go a piece at a time, and a large state is what its arithmetic says.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what is measured here is time and memory"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_coordinator::command::{Command, Commit, CommitEntry, CreateTopic, Envelope, TopicKind};
use apus_coordinator::ledger::{Decision, Known, Ledger, Outcome, Policy};
use apus_coordinator::snapshot::{Container, Part, PartEntry, Snapshot, restore};
use apus_core::batch::BatchFacts;
use apus_core::ids::{BrokerId, Incarnation, PackId, PartitionId, Uuid, Writer};
use apus_core::message::Trim;

fn apply(ledger: &mut Ledger, command: Command) -> Outcome {
    let lsn = ledger.lsn().next();
    ledger.apply(lsn, &Envelope::internal(lsn.0 as i64, command))
}

fn create(ledger: &mut Ledger, id: u8, partitions: u32) {
    let topic = CreateTopic {
        id: Uuid([id; 16]),
        name: Arc::from(format!("topic-{id}")),
        kind: TopicKind::Diskless,
        partitions,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    assert!(matches!(apply(ledger, Command::CreateTopic(topic)).decision, Decision::Created(Ok(_))));
}

/// One pack with a batch of 100 bytes for each of these partitions.
fn commit(ledger: &mut Ledger, number: u64, partitions: impl Iterator<Item = u32>) {
    let pack = PackId { broker: BrokerId(1), incarnation: Incarnation(1), writer: Writer::Packer, number };
    let facts = BatchFacts { offsets: 1, bytes: 100, timestamp_max: number as i64, attributes: 0, sequence: None };
    let batches: Vec<CommitEntry> = partitions
        .enumerate()
        .map(|(index, partition)| CommitEntry {
            partition: PartitionId(partition),
            position: index as u32 * 100,
            facts,
        })
        .collect();
    let commit = Commit { stored: Some(pack), object_bytes: batches.len() as u64 * 100, batches };
    let Decision::Committed { answers, .. } = apply(ledger, Command::Commit(commit)).decision else { panic!() };
    assert!(answers.iter().all(Result::is_ok));
}

#[test]
fn a_large_removal_is_swept_by_the_commands_behind_it() {
    let mut ledger = Ledger::new();
    create(&mut ledger, 1, 40_000);
    (0..2).for_each(|number| commit(&mut ledger, number, 0..40_000));
    let outcome = apply(&mut ledger, Command::DeleteTopic { id: Uuid([1; 16]) });
    assert!(outcome.died.is_empty() && ledger.sweeping());
    assert_eq!(ledger.bounds(PartitionId(39_999)), None, "decided at once");
    ledger.check();
    let mut died = Vec::new();
    let mut commands = 0;
    while ledger.sweeping() {
        died.extend(apply(&mut ledger, Command::Trim(Vec::new())).died);
        commands += 1;
    }
    ledger.check();
    assert_eq!(died.len(), 2);
    assert!((5..12).contains(&commands), "{commands} commands");
    assert_eq!((ledger.pressure().extents, ledger.pressure().partitions), (0, 0));
}

#[test]
fn retention_by_size_keeps_what_kafka_keeps() {
    let mut ledger = Ledger::new();
    create(&mut ledger, 1, 1);
    (0..10).for_each(|number| commit(&mut ledger, number, 0..1));
    let by_size = |bytes_max| Policy { age_ms_max: None, bytes_max: Some(bytes_max) };
    let expired = |ledger: &Ledger, bytes_max| ledger.expired(PartitionId(0), by_size(bytes_max), 0);
    assert_eq!(expired(&ledger, 1_000), None);
    assert_eq!(expired(&ledger, 901), None);
    assert_eq!(expired(&ledger, 900), Some(1));
    assert_eq!(expired(&ledger, 0), Some(10));
    let trim = Trim { partition: PartitionId(0), log_start_offset: 4 };
    let outcome = apply(&mut ledger, Command::Trim(vec![trim]));
    assert_eq!(outcome.died.len(), 4);
    assert_eq!(ledger.partition_bytes(PartitionId(0)), Some(600));
    assert_eq!(expired(&ledger, 500), Some(5));
    ledger.check();
}

#[test]
fn lives_that_are_over_leave_one_mark() {
    let mut ledger = Ledger::new();
    create(&mut ledger, 1, 1);
    let broker = BrokerId(1);
    let pack = |life, writer, number| PackId { broker, incarnation: Incarnation(life), writer, number };
    for life in 1..=50_u32 {
        apply(&mut ledger, Command::Begin { incarnation: Incarnation(life), nonce: 7 });
        for writer in Writer::ALL {
            apply(&mut ledger, Command::Abandon { pack: pack(life, writer, 3) });
        }
        let facts = BatchFacts { offsets: 1, bytes: 9, timestamp_max: 0, attributes: 0, sequence: None };
        let entry = CommitEntry { partition: PartitionId(0), position: 0, facts };
        let stored = Some(pack(life, Writer::Packer, 5));
        apply(&mut ledger, Command::Commit(Commit { stored, object_bytes: 9, batches: vec![entry] }));
        let close = |before| Command::CloseLives { broker, before: Incarnation(before) };
        if life % 10 == 5 {
            assert_eq!(ledger.open_lives(Incarnation(life)), [broker]);
            assert_eq!(apply(&mut ledger, close(life)).decision, Decision::Closed(true));
            assert_eq!(apply(&mut ledger, close(life)).decision, Decision::Closed(false));
            assert!(ledger.open_lives(Incarnation(life)).is_empty());
            assert_eq!(ledger.pressure().writers, 3, "a mark, and the two writers of this life");
        }
        assert_eq!(apply(&mut ledger, close(life + 1)).decision, Decision::Closed(false), "this life goes on");
        ledger.check();
    }
    assert!(ledger.pressure().writers <= 13);
    // Of a closed life: committed packs live, all others are orphans, and none is ever committed.
    assert!(ledger.is_referenced(pack(7, Writer::Packer, 5)));
    for number in [0, 3, 4, 63, 1_000] {
        let late = pack(44, Writer::Packer, number);
        assert_eq!(ledger.known(late), Known::Resolved);
        let commit = Commit { stored: Some(late), object_bytes: 9, batches: Vec::new() };
        let before = ledger.pressure();
        apply(&mut ledger, Command::Commit(commit));
        assert_eq!((ledger.pressure(), ledger.is_referenced(late)), (before, false));
    }
    assert_eq!(ledger.known(pack(45, Writer::Packer, 4)), Known::Unknown, "a life that is not closed");
    let snapshot = Snapshot::of(&ledger);
    let parts: Vec<_> = snapshot.parts(None).collect();
    let entries: Vec<PartEntry> = parts.iter().map(|part| part.entry).collect();
    let restored = restore(&snapshot.manifest(None, &entries), parts.iter().map(|part| &part.bytes)).expect("whole");
    assert_eq!(restored.digest(), ledger.digest());
    assert_eq!(restored.known(pack(44, Writer::Spill, 9)), Known::Resolved);
}

#[test]
fn many_partitions_survive_a_snapshot_and_only_changes_are_written_again() {
    let mut ledger = Ledger::new();
    create(&mut ledger, 1, 100_000);
    for number in 0..5 {
        (0..10).for_each(|part| {
            let (start, number) = (part * 10_000, number * 10 + u64::from(part));
            commit(&mut ledger, number, start..start + 10_000);
        });
    }
    let first = Snapshot::of(&ledger);
    let parts: Vec<_> = first.parts(None).collect();
    let entries: Vec<PartEntry> = parts.iter().map(|part| part.entry).collect();
    // Answers that a retry may ask for again are as many as the batches of 64 packs; all else is small.
    let small = |part: &Part| part.entry.id.container == Container::Windows || part.bytes.len() < 2 << 20;
    assert!(parts.iter().all(small));
    let manifest = first.manifest(None, &entries);
    let restored = restore(&manifest, parts.iter().map(|part| &part.bytes)).expect("as written");
    assert_eq!(restored.digest(), ledger.digest());
    commit(&mut ledger, 50, 77_000..77_001);
    let changed = Snapshot::of(&ledger).parts(Some(&manifest)).count();
    assert!(changed <= 5, "{changed} of {} parts changed", parts.len());
}

/// `cargo test --release --test bounds -- --ignored --nocapture`: one million partitions, ten million extents.
#[test]
#[ignore = "needs a gigabyte and a while; prints what it measured"]
fn the_largest_state_fits() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("Linux");
        line.split_whitespace().nth(1).expect("a number").parse::<u64>().expect("a number") / 1024
    };
    let before = resident();
    let mut ledger = Ledger::new();
    (0..10).for_each(|topic| create(&mut ledger, topic + 1, 100_000));
    let started = std::time::Instant::now();
    for number in 0..1_000_u32 {
        // Ten thousand partitions a pack, scattered.
        commit(&mut ledger, u64::from(number), (0..10_000).map(|index| index * 100 + number % 100));
    }
    let elapsed = started.elapsed();
    println!("10,000,000 extents in {elapsed:?}; resident {} MiB", resident() - before);
    let started = std::time::Instant::now();
    let snapshot = Snapshot::of(&ledger);
    println!("snapshot taken in {:?}", started.elapsed());
    let started = std::time::Instant::now();
    let bytes: usize = snapshot.parts(None).map(|part| part.bytes.len()).sum();
    println!("{} MiB of parts encoded in {:?}", bytes >> 20, started.elapsed());
    assert!(resident() - before < 1_024, "more than a gigabyte");
}
