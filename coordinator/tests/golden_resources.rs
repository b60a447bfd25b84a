//! Golden files of what came with settings of groups and of subscriptions: the command that sets one up, and the snapshot
//! of some. They hold what [`golden`](golden.rs) holds of everything before them.
//!
//! `cargo test --workspace --test golden_resources -- --ignored` writes files that are missing, never one that is there.

mod golden_commands;
mod golden_files;
mod golden_samples;

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_coordinator::command::{Command, Envelope};
use apus_coordinator::ledger::{Decision, Ledger};
use apus_core::config::ResourceKind;
use apus_core::ids::{Incarnation, Lsn};
use golden_commands::{File, break_commands, ledger_is_read, of_ledger};
use golden_samples::{Samples, are_read, enveloped, files_of, ledger_of};

fn configure(kind: ResourceKind, name: &str, configs: &[(&str, &str)]) -> Command {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Command::ConfigureResource { kind, name: Arc::from(name), configs }
}

fn samples() -> Samples {
    let group = configure(ResourceKind::Group, "watchers", &[("consumer.session.timeout.ms", "50000")]);
    let metrics = [("interval.ms", "1000"), ("metrics", "org.apache.kafka.consumer.,org.apache.kafka.producer.")];
    let commands = [
        (None, Command::Begin { incarnation: Incarnation(1), nonce: 5 }),
        (Some("configure-resource-v1"), group),
        (Some("configure-client-metrics-v1"), configure(ResourceKind::ClientMetrics, "all", &metrics)),
    ];
    enveloped(commands, 1_700_000_000_000)
}

fn ledger() -> Ledger {
    ledger_of(samples())
}

/// Every golden file's name and what this binary writes for it.
fn files() -> Vec<File> {
    files_of(samples()).chain(of_ledger("snapshot-resources-v1", &ledger())).collect()
}

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    are_read(samples());
    let restored = ledger_is_read("snapshot-resources-v1", &ledger());
    let configs = restored.resource_configs(ResourceKind::Group, &"watchers".into());
    assert_eq!(configs.into_values().collect::<Vec<_>>(), ["50000"]);
    assert_eq!(restored.resources_held(), ledger().resources_held());
}

#[test]
fn settings_come_and_go() {
    let mut ledger = ledger();
    let before = ledger.resources_held();
    let mut decide = |command| {
        let decision = ledger.apply(ledger.lsn().next(), &Envelope::internal(0, command)).decision;
        ledger.check();
        let Decision::ResourceConfigured(record) = decision else { panic!("{decision:?}") };
        (record.configs.len(), ledger.resources_held())
    };
    // A group and a subscription of one name are two resources.
    let twin = || configure(ResourceKind::Group, "all", &[("a", "bc")]);
    let grown = (before.0 + 1, before.1 + 6);
    assert_eq!(decide(twin()), (1, grown));
    assert_eq!(decide(twin()), (1, grown));
    assert_eq!(decide(configure(ResourceKind::Group, "all", &[])), (0, before));
    assert_eq!(decide(configure(ResourceKind::Group, "all", &[])), (0, before), "what is gone goes again");
    assert_eq!(decide(configure(ResourceKind::Group, "watchers", &[])).1.0, 1);
    assert_eq!(decide(configure(ResourceKind::ClientMetrics, "all", &[])).1, (0, 0));
    assert_eq!(ledger.resource_configs(ResourceKind::Group, &"watchers".into()), BTreeMap::new());
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
