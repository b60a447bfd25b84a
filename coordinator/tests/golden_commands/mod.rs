//! Golden files of commands and of snapshots: how each is written, read, and broken.

use apus_coordinator::command::{self, Envelope};
use apus_coordinator::ledger::Ledger;
use apus_coordinator::snapshot::{Manifest, PartEntry, Snapshot, restore};

use crate::golden_files::read;

/// A file's name and its bytes.
pub type File = (String, Vec<u8>);

/// A command's file.
pub fn of_command(name: &str, envelope: &Envelope) -> File {
    let mut bytes = Vec::new();
    command::encode(envelope, &mut bytes);
    (format!("{name}.bin"), bytes)
}

/// The files of a ledger's snapshot.
pub fn of_ledger(kind: &str, ledger: &Ledger) -> Vec<File> {
    let snapshot = Snapshot::of(ledger);
    let parts: Vec<_> = snapshot.parts(None).collect();
    let entries: Vec<PartEntry> = parts.iter().map(|part| part.entry).collect();
    let manifest = (manifest_name(kind), snapshot.manifest(None, &entries).encode().to_vec());
    let parts = parts.into_iter().map(|part| (part_name(kind, &part.entry), part.bytes.to_vec()));
    std::iter::once(manifest).chain(parts).collect()
}

fn manifest_name(kind: &str) -> String {
    format!("{kind}-manifest.bin")
}

fn part_name(kind: &str, entry: &PartEntry) -> String {
    format!("{kind}-{}.bin", entry.name().replace('/', "-"))
}

/// The command's file says this.
pub fn command_is_read(name: &str, envelope: Envelope) {
    let stored = read(&format!("{name}.bin"));
    assert_eq!(command::decode(&stored), Ok((envelope, stored.len())), "{name}");
}

/// What the snapshot's files say, which has to be this.
pub fn ledger_is_read(kind: &str, ledger: &Ledger) -> Ledger {
    let manifest = Manifest::decode(&read(&manifest_name(kind))).expect("as written");
    let parts = manifest.parts().iter().map(|entry| read(&part_name(kind, entry)));
    let restored = restore(&manifest, parts).expect("as written");
    restored.check();
    assert_eq!(restored.digest(), ledger.digest());
    restored
}

/// Every command with each of its bytes changed, or cut off anywhere. What is still a command goes to `take`, with the
/// place of the change.
pub fn break_commands(files: Vec<File>, take: impl Fn(usize, &Envelope)) {
    for (name, bytes) in files.into_iter().filter(|(name, _)| !name.starts_with("snapshot")) {
        let frame = command::frame::read(&bytes).expect("as written");
        for position in 0..frame.payload.len() {
            for flip in [0x01, 0x80, 0xff] {
                // With a right checksum: the archive inside is on its own.
                let mut payload = frame.payload.to_vec();
                payload[position] ^= flip;
                let mut hostile = Vec::new();
                let start = command::frame::open(&mut hostile);
                hostile.extend_from_slice(&payload);
                command::frame::seal(&mut hostile, start, frame.kind, frame.version);
                if let Ok((envelope, _)) = command::decode(&hostile) {
                    take(position, &envelope);
                }
            }
        }
        for length in 0..bytes.len() {
            assert!(command::decode(&bytes[..length]).is_err(), "{name} cut to {length}");
        }
    }
}
