//! The store plane: its threads, and how the cores hand them work.
//!
//! A core calls [`PlaneHandle::submit`] and goes on; the reply comes back through the [`Sink`] under the same ticket,
//! from one of the plane's threads. Memory hits of the block cache are answered on the core itself
//! ([`PlaneHandle::cached_block`]).
//!
//! - Each accepted request is answered exactly once, also where its task dies or the plane ends: then as unknown.
//! - What is accepted and not yet answered is bounded, reads and writes apart, so that old reads never keep a write
//!   out. Beyond the bound the request comes straight back.
//! - Nothing polls: the first request after idleness wakes one thread, those that follow find it awake.

mod desk;
mod interest;
mod perform;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use apus_core::ids::{CoreId, Ticket};
use apus_core::world::{Body, ObjectKey, StoreReply, StoreRequest};
use bytes::Bytes;
use crossbeam::queue::ArrayQueue;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::Unusable;
use crate::backend::Backend;
use crate::cache::{BlockCache, BlockKey, CacheConfig};
use crate::counters::StoreCounters;
use crate::directory::Directory;
use crate::s3::{Bucket, S3Config};
use desk::{Desk, Owed, REQUESTS_MAX};
use interest::Interest;
use perform::Performer;

/// Takes a reply to the core that asked; called from the plane's threads, must not block.
pub type Sink = Arc<dyn Fn(CoreId, Ticket, StoreReply) + Send + Sync>;

/// Where the objects live.
#[derive(Clone, Debug)]
pub enum Location {
    /// A local directory.
    Directory(PathBuf),
    /// A bucket.
    S3(S3Config),
}

/// How the plane works.
#[derive(Clone, Debug)]
pub struct PlaneConfig {
    /// Where the objects live.
    pub location: Location,
    /// The block cache; a disk tier in front of a local directory is left out.
    pub cache: CacheConfig,
    /// Threads that drive requests; by default a quarter of the cores, rounded up.
    pub threads: usize,
    /// How long a request may take, repetitions included.
    pub deadline: Duration,
    /// How long one attempt may take, for bodies up to 4 MiB; larger ones get a second for each MiB more.
    pub attempt: Duration,
    /// Whether slow uploads are sent a second time.
    pub hedge: bool,
}

impl PlaneConfig {
    /// The defaults for a location: 30 s in all, 10 s an attempt, hedging, 64 MiB of cache in memory.
    #[must_use]
    pub fn new(location: Location) -> PlaneConfig {
        PlaneConfig {
            location,
            cache: CacheConfig { memory_bytes: 64 << 20, disk: None },
            threads: available_parallelism().map_or(1, |cores| cores.get().div_ceil(4)),
            deadline: Duration::from_secs(30),
            attempt: Duration::from_secs(10),
            hedge: true,
        }
    }
}

/// Threads for blocking calls: all uploads of a directory store (64) and its cold reads (16) at once, and some for
/// the cache's disk and for name look-ups. They exist only while there is work, and 10 s longer.
const BLOCKING_THREADS_MAX: usize = 96;
/// Objects whose blocks may wait to be copied into the cache; more are not worth the memory they hold.
const WARMS_MAX: usize = 16;
/// How long the cache may take to end.
const CLOSE: Duration = Duration::from_secs(5);
/// How long threads may take to end.
const END: Duration = Duration::from_secs(1);

enum Job {
    Perform(Owed, StoreRequest),
    Warm(ObjectKey, Body),
}

struct Shared {
    desk: Arc<Desk>,
    queue: ArrayQueue<Job>,
    wake: Notify,
    ended: AtomicBool,
    warms: AtomicU64,
    interest: Interest,
    performer: Arc<Performer>,
}

/// The running plane. Dropping it ends it at once; [`Plane::stop`] lets it finish.
pub struct Plane {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
}

