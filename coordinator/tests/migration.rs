//! Groups that go from the classic protocol to the consumer protocol and back with their members, in a whole coordinator:
//! nobody is told of what another one holds, whichever protocol he speaks, and whatever crashes.

#[allow(dead_code, reason = "one world for several tests, each of which uses a part of it")]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::*;
use apus_core::error::Refusal;
use apus_core::group_message::{CommitOffsets, FetchGroupOffsets, FetchOffsets, GroupAnswer, GroupAsk};
use apus_core::ids::TopicId;
use apus_core::message::{Answer, Ask};
use bytes::Bytes;
use world::classics::{Classic, assignment, deal, gather, sync_all};
use world::members::{GROUP, Member, ask, create, describe, send, text};
use world::{Durable, World, config, node};

fn world(durable: Durable, settings: &[(&str, &str)]) -> World {
    let mut config = config();
    let mut all = vec![("group.initial.rebalance.delay.ms", "0")];
    all.extend(settings);
    config.node = node(&all);
    let mut world = World::with(durable, config);
    world.boot();
    world
}

/// A classic group of so many over four partitions of a topic.
fn classic_group(world: &mut World, mut members: Vec<Classic>) -> (TopicId, Vec<Classic>) {
    let topic = create(world, "a", 4);
    let shares = deal(&members, "a", 4);
    gather(world, &mut members, &shares);
    (topic, members)
}

/// No two members hold the same partition.
fn disjoint(topic: TopicId, classics: &[Classic], members: &[Member]) {
    let mut held = BTreeSet::new();
    for member in members {
        assert!(member.holds.iter().all(|one| held.insert(*one)), "{} holds what another one holds", member.id);
    }
    for member in classics {
        let mut own = member.holds.iter().map(|(_, index)| (topic, *index));
        assert!(own.all(|one| held.insert(one)), "{} holds what another one holds", member.id);
    }
}

/// Everyone beats until nobody moves any more; how much each holds then, in order.
fn settle(world: &mut World, topic: TopicId, classics: &mut [Classic], members: &mut [Member]) -> Vec<usize> {
    for _ in 0..20 {
        let before: Vec<_> = classics.iter().map(|member| (member.generation, member.holds.clone())).collect();
        let others: Vec<_> = members.iter().map(|member| (member.epoch, member.holds.clone())).collect();
        for index in 0..classics.len() {
            classics[index].beat(world).expect("a member");
            disjoint(topic, classics, members);
        }
        for index in 0..members.len() {
            members[index].beat(world).expect("a member");
            disjoint(topic, classics, members);
        }
        let quiet = classics.iter().all(|member| !member.rejoins) && members.iter().all(|member| !member.news);
        let same = classics.iter().zip(&before).all(|(now, before)| *before == (now.generation, now.holds.clone()));
        if quiet && same && members.iter().zip(&others).all(|(now, one)| *one == (now.epoch, now.holds.clone())) {
            let counts = classics.iter().map(|member| member.holds.len());
            let mut counts: Vec<usize> = counts.chain(members.iter().map(|member| member.holds.len())).collect();
            counts.sort_unstable();
            return counts;
        }
    }
    panic!("they never settle")
}

fn commit(world: &mut World, topic: TopicId, caller: GroupCaller, knows_epochs: bool) -> Result<(), Refusal> {
    let offset = GroupOffset { offset: 5, leader_epoch: 0, metadata: text("") };
    let topics = vec![(topic, vec![(0, offset)])];
    match ask(world, GroupAsk::Commit(CommitOffsets { caller, knows_epochs, retention_ms: None, topics })) {
        GroupAnswer::Commit(result) => result.map(drop),
        other => panic!("not a commit: {other:?}"),
    }
}

fn listed(world: &mut World) -> Vec<(&'static str, &'static str)> {
    match ask(world, GroupAsk::List(ListGroupsRequest { states: Vec::new(), types: Vec::new() })) {
        GroupAnswer::List(response) => {
            response.result.expect("no error").iter().map(|group| (group.state, group.group_type)).collect()
        }
        other => panic!("not a list: {other:?}"),
    }
}

