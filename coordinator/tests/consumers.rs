//! Groups of the consumer protocol in a whole coordinator: nobody is told of what another one holds, whatever crashes.

#[allow(dead_code, reason = "one world for several tests, each of which uses a part of it")]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::*;
use apus_core::config::{ConfigChange, ConfigOperation};
use apus_core::error::Refusal;
use apus_core::group_message::{CommitOffsets, FetchGroupOffsets, FetchOffsets, ForgetOffsets, GroupAnswer, GroupAsk};
use apus_core::ids::TopicId;
use apus_core::message::{Answer, Ask};
use world::members::{GROUP, Member, ask, create, describe, send, text};
use world::{Durable, World, config, node};

fn world(durable: Durable, settings: &[(&str, &str)]) -> World {
    let mut config = config();
    config.node = node(settings);
    let mut world = World::with(durable, config);
    world.boot();
    world
}

/// No two members hold the same partition.
fn disjoint(members: &[Member]) {
    let mut held = BTreeSet::new();
    for member in members {
        assert!(member.holds.iter().all(|one| held.insert(*one)), "{} holds what another one holds", member.id);
    }
}

/// Everyone beats until nobody moves any more; in how many rounds.
fn settle(world: &mut World, members: &mut [Member]) -> usize {
    for round in 0..50 {
        let before: Vec<_> = members.iter().map(|member| (member.epoch, member.holds.clone())).collect();
        for index in 0..members.len() {
            members[index].beat(world).expect("a member");
            disjoint(members);
        }
        let quiet = members.iter().all(|member| !member.news);
        if quiet && before.iter().zip(&*members).all(|(before, now)| *before == (now.epoch, now.holds.clone())) {
            return round;
        }
    }
    panic!("they never settle")
}

fn counts(members: &[Member]) -> Vec<usize> {
    let mut counts: Vec<usize> = members.iter().map(|member| member.holds.len()).collect();
    counts.sort_unstable();
    counts
}

#[test]
fn fifty_members_settle_over_two_hundred_partitions_and_again_when_some_leave() {
    let mut world = world(Durable::default(), &[]);
    create(&mut world, "a", 200);
    let mut members: Vec<Member> = (0..50).map(|number| Member::new(&format!("m{number:02}"), &["a"])).collect();
    // Everyone joins, hears of its share, gives back what is others', and gets what others give back.
    assert!(settle(&mut world, &mut members) <= 3);
    assert_eq!(counts(&members), [4; 50]);
    let found = describe(&mut world).expect("it is there");
    // One epoch for each who came, and none besides.
    assert_eq!((found.epoch, found.assignment_epoch), (50, 50));
    assert_eq!((found.state, &*found.assignor, found.members.len()), (ConsumerState::Stable, "uniform", 50));
    // What changes nothing writes nothing.
    world.pass(200);
    let segments = world.durable.segments.clone();
    members[7].beat(&mut world).expect("a member");
    assert!(world.durable.segments == segments, "a heartbeat wrote something");
    let (mut rest, kept) = (members.split_off(10), members);
    let before: Vec<_> = rest.iter().map(|member| member.holds.clone()).collect();
    for member in &kept {
        member.leave(&mut world, -1).expect("a member");
    }
    assert!(settle(&mut world, &mut rest) <= 2, "one round, and one to see that it was enough");
    assert_eq!(counts(&rest), [5; 40]);
    let found = describe(&mut world).expect("it is there");
    assert_eq!((found.epoch, found.assignment_epoch), (60, 60), "one for each who left");
    assert!(rest.iter().zip(before).all(|(now, before)| now.holds.is_superset(&before)), "nobody gave anything back");
}

