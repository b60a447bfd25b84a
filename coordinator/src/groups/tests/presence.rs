//! Who is there, who is not any more, and what a start remembers of it.

use std::sync::Arc;

use apus_core::api::{GroupCaller, GroupState};
use apus_core::error::Refusal;

use super::town::{Client, GROUP, Town};
use crate::command::{Command, StoredGroup};

#[test]
fn silence_puts_a_member_out() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(2);
    town.pass_with(11_000, &[&ids[0]], generation);
    assert_eq!(town.heartbeat(&ids[1], generation), Err(Refusal::UnknownMemberId));
    assert_eq!(town.heartbeat(&ids[0], generation), Err(Refusal::RebalanceInProgress));
    let ticket = town.ask_join(&Client::named(&ids[0]));
    assert_eq!(town.joined(ticket).1.generation, generation + 1);
}

#[test]
fn a_group_without_anybody_is_empty_and_remembers_its_generation() {
    let mut town = Town::new();
    let (_, generation) = town.stable(2);
    town.pass(72_000);
    assert_eq!(town.state(), GroupState::Empty);
    let stored = town.ledger.group(GROUP).expect("it is stored").clone();
    assert_eq!((stored.generation, stored.members.len()), (generation + 1, 0));
    assert_eq!(stored.protocol_type.as_deref(), Some("consumer"));
    assert!(!town.groups.is_live(GROUP), "nothing of it is in memory");
    let (_, next) = town.stable(1);
    assert_eq!(next, generation + 2);
}

#[test]
fn members_that_wait_for_an_answer_are_excused() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(2);
    town.enter(&Client::default());
    let waits = town.ask_join(&Client::named(&ids[0]));
    town.pass_with(40_000, &[&ids[1]], generation);
    assert!(town.told(waits).is_none(), "silent for long, and in");
    let last = town.ask_join(&Client::named(&ids[1]));
    assert_eq!(town.joined(last).1.generation, 2);
    town.joined(waits);
    // Answered, its silence counts again.
    town.pass(9_000);
    assert_eq!(town.heartbeat(&ids[0], 2), Ok(()));
}

#[test]
fn heartbeats_in_every_state() {
    let mut town = Town::new();
    let nobody: Arc<str> = Arc::from("nobody");
    assert_eq!(town.heartbeat(&nobody, 0), Err(Refusal::UnknownMemberId), "no group");
    let unnamed = GroupCaller { group_id: Arc::from(""), ..Town::caller(&nobody, 0) };
    assert_eq!(town.heartbeat_of(&unnamed), Err(Refusal::InvalidGroupId));
    let (ids, generation) = town.stable(1);
    assert_eq!(town.heartbeat(&ids[0], generation), Ok(()));
    assert_eq!(town.heartbeat(&ids[0], generation + 1), Err(Refusal::IllegalGeneration));
    assert_eq!(town.heartbeat(&nobody, generation), Err(Refusal::UnknownMemberId));
    let named = GroupCaller { group_instance_id: Some(Arc::from("x")), ..Town::caller(&ids[0], generation) };
    assert_eq!(town.heartbeat_of(&named), Err(Refusal::UnknownMemberId), "nobody has that static name");
}

#[test]
fn leaving_is_answered_member_by_member() {
    let mut town = Town::new();
    let ticket = town.ask_join(&Client::fixed("one"));
    let (dynamic, second) = town.enter(&Client::default());
    town.pass(9_000);
    let (id, joined) = town.joined(ticket);
    town.joined(second);
    let others: Vec<Arc<str>> = [&id, &dynamic].into_iter().filter(|id| **id != joined.leader).cloned().collect();
    let ids: Vec<Arc<str>> = std::iter::once(joined.leader).chain(others).collect();
    town.sync_all(&ids, 1);
    let pending = town.refused(&Client::default()).0;
    let results = town.leave(&[
        ("stranger", None),
        ("", Some("two")),
        ("", None),
        ("stranger", Some("one")),
        (&pending, None),
        ("", Some("one")),
        ("", Some("one")),
    ]);
    let unknown = Err(Refusal::UnknownMemberId);
    let fenced = Err(Refusal::FencedInstanceId);
    assert_eq!(results, [unknown, unknown, unknown, fenced, Ok(()), Ok(()), unknown]);
    assert_eq!(town.state(), GroupState::PreparingRebalance);
    assert_eq!(town.leave(&[(&dynamic, None)]), [Ok(())]);
    assert_eq!(town.state(), GroupState::Empty);
    assert_eq!(town.leave(&[(&dynamic, None)]), [unknown], "nobody is in an empty group");
    assert_eq!(town.leave(&[]), []);
}

