//! Both tiers through the public face.

use super::*;

fn config(memory_blocks: u64, disk: Option<CacheDisk>) -> CacheConfig {
    CacheConfig { memory_bytes: memory_blocks * (BLOCK_BYTES + 1_024), disk }
}

fn object(number: u32) -> ObjectKey {
    ObjectKey::new(&format!("v1/d/{number:02x}/pack"))
}

fn block(number: u32) -> Bytes {
    Bytes::from(vec![number as u8; BLOCK_BYTES as usize])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_cut_into_blocks_and_forgotten() {
    let cache = BlockCache::open(&config(8, None), Arc::default()).await.expect("memory alone");
    let pieces = vec![block(1).slice(..700_000), block(2), Bytes::new(), block(3).slice(..10)];
    let body = Body::new(pieces);
    cache.warm(&object(0), &body);
    let joined: Vec<u8> = body.pieces().iter().flat_map(|piece| piece.iter().copied()).collect();
    let split = BLOCK_BYTES as usize;
    assert_eq!(cache.in_memory(&BlockKey::new(&object(0), 0)).as_deref(), Some(&joined[..split]));
    assert_eq!(cache.in_memory(&BlockKey::new(&object(0), 1)).as_deref(), Some(&joined[split..]));
    assert_eq!(cache.in_memory(&BlockKey::new(&object(0), 2)), None);
    cache.forget(&object(0));
    assert_eq!(cache.in_memory(&BlockKey::new(&object(0), 0)), None);
    assert_eq!(cache.on_disk(&BlockKey::new(&object(0), 0)).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_that_leave_memory_are_on_the_disk_also_after_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let disk = CacheDisk { path: directory.path().to_owned(), bytes: CACHE_DISK_BYTES_MIN };
    let counters = Arc::new(StoreCounters::default());
    let cache = BlockCache::open(&config(4, Some(disk.clone())), Arc::clone(&counters)).await.expect("both tiers");
    (0..32).for_each(|number| cache.insert(BlockKey::new(&object(number), 0), block(number)));
    cache.close().await;
    drop(cache);

    let cache = BlockCache::open(&config(4, Some(disk)), Arc::clone(&counters)).await.expect("both tiers");
    let mut found = 0;
    for number in 0..32 {
        if let Some(bytes) = cache.on_disk(&BlockKey::new(&object(number), 0)).await {
            assert_eq!(bytes, block(number));
            found += 1;
        }
    }
    assert!(found >= 28, "{found} of 32 came back");
    assert_eq!(counters.blocks_from_disk.get(), found);
    assert_eq!(counters.blocks_corrupt.get(), 0);
    cache.close().await;
}

#[tokio::test]
async fn a_disk_too_small_is_refused_in_words() {
    let disk = CacheDisk { path: PathBuf::from("/nonexistent"), bytes: 1 << 20 };
    let refused = BlockCache::open(&config(4, Some(disk)), Arc::default()).await.expect_err("too small");
    assert!(refused.contains("/nonexistent") && refused.contains("less than"), "{refused}");
}

#[test]
fn the_oldest_objects_are_no_longer_known() {
    let mut known = Known::default();
    for number in 0..=KNOWN_OBJECTS_MAX as u32 {
        known.note(&ObjectKey::new(&number.to_string()), 2);
    }
    assert_eq!(known.blocks.len(), KNOWN_OBJECTS_MAX);
    assert!(!known.blocks.contains_key(&ObjectKey::new("0")));
    assert_eq!(known.blocks[&ObjectKey::new("1")], 3);
}
