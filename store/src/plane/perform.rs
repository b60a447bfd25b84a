//! A request from acceptance to reply: deadline, attempts, repetition, hedging, cache.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apus_core::limits::BLOCK_BYTES;
use apus_core::world::{Body, Condition, Etag, Failure, Listed, ObjectKey, StoreReply, StoreRequest};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::PlaneConfig;
use crate::Unusable;
use crate::backend::Backend;
use crate::cache::{BlockCache, BlockKey};
use crate::counters::StoreCounters;
use crate::flight::Flights;
use crate::hedge::Hedge;
use crate::retry::{History, Meaning, Observed, Operation, allowance, judge, overloaded};

/// Cold blocks fetched at once from a bucket: 64 MiB in flight.
const COLD_GETS_MAX: usize = 64;
/// The same from a directory: a disk gains nothing from more.
const COLD_READS_MAX: usize = 16;
/// Names in one listing: S3's own bound.
const LIST_COUNT_MAX: usize = 1_000;

pub(super) struct Performer {
    backend: Backend,
    cache: BlockCache,
    flights: Flights,
    cold: Semaphore,
    hedge: Mutex<Hedge>,
    deadline: Duration,
    attempt: Duration,
    counters: Arc<StoreCounters>,
    dice: AtomicU64,
}

impl Performer {
    pub(super) fn new(
        backend: Backend,
        cache: BlockCache,
        config: &PlaneConfig,
        counters: Arc<StoreCounters>,
    ) -> Performer {
        let (cold, attempt, hedge) = match &backend {
            Backend::S3(_) => (COLD_GETS_MAX, config.attempt, config.hedge),
            // A disk does not lose requests: one attempt may take all the time there is.
            Backend::Directory(_) => (COLD_READS_MAX, config.deadline, false),
        };
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
        Performer {
            backend,
            cache,
            flights: Flights::default(),
            cold: Semaphore::new(cold),
            hedge: Mutex::new(Hedge::new(hedge)),
            deadline: config.deadline,
            attempt,
            counters,
            dice: AtomicU64::new(seed ^ u64::from(std::process::id()) << 40),
        }
    }

    pub(super) fn cached_block(&self, key: &BlockKey) -> Option<Bytes> {
        self.cache.in_memory(key)
    }

    pub(super) fn cached_bytes(&self) -> u64 {
        self.cache.memory_bytes()
    }

    pub(super) fn warm(&self, key: &ObjectKey, body: &Body) {
        self.cache.warm(key, body);
    }

    pub(super) fn forget(&self, key: &ObjectKey) {
        self.cache.forget(key);
    }

    pub(super) async fn check(&self) -> Result<(), Unusable> {
        let slow = || Unusable::Silent(format!("the store did not answer within {} s", self.attempt.as_secs_f32()));
        timeout(self.attempt, self.backend.check()).await.map_err(|_| slow())?
    }

    pub(super) async fn close(&self) {
        self.cache.close().await;
    }

    pub(super) async fn perform(self: Arc<Performer>, request: StoreRequest) -> StoreReply {
        match request {
            StoreRequest::Put { key, body, condition } => StoreReply::Put(self.put(key, body, condition).await),
            StoreRequest::Get { key, range } => StoreReply::Get(self.get(&key, range).await),
            StoreRequest::Block { key, index } => StoreReply::Block(self.block(&key, index).await),
            StoreRequest::Head { key } => {
                let attempt = || self.backend.head(&key);
                StoreReply::Head(self.repeat(Operation::Head, 0, Instant::now(), attempt).await)
            }
            StoreRequest::List { prefix, after, count_max } => {
                StoreReply::List(self.list(&prefix, after.as_ref(), count_max).await)
            }
            StoreRequest::Delete { keys } => StoreReply::Delete(self.delete(&keys).await),
        }
    }

    async fn put(self: &Arc<Performer>, key: ObjectKey, body: Body, condition: Condition) -> Result<Etag, Failure> {
        let bytes = body.bytes();
        let since = Instant::now();
        let outcome = if condition == Condition::Always {
            self.repeat(Operation::PutAlways, bytes, since, || self.put_hedged(&key, &body)).await
        } else {
            let attempt = || self.backend.put(&key, &body, &condition);
            self.repeat(Operation::PutConditional, bytes, since, attempt).await
        };
        if outcome.is_ok() {
            let operation =
                if condition == Condition::Always { Operation::PutAlways } else { Operation::PutConditional };
            self.counters.operation(operation).bytes.add(bytes);
        }
        outcome
    }

