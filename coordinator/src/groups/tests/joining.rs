//! How generations come to be.

use std::sync::Arc;

use apus_core::api::{GroupState, SyncGroupRequest};
use apus_core::error::Refusal;
use bytes::Bytes;

use super::town::{Client, Town};

#[test]
fn a_dynamic_member_is_given_an_id_and_joins_with_it() {
    let mut town = Town::new();
    let (id, refusal) = town.refused(&Client::default());
    assert_eq!(refusal, Refusal::MemberIdRequired);
    assert!(id.starts_with("app-") && id.len() == 40, "{id}");
    assert_eq!(town.state(), GroupState::Empty);
    let ticket = town.ask_join(&Client::named(&id));
    assert_eq!(town.state(), GroupState::PreparingRebalance);
    town.pass(2_000);
    assert!(town.told(ticket).is_none(), "an empty group waits for company");
    town.pass(1_000);
    let (same, joined) = town.joined(ticket);
    assert_eq!((&same, joined.generation, &joined.leader), (&id, 1, &id));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, Bytes::from_static(b"topics"));
    assert_eq!((town.state(), town.stored), (GroupState::CompletingRebalance, 0));
    town.sync_all(&[id], 1);
    assert_eq!(town.stored, 1);
    // Before version 4 it joins at once, under the id that it is told.
    let mut old = Town::new();
    let ticket = old.ask_join(&Client { version: 3, ..Client::default() });
    old.pass(3_000);
    assert!(old.joined(ticket).0.starts_with("app-"));
}

#[test]
fn an_id_that_is_not_used_is_nobodys_after_a_session() {
    let mut town = Town::new();
    let (id, _) = town.refused(&Client::default());
    town.pass(11_000);
    assert_eq!(town.state(), GroupState::Dead, "nothing is left of it");
    assert_eq!(town.refused(&Client::named(&id)), (id, Refusal::UnknownMemberId));
}

#[test]
fn a_first_generation_waits_for_newcomers_within_its_timeout() {
    let mut town = Town::new();
    let client = Client { rebalance_ms: 8_000, ..Client::default() };
    let (_, first) = town.enter(&client);
    town.pass(2_000);
    let (_, second) = town.enter(&client);
    town.pass(2_000);
    assert!(town.told(first).is_none(), "a newcomer gives it another delay");
    town.pass(1_000);
    town.enter(&client);
    town.pass(2_000);
    let (_, last) = town.enter(&client);
    town.pass(1_000);
    let generations = [first, second, last].map(|ticket| town.joined(ticket).1.generation);
    assert_eq!(generations, [1, 1, 1], "no longer than the members wait");
}

#[test]
fn another_member_makes_everyone_join_again() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(1);
    let (_, ticket) = town.enter(&Client::default());
    assert_eq!(town.heartbeat(&ids[0], generation), Err(Refusal::RebalanceInProgress));
    let again = town.ask_join(&Client::named(&ids[0]));
    let (first, second) = (town.joined(again).1, town.joined(ticket).1);
    assert_eq!((first.generation, second.generation), (2, 2), "at once when everyone is there");
    assert_eq!((first.leader.clone(), second.leader), (ids[0].clone(), ids[0].clone()), "the leader stays");
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
}

#[test]
fn who_does_not_join_again_in_time_is_out() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(2);
    let (_, ticket) = town.enter(&Client { rebalance_ms: 20_000, ..Client::default() });
    // The leader joins, the other one only beats.
    let again = town.ask_join(&Client { rebalance_ms: 20_000, ..Client::named(&ids[0]) });
    town.pass_with(59_000, &[&ids[1]], generation);
    assert!(town.told(ticket).is_none());
    town.pass_with(2_000, &[&ids[1]], generation);
    assert_eq!(town.joined(again).1.members.len(), 2);
    assert_eq!(town.joined(ticket).1.generation, 2);
    assert_eq!(town.heartbeat(&ids[1], generation), Err(Refusal::UnknownMemberId));
}

#[test]
fn a_leader_that_does_not_come_back_is_succeeded() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(2);
    let (_, ticket) = town.enter(&Client::default());
    let again = town.ask_join(&Client::named(&ids[1]));
    town.pass_with(61_000, &[&ids[0]], generation);
    let (joined, other) = (town.joined(again).1, town.joined(ticket).1);
    assert_eq!(joined.leader, other.leader);
    assert_ne!(joined.leader, ids[0]);
}

