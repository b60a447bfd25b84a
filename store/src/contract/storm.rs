//! What holds while the store fails: an answer that is given is true, and nothing in doubt stays so.

use apus_core::world::{Condition, Failure, ObjectKey};
use bytes::Bytes;

use super::{Store, pattern};

/// How often something in doubt is asked again before the store counts as gone.
const PATIENCE: usize = 1_000;

pub(super) fn check(store: &mut Store<'_>) {
    for round in 0..4 {
        plain_puts(store, round);
    }
    for round in 0..8 {
        racing_creates(store, round);
    }
    swaps(store);
    deletions(store);
}

/// Reads until there is an answer: bytes, or that there is nothing.
fn read(store: &mut Store<'_>, key: &ObjectKey) -> Option<Bytes> {
    for _ in 0..PATIENCE {
        match store.get(key, None) {
            Ok((bytes, _)) => return Some(bytes),
            Err(Failure::Missing) => return None,
            Err(Failure::Definite(_)) => {}
            Err(other) => panic!("a GET of {key}: {other}"),
        }
    }
    panic!("{PATIENCE} reads of {key} failed");
}

/// Written is readable, refused is not there, and what is read is never anything else.
fn plain_puts(store: &mut Store<'_>, round: u64) {
    let object = |number: u64| pattern(round * 100 + number, 1 + 20_000 * number as usize);
    let keys: Vec<ObjectKey> = (0..16).map(|number| store.key(&format!("plain/{round}/{number}"))).collect();
    let puts = keys.iter().zip(0..).map(|(key, number)| (key.clone(), object(number), Condition::Always)).collect();
    for (outcome, (key, number)) in store.put_all(puts).into_iter().zip(keys.iter().zip(0..)) {
        let there = read(store, key);
        assert!(there.iter().all(|bytes| *bytes == object(number)), "other bytes in {key}");
        match outcome {
            Ok(_) => assert!(there.is_some(), "{key} was written and is not there"),
            Err(Failure::Definite(_)) => assert!(there.is_none(), "{key} was refused and is there"),
            Err(Failure::Unknown(_)) => {}
            Err(other) => panic!("a plain PUT of {key}: {other}"),
        }
        if there.is_some() {
            for range in [0..1, 0..u64::MAX, 5..1_000] {
                let Ok((bytes, _)) = store.get(key, Some(range.clone())) else { continue };
                let whole = object(number);
                let cut = |position: u64| (position.min(whole.len() as u64)) as usize;
                assert!(bytes == whole.slice(cut(range.start.min(range.end))..cut(range.end)), "{range:?} of {key}");
            }
        }
    }
}

/// The only sound answer to doubt: the same key and bytes until 200 or 412, then compare. Then exactly one has won.
fn racing_creates(store: &mut Store<'_>, round: u64) {
    const RACERS: u64 = 8;
    let key = store.key(&format!("race/{round}"));
    let bytes = |racer: u64| Bytes::from(format!("racer {racer} of round {round}"));
    let mut sure = Vec::new();
    let mut open: Vec<u64> = (0..RACERS).collect();
    for _ in 0..PATIENCE {
        let puts = open.iter().map(|racer| (key.clone(), bytes(*racer), Condition::Absent)).collect();
        let outcomes = store.put_all(puts);
        let mut still = Vec::new();
        for (racer, outcome) in open.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => sure.push(racer),
                Err(Failure::Precondition) => {}
                Err(Failure::Unknown(_) | Failure::Definite(_)) => still.push(racer),
                Err(other) => panic!("a create of {key}: {other}"),
            }
        }
        open = still;
        if open.is_empty() {
            break;
        }
    }
    assert!(open.is_empty(), "{} creates of {key} never ended", open.len());
    let there = read(store, &key).expect("somebody has won");
    let winners: Vec<u64> = (0..RACERS).filter(|racer| bytes(*racer) == there).collect();
    assert!(winners.len() == 1, "{key} holds nobody's bytes");
    assert!(sure.iter().all(|racer| *racer == winners[0]), "told that they won: {sure:?}, there is {winners:?}");
}

/// A swap that succeeded is what is read, whatever became of the earlier ones.
fn swaps(store: &mut Store<'_>) {
    let key = store.key("swapped");
    let mut next = Condition::Absent;
    let mut swapped = 0;
    for number in 0..60 {
        let bytes = Bytes::from(format!("version {number}"));
        let outcome = store.put(&key, bytes.clone(), next.clone());
        if let Ok(version) = &outcome {
            swapped += 1;
            for _ in 0..PATIENCE {
                let Ok(read) = store.get(&key, None) else { continue };
                assert_eq!(read, (bytes, version.clone()), "a swap succeeded and something else is there");
                break;
            }
        }
        if let Ok((_, version)) = store.get(&key, None) {
            next = Condition::Match(version);
        }
    }
    assert!(swapped > 10, "{swapped} of 60 swaps succeeded");
}

/// What the store says is gone is not read again, but by an upload of before that was still on its way.
fn deletions(store: &mut Store<'_>) {
    let keys: Vec<ObjectKey> = (0..12).map(|number| store.key(&format!("gone/{number}"))).collect();
    let puts = keys.iter().map(|key| (key.clone(), Bytes::from(key.to_string()), Condition::Always)).collect();
    store.put_all(puts);
    let mut left = keys.clone();
    for _ in 0..PATIENCE {
        let gone = store.delete(&left).unwrap_or_default();
        assert!(gone.iter().all(|key| left.contains(key)), "deleted what nobody named");
        left.retain(|key| !gone.contains(key));
        if left.is_empty() {
            break;
        }
    }
    assert!(left.is_empty(), "{} deletions never ended", left.len());
    for key in &keys {
        assert!(read(store, key).is_none_or(|bytes| bytes == key.as_str()), "other bytes in {key}");
    }
}