#[test]
fn a_group_carries_on_in_the_next_life_and_silence_ends_it() {
    let mut world = world(Durable::default(), &[]);
    let topic = create(&mut world, "a", 4);
    let mut members = [Member::new("x", &["a"]), Member::new("y", &["a"])];
    settle(&mut world, &mut members);
    assert_eq!(counts(&members), [2, 2]);
    // One has joined and was assigned what the others are giving back, when the broker goes.
    let mut third = Member::new("z", &["a"]);
    third.beat(&mut world).expect("it joins");
    members[0].beat(&mut world).expect("a member");
    let mut next = self::world(world.durable.clone(), &[]);
    let mut all = [members[0].clone(), members[1].clone(), third];
    settle(&mut next, &mut all);
    assert_eq!(counts(&all), [1, 1, 2]);
    let speaks = |member: &Member, epoch| GroupCaller {
        group_id: text(GROUP),
        generation: epoch,
        member_id: Arc::clone(&member.id),
        group_instance_id: None,
    };
    let commit = |world: &mut World, caller| {
        let offset = GroupOffset { offset: 5, leader_epoch: 0, metadata: text("") };
        match ask(
            world,
            GroupAsk::Commit(CommitOffsets {
                caller,
                knows_epochs: true,
                retention_ms: None,
                topics: vec![(topic, vec![(0, offset)])],
            }),
        ) {
            GroupAnswer::Commit(result) => result.map(drop),
            other => panic!("not a commit: {other:?}"),
        }
    };
    assert_eq!(commit(&mut next, speaks(&all[0], all[0].epoch)), Ok(()));
    assert_eq!(commit(&mut next, speaks(&all[0], all[0].epoch - 1)), Err(Refusal::StaleMemberEpoch));
    assert_eq!(commit(&mut next, speaks(&Member::new("w", &[]), 3)), Err(Refusal::UnknownMemberId));
    assert_eq!(commit(&mut next, speaks(&Member::new("", &[]), -1)), Err(Refusal::UnknownMemberId));
    let fetch = |world: &mut World, member: Option<(Arc<str>, i32)>| {
        let groups = vec![FetchGroupOffsets { group_id: text(GROUP), member, topics: None }];
        match ask(world, GroupAsk::Fetch(FetchOffsets { groups, require_stable: true })) {
            GroupAnswer::Fetch(mut groups) => groups.remove(0).map(|topics| topics.len()),
            other => panic!("not a fetch: {other:?}"),
        }
    };
    assert_eq!(fetch(&mut next, None), Ok(1));
    assert_eq!(fetch(&mut next, Some((text("x"), all[0].epoch))), Ok(1));
    assert_eq!(fetch(&mut next, Some((text("x"), 99))), Err(Refusal::StaleMemberEpoch));
    let forget = ForgetOffsets { group_id: text(GROUP), topics: vec![(topic, vec![0])] };
    let GroupAnswer::Forget(Ok(forgotten)) = ask(&mut next, GroupAsk::Forget(forget)) else { panic!() };
    assert_eq!(forgotten[0].partitions[0].1, Err(Refusal::GroupSubscribedToTopic));
    // Two fall silent: whoever is left has everything, and knows it is the only one.
    for _ in 0..5 {
        next.pass(10_000);
        all[2].beat(&mut next).expect("a member");
    }
    assert_eq!(all[0].beat(&mut next), Err(Refusal::UnknownMemberId));
    all[0].holds.clear();
    settle(&mut next, &mut all[2..]);
    assert_eq!(all[2].holds.len(), 4);
}

#[test]
fn one_who_does_not_give_back_is_out() {
    let mut world = world(Durable::default(), &[]);
    create(&mut world, "a", 2);
    let mut members = [Member::new("x", &["a"])];
    settle(&mut world, &mut members);
    let mut second = Member::new("y", &["a"]);
    second.beat(&mut world).expect("it joins");
    assert!(second.holds.is_empty(), "the first one holds everything");
    let [first] = &mut members;
    // It beats and gives nothing back.
    for _ in 0..8 {
        world.pass(5_000);
        let silent = ConsumerHeartbeatRequest { owned: None, ..first.request() };
        let _ = send(&mut world, silent);
        second.beat(&mut world).expect("a member");
    }
    assert_eq!(first.beat(&mut world), Err(Refusal::UnknownMemberId));
    assert_eq!(second.holds.len(), 2);
}