#[test]
fn a_repeated_question_is_answered_with_the_generation_that_is() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(2);
    let follower = town.ask_join(&Client::named(&ids[1]));
    let told = town.joined(follower).1;
    assert_eq!((told.generation, told.leader, told.members.len()), (generation, ids[0].clone(), 0));
    assert_eq!(town.state(), GroupState::Stable, "nothing new, no rebalance");
    // A leader has its reasons.
    let leader = town.ask_join(&Client::named(&ids[0]));
    assert_eq!(town.state(), GroupState::PreparingRebalance);
    // Asked twice while it gathers: the first question is moot.
    let twice = town.ask_join(&Client::named(&ids[0]));
    assert_eq!(town.told(leader).expect("answered").1.err(), Some(Refusal::RebalanceInProgress));
    let changed = Client { protocols: vec![("range", b"other")], ..Client::named(&ids[1]) };
    let follower = town.ask_join(&changed);
    assert_eq!(town.joined(twice).1.generation, 2);
    assert_eq!(town.joined(follower).1.generation, 2);
    // While the leader assigns, the unchanged are told again, and the changed gather anew.
    let told = town.ask_join(&changed);
    assert_eq!(town.joined(told).1.generation, 2);
    town.ask_join(&Client::named(&ids[1]));
    assert_eq!(town.state(), GroupState::PreparingRebalance);
}

#[test]
fn what_joins_must_have_something_in_common() {
    let mut town = Town::new();
    for client in
        [Client { protocols: Vec::new(), ..Client::default() }, Client { protocol_type: "", ..Client::default() }]
    {
        assert_eq!(town.refused(&client).1, Refusal::InconsistentGroupProtocol);
    }
    town.stable(1);
    for client in [
        Client { protocol_type: "connect", ..Client::default() },
        Client { protocols: vec![("sticky", b"")], ..Client::default() },
    ] {
        assert_eq!(town.refused(&client).1, Refusal::InconsistentGroupProtocol);
    }
}

#[test]
fn requests_that_no_group_could_consider() {
    let mut town = Town::new();
    for session_ms in [5_999, 1_800_001, -1] {
        let client = Client { session_ms, ..Client::default() };
        assert_eq!(town.refused(&client).1, Refusal::InvalidSessionTimeout);
    }
    let stranger: Arc<str> = Arc::from("stranger");
    assert_eq!(town.refused(&Client::named(&stranger)), (stranger, Refusal::UnknownMemberId));
    assert_eq!(town.state(), GroupState::Dead, "none of them made a group");
}

#[test]
fn the_strategy_is_chosen_by_votes_in_the_order_of_preference() {
    let mut town = Town::new();
    let prefers = |protocols: &[&'static str]| Client {
        protocols: protocols.iter().map(|name| (*name, &b"x"[..])).collect(),
        ..Client::default()
    };
    let (_, ticket) = town.enter(&prefers(&["sticky", "range", "own"]));
    town.enter(&prefers(&["range", "sticky"]));
    town.enter(&prefers(&["range", "sticky", "own"]));
    town.pass(9_000);
    assert_eq!(town.joined(ticket).1.protocol_name.as_deref(), Some("range"));
}

#[test]
fn a_full_group_takes_nobody() {
    let mut town = Town::new();
    town.rules.members_max = 2;
    let (ids, generation) = town.stable(2);
    assert_eq!(town.refused(&Client::default()), (Arc::from(""), Refusal::GroupMaxSizeReached));
    assert_eq!(town.heartbeat(&ids[0], generation), Ok(()), "nobody inside is disturbed");
    // A group that is too large after a start sheds the last ones to come back.
    town.rules.members_max = 1;
    town.restart();
    assert_eq!(town.heartbeat(&ids[0], generation), Err(Refusal::RebalanceInProgress));
    let first = town.ask_join(&Client::named(&ids[1]));
    assert_eq!(town.refused(&Client::named(&ids[0])).1, Refusal::GroupMaxSizeReached);
    assert_eq!(town.joined(first).1.generation, 2);
}