    /// One plain upload, and a second copy of it where the first is slow. The copy that loses runs to its end:
    /// breaking it off would cost a connection and save nothing.
    async fn put_hedged(self: &Arc<Performer>, key: &ObjectKey, body: &Body) -> Result<Etag, Observed> {
        let Some(delay) = self.hedge().begin(Instant::now(), body.bytes()) else {
            return self.put_once(key, body).await;
        };
        let mut first = self.spawn_put(key, body);
        if let Ok(outcome) = timeout(delay, &mut first).await {
            return joined(outcome);
        }
        if !self.hedge().spend(Instant::now()) {
            return joined(first.await);
        }
        self.counters.hedges_sent.add(1);
        self.counters.operation(Operation::PutAlways).attempts.add(1);
        let mut second = self.spawn_put(key, body);
        let (outcome, rest, won) = tokio::select! {
            outcome = &mut first => (joined(outcome), second, false),
            outcome = &mut second => (joined(outcome), first, true),
        };
        let early = match outcome {
            Ok(etag) => {
                self.counters.hedges_won.add(u64::from(won));
                return Ok(etag);
            }
            Err(observed) => observed,
        };
        joined(rest.await).map_err(|late| {
            // Doubt about either copy is doubt about the upload.
            let doubtful = judge(Operation::PutAlways, &early).meaning == Meaning::Unknown;
            if doubtful { early } else { late }
        })
    }

    fn spawn_put(self: &Arc<Performer>, key: &ObjectKey, body: &Body) -> JoinHandle<Result<Etag, Observed>> {
        let (performer, key, body) = (Arc::clone(self), key.clone(), body.clone());
        tokio::spawn(async move {
            let limit = performer.attempt + allowance(body.bytes());
            timeout(limit, performer.put_once(&key, &body)).await.unwrap_or(Err(Observed::Timeout))
        })
    }

    async fn put_once(&self, key: &ObjectKey, body: &Body) -> Result<Etag, Observed> {
        let since = Instant::now();
        let outcome = self.backend.put(key, body, &Condition::Always).await;
        if outcome.is_ok() {
            self.hedge().observe(body.bytes(), since.elapsed());
        }
        outcome
    }

    async fn get(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<(Bytes, Etag), Failure> {
        let bytes = range.as_ref().map_or(BLOCK_BYTES, |range| range.end.saturating_sub(range.start));
        self.repeat(Operation::Get, bytes, Instant::now(), || self.backend.get(key, range.clone())).await
    }

    async fn block(&self, key: &ObjectKey, index: u32) -> Result<Bytes, Failure> {
        let block = BlockKey::new(key, index);
        if let Some(bytes) = self.cache.in_memory(&block) {
            return Ok(bytes);
        }
        self.flights.join(block.clone(), || self.fetch(block)).await
    }

    /// A block that is not in memory: from the cache's disk, or from the store.
    async fn fetch(&self, block: BlockKey) -> Result<Bytes, Failure> {
        let since = Instant::now();
        if let Some(bytes) = self.cache.on_disk(&block).await {
            return Ok(bytes);
        }
        self.counters.blocks_missed.add(1);
        let busy = || Failure::Definite(Arc::from("too many reads wait for the store"));
        let Ok(Ok(_permit)) = timeout(self.deadline, self.cold.acquire()).await else { return Err(busy()) };
        let start = u64::from(block.index()) * BLOCK_BYTES;
        let range = start..start + BLOCK_BYTES;
        let attempt = || self.backend.get(block.object(), Some(range.clone()));
        let (bytes, _) = self.repeat(Operation::Get, BLOCK_BYTES, since, attempt).await?;
        self.cache.insert(block, bytes.clone());
        Ok(bytes)
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>, count_max: u16) -> Result<Vec<Listed>, Failure> {
        let count_max = usize::from(count_max).min(LIST_COUNT_MAX);
        if count_max == 0 {
            return Ok(Vec::new());
        }
        let attempt = || self.backend.list(prefix, after, count_max);
        self.repeat(Operation::List, 0, Instant::now(), attempt).await
    }

    async fn delete(&self, keys: &[ObjectKey]) -> Result<Vec<ObjectKey>, Failure> {
        // Before, so that nobody reads what is about to go; whoever still fetches has it for himself.
        keys.iter().for_each(|key| self.cache.forget(key));
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.repeat(Operation::Delete, 0, Instant::now(), || self.backend.delete(keys)).await
    }

    /// Attempts until one succeeds, or the table or the deadline says that it is over.
    async fn repeat<T, F: Future<Output = Result<T, Observed>>>(
        &self,
        operation: Operation,
        bytes: u64,
        since: Instant,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Failure> {
        let extra = allowance(bytes);
        let mut history = History::default();
        loop {
            let left = (self.deadline + extra).saturating_sub(since.elapsed());
            self.counters.operation(operation).attempts.add(1);
            let outcome = timeout(left.min(self.attempt + extra), attempt()).await.unwrap_or(Err(Observed::Timeout));
            let observed = match outcome {
                Ok(answer) => return Ok(answer),
                Err(observed) => observed,
            };
            if overloaded(&observed) {
                self.counters.slow_downs.add(1);
                self.hedge().slow_down(Instant::now());
            }
            let left = (self.deadline + extra).saturating_sub(since.elapsed());
            sleep(history.next(operation, &observed, left, self.roll())?).await;
        }
    }

    fn hedge(&self) -> MutexGuard<'_, Hedge> {
        self.hedge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// 64 bits of chance for a pause (splitmix64).
    fn roll(&self) -> u64 {
        let mut bits = self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// A task of an upload that died may have done anything.
fn joined(outcome: Result<Result<Etag, Observed>, tokio::task::JoinError>) -> Result<Etag, Observed> {
    outcome.unwrap_or_else(|error| Err(Observed::Reset(format!("an upload did not end: {error}"))))
}
