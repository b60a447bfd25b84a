//! A front and a coordinator that is played by the test.

use std::collections::BTreeMap;

use super::*;
use crate::api::{
    Broker, GroupCaller, GroupOffset, HeartbeatRequest, HeartbeatResponse, OffsetCommitRequest, OffsetCommitTopic,
    OffsetFetchGroup, OffsetFetchRequest, OffsetFetchTopic, Request, TopicRef,
};
use crate::catalog::{CatalogChange, CatalogUpdate, Topic};
use crate::config::{Config, Host, TopicConfig, parse};
use crate::front::FrontSettings;
use crate::group_message::{OffsetsCommitted, OffsetsFetched};
use crate::ids::{BrokerId, Lsn, PartitionId, TopicId, Uuid};
use crate::message::Answer;
use crate::time::{Instant, Rng, WallTime};
use crate::turn::{Counters, Effect};

const ID: TopicId = Uuid([7; 16]);
const GONE: TopicId = Uuid([9; 16]);

struct World {
    front: Front,
    rng: Rng,
    count: Counters,
}

impl World {
    /// One topic, `t`, of two partitions.
    fn new() -> World {
        let broker = |port| Broker { id: BrokerId(1), host: "me".into(), port, rack: None };
        let (properties, _) = parse("");
        let host = Host { name: "me".to_owned(), cpus: 1 };
        let config = Arc::new(Config::load(&properties, &host).expect("the defaults are sound"));
        let topic = Topic {
            id: ID,
            name: "t".into(),
            partitions: vec![PartitionId(1), PartitionId(2)],
            replication_factor: 1,
            overrides: BTreeMap::new(),
            config: TopicConfig::resolve(&BTreeMap::new(), &config).expect("the defaults are sound"),
        };
        let settings = FrontSettings {
            core: CoreId(1),
            cores: 2,
            broker: BrokerId(1),
            config,
            advertised: vec![broker(9092), broker(9093)],
            inflight_bytes_max: 1 << 20,
            hot_bytes_max: 1 << 20,
            warm: false,
        };
        let mut world = World { front: Front::new(settings), rng: Rng::new(1), count: Counters::default() };
        let update = CatalogUpdate { lsn: Lsn(1), changes: vec![CatalogChange::Set(Arc::new(topic))] };
        world.step(|front, turn| front.catalog(&update, turn));
        world
    }

    fn step(&mut self, act: impl FnOnce(&mut Front, &mut Turn<'_>)) -> Vec<(Ticket, GroupAsk)> {
        let mut effects = Vec::new();
        let mut turn = Turn {
            now: Instant::default(),
            wall: WallTime(0),
            rng: &mut self.rng,
            count: &mut self.count,
            effects: &mut effects,
        };
        act(&mut self.front, &mut turn);
        self.front.check();
        let asks = effects.into_iter().filter_map(|effect| match effect {
            Effect::Send {
                core: CoreId(0),
                message: Message::Ask { core: CoreId(1), ticket, ask: Ask::Group(ask) },
            } => Some((ticket, *ask)),
            _ => None,
        });
        asks.collect()
    }

    fn request(&mut self, connection: u64, request: Request) -> Option<(Ticket, GroupAsk)> {
        let id = RequestId { connection: ConnectionId(connection), slot: 0 };
        let context = Arc::new(Context {
            principal: "User:ANONYMOUS".into(),
            listener: 1,
            client_id: "me".into(),
            host: "/127.0.0.1".into(),
            zone: None,
            software: None,
        });
        self.step(|front, turn| front.request(id, &context, request, true, turn)).pop()
    }

    fn answer(&mut self, ticket: Ticket, answer: GroupAnswer) -> Option<Response> {
        self.step(|front, turn| front.answered(ticket, Answer::Group(Box::new(answer)), turn));
        self.answered()
    }

    fn answered(&mut self) -> Option<Response> {
        self.front.answers.pop().map(|(_, response)| response)
    }
}

fn caller() -> GroupCaller {
    GroupCaller { group_id: "g".into(), generation: 1, member_id: "m".into(), group_instance_id: None }
}

fn join() -> Request {
    Request::JoinGroup(JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: "m".into(),
        group_instance_id: None,
        protocol_type: "consumer".into(),
        protocols: Vec::new(),
        reason: None,
        member_id_required: true,
        skip_assignment: true,
    })
}

