//! Share groups in a whole coordinator: who is given which records, what is done with stays so, whatever crashes.

#[allow(dead_code, reason = "one world for several tests, each of which uses a part of it")]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_coordinator::machine::CoordinatorEvent;
use apus_core::api::*;
use apus_core::config::{ConfigChange, ConfigOperation};
use apus_core::error::Refusal;
use apus_core::group_message::{GroupAnswer, GroupAsk};
use apus_core::ids::{ConnectionId, CoreId, PartitionId, Ticket, TopicId};
use apus_core::message::{Answer, Ask, Message};
use apus_core::share_message::{Granted, ShareAnswer, ShareAsk, Unread};
use world::{Durable, World, config, node};

const GROUP: &str = "g";

fn text(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn world(durable: Durable) -> World {
    let mut config = config();
    config.node = node(&[]);
    let mut world = World::with(durable, config);
    world.boot();
    world
}

/// A topic of so many partitions, and the group set to begin at its start.
fn shared(partitions: i32) -> (World, TopicId) {
    let mut world = world(Durable::default());
    let topic = match world.create("t", partitions, &[]) {
        Some(Answer::CreateTopics(response)) => response.topics[0].result.as_ref().expect("new").id,
        other => panic!("not a creation: {other:?}"),
    };
    set(&mut world, "share.auto.offset.reset", "earliest");
    (world, topic)
}

fn set(world: &mut World, name: &str, value: &str) {
    let change = ConfigChange { name: name.into(), operation: ConfigOperation::Set, value: Some(value.into()) };
    let resource = AlterResource { kind: GROUP_RESOURCE, name: text(GROUP), changes: vec![change] };
    let request = AlterConfigsRequest { resources: vec![resource], validate_only: false, whole: false };
    let Some(Answer::AlterConfigs(response)) = world.ask(Ask::AlterConfigs(request)) else { panic!("no answer") };
    response.resources[0].result.as_ref().expect("it is set");
}

fn try_ask(world: &mut World, ask: ShareAsk) -> Option<ShareAnswer> {
    match world.ask(Ask::Group(Box::new(GroupAsk::Share(ask))))? {
        Answer::Group(answer) => match *answer {
            GroupAnswer::Share(answer) => Some(answer),
            other => panic!("not of share groups: {other:?}"),
        },
        other => panic!("not of groups: {other:?}"),
    }
}

fn ask(world: &mut World, ask: ShareAsk) -> ShareAnswer {
    try_ask(world, ask).expect("it is answered")
}

fn beat(world: &mut World, member: &str, epoch: i32, topics: Option<&[&str]>) -> Result<ConsumerBeat, Refusal> {
    let request = ShareHeartbeatRequest {
        group_id: text(GROUP),
        member_id: text(member),
        member_epoch: epoch,
        rack_id: None,
        topics: topics.map(|topics| topics.iter().map(|topic| text(topic)).collect()),
    };
    let client = GroupClient { id: text("app"), host: text("/127.0.0.1") };
    match ask(world, ShareAsk::Beat { request: Box::new(request), client }) {
        ShareAnswer::Beat(response) => response.result.map_err(|refused| refused.refusal),
        other => panic!("not a heartbeat: {other:?}"),
    }
}

fn caller(member: &str, epoch: i32) -> ShareCaller {
    ShareCaller {
        group_id: text(GROUP),
        member_id: text(member),
        session_epoch: epoch,
        renews: false,
        knows_renewal: true,
    }
}

fn fetch_request(topic: TopicId, member: &str, epoch: i32, records: i32) -> ShareFetchRequest {
    let partitions = if epoch == 0 { vec![(0, Vec::new())] } else { Vec::new() };
    ShareFetchRequest {
        caller: caller(member, epoch),
        wait_ms_max: 500,
        bytes_min: 1,
        bytes_max: 1 << 20,
        records_max: records,
        topics: if epoch == 0 { vec![ShareTopic { topic, partitions }] } else { Vec::new() },
        forgotten: Vec::new(),
    }
}

/// A member's connection is its name.
fn connection(member: &str) -> ConnectionId {
    ConnectionId(u64::from(member.as_bytes()[0]))
}

fn fetch(world: &mut World, request: ShareFetchRequest) -> Option<Result<Granted, Refusal>> {
    let connection = connection(&request.caller.member_id);
    match try_ask(world, ShareAsk::Fetch { request: Box::new(request), connection })? {
        ShareAnswer::Fetch(result) => Some(result.map_err(|refused| refused.refusal)),
        other => panic!("not a fetch: {other:?}"),
    }
}

/// What a member of the first partition is given: first and last offset, and how often.
fn take(world: &mut World, topic: TopicId, member: &str, epoch: i32, records: i32) -> Vec<(i64, i64, i16)> {
    let granted = fetch(world, fetch_request(topic, member, epoch, records)).expect("there are some").expect("granted");
    records_of(&granted)
}

fn records_of(granted: &Granted) -> Vec<(i64, i64, i16)> {
    let acquired = granted.partitions.iter().flat_map(|one| &one.acquired);
    acquired.map(|one| (one.first, one.last, one.deliveries)).collect()
}

fn acknowledge(world: &mut World, topic: TopicId, member: &str, epoch: i32, batch: (i64, i64, i8)) -> Option<Refusal> {
    let (first, last, word) = batch;
    let batches = vec![ShareBatch { first, last, types: vec![word] }];
    let request = ShareAcknowledgeRequest {
        caller: ShareCaller { renews: word == 4, ..caller(member, epoch) },
        topics: vec![ShareTopic { topic, partitions: vec![(0, batches)] }],
    };
    match ask(world, ShareAsk::Acknowledge(Box::new(request))) {
        ShareAnswer::Acknowledge(ShareAcknowledgeResponse { refused: None, topics, .. }) => {
            topics[0].1[0].1.as_ref().map(|refused| refused.refusal)
        }
        ShareAnswer::Acknowledge(response) => response.refused.map(|refused| refused.refusal),
        other => panic!("not an acknowledgement: {other:?}"),
    }
}

fn produce(world: &mut World, count: usize) {
    for _ in 0..count {
        world.commit(0, 100, None).expect("told").expect("committed");
    }
}

fn offsets(world: &mut World) -> Vec<(i64, i64)> {
    let request = DescribeShareOffsetsRequest { groups: vec![(text(GROUP), None)] };
    let ShareAnswer::DescribeOffsets(response) = ask(world, ShareAsk::DescribeOffsets(request)) else {
        panic!("not offsets")
    };
    let topics = response.groups[0].result.as_ref().expect("a group");
    let partitions = topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|(_, offset)| offset.as_ref().expect("known")).map(|one| (one.start, one.lag)).collect()
}