/// What became of a group that is classic now.
fn described(world: &mut World) -> Result<GroupDescription, Refusal> {
    let request = DescribeGroupsRequest { groups: vec![text(GROUP)], authorized_operations: false };
    let GroupAnswer::Describe(mut response) = ask(world, GroupAsk::Describe(request)) else { panic!() };
    response.groups.remove(0).result.map_err(|refused| refused.refusal)
}

/// The next life of a world, from what a crash leaves.
fn crash(world: World, seed: u64, settings: &[(&str, &str)]) -> World {
    let (now, wall) = (world.now, world.wall);
    let mut next = self::world(world.remains(seed), settings);
    (next.now, next.wall) = (now, wall);
    next
}

#[test]
fn a_classic_group_goes_over_with_its_members() {
    let mut world = world(Durable::default(), &[]);
    let members = vec![Classic::new(&["a"]), Classic::keeping(&["a"])];
    let (topic, mut classics) = classic_group(&mut world, members);
    let generation = classics[0].generation;
    assert_eq!(listed(&mut world), [("Stable", "classic")]);
    let mut newcomer = [Member::new("x", &["a"])];
    newcomer[0].beat(&mut world).expect("it joins");
    assert!(newcomer[0].holds.is_empty(), "everything is somebody's");
    assert_eq!(newcomer[0].epoch, generation + 1);
    let found = describe(&mut world).expect("it is there");
    assert_eq!((found.epoch, found.members.len()), (generation + 1, 3));
    let kinds: Vec<bool> = found.members.iter().map(|member| member.is_classic).collect();
    assert_eq!(kinds.iter().filter(|classic| **classic).count(), 2);
    let held: usize = found.members.iter().flat_map(|member| &member.assigned).map(|one| one.partitions.len()).sum();
    assert_eq!(held, 4, "what they were assigned is theirs still");
    assert_eq!(listed(&mut world)[0].1, "consumer");
    assert_eq!(described(&mut world).expect_err("it is none"), Refusal::GroupIdNotFound);
    // They commit under the generation that they know, until they join again.
    assert_eq!(commit(&mut world, topic, classics[0].caller(), false), Ok(()));
    let ahead = GroupCaller { generation: generation + 1, ..classics[0].caller() };
    assert_eq!(commit(&mut world, topic, ahead, false), Err(Refusal::IllegalGeneration));
    assert_eq!(classics[0].heartbeat(&mut world), Err(Refusal::RebalanceInProgress));
    assert_eq!(settle(&mut world, topic, &mut classics, &mut newcomer), [1, 1, 2]);
    assert!(classics.iter().all(|member| member.generation == generation + 1));
    assert_eq!(describe(&mut world).expect("it is there").state, ConsumerState::Stable);
    // Whoever speaks the consumer protocol has to know epochs.
    let caller = |epoch| GroupCaller { generation: epoch, member_id: text("x"), ..classics[0].caller() };
    assert_eq!(commit(&mut world, topic, caller(generation + 1), false), Err(Refusal::UnsupportedVersion));
    assert_eq!(commit(&mut world, topic, caller(generation), true), Err(Refusal::StaleMemberEpoch));
    let fetch = |world: &mut World, member: &Classic, generation| {
        let member = Some((Arc::clone(&member.id), generation));
        let groups = vec![FetchGroupOffsets { group_id: text(GROUP), member, topics: None }];
        let GroupAnswer::Fetch(mut groups) = ask(world, GroupAsk::Fetch(FetchOffsets { groups, require_stable: true }))
        else {
            panic!("not a fetch")
        };
        groups.remove(0).map(|topics| topics.len())
    };
    assert_eq!(fetch(&mut world, &classics[1], generation + 1), Ok(1));
    assert_eq!(fetch(&mut world, &classics[1], 99), Err(Refusal::IllegalGeneration));
    // One leaves in its own way: the others have all.
    let gone = classics.remove(0);
    assert_eq!(gone.leave(&mut world), Ok(()));
    assert_eq!(gone.heartbeat(&mut world), Err(Refusal::UnknownMemberId));
    assert_eq!(settle(&mut world, topic, &mut classics, &mut newcomer), [2, 2]);
}

