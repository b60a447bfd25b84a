//! Groups in a whole coordinator: what members and operators are told is durable, whatever crashes.

#[allow(dead_code, reason = "one world for several tests, each of which uses a part of it")]
mod world;

use std::sync::Arc;

use apus_core::api::{
    Assignment, DeleteGroupsRequest, DescribeGroupsRequest, GroupCaller, GroupClient, GroupOffset, GroupProtocol,
    GroupState, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeavingMember,
    ListGroupsRequest, SyncGroupRequest,
};
use apus_core::error::Refusal;
use apus_core::group_message::{CommitOffsets, FetchGroupOffsets, FetchOffsets, ForgetOffsets, GroupAnswer, GroupAsk};
use apus_core::ids::TopicId;
use apus_core::message::{Answer, Ask};
use bytes::Bytes;
use world::{Durable, World, config, node};

const NOBODY: &str = "";

/// A world whose groups do not wait for company.
fn world(durable: Durable, life: Option<usize>, settings: &[(&str, &str)]) -> World {
    let mut config = config();
    let mut all = vec![("group.initial.rebalance.delay.ms", "0")];
    all.extend(settings);
    config.node = node(&all);
    let mut world = World::with(durable, config);
    world.life = life;
    world.boot();
    world
}

fn ask(world: &mut World, ask: GroupAsk) -> Option<GroupAnswer> {
    match world.ask(Ask::Group(Box::new(ask)))? {
        Answer::Group(answer) => Some(*answer),
        other => panic!("not of groups: {other:?}"),
    }
}

/// The topic's id, where it was created.
fn create(world: &mut World, name: &str, partitions: i32) -> Option<TopicId> {
    match world.create(name, partitions, &[])? {
        Answer::CreateTopics(response) => response.topics[0].result.as_ref().ok().map(|created| created.id),
        other => panic!("not a creation: {other:?}"),
    }
}

fn caller(group: &str, member: &str, generation: i32) -> GroupCaller {
    GroupCaller { group_id: Arc::from(group), generation, member_id: Arc::from(member), group_instance_id: None }
}

/// What became of a commit of one offset in each of these partitions.
fn commit_as(
    world: &mut World,
    caller: GroupCaller,
    topic: TopicId,
    offsets: &[(i32, i64)],
) -> Option<Result<Vec<Result<(), Refusal>>, Refusal>> {
    let offset = |(index, offset): &(i32, i64)| {
        (*index, GroupOffset { offset: *offset, leader_epoch: 0, metadata: Arc::from("") })
    };
    let topics = vec![(topic, offsets.iter().map(offset).collect())];
    let commit = CommitOffsets { caller, knows_epochs: true, retention_ms: None, topics };
    match ask(world, GroupAsk::Commit(commit))? {
        GroupAnswer::Commit(result) => {
            Some(result.map(|topics| topics[0].partitions.iter().map(|(_, result)| *result).collect()))
        }
        other => panic!("not a commit: {other:?}"),
    }
}

fn commit(world: &mut World, group: &str, topic: TopicId, offsets: &[(i32, i64)]) -> bool {
    let results = commit_as(world, caller(group, NOBODY, -1), topic, offsets);
    results.is_some_and(|results| results.expect("nobody is in it").iter().all(Result::is_ok))
}

/// The offset of a partition, -1 where there is none.
fn fetch(world: &mut World, group: &str, topic: TopicId, index: i32) -> i64 {
    let groups =
        vec![FetchGroupOffsets { group_id: Arc::from(group), member: None, topics: Some(vec![(topic, vec![index])]) }];
    match ask(world, GroupAsk::Fetch(FetchOffsets { groups, require_stable: true })) {
        Some(GroupAnswer::Fetch(mut groups)) => {
            let topics = groups.remove(0).expect("no error");
            let (_, result) = &topics[0].partitions[0];
            result.as_ref().expect("no error").as_ref().map_or(-1, |offset| offset.offset)
        }
        other => panic!("not a fetch: {other:?}"),
    }
}

fn fetch_all(world: &mut World, group: &str) -> Vec<(String, Vec<(i32, i64)>)> {
    let groups = vec![FetchGroupOffsets { group_id: Arc::from(group), member: None, topics: None }];
    let Some(GroupAnswer::Fetch(mut groups)) =
        ask(world, GroupAsk::Fetch(FetchOffsets { groups, require_stable: false }))
    else {
        panic!("not a fetch")
    };
    let mut topics: Vec<(String, Vec<(i32, i64)>)> = Vec::new();
    for topic in groups.remove(0).expect("no error") {
        let offset = |(index, result): (i32, Result<Option<GroupOffset>, Refusal>)| {
            (index, result.expect("no error").expect("only what is there").offset)
        };
        topics.push((topic.name.to_string(), topic.partitions.into_iter().map(offset).collect()));
    }
    topics.sort();
    topics
}

