//! Blocks of objects in memory and, where configured, on NVMe (foyer).
//!
//! Never a source of truth: a block may be gone at any time, and what comes back from the disk is checked against the
//! CRC32C that it was stored with. Objects never change, so a block is never wrong, only superfluous once its object is
//! deleted; [`BlockCache::forget`] then drops what it knows of, the rest ages out.
//!
//! Traps of foyer 0.22 that the numbers here avoid: an entry larger than the engine's block is silently not stored
//! (1 MiB against 16), a burst beyond the submit queue is silently dropped (so it holds 128), and its io_uring engine
//! spins when idle (so: psync).

mod entry;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use apus_core::limits::{BLOCK_BYTES, CACHE_DISK_BYTES_MIN};
use apus_core::world::{Body, ObjectKey};
use bytes::{BufMut, Bytes, BytesMut};
use foyer::{
    BlockEngineConfig, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder, LruConfig, PsyncIoEngineConfig,
    RecoverMode, Source,
};

pub use entry::BlockKey;
use entry::{Block, ENTRY_OVERHEAD_BYTES};

use crate::counters::StoreCounters;

/// How large the cache may grow, and where its disk tier lives.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Bytes of blocks in memory.
    pub memory_bytes: u64,
    /// The disk tier; nothing is none.
    pub disk: Option<CacheDisk>,
}

/// The disk tier.
#[derive(Clone, Debug)]
pub struct CacheDisk {
    /// A directory of its own.
    pub path: PathBuf,
    /// Bytes that it may hold, at least [`CACHE_DISK_BYTES_MIN`].
    pub bytes: u64,
}

/// The engine's unit of eviction: sixteen cache blocks.
const ENGINE_BLOCK_BYTES: u64 = 16 * BLOCK_BYTES;
const _: () = assert!(CACHE_DISK_BYTES_MIN >= 8 * ENGINE_BLOCK_BYTES);
/// Bytes that may wait for the disk: more than the memory tier can push out at once in practice.
const SUBMIT_BYTES_MAX: u64 = 128 * BLOCK_BYTES;
/// The flusher's buffer: what does not fit while it is being written is dropped as well (with 16 MiB, six blocks of a
/// burst of 28 were).
const FLUSH_BYTES: u64 = 64 * BLOCK_BYTES;
/// Memory a shard should hold at least, so that a block is a small part of it.
const SHARD_BYTES_MIN: u64 = 16 * BLOCK_BYTES;
/// Objects of which is remembered which blocks they may have here: ~100 bytes each.
const KNOWN_OBJECTS_MAX: usize = 65_536;

/// The cache of blocks.
#[derive(Debug)]
pub struct BlockCache {
    blocks: HybridCache<BlockKey, Block>,
    known: Mutex<Known>,
    counters: Arc<StoreCounters>,
}

impl BlockCache {
    /// Opens the cache; within a tokio runtime. The error is a sentence for a person.
    pub async fn open(config: &CacheConfig, counters: Arc<StoreCounters>) -> Result<BlockCache, String> {
        let memory_bytes =
            usize::try_from(config.memory_bytes).map_err(|_| "the cache is larger than memory can be")?;
        let shards = (config.memory_bytes / SHARD_BYTES_MIN).clamp(1, 8) as usize;
        let builder = HybridCacheBuilder::new()
            .with_name("blocks")
            .memory(memory_bytes)
            .with_shards(shards)
            .with_eviction_config(LruConfig::default())
            .with_weighter(|_: &BlockKey, block: &Block| block.bytes().len() + ENTRY_OVERHEAD_BYTES)
            .storage();
        let blocks = match &config.disk {
            None => builder.build().await.map_err(|error| format!("the block cache cannot start: {error}"))?,
            Some(disk) => {
                let trouble = |error| format!("the block cache cannot use {}: {error}", disk.path.display());
                if disk.bytes < CACHE_DISK_BYTES_MIN {
                    return Err(trouble(format!("{} bytes are less than {CACHE_DISK_BYTES_MIN}", disk.bytes)));
                }
                let bytes = usize::try_from(disk.bytes).map_err(|error| trouble(error.to_string()))?;
                let device = FsDeviceBuilder::new(&disk.path).with_capacity(bytes).with_direct(true).build();
                let engine = BlockEngineConfig::new(device.map_err(|error| trouble(error.to_string()))?)
                    .with_block_size(ENGINE_BLOCK_BYTES as usize)
                    .with_buffer_pool_size(FLUSH_BYTES as usize)
                    .with_submit_queue_size_threshold(SUBMIT_BYTES_MAX as usize);
                let builder = builder
                    .with_io_engine_config(PsyncIoEngineConfig::new())
                    .with_engine_config(engine)
                    .with_recover_mode(RecoverMode::Quiet);
                builder.build().await.map_err(|error| trouble(error.to_string()))?
            }
        };
        Ok(BlockCache { blocks, known: Mutex::default(), counters })
    }

