//! Objects one by one: bytes, ranges, blocks, versions, conditions, races.

use apus_core::limits::BLOCK_BYTES;
use apus_core::world::{Body, Condition, Failure, StoreReply, StoreRequest};
use bytes::Bytes;

use super::{Store, no_version, pattern};

pub(super) fn check(store: &mut Store<'_>) {
    missing(store);
    bytes_come_back(store);
    ranges(store);
    blocks(store);
    overwriting(store);
    creating(store);
    racing_creates(store);
    swapping(store);
    racing_swaps(store);
}

fn missing(store: &mut Store<'_>) {
    let key = store.key("missing/object");
    assert_eq!(store.get(&key, None), Err(Failure::Missing));
    assert_eq!(store.get(&key, Some(5..9)), Err(Failure::Missing));
    assert_eq!(store.get(&key, Some(5..5)), Err(Failure::Missing));
    assert_eq!(store.block(&key, 0), Err(Failure::Missing));
    assert_eq!(store.head(&key), Err(Failure::Missing));
    assert_eq!(store.delete(std::slice::from_ref(&key)), Ok(vec![key]), "a missing object counts as deleted");
}

fn bytes_come_back(store: &mut Store<'_>) {
    let whole = pattern(1, 3_000_000);
    let cuts = [0, 0, 1, 70_000, 70_000, 1_500_000, 3_000_000];
    let pieces: Vec<Bytes> = cuts.windows(2).map(|cut| whole.slice(cut[0]..cut[1])).collect();
    // Many slices of one byte: more than one vectored write takes.
    let crumbs: Vec<Bytes> = (0..3_000).map(|position| whole.slice(position..position + 1)).collect();
    let bodies = [("pieces", pieces, whole.clone()), ("crumbs", crumbs, whole.slice(..3_000))];
    for (name, pieces, wanted) in bodies {
        let key = store.key(name);
        let request = StoreRequest::Put { key: key.clone(), body: Body::new(pieces), condition: Condition::Always };
        let StoreReply::Put(Ok(version)) = store.ask_one(request) else { panic!("a plain PUT of {name} failed") };
        let (bytes, read) = store.get(&key, None).expect("just written");
        assert!(bytes == wanted, "{name}: other bytes came back");
        assert_eq!(read, version, "{name}: GET names another version than PUT");
        assert_eq!(store.head(&key), Ok((wanted.len() as u64, version)), "{name}");
    }
    let empty = store.key("empty");
    let version = store.put(&empty, Bytes::new(), Condition::Always).expect("an empty object");
    assert_eq!(store.get(&empty, None), Ok((Bytes::new(), version.clone())));
    assert_eq!(store.get(&empty, Some(0..10)), Ok((Bytes::new(), version.clone())));
    assert_eq!(store.head(&empty), Ok((0, version)));
}

fn ranges(store: &mut Store<'_>) {
    let key = store.key("ranges");
    let whole = pattern(2, 10_000);
    let version = store.put(&key, whole.clone(), Condition::Always).expect("a plain PUT");
    for (start, end) in
        [(0, 1), (0, 10_000), (9_999, 10_000), (17, 4_711), (9_000, 20_000), (10_000, 10_001), (20_000, 30_000), (5, 5)]
    {
        let wanted = whole.slice((start as usize).min(10_000)..(end as usize).min(10_000));
        assert_eq!(store.get(&key, Some(start..end)), Ok((wanted, version.clone())), "bytes {start}..{end} of 10,000");
    }
}

fn blocks(store: &mut Store<'_>) {
    let block = BLOCK_BYTES as usize;
    let key = store.key("blocks");
    let whole = pattern(3, 2 * block + 12_345);
    store.put(&key, whole.clone(), Condition::Always).expect("a plain PUT");
    let requests = [0, 1, 2, 1, 1].map(|index| StoreRequest::Block { key: key.clone(), index });
    for (reply, index) in store.ask_all(requests.into()).into_iter().zip([0, 1, 2, 1, 1]) {
        let StoreReply::Block(Ok(bytes)) = reply else { panic!("block {index}: {reply:?}") };
        assert!(bytes == whole.slice(index * block..((index + 1) * block).min(whole.len())), "block {index}");
    }
    assert_eq!(store.delete(std::slice::from_ref(&key)), Ok(vec![key.clone()]));
    assert_eq!(store.block(&key, 1), Err(Failure::Missing), "a cached block outlives its object");
}