#[test]
fn whoever_leaves_while_it_waits_is_told_so() {
    let mut town = Town::new();
    let (id, ticket) = town.enter(&Client::default());
    assert_eq!(town.leave(&[(&id, None)]), [Ok(())]);
    assert_eq!(town.told(ticket).expect("it is told").1.err(), Some(Refusal::UnknownMemberId));
    town.pass(4_000);
    assert_eq!(town.state(), GroupState::Empty);
}

#[test]
fn a_leave_is_not_undone_by_a_crash() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(3);
    town.leave(&[(&ids[0], None)]);
    town.restart();
    assert_eq!(town.state(), GroupState::PreparingRebalance);
    assert_eq!(town.heartbeat(&ids[0], generation), Err(Refusal::UnknownMemberId));
    for id in &ids[1..] {
        assert_eq!(town.heartbeat(id, generation), Err(Refusal::RebalanceInProgress));
    }
    let tickets: Vec<u64> = ids[1..].iter().map(|id| town.ask_join(&Client::named(id))).collect();
    for ticket in tickets {
        assert_eq!(town.joined(ticket).1.generation, generation + 1);
    }
    // Everyone leaves: the group is empty, also where only the last leave was stored.
    let left: Vec<(&str, Option<&str>)> = ids[1..].iter().map(|id| (&**id, None)).collect();
    town.leave(&left);
    town.restart();
    assert_eq!((town.state(), town.groups.is_live(GROUP)), (GroupState::Empty, false));
}

#[test]
fn a_stable_group_carries_on_behind_a_crash() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(3);
    let stored = town.stored;
    // Sessions begin anew with the start.
    town.pass_with(9_000, &[], generation);
    town.restart();
    town.pass(9_000);
    for id in &ids[..2] {
        assert_eq!(town.heartbeat(id, generation), Ok(()));
    }
    let sync = town.ask_sync(&ids[1], generation, &[]);
    assert_eq!(town.assigned(sync).map(|assigned| assigned.is_ok()), Some(true));
    let again = town.ask_join(&Client::named(&ids[1]));
    assert_eq!(town.joined(again).1.generation, generation, "a follower that asks again is told, not rebalanced");
    assert_eq!((town.state(), town.stored), (GroupState::Stable, stored));
    // Whoever did not survive is missed after a session.
    town.pass_with(9_000, &[&ids[0], &ids[1]], generation);
    assert_eq!(town.heartbeat(&ids[2], generation), Err(Refusal::UnknownMemberId));
}

#[test]
fn a_generation_that_was_not_stored_is_given_again() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(1);
    let again = town.ask_join(&Client::named(&ids[0]));
    assert_eq!(town.joined(again).1.generation, generation + 1);
    town.restart();
    assert_eq!(town.heartbeat(&ids[0], generation + 1), Err(Refusal::IllegalGeneration));
    assert_eq!(town.heartbeat(&ids[0], generation), Ok(()));
}

