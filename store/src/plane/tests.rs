//! The plane over a directory.

use std::sync::Mutex;
use std::sync::mpsc;

use apus_core::limits::BLOCK_BYTES;
use apus_core::world::{Condition, Failure};

use super::*;

fn start(path: &std::path::Path) -> (Plane, mpsc::Receiver<(CoreId, Ticket, StoreReply)>) {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    let sink: Sink = Arc::new(move |core, ticket, reply| {
        let _ = sender.lock().expect("no panic holds it").send((core, ticket, reply));
    });
    let plane = Plane::start(PlaneConfig::new(Location::Directory(path.to_owned())), sink).expect("a directory");
    (plane, receiver)
}

fn put(key: &str, bytes: usize) -> StoreRequest {
    let body = Body::new(vec![Bytes::from(vec![7; bytes])]);
    StoreRequest::Put { key: ObjectKey::new(key), body, condition: Condition::Always }
}

#[test]
fn a_ticket_comes_back_to_its_core() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (plane, replies) = start(directory.path());
    plane.check().expect("a directory is usable");
    let handle = plane.handle();
    handle.submit(CoreId(3), Ticket(41), put("a/b", 10)).expect("room");
    let (core, ticket, reply) = replies.recv().expect("a reply");
    assert_eq!((core, ticket), (CoreId(3), Ticket(41)));
    assert!(matches!(reply, StoreReply::Put(Ok(_))), "{reply:?}");
    assert_eq!(handle.counters().operation(crate::retry::Operation::PutAlways).bytes.get(), 10);
    plane.stop(Duration::from_secs(5));
    let refused = handle.submit(CoreId(0), Ticket(1), put("a/c", 1));
    assert!(matches!(refused, Err(StoreRequest::Put { .. })), "a stopped plane takes nothing");
}

#[test]
fn blocks_are_fetched_once_and_then_synchronous() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (plane, replies) = start(directory.path());
    let handle = plane.handle();
    let key = ObjectKey::new("v1/d/00/pack");
    handle.submit(CoreId(0), Ticket(1), put("v1/d/00/pack", BLOCK_BYTES as usize + 5)).expect("room");
    replies.recv().expect("a reply");
    assert!(handle.cached_block(&key, 1).is_none());
    for ticket in 2..10 {
        let request = StoreRequest::Block { key: key.clone(), index: 1 };
        handle.submit(CoreId(0), Ticket(ticket), request).expect("room");
    }
    for _ in 2..10 {
        let (_, _, reply) = replies.recv().expect("a reply");
        assert!(matches!(reply, StoreReply::Block(Ok(bytes)) if bytes.len() == 5));
    }
    assert_eq!(handle.cached_block(&key, 1).map(|bytes| bytes.len()), Some(5));
    let counters = plane.counters();
    assert_eq!(counters.blocks_missed.get(), 1);
    handle.submit(CoreId(0), Ticket(10), StoreRequest::Delete { keys: vec![key.clone()] }).expect("room");
    replies.recv().expect("a reply");
    assert!(handle.cached_block(&key, 1).is_none());
}

#[test]
fn a_warmed_object_needs_no_store() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (plane, _replies) = start(directory.path());
    let handle = plane.handle();
    let key = ObjectKey::new("v1/d/00/hot");
    assert!(handle.cached_block(&key, 1).is_none(), "somebody reads old objects");
    handle.warm(key.clone(), Body::new(vec![Bytes::from(vec![1; BLOCK_BYTES as usize + 1])]));
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while handle.cached_block(&key, 1).is_none() {
        assert!(std::time::Instant::now() < deadline, "warming takes too long");
        std::thread::yield_now();
    }
    assert_eq!(handle.cached_block(&key, 0).map(|bytes| bytes.len()), Some(BLOCK_BYTES as usize));
}

#[test]
fn too_many_reads_come_back_and_every_ticket_ends() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (plane, replies) = start(directory.path());
    let handle = plane.handle();
    let key = ObjectKey::new("none");
    let taken = (0..20_000)
        .filter(|ticket| handle.submit(CoreId(0), Ticket(*ticket), StoreRequest::Head { key: key.clone() }).is_ok())
        .count();
    handle.submit(CoreId(0), Ticket(99_999), put("a/b", 1)).expect("writes have room of their own");
    // Dropped at once: what is under way is answered all the same.
    drop(plane);
    drop(handle);
    let answers: Vec<StoreReply> = replies.iter().map(|(_, _, reply)| reply).collect();
    assert_eq!(answers.len(), taken + 1);
    for answer in answers {
        let fine = matches!(
            answer,
            StoreReply::Head(Err(Failure::Missing | Failure::Unknown(_)))
                | StoreReply::Put(Ok(_) | Err(Failure::Unknown(_)))
        );
        assert!(fine, "{answer:?}");
    }
}
