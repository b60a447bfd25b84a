//! Golden files of what came with groups that go from one protocol to the other: the command that speaks of members of the
//! classic protocol, and the snapshot of a group in which they are.
//!
//! `cargo test --workspace --test golden_migration -- --ignored` writes files that are missing, never one that is there.

mod golden_commands;
mod golden_files;
mod golden_samples;

use std::sync::Arc;

use apus_coordinator::command::{
    ChangeConsumers, ClassicSide, Command, CreateTopic, Envelope, StoredConsumer, StoredGroup, StoredMember, TopicKind,
};
use apus_coordinator::ledger::{Decision, Ledger};
use apus_core::api::{GroupClient, GroupProtocol};
use apus_core::error::Refusal;
use apus_core::ids::{Incarnation, Lsn, PartitionId, Uuid};
use bytes::Bytes;
use golden_commands::{File, break_commands, ledger_is_read, of_ledger};
use golden_samples::{Samples, are_read, enveloped, files_of, ledger_of};

fn protocol() -> GroupProtocol {
    GroupProtocol { name: Arc::from("range"), metadata: Bytes::from_static(&[0, 1, 0, 0, 0, 0, 255, 255, 255, 255]) }
}

fn client() -> GroupClient {
    GroupClient { id: Arc::from("app"), host: Arc::from("/127.0.0.1") }
}

/// A classic group, as it stood before.
fn before() -> StoredGroup {
    let member = StoredMember {
        id: Arc::from("first"),
        instance_id: Some(Arc::from("one")),
        client: client(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocols: vec![protocol()],
        assignment: Bytes::new(),
    };
    StoredGroup {
        id: Arc::from("billing"),
        generation: 7,
        protocol_type: Some(Arc::from("consumer")),
        protocol_name: Some(Arc::from("range")),
        leader: Some(Arc::from("first")),
        rebalancing: false,
        since_ms: 5,
        members: vec![member],
    }
}

fn member(id: &str, partitions: &[u32], classic: bool) -> Arc<StoredConsumer> {
    let partitions: Vec<PartitionId> = partitions.iter().copied().map(PartitionId).collect();
    let side = || Arc::new(ClassicSide { session_timeout_ms: 10_000, protocols: vec![protocol()] });
    Arc::new(StoredConsumer {
        rebalance_timeout_ms: 60_000,
        topics: vec![Arc::from("orders")],
        epoch: 8,
        previous_epoch: 7,
        assigned: partitions.clone(),
        target: partitions,
        classic: classic.then(side),
        ..StoredConsumer::new(&Arc::from(id), classic.then(|| Arc::from("one")), &client())
    })
}

fn change(converts: bool, members: Vec<Arc<StoredConsumer>>) -> ChangeConsumers {
    ChangeConsumers {
        group: Arc::from("billing"),
        converts,
        epoch: 8,
        target_epoch: 8,
        topics_hash: 0x0123_4567_89ab_cdef,
        assignor: Arc::from("uniform"),
        left: Vec::new(),
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
    let members = vec![member("first", &[0, 1], true), member("second", &[2, 3], false)];
    let commands = [
        (None, Command::Begin { incarnation: Incarnation(1), nonce: 5 }),
        (None, Command::CreateTopic(topic)),
        (None, Command::StoreGroup(Arc::new(before()))),
        (Some("change-consumers-v2"), Command::ChangeConsumers(Arc::new(change(true, members)))),
    ];
    enveloped(commands, 1_700_000_000_000)
}

fn ledger() -> Ledger {
    ledger_of(samples())
}

fn files() -> Vec<File> {
    files_of(samples()).chain(of_ledger("snapshot-migration-v1", &ledger())).collect()
}

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    are_read(samples());
    let restored = ledger_is_read("snapshot-migration-v1", &ledger());
    assert_eq!(restored.consumers("billing"), ledger().consumers("billing"));
    let group = restored.consumers("billing").expect("it was stored");
    assert_eq!((group.members.len(), group.classic().count()), (2, 1));
}

#[test]
fn a_classic_group_gives_way_only_where_it_is_said() {
    let decide = |ledger: &mut Ledger, command: Command| {
        let decision = ledger.apply(ledger.lsn().next(), &Envelope::internal(0, command)).decision;
        ledger.check();
        decision
    };
    let changes = |converts| Command::ChangeConsumers(Arc::new(change(converts, vec![member("third", &[0], false)])));
    let mut ledger = ledger();
    // Back again: the classic group takes the place of the other, whoever is in it.
    assert_eq!(decide(&mut ledger, Command::StoreGroup(Arc::new(before()))), Decision::GroupStored(Ok(())));
    assert!(ledger.consumers("billing").is_none());
    let refused = Decision::ConsumersChanged(Err(Refusal::NonEmptyGroup));
    assert_eq!(decide(&mut ledger, changes(false)), refused);
    assert_eq!(decide(&mut ledger, changes(true)), Decision::ConsumersChanged(Ok(())));
    assert_eq!(ledger.consumers("billing").map(|group| group.members.len()), Some(1), "all its members were named");
    // A member of a share group has no classic side.
    let shared = change(false, vec![member("first", &[0], true)]);
    let shared = Command::ChangeSharers(Arc::new(ChangeConsumers { group: Arc::from("shared"), ..shared }));
    assert_eq!(decide(&mut ledger, shared), Decision::ConsumersChanged(Err(Refusal::InvalidRequest)));
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
