//! The coordinator against a world in memory: starts, crashes between any two effects, spills, snapshots, sweeps.

mod world;

use apus_coordinator::machine::{Caps, CoordinatorEvent};
use apus_core::api::{
    AlterConfigsRequest, AlterResource, BROKER_RESOURCE, CLIENT_METRICS_RESOURCE, CreatePartitionsRequest,
    DeletedTopic, GROUP_RESOURCE, TOPIC_RESOURCE, TopicGrowth, TopicToDelete,
};
use apus_core::config::{ConfigChange, ConfigOperation, ResourceKind};
use apus_core::error::{Refusal, Refused};
use apus_core::extent::pack_key;
use apus_core::ids::{PartitionId, TopicId};
use apus_core::message::{Answer, Ask};
use world::{Durable, KIB, Told, World, config, node, sequence};

fn created(answer: Option<Answer>) -> Result<i32, Refusal> {
    let Some(Answer::CreateTopics(response)) = answer else { panic!("no answer: {answer:?}") };
    let topic = &response.topics[0];
    topic.result.as_ref().map(|created| created.partitions).map_err(|refused| refused.refusal)
}

#[test]
fn an_empty_directory_serves() {
    let mut world = World::new(Durable::default());
    world.boot();
    assert!(world.serves && world.halted.is_none(), "{:?}", world.halted);
    assert!(world.durable.objects.contains_key("v1/CLUSTER") && world.durable.objects.contains_key("v1/OWNER"));
    assert_eq!(created(world.create("a", 3, &[])), Ok(3));
    assert_eq!(created(world.create("a", 3, &[])), Err(Refusal::TopicAlreadyExists));
    let first = world.commit(0, 100, None).expect("answered").expect("accepted");
    let second = world.commit(0, 100, None).expect("answered").expect("accepted");
    assert_eq!((first.offset, second.offset), (0, 1));
    world.assert_readable(&[first, second]);
    assert_eq!(world.resolved, [1, 2]);
}

#[test]
fn nothing_is_told_before_it_is_durable() {
    let mut world = World::new(Durable::default());
    world.boot();
    created(world.create("a", 1, &[])).expect("created");
    // The write of the group is the next effect that is performed: with it, the answer; without it, none.
    for life in 0..2 {
        let mut durable = world.durable.clone();
        let mut mortal = World::new(std::mem::take(&mut durable));
        mortal.boot();
        mortal.settle();
        mortal.life = Some(life);
        assert!(mortal.commit(0, 10, None).is_none(), "told with {life} effects performed");
    }
}

/// Boots, creates, commits in both ways, lets spill, snapshot and sweeps happen. Returns what clients were told.
fn live(world: &mut World) -> Vec<Told> {
    let mut told = Vec::new();
    world.boot();
    if !world.serves {
        return told;
    }
    world.create("a", 2, &[]);
    for round in 0..3_u64 {
        for number in 0..3_u64 {
            told.extend(world.commit(number as u32 % 2, 3000, None).and_then(Result::ok));
        }
        let pack = world.pack(round);
        told.extend(world.commit(0, 70_000, Some(pack)).and_then(Result::ok));
        world.pass(if round == 1 { 61_000 } else { 11_000 });
    }
    told.extend(world.commit(1, 500, None).and_then(Result::ok));
    told
}

#[test]
fn a_crash_between_any_two_effects_loses_nothing_that_was_told() {
    let mut whole = World::new(Durable::default());
    let told = live(&mut whole);
    assert_eq!((told.len(), whole.halted.clone()), (13, None));
    whole.assert_readable(&told);
    let effects = whole.performed;
    assert!(effects > 100, "{effects} effects are no life");
    for life in 0..effects {
        let mut world = World::mortal(Durable::default(), life);
        let told = live(&mut world);
        let mut again = World::new(world.remains(life as u64));
        again.boot();
        assert!(again.serves, "crash after {life} effects: {:?}", again.halted);
        again.assert_readable(&told);
        let more = again.create("b", 1, &[]);
        assert_eq!(created(more), Ok(1), "crash after {life} effects");
        // A crash during the start behind a crash.
        let mut third = World::mortal(again.durable.clone(), life % 23);
        third.boot();
        let mut last = World::new(third.remains(life as u64 + 1));
        last.boot();
        assert!(last.serves, "second crash after {life} effects: {:?}", last.halted);
        last.assert_readable(&told);
    }
}