#[test]
fn members_that_keep_give_back_before_others_get() {
    let mut world = world(Durable::default(), &[]);
    let (topic, mut classics) = classic_group(&mut world, vec![Classic::keeping(&["a"])]);
    let mut newcomer = Member::new("x", &["a"]);
    newcomer.beat(&mut world).expect("it joins");
    let generation = classics[0].generation;
    assert_eq!(classics[0].heartbeat(&mut world), Err(Refusal::RebalanceInProgress));
    let joined = classics[0].join(&mut world).expect("a member");
    assert_eq!((joined.generation, &*joined.leader, joined.members.len()), (generation, "", 0));
    assert_eq!(joined.protocol_name.as_deref(), Some("cooperative-sticky"));
    // It is told what it keeps; until it says that it gave the rest back, nobody gets that.
    classics[0].sync(&mut world).expect("a member");
    assert_eq!((classics[0].holds.len(), classics[0].rejoins), (2, true));
    newcomer.beat(&mut world).expect("a member");
    assert!(newcomer.holds.is_empty());
    assert_eq!(classics[0].heartbeat(&mut world), Err(Refusal::RebalanceInProgress));
    let mut members = [newcomer];
    assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [2, 2]);
    assert_eq!(classics[0].generation, generation + 1);
    // What it waits for becomes free: it is told to come for it.
    members[0].leave(&mut world, -1).expect("a member");
}

#[test]
fn whoever_waits_in_the_classic_group_is_to_join_again() {
    let mut world = world(Durable::default(), &[]);
    let (topic, mut classics) = classic_group(&mut world, vec![Classic::new(&["a"])]);
    // The second one waits for the first to join; then a member of the other protocol comes.
    let mut second = Classic::new(&["a"]);
    let waits = second.post_join(&mut world);
    assert!(second.hear_join(&mut world, waits).is_none(), "the generation gathers");
    let mut members = [Member::new("x", &["a"])];
    members[0].beat(&mut world).expect("it joins");
    assert_eq!(second.hear_join(&mut world, waits).expect("told").err(), Some(Refusal::RebalanceInProgress));
    // It was counted in, and comes under the id that it was told.
    assert_eq!(describe(&mut world).expect("it is there").members.len(), 3);
    second.join(&mut world).expect("a member");
    classics.push(second);
    assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [1, 1, 2]);
}

#[test]
fn whoever_waits_for_an_assignment_is_to_join_again_and_what_was_told_last_counts() {
    let mut world = world(Durable::default(), &[]);
    let (topic, mut classics) = classic_group(&mut world, vec![Classic::keeping(&["a"]), Classic::keeping(&["a"])]);
    // A generation gathers whose leader never assigns; both still use what they were told before.
    let tickets: Vec<u64> = classics.iter_mut().map(|member| member.post_join(&mut world)).collect();
    let mut leader = None;
    for (member, ticket) in classics.iter_mut().zip(tickets) {
        leader = Some(member.hear_join(&mut world, ticket).expect("both are there").expect("a member").leader);
    }
    let follower =
        classics.iter().find(|member| Some(&member.id) != leader.as_ref()).expect("one does not lead").clone();
    let sync = GroupAsk::Sync(follower.sync_request(Vec::new()));
    let waits = world.post(Ask::Group(Box::new(sync)));
    assert!(!world.answers.contains_key(&waits), "nothing is assigned yet");
    let mut members = [Member::new("x", &["a"])];
    members[0].beat(&mut world).expect("it joins");
    let Some(Answer::Group(answer)) = world.answers.remove(&waits) else { panic!("it is answered") };
    let GroupAnswer::Sync(response) = *answer else { panic!("not a sync") };
    assert_eq!(response.result.err(), Some(Refusal::RebalanceInProgress));
    assert!(members[0].holds.is_empty(), "both hold what they were told last");
    assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [1, 1, 2]);
}

