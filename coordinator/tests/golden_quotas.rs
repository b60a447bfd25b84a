//! Golden files of what came with quotas of clients: the command that sets those of an entity, and the snapshot of some.
//! They hold what [`golden`](golden.rs) holds of everything before them.
//!
//! `cargo test --workspace --test golden_quotas -- --ignored` writes files that are missing, never one that is there.

mod golden_commands;
mod golden_files;
mod golden_samples;

use std::sync::Arc;

use apus_coordinator::command::{Command, Envelope};
use apus_coordinator::ledger::{Decision, Ledger};
use apus_core::ids::{Incarnation, Lsn};
use apus_core::quota::{Bound, EntityName, QuotaEntity, QuotaKey};
use golden_commands::{File, break_commands, ledger_is_read, of_ledger};
use golden_samples::{Samples, are_read, enveloped, files_of, ledger_of};

fn entity(user: Option<EntityName>, client_id: Option<EntityName>, ip: Option<EntityName>) -> QuotaEntity {
    QuotaEntity { user, client_id, ip }
}

fn named(name: &str) -> Option<EntityName> {
    Some(EntityName::Named(name.into()))
}

fn set(entity: QuotaEntity, quotas: &[(QuotaKey, f64)]) -> Command {
    let quotas = quotas.iter().map(|(key, value)| (*key, Bound::new(*value).expect("a bound")));
    Command::SetQuotas { entity, quotas: Arc::new(quotas.collect()) }
}

fn samples() -> Samples {
    let rates = [(QuotaKey::ConsumerByteRate, 2048.0), (QuotaKey::ProducerByteRate, 1024.0)];
    let commands = [
        (None, Command::Begin { incarnation: Incarnation(1), nonce: 5 }),
        (Some("set-quotas-v1"), set(entity(named("alice"), Some(EntityName::Default), None), &rates)),
        (Some("set-ip-quotas-v1"), set(entity(None, None, named("::1")), &[(QuotaKey::ConnectionCreationRate, 5.0)])),
        (None, set(entity(None, named("loader"), None), &[(QuotaKey::RequestPercentage, 12.5)])),
    ];
    enveloped(commands, 1_700_000_000_000)
}

fn ledger() -> Ledger {
    ledger_of(samples())
}

/// Every golden file's name and what this binary writes for it.
fn files() -> Vec<File> {
    files_of(samples()).chain(of_ledger("snapshot-quotas-v1", &ledger())).collect()
}

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    are_read(samples());
    let restored = ledger_is_read("snapshot-quotas-v1", &ledger());
    let quotas = restored.quotas_of(&entity(None, named("loader"), None)).expect("it is set");
    assert_eq!(quotas.get(&QuotaKey::RequestPercentage).map(|bound| bound.value()), Some(12.5));
    assert_eq!(restored.quotas_held(), ledger().quotas_held());
    assert_eq!(restored.quotas().count(), 3);
}

#[test]
fn quotas_come_and_go() {
    let mut ledger = ledger();
    let before = ledger.quotas_held();
    let mut decide = |command| {
        let decision = ledger.apply(ledger.lsn().next(), &Envelope::internal(0, command)).decision;
        ledger.check();
        let Decision::QuotasSet(record) = decision else { panic!("{decision:?}") };
        (record.quotas.len(), ledger.quotas_held())
    };
    // The default client is another entity than a client of a name.
    let any = || entity(None, Some(EntityName::Default), None);
    let grown = (before.0 + 1, before.1);
    assert_eq!(decide(set(any(), &[(QuotaKey::ProducerByteRate, 1.0)])), (1, grown));
    assert_eq!(decide(set(any(), &[(QuotaKey::ProducerByteRate, 2.0)])), (1, grown));
    assert_eq!(decide(set(any(), &[])), (0, before));
    assert_eq!(decide(set(any(), &[])), (0, before), "what is gone goes again");
    assert_eq!(decide(set(entity(None, named("loader"), None), &[])).1.0, 2);
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