#[test]
fn a_torn_group_is_cut_and_a_flip_behind_a_seal_halts() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[]);
    let told: Vec<Told> = (0..4).filter_map(|_| world.commit(0, 9000, None)?.ok()).collect();
    world.pass(100);
    let sealed = world.durable.clone();
    let end = sealed.segments[&1].iter().rposition(|byte| *byte != 0).expect("written").next_multiple_of(4096);
    // Garbage behind the seal.
    let mut garbage = sealed.clone();
    garbage.segments.get_mut(&1).expect("there")[end..end + 5000].fill(0x5a);
    let mut again = World::new(garbage);
    again.boot();
    assert!(again.serves && again.notes.iter().any(|note| note.contains("8192 bytes")), "{:?}", again.notes);
    assert_eq!(again.cut_bytes, 8192, "a person is told");
    again.assert_readable(&told);
    // A flip inside the first group.
    let mut flipped = sealed.clone();
    flipped.segments.get_mut(&1).expect("there")[130] ^= 1;
    let before = flipped.clone();
    let mut halted = World::new(flipped);
    halted.boot();
    let why = halted.halted.expect("it must not go on");
    assert!(why.contains("segment 0000000000000001.seg, byte 0"), "{why}");
    assert!(before.segments == halted.durable.segments, "evidence is kept");
}

#[test]
fn copies_and_empty_directories_are_refused() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[]);
    let told = world.commit(0, 10, None).expect("answered").expect("accepted");
    let copy = world.durable.segments.clone();
    // An empty directory on a used prefix.
    let empty = Durable { segments: Default::default(), ..world.durable.clone() };
    let mut refused = World::new(empty);
    refused.boot();
    assert!(refused.halted.as_ref().is_some_and(|why| why.contains("no journal")), "{:?}", refused.halted);
    assert!(refused.durable.segments.is_empty());
    // The original starts again; then the copy.
    let mut original = World::new(world.durable.clone());
    original.boot();
    original.assert_readable(std::slice::from_ref(&told));
    let mut copied = World::new(Durable { segments: copy, ..original.durable.clone() });
    copied.boot();
    assert!(copied.halted.as_ref().is_some_and(|why| why.contains("a copy")), "{:?}", copied.halted);
    // A store that was wiped.
    let mut wiped = World::new(Durable { objects: Default::default(), ..original.durable.clone() });
    wiped.boot();
    assert!(wiped.halted.as_ref().is_some_and(|why| why.contains("holds no cluster")), "{:?}", wiped.halted);
    assert!(wiped.durable.objects.is_empty(), "nothing is written into a store that is not ours");
}

#[test]
fn an_old_backup_of_the_same_start_is_refused() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[]);
    world.pass(1_000);
    let backup = world.durable.segments.clone();
    world.commit(0, 10, None).expect("answered").expect("accepted");
    world.pass(70_000);
    let mut restored = World::new(Durable { segments: backup, ..world.durable.clone() });
    restored.boot();
    assert!(restored.halted.as_ref().is_some_and(|why| why.contains("old backup")), "{:?}", restored.halted);
}