#[test]
fn members_come_share_and_go() {
    let (mut world, topic) = shared(2);
    assert_eq!(beat(&mut world, "a", 1, None), Err(Refusal::GroupIdNotFound));
    assert_eq!(beat(&mut world, "a", 0, None), Err(Refusal::InvalidRequest));
    let first = beat(&mut world, "a", 0, Some(&["t", "later"])).expect("joined");
    assert_eq!((first.member_epoch, first.interval_ms), (1, 5_000));
    assert_eq!(first.assignment, Some(vec![(topic, vec![0, 1])]));
    for member in ["b", "c"] {
        assert_eq!(beat(&mut world, member, 0, Some(&["t"])).expect("joined").assignment.expect("told").len(), 1);
    }
    let moved = beat(&mut world, "a", 1, None).expect("heard");
    assert_eq!(moved.member_epoch, 3);
    assert_eq!(moved.assignment.expect("it has less now")[0].1.len(), 1);
    assert_eq!(beat(&mut world, "a", 3, None).expect("heard").assignment, None);
    assert_eq!(beat(&mut world, "a", 9, None), Err(Refusal::FencedMemberEpoch));
    assert_eq!(beat(&mut world, "z", 3, None), Err(Refusal::UnknownMemberId));
    assert_eq!(beat(&mut world, "b", -1, None).expect("left").member_epoch, -1);
    let request = ConsumerDescribeRequest { groups: vec![text(GROUP), text("none")], authorized_operations: false };
    let ShareAnswer::Describe(described) = ask(&mut world, ShareAsk::Describe(request)) else { panic!("not told") };
    let group = described.groups[0].result.as_ref().expect("a group");
    assert_eq!((group.state, group.epoch, &*group.assignor), (ConsumerState::Stable, 4, "simple"));
    assert_eq!(group.members.len(), 2);
    assert!(described.groups[1].result.is_err());
    // Silence puts everyone out; the group stays.
    world.pass(50_000);
    let listed = ListGroupsRequest { states: vec![text("empty")], types: vec![text("share")] };
    let Some(Answer::Group(answer)) = world.ask(Ask::Group(Box::new(GroupAsk::List(listed)))) else { panic!("told") };
    let GroupAnswer::List(listed) = *answer else { panic!("a list") };
    let listed = listed.result.expect("listed");
    assert_eq!((listed.len(), &*listed[0].protocol_type, listed[0].group_type), (1, "share", "share"));
}

