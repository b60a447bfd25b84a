//! Single flight: concurrent misses of one block are one fetch, and all of them get its outcome.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use apus_core::world::Failure;
use bytes::Bytes;
use tokio::sync::OnceCell;

use crate::cache::BlockKey;

type Outcome = Result<Bytes, Failure>;

/// The fetches under way, by block.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<BlockKey, Arc<OnceCell<Outcome>>>>,
}

impl Flights {
    /// Waits for the block's fetch, or does it where nobody does. Where the one who fetches is given up, the next one
    /// that waits takes over.
    pub(crate) async fn join<F: Future<Output = Outcome>>(&self, key: BlockKey, fetch: impl FnOnce() -> F) -> Outcome {
        let cell = Arc::clone(self.lock().entry(key.clone()).or_default());
        let outcome = cell.get_or_init(fetch).await.clone();
        let mut under_way = self.lock();
        if under_way.get(&key).is_some_and(|current| Arc::ptr_eq(current, &cell)) {
            under_way.remove(&key);
        }
        outcome
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<BlockKey, Arc<OnceCell<Outcome>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use apus_core::world::ObjectKey;

    use super::*;

    #[tokio::test]
    async fn many_misses_are_one_fetch() {
        let flights = Flights::default();
        let fetches = AtomicU32::new(0);
        let key = BlockKey::new(&ObjectKey::new("a/b"), 3);
        let fetch = || async {
            fetches.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(Bytes::from_static(b"block"))
        };
        let (one, two, three) = tokio::join!(
            flights.join(key.clone(), fetch),
            flights.join(key.clone(), fetch),
            flights.join(key.clone(), fetch)
        );
        assert!([one, two, three].iter().all(|outcome| outcome.as_deref() == Ok(b"block".as_slice())));
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
        assert!(flights.lock().is_empty());
        assert_eq!(flights.join(key, || async { Err(Failure::Missing) }).await, Err(Failure::Missing));
    }
}