#[test]
fn small_segments_carry_a_long_life() {
    let mut config = config();
    config.journal.first_bytes = 1024 * KIB;
    config.journal.segment_bytes = 1024 * KIB;
    config.journal.bytes_max = 3 * 1024 * KIB;
    let mut world = World::with(Durable::default(), config.clone());
    world.boot();
    world.create("a", 2, &[]);
    let mut told = Vec::new();
    for number in 0..400_u32 {
        if let Ok(each) = world.commit(number % 2, 50_000, None).expect("answered") {
            told.push(each);
        } else {
            world.pass(2_000);
        }
        assert!(world.durable.segments.len() <= 3);
    }
    assert!(told.len() > 300, "{} of 400 commits found room", told.len());
    world.assert_readable(&told);
    let mut again = World::with(world.durable, config);
    again.boot();
    assert!(again.serves, "{:?}", again.halted);
    again.assert_readable(&told);
}

#[test]
fn answers_of_unknown_outcome_are_found_out() {
    let mut world = World::new(Durable::default());
    world.store_unknown = 3;
    world.boot();
    assert!(world.serves, "{:?}", world.halted);
    world.create("a", 1, &[]);
    let told = world.commit(0, 10, None).expect("answered").expect("accepted");
    world.store_unknown = 2;
    world.pass(12_000);
    world.store_unknown = 5;
    world.pass(70_000);
    assert!(world.halted.is_none());
    world.assert_readable(&[told]);
}

#[test]
fn a_spill_moves_bytes_and_a_snapshot_frees_segments() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 2, &[]);
    let mut told = Vec::new();
    for number in 0..300 {
        told.extend(world.commit(number % 2, 60_000, None).and_then(Result::ok));
    }
    assert_eq!(told.len(), 300);
    assert!(world.packs() > 0 && world.held < 6 * 1024 * KIB, "{} bytes are held", world.held);
    world.pass(80_000);
    assert_eq!((world.held, world.pinned.len()), (0, 0));
    let segments: Vec<u64> = world.durable.segments.keys().copied().collect();
    assert!(segments.len() <= 2 && segments[0] > 1, "{segments:?}");
    world.assert_readable(&told);
    let mut again = World::new(world.durable);
    again.boot();
    assert!(again.serves, "{:?}", again.halted);
    again.assert_readable(&told);
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let mut world = World::new(Durable { capacity: Some(6 * 1024 * KIB), ..Durable::default() });
    world.boot();
    assert!(world.serves, "{:?}", world.halted);
    world.create("a", 1, &[]);
    let mut told = Vec::new();
    let refused = (0..200).find_map(|_| match world.commit(0, 60_000, None).expect("answered") {
        Ok(each) => {
            told.push(each);
            None
        }
        Err(refusal) => Some(refusal),
    });
    assert_eq!(refused, Some(Refusal::KafkaStorageError));
    world.assert_readable(&told);
    world.durable.capacity = None;
    world.pass(5_000);
    told.push(world.commit(0, 60_000, None).expect("answered").expect("there is room again"));
    world.assert_readable(&told);
}

#[test]
fn orphans_go_and_strangers_stay() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[]);
    let told = world.commit(0, 70_000, Some(world.pack(0))).expect("answered").expect("accepted");
    let cluster = world.began.as_ref().expect("began").cluster_id.to_string();
    let orphan = apus_core::extent::pack_key(&cluster, world.pack(1));
    let stranger = format!("v1/{cluster}/d/00/notes.txt");
    for name in [orphan.as_str(), &stranger] {
        world.durable.objects.insert(name.to_owned(), (Default::default(), 0));
    }
    // In its own life the pack may still be committed.
    world.pass(20_000);
    assert!(world.durable.objects.contains_key(orphan.as_str()));
    let mut again = World::new(world.durable);
    again.boot();
    again.pass(20_000);
    assert!(!again.durable.objects.contains_key(orphan.as_str()), "the orphan stays");
    assert!(again.durable.objects.contains_key(&stranger));
    assert_eq!(again.notes.iter().filter(|note| note.contains("not ours")).count(), 1, "{:?}", again.notes);
    again.assert_readable(&[told]);
}

