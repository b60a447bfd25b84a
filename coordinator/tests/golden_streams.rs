//! Golden files of what came with streams groups: their command, and the snapshot of such groups.
//!
//! `cargo test --workspace --test golden_streams -- --ignored` writes files that are missing, never one that is there.

mod golden_commands;
mod golden_files;
mod golden_samples;

use std::sync::Arc;

use apus_coordinator::command::streams::{ChangeStreams, StoredStreamer, Task, Tasks};
use apus_coordinator::command::{Command, Envelope};
use apus_coordinator::ledger::{Decision, Ledger};
use apus_core::api::{Copartitioned, GroupClient, InternalTopic, StreamsEndpoint, Subtopology, Topology};
use apus_core::error::Refusal;
use apus_core::ids::{Incarnation, Lsn};
use golden_commands::{File, break_commands, ledger_is_read, of_ledger};
use golden_samples::{Samples, are_read, enveloped, files_of, ledger_of};

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn tasks(active: &[u32], standby: &[u32]) -> Tasks {
    let one = |partition: &u32| Task { subtopology: 1, partition: *partition };
    Tasks {
        active: active.iter().map(|partition| (one(partition), 2)).collect(),
        standby: standby.iter().map(one).collect(),
    }
}

fn member(id: &str, assigned: Tasks, revoking: Tasks, target: Tasks) -> Arc<StoredStreamer> {
    let first = id == "first";
    Arc::new(StoredStreamer {
        id: text(id),
        instance_id: first.then(|| text("one")),
        rack_id: first.then(|| text("zone-a")),
        client: GroupClient { id: text("app"), host: text("/127.0.0.1") },
        rebalance_timeout_ms: 300_000,
        topology_epoch: 3,
        process_id: text("process"),
        endpoint: first.then(|| StreamsEndpoint { host: text("localhost"), port: 65_000 }),
        tags: vec![(text("rack"), text("r1")), (text("zone"), text("z1"))],
        epoch: 2,
        previous_epoch: 1,
        assigned,
        revoking,
        target,
    })
}

fn topology() -> Arc<Topology> {
    let internal = |name: &str, partitions, replication_factor| InternalTopic {
        name: text(name),
        partitions,
        replication_factor,
        configs: vec![(text("cleanup.policy"), text("compact"))],
    };
    let reader = Subtopology {
        id: text("0"),
        source_topics: vec![text("lines"), text("stops")],
        repartition_sinks: vec![text("words")],
        copartitioned: vec![Copartitioned { source_topics: vec![0, 1], ..Default::default() }],
        ..Subtopology::default()
    };
    let counter = Subtopology {
        id: text("1"),
        repartition_sources: vec![internal("words", 4, 0)],
        changelogs: vec![internal("counts", 0, 3)],
        copartitioned: vec![Copartitioned { repartition_sources: vec![0], ..Default::default() }],
        ..Subtopology::default()
    };
    Arc::new(Topology { epoch: 3, subtopologies: vec![reader, counter] })
}

fn change(left: &[&str], members: Vec<Arc<StoredStreamer>>) -> ChangeStreams {
    ChangeStreams {
        group: text("counting"),
        epoch: 3,
        target_epoch: 3,
        topics_hash: 0x0123_4567_89ab_cdef,
        ready_epoch: 3,
        standby_replicas: 1,
        rack_tags: text("zone"),
        topology: None,
        left: left.iter().map(|id| text(id)).collect(),
        members,
    }
}

fn samples() -> Samples {
    let first = member("first", tasks(&[0, 1], &[3]), tasks(&[2], &[]), tasks(&[0, 1], &[2]));
    let second = member("second", tasks(&[3], &[0]), tasks(&[], &[1]), tasks(&[2, 3], &[0, 1]));
    let whole = ChangeStreams { topology: Some(topology()), ..change(&["zero"], vec![first, second]) };
    let commands = [
        (None, Command::Begin { incarnation: Incarnation(1), nonce: 5 }),
        (Some("change-streams-v1"), Command::ChangeStreams(Arc::new(whole))),
    ];
    enveloped(commands, 1_700_000_000_000)
}

fn ledger() -> Ledger {
    ledger_of(samples())
}

fn files() -> Vec<File> {
    files_of(samples()).chain(of_ledger("snapshot-streams-v1", &ledger())).collect()
}

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    are_read(samples());
    let restored = ledger_is_read("snapshot-streams-v1", &ledger());
    assert_eq!(restored.streams("counting"), ledger().streams("counting"));
    let group = restored.streams("counting").expect("it was stored");
    assert_eq!((group.members.len(), group.topology.as_deref()), (2, Some(&*topology())));
}

#[test]
fn two_members_never_run_one_task() {
    let mut ledger = ledger();
    let mut decide = |change: ChangeStreams| {
        let command = Command::ChangeStreams(Arc::new(change));
        let decision = ledger.apply(ledger.lsn().next(), &Envelope::internal(0, command)).decision;
        ledger.check();
        decision
    };
    let refused = Decision::StreamsChanged(Err(Refusal::InvalidRequest));
    let one = |id: &str, assigned, target| vec![member(id, assigned, Tasks::default(), target)];
    assert_eq!(
        decide(change(&[], one("second", tasks(&[2], &[]), tasks(&[2], &[])))),
        refused,
        "it is being given back"
    );
    assert_eq!(decide(change(&[], one("third", Tasks::default(), tasks(&[3], &[])))), refused, "two are to run it");
    let strange = Tasks { active: [(Task { subtopology: 2, partition: 0 }, 0)].into(), ..Tasks::default() };
    assert_eq!(decide(change(&[], one("third", Tasks::default(), strange))), refused, "there is no such part");
    assert_eq!(decide(ChangeStreams { epoch: 2, target_epoch: 2, ..change(&[], vec![]) }), refused, "an epoch falls");
    let again = ChangeStreams { topology: Some(topology()), ..change(&[], vec![]) };
    assert_eq!(decide(again), refused, "a group keeps its topology");
    let heir = one("third", tasks(&[0], &[]), tasks(&[0], &[]));
    assert_eq!(decide(change(&["first"], heir)), Decision::StreamsChanged(Ok(())));
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
