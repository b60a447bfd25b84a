//! Many members: however many come or go at once, one generation follows.

use std::sync::Arc;

use apus_core::error::Refusal;

use super::town::{Client, Town};

const MEMBERS: usize = 50;

/// Everyone joins again; the generation and the ids, the leader first.
fn gather(town: &mut Town, ids: &[Arc<str>], waiting: &[u64]) -> (Vec<Arc<str>>, i32) {
    let asked: Vec<u64> = ids.iter().map(|id| town.ask_join(&Client::named(id))).collect();
    let joined: Vec<_> = asked.iter().chain(waiting).map(|ticket| town.joined(*ticket)).collect();
    let (_, first) = &joined[0];
    assert!(joined.iter().all(|(_, told)| told.generation == first.generation), "one generation for all");
    let leader = Arc::clone(&first.leader);
    let (_, leads) = joined.iter().find(|(id, _)| *id == leader).expect("the leader is a member");
    assert_eq!(leads.members.len(), joined.len(), "the leader assigns to everyone");
    let rest = joined.iter().map(|(id, _)| Arc::clone(id)).filter(|id| *id != leader);
    (std::iter::once(leader.clone()).chain(rest).collect(), first.generation)
}

/// Fifty members: one rebalance for all of them, one more when five come, one more when five leave. One command stores
/// each. How many partitions they have is their leader's business.
#[test]
fn fifty_members_rebalance_in_one_round() {
    let mut town = Town::new();
    let first: Vec<u64> = (0..MEMBERS).map(|_| town.enter(&Client::default()).1).collect();
    // All of them come within the delay of a first generation.
    town.pass(2 * town.rules.initial_delay_ms);
    let (ids, generation) = gather(&mut town, &[], &first);
    town.sync_all(&ids, generation);
    assert_eq!((ids.len(), generation, town.stored), (MEMBERS, 1, 1));
    // Five come while the others go on.
    let newcomers: Vec<(Arc<str>, u64)> = (0..5).map(|_| town.enter(&Client::default())).collect();
    for id in &ids {
        assert_eq!(town.heartbeat(id, generation), Err(Refusal::RebalanceInProgress));
    }
    let waiting: Vec<u64> = newcomers.iter().map(|(_, ticket)| *ticket).collect();
    let (ids, generation) = gather(&mut town, &ids, &waiting);
    assert_eq!((ids.len(), generation), (MEMBERS + 5, 2));
    town.sync_all(&ids, generation);
    assert_eq!(town.stored, 2);
    // Five leave in one request.
    let left: Vec<(&str, Option<&str>)> = ids[MEMBERS..].iter().map(|id| (&**id, None)).collect();
    assert!(town.leave(&left).iter().all(Result::is_ok));
    let (ids, generation) = gather(&mut town, &ids[..MEMBERS], &[]);
    assert_eq!((ids.len(), generation), (MEMBERS, 3));
    town.sync_all(&ids, generation);
    for id in &ids {
        assert_eq!(town.heartbeat(id, generation), Ok(()), "nobody is asked again");
    }
    assert_eq!(town.stored, 4, "the leave, and the generation behind it");
}