#[test]
fn retention_and_deletion_reach_the_store() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[("retention.ms", "5000")]);
    world.create("b", 1, &[]);
    world.commit(0, 70_000, Some(world.pack(0))).expect("answered").expect("accepted");
    world.commit(1, 70_000, Some(world.pack(1))).expect("answered").expect("accepted");
    assert_eq!(world.packs(), 2);
    world.pass(200_000);
    assert_eq!(world.packs(), 1, "what expired stays");
    assert!(matches!(world.delete("b"), Some(Answer::DeleteTopics(_))));
    world.pass(200_000);
    assert_eq!(world.packs(), 0, "what was deleted stays");
}

#[test]
fn duplicates_and_producers_survive_a_restart() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[]);
    let Some(Answer::InitProducer(Ok(first))) = world.ask(Ask::InitProducer) else { panic!("no id") };
    let told = world.commit_of(0, 10, None, Some(sequence(0))).expect("answered").expect("accepted");
    let mut again = World::new(world.durable);
    again.boot();
    let same = again.commit_of(0, 10, None, Some(sequence(0))).expect("answered").expect("a duplicate");
    assert_eq!(same.offset, told.offset);
    let Some(Answer::InitProducer(Ok(second))) = again.ask(Ask::InitProducer) else { panic!("no id") };
    assert!(second > first);
}

#[test]
fn a_stop_seals() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[]);
    let told = world.commit(0, 10, None).expect("answered").expect("accepted");
    world.step(CoordinatorEvent::Stop);
    world.settle();
    assert!(world.coordinator.stopped());
    let mut again = World::new(world.durable);
    again.boot();
    again.assert_readable(&[told]);
    assert!(again.notes.is_empty(), "{:?}", again.notes);
}

#[test]
fn a_broker_that_lost_the_store_halts() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[]);
    let mut thief = World::new(world.durable.clone());
    thief.rng = apus_core::time::Rng::new(99);
    thief.boot();
    assert!(thief.serves);
    world.durable.objects = thief.durable.objects;
    world.durable.versions = thief.durable.versions;
    world.pass(70_000);
    assert!(world.halted.as_ref().is_some_and(|why| why.contains("another broker")), "{:?}", world.halted);
}

#[test]
fn a_broker_with_settings_of_its_own() {
    let mut config = config();
    config.node = node(&[("num.partitions", "4"), ("delete.topic.enable", "false")]);
    let mut world = World::with(Durable::default(), config);
    world.boot();
    assert_eq!(created(world.create("a", -1, &[])), Ok(4));
    let Some(Answer::DeleteTopics(response)) = world.delete("a") else { panic!("no answer") };
    let refused = response.topics[0].result.as_ref().expect_err("deletion is off");
    assert_eq!(refused.refusal, Refusal::TopicDeletionDisabled);
}

#[test]
fn near_its_cap_the_ledger_slows_producers_down_and_at_it_says_so_once() {
    let mut config = config();
    config.caps = Caps { extents: 20, ..config.caps };
    let mut world = World::with(Durable::default(), config);
    world.boot();
    world.create("a", 1, &[("retention.ms", "5000")]);
    for number in 0..17 {
        let pack = world.pack(number);
        world.commit(0, 100, Some(pack)).expect("answered").expect("accepted");
    }
    assert!(world.pauses.is_empty(), "{:?}", world.pauses);
    for number in 17..20 {
        let pack = world.pack(number);
        world.commit(0, 100, Some(pack)).expect("answered").expect("accepted");
    }
    assert!(world.pauses.len() == 3 && world.pauses.is_sorted() && world.pauses[0] > 0, "{:?}", world.pauses);
    for number in 20..30 {
        let pack = world.pack(number);
        assert_eq!(world.commit(0, 100, Some(pack)).expect("answered"), Err(Refusal::KafkaStorageError));
    }
    let told = |world: &World, words: &str| world.notes.iter().filter(|note| note.contains(words)).count();
    assert_eq!((told(&world, "nearly full"), told(&world, "the ledger is full")), (1, 1), "{:?}", world.notes);
    world.pass(70_000);
    assert_eq!((told(&world, "has room again"), world.pauses.last()), (1, Some(&0)), "{:?}", world.notes);
    let pack = world.pack(30);
    assert!(world.commit(0, 100, Some(pack)).expect("answered").is_ok());
}

