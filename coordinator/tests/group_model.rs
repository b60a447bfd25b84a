//! Groups and their offsets in the ledger against a model that is too simple to be wrong: each group a map of offsets.
//! Offsets are only ever what was committed last, also behind a snapshot, also where numbers are given again.

mod stored_form;

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_coordinator::command::{Command, CommitOffsets, CreateTopic, Envelope, StoredGroup, StoredMember, TopicKind};
use apus_coordinator::ledger::{Decision, Ledger, Outcome};
use apus_coordinator::snapshot::{PartEntry, Snapshot, restore};
use apus_core::api::{GroupClient, GroupOffset, GroupProtocol};
use apus_core::error::Refusal;
use apus_core::ids::{PartitionId, Uuid};
use bytes::Bytes;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Store { group: u8, members: u8 },
    Remove { group: u8 },
    Commit { group: u8, partitions: Vec<u32>, metadata: bool },
    Forget { group: u8, partitions: Vec<u32> },
    Create { topic: u8 },
    Delete { topic: u8 },
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    let partitions = || prop::collection::vec(0..12_u32, 1..6);
    prop_oneof![
        3 => (0..4_u8, 0..3_u8).prop_map(|(group, members)| Step::Store { group, members }),
        2 => (0..4_u8).prop_map(|group| Step::Remove { group }),
        8 => (0..4_u8, partitions(), any::<bool>())
            .prop_map(|(group, partitions, metadata)| Step::Commit { group, partitions, metadata }),
        2 => (0..4_u8, partitions()).prop_map(|(group, partitions)| Step::Forget { group, partitions }),
        2 => (0..3_u8).prop_map(|topic| Step::Create { topic }),
        1 => (0..3_u8).prop_map(|topic| Step::Delete { topic }),
        2 => Just(Step::Snapshot),
    ]
}

/// What is stored of a group, and its offsets by partition.
type Known = (Arc<StoredGroup>, BTreeMap<u32, GroupOffset>);

#[derive(Default)]
struct World {
    ledger: Ledger,
    groups: BTreeMap<Arc<str>, Known>,
    /// Partitions that live, with their topic.
    partitions: BTreeMap<u32, u8>,
    drawn: u64,
}

fn name(group: u8) -> Arc<str> {
    Arc::from(format!("group-{group}"))
}

fn stored(group: u8, generation: i32, members: u8) -> StoredGroup {
    let member = |number: u8| StoredMember {
        id: Arc::from(format!("member-{number}")),
        instance_id: (number == 1).then(|| Arc::from("static")),
        client: GroupClient { id: Arc::from("client"), host: Arc::from("/127.0.0.1") },
        session_timeout_ms: 6_000,
        rebalance_timeout_ms: 60_000,
        protocols: vec![GroupProtocol { name: Arc::from("range"), metadata: Bytes::from(vec![number; 3]) }],
        assignment: Bytes::from(vec![number; usize::from(number)]),
    };
    let inhabited = members > 0;
    StoredGroup {
        id: name(group),
        generation,
        protocol_type: Some(Arc::from("consumer")),
        protocol_name: inhabited.then(|| Arc::from("range")),
        leader: inhabited.then(|| Arc::from("member-0")),
        rebalancing: inhabited && generation % 2 == 0,
        since_ms: i64::from(generation),
        members: (0..members).map(member).collect(),
    }
}

impl World {
    fn apply(&mut self, command: Command) -> Outcome {
        stored_form::apply(&mut self.ledger, command)
    }

    fn step(&mut self, step: &Step) {
        self.drawn += 1;
        match step {
            Step::Store { group, members } => {
                let stored = Arc::new(stored(*group, self.drawn as i32, *members));
                let outcome = self.apply(Command::StoreGroup(Arc::clone(&stored)));
                assert_eq!(outcome.decision, Decision::GroupStored(Ok(())));
                let offsets = self.groups.remove(&stored.id).map(|(_, offsets)| offsets).unwrap_or_default();
                self.groups.insert(Arc::clone(&stored.id), (stored, offsets));
            }
            Step::Remove { group } => {
                let id = name(*group);
                let expected = match self.groups.get(&id) {
                    None => Err(Refusal::GroupIdNotFound),
                    Some((stored, _)) if !stored.members.is_empty() => Err(Refusal::NonEmptyGroup),
                    Some(_) => Ok(()),
                };
                if expected.is_ok() {
                    self.groups.remove(&id);
                }
                assert_eq!(self.apply(Command::RemoveGroup { id }).decision, Decision::GroupRemoved(expected));
            }
            Step::Commit { group, partitions, metadata } => self.commit(*group, partitions, *metadata),
            Step::Forget { group, partitions } => self.forget(*group, partitions),
            Step::Create { topic } => self.create(*topic),
            Step::Delete { topic } => self.delete(*topic),
            Step::Snapshot => self.snapshot(),
        }
        self.compare();
    }

    fn commit(&mut self, group: u8, partitions: &[u32], metadata: bool) {
        let id = name(group);
        let mut expected = Vec::new();
        let mut offsets = Vec::new();
        let simple =
            || (Arc::new(StoredGroup::simple(Arc::clone(&id), self.ledger.lsn().next().0 as i64)), BTreeMap::new());
        let (_, known) = self.groups.entry(Arc::clone(&id)).or_insert_with(simple);
        for (index, partition) in partitions.iter().enumerate() {
            let metadata = if metadata { format!("beside {index}") } else { String::new() };
            let offset = GroupOffset { offset: self.drawn as i64, leader_epoch: 0, metadata: Arc::from(metadata) };
            offsets.push((PartitionId(*partition), offset.clone()));
            let lives = self.partitions.contains_key(partition);
            expected.push(if lives { Ok(()) } else { Err(Refusal::UnknownTopicOrPartition) });
            if lives {
                known.insert(*partition, offset);
            }
        }
        let outcome = self.apply(Command::CommitOffsets(CommitOffsets { group: id, expire_ms: None, offsets }));
        assert_eq!(outcome.decision, Decision::OffsetsCommitted(expected));
    }