#[test]
fn commits_are_members_or_nobodys() {
    let mut town = Town::new();
    let nobody: Arc<str> = Arc::from("");
    let stranger: Arc<str> = Arc::from("stranger");
    assert_eq!(town.commits(&Town::caller(&nobody, -1)), Ok(()), "a group that is not there");
    assert_eq!(town.commits(&Town::caller(&stranger, 3)), Err(Refusal::GroupIdNotFound));
    town.apply(Command::StoreGroup(Arc::new(StoredGroup::simple(Arc::from(GROUP), 0))));
    assert_eq!(town.commits(&Town::caller(&nobody, -1)), Ok(()), "a group without members");
    assert_eq!(town.commits(&Town::caller(&stranger, 3)), Err(Refusal::UnknownMemberId));
    let (id, ticket) = town.enter(&Client::default());
    assert_eq!(town.commits(&Town::caller(&id, -1)), Err(Refusal::IllegalGeneration));
    assert_eq!(town.commits(&Town::caller(&nobody, -1)), Err(Refusal::UnknownMemberId), "somebody comes");
    town.pass(3_000);
    let generation = town.joined(ticket).1.generation;
    assert_eq!(town.commits(&Town::caller(&id, generation)), Err(Refusal::RebalanceInProgress));
    town.sync_all(std::slice::from_ref(&id), generation);
    assert_eq!(town.commits(&Town::caller(&id, generation)), Ok(()));
    assert_eq!(town.commits(&Town::caller(&id, generation - 1)), Err(Refusal::IllegalGeneration));
    assert_eq!(town.commits(&Town::caller(&stranger, generation)), Err(Refusal::UnknownMemberId));
    assert_eq!(town.commits(&Town::caller(&nobody, -1)), Err(Refusal::UnknownMemberId));
    // Before they join the next generation, members finish what they do.
    town.enter(&Client::default());
    assert_eq!(town.commits(&Town::caller(&id, generation)), Ok(()));
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(1);
    for _ in 0..5 {
        town.pass(8_000);
        assert_eq!(town.commits(&Town::caller(&ids[0], generation)), Ok(()));
    }
}

#[test]
fn a_newcomer_that_nobody_answers_is_out_in_the_end() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(1);
    let slow = Client { rebalance_ms: 1_000_000, ..Client::default() };
    let (id, ticket) = town.enter(&slow);
    town.pass_with(299_000, &[&ids[0]], generation);
    assert!(town.told(ticket).is_none());
    town.pass_with(2_000, &[&ids[0]], generation);
    assert_eq!(town.told(ticket).expect("it is told").1.err(), Some(Refusal::UnknownMemberId));
    assert_eq!(town.refused(&Client::named(&id)).1, Refusal::UnknownMemberId);
}

#[test]
fn operators_see_what_is_there() {
    let mut town = Town::new();
    let id: Arc<str> = Arc::from(GROUP);
    let described = |town: &Town| town.groups.describe(&id, &town.ledger).result;
    let missing = described(&town).expect_err("there is none");
    assert_eq!((missing.refusal, &*missing.message), (Refusal::GroupIdNotFound, "Group group not found."));
    let (id_of, ticket) = town.enter(&Client::default());
    let gathering = described(&town).expect("it gathers");
    assert_eq!((gathering.state, &*gathering.protocol_name), (GroupState::PreparingRebalance, ""));
    assert!(gathering.members[0].metadata.is_empty());
    town.pass(3_000);
    town.joined(ticket);
    town.sync_all(std::slice::from_ref(&id_of), 1);
    let stable = described(&town).expect("it is stable");
    assert_eq!((&*stable.protocol_type, &*stable.protocol_name), ("consumer", "range"));
    let member = &stable.members[0];
    assert_eq!((&member.metadata[..], &member.assignment[..]), (&b"topics"[..], &b"a"[..]));
    assert_eq!((&*member.client.id, &*member.client.host), ("app", "/127.0.0.1"));
    town.apply(Command::StoreGroup(Arc::new(StoredGroup::simple(Arc::from("a simple one"), 0))));
    let list = |states: &[&str], types: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| Arc::from(*text)).collect::<Vec<Arc<str>>>();
        let listed = town.groups.list(&texts(states), &texts(types), &town.ledger);
        listed.into_iter().map(|group| group.group_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(&[], &[]), ["a simple one", "group"]);
    assert_eq!(list(&["stable"], &["Classic"]), ["group"]);
    assert_eq!(list(&["EMPTY", "Dead"], &[]), ["a simple one"]);
    assert_eq!(list(&["nonsense"], &[]), [""; 0]);
    assert_eq!(list(&[], &["consumer"]), [""; 0]);
}

#[test]
fn only_groups_without_members_are_forgotten() {
    let mut town = Town::new();
    assert_eq!(town.groups.forget(GROUP, &town.ledger), Err(Refusal::GroupIdNotFound));
    town.refused(&Client::default());
    assert_eq!(town.groups.forget(GROUP, &town.ledger), Ok(()), "an unused id keeps nothing");
    let (ids, _) = town.stable(1);
    assert_eq!(town.groups.forget(GROUP, &town.ledger), Err(Refusal::NonEmptyGroup));
    town.leave(&[(&ids[0], None)]);
    assert_eq!(town.groups.forget(GROUP, &town.ledger), Ok(()));
}