#[test]
fn a_generation_that_gathers_for_nobody_goes_over_as_well() {
    let mut world = world(Durable::default(), &[("group.initial.rebalance.delay.ms", "3000")]);
    create(&mut world, "a", 4);
    let mut first = Classic { learns_id: true, ..Classic::new(&["a"]) };
    assert_eq!(first.join(&mut world).err(), Some(Refusal::MemberIdRequired));
    let waits = first.post_join(&mut world);
    let mut second = Classic { learns_id: true, ..Classic::new(&["a"]) };
    assert_eq!(second.join(&mut world).err(), Some(Refusal::MemberIdRequired));
    first.leave(&mut world).expect("a member");
    assert_eq!(first.hear_join(&mut world, waits).expect("told").err(), Some(Refusal::UnknownMemberId));
    assert_eq!(listed(&mut world), [("PreparingRebalance", "classic")]);
    let mut newcomer = Member::new("x", &["a"]);
    newcomer.beat(&mut world).expect("it joins");
    assert_eq!((newcomer.holds.len(), newcomer.epoch), (4, 1));
    // The id that was given is one to join with here as well.
    second.join(&mut world).expect("it joins");
    assert_eq!(describe(&mut world).expect("it is there").members.len(), 2);
}

/// Found by the model: what is to be given back is used until that is heard.
#[test]
fn what_a_member_has_not_heard_of_giving_back_is_its_own() {
    let mut world = world(Durable::default(), &[]);
    let (topic, mut classics) = classic_group(&mut world, vec![Classic::keeping(&["a"])]);
    classics.push(Classic::keeping(&["a"]));
    let tickets: Vec<u64> = classics.iter_mut().rev().map(|member| member.post_join(&mut world)).collect();
    for (member, ticket) in classics.iter_mut().rev().zip(tickets) {
        member.hear_join(&mut world, ticket).expect("both are there").expect("a member");
    }
    // The leader takes two from the first one; its answer is on its way.
    let own: BTreeSet<(String, i32)> = [("a".to_owned(), 0), ("a".to_owned(), 1)].into();
    let ids = [Arc::clone(&classics[0].id), Arc::clone(&classics[1].id)];
    let shares = [assignment(&own, None), assignment(&BTreeSet::new(), None)];
    let given: Vec<Assignment> =
        ids.into_iter().zip(shares).map(|(member_id, assignment)| Assignment { member_id, assignment }).collect();
    for member in &classics {
        world.post(Ask::Group(Box::new(GroupAsk::Sync(member.sync_request(given.clone())))));
    }
    assert_eq!(described(&mut world).expect("it is one").state, GroupState::Stable);
    let mut members = [Member::new("x", &["a"])];
    members[0].beat(&mut world).expect("it joins");
    assert!(members[0].holds.is_empty(), "the first one uses all of it still");
    assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [1, 1, 2]);
}

/// A new member of the consumer protocol is refused, and the classic group goes on.
fn stays_classic(settings: &[(&str, &str)], members: Vec<Classic>, shares: Option<Vec<Bytes>>) {
    let mut world = world(Durable::default(), settings);
    create(&mut world, "a", 4);
    let mut classics = members;
    let shares = shares.unwrap_or_else(|| deal(&classics, "a", 4));
    gather(&mut world, &mut classics, &shares);
    let mut newcomer = Member::new("x", &["a"]);
    assert_eq!(newcomer.beat(&mut world), Err(Refusal::GroupIdNotFound));
    newcomer.epoch = 3;
    assert_eq!(newcomer.beat(&mut world), Err(Refusal::GroupIdNotFound));
    assert!(classics.iter().all(|member| member.heartbeat(&mut world) == Ok(())));
    assert_eq!(described(&mut world).expect("it is one").members.len(), classics.len());
}

#[test]
fn a_group_that_cannot_go_over_stays_what_it_is() {
    let policy = |word| [("group.consumer.migration.policy", word)];
    stays_classic(&policy("disabled"), vec![Classic::new(&["a"])], None);
    stays_classic(&policy("Downgrade"), vec![Classic::new(&["a"])], None);
    let two = || vec![Classic::new(&["a"]), Classic::new(&["a"])];
    stays_classic(&[("group.consumer.max.size", "1")], two(), None);
    let connect = Classic { protocol_type: "connect".to_owned(), ..Classic::new(&["a"]) };
    stays_classic(&[], vec![connect], None);
    let malformed = Classic { says: Some(Bytes::from_static(&[0, 1, 0])), ..Classic::new(&["a"]) };
    stays_classic(&[], vec![malformed], None);
    let one = || vec![Classic::new(&["a"])];
    stays_classic(&[], one(), Some(vec![Bytes::from_static(&[0, 1, 0])]));
    let own: BTreeSet<(String, i32)> = [("a".to_owned(), 0)].into();
    stays_classic(&[], one(), Some(vec![assignment(&own, Some(b"mine"))]));
    stays_classic(&[], two(), Some(vec![assignment(&own, None), assignment(&own, None)]));
}