#[test]
fn members_are_fenced_by_their_epochs_and_names() {
    let mut world = world(Durable::default(), &[("group.consumer.max.size", "2")]);
    create(&mut world, "a", 2);
    let mut member = Member::new("x", &["a"]);
    assert_eq!(Member { epoch: 3, ..member.clone() }.beat(&mut world), Err(Refusal::GroupIdNotFound));
    member.beat(&mut world).expect("it joins");
    // Its answer was lost: it joins again.
    let mut again = Member::new("x", &["a"]);
    again.beat(&mut world).expect("it joins");
    assert_eq!(again.holds, member.holds);
    assert_eq!(Member { epoch: 9, ..member.clone() }.beat(&mut world), Err(Refusal::FencedMemberEpoch));
    // Whoever is fenced begins anew under its name, at whatever epoch it is known.
    let mut other = Member::new("w", &["a"]);
    other.beat(&mut world).expect("it joins");
    other.leave(&mut world, -1).expect("a member");
    settle(&mut world, std::slice::from_mut(&mut member));
    assert!(member.epoch > 1);
    assert_eq!(Member { epoch: member.epoch + 1, ..member.clone() }.beat(&mut world), Err(Refusal::FencedMemberEpoch));
    let mut anew = Member::new("x", &["a"]);
    anew.beat(&mut world).expect("it joins");
    assert_eq!((anew.epoch, &anew.holds), (member.epoch, &member.holds));
    assert_eq!(Member { epoch: 1, ..Member::new("y", &["a"]) }.beat(&mut world), Err(Refusal::UnknownMemberId));
    let wrong = |assignor: &str, regex: &str| Member {
        assignor: Some(text(assignor)),
        regex: Some(text(regex)),
        ..Member::new("y", &["a"])
    };
    assert_eq!(wrong("sticky", "").beat(&mut world), Err(Refusal::UnsupportedAssignor));
    assert_eq!(wrong("range", "(").beat(&mut world), Err(Refusal::InvalidRegularExpression));
    // A static member comes back under another id, once it has left.
    let mut named = Member { instance: Some(text("i")), ..Member::new("n1", &["a"]) };
    named.beat(&mut world).expect("it joins");
    assert_eq!(Member::new("z", &["a"]).beat(&mut world), Err(Refusal::GroupMaxSizeReached));
    let mut heir = Member { id: text("n2"), epoch: 0, ..named.clone() };
    heir.holds.clear();
    assert_eq!(heir.beat(&mut world), Err(Refusal::GroupMaxSizeReached), "as Kafka has it");
    member.leave(&mut world, -1).expect("a member");
    assert_eq!(heir.beat(&mut world), Err(Refusal::UnreleasedInstanceId));
    named.beat(&mut world).expect("a member");
    named.beat(&mut world).expect("a member");
    named.leave(&mut world, -2).expect("a member");
    heir.beat(&mut world).expect("the name is free");
    assert_eq!(heir.holds.len(), 2);
    assert_eq!(named.beat(&mut world), Err(Refusal::FencedInstanceId));
}

#[test]
fn patterns_follow_topics_as_they_come_and_go() {
    let mut world = world(Durable::default(), &[]);
    create(&mut world, "logs-a", 2);
    create(&mut world, "other", 2);
    let member = |id: &str| Member { regex: Some(text("logs-.*")), ..Member::new(id, &[]) };
    let mut members = [member("x"), member("y")];
    settle(&mut world, &mut members);
    assert_eq!(counts(&members), [1, 1]);
    create(&mut world, "logs-b", 3);
    world.pass(2_000);
    settle(&mut world, &mut members);
    assert_eq!(counts(&members), [2, 3]);
    world.delete("logs-a");
    world.pass(2_000);
    settle(&mut world, &mut members);
    assert_eq!(counts(&members), [1, 2]);
}

#[test]
fn ranges_run_alike_over_topics() {
    let mut world = world(Durable::default(), &[]);
    let topics = [create(&mut world, "a", 3), create(&mut world, "b", 3)];
    let member = |id: &str| Member { assignor: Some(text("range")), ..Member::new(id, &["a", "b"]) };
    let mut members = [member("x"), member("y")];
    settle(&mut world, &mut members);
    let runs = |indexes: &[i32]| topics.iter().flat_map(|topic| indexes.iter().map(|one| (*topic, *one))).collect();
    let expected: [BTreeSet<(TopicId, i32)>; 2] = [runs(&[0, 1]), runs(&[2])];
    assert_eq!([members[0].holds.clone(), members[1].holds.clone()], expected);
}