#[test]
fn a_record_is_one_members_until_it_says_what_became_of_it() {
    let (mut world, topic) = shared(1);
    beat(&mut world, "a", 0, Some(&["t"])).expect("joined");
    beat(&mut world, "b", 0, Some(&["t"])).expect("joined");
    produce(&mut world, 10);
    assert_eq!(take(&mut world, topic, "a", 0, 4), [(0, 3, 1)]);
    assert_eq!(take(&mut world, topic, "b", 0, 4), [(4, 7, 1)]);
    assert_eq!(acknowledge(&mut world, topic, "b", 1, (0, 3, 1)), Some(Refusal::InvalidRecordState));
    assert_eq!(acknowledge(&mut world, topic, "a", 1, (0, 1, 1)), None);
    assert_eq!(acknowledge(&mut world, topic, "a", 2, (2, 2, 2)), None, "released");
    assert_eq!(acknowledge(&mut world, topic, "a", 3, (3, 3, 3)), None, "rejected");
    assert_eq!(acknowledge(&mut world, topic, "a", 3, (3, 3, 3)), Some(Refusal::InvalidShareSessionEpoch));
    assert_eq!(acknowledge(&mut world, topic, "c", 1, (3, 3, 3)), Some(Refusal::ShareSessionNotFound));
    assert_eq!(offsets(&mut world), [(2, 7)]);
    assert_eq!(take(&mut world, topic, "a", 4, 9), [(2, 2, 2), (8, 9, 1)]);
    // Nothing is left; a member that closes its session gives back what it has, and whoever waits gets it.
    let waiting = fetch_request(topic, "a", 5, 9);
    world.step(CoordinatorEvent::Message(Message::Ask {
        core: CoreId(1),
        ticket: Ticket(1_000_000),
        ask: Ask::Group(Box::new(GroupAsk::Share(ShareAsk::Fetch {
            request: Box::new(waiting),
            connection: connection("a"),
        }))),
    }));
    world.settle();
    assert!(!world.answers.contains_key(&1_000_000));
    let last = ShareFetchRequest { topics: Vec::new(), ..fetch_request(topic, "b", -1, 0) };
    assert!(fetch(&mut world, last).expect("at once").expect("closed").partitions.is_empty());
    let Some(Answer::Group(answer)) = world.answers.remove(&1_000_000) else { panic!("it waits still") };
    let GroupAnswer::Share(ShareAnswer::Fetch(Ok(granted))) = *answer else { panic!("not records") };
    assert_eq!(records_of(&granted), [(4, 7, 2)]);
}

#[test]
fn locks_time_out_until_a_record_is_given_up() {
    let (mut world, topic) = shared(1);
    set(&mut world, "share.delivery.count.limit", "2");
    set(&mut world, "share.record.lock.duration.ms", "15000");
    beat(&mut world, "a", 0, Some(&["t"])).expect("joined");
    produce(&mut world, 2);
    assert_eq!(take(&mut world, topic, "a", 0, 1), [(0, 0, 1)]);
    world.pass(14_000);
    assert_eq!(acknowledge(&mut world, topic, "a", 1, (0, 0, 4)), None, "renewed");
    world.pass(14_000);
    assert_eq!(take(&mut world, topic, "a", 2, 9), [(1, 1, 1)]);
    world.pass(2_000);
    assert_eq!(take(&mut world, topic, "a", 3, 9), [(0, 0, 2)]);
    world.pass(16_000);
    assert_eq!(offsets(&mut world), [(1, 1)], "it was given out twice");
    assert_eq!(take(&mut world, topic, "a", 4, 9), [(1, 1, 2)]);
    // Nobody waits longer than he said.
    let empty = fetch_request(topic, "a", 5, 9);
    assert!(fetch(&mut world, empty).is_none());
    world.pass(600);
    let answers = std::mem::take(&mut world.answers);
    let Some(Answer::Group(answer)) = answers.into_values().next() else { panic!("it waits still") };
    let GroupAnswer::Share(ShareAnswer::Fetch(Ok(granted))) = *answer else { panic!("not records") };
    assert!(granted.partitions.is_empty());
}

