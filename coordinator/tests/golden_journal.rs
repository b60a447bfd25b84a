//! Groups of the journal and the objects of the owner against the bytes in `golden/`, which are never edited.
//! `cargo test --test golden_journal -- --ignored` writes those that are missing.

#![expect(clippy::disallowed_methods, reason = "golden bytes are files")]

use std::fs;
use std::path::PathBuf;

use apus_coordinator::command::frame;
use apus_coordinator::journal::format::GroupHeader;
use apus_coordinator::journal::group::{self, OpenGroup, Place};
use apus_coordinator::journal::{Author, GroupKind};
use apus_coordinator::owner::{self, Owner};
use apus_core::ids::{Incarnation, Lsn, Uuid};
use apus_core::world::ObjectKey;
use bytes::Bytes;

fn author() -> Author {
    Author {
        cluster: Uuid([0x11; 16]),
        journal: Uuid([0x22; 16]),
        nonce: Uuid([0x33; 16]),
        incarnation: Incarnation(4),
    }
}

fn group(kind: GroupKind) -> Vec<u8> {
    let mut open = OpenGroup::new(Lsn(7));
    if kind == GroupKind::Data {
        let mut command = Vec::new();
        let start = frame::open(&mut command);
        command.extend_from_slice(b"a command's payload");
        frame::seal(&mut command, start, 6, 1);
        open.push(Bytes::from(command), Some(vec![Bytes::from_static(b"inline"), Bytes::from_static(b" bytes")]));
    }
    open.seal(kind, author(), Place { segment: 5, position: 8192, previous: 0x0102_0304_0506_0708 }).pieces.concat()
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let snapshot = Some(ObjectKey::new("v1/c/c/0/s/0000000000001000-00000004/MANIFEST"));
    let Author { journal, nonce, incarnation, .. } = author();
    let owner = Owner { journal, incarnation, nonce, floor: Lsn(4096), snapshot };
    vec![
        ("group-data-v1", group(GroupKind::Data)),
        ("group-seal-v1", group(GroupKind::Seal)),
        ("owner-v1", owner.encode().to_vec()),
        ("cluster-v1", owner::encode_cluster(Uuid([0x55; 16])).to_vec()),
    ]
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

#[test]
fn what_is_written_is_what_was_written() {
    for (name, bytes) in files() {
        let golden = fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(golden == bytes, "{name} has changed: a stored format is frozen");
    }
}

#[test]
fn what_was_written_is_readable() {
    let bytes = Bytes::from(fs::read(path("group-data-v1")).expect("a golden file"));
    let header = GroupHeader::decode(&bytes).expect("a header");
    let read = group::read(header, &bytes).expect("a group");
    assert_eq!((read.entries.len(), read.entries[0].lsn), (1, Lsn(7)));
    assert_eq!(read.entries[0].inline.as_deref(), Some(&b"inline bytes"[..]));
    let seal = fs::read(path("group-seal-v1")).expect("a golden file");
    assert_eq!(GroupHeader::decode(&seal).expect("a header").kind, GroupKind::Seal);
    let owner = Owner::decode(&fs::read(path("owner-v1")).expect("a golden file")).expect("an owner");
    assert_eq!((owner.incarnation, owner.floor), (Incarnation(4), Lsn(4096)));
    let cluster = owner::decode_cluster(&fs::read(path("cluster-v1")).expect("a golden file"));
    assert_eq!(cluster, Some(Uuid([0x55; 16])));
}

#[test]
#[ignore = "writes the golden files that are missing"]
fn write_missing() {
    for (name, bytes) in files() {
        if !path(name).exists() {
            fs::write(path(name), bytes).expect("the directory is there");
        }
    }
}