fn sync(protocol_type: Option<&str>) -> Request {
    Request::SyncGroup(SyncGroupRequest {
        caller: caller(),
        protocol_required: true,
        protocol_type: protocol_type.map(Arc::from),
        protocol_name: Some("range".into()),
        assignments: Vec::new(),
    })
}

fn find(kind: CoordinatorKind) -> Request {
    Request::FindCoordinator(FindCoordinatorRequest { kind, keys: vec!["g".into(), "h".into()] })
}

fn position(offset: i64) -> GroupOffset {
    GroupOffset { offset, leader_epoch: 0, metadata: "note".into() }
}

#[test]
fn the_coordinator_is_this_broker_as_its_listener_is_advertised() {
    let mut world = World::new();
    assert!(world.request(1, find(CoordinatorKind::Group)).is_none(), "nobody is asked");
    let Some(Response::FindCoordinator(found)) = world.answered() else { panic!("no answer") };
    let ports: Vec<_> =
        found.coordinators.iter().map(|found| found.result.as_ref().map(|broker| broker.port)).collect();
    assert_eq!(ports, [Ok(9093), Ok(9093)]);
    for kind in [CoordinatorKind::Transaction, CoordinatorKind::Share, CoordinatorKind::Unknown(7)] {
        world.request(1, find(kind));
        let Some(Response::FindCoordinator(found)) = world.answered() else { panic!("no answer") };
        let refused =
            |found: &FoundCoordinator| found.result.as_ref().is_err_and(|it| it.refusal == Refusal::InvalidRequest);
        assert!(found.coordinators.iter().all(refused));
    }
}

#[test]
fn a_share_partition_has_a_key_of_three_parts() {
    let mut world = World::new();
    let id = ID.base64();
    let sound = [format!("g:{id}:0"), format!("a:b:{id}:17")];
    let wrong = [format!("g:{id}"), format!("g:{id}:-1"), format!(":{id}:0"), "g:t:0".to_owned(), format!("g:{id}:x")];
    let keys = sound.iter().chain(&wrong).map(|key| Arc::from(&**key)).collect();
    world.request(1, Request::FindCoordinator(FindCoordinatorRequest { kind: CoordinatorKind::Share, keys }));
    let Some(Response::FindCoordinator(found)) = world.answered() else { panic!("no answer") };
    let found: Vec<bool> = found.coordinators.iter().map(|found| found.result.is_ok()).collect();
    assert_eq!(found, [true, true, false, false, false, false, false]);
}

#[test]
fn a_join_waits_and_its_answer_is_dropped_where_the_connection_is_gone() {
    let mut world = World::new();
    let (first, ask) = world.request(1, join()).expect("asked");
    assert!(matches!(ask, GroupAsk::Join { client, .. } if &*client.host == "/127.0.0.1" && &*client.id == "me"));
    let (second, _) = world.request(2, join()).expect("asked");
    assert!(!world.front.idle() && world.front.admits(), "it holds no bytes");
    world.step(|front, turn| front.closed(ConnectionId(1), turn));
    let refused =
        || GroupAnswer::Join(JoinGroupResponse { member_id: "m".into(), result: Err(Refusal::MemberIdRequired) });
    assert!(world.answer(first, refused()).is_none());
    assert!(matches!(world.answer(second, refused()), Some(Response::JoinGroup(_))));
    assert!(world.front.idle());
}

#[test]
fn a_stop_answers_who_waits_for_others() {
    let mut world = World::new();
    let (joined, _) = world.request(1, join()).expect("asked");
    world.request(2, sync(Some("consumer"))).expect("asked");
    let (heartbeat, _) = world.request(3, Request::Heartbeat(HeartbeatRequest { caller: caller() })).expect("asked");
    world.step(|front, turn| front.hurry(turn));
    let answers: Vec<_> = std::mem::take(&mut world.front.answers);
    assert!(matches!(&answers[0].1, Response::JoinGroup(answer)
        if &*answer.member_id == "m" && answer.result.as_ref().is_err_and(|refusal| *refusal == Refusal::NotCoordinator)));
    assert!(matches!(&answers[1].1, Response::SyncGroup(answer) if answer.result.is_err()));
    assert!(answers.len() == 2 && !world.front.idle(), "a heartbeat is answered soon");
    let lives = GroupAnswer::Heartbeat(HeartbeatResponse { result: Ok(()) });
    assert!(matches!(world.answer(heartbeat, lives), Some(Response::Heartbeat(_))));
    assert!(world.front.idle());
    let late = GroupAnswer::Join(JoinGroupResponse { member_id: "m".into(), result: Err(Refusal::UnknownMemberId) });
    assert!(world.answer(joined, late).is_none());
}

