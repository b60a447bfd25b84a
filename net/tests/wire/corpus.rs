//! The kept corpus of the fuzz targets, run without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use apus_net::wire::schema::{Direction, MESSAGES};

use crate::arbitrary::body_of;

#[path = "../../fuzz/fuzz_targets/checks.rs"]
mod checks;

fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn run(target: &str, check: fn(&[u8])) {
    let mut inputs = 0;
    for file in fs::read_dir(directory(target)).expect("a corpus is kept") {
        let path = file.expect("the corpus is readable").path();
        eprintln!("{}", path.display());
        check(&fs::read(path).expect("the corpus is readable"));
        inputs += 1;
    }
    assert!(inputs > 0);
}

#[test]
fn kept_bodies() {
    run("body", checks::body);
}

#[test]
fn kept_requests() {
    run("request", checks::request);
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