#[test]
fn what_members_say_of_themselves_is_bounded() {
    static LARGE: [u8; 600 << 10] = [7; 600 << 10];
    let mut town = Town::new();
    let large = Client { protocols: vec![("range", &LARGE)], ..Client::default() };
    let (id, ticket) = town.enter(&large);
    assert_eq!(town.refused(&Client::default()).1, Refusal::MemberIdRequired);
    assert_eq!(town.refused(&large).1, Refusal::GroupMaxSizeReached);
    town.pass(11_000);
    let generation = town.joined(ticket).1.generation;
    // Assignments too: whoever waits for one is told, and the group gathers anew.
    let sync = town.ask_sync(&id, generation, &[(&id, &LARGE)]);
    assert_eq!(town.assigned(sync), Some(Err(Refusal::GroupMaxSizeReached)));
    assert_eq!((town.state(), town.stored), (GroupState::PreparingRebalance, 0));
}

#[test]
fn assignments_wait_for_the_leader() {
    let mut town = Town::new();
    let (first, second) = (town.enter(&Client::default()), town.enter(&Client::default()));
    town.pass(9_000);
    let joined = [town.joined(first.1), town.joined(second.1)];
    let leader = joined[0].1.leader.clone();
    let follower = if leader == first.0 { second.0 } else { first.0 };
    assert_eq!(town.heartbeat(&follower, 1), Ok(()), "members beat while the leader assigns");
    let waits = town.ask_sync(&follower, 1, &[]);
    assert_eq!(town.assigned(waits), None);
    let stranger: Arc<str> = Arc::from("stranger");
    let leads = town.ask_sync(&leader, 1, &[(&follower, b"all"), (&stranger, b"none")]);
    assert_eq!(town.assigned(waits), Some(Ok(Bytes::from_static(b"all"))));
    assert_eq!(town.assigned(leads), Some(Ok(Bytes::new())), "whom the leader forgot has nothing");
    let again = town.ask_sync(&follower, 1, &[]);
    assert_eq!(town.assigned(again), Some(Ok(Bytes::from_static(b"all"))));
}

#[test]
fn a_sync_must_know_its_generation_and_its_strategy() {
    let mut town = Town::new();
    let (ids, generation) = town.stable(1);
    let mut refusal = |change: fn(&mut SyncGroupRequest)| {
        let mut request = SyncGroupRequest {
            caller: Town::caller(&ids[0], generation),
            protocol_type: None,
            protocol_name: None,
            assignments: Vec::new(),
            protocol_required: false,
        };
        change(&mut request);
        let ticket = town.ask_sync_of(request);
        town.assigned(ticket).expect("answered at once").err()
    };
    assert_eq!(refusal(|_| ()), None);
    assert_eq!(refusal(|request| request.caller.generation = 9), Some(Refusal::IllegalGeneration));
    assert_eq!(refusal(|request| request.caller.member_id = Arc::from("x")), Some(Refusal::UnknownMemberId));
    assert_eq!(refusal(|request| request.caller.group_id = Arc::from("x")), Some(Refusal::UnknownMemberId));
    assert_eq!(refusal(|request| request.caller.group_id = Arc::from("")), Some(Refusal::InvalidGroupId));
    let inconsistent = Some(Refusal::InconsistentGroupProtocol);
    assert_eq!(refusal(|request| request.protocol_type = Some(Arc::from("connect"))), inconsistent);
    assert_eq!(refusal(|request| request.protocol_name = Some(Arc::from("sticky"))), inconsistent);
    town.enter(&Client::default());
    let ticket = town.ask_sync(&ids[0], generation, &[]);
    assert_eq!(town.assigned(ticket), Some(Err(Refusal::RebalanceInProgress)));
}

#[test]
fn a_rebalance_refuses_those_who_wait_for_assignments() {
    let mut town = Town::new();
    let (first, second) = (town.enter(&Client::default()), town.enter(&Client::default()));
    town.pass(9_000);
    let leader = town.joined(first.1).1.leader;
    town.joined(second.1);
    let follower = if leader == first.0 { second.0 } else { first.0 };
    let waits = town.ask_sync(&follower, 1, &[]);
    town.enter(&Client::default());
    assert_eq!(town.assigned(waits), Some(Err(Refusal::RebalanceInProgress)));
}