#[test]
fn lives_that_are_over_are_closed_by_the_sweep() {
    let mut world = World::new(Durable::default());
    for life in 0..4 {
        world.boot();
        if life == 0 {
            world.create("a", 1, &[]);
        }
        let pack = world.pack(0);
        world.commit(0, 100, Some(pack)).expect("answered").expect("accepted");
        let orphan = pack_key(&world.began.as_ref().expect("it began").cluster_id, world.pack(1));
        world.durable.objects.insert(orphan.as_str().to_owned(), (Default::default(), 1));
        world.pass(if life % 2 == 1 { 6_000 } else { 100 });
        world = World::new(world.durable.clone());
    }
    world.boot();
    world.pass(6_000);
    assert_eq!(world.packs(), 4, "what was committed stays, and no orphan does: {:?}", world.durable.objects.keys());
}

#[test]
fn a_topic_that_is_named_twice_is_not_deleted() {
    let mut world = World::new(Durable::default());
    world.boot();
    let Some(Answer::CreateTopics(response)) = world.create("a", 1, &[]) else { panic!("no answer") };
    let id = response.topics[0].result.as_ref().expect("created").id;
    let name = || Some("a".into());
    let (by_name, by_id) = (TopicToDelete { name: name(), id: TopicId::ZERO }, TopicToDelete { name: None, id });
    let mut refusals = |topics: &[&TopicToDelete]| {
        let topics = topics.iter().map(|topic| (*topic).clone()).collect();
        let Some(Answer::DeleteTopics(response)) = world.delete_all(topics) else { panic!("no answer") };
        let refusal = |topic: DeletedTopic| topic.result.err().map(|refused| refused.refusal);
        response.topics.into_iter().map(refusal).collect::<Vec<_>>()
    };
    let invalid = Some(Refusal::InvalidRequest);
    assert_eq!(refusals(&[&by_name, &by_name]), [invalid, invalid]);
    assert_eq!(refusals(&[&by_name, &by_id]), [invalid, invalid]);
    let both = TopicToDelete { name: name(), id };
    let neither = TopicToDelete { name: None, id: TopicId::ZERO };
    assert_eq!(refusals(&[&both, &neither, &by_id]), [invalid, invalid, None]);
    assert_eq!(refusals(&[&by_name]), [Some(Refusal::UnknownTopicOrPartition)]);
}

fn refusals<T>(results: impl IntoIterator<Item = Result<T, Refused>>) -> Vec<Option<Refusal>> {
    results.into_iter().map(|result| result.err().map(|refused| refused.refusal)).collect()
}

fn grow(world: &mut World, topics: &[(&str, i32)], validate_only: bool) -> Vec<Option<Refusal>> {
    let growth = |(name, partitions): &(&str, i32)| TopicGrowth {
        name: (*name).into(),
        partitions: *partitions,
        assignments: None,
    };
    let topics = topics.iter().map(growth).collect();
    let request = CreatePartitionsRequest { topics, timeout_ms: 1000, validate_only };
    let Some(Answer::CreatePartitions(response)) = world.ask(Ask::CreatePartitions(request)) else {
        panic!("no answer")
    };
    refusals(response.topics.into_iter().map(|(_, result)| result))
}