#[test]
fn what_is_not_there_is_nobodys() {
    let mut world = world(Durable::default(), &[]);
    create(&mut world, "a", 2);
    let mut classics = vec![Classic::new(&["a"])];
    let named = [("a".to_owned(), 0), ("a".to_owned(), 7), ("gone".to_owned(), 0)];
    gather(&mut world, &mut classics, &[assignment(&named.into(), Some(b""))]);
    let mut newcomer = Member::new("x", &["a"]);
    newcomer.beat(&mut world).expect("it joins");
    assert_eq!(newcomer.holds.len(), 1, "one was nobody's");
}

#[test]
fn members_of_the_classic_protocol_are_judged_as_in_a_classic_group() {
    let mut world = world(Durable::default(), &[("group.consumer.max.size", "3")]);
    create(&mut world, "a", 4);
    let mut member = Member::new("x", &["a"]);
    member.beat(&mut world).expect("it joins");
    let client = || GroupClient { id: text("app"), host: text("/127.0.0.1") };
    let join = |world: &mut World, request: JoinGroupRequest| {
        let GroupAnswer::Join(response) = ask(world, GroupAsk::Join { request, client: client() }) else { panic!() };
        (response.member_id, response.result.map(|joined| joined.generation))
    };
    let mut classic = Classic::new(&["a"]);
    let request = classic.join_request();
    let (id, told) = join(&mut world, JoinGroupRequest { member_id_required: true, ..request.clone() });
    assert_eq!((told, id.is_empty()), (Err(Refusal::MemberIdRequired), false));
    let none = Err(Refusal::InconsistentGroupProtocol);
    assert_eq!(join(&mut world, JoinGroupRequest { protocol_type: text("connect"), ..request.clone() }).1, none);
    assert_eq!(join(&mut world, JoinGroupRequest { protocols: Vec::new(), ..request.clone() }).1, none);
    let garbage = Classic { says: Some(Bytes::from_static(b"?")), ..classic.clone() };
    assert_eq!(join(&mut world, garbage.join_request()).1, none);
    let hasty = JoinGroupRequest { session_timeout_ms: 1, ..request };
    assert_eq!(join(&mut world, hasty).1, Err(Refusal::InvalidSessionTimeout));
    classic.id = id;
    assert_eq!(classic.join(&mut world).expect("it joins").generation, 2);
    let sync = |world: &mut World, request: SyncGroupRequest| {
        let GroupAnswer::Sync(response) = ask(world, GroupAsk::Sync(request)) else { panic!() };
        response.result.err()
    };
    let right = classic.sync_request(Vec::new());
    let other = SyncGroupRequest { protocol_name: Some(text("sticky")), ..right.clone() };
    assert_eq!(sync(&mut world, other), Some(Refusal::InconsistentGroupProtocol));
    let other = SyncGroupRequest { protocol_type: Some(text("connect")), ..right.clone() };
    assert_eq!(sync(&mut world, other), Some(Refusal::InconsistentGroupProtocol));
    let stranger = Classic { id: text("nobody"), ..classic.clone() };
    assert_eq!(stranger.heartbeat(&mut world), Err(Refusal::UnknownMemberId));
    let wrong = Classic { generation: 7, ..classic.clone() };
    assert_eq!(wrong.heartbeat(&mut world), Err(Refusal::IllegalGeneration));
    let sync_wrong = wrong.sync_request(Vec::new());
    assert_eq!(sync(&mut world, sync_wrong), Some(Refusal::IllegalGeneration));
    // A member of the other protocol is none that syncs or beats.
    let foreign = Classic { id: text("x"), generation: member.epoch, ..classic.clone() };
    assert_eq!(foreign.heartbeat(&mut world), Err(Refusal::UnknownMemberId));
    assert_eq!(sync(&mut world, right), None);
    // Static ones: the second of a name takes the first one's place, whoever else is there.
    let mut named = Classic { instance: Some(text("one")), ..Classic::new(&["a"]) };
    named.join(&mut world).expect("it joins");
    assert_eq!(Classic::new(&["a"]).join(&mut world).err(), Some(Refusal::GroupMaxSizeReached));
    let lost = Classic { instance: Some(text("two")), ..named.clone() };
    assert_eq!(lost.heartbeat(&mut world), Err(Refusal::UnknownMemberId));
    member.leave(&mut world, -1).expect("a member");
}

