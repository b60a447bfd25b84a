//! Streams groups in a whole coordinator: nobody is told of a task that another one runs, whatever crashes; topics of
//! applications come to be.

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
use apus_core::share_message::{ShareAnswer, ShareAsk};
use world::{Durable, World, config, node};

const GROUP: &str = "counting";

/// Nothing waits for company or for the next assignment.
const AT_ONCE: [(&str, &str); 2] =
    [("group.streams.initial.rebalance.delay.ms", "0"), ("group.streams.assignment.interval.ms", "0")];

fn world(durable: Durable, settings: &[(&str, &str)]) -> World {
    let mut config = config();
    config.node = node(settings);
    let mut world = World::with(durable, config);
    world.boot();
    world
}

fn ask(world: &mut World, ask: GroupAsk) -> GroupAnswer {
    match world.ask(Ask::Group(Box::new(ask))) {
        Some(Answer::Group(answer)) => *answer,
        other => panic!("not of groups: {other:?}"),
    }
}

fn create(world: &mut World, name: &str, partitions: i32) -> TopicId {
    match world.create(name, partitions, &[]) {
        Some(Answer::CreateTopics(response)) => response.topics[0].result.as_ref().expect("new").id,
        other => panic!("not a creation: {other:?}"),
    }
}

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn topology() -> Topology {
    let internal = |name: &str, policy: &str| InternalTopic {
        name: text(name),
        partitions: 0,
        replication_factor: 0,
        configs: vec![(text("cleanup.policy"), text(policy))],
    };
    let split = Subtopology {
        id: text("0"),
        source_topics: vec![text("lines")],
        repartition_sinks: vec![text("app-words-repartition")],
        ..Subtopology::default()
    };
    let count = Subtopology {
        id: text("1"),
        repartition_sources: vec![internal("app-words-repartition", "delete")],
        changelogs: vec![internal("app-counts-changelog", "compact")],
        ..Subtopology::default()
    };
    Topology { epoch: 0, subtopologies: vec![split, count] }
}

/// Tasks with their parts: of an answer, or of a client.
type Held = BTreeSet<(Arc<str>, i32)>;

/// A member as its client sees it.
#[derive(Clone, Debug)]
struct Member {
    id: Arc<str>,
    process: Arc<str>,
    instance: Option<Arc<str>>,
    epoch: i32,
    topology: Topology,
    endpoint: Option<StreamsEndpoint>,
    endpoint_epoch: i32,
    runs: Held,
    keeps: Held,
    /// It was told something since it beat last: it says what it has.
    news: bool,
    statuses: Vec<StreamsStatusKind>,
}

impl Member {
    fn new(id: &str) -> Member {
        Member {
            id: text(id),
            process: text(&format!("process-{id}")),
            instance: None,
            epoch: 0,
            topology: topology(),
            endpoint: None,
            endpoint_epoch: 0,
            runs: Held::new(),
            keeps: Held::new(),
            news: true,
            statuses: Vec::new(),
        }
    }

    fn request(&self) -> StreamsHeartbeatRequest {
        let joins = self.epoch == 0;
        let told = |held: &Held| {
            let held = held.iter().filter(|_| !joins);
            (joins || self.news).then(|| held.map(|(part, partition)| (Arc::clone(part), vec![*partition])).collect())
        };
        StreamsHeartbeatRequest {
            group_id: text(GROUP),
            member_id: Arc::clone(&self.id),
            member_epoch: self.epoch,
            endpoint_epoch: self.endpoint_epoch,
            instance_id: self.instance.clone(),
            rack_id: None,
            rebalance_timeout_ms: joins.then_some(30_000),
            topology: joins.then(|| self.topology.clone()),
            active: told(&self.runs),
            standby: told(&self.keeps),
            warmup: told(&Held::new()),
            process_id: joins.then(|| Arc::clone(&self.process)),
            endpoint: self.endpoint.clone().filter(|_| joins),
            tags: joins.then(Vec::new),
            offsets: None,
            end_offsets: None,
            shutdown: false,
            knows_missing_tags: true,
        }
    }