fn joining(group: &str, member: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: Arc::from(group),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: Arc::from(member),
        group_instance_id: None,
        protocol_type: Arc::from("consumer"),
        protocols: vec![GroupProtocol { name: Arc::from("range"), metadata: Bytes::from_static(&[0; 6]) }],
        reason: None,
        member_id_required: false,
        skip_assignment: true,
    }
}

fn join(world: &mut World, group: &str, member: &str) -> Option<JoinGroupResponse> {
    join_as(world, joining(group, member))
}

fn join_as(world: &mut World, request: JoinGroupRequest) -> Option<JoinGroupResponse> {
    let client = GroupClient { id: Arc::from("app"), host: Arc::from("/127.0.0.1") };
    match ask(world, GroupAsk::Join { request, client })? {
        GroupAnswer::Join(response) => Some(response),
        other => panic!("not a join: {other:?}"),
    }
}

fn heartbeat(world: &mut World, caller: GroupCaller) -> Option<Result<(), Refusal>> {
    match ask(world, GroupAsk::Heartbeat(HeartbeatRequest { caller }))? {
        GroupAnswer::Heartbeat(response) => Some(response.result),
        other => panic!("not a heartbeat: {other:?}"),
    }
}

/// A stable group of one: the member's id and the generation.
fn stable(world: &mut World, group: &str) -> Option<(Arc<str>, i32)> {
    let response = join(world, group, NOBODY)?;
    let (id, joined) = (response.member_id, response.result.expect("it is in"));
    assign_all(world, group, &id, joined.generation)
}

fn assign_all(world: &mut World, group: &str, id: &Arc<str>, generation: i32) -> Option<(Arc<str>, i32)> {
    let assignments = vec![Assignment { member_id: Arc::clone(id), assignment: Bytes::from_static(b"all") }];
    let caller = caller(group, id, generation);
    let sync =
        SyncGroupRequest { caller, protocol_type: None, protocol_name: None, protocol_required: false, assignments };
    match ask(world, GroupAsk::Sync(sync))? {
        GroupAnswer::Sync(response) => {
            assert_eq!(response.result.expect("it is assigned").assignment, Bytes::from_static(b"all"));
            Some((Arc::clone(id), generation))
        }
        other => panic!("not a sync: {other:?}"),
    }
}

fn leave(world: &mut World, group: &str, member: &str) -> Option<bool> {
    let members = vec![LeavingMember { member_id: Arc::from(member), group_instance_id: None, reason: None }];
    match ask(world, GroupAsk::Leave(LeaveGroupRequest { group_id: Arc::from(group), members }))? {
        GroupAnswer::Leave(response) => Some(response.result.expect("it has a name")[0].result.is_ok()),
        other => panic!("not a leave: {other:?}"),
    }
}

fn delete(world: &mut World, group: &str) -> Result<(), Refusal> {
    match ask(world, GroupAsk::Delete(DeleteGroupsRequest { groups: vec![Arc::from(group)] })) {
        Some(GroupAnswer::Delete(mut response)) => response.groups.remove(0).result.map_err(|refused| refused.refusal),
        other => panic!("not a deletion: {other:?}"),
    }
}

fn listed(world: &mut World) -> Vec<String> {
    match ask(world, GroupAsk::List(ListGroupsRequest { states: Vec::new(), types: Vec::new() })) {
        Some(GroupAnswer::List(response)) => {
            response.result.expect("no error").iter().map(|group| group.group_id.to_string()).collect()
        }
        other => panic!("not a list: {other:?}"),
    }
}