#[test]
fn topics_grow_and_keep_their_records() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 2, &[]);
    world.create("b", 1, &[]);
    let told = world.commit(0, 100, None).expect("answered").expect("accepted");
    let [unknown, invalid, fewer] =
        [Refusal::UnknownTopicOrPartition, Refusal::InvalidRequest, Refusal::InvalidPartitions].map(Some);
    assert_eq!(
        grow(&mut world, &[("a", 4), ("b", 1), ("c", 2), ("d", 2), ("d", 3)], false),
        [None, fewer, unknown, invalid, invalid]
    );
    assert_eq!(grow(&mut world, &[("b", 9)], true), [None], "nothing but said");
    assert_eq!(grow(&mut world, &[("b", 9)], false), [None]);
    assert_eq!(grow(&mut world, &[("b", 200_000)], false), [Some(Refusal::PolicyViolation)]);
    // Partitions 0 and 1 are of the first topic, 2 of the second, 3 and 4 again of the first.
    let grown = world.commit(4, 100, None).expect("answered").expect("accepted");
    let mut again = World::new(world.durable);
    again.boot();
    again.assert_readable(&[told, grown]);
    assert_eq!(grow(&mut again, &[("a", 4), ("b", 9)], false), [fewer, fewer], "it was durable");
}

fn set(world: &mut World, kind: i8, name: &str, changes: &[(&str, &str)]) -> Vec<Option<Refusal>> {
    let change = |(name, value): &(&str, &str)| ConfigChange {
        name: (*name).into(),
        operation: ConfigOperation::Set,
        value: Some((*value).into()),
    };
    let resource = AlterResource { kind, name: name.into(), changes: changes.iter().map(change).collect() };
    alter(world, vec![resource], false)
}

fn alter(world: &mut World, resources: Vec<AlterResource>, validate_only: bool) -> Vec<Option<Refusal>> {
    alter_as(world, AlterConfigsRequest { resources, validate_only, whole: false })
}

fn alter_as(world: &mut World, request: AlterConfigsRequest) -> Vec<Option<Refusal>> {
    let Some(Answer::AlterConfigs(response)) = world.ask(Ask::AlterConfigs(request)) else { panic!("no answer") };
    refusals(response.resources.into_iter().map(|resource| resource.result))
}

#[test]
fn settings_of_topics_change() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[("retention.ms", "5")]);
    assert_eq!(set(&mut world, TOPIC_RESOURCE, "a", &[("max.message.bytes", "70")]), [None]);
    for (kind, name, changes, refusal) in [
        (TOPIC_RESOURCE, "a", &[("max.message.bytes", "-1")][..], Refusal::InvalidConfig),
        (TOPIC_RESOURCE, "a", &[("no.such.key", "1")], Refusal::InvalidConfig),
        (TOPIC_RESOURCE, "a", &[("retention.ms", "1"), ("retention.ms", "2")], Refusal::InvalidRequest),
        (TOPIC_RESOURCE, "", &[], Refusal::InvalidRequest),
        (TOPIC_RESOURCE, "a b", &[], Refusal::InvalidTopicException),
        (TOPIC_RESOURCE, "b", &[], Refusal::UnknownTopicOrPartition),
        (BROKER_RESOURCE, "1", &[("node.id", "2")], Refusal::InvalidRequest),
        (BROKER_RESOURCE, "2", &[], Refusal::InvalidRequest),
        (99, "a", &[], Refusal::InvalidRequest),
    ] {
        assert_eq!(set(&mut world, kind, name, changes), [Some(refusal)], "{kind} {name} {changes:?}");
    }
    let same = || AlterResource { kind: TOPIC_RESOURCE, name: "a".into(), changes: Vec::new() };
    assert_eq!(alter(&mut world, vec![same(), same()], false), [Some(Refusal::InvalidRequest); 2]);
    let delete = |name: &str| ConfigChange { name: name.into(), operation: ConfigOperation::Delete, value: None };
    let gone = AlterResource { changes: vec![delete("retention.ms")], ..same() };
    assert_eq!(alter(&mut world, vec![gone.clone()], true), [None], "nothing but said");
    assert_eq!(world.overrides("a"), [("max.message.bytes", "70"), ("retention.ms", "5")].map(owned));
    assert_eq!(alter(&mut world, vec![gone], false), [None]);
    let mut again = World::new(world.durable);
    again.boot();
    assert_eq!(again.overrides("a"), [("max.message.bytes", "70")].map(owned), "it was durable");
}