    /// Beats once and does as it is told.
    fn beat(&mut self, world: &mut World) -> Result<StreamsBeat, Refusal> {
        let beat = send(world, self.request())?;
        self.news = beat.tasks.is_some();
        self.epoch = beat.member_epoch;
        self.statuses = beat.statuses.iter().map(|status| status.kind).collect();
        self.endpoint_epoch = beat.endpoint_epoch;
        if let Some(tasks) = &beat.tasks {
            (self.runs, self.keeps) = (held(&tasks.active), held(&tasks.standby));
        }
        Ok(beat)
    }

    fn leave(&self, world: &mut World, epoch: i32) -> Result<StreamsBeat, Refusal> {
        send(world, StreamsHeartbeatRequest { member_epoch: epoch, topology: None, ..self.request() })
    }
}

fn held(tasks: &TaskIds) -> Held {
    tasks.iter().flat_map(|(part, partitions)| partitions.iter().map(|one| (Arc::clone(part), *one))).collect()
}

fn send(world: &mut World, request: StreamsHeartbeatRequest) -> Result<StreamsBeat, Refusal> {
    let client = GroupClient { id: text("app"), host: text("/127.0.0.1") };
    match ask(world, GroupAsk::StreamsBeat { request: Box::new(request), client }) {
        GroupAnswer::StreamsBeat(response) => response.result.map_err(|refused| refused.refusal),
        other => panic!("not a heartbeat: {other:?}"),
    }
}

/// Nobody runs what another one runs.
fn disjoint(members: &[Member]) {
    let mut run = BTreeSet::new();
    for member in members {
        assert!(member.runs.iter().all(|one| run.insert(one.clone())), "{} runs what another one runs", member.id);
    }
}

/// Everyone beats until nobody moves any more.
fn settle(world: &mut World, members: &mut [Member]) {
    for _ in 0..50 {
        let before: Vec<_> = members.iter().map(|member| (member.epoch, member.runs.clone())).collect();
        for index in 0..members.len() {
            members[index].beat(world).expect("a member");
            disjoint(members);
        }
        world.pass(1_000);
        let waits = members.iter().any(|member| member.news || !member.statuses.is_empty());
        if !waits && before.iter().zip(&*members).all(|(before, now)| *before == (now.epoch, now.runs.clone())) {
            return;
        }
    }
    panic!("they never settle: {members:#?}")
}

fn describe(world: &mut World) -> Result<StreamsDescription, Refusal> {
    let groups = vec![text(GROUP)];
    let request = StreamsDescribeRequest { groups, authorized_operations: false, topology_description: false };
    match ask(world, GroupAsk::DescribeStreams(request)) {
        GroupAnswer::DescribeStreams(mut response) => {
            response.groups.remove(0).result.map_err(|refused| refused.refusal)
        }
        other => panic!("not a description: {other:?}"),
    }
}

fn counts(members: &[Member]) -> Vec<usize> {
    let mut counts: Vec<usize> = members.iter().map(|member| member.runs.len()).collect();
    counts.sort_unstable();
    counts
}

#[test]
fn an_application_waits_for_its_topics_and_gets_its_own() {
    let mut world = world(Durable::default(), &[]);
    let mut member = Member::new("a");
    member.beat(&mut world).expect("it joins");
    // As in Kafka, a new group waits for company first; its members are at epoch 1 meanwhile.
    assert_eq!((member.epoch, member.runs.len()), (1, 0));
    let expected = [StreamsStatusKind::AssignmentDelayed, StreamsStatusKind::MissingSourceTopics];
    assert_eq!(member.statuses, expected);
    assert_eq!(describe(&mut world).expect("it is there").state, StreamsState::NotReady);
    world.pass(3_000);
    member.beat(&mut world).expect("a member");
    assert_eq!((member.epoch, &member.statuses[..]), (2, &[StreamsStatusKind::MissingSourceTopics][..]));
    create(&mut world, "lines", 3);
    world.pass(2_000);
    let beat = member.beat(&mut world).expect("a member");
    assert_eq!(member.statuses, [StreamsStatusKind::MissingInternalTopics]);
    assert!(beat.statuses[0].detail.contains("app-counts-changelog, app-words-repartition"));
    // It created them in the same step.
    assert_eq!(world.overrides("app-counts-changelog"), [("cleanup.policy".to_owned(), "compact".to_owned())]);
    settle(&mut world, std::slice::from_mut(&mut member));
    assert_eq!(member.runs.len(), 6);
    let found = describe(&mut world).expect("it is there");
    assert_eq!((found.state, &*found.assignor, found.members.len()), (StreamsState::Stable, "sticky", 1));
    let parts = found.topology.expect("it was given").subtopologies;
    assert_eq!((parts[1].repartition_sources[0].partitions, parts[1].changelogs[0].partitions), (3, 3));
    // What changes nothing writes nothing.
    world.pass(200);
    let segments = world.durable.segments.clone();
    member.beat(&mut world).expect("a member");
    assert!(world.durable.segments == segments, "a heartbeat wrote something");
}