#[test]
fn what_is_done_with_stays_so_over_a_crash_and_what_is_not_comes_again() {
    let (mut world, topic) = shared(1);
    beat(&mut world, "a", 0, Some(&["t"])).expect("joined");
    produce(&mut world, 6);
    assert_eq!(take(&mut world, topic, "a", 0, 6), [(0, 5, 1)]);
    assert_eq!(acknowledge(&mut world, topic, "a", 1, (0, 0, 1)), None);
    assert_eq!(acknowledge(&mut world, topic, "a", 2, (2, 3, 1)), None);
    assert_eq!(acknowledge(&mut world, topic, "a", 3, (4, 4, 2)), None);
    for round in 0..3 {
        if round > 0 {
            // A snapshot lies between, and the journal behind it.
            world.pass(90_000);
        }
        let durable = world.remains(round);
        world = self::world(durable);
        assert_eq!(beat(&mut world, "a", 1, None).is_ok(), round == 0, "its session goes on as long as it is heard");
        assert_eq!(offsets(&mut world), [(1, 3)]);
    }
    assert_eq!(take(&mut world, topic, "b", 0, 9), [(1, 1, 1), (4, 4, 2), (5, 5, 1)]);
}

#[test]
fn a_connection_that_goes_gives_back_and_what_could_not_be_read_was_not_given_out() {
    let (mut world, topic) = shared(1);
    beat(&mut world, "a", 0, Some(&["t"])).expect("joined");
    produce(&mut world, 3);
    let granted = fetch(&mut world, fetch_request(topic, "a", 0, 9)).expect("some").expect("granted");
    let partitions = vec![(granted.partitions[0].partition, granted.partitions[0].acquired.clone())];
    let unread = Unread { group_id: granted.group_id, member_id: granted.member_id, partitions };
    assert!(try_ask(&mut world, ShareAsk::Unread(unread)).is_none(), "nobody waits for it");
    assert_eq!(take(&mut world, topic, "a", 1, 9), [(0, 2, 1)]);
    assert!(try_ask(&mut world, ShareAsk::Closed(connection("a"))).is_none());
    let gone = fetch(&mut world, fetch_request(topic, "a", 2, 9)).expect("at once");
    assert_eq!(gone.err(), Some(Refusal::ShareSessionNotFound));
    assert_eq!(take(&mut world, topic, "b", 0, 9), [(0, 2, 2)]);
}

#[test]
fn operators_see_set_and_forget_where_a_group_is() {
    let (mut world, topic) = shared(2);
    beat(&mut world, "a", 0, Some(&["t"])).expect("joined");
    produce(&mut world, 5);
    let mut request = fetch_request(topic, "a", 0, 2);
    request.topics[0].partitions = vec![(0, Vec::new()), (1, Vec::new()), (7, Vec::new())];
    let granted = fetch(&mut world, request).expect("at once").expect("granted");
    let refusals: Vec<_> = granted.partitions.iter().map(|one| one.refused.as_ref().map(|it| it.refusal)).collect();
    assert_eq!(refusals, [None, Some(Refusal::UnknownTopicOrPartition)]);
    assert_eq!(offsets(&mut world), [(0, 5), (0, 0)]);
    let alter = |start| AlterShareOffsetsRequest {
        group_id: text(GROUP),
        topics: vec![(text("t"), vec![(0, start), (9, 0)]), (text("none"), vec![(0, 0)])],
    };
    let altered = |world: &mut World, start| match ask(world, ShareAsk::AlterOffsets(alter(start))) {
        ShareAnswer::AlterOffsets(response) => response.result.map_err(|refused| refused.refusal),
        other => panic!("not an alteration: {other:?}"),
    };
    assert_eq!(altered(&mut world, 3).err(), Some(Refusal::NonEmptyGroup));
    beat(&mut world, "a", -1, None).expect("left");
    let topics = altered(&mut world, 3).expect("set");
    let results: Vec<_> = topics.iter().flat_map(|one| &one.partitions).map(|(_, result)| result.is_ok()).collect();
    assert_eq!(results, [true, false, false]);
    assert_eq!(offsets(&mut world), [(3, 2), (0, 0)]);
    let delete = DeleteShareOffsetsRequest { group_id: text(GROUP), topics: vec![text("t"), text("none")] };
    let ShareAnswer::DeleteOffsets(deleted) = ask(&mut world, ShareAsk::DeleteOffsets(delete)) else { panic!("told") };
    let results: Vec<bool> = deleted.result.expect("done").iter().map(|(.., result)| result.is_ok()).collect();
    assert_eq!(results, [true, false]);
    assert_eq!(offsets(&mut world), []);
    let groups = DeleteGroupsRequest { groups: vec![text(GROUP)] };
    let Some(Answer::Group(answer)) = world.ask(Ask::Group(Box::new(GroupAsk::Delete(groups)))) else { panic!("told") };
    let GroupAnswer::Delete(deleted) = *answer else { panic!("not a deletion") };
    assert!(deleted.groups[0].result.is_ok());
    assert_eq!(beat(&mut world, "a", 1, None), Err(Refusal::GroupIdNotFound));
    altered(&mut world, 2).expect("a new group");
    assert_eq!(offsets(&mut world), [(2, 3)]);
}