#[test]
fn offsets_are_fetched_as_they_were_committed() {
    let mut world = world(Durable::default(), None, &[]);
    let (a, b) = (create(&mut world, "a", 3).expect("new"), create(&mut world, "b", 1).expect("new"));
    assert!(commit(&mut world, "g", b, &[(0, 9)]) && commit(&mut world, "g", a, &[(2, 7), (0, 5)]));
    assert_eq!((fetch(&mut world, "g", a, 2), fetch(&mut world, "g", a, 1)), (7, -1));
    assert_eq!(fetch(&mut world, "nobody", a, 2), -1, "a group that is not there has come nowhere");
    let all = [("a".to_owned(), vec![(0, 5), (2, 7)]), ("b".to_owned(), vec![(0, 9)])];
    assert_eq!(fetch_all(&mut world, "g"), all);
    // What is not there is refused beside what is.
    let results = commit_as(&mut world, caller("g", NOBODY, -1), a, &[(0, 6), (3, 1), (-1, 1)]);
    let unknown = Err(Refusal::UnknownTopicOrPartition);
    assert_eq!(results, Some(Ok(vec![Ok(()), unknown, unknown])));
    // The offsets of a topic go with it, also behind a start.
    world.delete("a");
    assert_eq!(fetch_all(&mut world, "g"), all[1..]);
    let again = create(&mut world, "a", 3).expect("new");
    assert_eq!(fetch(&mut world, "g", again, 0), -1);
    let mut next = self::world(world.durable, None, &[]);
    assert_eq!(fetch_all(&mut next, "g"), all[1..]);
}

#[test]
fn what_clients_keep_beside_offsets_is_bounded() {
    let mut world = world(Durable::default(), None, &[]);
    let topic = create(&mut world, "a", 1).expect("new");
    let mut commit = |length: usize, partitions: i32| {
        let offset = GroupOffset { offset: 1, leader_epoch: 0, metadata: Arc::from("x".repeat(length)) };
        let topics = vec![(topic, (0..partitions).map(|_| (0, offset.clone())).collect())];
        let commit = CommitOffsets { caller: caller("g", NOBODY, -1), knows_epochs: true, retention_ms: None, topics };
        match ask(&mut world, GroupAsk::Commit(commit)) {
            Some(GroupAnswer::Commit(Ok(topics))) => topics[0].partitions[0].1,
            other => panic!("not a commit: {other:?}"),
        }
    };
    assert_eq!(commit(4_096, 1), Ok(()));
    assert_eq!(commit(4_097, 1), Err(Refusal::OffsetMetadataTooLarge));
    assert_eq!(commit(4_096, 300), Err(Refusal::InvalidCommitOffsetSize));
}

#[test]
fn a_stable_group_carries_on_in_the_next_life() {
    let mut world = world(Durable::default(), None, &[]);
    let topic = create(&mut world, "a", 1).expect("new");
    let (id, generation) = stable(&mut world, "g").expect("answered");
    let member = || caller("g", &id, generation);
    assert_eq!(commit_as(&mut world, member(), topic, &[(0, 5)]), Some(Ok(vec![Ok(())])));
    assert_eq!(commit_as(&mut world, caller("g", NOBODY, -1), topic, &[(0, 1)]), Some(Err(Refusal::UnknownMemberId)));
    // Through a snapshot, and without one.
    let mut next = self::world(world.durable.clone(), None, &[]);
    assert_eq!(heartbeat(&mut next, member()), Some(Ok(())));
    for _ in 0..20 {
        next.pass(4_000);
        assert_eq!(heartbeat(&mut next, member()), Some(Ok(())));
    }
    let mut last = self::world(next.durable, None, &[]);
    assert_eq!(heartbeat(&mut last, member()), Some(Ok(())));
    assert_eq!(fetch(&mut last, "g", topic, 0), 5);
    let describe = DescribeGroupsRequest { groups: vec![Arc::from("g")], authorized_operations: false };
    let Some(GroupAnswer::Describe(response)) = ask(&mut last, GroupAsk::Describe(describe)) else { panic!() };
    let group = response.groups[0].result.as_ref().expect("it is there");
    assert_eq!((group.state, &*group.members[0].assignment), (GroupState::Stable, &b"all"[..]));
    // Silence ends it, in the first life too.
    last.pass(15_000);
    assert_eq!(heartbeat(&mut last, member()), Some(Err(Refusal::UnknownMemberId)));
    assert_eq!(delete(&mut last, "g"), Ok(()));
    assert_eq!(fetch(&mut last, "g", topic, 0), -1);
}

#[test]
fn a_group_that_is_named_twice_is_told_of_once() {
    let mut world = world(Durable::default(), None, &[]);
    let topic = create(&mut world, "a", 1).expect("new");
    assert_eq!(commit_as(&mut world, caller("g", NOBODY, -1), topic, &[(0, 1)]), Some(Ok(vec![Ok(())])));
    let groups: Vec<Arc<str>> = ["g", "h", "g", "", "", "h"].map(Arc::from).into();
    let describe = DescribeGroupsRequest { groups: groups.clone(), authorized_operations: false };
    let Some(GroupAnswer::Describe(response)) = ask(&mut world, GroupAsk::Describe(describe)) else { panic!() };
    let described: Vec<&str> = response.groups.iter().map(|group| &*group.group_id).collect();
    assert_eq!(described, ["g", "h", ""]);
    let Some(GroupAnswer::Delete(response)) = ask(&mut world, GroupAsk::Delete(DeleteGroupsRequest { groups })) else {
        panic!()
    };
    let deleted: Vec<(&str, bool)> =
        response.groups.iter().map(|group| (&*group.group_id, group.result.is_ok())).collect();
    assert_eq!(deleted, [("g", true), ("h", false), ("", false)]);
}

