//! Seeds of the fuzz targets that take the messages of the wire apart; the targets are in `tests/fuzz` of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

use apus_net::wire::schema::{Direction, MESSAGES};

use crate::arbitrary::body_of;

fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target)
}

/// Makes the seeds anew: a full body of the first and the last version of every message.
/// `cargo test -p apus-net --test wire write_seeds -- --ignored`
#[test]
#[ignore = "writes into the source tree"]
fn write_seeds() {
    for (index, entry) in MESSAGES.iter().enumerate() {
        for version in [entry.versions.min, entry.versions.max] {
            let entropy: Vec<u8> = (0u32..400).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let body = body_of(entry, version, true, &entropy);
            let name = format!("{}-{version}", entry.structure.name);
            let seed = [&[index as u8, version as u8], &body[..]].concat();
            fs::write(directory("body").join(&name), seed).expect("the corpus is writable");
            if entry.direction == Direction::Request {
                let tags: &[u8] = if entry.flexible.contains(version) { &[0] } else { &[] };
                let key = entry.key.to_be_bytes();
                let frame = [&key[..], &version.to_be_bytes(), &7u32.to_be_bytes(), b"\0\x02me", tags, &body].concat();
                fs::write(directory("request").join(&name), frame).expect("the corpus is writable");
            }
        }
    }
}