#[test]
fn a_topic_that_goes_takes_its_share_partitions_with_it() {
    let (mut world, topic) = shared(1);
    beat(&mut world, "a", 0, Some(&["t"])).expect("joined");
    produce(&mut world, 3);
    assert_eq!(take(&mut world, topic, "a", 0, 2), [(0, 1, 1)]);
    world.delete("t").expect("deleted");
    assert_eq!(offsets(&mut world), []);
    let granted = fetch(&mut world, fetch_request(topic, "a", 1, 2)).expect("at once").expect("told");
    assert_eq!(granted.partitions[0].refused.as_ref().map(|it| it.refusal), Some(Refusal::UnknownTopicId));
    assert_eq!(granted.partitions[0].partition, PartitionId(0));
    world.pass(40_000);
}

#[test]
fn wherever_it_crashes_what_was_acknowledged_never_comes_again_and_the_rest_does() {
    for seed in 0..40 {
        let (mut world, topic) = shared(1);
        beat(&mut world, "a", 0, Some(&["t"])).expect("joined");
        produce(&mut world, 20);
        let (mut done, mut unsure, mut epoch) = (BTreeSet::new(), BTreeSet::new(), 0);
        world.life = Some(seed as usize);
        while let Some(Ok(granted)) = fetch(&mut world, fetch_request(topic, "a", epoch, 5)) {
            let Some((first, last, _)) = records_of(&granted).first().copied() else { break };
            epoch += 1;
            for offset in first..=last {
                let words = vec![ShareBatch { first: offset, last: offset, types: vec![1 + 2 * (offset % 2) as i8] }];
                let request = ShareAcknowledgeRequest {
                    caller: caller("a", epoch),
                    topics: vec![ShareTopic { topic, partitions: vec![(0, words)] }],
                };
                epoch += 1;
                match try_ask(&mut world, ShareAsk::Acknowledge(Box::new(request))) {
                    Some(ShareAnswer::Acknowledge(response)) => {
                        assert!(response.refused.is_none() && response.topics[0].1[0].1.is_none());
                        done.insert(offset);
                    }
                    Some(other) => panic!("not an acknowledgement: {other:?}"),
                    None => {
                        unsure.insert(offset);
                    }
                }
            }
        }
        let mut world = self::world(world.remains(seed));
        let granted = fetch(&mut world, fetch_request(topic, "b", 0, 100));
        let granted = granted.map_or_else(Vec::new, |granted| records_of(&granted.expect("granted")));
        let mut again = BTreeSet::new();
        for (first, last, deliveries) in granted {
            assert_eq!(deliveries, 1, "nothing was released");
            again.extend(first..=last);
        }
        assert!(again.is_disjoint(&done), "seed {seed}: {again:?} and {done:?}");
        let rest = (0..20).filter(|offset| !done.contains(offset) && !unsure.contains(offset));
        assert!(rest.into_iter().all(|offset| again.contains(&offset)), "seed {seed}: a record is lost");
    }
}
