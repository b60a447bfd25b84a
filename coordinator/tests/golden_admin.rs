//! Golden files of what came with the administration of topics: commands that let topics grow and set them up anew, and
//! the snapshot of a topic that grew; settings of brokers that changed at run time, and their snapshot. They hold what [`golden`](golden.rs) holds of everything before them.
//!
//! `cargo test -p apus-coordinator --test golden_admin -- --ignored` writes files that are missing, never one that is
//! there.

mod golden_commands;
mod golden_files;
mod golden_samples;

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_coordinator::command::{Command, CreateTopic, Envelope, TopicKind};
use apus_coordinator::ledger::{Decision, Ledger};
use apus_core::error::Refusal;
use apus_core::ids::{BrokerId, Incarnation, Lsn, PartitionId, Uuid};
use golden_commands::{File, break_commands, ledger_is_read, of_ledger};
use golden_samples::{Samples, are_read, enveloped, files_of, ledger_of};

const ORDERS: Uuid = Uuid([7; 16]);

fn create(id: Uuid, name: &str, partitions: u32) -> Command {
    Command::CreateTopic(CreateTopic {
        id,
        name: Arc::from(name),
        kind: TopicKind::Diskless,
        partitions,
        replication_factor: 3,
        configs: configs("60000"),
    })
}

fn configs(retention_ms: &str) -> BTreeMap<String, String> {
    [("retention.ms".to_owned(), retention_ms.to_owned())].into()
}

/// In an order that makes sense to a ledger: the topic grows behind another one, so its partitions lie apart.
fn samples() -> Samples {
    let commands = [
        (None, Command::Begin { incarnation: Incarnation(1), nonce: 5 }),
        (None, create(ORDERS, "orders", 2)),
        (None, create(Uuid([8; 16]), "payments", 1)),
        (Some("grow-topic-v1"), Command::GrowTopic { id: ORDERS, partitions: 4 }),
        (Some("configure-topic-v1"), Command::ConfigureTopic { id: ORDERS, configs: configs("5") }),
    ];
    enveloped(commands, 1_700_000_000_000)
}

/// What comes behind them.
fn broker_samples() -> Samples {
    let configure = |broker: Option<i32>, retention_ms: &str| Command::ConfigureBroker {
        broker: broker.map(BrokerId),
        configs: [("log.retention.ms".to_owned(), retention_ms.to_owned())].into(),
    };
    let commands = [
        (Some("configure-broker-v1"), configure(Some(1), "7")),
        (Some("configure-all-brokers-v1"), configure(None, "8")),
    ];
    enveloped(commands, 1_700_000_001_000)
}

/// One after the other.
fn all_samples() -> Samples {
    samples().into_iter().chain(broker_samples()).collect()
}

/// A state without settings of brokers, and one with them.
fn ledgers() -> [(&'static str, Ledger); 2] {
    [("snapshot-grown-v1", ledger_of(samples())), ("snapshot-brokers-v1", ledger_of(all_samples()))]
}

fn ledger() -> Ledger {
    let [(_, ledger), _] = ledgers();
    ledger
}

/// Every golden file's name and what this binary writes for it.
fn files() -> Vec<File> {
    let snapshots = ledgers().into_iter().flat_map(|(kind, ledger)| of_ledger(kind, &ledger));
    files_of(all_samples()).chain(snapshots).collect()
}

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    are_read(all_samples());
    for (kind, ledger) in ledgers() {
        is_as_written(&ledger_is_read(kind, &ledger));
    }
}

fn is_as_written(restored: &Ledger) {
    let topic = restored.topic(ORDERS).expect("it was created");
    assert_eq!(topic.partition_ids().collect::<Vec<_>>(), [0, 1, 3, 4].map(PartitionId));
    let indexes = (0..6).map(|partition| topic.index_of(PartitionId(partition)));
    assert_eq!(indexes.collect::<Vec<_>>(), [Some(0), Some(1), None, Some(2), Some(3), None]);
    assert_eq!((topic.partitions(), topic.configs()), (4, &configs("5")));
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let mut ledger = ledger();
    let mut decide = |command| {
        let before = ledger.topic(ORDERS).expect("it is there").clone();
        let decision = ledger.apply(ledger.lsn().next(), &Envelope::internal(0, command)).decision;
        ledger.check();
        assert_eq!(ledger.topic(ORDERS), Some(&before));
        decision
    };
    let nobody = Uuid([9; 16]);
    let grow = |id, partitions| Command::GrowTopic { id, partitions };
    for partitions in [0, 3, 4] {
        assert_eq!(decide(grow(ORDERS, partitions)), Decision::Grown(Err(Refusal::InvalidPartitions)));
    }
    assert_eq!(decide(grow(ORDERS, 1_000_000)), Decision::Grown(Err(Refusal::KafkaStorageError)));
    assert_eq!(decide(grow(nobody, 5)), Decision::Grown(Err(Refusal::UnknownTopicId)));
    let configure = Command::ConfigureTopic { id: nobody, configs: BTreeMap::new() };
    assert_eq!(decide(configure), Decision::Configured(Err(Refusal::UnknownTopicId)));
}

#[test]
fn settings_of_brokers_come_and_go() {
    let [(_, before), (_, mut ledger)] = ledgers();
    let set = |ledger: &Ledger, broker| ledger.broker_configs(broker).into_values().collect::<Vec<_>>();
    let own = Some(BrokerId(1));
    assert_eq!((set(&ledger, own), set(&ledger, None)), (vec!["7".to_owned()], vec!["8".to_owned()]));
    assert!(set(&ledger, Some(BrokerId(2))).is_empty());
    for broker in [own, None, Some(BrokerId(2))] {
        let command = Command::ConfigureBroker { broker, configs: BTreeMap::new() };
        let decision = ledger.apply(ledger.lsn().next(), &Envelope::internal(0, command)).decision;
        assert_eq!(decision, Decision::BrokerConfigured);
        ledger.check();
    }
    assert_eq!((set(&ledger, own), set(&ledger, None)), (set(&before, own), set(&before, None)));
}

#[test]
fn partitions_that_lie_apart_are_found_both_ways() {
    let ledger = ledger();
    let topic = ledger.topic(ORDERS).expect("it was made");
    let partitions: Vec<PartitionId> = topic.partition_ids().collect();
    assert_eq!(partitions.len(), 4);
    for (index, partition) in partitions.into_iter().enumerate() {
        let index = index as i32;
        assert_eq!((topic.partition_at(index), topic.index_of(partition)), (Some(partition), Some(index)));
    }
    assert_eq!([-1, 4, i32::MAX].map(|index| topic.partition_at(index)), [None; 3]);
}

#[test]
fn a_topic_that_grew_goes_with_all_of_its_partitions() {
    let mut ledger = ledger();
    let delete = Envelope::internal(0, Command::DeleteTopic { id: ORDERS });
    ledger.apply(ledger.lsn().next(), &delete);
    ledger.check();
    assert_eq!(ledger.pressure().partitions, 1, "the other topic's");
    assert_eq!(ledger.lsn(), Lsn(6));
}

#[test]
fn hostile_bytes_are_errors() {
    break_commands(files(), |_, envelope| {
        let mut ledger = ledger();
        ledger.apply(Lsn(100), envelope);
        ledger.check();
    });
}

#[test]
#[ignore = "writes the golden files that are missing"]
fn write_missing() {
    golden_files::write_missing(files());
}