#[test]
fn a_sync_that_must_name_its_protocol_does() {
    let mut world = World::new();
    assert!(world.request(1, sync(None)).is_none());
    let Some(Response::SyncGroup(answer)) = world.answered() else { panic!("no answer") };
    assert!(matches!(answer.result, Err(Refusal::InconsistentGroupProtocol)));
}

fn commit(topics: Vec<(TopicRef, Vec<i32>)>) -> Request {
    let topic = |(topic, partitions): (TopicRef, Vec<i32>)| OffsetCommitTopic {
        topic,
        partitions: partitions.into_iter().map(|index| (index, position(5))).collect(),
    };
    let topics = topics.into_iter().map(topic).collect();
    Request::OffsetCommit(OffsetCommitRequest { caller: caller(), knows_epochs: true, retention_ms: None, topics })
}

#[test]
fn commits_of_what_is_unknown_are_refused_here_and_the_others_keep_their_places() {
    let mut world = World::new();
    let (named, gone) = (TopicRef::Name("t".into()), TopicRef::Id(GONE));
    let topics = vec![(gone.clone(), vec![0]), (named, vec![2, 1, 0]), (TopicRef::Name("u".into()), vec![0])];
    let (ticket, ask) = world.request(1, commit(topics.clone())).expect("asked");
    let GroupAsk::Commit(asked) = ask else { panic!("{ask:?}") };
    assert_eq!(asked.topics, [(ID, vec![(1, position(5)), (0, position(5))])]);
    let told =
        vec![OffsetsCommitted { topic: ID, partitions: vec![(1, Ok(())), (0, Err(Refusal::OffsetMetadataTooLarge))] }];
    let results = |response: Option<Response>| {
        let Some(Response::OffsetCommit(response)) = response else { panic!("no answer") };
        response.topics.into_iter().flat_map(|topic| topic.partitions).collect::<Vec<_>>()
    };
    let unknown = (0, Err(Refusal::UnknownTopicOrPartition));
    let refused = [
        (0, Err(Refusal::UnknownTopicId)),
        (2, Err(Refusal::UnknownTopicOrPartition)),
        (1, Ok(())),
        (0, Err(Refusal::OffsetMetadataTooLarge)),
        unknown,
    ];
    assert_eq!(results(world.answer(ticket, GroupAnswer::Commit(Ok(told)))), refused);

    let (ticket, _) = world.request(1, commit(topics)).expect("asked");
    let mut fenced = refused;
    (fenced[2], fenced[3]) = ((1, Err(Refusal::IllegalGeneration)), (0, Err(Refusal::IllegalGeneration)));
    assert_eq!(results(world.answer(ticket, GroupAnswer::Commit(Err(Refusal::IllegalGeneration)))), fenced);

    assert!(world.request(1, commit(vec![(gone, vec![0])])).is_none(), "there is nothing to ask");
    assert_eq!(results(world.answered()), refused[..1]);
}

