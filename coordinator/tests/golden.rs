//! Every stored format against the bytes in `golden/`: what was written once is readable for ever.
//!
//! The files are never edited. A new version of a layout adds a file; `cargo test --test golden -- --ignored` writes
//! those that are missing.

mod golden_commands;
mod golden_files;

use std::sync::Arc;

use apus_coordinator::command::{
    Command, Commit, CommitEntry, CommitOffsets, CreateTopic, Envelope, Rehome, StoredGroup, StoredMember, TopicKind,
};
use apus_coordinator::ledger::Ledger;
use apus_coordinator::snapshot::{PartEntry, Snapshot, restore};
use apus_core::api::{GroupClient, GroupOffset, GroupProtocol};
use apus_core::batch::{BatchFacts, Sequence};
use apus_core::extent::{Extent, Home, Placed};
use apus_core::ids::{BrokerId, Incarnation, Lsn, PackId, PartitionId, ProducerId, Uuid, Writer};
use apus_core::message::Trim;
use bytes::Bytes;
use golden_commands::{File, break_commands, command_is_read, ledger_is_read, of_command, of_ledger};

fn pack(writer: Writer, number: u64) -> PackId {
    PackId { broker: BrokerId(1), incarnation: Incarnation(2), writer, number }
}

fn entry(partition: u32, position: u32, sequence: Option<i32>) -> CommitEntry {
    let sequence = sequence.map(|first| Sequence { producer: ProducerId(4_000), epoch: 3, first });
    let facts = BatchFacts { offsets: 5, bytes: 100, timestamp_max: 1_700_000_000_123, attributes: 4, sequence };
    CommitEntry { partition: PartitionId(partition), position, facts }
}

fn commit(stored: Option<PackId>) -> Command {
    let batches = vec![entry(0, 0, Some(0)), entry(0, 100, Some(5)), entry(1, 200, None), entry(9, 300, None)];
    Command::Commit(Commit { stored, object_bytes: 444, batches })
}

fn moved(lsn_pack: PackId) -> Placed {
    let extent = Extent {
        start: 0,
        end: 10,
        home: Home::Pack(lsn_pack),
        position: 0,
        bytes: 200,
        timestamp_max: 1_700_000_000_123,
        transactional: false,
        control: false,
    };
    Placed { partition: PartitionId(0), extent }
}

/// One command of each type, in an order that makes sense to a ledger.
fn samples() -> Vec<(&'static str, Envelope)> {
    let spilled = pack(Writer::Spill, 0);
    let topic = CreateTopic {
        id: Uuid([7; 16]),
        name: Arc::from("orders"),
        kind: TopicKind::Diskless,
        partitions: 3,
        replication_factor: 3,
        configs: [("retention.ms".to_owned(), "60000".to_owned())].into(),
    };
    let rehome = Rehome { pack: spilled, object_bytes: 300, emptied: vec![Lsn(4)], moves: vec![moved(spilled)] };
    let trim = Trim { partition: PartitionId(1), log_start_offset: 5 };
    let commands = [
        ("begin-v1", Command::Begin { incarnation: Incarnation(2), nonce: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef }),
        ("create-topic-v1", Command::CreateTopic(topic)),
        ("reserve-producer-ids-v1", Command::ReserveProducerIds { end: 5_000 }),
        ("commit-inline-v1", commit(None)),
        ("commit-v1", commit(Some(pack(Writer::Packer, 0)))),
        ("rehome-v1", Command::Rehome(rehome)),
        ("trim-v1", Command::Trim(vec![trim])),
        ("abandon-v1", Command::Abandon { pack: pack(Writer::Packer, 1) }),
        ("objects-deleted-v1", Command::ObjectsDeleted { packs: vec![pack(Writer::Packer, 1)] }),
        ("expire-producers-v1", Command::ExpireProducers { before_ms: 1_600_000_000_000 }),
        ("digest-v1", Command::Digest { lsn: Lsn(10), digest: 0xfedc_ba98_7654_3210 }),
        ("delete-topic-v1", Command::DeleteTopic { id: Uuid([8; 16]) }),
    ];
    enveloped(commands, 1_700_000_000_000)
}

/// The commands that came with consumer groups.
fn group_samples() -> Vec<(&'static str, Envelope)> {
    let offset = |offset, metadata: &str| GroupOffset { offset, leader_epoch: 0, metadata: metadata.into() };
    let commit = |group: &str, expire_ms, offsets| {
        Command::CommitOffsets(CommitOffsets { group: group.into(), expire_ms, offsets })
    };
    let both = vec![(PartitionId(0), offset(7, "")), (PartitionId(1), offset(5, "beside"))];
    let commands = [
        ("store-group-v1", Command::StoreGroup(Arc::new(group()))),
        ("commit-offsets-v1", commit("billing", None, both)),
        (
            "commit-offsets-expiring-v1",
            commit("simple", Some(1_800_000_000_000), vec![(PartitionId(2), offset(1, ""))]),
        ),
        (
            "remove-offsets-v1",
            Command::RemoveOffsets { group: Arc::from("billing"), partitions: vec![PartitionId(0), PartitionId(9)] },
        ),
        ("remove-group-v1", Command::RemoveGroup { id: Arc::from("unknown") }),
    ];
    enveloped(commands, 1_700_000_001_000)
}