#[test]
fn settings_are_replaced_as_a_whole() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[("retention.ms", "5"), ("segment.ms", "7")]);
    set(&mut world, BROKER_RESOURCE, "1", &[("log.retention.ms", "70"), ("message.max.bytes", "80")]);
    let change = |name: &str, value: Option<&str>| ConfigChange {
        name: name.into(),
        operation: ConfigOperation::Set,
        value: value.map(Into::into),
    };
    let mut replace = |kind, name: &str, changes: Vec<ConfigChange>| {
        let resources = vec![AlterResource { kind, name: name.into(), changes }];
        alter_as(&mut world, AlterConfigsRequest { resources, validate_only: false, whole: true })
    };
    let null = change("retention.ms", None);
    assert_eq!(replace(TOPIC_RESOURCE, "a", vec![null]), [Some(Refusal::InvalidRequest)]);
    assert_eq!(replace(TOPIC_RESOURCE, "a", vec![change("max.message.bytes", Some("9"))]), [None]);
    assert_eq!(replace(BROKER_RESOURCE, "1", vec![change("log.retention.ms", Some("71"))]), [None]);
    assert_eq!(world.overrides("a"), [("max.message.bytes", "9")].map(owned));
    world.create("b", 1, &[]);
    assert_eq!(world.message_bytes_max("b"), 1_048_588, "what is not named is not set any more");
}

#[test]
fn settings_of_groups_and_subscriptions_change() {
    let mut world = World::new(Durable::default());
    world.boot();
    let (metrics, group) = (CLIENT_METRICS_RESOURCE, GROUP_RESOURCE);
    let session = "consumer.session.timeout.ms";
    assert_eq!(set(&mut world, group, "watchers", &[(session, "50000")]), [None]);
    assert_eq!(set(&mut world, metrics, "all", &[("interval.ms", "1000"), ("metrics", "a")]), [None]);
    for (kind, name, changes, refusal) in [
        (group, "watchers", &[(session, "1")][..], Refusal::InvalidConfig),
        (group, "", &[], Refusal::InvalidRequest),
        (metrics, "all", &[("no.such.key", "1")], Refusal::InvalidRequest),
    ] {
        assert_eq!(set(&mut world, kind, name, changes), [Some(refusal)], "{kind} {name} {changes:?}");
    }
    let large = "x".repeat(i16::MAX as usize);
    for at in 0..300 {
        let refused = set(&mut world, metrics, &format!("m{at}"), &[("metrics", &large)])[0];
        assert_eq!(refused, (at >= 255).then_some(Refusal::PolicyViolation), "{at}");
    }
    let told = |world: &World, kind, name: &str| {
        world.catalog.resource(kind, &name.into()).map(|configs| configs.values().cloned().collect::<Vec<_>>())
    };
    let mut again = World::new(world.durable);
    again.boot();
    assert_eq!(told(&again, ResourceKind::Group, "watchers"), Some(vec!["50000".to_owned()]), "it was durable");
    let delete = ConfigChange { name: session.into(), operation: ConfigOperation::Delete, value: None };
    let gone = AlterResource { kind: group, name: "watchers".into(), changes: vec![delete] };
    assert_eq!(alter(&mut again, vec![gone], false), [None]);
    assert_eq!(told(&again, ResourceKind::Group, "watchers"), None);
}

