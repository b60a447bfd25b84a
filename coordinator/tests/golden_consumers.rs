//! Golden files of what came with the consumer protocol: its command, and the snapshot of its groups.
//!
//! `cargo test --workspace --test golden_consumers -- --ignored` writes files that are missing, never one that is there.

mod golden_commands;
mod golden_files;
mod golden_samples;

use std::sync::Arc;

use apus_coordinator::command::{ChangeConsumers, Command, CreateTopic, Envelope, StoredConsumer, TopicKind};
use apus_coordinator::ledger::{Decision, Ledger};
use apus_core::api::GroupClient;
use apus_core::error::Refusal;
use apus_core::ids::{Incarnation, Lsn, PartitionId, Uuid};
use golden_commands::{File, break_commands, ledger_is_read, of_ledger};
use golden_samples::{Samples, are_read, enveloped, files_of, ledger_of};

fn member(id: &str, assigned: &[u32], revoking: &[u32], target: &[u32]) -> Arc<StoredConsumer> {
    let list = |list: &[u32]| list.iter().copied().map(PartitionId).collect();
    Arc::new(StoredConsumer {
        id: Arc::from(id),
        instance_id: (id == "first").then(|| Arc::from("one")),
        rack_id: (id == "first").then(|| Arc::from("zone-a")),
        client: GroupClient { id: Arc::from("app"), host: Arc::from("/127.0.0.1") },
        rebalance_timeout_ms: 300_000,
        topics: vec![Arc::from("orders"), Arc::from("payments")],
        regex: (id == "second").then(|| Arc::from("orders-.*")),
        assignor: Some(Arc::from("uniform")),
        epoch: 2,
        previous_epoch: 1,
        assigned: list(assigned),
        revoking: list(revoking),
        target: list(target),
        classic: None,
    })
}

fn change(left: &[&str], members: Vec<Arc<StoredConsumer>>) -> ChangeConsumers {
    ChangeConsumers {
        group: Arc::from("billing"),
        converts: false,
        epoch: 3,
        target_epoch: 3,
        topics_hash: 0x0123_4567_89ab_cdef,
        assignor: Arc::from("uniform"),
        left: left.iter().map(|id| Arc::from(*id)).collect(),
        members,
    }
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
    let members = vec![member("first", &[0, 1], &[2], &[0, 1]), member("second", &[3], &[], &[2, 3])];
    let commands = [
        (None, Command::Begin { incarnation: Incarnation(1), nonce: 5 }),
        (None, Command::CreateTopic(topic)),
        (Some("change-consumers-v1"), Command::ChangeConsumers(Arc::new(change(&["zero"], members)))),
    ];
    enveloped(commands, 1_700_000_000_000)
}

fn ledger() -> Ledger {
    ledger_of(samples())
}

fn files() -> Vec<File> {
    files_of(samples()).chain(of_ledger("snapshot-consumers-v1", &ledger())).collect()
}

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    are_read(samples());
    let restored = ledger_is_read("snapshot-consumers-v1", &ledger());
    assert_eq!(restored.consumers("billing"), ledger().consumers("billing"));
    assert_eq!(restored.consumers("billing").expect("it was stored").members.len(), 2);
}

#[test]
fn two_members_never_hold_one_partition() {
    let mut ledger = ledger();
    let mut decide = |change: ChangeConsumers| {
        let command = Command::ChangeConsumers(Arc::new(change));
        let decision = ledger.apply(ledger.lsn().next(), &Envelope::internal(0, command)).decision;
        ledger.check();
        decision
    };
    let refused = Decision::ConsumersChanged(Err(Refusal::InvalidRequest));
    assert_eq!(decide(change(&[], vec![member("second", &[2], &[], &[2])])), refused, "it is being given back");
    assert_eq!(decide(change(&[], vec![member("third", &[], &[], &[3])])), refused, "two are to have it");
    assert_eq!(decide(ChangeConsumers { epoch: 2, target_epoch: 2, ..change(&[], vec![]) }), refused, "an epoch falls");
    assert_eq!(decide(change(&["first"], vec![member("third", &[0], &[], &[0])])), Decision::ConsumersChanged(Ok(())));
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