#[test]
fn tasks_move_one_by_one_and_a_group_carries_on_in_the_next_life() {
    let mut world = world(Durable::default(), &AT_ONCE);
    let lines = create(&mut world, "lines", 4);
    let mut members = [Member::new("x"), Member::new("y")];
    settle(&mut world, &mut members);
    assert_eq!(counts(&members), [4, 4]);
    // One has joined and is assigned what the others are giving back, when the broker goes.
    let mut third = Member::new("z");
    third.beat(&mut world).expect("it joins");
    members[0].beat(&mut world).expect("a member");
    let mut next = self::world(world.durable.clone(), &AT_ONCE);
    let mut all = [members[0].clone(), members[1].clone(), third];
    settle(&mut next, &mut all);
    assert_eq!(counts(&all), [2, 3, 3]);
    let (runner, epoch) = (all.iter().find(|one| one.runs.contains(&(text("0"), 0))).expect("somebody"), all[0].epoch);
    let runner = Arc::clone(&runner.id);
    let commit = |world: &mut World, member: &str, generation| {
        let offset = GroupOffset { offset: 5, leader_epoch: 0, metadata: text("") };
        let caller =
            GroupCaller { group_id: text(GROUP), generation, member_id: text(member), group_instance_id: None };
        let topics = vec![(lines, vec![(0, offset)])];
        match ask(world, GroupAsk::Commit(CommitOffsets { knows_epochs: true, caller, retention_ms: None, topics })) {
            GroupAnswer::Commit(result) => result.map(drop),
            other => panic!("not a commit: {other:?}"),
        }
    };
    assert_eq!(commit(&mut next, &runner, epoch), Ok(()));
    assert_eq!(commit(&mut next, &runner, epoch + 1), Err(Refusal::StaleMemberEpoch));
    assert_eq!(commit(&mut next, "nobody", epoch), Err(Refusal::UnknownMemberId));
    assert_eq!(commit(&mut next, "", -1), Err(Refusal::UnknownMemberId));
    // The group's epoch rises, and the task stays: who runs it may still speak of it under the epoch that it was given at.
    all[2].leave(&mut next, -1).expect("a member");
    let mut rest = [all[0].clone(), all[1].clone()];
    settle(&mut next, &mut rest);
    let stays = rest.iter().find(|one| one.id == runner).map(|one| one.epoch);
    if let Some(now) = stays {
        assert!(now > epoch);
        assert_eq!(commit(&mut next, &runner, epoch), Ok(()));
        assert_eq!(commit(&mut next, &runner, 0), Err(Refusal::StaleMemberEpoch));
    }
    let fetch = |world: &mut World, member: Option<(Arc<str>, i32)>| {
        let groups = vec![FetchGroupOffsets { group_id: text(GROUP), member, topics: None }];
        match ask(world, GroupAsk::Fetch(FetchOffsets { groups, require_stable: true })) {
            GroupAnswer::Fetch(mut groups) => groups.remove(0).map(|topics| topics.len()),
            other => panic!("not a fetch: {other:?}"),
        }
    };
    assert_eq!(fetch(&mut next, None), Ok(1));
    assert_eq!(fetch(&mut next, Some((text("x"), rest[0].epoch))), Ok(1));
    assert_eq!(fetch(&mut next, Some((text("x"), 1))), Err(Refusal::StaleMemberEpoch));
    let forget = ForgetOffsets { group_id: text(GROUP), topics: vec![(lines, vec![0])] };
    let GroupAnswer::Forget(Ok(forgotten)) = ask(&mut next, GroupAsk::Forget(forget)) else { panic!() };
    assert_eq!(forgotten[0].partitions[0].1, Err(Refusal::GroupSubscribedToTopic));
    // One falls silent: whoever is left has everything.
    for _ in 0..5 {
        next.pass(10_000);
        rest[1].beat(&mut next).expect("a member");
    }
    assert_eq!(rest[0].beat(&mut next).map(drop), Err(Refusal::UnknownMemberId));
    settle(&mut next, &mut rest[1..]);
    assert_eq!(rest[1].runs.len(), 8);
}