#[test]
fn who_does_not_ask_for_its_assignment_is_out() {
    let mut town = Town::new();
    let (first, second) = (town.enter(&Client::default()), town.enter(&Client::default()));
    town.pass(9_000);
    let leader = town.joined(first.1).1.leader;
    town.joined(second.1);
    let follower = if leader == first.0 { second.0 } else { first.0 };
    town.ask_sync(&leader, 1, &[]);
    assert_eq!(town.state(), GroupState::Stable);
    town.pass_with(61_000, &[&leader, &follower], 1);
    assert_eq!(town.heartbeat(&follower, 1), Err(Refusal::UnknownMemberId));
    assert_eq!(town.heartbeat(&leader, 1), Err(Refusal::RebalanceInProgress));
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut town = Town::new();
    let client = Client::fixed("one");
    let (leader, follower) = (town.ask_join(&client), town.ask_join(&Client::fixed("two")));
    town.pass(9_000);
    let (old_id, joined) = town.joined(leader);
    let (other, _) = town.joined(follower);
    assert!(old_id.starts_with("one-") && joined.leader == old_id, "{old_id}");
    town.sync_all(&[old_id.clone(), other.clone()], 1);
    let stored = town.stored;
    // Restarted: no id. A version that can be told so need not assign.
    let ticket = town.ask_join(&client);
    let (new_id, joined) = town.joined(ticket);
    assert!(new_id != old_id && joined.skip_assignment && joined.leader == new_id);
    assert_eq!((joined.generation, joined.members.len()), (1, 2));
    assert_eq!((town.state(), town.stored), (GroupState::Stable, stored + 1));
    let sync = town.ask_sync(&new_id, 1, &[]);
    assert_eq!(town.assigned(sync), Some(Ok(Bytes::from_static(b"a"))), "it keeps its assignment");
    let fenced = apus_core::api::GroupCaller { group_instance_id: Some(Arc::from("one")), ..Town::caller(&old_id, 1) };
    assert_eq!(town.heartbeat_of(&fenced), Err(Refusal::FencedInstanceId));
    assert_eq!(town.heartbeat(&old_id, 1), Err(Refusal::UnknownMemberId));
    // An older one is told that its old self leads.
    let ticket = town.ask_join(&Client { version: 8, ..client.clone() });
    let (newest, joined) = town.joined(ticket);
    assert_eq!((joined.leader, joined.skip_assignment, joined.members.len()), (new_id, false, 0));
    // The new id is durable: after a start it is the member.
    town.restart();
    assert_eq!(town.heartbeat(&newest, 1), Ok(()));
    assert_eq!(town.state(), GroupState::Stable);
}

#[test]
fn a_static_member_that_comes_back_another_makes_a_rebalance() {
    let mut town = Town::new();
    let client = Client { protocols: vec![("range", b""), ("sticky", b"")], ..Client::fixed("one") };
    let first = town.ask_join(&client);
    town.pass(3_000);
    let (id, _) = town.joined(first);
    town.sync_all(&[id], 1);
    let ticket = town.ask_join(&Client { protocols: vec![("sticky", b""), ("range", b"")], ..client });
    let (id, joined) = town.joined(ticket);
    assert_eq!((joined.generation, joined.protocol_name.as_deref()), (2, Some("sticky")));
    // While the leader assigns, its assignments would name the old id.
    let ticket = town.ask_join(&Client::fixed("one"));
    assert_eq!(town.joined(ticket).1.generation, 3);
    assert_eq!(town.heartbeat(&id, 2), Err(Refusal::UnknownMemberId));
}

#[test]
fn two_with_one_static_name_the_later_one_stays() {
    let mut town = Town::new();
    let first = town.ask_join(&Client::fixed("one"));
    let second = town.ask_join(&Client::fixed("one"));
    assert_eq!(town.told(first).expect("answered at once").1.err(), Some(Refusal::FencedInstanceId));
    town.pass(6_000);
    assert_eq!(town.joined(second).1.members.len(), 1);
    let stale = Client { instance_id: Some(Arc::from("one")), ..Client::named(&Arc::from("one-gone")) };
    assert_eq!(town.refused(&stale).1, Refusal::FencedInstanceId);
}

#[test]
fn static_members_are_waited_for_beyond_a_rebalance() {
    let mut town = Town::new();
    let slow = |name| Client { session_ms: 200_000, ..Client::fixed(name) };
    let tickets = [town.ask_join(&slow("one")), town.ask_join(&slow("two"))];
    town.pass(9_000);
    let ids: Vec<Arc<str>> = tickets.iter().map(|ticket| town.joined(*ticket).0).collect();
    town.sync_all(&ids, 1);
    let (_, ticket) = town.enter(&Client { session_ms: 200_000, ..Client::default() });
    town.pass(61_000);
    let joined = town.joined(ticket).1;
    assert_eq!((joined.generation, joined.members.len()), (2, 3), "both static ones are in it unasked");
}