    fn forget(&mut self, group: u8, partitions: &[u32]) {
        let mut count = 0;
        if let Some((_, offsets)) = self.groups.get_mut(&name(group)) {
            count = partitions.iter().filter(|partition| offsets.remove(partition).is_some()).count() as u64;
        }
        let partitions = partitions.iter().copied().map(PartitionId).collect();
        let outcome = self.apply(Command::RemoveOffsets { group: name(group), partitions });
        assert_eq!(outcome.decision, Decision::OffsetsRemoved(count));
    }

    fn create(&mut self, topic: u8) {
        let create = CreateTopic {
            id: Uuid::random(u128::from(self.drawn)),
            name: Arc::from(format!("topic-{topic}")),
            kind: TopicKind::Diskless,
            partitions: 3,
            replication_factor: -1,
            configs: BTreeMap::new(),
        };
        let Decision::Created(result) = self.apply(Command::CreateTopic(create)).decision else { panic!("created") };
        for partition in result.iter().flat_map(|topic| topic.partition_ids()) {
            self.partitions.insert(partition.0, topic);
        }
    }

    fn delete(&mut self, topic: u8) {
        let Some(found) = self.ledger.topic_named(&format!("topic-{topic}")) else { return };
        let id = found.id;
        self.apply(Command::DeleteTopic { id });
        self.partitions.retain(|_, owner| *owner != topic);
        let partitions = &self.partitions;
        self.groups
            .values_mut()
            .for_each(|(_, offsets)| offsets.retain(|partition, _| partitions.contains_key(partition)));
    }

    fn snapshot(&mut self) {
        let snapshot = Snapshot::of(&self.ledger);
        let parts: Vec<_> = snapshot.parts(None).collect();
        let entries: Vec<PartEntry> = parts.iter().map(|part| part.entry).collect();
        let manifest = snapshot.manifest(None, &entries);
        let restored = restore(&manifest, parts.iter().map(|part| &part.bytes)).expect("as written");
        restored.check();
        assert_eq!(restored.digest(), self.ledger.digest());
        self.ledger = restored;
    }

    fn compare(&self) {
        let groups: Vec<_> = self.ledger.groups_behind(None).cloned().collect();
        let expected: Vec<_> = self.groups.values().map(|(stored, _)| Arc::clone(stored)).collect();
        assert_eq!(groups, expected);
        assert_eq!(self.ledger.group_count(), expected.len() as u64);
        for (id, (_, offsets)) in &self.groups {
            let found: BTreeMap<u32, GroupOffset> = self
                .ledger
                .group_positions(id, PartitionId(0))
                .map(|(partition, position)| (partition.0, position.offset))
                .collect();
            assert_eq!(found, *offsets);
            for partition in 0..12 {
                let position = self.ledger.group_position(id, PartitionId(partition));
                assert_eq!(position.map(|position| position.offset).as_ref(), offsets.get(&partition));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_are_their_model(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::default();
        world.create(0);
        for step in &steps {
            world.step(step);
        }
    }
}

#[test]
fn a_large_group_goes_a_piece_at_a_time_and_its_name_is_free_at_once() {
    let mut world = World::default();
    let create = CreateTopic {
        id: Uuid([1; 16]),
        name: Arc::from("wide"),
        kind: TopicKind::Diskless,
        partitions: 40_000,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    let lsn = |ledger: &Ledger| ledger.lsn().next();
    let apply = |ledger: &mut Ledger, command| ledger.apply(lsn(ledger), &Envelope::internal(0, command));
    apply(&mut world.ledger, Command::CreateTopic(create));
    for first in (0..40_000).step_by(10_000) {
        let offset = GroupOffset { offset: 1, leader_epoch: -1, metadata: Arc::from("") };
        let offsets = (first..first + 10_000).map(|partition| (PartitionId(partition), offset.clone())).collect();
        let commit = CommitOffsets { group: name(0), expire_ms: None, offsets };
        apply(&mut world.ledger, Command::CommitOffsets(commit));
    }
    assert_eq!(world.ledger.pressure().group_offsets, 40_000);
    apply(&mut world.ledger, Command::RemoveGroup { id: name(0) });
    assert!(world.ledger.sweeping() && world.ledger.group("group-0").is_none());
    assert_eq!((world.ledger.group_count(), world.ledger.groups_count()), (0, 1), "nobody's, and yet it takes room");
    apply(&mut world.ledger, Command::StoreGroup(Arc::new(stored(0, 1, 2))));
    assert_eq!(world.ledger.group_positions("group-0", PartitionId(0)).count(), 0, "nothing of its namesake");
    let mut commands = 0;
    while world.ledger.sweeping() {
        apply(&mut world.ledger, Command::Trim(Vec::new()));
        commands += 1;
    }
    assert!((1..4).contains(&commands), "{commands} commands");
    assert_eq!(world.ledger.pressure().group_offsets, 0);
    world.ledger.check();
}