#[test]
fn one_who_does_not_give_back_is_out() {
    let mut world = world(Durable::default(), &AT_ONCE);
    create(&mut world, "lines", 1);
    let mut members = [Member::new("x")];
    settle(&mut world, &mut members);
    let mut second = Member::new("y");
    second.beat(&mut world).expect("it joins");
    let [first] = &mut members;
    for _ in 0..8 {
        world.pass(5_000);
        let silent = StreamsHeartbeatRequest { active: None, standby: None, warmup: None, ..first.request() };
        let _ = send(&mut world, silent);
        second.beat(&mut world).expect("a member");
    }
    assert_eq!(first.beat(&mut world).map(drop), Err(Refusal::UnknownMemberId));
    assert_eq!(second.runs.len(), 2);
}

#[test]
fn states_have_replicas_where_the_group_asks_for_them() {
    let mut world = world(Durable::default(), &AT_ONCE);
    create(&mut world, "lines", 4);
    let mut members = [Member::new("x"), Member::new("y"), Member::new("z")];
    settle(&mut world, &mut members);
    assert!(members.iter().all(|member| member.keeps.is_empty()));
    let change = |name: &str, value: &str| ConfigChange {
        name: text(name),
        operation: ConfigOperation::Set,
        value: Some(text(value)),
    };
    let changes = vec![change("streams.num.standby.replicas", "1"), change("streams.heartbeat.interval.ms", "7000")];
    let resource = AlterResource { kind: GROUP_RESOURCE, name: text(GROUP), changes };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false, whole: false };
    let Some(Answer::AlterConfigs(_)) = world.ask(Ask::AlterConfigs(request)) else { panic!() };
    settle(&mut world, &mut members);
    let kept: Vec<_> = members.iter().flat_map(|member| member.keeps.iter().cloned()).collect();
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert!(kept.iter().all(|(part, _)| **part == *"1"), "only states have replicas");
    assert!(members.iter().all(|member| member.keeps.is_disjoint(&member.runs)));
    assert_eq!(members[0].beat(&mut world).expect("a member").interval_ms, 7_000);
    // Whoever has the state takes the task over.
    let gone = members[0].clone();
    gone.leave(&mut world, -1).expect("a member");
    let before: Vec<_> = members[1..].to_vec();
    settle(&mut world, &mut members[1..]);
    for (before, now) in before.iter().zip(&members[1..]) {
        let mut taken = now.runs.difference(&before.runs).filter(|(part, _)| **part == *"1");
        assert!(taken.all(|task| before.keeps.contains(task)), "it had no state");
    }
}