fn overwriting(store: &mut Store<'_>) {
    let key = store.key("overwritten");
    let first = store.put(&key, "first", Condition::Always).expect("a plain PUT");
    let second = store.put(&key, "second", Condition::Always).expect("a plain PUT");
    assert_ne!(first, second, "other bytes are another version");
    assert_eq!(store.get(&key, None), Ok((Bytes::from("second"), second)));
}

fn creating(store: &mut Store<'_>) {
    let key = store.key("created/once");
    let version = store.put(&key, "mine", Condition::Absent).expect("nothing is there");
    assert_eq!(store.put(&key, "yours", Condition::Absent), Err(Failure::Precondition));
    assert_eq!(store.put(&key, "mine", Condition::Absent), Err(Failure::Precondition), "also for the same bytes");
    assert_eq!(store.get(&key, None), Ok((Bytes::from("mine"), version)));
    store.delete(std::slice::from_ref(&key)).expect("it is there");
    store.put(&key, "again", Condition::Absent).expect("nothing is there any more");
}

/// Of 32 racing creates exactly one wins, and its bytes are there. Several rounds: a store that checks and then acts
/// passes one by luck.
fn racing_creates(store: &mut Store<'_>) {
    for round in 0..10 {
        let key = store.key(&format!("race/{round}"));
        let bytes = |racer: usize| Bytes::from(format!("racer {racer}"));
        let puts = (0..32).map(|racer| (key.clone(), bytes(racer), Condition::Absent)).collect();
        let outcomes = store.put_all(puts);
        let winners: Vec<usize> = (0..32).filter(|racer| outcomes[*racer].is_ok()).collect();
        assert!(winners.len() == 1, "{} of 32 racing creates won: {outcomes:?}", winners.len());
        let losers = outcomes.iter().filter(|outcome| **outcome == Err(Failure::Precondition)).count();
        assert!(losers == 31, "losers of a race see the precondition fail: {outcomes:?}");
        let (read, _) = store.get(&key, None).expect("one has won");
        assert_eq!(read, bytes(winners[0]), "the winner's bytes are there");
    }
}

fn swapping(store: &mut Store<'_>) {
    let key = store.key("swapped");
    assert_eq!(store.put(&key, "x", Condition::Match(no_version())), Err(Failure::Missing));
    let first = store.put(&key, "one", Condition::Absent).expect("nothing is there");
    let second = store.put(&key, "two", Condition::Match(first.clone())).expect("the version is right");
    assert_eq!(store.put(&key, "three", Condition::Match(first)), Err(Failure::Precondition));
    assert_eq!(store.get(&key, None), Ok((Bytes::from("two"), second.clone())));
    let (_, seen) = store.head(&key).expect("it is there");
    store.put(&key, "three", Condition::Match(seen)).expect("HEAD names the version");
    assert_eq!(store.put(&key, "four", Condition::Match(second)), Err(Failure::Precondition));
    store.delete(std::slice::from_ref(&key)).expect("it is there");
}

fn racing_swaps(store: &mut Store<'_>) {
    let key = store.key("swap-race");
    let mut version = store.put(&key, "start", Condition::Absent).expect("nothing is there");
    for round in 0..5 {
        let bytes = |racer: usize| Bytes::from(format!("{round}: racer {racer}"));
        let puts = (0..16).map(|racer| (key.clone(), bytes(racer), Condition::Match(version.clone()))).collect();
        let outcomes = store.put_all(puts);
        let winners: Vec<usize> = (0..16).filter(|racer| outcomes[*racer].is_ok()).collect();
        assert!(winners.len() == 1, "{} of 16 racing swaps won: {outcomes:?}", winners.len());
        let (read, now) = store.get(&key, None).expect("it is there");
        assert_eq!(read, bytes(winners[0]), "the winner's bytes are there");
        assert_eq!(outcomes[winners[0]], Ok(now.clone()), "the winner's version is there");
        version = now;
    }
}
