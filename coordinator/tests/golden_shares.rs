//! Golden files of what came with share groups: their commands, and the snapshot of their members and partitions.
//!
//! `cargo test --workspace --test golden_shares -- --ignored` writes files that are missing, never one that is there.

mod golden_commands;
mod golden_files;
mod golden_samples;

use std::sync::Arc;

use apus_coordinator::command::shares::{ChangeShares, Delivery, ShareChange, StoredRun};
use apus_coordinator::command::{ChangeConsumers, Command, CreateTopic, StoredConsumer, TopicKind};
use apus_coordinator::ledger::Ledger;
use apus_core::api::GroupClient;
use apus_core::ids::{Incarnation, Lsn, PartitionId, Uuid};
use golden_commands::{File, break_commands, ledger_is_read, of_ledger};
use golden_samples::{Samples, are_read, enveloped, files_of, ledger_of};

fn member(id: &str, partitions: &[u32]) -> Arc<StoredConsumer> {
    let partitions: Vec<PartitionId> = partitions.iter().copied().map(PartitionId).collect();
    Arc::new(StoredConsumer {
        id: Arc::from(id),
        instance_id: None,
        rack_id: (id == "first").then(|| Arc::from("zone-a")),
        client: GroupClient { id: Arc::from("app"), host: Arc::from("/127.0.0.1") },
        rebalance_timeout_ms: 0,
        topics: vec![Arc::from("orders")],
        regex: None,
        assignor: None,
        epoch: 2,
        previous_epoch: 1,
        assigned: partitions.clone(),
        revoking: Vec::new(),
        target: partitions,
        classic: None,
    })
}

fn samples() -> Samples {
    let topic = CreateTopic {
        id: Uuid([7; 16]),
        name: Arc::from("orders"),
        kind: TopicKind::Diskless,
        partitions: 4,
        replication_factor: 1,
        configs: [].into(),
    };
    let members = ChangeConsumers {
        group: Arc::from("billing"),
        converts: false,
        epoch: 3,
        target_epoch: 3,
        topics_hash: 0x0123_4567_89ab_cdef,
        assignor: Arc::from("simple"),
        left: vec![Arc::from("zero")],
        members: vec![member("first", &[0, 1]), member("second", &[1, 2, 3])],
    };
    let run = |first, last, delivery, deliveries| StoredRun { first, last, delivery, deliveries };
    let set =
        |partition, start| ShareChange { partition: PartitionId(partition), whole: true, start, runs: Vec::new() };
    let runs = vec![
        run(12, 13, Delivery::Acknowledged, 1),
        run(15, 15, Delivery::Available, 2),
        run(16, 19, Delivery::Archived, 5),
    ];
    let moved = ShareChange { partition: PartitionId(1), whole: false, start: 11, runs };
    let shares = |changes| Command::ChangeShares(Arc::new(ChangeShares { group: Arc::from("billing"), changes }));
    let commands = [
        (None, Command::Begin { incarnation: Incarnation(1), nonce: 5 }),
        (None, Command::CreateTopic(topic)),
        (Some("change-sharers-v1"), Command::ChangeSharers(Arc::new(members))),
        (None, shares(vec![set(0, 0), set(1, 10), set(2, 7)])),
        (Some("change-shares-v1"), shares(vec![moved, set(3, 4)])),
        (
            Some("remove-shares-v1"),
            Command::RemoveShares { group: Arc::from("billing"), partitions: vec![PartitionId(0), PartitionId(2)] },
        ),
    ];
    enveloped(commands, 1_700_000_000_000)
}

fn ledger() -> Ledger {
    ledger_of(samples())
}

fn files() -> Vec<File> {
    files_of(samples()).chain(of_ledger("snapshot-shares-v1", &ledger())).collect()
}

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    are_read(samples());
    let restored = ledger_is_read("snapshot-shares-v1", &ledger());
    assert_eq!(restored.sharers("billing"), ledger().sharers("billing"));
    assert!(restored.consumers("billing").is_none());
    let share = restored.share("billing", PartitionId(1)).expect("it was stored");
    assert_eq!((share.epoch, share.start, share.runs.len()), (1, 11, 3));
    assert_eq!(restored.shares("billing").count(), 2);
}

#[test]
fn hostile_bytes_are_errors() {
    break_commands(files(), |position, envelope| {
        let mut ledger = ledger();
        ledger.apply(Lsn(100), envelope);
        if position % 16 == 0 {
            ledger.check();
        }
    });
}

#[test]
#[ignore = "writes the golden files that are missing"]
fn write_missing() {
    golden_files::write_missing(files());
}