#[test]
fn members_are_fenced_by_their_epochs_and_names() {
    let settings = [AT_ONCE[0], AT_ONCE[1], ("group.streams.max.size", "2")];
    let mut world = world(Durable::default(), &settings);
    create(&mut world, "lines", 2);
    let mut member = Member::new("x");
    let fail = |world: &mut World, request| send(world, request).map(drop).expect_err("it is refused");
    let absent = StreamsHeartbeatRequest { member_epoch: 3, topology: None, ..member.request() };
    assert_eq!(fail(&mut world, absent), Refusal::GroupIdNotFound);
    settle(&mut world, std::slice::from_mut(&mut member));
    // Its answer was lost: it joins again, and is told all.
    let mut again = Member { epoch: 0, ..Member::new("x") };
    again.beat(&mut world).expect("it joins");
    assert_eq!(again.runs, member.runs);
    let with = |member: &Member, epoch| Member { epoch, ..member.clone() }.request();
    assert_eq!(fail(&mut world, with(&member, 9)), Refusal::FencedMemberEpoch);
    assert_eq!(fail(&mut world, with(&Member::new("y"), 1)), Refusal::UnknownMemberId);
    let other = |topology| Member { topology, ..Member::new("y") }.request();
    let mut changed = topology();
    changed.subtopologies.remove(0);
    assert_eq!(fail(&mut world, other(changed)), Refusal::InvalidRequest, "topologies do not change yet");
    let joining = Member::new("y").request();
    assert_eq!(
        fail(&mut world, StreamsHeartbeatRequest { topology: None, ..joining.clone() }),
        Refusal::InvalidRequest
    );
    assert_eq!(fail(&mut world, StreamsHeartbeatRequest { active: None, ..joining }), Refusal::InvalidRequest);
    let strange = StreamsHeartbeatRequest { active: Some(vec![(text("0"), vec![2])]), ..with(&member, member.epoch) };
    let strange = StreamsHeartbeatRequest { standby: Some(vec![]), warmup: Some(vec![]), ..strange };
    assert_eq!(fail(&mut world, strange), Refusal::InvalidRequest);
    // A static member comes back under another id, once it has left.
    let mut named = Member { instance: Some(text("i")), ..Member::new("n1") };
    named.beat(&mut world).expect("it joins");
    assert_eq!(fail(&mut world, Member::new("z").request()), Refusal::GroupMaxSizeReached);
    let mut heir = Member { id: text("n2"), ..Member::new("n1") };
    heir.instance = Some(text("i"));
    assert_eq!(heir.beat(&mut world).map(drop), Err(Refusal::UnreleasedInstanceId));
    let mut both = [member, named];
    settle(&mut world, &mut both);
    let epoch = describe(&mut world).expect("it is there").epoch;
    both[1].leave(&mut world, -2).expect("a member");
    heir.beat(&mut world).expect("the name is free");
    assert_eq!((heir.runs.len(), &heir.runs), (2, &both[1].runs));
    assert_eq!(describe(&mut world).expect("it is there").epoch, epoch, "nothing moves for it");
    assert_eq!(both[1].beat(&mut world).map(drop), Err(Refusal::FencedInstanceId));
}

#[test]
fn members_hear_of_endpoints_and_of_the_end() {
    let mut world = world(Durable::default(), &AT_ONCE);
    create(&mut world, "lines", 2);
    let endpoint = |port| Some(StreamsEndpoint { host: text("localhost"), port });
    let topology = Topology { epoch: 5, ..topology() };
    let member = |id: &str, port| Member { endpoint: endpoint(port), topology: topology.clone(), ..Member::new(id) };
    let mut members = [member("x", 1), member("y", 2)];
    settle(&mut world, &mut members);
    let again = StreamsHeartbeatRequest { endpoint_epoch: -1, ..members[0].request() };
    let told = send(&mut world, again).expect("a member").endpoints.expect("it knows nothing");
    let ports: Vec<u16> = told.iter().map(|one| one.endpoint.port).collect();
    assert_eq!(ports, [2, 1]);
    let partitions: usize = told.iter().flat_map(|one| &one.active).map(|(_, partitions)| partitions.len()).sum();
    assert_eq!(partitions, 4, "two topics of two partitions are read");
    assert_eq!(members[0].beat(&mut world).expect("a member").endpoints, None, "it knows");
    let end = StreamsHeartbeatRequest { shutdown: true, ..members[0].request() };
    send(&mut world, end).expect("a member");
    members[1].beat(&mut world).expect("a member");
    assert_eq!(members[1].statuses, [StreamsStatusKind::ShutdownApplication]);
    let mut old = Member { topology: Topology { epoch: 4, ..topology }, ..Member::new("z") };
    old.beat(&mut world).expect("it joins, and hears that it is old");
    assert_eq!(old.statuses, [StreamsStatusKind::StaleTopology, StreamsStatusKind::ShutdownApplication]);
}

