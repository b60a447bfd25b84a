//! A plane without work costs nothing, its cache's disk tier included. Alone in its process: it reads the process's
//! own clock.

use std::time::Duration;

use apus_core::limits::CACHE_DISK_BYTES_MIN;
use apus_core::world::{Body, Condition, ObjectKey, StoreReply, StoreRequest};
use apus_store::cache::{CacheConfig, CacheDisk};
use apus_store::plane::{Location, PlaneConfig};
use apus_store::testing::{Asker, S3Server, Storm};
use bytes::Bytes;

/// User and system time of this process, in ticks of 10 ms.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a name in parentheses").split_whitespace().collect();
    // The fields behind the name begin with the third; user and system time are the 14th and 15th.
    fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
}

#[test]
fn an_idle_plane_uses_no_processor() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = S3Server::start(Storm::default());
    let mut config = PlaneConfig::new(Location::S3(server.config("")));
    let disk = CacheDisk { path: directory.path().to_owned(), bytes: CACHE_DISK_BYTES_MIN };
    config.cache = CacheConfig { memory_bytes: 16 << 20, disk: Some(disk) };
    let mut asker = Asker::start(config);
    let key = ObjectKey::new("v1/d/00/pack");
    let body = Body::new(vec![Bytes::from(vec![1; 3 << 20])]);
    asker.ask(vec![StoreRequest::Put { key: key.clone(), body, condition: Condition::Always }]);
    for reply in asker.ask((0..3).map(|index| StoreRequest::Block { key: key.clone(), index }).collect()) {
        assert!(matches!(reply, StoreReply::Block(Ok(_))), "{reply:?}");
    }
    // Connections are kept for four seconds; after that nothing is left to do.
    std::thread::sleep(Duration::from_secs(5));
    let before = ticks();
    std::thread::sleep(Duration::from_secs(2));
    let used = ticks() - before;
    assert!(used <= 2, "{used} ticks of 10 ms in two idle seconds");
}
