//! Groups of the journal and the objects of the owner against the bytes in `golden/`, which are never edited.
//! `cargo test --test golden_journal -- --ignored` writes those that are missing.

mod golden_files;

use apus_coordinator::command::frame;
use apus_coordinator::journal::format::GroupHeader;
use apus_coordinator::journal::group::{self, OpenGroup, Place};
use apus_coordinator::journal::{Author, GroupKind};
use apus_coordinator::owner::{self, Owner};
use apus_core::ids::{Incarnation, Lsn, Uuid};
use apus_core::world::ObjectKey;
use bytes::Bytes;
use golden_files::read;

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

#[test]
fn what_is_written_is_what_was_written() {
    golden_files::are_as_written(files());
}

#[test]
fn what_was_written_is_readable() {
    let bytes = Bytes::from(read("group-data-v1"));
    let header = GroupHeader::decode(&bytes).expect("a header");
    let found = group::read(header, &bytes).expect("a group");
    assert_eq!((found.entries.len(), found.entries[0].lsn), (1, Lsn(7)));
    assert_eq!(found.entries[0].inline.as_deref(), Some(&b"inline bytes"[..]));
    let seal = read("group-seal-v1");
    assert_eq!(GroupHeader::decode(&seal).expect("a header").kind, GroupKind::Seal);
    let owner = Owner::decode(&read("owner-v1")).expect("an owner");
    assert_eq!((owner.incarnation, owner.floor), (Incarnation(4), Lsn(4096)));
    let cluster = owner::decode_cluster(&read("cluster-v1"));
    assert_eq!(cluster, Some(Uuid([0x55; 16])));
}

#[test]
#[ignore = "writes the golden files that are missing"]
fn write_missing() {
    golden_files::write_missing(files());
}