#[test]
fn operators_see_streams_groups_by_their_own_name() {
    let mut world = world(Durable::default(), &AT_ONCE);
    create(&mut world, "lines", 2);
    let mut members = [Member::new("x")];
    settle(&mut world, &mut members);
    let list = |world: &mut World, states: &[&str], types: &[&str]| {
        let words = |words: &[&str]| words.iter().map(|word| text(word)).collect();
        match ask(world, GroupAsk::List(ListGroupsRequest { states: words(states), types: words(types) })) {
            GroupAnswer::List(response) => {
                let rows = response.result.expect("no error").into_iter();
                rows.map(|group| (group.state, group.group_type, group.protocol_type.to_string())).collect::<Vec<_>>()
            }
            other => panic!("not a list: {other:?}"),
        }
    };
    assert_eq!(list(&mut world, &[], &[]), [("Stable", "streams", "streams".to_owned())]);
    assert_eq!(list(&mut world, &["stable"], &["Streams"]).len(), 1);
    assert_eq!(list(&mut world, &["NotReady"], &[]).len() + list(&mut world, &[], &["consumer"]).len(), 0);
    let request = DescribeGroupsRequest { groups: vec![text(GROUP)], authorized_operations: false };
    let GroupAnswer::Describe(described) = ask(&mut world, GroupAsk::Describe(request)) else { panic!() };
    assert_eq!(described.groups[0].result.as_ref().expect_err("it is none").refusal, Refusal::GroupIdNotFound);
    let request = ConsumerDescribeRequest { groups: vec![text(GROUP)], authorized_operations: false };
    let GroupAnswer::DescribeConsumers(found) = ask(&mut world, GroupAsk::DescribeConsumers(request)) else { panic!() };
    assert_eq!(found.groups[0].result.as_ref().expect_err("it is none").refusal, Refusal::GroupIdNotFound);
    let delete =
        |world: &mut World| match ask(world, GroupAsk::Delete(DeleteGroupsRequest { groups: vec![text(GROUP)] })) {
            GroupAnswer::Delete(mut response) => response.groups.remove(0).result.map_err(|refused| refused.refusal),
            other => panic!("not a deletion: {other:?}"),
        };
    assert_eq!(delete(&mut world), Err(Refusal::NonEmptyGroup));
    members[0].leave(&mut world, -1).expect("a member");
    assert_eq!(list(&mut world, &[], &[]), [("Empty", "streams", "streams".to_owned())]);
    // It comes back to what it knew; then it goes for good.
    let mut back = Member::new("x");
    settle(&mut world, std::slice::from_mut(&mut back));
    back.leave(&mut world, -1).expect("a member");
    assert_eq!(describe(&mut world).expect("it is there").state, StreamsState::Empty);
    assert_eq!(delete(&mut world), Ok(()));
    assert_eq!(describe(&mut world).expect_err("it is gone"), Refusal::GroupIdNotFound);
}

/// A share group's member beats under the name that all groups here have.
fn share(world: &mut World, epoch: i32) -> Result<ConsumerBeat, Refusal> {
    let request = ShareHeartbeatRequest {
        group_id: text(GROUP),
        member_id: text("sharer"),
        member_epoch: epoch,
        rack_id: None,
        topics: (epoch == 0).then(|| vec![text("lines")]),
    };
    let client = GroupClient { id: text("app"), host: text("/127.0.0.1") };
    match ask(world, GroupAsk::Share(ShareAsk::Beat { request: Box::new(request), client })) {
        GroupAnswer::Share(ShareAnswer::Beat(response)) => response.result.map_err(|refused| refused.refusal),
        other => panic!("not a heartbeat: {other:?}"),
    }
}

#[test]
fn a_name_is_one_kinds_of_group_whether_somebody_is_in_it_or_not() {
    let mut streams_first = world(Durable::default(), &AT_ONCE);
    create(&mut streams_first, "lines", 2);
    let mut streamer = Member::new("x");
    streamer.beat(&mut streams_first).expect("it joins");
    assert_eq!(share(&mut streams_first, 0).expect_err("a streams group"), Refusal::GroupIdNotFound);
    streamer.leave(&mut streams_first, -1).expect("a member");
    assert_eq!(share(&mut streams_first, 0).expect_err("still one"), Refusal::GroupIdNotFound);

    let mut share_first = world(Durable::default(), &AT_ONCE);
    create(&mut share_first, "lines", 2);
    share(&mut share_first, 0).expect("it joins");
    assert_eq!(Member::new("x").beat(&mut share_first).expect_err("a share group"), Refusal::GroupIdNotFound);
    share(&mut share_first, -1).expect("a member");
    assert_eq!(Member::new("x").beat(&mut share_first).expect_err("still one"), Refusal::GroupIdNotFound);
}