#[test]
fn the_ledger_tells_sizes_and_producers() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 2, &[]);
    world.commit_of(0, 100, None, Some(sequence(0)));
    world.commit_of(0, 100, None, Some(sequence(1)));
    let wanted = vec![PartitionId(0), PartitionId(1), PartitionId(9)];
    let Some(Answer::Sizes(sizes)) = world.ask(Ask::Sizes(wanted.clone())) else { panic!("no answer") };
    let [Some(bytes), Some(0), None] = sizes[..] else { panic!("{sizes:?}") };
    assert!(bytes > 200);
    let Some(Answer::Producers(told)) = world.ask(Ask::Producers(wanted)) else { panic!("no answer") };
    let [Ok(writers), Ok(nobody), Err(Refusal::UnknownTopicOrPartition)] = &told[..] else { panic!("{told:?}") };
    let [writer] = &writers[..] else { panic!("{writers:?}") };
    assert_eq!((writer.id, writer.epoch, writer.last_sequence, nobody.len()), (sequence(0).producer, 0, 1, 0));
    let Some(Answer::Position(position)) = world.ask(Ask::Position) else { panic!("no answer") };
    world.create("b", 1, &[]);
    let Some(Answer::Position(later)) = world.ask(Ask::Position) else { panic!("no answer") };
    assert!(position < later);
}

#[test]
fn settings_of_brokers_change() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 1, &[]);
    world.create("b", 1, &[("max.message.bytes", "5")]);
    assert_eq!(set(&mut world, BROKER_RESOURCE, "", &[("message.max.bytes", "70")]), [None]);
    assert_eq!((world.message_bytes_max("a"), world.message_bytes_max("b")), (70, 5));
    assert_eq!(set(&mut world, BROKER_RESOURCE, "1", &[("message.max.bytes", "80")]), [None]);
    assert_eq!((world.message_bytes_max("a"), world.message_bytes_max("b")), (80, 5));
    assert_eq!(set(&mut world, BROKER_RESOURCE, "1", &[("message.max.bytes", "-1")]), [Some(Refusal::InvalidRequest)]);
    let mut again = World::new(world.durable);
    again.boot();
    assert_eq!(again.message_bytes_max("a"), 80, "it was durable");
    let delete = ConfigChange { name: "message.max.bytes".into(), operation: ConfigOperation::Delete, value: None };
    let gone = |name: &str| AlterResource { kind: BROKER_RESOURCE, name: name.into(), changes: vec![delete.clone()] };
    assert_eq!(alter(&mut again, vec![gone("1"), gone("")], false), [None, None]);
    assert_eq!(again.message_bytes_max("a"), 1_048_588);
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn records_are_deleted_below_an_offset() {
    let mut world = World::new(Durable::default());
    world.boot();
    world.create("a", 2, &[]);
    for _ in 0..5 {
        world.commit(0, 10, None);
    }
    let mut delete = |wanted: &[(u32, i64)]| {
        let wanted = wanted.iter().map(|(partition, offset)| (PartitionId(*partition), *offset)).collect();
        let Some(Answer::DeleteRecords(results)) = world.ask(Ask::DeleteRecords(wanted)) else { panic!("no answer") };
        results
    };
    let beyond = Err(Refusal::OffsetOutOfRange);
    assert_eq!(
        delete(&[(0, 2), (1, 0), (1, -1), (9, 0)]),
        [Ok(2), Ok(0), Ok(0), Err(Refusal::UnknownTopicOrPartition)]
    );
    assert_eq!(delete(&[(0, 6), (0, -2), (1, 1)]), [beyond; 3]);
    assert_eq!(delete(&[(0, 1)]), [Ok(2)], "first offsets never go back");
    assert_eq!(delete(&[(0, 3), (0, 4)]), [Ok(4), Ok(4)]);
    assert_eq!(delete(&[(0, -1)]), [Ok(5)]);
    let mut again = World::new(world.durable);
    again.boot();
    let Some(Answer::Opened(Ok(opened))) = again.ask(Ask::Open(PartitionId(0))) else { panic!("no answer") };
    assert_eq!((opened.bounds.log_start_offset, opened.bounds.high_watermark), (5, 5), "it was durable");
}