    /// A block that is in memory, from any thread, without waiting.
    #[must_use]
    pub fn in_memory(&self, key: &BlockKey) -> Option<Bytes> {
        let entry = self.blocks.memory().get(key)?;
        self.counters.blocks_from_memory.add(1);
        Some(entry.value().bytes().clone())
    }

    /// Bytes that blocks take in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.blocks.memory().usage() as u64
    }

    /// A block that is on the cache's disk, or has come into memory since.
    pub async fn on_disk(&self, key: &BlockKey) -> Option<Bytes> {
        if !self.blocks.is_hybrid() {
            return None;
        }
        let block = match self.blocks.get(key).await {
            Ok(Some(entry)) if entry.source() != Source::Disk || entry.value().is_intact() => {
                entry.value().bytes().clone()
            }
            Ok(None) => return None,
            Ok(Some(_)) | Err(_) => {
                self.counters.blocks_corrupt.add(1);
                self.blocks.remove(key);
                return None;
            }
        };
        self.counters.blocks_from_disk.add(1);
        Some(block)
    }

    /// Takes a block in.
    pub fn insert(&self, key: BlockKey, bytes: Bytes) {
        assert!(bytes.len() as u64 <= BLOCK_BYTES, "a block of {} bytes", bytes.len());
        self.lock().note(key.object(), key.index());
        self.blocks.insert(key, Block::new(bytes));
    }

    /// Takes a whole object in, cut into blocks. The bytes are copied: a block must not keep its neighbours alive.
    pub fn warm(&self, object: &ObjectKey, body: &Body) {
        let mut block = BytesMut::new();
        let mut index = 0;
        for piece in body.pieces() {
            let mut rest = piece.clone();
            while !rest.is_empty() {
                let room = BLOCK_BYTES as usize - block.len();
                block.put(rest.split_to(room.min(rest.len())));
                if block.len() as u64 == BLOCK_BYTES {
                    self.insert(BlockKey::new(object, index), block.split().freeze());
                    index += 1;
                }
            }
        }
        if !block.is_empty() {
            self.insert(BlockKey::new(object, index), block.freeze());
        }
    }

    /// Drops the blocks of an object that was deleted, or is doubted.
    pub fn forget(&self, object: &ObjectKey) {
        let count = self.lock().blocks.remove(object).unwrap_or(0);
        for index in 0..count {
            self.blocks.remove(&BlockKey::new(object, index));
        }
    }

    /// Writes out what waits for the disk and ends the cache's tasks.
    pub async fn close(&self) {
        if let Err(error) = self.blocks.close().await {
            tracing::warn!(%error, "the block cache did not close cleanly");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many blocks an object may have here, of the newest objects.
#[derive(Debug, Default)]
struct Known {
    blocks: HashMap<ObjectKey, u32>,
    order: VecDeque<ObjectKey>,
}

impl Known {
    fn note(&mut self, object: &ObjectKey, index: u32) {
        if let Some(count) = self.blocks.get_mut(object) {
            *count = (*count).max(index.saturating_add(1));
            return;
        }
        self.blocks.insert(object.clone(), index.saturating_add(1));
        self.order.push_back(object.clone());
        if self.order.len() > KNOWN_OBJECTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.blocks.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