impl Plane {
    /// Opens store and cache and starts the threads. The error is a sentence for a person.
    pub fn start(config: PlaneConfig, sink: Sink) -> Result<Plane, String> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("apus-store")
            .enable_all()
            .build()
            .map_err(|error| format!("the store's threads cannot start: {error}"))?;
        let backend = match &config.location {
            Location::Directory(path) => Backend::Directory(Arc::new(
                Directory::open(path).map_err(|error| format!("cannot use {} as a store: {error}", path.display()))?,
            )),
            Location::S3(bucket) => Backend::S3(Arc::new(Bucket::new(bucket)?)),
        };
        let counters = Arc::new(StoreCounters::default());
        let mut cache = config.cache.clone();
        if matches!(backend, Backend::Directory(_)) {
            cache.disk = None;
        }
        let blocks = runtime.block_on(BlockCache::open(&cache, Arc::clone(&counters)))?;
        let performer = Arc::new(Performer::new(backend, blocks, &config, Arc::clone(&counters)));
        let shared = Arc::new(Shared {
            desk: Arc::new(Desk::new(sink, counters)),
            queue: ArrayQueue::new(REQUESTS_MAX + WARMS_MAX),
            wake: Notify::new(),
            ended: AtomicBool::new(false),
            warms: AtomicU64::new(0),
            interest: Interest::new(cache.disk.is_some()),
            performer,
        });
        runtime.spawn(dispatch(Arc::clone(&shared)));
        Ok(Plane { runtime: Some(runtime), shared })
    }

    /// A handle for a core; cheap to clone.
    #[must_use]
    pub fn handle(&self) -> PlaneHandle {
        PlaneHandle { shared: Arc::clone(&self.shared) }
    }

    /// Is the store usable as it is configured? Asks it once. Must not be called from one of the plane's threads.
    ///
    /// # Errors
    /// Why not, as a sentence for a person.
    pub fn check(&self) -> Result<(), Unusable> {
        let runtime = self.runtime.as_ref().expect("a plane has its runtime until it is stopped");
        runtime.block_on(self.shared.performer.check())
    }

    /// What the plane has counted.
    #[must_use]
    pub fn counters(&self) -> Arc<StoreCounters> {
        self.handle().counters()
    }

    /// Takes no more requests, waits at most `grace` for those under way, and ends. What is not answered by then is
    /// answered as unknown.
    pub fn stop(mut self, grace: Duration) {
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        let Some(runtime) = self.runtime.take() else { return };
        self.shared.ended.store(true, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        runtime.block_on(async {
            let _ = tokio::time::timeout(grace, shared.desk.settled()).await;
            shared.wake.notify_one();
            if grace > Duration::ZERO {
                let _ = tokio::time::timeout(CLOSE, shared.performer.close()).await;
            }
        });
        runtime.shutdown_timeout(END);
        while self.shared.queue.pop().is_some() {}
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// What a core holds of the plane.
#[derive(Clone)]
pub struct PlaneHandle {
    shared: Arc<Shared>,
}

impl PlaneHandle {
    /// Hands a request over. It comes back where too many are under way, or the plane has ended.
    pub fn submit(&self, core: CoreId, ticket: Ticket, request: StoreRequest) -> Result<(), StoreRequest> {
        let shared = &self.shared;
        if shared.ended.load(Ordering::Relaxed) {
            return Err(request);
        }
        let Some(owed) = shared.desk.accept(core, ticket, &request) else { return Err(request) };
        // There is room: the queue holds as many as the desk accepts.
        if let Err(Job::Perform(owed, request)) = shared.queue.push(Job::Perform(owed, request)) {
            owed.withdraw();
            return Err(request);
        }
        shared.wake.notify_one();
        Ok(())
    }

    /// A block that is in memory, without waiting; from any thread.
    #[must_use]
    pub fn cached_block(&self, key: &ObjectKey, index: u32) -> Option<Bytes> {
        self.shared.interest.read();
        self.shared.performer.cached_block(&BlockKey::new(key, index))
    }

    /// Bytes of blocks that the cache holds in memory.
    #[must_use]
    pub fn cached_bytes(&self) -> u64 {
        self.shared.performer.cached_bytes()
    }

    /// Puts the blocks of an object that leaves the hot tier into the cache; left out where nobody reads old objects, and
    /// where too many wait already.
    pub fn warm(&self, key: ObjectKey, body: Body) {
        let shared = &self.shared;
        if !shared.interest.takes() {
            return;
        }
        if shared.warms.fetch_add(1, Ordering::Relaxed) >= WARMS_MAX as u64
            || shared.ended.load(Ordering::Relaxed)
            || shared.queue.push(Job::Warm(key, body)).is_err()
        {
            shared.warms.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        shared.wake.notify_one();
    }

    /// Drops what the cache holds of an object; from any thread.
    pub fn forget(&self, key: &ObjectKey) {
        self.shared.performer.forget(key);
    }

    /// What the plane has counted.
    #[must_use]
    pub fn counters(&self) -> Arc<StoreCounters> {
        Arc::clone(self.shared.desk.counters())
    }
}

/// Turns the queue into tasks until the plane ends.
async fn dispatch(shared: Arc<Shared>) {
    while !shared.ended.load(Ordering::Relaxed) || !shared.queue.is_empty() {
        while let Some(job) = shared.queue.pop() {
            match job {
                Job::Perform(owed, request) => {
                    let performer = Arc::clone(&shared.performer);
                    tokio::spawn(async move { owed.settle(performer.perform(request).await) });
                }
                Job::Warm(key, body) => {
                    shared.performer.warm(&key, &body);
                    shared.warms.fetch_sub(1, Ordering::Relaxed);
                    // A copy of a pack is a millisecond: requests behind it get their turn on another thread.
                    tokio::task::yield_now().await;
                }
            }
        }
        shared.wake.notified().await;
    }
}

#[cfg(test)]
mod tests;