#[test]
fn positions_come_back_under_the_names_of_the_request() {
    let mut world = World::new();
    let wanted = |topics: Option<Vec<(TopicRef, Vec<i32>)>>| OffsetFetchGroup {
        group_id: "g".into(),
        member: None,
        topics: topics.map(|topics| {
            topics.into_iter().map(|(topic, partitions)| OffsetFetchTopic { topic, partitions }).collect()
        }),
    };
    let told = || {
        Ok(vec![OffsetsFetched {
            topic: ID,
            name: "t".into(),
            partitions: vec![(1, Ok(Some(position(8)))), (5, Ok(None))],
        }])
    };
    for by_id in [false, true] {
        let topic = if by_id { TopicRef::Id(ID) } else { TopicRef::Name("t".into()) };
        let gone = if by_id { TopicRef::Id(GONE) } else { TopicRef::Name("u".into()) };
        let some = || wanted(Some(vec![(gone.clone(), vec![0]), (topic.clone(), vec![1, 5])]));
        let groups = vec![some(), wanted(None), some()];
        let request = OffsetFetchRequest { groups, require_stable: true, by_id };
        let (ticket, ask) = world.request(1, Request::OffsetFetch(request)).expect("asked");
        let GroupAsk::Fetch(asked) = ask else { panic!("{ask:?}") };
        assert!(asked.require_stable);
        assert_eq!(asked.groups[0].topics, Some(vec![(ID, vec![1, 5])]));
        assert_eq!(asked.groups[1].topics, None);
        let answer = GroupAnswer::Fetch(vec![told(), told(), Err(Refusal::GroupIdNotFound)]);
        let Some(Response::OffsetFetch(answer)) = world.answer(ticket, answer) else { panic!("no answer") };
        let nothing = if by_id { Err(Refusal::UnknownTopicId) } else { Ok(None) };
        let [named, all, refused] = &answer.groups[..] else { panic!("{answer:?}") };
        assert_eq!(named.topics[0].partitions, [(0, nothing)]);
        for topics in [&named.topics[1..], &all.topics] {
            assert_eq!(topics[0].topic, topic);
            assert_eq!(topics[0].partitions, [(1, Ok(Some(position(8)))), (5, Ok(None))]);
        }
        assert!(refused.refusal == Some(Refusal::GroupIdNotFound) && all.refusal.is_none());
        let results = refused.topics.iter().flat_map(|topic| &topic.partitions);
        assert!(results.into_iter().all(|(_, result)| *result == Err(Refusal::GroupIdNotFound)));
    }
}

fn share_fetch() -> Request {
    let caller = crate::api::ShareCaller {
        group_id: "g".into(),
        member_id: "m".into(),
        session_epoch: 0,
        renews: false,
        knows_renewal: true,
    };
    Request::Share(crate::api::ShareRequest::Fetch(crate::api::ShareFetchRequest {
        caller,
        wait_ms_max: 500,
        bytes_min: 1,
        bytes_max: 1 << 20,
        records_max: 10,
        topics: Vec::new(),
        forgotten: Vec::new(),
    }))
}

#[test]
fn records_whose_bytes_moved_are_given_back_and_a_connection_that_goes_is_told_of() {
    use crate::api::{Acquired, ShareResponse};
    use crate::extent::{Extent, Home};
    use crate::share_message::{Granted, GrantedPartition, ShareAnswer, ShareAsk};
    let mut world = World::new();
    let (ticket, ask) = world.request(1, share_fetch()).expect("asked");
    assert!(matches!(ask, GroupAsk::Share(ShareAsk::Fetch { connection: ConnectionId(1), .. })));
    let extent = Extent {
        start: 0,
        end: 3,
        home: Home::Journal(Lsn(9)),
        position: 0,
        bytes: 100,
        timestamp_max: -1,
        transactional: false,
        control: false,
    };
    let partition = GrantedPartition {
        topic: ID,
        index: 0,
        partition: PartitionId(1),
        refused: None,
        unacknowledged: None,
        acquired: vec![Acquired { first: 0, last: 2, deliveries: 1 }],
        extents: vec![extent],
    };
    let granted = Granted { group_id: "g".into(), member_id: "m".into(), lock_ms: 30_000, partitions: vec![partition] };
    let answer = GroupAnswer::Share(ShareAnswer::Fetch(Ok(granted)));
    let asks = world.step(|front, turn| front.answered(ticket, Answer::Group(Box::new(answer)), turn));
    let [(_, GroupAsk::Share(ShareAsk::Unread(unread)))] = &asks[..] else { panic!("{asks:?}") };
    assert_eq!((unread.partitions[0].0, unread.partitions[0].1.len()), (PartitionId(1), 1));
    let Some(Response::Share(ShareResponse::Fetch(response))) = world.answered() else { panic!("no answer") };
    let told = &response.topics[0].partitions[0];
    assert!(told.acquired.is_empty() && told.records.is_empty() && told.refused.is_none());
    // One who waits while the broker stops is told so; one whose connection goes takes its session with it.
    world.request(1, share_fetch()).expect("asked");
    world.step(|front, turn| front.hurry(turn));
    assert!(
        matches!(world.answered(), Some(Response::Share(ShareResponse::Fetch(response))) if response.topics.is_empty())
    );
    let asks = world.step(|front, turn| front.closed(ConnectionId(1), turn));
    assert!(matches!(&asks[..], [(_, GroupAsk::Share(ShareAsk::Closed(ConnectionId(1))))]));
    assert!(world.front.idle());
}