#[test]
fn operators_delete_groups_that_nobody_is_in() {
    let mut world = world(Durable::default(), None, &[]);
    let topic = create(&mut world, "a", 1).expect("new");
    assert_eq!(delete(&mut world, "g"), Err(Refusal::GroupIdNotFound));
    commit(&mut world, "g", topic, &[(0, 5)]);
    let (id, _) = stable(&mut world, "g").expect("answered");
    assert_eq!(delete(&mut world, "g"), Err(Refusal::NonEmptyGroup));
    assert_eq!(leave(&mut world, "g", &id), Some(true));
    assert_eq!(fetch(&mut world, "g", topic, 0), 5);
    assert_eq!(delete(&mut world, "g"), Ok(()));
    assert!(listed(&mut world).is_empty());
    let mut next = self::world(world.durable, None, &[]);
    assert!(listed(&mut next).is_empty());
    assert_eq!(fetch(&mut next, "g", topic, 0), -1);
}

#[test]
fn offsets_that_nobody_needs_go_and_groups_with_them() {
    let settings = [("offsets.retention.minutes", "2"), ("offsets.retention.check.interval.ms", "30000")];
    let mut world = world(Durable::default(), None, &settings);
    let topic = create(&mut world, "a", 1).expect("new");
    commit(&mut world, "left", topic, &[(0, 1)]);
    let (id, _) = stable(&mut world, "left").expect("answered");
    commit(&mut world, "simple", topic, &[(0, 1)]);
    let (busy, generation) = stable(&mut world, "busy").expect("answered");
    let pass = |world: &mut World, milliseconds: u64| {
        for _ in 0..milliseconds / 5_000 {
            world.pass(5_000);
            assert_eq!(heartbeat(world, caller("busy", &busy, generation)), Some(Ok(())));
        }
    };
    pass(&mut world, 5_000);
    leave(&mut world, "left", &id);
    pass(&mut world, 100_000);
    assert_eq!(listed(&mut world), ["busy", "left", "simple"]);
    commit(&mut world, "simple", topic, &[(0, 2)]);
    pass(&mut world, 60_000);
    assert_eq!(listed(&mut world), ["busy", "simple"], "members left it long ago");
    pass(&mut world, 120_000);
    assert_eq!(listed(&mut world), ["busy"]);
    let mut next = self::world(world.durable, None, &settings);
    assert_eq!(listed(&mut next), ["busy"]);
}

/// Members come, commit, and go, over a snapshot; what was told of the group's offset and of its members.
#[derive(Default)]
struct Told {
    offset: i64,
    member: Option<(Arc<str>, i32)>,
    left: Option<Arc<str>>,
}

fn live(world: &mut World) -> Told {
    let mut told = Told::default();
    if !world.serves {
        return told;
    }
    let Some(topic) = create(world, "a", 2) else { return told };
    for offset in 1..4 {
        if commit(world, "g", topic, &[(0, offset), (1, offset)]) {
            told.offset = offset;
        }
    }
    told.member = stable(world, "g");
    let Some((id, generation)) = told.member.clone() else { return told };
    for offset in 4..8 {
        let results = commit_as(world, caller("g", &id, generation), topic, &[(0, offset), (1, offset)]);
        if results.is_some() {
            told.offset = offset;
        }
        if offset == 5 {
            (0..8).for_each(|_| {
                world.pass(8_000);
                heartbeat(world, caller("g", &id, generation));
            });
        }
    }
    // From here on it may have left, told or not.
    told.member = None;
    told.left = leave(world, "g", &id).map(|_| id);
    told
}

