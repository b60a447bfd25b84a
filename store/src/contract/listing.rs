//! Many objects: names in byte order, pages, deletion of many.

use apus_core::world::{Condition, Failure, ObjectKey};
use bytes::Bytes;

use super::Store;

/// Names whose order as paths differs from their order as bytes, and neighbours of prefixes.
const NAMES: [&str; 10] = ["a", "a-b", "a.b/c", "a0/b", "b/1/x", "b/1/y", "b/10/x", "b/2", "b-1", "c/d/e/f"];

pub(super) fn check(store: &mut Store<'_>) {
    order_and_prefixes(store);
    pages(store);
    deleting_many(store);
}

fn fill(store: &mut Store<'_>, keys: &[ObjectKey]) {
    let puts = keys.iter().map(|key| (key.clone(), Bytes::from(key.to_string()), Condition::Always)).collect();
    for (outcome, key) in store.put_all(puts).into_iter().zip(keys) {
        outcome.unwrap_or_else(|failure| panic!("a plain PUT of {key}: {failure}"));
    }
}

fn names(store: &mut Store<'_>, below: &str, after: Option<&ObjectKey>, count_max: u16) -> Vec<String> {
    let listed = store.list(below, after, count_max).expect("a listing");
    let strip = format!("{}/", store.prefix);
    let name = |key: &ObjectKey| key.as_str().strip_prefix(&strip).expect("below the prefix").to_owned();
    for listed in &listed {
        assert_eq!(listed.bytes, listed.key.as_str().len() as u64, "the length of {}", listed.key);
    }
    listed.iter().map(|listed| name(&listed.key)).collect()
}

fn order_and_prefixes(store: &mut Store<'_>) {
    let keys: Vec<ObjectKey> = NAMES.iter().map(|name| store.key(&format!("list/{name}"))).collect();
    fill(store, &keys);
    let mut sorted: Vec<String> = NAMES.iter().map(|name| format!("list/{name}")).collect();
    sorted.sort_unstable();
    assert_eq!(names(store, "list/", None, 1_000), sorted, "all, in byte order");
    for prefix in ["list/b", "list/b/", "list/b/1", "list/b/1/", "list/a", "list/c/d/e/f", "list/c/d/e/f/", "list/zz"] {
        let wanted: Vec<String> = sorted.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
        assert_eq!(names(store, prefix, None, 1_000), wanted, "a prefix is a string, no directory: {prefix}");
    }
    for after in ["list/a", "list/a.", "list/b/1", "list/b/1/x", "list/b/1/zz", "list/c/d/e/f", "list/zz"] {
        let wanted: Vec<String> = sorted.iter().filter(|name| name.as_str() > after).cloned().collect();
        let after = store.key(after);
        assert_eq!(names(store, "list/", Some(&after), 1_000), wanted, "behind {after}");
    }
    assert_eq!(names(store, "list/", None, 0), Vec::<String>::new());
}

fn pages(store: &mut Store<'_>) {
    let keys: Vec<ObjectKey> =
        (0..125).map(|number| store.key(&format!("pages/{:02x}/{number:04}", number % 7))).collect();
    fill(store, &keys);
    let mut sorted: Vec<ObjectKey> = keys;
    sorted.sort_unstable();
    for count_max in [1, 10, 25, 124, 125, 126, 1_000] {
        let mut seen: Vec<ObjectKey> = Vec::new();
        loop {
            let after = seen.last().cloned();
            let page = store.list("pages/", after.as_ref(), count_max).expect("a page");
            let full = page.len() == usize::from(count_max);
            assert!(page.len() <= usize::from(count_max));
            seen.extend(page.into_iter().map(|listed| listed.key));
            if !full {
                break;
            }
        }
        assert!(seen == sorted, "pages of {count_max}: {} of {} keys", seen.len(), sorted.len());
    }
}

fn deleting_many(store: &mut Store<'_>) {
    let mut keys: Vec<ObjectKey> = (0..60).map(|number| store.key(&format!("many/{number}"))).collect();
    fill(store, &keys[..50]);
    keys.push(store.key("many/with & sign"));
    let mut gone = store.delete(&keys).expect("a deletion of many");
    gone.sort_unstable();
    keys.sort_unstable();
    assert_eq!(gone, keys, "missing objects count as deleted");
    assert_eq!(store.list("many/", None, 10), Ok(Vec::new()));
    assert_eq!(store.get(&keys[0], None), Err(Failure::Missing));
    assert_eq!(store.delete(&[]), Ok(Vec::new()));
}