#[test]
fn operators_see_both_kinds_of_groups_and_each_by_its_own_name() {
    let mut world = world(Durable::default(), &[]);
    create(&mut world, "a", 2);
    let mut members = [Member::new("x", &["a"])];
    settle(&mut world, &mut members);
    let list = |world: &mut World, states: &[&str], types: &[&str]| {
        let words = |words: &[&str]| words.iter().map(|word| text(word)).collect();
        match ask(world, GroupAsk::List(ListGroupsRequest { states: words(states), types: words(types) })) {
            GroupAnswer::List(response) => {
                let rows = response.result.expect("no error").into_iter();
                rows.map(|group| (group.state, group.group_type)).collect::<Vec<_>>()
            }
            other => panic!("not a list: {other:?}"),
        }
    };
    assert_eq!(list(&mut world, &[], &[]), [("Stable", "consumer")]);
    assert_eq!(list(&mut world, &["stable"], &["Consumer"]).len(), 1);
    assert_eq!(list(&mut world, &["Empty"], &[]).len() + list(&mut world, &[], &["classic"]).len(), 0);
    let request = DescribeGroupsRequest { groups: vec![text(GROUP)], authorized_operations: false };
    let GroupAnswer::Describe(described) = ask(&mut world, GroupAsk::Describe(request)) else { panic!() };
    assert_eq!(described.groups[0].result.as_ref().expect_err("it is none").refusal, Refusal::GroupIdNotFound);
    let delete =
        |world: &mut World| match ask(world, GroupAsk::Delete(DeleteGroupsRequest { groups: vec![text(GROUP)] })) {
            GroupAnswer::Delete(mut response) => response.groups.remove(0).result.map_err(|refused| refused.refusal),
            other => panic!("not a deletion: {other:?}"),
        };
    assert_eq!(delete(&mut world), Err(Refusal::NonEmptyGroup));
    // An operator puts the member out.
    let leaving = LeavingMember { member_id: text("x"), group_instance_id: None, reason: None };
    let leave = LeaveGroupRequest { group_id: text(GROUP), members: vec![leaving.clone(), leaving] };
    let GroupAnswer::Leave(left) = ask(&mut world, GroupAsk::Leave(leave)) else { panic!() };
    let results: Vec<_> = left.result.expect("it has a name").into_iter().map(|member| member.result).collect();
    assert_eq!(results, [Ok(()), Err(Refusal::UnknownMemberId)]);
    assert_eq!(list(&mut world, &[], &[]), [("Empty", "consumer")]);
    assert_eq!(describe(&mut world).expect("it is there").state, ConsumerState::Empty);
    assert_eq!(delete(&mut world), Ok(()));
    assert_eq!(describe(&mut world).expect_err("it is gone"), Refusal::GroupIdNotFound);
}

#[test]
fn a_group_has_times_of_its_own() {
    let bounds = [
        ("group.consumer.min.session.timeout.ms", "1000"),
        ("group.consumer.min.heartbeat.interval.ms", "100"),
        ("group.consumer.session.timeout.ms", "50000"),
    ];
    let mut world = world(Durable::default(), &bounds);
    let topic = create(&mut world, "a", 1);
    let set = |name: &str, value: &str| {
        let change = ConfigChange { name: name.into(), operation: ConfigOperation::Set, value: Some(value.into()) };
        AlterResource { kind: GROUP_RESOURCE, name: text(GROUP), changes: vec![change] }
    };
    for (name, value) in [("consumer.heartbeat.interval.ms", "200"), ("consumer.session.timeout.ms", "2000")] {
        let request = AlterConfigsRequest { resources: vec![set(name, value)], validate_only: false, whole: false };
        let Some(Answer::AlterConfigs(response)) = world.ask(Ask::AlterConfigs(request)) else { panic!("no answer") };
        assert_eq!(response.resources[0].result, Ok(()));
    }
    let mut member = Member::new("x", &["a"]);
    let beat = send(&mut world, member.request()).expect("it joins");
    assert_eq!(beat.interval_ms, 200);
    member.epoch = beat.member_epoch;
    let commit = |world: &mut World, knows_epochs| {
        let offset = GroupOffset { offset: 5, leader_epoch: 0, metadata: text("") };
        let caller = GroupCaller {
            group_id: text(GROUP),
            generation: member.epoch,
            member_id: text("x"),
            group_instance_id: None,
        };
        let topics = vec![(topic, vec![(0, offset)])];
        match ask(world, GroupAsk::Commit(CommitOffsets { caller, knows_epochs, retention_ms: None, topics })) {
            GroupAnswer::Commit(result) => result.map(drop),
            other => panic!("not a commit: {other:?}"),
        }
    };
    assert_eq!(commit(&mut world, true), Ok(()));
    assert_eq!(commit(&mut world, false), Err(Refusal::UnsupportedVersion), "versions below 9 know no epochs");
    world.pass(1_900);
    assert_eq!(describe(&mut world).map(|group| group.members.len()), Ok(1));
    world.pass(200);
    assert_eq!(describe(&mut world).map(|group| group.members.len()), Ok(0), "its own silence has lasted too long");
}