#[test]
fn a_static_member_comes_back_in_whichever_protocol() {
    let mut world = world(Durable::default(), &[]);
    let first = Classic { instance: Some(text("one")), ..Classic::new(&["a"]) };
    let (topic, mut classics) = classic_group(&mut world, vec![first, Classic::new(&["a"])]);
    let old = classics.remove(0);
    // Restarted under the consumer protocol: it needs not have left, and what it held is its own.
    let mut heir = Member { instance: Some(text("one")), ..Member::new("x", &["a"]) };
    heir.beat(&mut world).expect("it takes the place");
    assert_eq!(heir.holds.len(), 2);
    assert_eq!(old.heartbeat(&mut world), Err(Refusal::FencedInstanceId));
    let mut members = [heir];
    assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [2, 2]);
    // And back: with the last member of the consumer protocol the group is classic again, and goes on as it was.
    let [heir] = members;
    let mut back = Classic { instance: Some(text("one")), ..Classic::new(&["a"]) };
    let joined = back.join(&mut world).expect("it takes the place");
    assert_eq!(joined.generation, classics[0].generation);
    assert_eq!(listed(&mut world), [("Stable", "classic")]);
    assert_eq!(back.sync(&mut world), Ok(()));
    classics.push(back);
    disjoint(topic, &classics, &[]);
    assert_eq!(classics.iter().map(|member| member.holds.len()).sum::<usize>(), 4);
    assert!(classics.iter().all(|member| member.heartbeat(&mut world) == Ok(())));
    let mut heir = heir;
    assert_eq!(heir.beat(&mut world), Err(Refusal::GroupIdNotFound));
}

/// A group of two classic members and one of the consumer protocol, all settled.
fn mixed(settings: &[(&str, &str)]) -> (World, TopicId, Vec<Classic>, Member) {
    let mut world = world(Durable::default(), settings);
    let members = vec![Classic::new(&["a"]), Classic::keeping(&["a"])];
    let (topic, mut classics) = classic_group(&mut world, members);
    let mut newcomer = [Member::new("x", &["a"])];
    newcomer[0].beat(&mut world).expect("it joins");
    settle(&mut world, topic, &mut classics, &mut newcomer);
    let [newcomer] = newcomer;
    (world, topic, classics, newcomer)
}

/// The group is classic now, its members are told so and go on.
fn goes_on(world: &mut World, topic: TopicId, classics: &mut [Classic]) {
    let generation = classics[0].generation;
    assert_eq!(listed(world), [("PreparingRebalance", "classic")]);
    assert_eq!(describe(world).expect_err("it is none"), Refusal::GroupIdNotFound);
    assert!(classics.iter().all(|member| member.heartbeat(world) == Err(Refusal::RebalanceInProgress)));
    assert_eq!(commit(world, topic, classics[0].caller(), false), Ok(()), "under the generation that it knows");
    let shares = deal(classics, "a", 4);
    let tickets: Vec<u64> = classics.iter_mut().map(|member| member.post_join(world)).collect();
    for (member, ticket) in classics.iter_mut().zip(tickets) {
        let told = member.hear_join(world, ticket).expect("everyone is there");
        assert_eq!(told.expect("a member").generation, generation + 1);
    }
    sync_all(world, classics, &shares);
    disjoint(topic, classics, &[]);
    assert_eq!(listed(world), [("Stable", "classic")]);
    assert_eq!(described(world).expect("it is one").protocol_name, text("range"));
}

#[test]
fn the_last_of_the_consumer_protocol_leaves_a_classic_group() {
    let (mut world, topic, mut classics, newcomer) = mixed(&[]);
    newcomer.leave(&mut world, -1).expect("a member");
    goes_on(&mut world, topic, &mut classics);
    // And over again.
    let mut members = [Member::new("y", &["a"])];
    members[0].beat(&mut world).expect("it joins");
    assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [1, 1, 2]);
}