fn group() -> StoredGroup {
    let member = |id: &str, instance_id: Option<&str>| StoredMember {
        id: id.into(),
        instance_id: instance_id.map(Arc::from),
        client: GroupClient { id: Arc::from("app"), host: Arc::from("/127.0.0.1") },
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 300_000,
        protocols: vec![
            GroupProtocol { name: Arc::from("cooperative-sticky"), metadata: Bytes::from_static(&[0, 3]) },
            GroupProtocol { name: Arc::from("range"), metadata: Bytes::from_static(&[0, 1, 2]) },
        ],
        assignment: Bytes::from_static(&[0, 1]),
    };
    StoredGroup {
        id: Arc::from("billing"),
        generation: 3,
        protocol_type: Some(Arc::from("consumer")),
        protocol_name: Some(Arc::from("range")),
        leader: Some(Arc::from("app-1")),
        rebalancing: false,
        since_ms: 1_700_000_000_500,
        members: vec![member("app-1", None), member("app-2", Some("second"))],
    }
}

fn enveloped<const N: usize>(
    commands: [(&'static str, Command); N],
    mut wall_ms: i64,
) -> Vec<(&'static str, Envelope)> {
    let envelope = |(name, command)| {
        wall_ms += 1;
        (name, Envelope { level: 1, principal: Arc::from("User:ANONYMOUS"), wall_ms, command })
    };
    commands.into_iter().map(envelope).collect()
}

/// Commands that came later: the ledgers of the golden snapshots do not know them.
fn later_samples() -> Vec<(&'static str, Envelope)> {
    let close = Command::CloseLives { broker: BrokerId(1), before: Incarnation(2) };
    let envelope = |command| Envelope { level: 1, principal: Arc::from(""), wall_ms: 1_700_000_000_100, command };
    vec![("close-lives-v1", envelope(close))]
}

/// A state without groups, and one with them: the first one's golden snapshot is older than groups are.
fn ledgers() -> [(&'static str, Ledger); 2] {
    let mut ledger = Ledger::new();
    let mut apply = |samples: Vec<(&str, Envelope)>| {
        for (_, envelope) in samples {
            ledger.apply(ledger.lsn().next(), &envelope);
            ledger.check();
        }
        ledger.clone()
    };
    [("snapshot-v1", apply(samples())), ("snapshot-groups-v1", apply(group_samples()))]
}

fn ledger() -> Ledger {
    let [_, (_, ledger)] = ledgers();
    ledger
}

/// Every golden file's name and what this binary writes for it.
fn files() -> Vec<File> {
    let samples = samples().into_iter().chain(group_samples()).chain(later_samples());
    let commands = samples.map(|(name, envelope)| of_command(name, &envelope));
    let snapshots = ledgers().into_iter().flat_map(|(kind, ledger)| of_ledger(kind, &ledger));
    commands.chain(snapshots).collect()
}

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    for (name, envelope) in samples().into_iter().chain(group_samples()).chain(later_samples()) {
        command_is_read(name, envelope);
    }
    for (kind, ledger) in ledgers() {
        ledger_is_read(kind, &ledger);
    }
}

#[test]
fn hostile_bytes_are_errors() {
    break_commands(files(), |position, envelope| {
        // Whatever it says, a ledger takes it without contradicting itself.
        let mut ledger = ledger();
        ledger.apply(Lsn(100), envelope);
        if position % 16 == 0 {
            ledger.check();
        }
    });
}

#[test]
fn a_broken_snapshot_is_an_error() {
    let snapshot = Snapshot::of(&ledger());
    let parts: Vec<_> = snapshot.parts(None).collect();
    let entries: Vec<PartEntry> = parts.iter().map(|part| part.entry).collect();
    let manifest = snapshot.manifest(None, &entries);
    let whole: Vec<Vec<u8>> = parts.iter().map(|part| part.bytes.to_vec()).collect();
    assert!(restore(&manifest, &whole[1..]).is_err(), "a part is missing");
    for (index, part) in whole.iter().enumerate() {
        for position in 0..part.len() {
            let mut broken = whole.clone();
            broken[index][position] ^= 0x10;
            assert!(restore(&manifest, &broken).is_err(), "part {index}, byte {position}");
        }
    }
}

#[test]
#[ignore = "writes the golden files that are missing"]
fn write_missing() {
    golden_files::write_missing(files());
}
