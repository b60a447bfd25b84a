//! Makes the seeds of the corpus anew: what each target takes, as sound as can be.
//! `cargo test --test fuzz write_seeds -- --ignored`; the seeds of messages come from apus-net's own test of that name.

mod script;
mod shares;
mod stories;

use std::fs;
use std::path::Path;

use apus_coordinator::command::frame;
use apus_coordinator::journal::format::{GroupHeader, HEADER_BYTES};
use apus_core::batch::{Codec, Sequence};
use apus_core::ids::ProducerId;
use apus_core::records::build::BatchBuilder;

use crate::corpus::directory;

/// Bytes of a manifest's payload before the count of its parts, and of that count with an entry of one part.
const MANIFEST_HEAD_BYTES: usize = 68;

fn write(target: &str, name: &str, pieces: &[&[u8]]) {
    fs::write(directory(target).join(name), pieces.concat()).expect("the corpus is writable");
}

fn golden(name: &str) -> Vec<u8> {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("coordinator/golden").join(name))
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The files of a directory: their names and bytes, in the order of the names.
fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(path).expect("it is there").map(|entry| entry.expect("it is readable").path());
    let mut paths: Vec<_> = entries.collect();
    paths.sort();
    let name = |path: &Path| path.file_name().expect("a file").to_str().expect("a name of ours").to_owned();
    paths.iter().map(|path| (name(path), read(path))).collect()
}

#[test]
#[ignore = "writes into the source tree"]
fn write_seeds() {
    for target in ["batch", "frames", "step", "stored"] {
        fs::create_dir_all(directory(target)).expect("the corpus is writable");
    }
    batches();
    frames();
    commands();
    snapshots();
    objects();
    for (name, story) in stories::all() {
        write("step", name, &[&story]);
    }
}

fn batches() {
    let wall_ms = 1_700_000_000_000;
    let sequence = Sequence { producer: ProducerId(7), epoch: 1, first: 40 };
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    for codec in codecs {
        let first = BatchBuilder::new(codec).sequence(sequence).record(wall_ms, Some(b"key"), Some(b"value"));
        let headers = [("a", &b"header"[..]), ("b", b"")];
        let batch = first.record_with_headers(wall_ms + 5, Some(b"key"), None, &headers).build();
        write("batch", &format!("keyed-{codec:?}"), &[&[3 | 4 | 8], &batch]);
    }
    let large = BatchBuilder::new(Codec::Zstd).record(0, None, Some(&[0; 60_000])).build();
    write("batch", "bomb", &[&[3 | 8], &large]);
    let plain = BatchBuilder::new(Codec::None).record(-1, None, Some(b"value")).build();
    write("batch", "unkeyed", &[&[3 | 32], &plain]);
    write("batch", "two", &[&[0], &plain, &plain]);
}

/// Each stream: how it is cut, then requests behind each other.
fn frames() {
    let requests = files(&directory("request"));
    let framed = |(_, frame): &(String, Vec<u8>)| [&(frame.len() as u32).to_be_bytes(), &frame[..]].concat();
    for (number, chunk) in requests.chunks(8).enumerate() {
        let stream: Vec<u8> = chunk.iter().flat_map(framed).collect();
        write("frames", &format!("requests-{number}"), &[&[number as u8, 3, 200, 0], &stream]);
    }
    let overlap = requests.iter().filter(|(name, _)| name.starts_with("Produce") || name.starts_with("FetchR"));
    let overlap: Vec<u8> = overlap.flat_map(framed).collect();
    write("frames", "overlap", &[&[40, 255, 0, 7], &overlap, &overlap, &overlap]);
}

/// Type and version, then the archive.
fn commands() {
    for (name, bytes) in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("coordinator/golden")) {
        let Some(name) = name.strip_suffix(".bin").filter(|name| !name.starts_with("snapshot")) else { continue };
        let found = frame::read(&bytes).expect("as written");
        write("stored", name, &[&[0, found.kind as u8, found.version as u8], found.payload]);
    }
}

fn snapshots() {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("coordinator/golden"));
    for kind in ["snapshot-v1", "snapshot-groups-v1", "snapshot-grown-v1", "snapshot-brokers-v1"] {
        let manifest = golden(&format!("{kind}-manifest.bin"));
        let manifest = frame::read(&manifest).expect("as written").payload;
        write("stored", &format!("{kind}-manifest"), &[&[2], manifest]);
        let mut whole = manifest[..MANIFEST_HEAD_BYTES].to_vec();
        let parts = all.iter().filter(|(name, _)| name.strip_prefix(kind).is_some_and(|rest| rest.starts_with("-0")));
        for (_, bytes) in parts {
            let payload = frame::read(bytes).expect("as written").payload;
            whole.extend_from_slice(&(payload.len() as u16).to_be_bytes());
            whole.extend_from_slice(payload);
        }
        write("stored", kind, &[&[3], &whole]);
    }
}

fn objects() {
    let footer = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/golden/footer_v1.bin"));
    write("stored", "footer-v1", &[&[1], &footer]);
    for kind in ["group-data-v1", "group-seal-v1"] {
        let mut bytes = golden(kind);
        let header = GroupHeader::decode(&bytes).expect("as written");
        bytes.truncate(HEADER_BYTES + header.bytes as usize);
        write("stored", kind, &[&[4], &bytes]);
        bytes[104..108].fill(0); // The first one of its segment.
        write("stored", &format!("segment-{kind}"), &[&[5], &bytes]);
    }
    for (format, name) in [(6, "owner-v1"), (7, "cluster-v1")] {
        let bytes = golden(name);
        let text = std::str::from_utf8(&bytes).expect("lines of text");
        let end = text.rfind("crc32c").expect("the last line");
        write("stored", name, &[&[format], &bytes[..end]]);
        write("stored", &format!("{name}-unsigned"), &[&[8], &bytes]);
    }
}
