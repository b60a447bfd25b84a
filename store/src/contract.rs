//! The contract that every store keeps: the directory, S3 servers, and the simulated store, so that the simulation is
//! not kinder than the world.
//!
//! The store is a function from requests to replies, in their order; what stands in one vector is asked at the same
//! time. Each check panics with a sentence where the contract is broken. Keys lie below a prefix of the caller's, so a
//! suite can run twice on the same bucket.
//!
//! - [`calm`]: exact answers of a store without faults.
//! - [`stormy`]: what must hold all the same while requests fail, are answered late or not at all.

mod listing;
mod objects;
mod storm;

use std::sync::Arc;

use apus_core::world::{Body, Condition, Etag, Failure, Listed, ObjectKey, StoreReply, StoreRequest};
use bytes::Bytes;

/// A store: replies in the order of the requests, which are asked at the same time.
pub type Ask<'a> = &'a mut dyn FnMut(Vec<StoreRequest>) -> Vec<StoreReply>;

/// Checks all answers of a store without faults.
pub fn calm(prefix: &str, ask: Ask<'_>) {
    let mut store = Store { prefix, ask };
    objects::check(&mut store);
    listing::check(&mut store);
}

/// Checks what must hold while the store fails. Ends when everything in doubt is resolved.
pub fn stormy(prefix: &str, ask: Ask<'_>) {
    storm::check(&mut Store { prefix, ask });
}

/// The store under test, in the words of the checks.
struct Store<'a> {
    prefix: &'a str,
    ask: Ask<'a>,
}

impl Store<'_> {
    fn key(&self, name: &str) -> ObjectKey {
        ObjectKey::new(&format!("{}/{name}", self.prefix))
    }

    fn ask_all(&mut self, requests: Vec<StoreRequest>) -> Vec<StoreReply> {
        let count = requests.len();
        let replies = (self.ask)(requests);
        assert!(replies.len() == count, "{} replies to {count} requests", replies.len());
        replies
    }

    fn ask_one(&mut self, request: StoreRequest) -> StoreReply {
        self.ask_all(vec![request]).remove(0)
    }

    fn put_all(&mut self, puts: Vec<(ObjectKey, Bytes, Condition)>) -> Vec<Result<Etag, Failure>> {
        let requests = puts.into_iter().map(|(key, bytes, condition)| StoreRequest::Put {
            key,
            body: Body::new(vec![bytes]),
            condition,
        });
        self.ask_all(requests.collect())
            .into_iter()
            .map(|reply| match reply {
                StoreReply::Put(outcome) => outcome,
                other => panic!("{other:?} answers a PUT"),
            })
            .collect()
    }

    fn put(&mut self, key: &ObjectKey, bytes: impl Into<Bytes>, condition: Condition) -> Result<Etag, Failure> {
        self.put_all(vec![(key.clone(), bytes.into(), condition)]).remove(0)
    }

    fn get(&mut self, key: &ObjectKey, range: Option<std::ops::Range<u64>>) -> Result<(Bytes, Etag), Failure> {
        match self.ask_one(StoreRequest::Get { key: key.clone(), range }) {
            StoreReply::Get(outcome) => outcome,
            other => panic!("{other:?} answers a GET"),
        }
    }

    fn block(&mut self, key: &ObjectKey, index: u32) -> Result<Bytes, Failure> {
        match self.ask_one(StoreRequest::Block { key: key.clone(), index }) {
            StoreReply::Block(outcome) => outcome,
            other => panic!("{other:?} answers for a block"),
        }
    }

    fn head(&mut self, key: &ObjectKey) -> Result<(u64, Etag), Failure> {
        match self.ask_one(StoreRequest::Head { key: key.clone() }) {
            StoreReply::Head(outcome) => outcome,
            other => panic!("{other:?} answers a HEAD"),
        }
    }

    fn list(&mut self, below: &str, after: Option<&ObjectKey>, count_max: u16) -> Result<Vec<Listed>, Failure> {
        let prefix = format!("{}/{below}", self.prefix);
        match self.ask_one(StoreRequest::List { prefix, after: after.cloned(), count_max }) {
            StoreReply::List(outcome) => outcome,
            other => panic!("{other:?} answers a LIST"),
        }
    }

    fn delete(&mut self, keys: &[ObjectKey]) -> Result<Vec<ObjectKey>, Failure> {
        match self.ask_one(StoreRequest::Delete { keys: keys.to_vec() }) {
            StoreReply::Delete(outcome) => outcome,
            other => panic!("{other:?} answers a DELETE"),
        }
    }
}

/// Bytes that are different at each position and for each salt.
fn pattern(salt: u64, count: usize) -> Bytes {
    let byte = |index: u64| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt * 0x1234_5679) >> 32) as u8;
    Bytes::from((0..count as u64).map(byte).collect::<Vec<u8>>())
}

/// A version that no store ever gave.
fn no_version() -> Etag {
    Etag(Arc::from("\"00000000000000000000000000000000\""))
}