#[test]
fn what_members_hold_goes_down_and_up_again_with_them() {
    let mut world = world(Durable::default(), &[]);
    let (topic, mut classics) = classic_group(&mut world, vec![Classic::keeping(&["a"])]);
    let mut member = Member::new("x", &["a"]);
    member.beat(&mut world).expect("it joins");
    let mut second = Classic::keeping(&["a"]);
    second.join(&mut world).expect("it joins");
    // The first one is to give back what the second is to have, and has not heard of it.
    classics[0].join(&mut world).expect("a member");
    classics.push(second);
    assert_eq!((classics[0].holds.len(), classics[1].holds.len()), (4, 0));
    member.leave(&mut world, -1).expect("a member");
    assert_eq!(listed(&mut world), [("PreparingRebalance", "classic")]);
    let mut members = [Member::new("y", &["a"])];
    members[0].beat(&mut world).expect("it joins");
    classics[1].beat(&mut world).expect("a member");
    disjoint(topic, &classics, &members);
    // It was behind the generation that the group went down with, and begins anew.
    assert_eq!(classics[0].heartbeat(&mut world), Err(Refusal::IllegalGeneration));
    (classics[0].generation, classics[0].holds) = (-1, BTreeSet::new());
    classics[0].join(&mut world).expect("a member");
    classics[0].sync(&mut world).expect("a member");
    assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [1, 1, 2]);
}

#[test]
fn silence_of_the_last_leaves_a_classic_group() {
    let (mut world, topic, mut classics, _) = mixed(&[]);
    for _ in 0..5 {
        world.pass(10_000);
        for member in &classics {
            let _ = member.heartbeat(&mut world);
        }
    }
    goes_on(&mut world, topic, &mut classics);
}

#[test]
fn an_operator_that_puts_the_last_out_leaves_a_classic_group() {
    let (mut world, topic, mut classics, _) = mixed(&[]);
    let leaving = LeavingMember { member_id: text("x"), group_instance_id: None, reason: None };
    let leave = LeaveGroupRequest { group_id: text(GROUP), members: vec![leaving] };
    let GroupAnswer::Leave(left) = ask(&mut world, GroupAsk::Leave(leave)) else { panic!() };
    assert_eq!(left.result.expect("it has a name")[0].result, Ok(()));
    goes_on(&mut world, topic, &mut classics);
}

#[test]
fn a_group_that_may_not_go_back_stays_what_it_is() {
    for settings in [("group.consumer.migration.policy", "upgrade"), ("group.max.size", "1")] {
        let mut world = world(Durable::default(), &[settings]);
        let (topic, mut classics) = classic_group(&mut world, vec![Classic::new(&["a"])]);
        let mut members = [Member::new("x", &["a"])];
        members[0].beat(&mut world).expect("it joins");
        let mut second = Classic::keeping(&["a"]);
        second.join(&mut world).expect("it joins");
        classics.push(second);
        settle(&mut world, topic, &mut classics, &mut members);
        members[0].leave(&mut world, -1).expect("a member");
        assert_eq!(listed(&mut world)[0].1, "consumer");
        assert_eq!(settle(&mut world, topic, &mut classics, &mut []), [2, 2], "and its members go on in it");
        classics.iter().for_each(|member| member.leave(&mut world).expect("a member"));
        assert_eq!(listed(&mut world), [("Empty", "consumer")]);
    }
}