#[test]
fn a_crash_between_any_two_effects_takes_no_offset_back() {
    let mut whole = world(Durable::default(), None, &[]);
    let before = whole.performed;
    let told = live(&mut whole);
    assert_eq!(told.offset, 7);
    let effects = whole.performed - before;
    assert!(effects > 40, "{effects} effects are no life");
    let started = world(Durable::default(), None, &[]).durable;
    for life in 0..effects + 20 {
        let mut mortal = world(started.clone(), None, &[]);
        mortal.life = Some(life);
        let told = live(&mut mortal);
        let mut next = world(mortal.remains(life as u64), None, &[]);
        assert!(next.serves, "crash after {life} effects: {:?}", next.halted);
        let Some(Answer::CreateTopics(_)) = next.create("b", 1, &[]) else { panic!("it serves") };
        let all = fetch_all(&mut next, "g");
        let offsets: Vec<i64> = all.iter().flat_map(|(_, offsets)| offsets.iter().map(|(_, offset)| *offset)).collect();
        assert!(offsets.iter().all(|offset| *offset >= told.offset), "{offsets:?} after {}", told.offset);
        assert!(told.offset == 0 || offsets.len() == 2 && offsets[0] == offsets[1], "a commit is whole: {offsets:?}");
        if let Some((id, generation)) = told.member {
            assert_eq!(heartbeat(&mut next, caller("g", &id, generation)), Some(Ok(())), "crash after {life} effects");
        }
        if let Some(id) = told.left {
            assert_eq!(leave(&mut next, "g", &id), Some(false), "a leave that was told is not undone");
        }
    }
}

/// What became of the offsets of these partitions, which an operator wants forgotten.
fn forget(
    world: &mut World,
    group: &str,
    topic: TopicId,
    indexes: &[i32],
) -> Result<Vec<Result<(), Refusal>>, Refusal> {
    let request = ForgetOffsets { group_id: Arc::from(group), topics: vec![(topic, indexes.to_vec())] };
    match ask(world, GroupAsk::Forget(request)) {
        Some(GroupAnswer::Forget(result)) => {
            result.map(|topics| topics[0].partitions.iter().map(|(_, result)| *result).collect())
        }
        other => panic!("not a removal: {other:?}"),
    }
}

#[test]
fn operators_make_groups_forget_offsets_that_nobody_subscribes_to() {
    let mut world = world(Durable::default(), None, &[]);
    let topic = create(&mut world, "a", 3).expect("new");
    assert_eq!(forget(&mut world, "g", topic, &[0]), Err(Refusal::GroupIdNotFound));
    commit(&mut world, "g", topic, &[(0, 5), (1, 6)]);
    assert_eq!(forget(&mut world, "g", topic, &[0, 2, 9]), Ok(vec![Ok(()); 3]), "where nothing is, nothing is wrong");
    assert_eq!((fetch(&mut world, "g", topic, 0), fetch(&mut world, "g", topic, 1)), (-1, 6));
    // Its member subscribes to nothing.
    stable(&mut world, "g").expect("answered");
    assert_eq!(forget(&mut world, "g", topic, &[1]), Ok(vec![Ok(())]));
    assert_eq!(fetch(&mut world, "g", topic, 1), -1);
    let mut next = self::world(world.durable, None, &[]);
    assert_eq!((fetch(&mut next, "g", topic, 0), fetch(&mut next, "g", topic, 1)), (-1, -1));
    let deleted = forget(&mut next, "g", apus_core::ids::Uuid([3; 16]), &[0]);
    assert_eq!(deleted, Ok(vec![Err(Refusal::UnknownTopicOrPartition)]));
}

#[test]
fn what_members_subscribe_to_is_not_forgotten_nor_what_they_keep_to_themselves() {
    let subscription = Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0, 1, b'a']);
    for (protocol_type, refused) in
        [("consumer", Ok(vec![Err(Refusal::GroupSubscribedToTopic)])), ("connect", Err(Refusal::NonEmptyGroup))]
    {
        let mut world = world(Durable::default(), None, &[]);
        let (a, b) = (create(&mut world, "a", 1).expect("new"), create(&mut world, "b", 1).expect("new"));
        commit(&mut world, "g", a, &[(0, 5)]);
        commit(&mut world, "g", b, &[(0, 5)]);
        let request = JoinGroupRequest {
            protocol_type: Arc::from(protocol_type),
            protocols: vec![GroupProtocol { name: Arc::from("range"), metadata: subscription.clone() }],
            ..joining("g", NOBODY)
        };
        let joined = join_as(&mut world, request).expect("answered");
        let generation = joined.result.expect("alone").generation;
        assign_all(&mut world, "g", &joined.member_id, generation).expect("answered");
        assert_eq!(forget(&mut world, "g", a, &[0]), refused);
        assert_eq!(forget(&mut world, "g", b, &[0]).is_ok(), protocol_type == "consumer");
        assert_eq!(fetch(&mut world, "g", a, 0), 5);
    }
}
