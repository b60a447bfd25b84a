//! A block that the cache has in memory: what a core looks up before it asks the store plane.

mod fixture;

use std::hint::black_box;
use std::sync::Arc;

use apus_core::extent::pack_key;
use apus_core::limits::BLOCK_BYTES;
use apus_store::cache::{BlockCache, BlockKey, CacheConfig};
use apus_store::counters::StoreCounters;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixture::pack_id;
use tokio::runtime::Runtime;

const BLOCKS: u64 = 32;

fn in_memory(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("threads");
    let config = CacheConfig { memory_bytes: 4 * BLOCKS * BLOCK_BYTES, disk: None };
    let cache = runtime.block_on(BlockCache::open(&config, Arc::new(StoreCounters::default()))).expect("a cache");
    let key = |number| BlockKey::new(&pack_key("cluster", pack_id(number)), 0);
    let keys: Vec<BlockKey> = (0..BLOCKS).map(key).collect();
    let block = Bytes::from(vec![7; BLOCK_BYTES as usize]);
    keys.iter().for_each(|key| cache.insert(key.clone(), block.clone()));
    let absent = key(BLOCKS);

    let mut group = criterion.benchmark_group("BlockCache::in_memory");
    group.throughput(Throughput::Elements(1));
    group.bench_function("hit", |bencher| {
        let mut next = keys.iter().cycle();
        bencher.iter(|| cache.in_memory(black_box(next.next().expect("for ever"))).expect("it is there"));
    });
    group.bench_function("miss", |bencher| bencher.iter(|| cache.in_memory(black_box(&absent)).is_none()));
    group.finish();
    runtime.block_on(cache.close());
}

/// A block that came from the store: counted, checksummed, kept.
fn insert(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("threads");
    let config = CacheConfig { memory_bytes: BLOCKS * BLOCK_BYTES, disk: None };
    let cache = runtime.block_on(BlockCache::open(&config, Arc::new(StoreCounters::default()))).expect("a cache");
    let block = Bytes::from(vec![7; BLOCK_BYTES as usize]);
    let mut number = 0;
    let mut group = criterion.benchmark_group("BlockCache::insert");
    group.throughput(Throughput::Bytes(BLOCK_BYTES));
    group.bench_function("1 MiB", |bencher| {
        bencher.iter(|| {
            number += 1;
            cache.insert(BlockKey::new(&pack_key("cluster", pack_id(number)), 0), block.clone());
        });
    });
    group.finish();
    runtime.block_on(cache.close());
}

criterion_group! { name = benches; config = fixture::criterion(); targets = in_memory, insert }
criterion_main!(benches);