#[test]
fn whoever_does_not_come_back_is_out() {
    let late = |session_ms: i32, rebalance_ms: i32| Classic { session_ms, rebalance_ms, ..Classic::new(&["a"]) };
    // Silence, by the member's own time.
    let mut world = world(Durable::default(), &[]);
    let (_, classics) = classic_group(&mut world, vec![late(6_000, 300_000), late(60_000, 10_000)]);
    let mut member = Member::new("x", &["a"]);
    member.beat(&mut world).expect("it joins");
    let ids = |world: &mut World| describe(world).expect("it is there").members.len();
    world.pass(7_000);
    assert_eq!((ids(&mut world), classics[0].heartbeat(&mut world)), (2, Err(Refusal::UnknownMemberId)));
    // It beats, is told to join, and does not.
    for _ in 0..3 {
        let _ = classics[1].heartbeat(&mut world);
        member.beat(&mut world).expect("a member");
        world.pass(4_000);
    }
    assert_eq!((ids(&mut world), classics[1].heartbeat(&mut world)), (1, Err(Refusal::UnknownMemberId)));
    // It joins and does not ask for its assignment.
    let mut third = late(60_000, 10_000);
    third.join(&mut world).expect("it joins");
    world.pass(9_000);
    assert_eq!(ids(&mut world), 2);
    member.beat(&mut world).expect("a member");
    world.pass(2_000);
    assert_eq!(ids(&mut world), 1);
    third.id = text("");
    third.join(&mut world).expect("it joins");
    let _ = third.sync(&mut world);
    for _ in 0..4 {
        world.pass(5_000);
        member.beat(&mut world).expect("a member");
        third.beat(&mut world).expect("a member");
    }
    assert_eq!(ids(&mut world), 2, "one who does all of it stays");
}

#[test]
fn a_group_goes_over_and_back_whatever_crashes_between_two_steps() {
    for seed in 0..4 {
        let mut world = world(Durable::default(), &[]);
        let members = vec![Classic::new(&["a"]), Classic::keeping(&["a"])];
        let (topic, mut classics) = classic_group(&mut world, members);
        world = crash(world, seed, &[]);
        let mut members = [Member::new("x", &["a"])];
        members[0].beat(&mut world).expect("it joins");
        world = crash(world, seed, &[]);
        for index in 0..2 {
            classics[index].beat(&mut world).expect("a member");
            disjoint(topic, &classics, &members);
            world = crash(world, seed, &[]);
            members[0].beat(&mut world).expect("a member");
            disjoint(topic, &classics, &members);
            world = crash(world, seed, &[]);
        }
        assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [1, 1, 2]);
        world = crash(world, seed, &[]);
        members[0].leave(&mut world, -1).expect("a member");
        world = crash(world, seed, &[]);
        goes_on(&mut world, topic, &mut classics);
    }
}

/// One effect more each time until nothing dies: what was acknowledged is there, and nobody is lost or doubled.
#[test]
fn both_ways_are_one_command() {
    for life in 0.. {
        let (mut world, topic, mut classics, newcomer) = mixed(&[]);
        world.life = Some(life);
        let request = ConsumerHeartbeatRequest { member_epoch: -1, ..newcomer.request() };
        let client = GroupClient { id: text("app"), host: text("/127.0.0.1") };
        let told = world.ask(Ask::Group(Box::new(GroupAsk::Beat { request: Box::new(request), client })));
        let survived = !world.is_dead();
        let mut world = crash(world, life as u64, &[]);
        let goes = listed(&mut world)[0].1 == "classic";
        assert!(goes || told.is_none(), "it was told that it left");
        if goes {
            goes_on(&mut world, topic, &mut classics);
        } else {
            assert_eq!(describe(&mut world).expect("it is there").members.len(), 3);
        }
        if survived {
            break;
        }
    }
    for life in 0.. {
        let mut world = world(Durable::default(), &[]);
        let members = vec![Classic::new(&["a"]), Classic::keeping(&["a"])];
        let (topic, mut classics) = classic_group(&mut world, members);
        world.life = Some(life);
        let mut members = [Member::new("x", &["a"])];
        let client = GroupClient { id: text("app"), host: text("/127.0.0.1") };
        let beat = GroupAsk::Beat { request: Box::new(members[0].request()), client };
        let told = world.ask(Ask::Group(Box::new(beat)));
        let survived = !world.is_dead();
        let mut world = crash(world, life as u64, &[]);
        match listed(&mut world)[0] {
            (_, "consumer") => assert_eq!(describe(&mut world).expect("it is there").members.len(), 3),
            (state, _) => {
                assert!(told.is_none(), "it was told that it joined");
                assert_eq!((state, described(&mut world).expect("it is one").members.len()), ("Stable", 2));
            }
        }
        send(&mut world, members[0].request()).expect("it joins, again or for the first time");
        members[0].beat(&mut world).expect("it joins, again or for the first time");
        assert_eq!(settle(&mut world, topic, &mut classics, &mut members), [1, 1, 2]);
        if survived {
            break;
        }
    }
}
