//! Journals that were torn, flipped, filled with garbage or mixed up, and what recovery makes of them.

use std::collections::BTreeMap;

use bytes::Bytes;

use apus_core::ids::{Incarnation, Lsn, Uuid};
use apus_core::limits::JOURNAL_BLOCK_BYTES;

use super::format::{Author, GroupKind};
use super::group::{OpenGroup, Place};
use super::recovery::{Corruption, Progress, Recovery, Tail};
use crate::command::frame;

const BLOCK: usize = JOURNAL_BLOCK_BYTES as usize;

/// Segments as they are on disk.
#[derive(Clone)]
struct Disk {
    segments: BTreeMap<u64, Vec<u8>>,
    segment: u64,
    position: u64,
    next: Lsn,
    digest: u64,
}

fn author() -> Author {
    Author { cluster: Uuid([1; 16]), journal: Uuid([2; 16]), nonce: Uuid([3; 16]), incarnation: Incarnation(1) }
}

fn command(length: usize) -> Bytes {
    let mut out = Vec::new();
    let start = frame::open(&mut out);
    out.extend(std::iter::repeat_n((length % 251) as u8, length));
    frame::seal(&mut out, start, 99, 1);
    Bytes::from(out)
}

impl Disk {
    fn new() -> Disk {
        let segments = BTreeMap::from([(1, vec![0; 64 * BLOCK]), (2, vec![0; 64 * BLOCK])]);
        Disk { segments, segment: 1, position: 0, next: Lsn(1), digest: 0 }
    }

    fn write(&mut self, kind: GroupKind, lengths: &[usize]) -> (usize, usize) {
        let mut open = OpenGroup::new(self.next);
        lengths.iter().for_each(|length| self.next = open.push(command(*length), None).next());
        let place = Place { segment: self.segment, position: self.position, previous: self.digest };
        let sealed = open.seal(kind, author(), place);
        self.digest = sealed.digest;
        let bytes = sealed.pieces.concat();
        let start = self.position as usize;
        self.segments.get_mut(&self.segment).expect("there")[start..start + bytes.len()].copy_from_slice(&bytes);
        self.position += bytes.len() as u64;
        (start, start + bytes.len())
    }

    fn data(&mut self, lengths: &[usize]) -> (usize, usize) {
        self.write(GroupKind::Data, lengths)
    }

    fn seal(&mut self) -> (usize, usize) {
        self.write(GroupKind::Seal, &[])
    }

    fn recover(&self) -> Result<(Vec<Lsn>, Tail), Corruption> {
        let listed = self.segments.iter().map(|(number, bytes)| (*number, bytes.len() as u64)).collect();
        let mut recovery = Recovery::new(author().cluster, listed);
        let mut found = Vec::new();
        loop {
            match recovery.advance() {
                Progress::Read { segment, position, bytes } => {
                    let range = position as usize..(position + bytes) as usize;
                    recovery.fill(Bytes::copy_from_slice(&self.segments[&segment][range]));
                }
                Progress::Group(group) => found.extend(group.entries.iter().map(|entry| entry.lsn)),
                Progress::End(tail) => return Ok((found, tail)),
                Progress::Corrupt(corruption) => return Err(corruption),
            }
        }
    }
}

fn lsns(count: u64) -> Vec<Lsn> {
    (1..=count).map(Lsn).collect()
}

#[test]
fn what_was_written_is_found_across_segments() {
    let mut disk = Disk::new();
    disk.data(&[10, 20]);
    disk.data(&[9000]);
    (disk.segment, disk.position) = (2, 0);
    disk.data(&[5]);
    disk.seal();
    let (found, tail) = disk.recover().expect("sound");
    assert_eq!(found, lsns(4));
    assert_eq!((tail.place, tail.garbage_bytes, tail.is_sealed()), (Some((2, 2 * JOURNAL_BLOCK_BYTES)), 0, true));
}

#[test]
fn a_spare_is_found_and_a_dirty_one_is_useless() {
    let mut disk = Disk::new();
    disk.data(&[10]);
    let (_, tail) = disk.recover().expect("sound");
    assert_eq!((tail.spare, tail.useless.len()), (Some((2, 64 * JOURNAL_BLOCK_BYTES)), 0));
    disk.segments.get_mut(&2).expect("there")[17] = 1;
    let (_, tail) = disk.recover().expect("never acknowledged");
    assert_eq!((tail.spare, tail.useless, tail.garbage_bytes), (None, vec![2], JOURNAL_BLOCK_BYTES));
}

#[test]
fn a_group_torn_at_any_block_is_cut() {
    let mut disk = Disk::new();
    disk.data(&[10]);
    let before = disk.clone();
    let (start, end) = disk.data(&[3 * BLOCK]);
    for blocks in 0_u32..1 << ((end - start) / BLOCK) {
        let mut torn = before.clone();
        for block in (0..(end - start) / BLOCK).filter(|block| blocks & 1 << block != 0) {
            let range = start + block * BLOCK..start + (block + 1) * BLOCK;
            let written = disk.segments[&1][range.clone()].to_vec();
            torn.segments.get_mut(&1).expect("there")[range].copy_from_slice(&written);
        }
        let (found, tail) = torn.recover().expect("torn");
        let whole = blocks + 1 == 1 << ((end - start) / BLOCK);
        assert_eq!(found, lsns(if whole { 2 } else { 1 }), "blocks {blocks:b}");
        assert_eq!(tail.garbage.is_empty(), whole || blocks == 0);
    }
}

#[test]
fn a_group_torn_at_the_beginning_of_a_segment_is_cut() {
    let mut disk = Disk::new();
    disk.data(&[10]);
    (disk.segment, disk.position) = (2, 0);
    let (_, end) = disk.data(&[2 * BLOCK]);
    disk.segments.get_mut(&2).expect("there")[end - BLOCK..end].fill(0);
    let (found, tail) = disk.recover().expect("torn");
    assert_eq!((found, tail.useless), (lsns(1), vec![2]));
}

#[test]
fn a_flip_before_a_later_group_halts() {
    let mut disk = Disk::new();
    let groups = [disk.data(&[10]), disk.data(&[5000]), disk.seal(), disk.data(&[20]), disk.seal()];
    for (start, end) in &groups[..4] {
        for at in (*start..*end).step_by(997) {
            let mut flipped = disk.clone();
            let byte = &mut flipped.segments.get_mut(&1).expect("there")[at];
            if *byte == 0 && at % BLOCK > 200 {
                continue; // Padding: no checksum covers it, nothing reads it.
            }
            *byte ^= 0x10;
            let result = flipped.recover();
            if let Ok((found, _)) = &result {
                assert_eq!(found, &lsns(3), "byte {at} lost something");
            } else {
                assert_eq!(result.expect_err("halted").position, *start as u64, "byte {at}");
            }
        }
    }
}

#[test]
fn a_flip_in_the_last_seal_loses_nothing() {
    let mut disk = Disk::new();
    disk.data(&[10]);
    let (start, _) = disk.seal();
    disk.segments.get_mut(&1).expect("there")[start + 3] ^= 1;
    let (found, tail) = disk.recover().expect("only a seal");
    assert_eq!((found, tail.garbage), (lsns(1), vec![(start as u64, JOURNAL_BLOCK_BYTES)]));
}

#[test]
fn garbage_behind_the_end_is_told_and_cut() {
    let mut disk = Disk::new();
    disk.data(&[10]);
    let (_, end) = disk.seal();
    disk.segments.get_mut(&1).expect("there")[end + 5..end + 3 * BLOCK].fill(0xab);
    let (found, tail) = disk.recover().expect("garbage");
    assert_eq!((found, tail.garbage), (lsns(1), vec![(end as u64, 3 * JOURNAL_BLOCK_BYTES)]));
}

/// The first segment is the third one from now on, whatever stands in it; one more is made behind it.
fn used_again() -> Disk {
    let mut disk = Disk::new();
    disk.segments.insert(1, vec![0; 20 * BLOCK]);
    disk.segments.insert(2, vec![0; 20 * BLOCK]);
    for _ in 0..6 {
        disk.data(&[2 * BLOCK]);
    }
    (disk.segment, disk.position) = (2, 0);
    disk.data(&[10]);
    let used = disk.segments.remove(&1).expect("there");
    disk.segments.insert(3, used);
    disk
}

#[test]
fn a_segment_that_was_used_before_is_a_spare() {
    let disk = used_again();
    let (found, tail) = disk.recover().expect("sound");
    assert_eq!(found, vec![Lsn(7)], "what stands in the spare is not read again");
    assert_eq!((tail.spare, tail.useless.len(), tail.garbage_bytes), (Some((3, 20 * JOURNAL_BLOCK_BYTES)), 0, 0));
}

#[test]
fn a_journal_goes_on_in_a_segment_that_was_used_before() {
    let mut disk = used_again();
    (disk.segment, disk.position) = (3, 0);
    // Groups of one block end inside the older ones of three. Behind the beginning of the last of these nothing says what
    // the rest of it was: that would be told, and zeroed.
    for count in 1..=15 {
        disk.data(&[10]);
        let (found, tail) = disk.recover().expect("sound");
        assert_eq!((found.len(), tail.garbage), (1 + count, vec![]), "behind {count} groups");
    }
}

#[test]
fn a_group_torn_over_an_older_one_is_cut() {
    let mut disk = used_again();
    (disk.segment, disk.position) = (3, 0);
    disk.data(&[10]);
    let before = disk.clone();
    let (start, end) = disk.data(&[4 * BLOCK]);
    for blocks in 0_u32..1 << ((end - start) / BLOCK) {
        let mut torn = before.clone();
        for block in (0..(end - start) / BLOCK).filter(|block| blocks & 1 << block != 0) {
            let range = start + block * BLOCK..start + (block + 1) * BLOCK;
            let written = disk.segments[&3][range.clone()].to_vec();
            torn.segments.get_mut(&3).expect("there")[range].copy_from_slice(&written);
        }
        let (found, tail) = torn.recover().expect("torn");
        let whole = blocks + 1 == 1 << ((end - start) / BLOCK);
        assert_eq!(found.len(), if whole { 3 } else { 2 }, "blocks {blocks:b}");
        let span = (end - start) as u64;
        let cut = if blocks & 1 == 1 && !whole { vec![(start as u64, span)] } else { vec![] };
        assert_eq!(
            tail.garbage, cut,
            "blocks {blocks:b}: a group that is named is cut, other bytes are those of before"
        );
    }
}

#[test]
fn a_flip_in_a_segment_that_was_used_before_halts() {
    let mut disk = used_again();
    (disk.segment, disk.position) = (3, 0);
    let (start, end) = disk.data(&[5000]);
    disk.seal();
    for at in (start..end - BLOCK).step_by(997) {
        let mut flipped = disk.clone();
        flipped.segments.get_mut(&3).expect("there")[at] ^= 0x10;
        flipped.recover().expect_err("halted");
    }
}

#[test]
fn a_group_of_another_place_or_cluster_does_not_count() {
    let mut disk = Disk::new();
    let (start, end) = disk.data(&[10]);
    let copy = disk.segments[&1][start..end].to_vec();
    disk.segments.get_mut(&1).expect("there")[end..end + copy.len()].copy_from_slice(&copy);
    let (found, tail) = disk.recover().expect("a misdirected copy");
    assert_eq!((found, tail.garbage_bytes), (lsns(1), JOURNAL_BLOCK_BYTES));
    let mut foreign = Recovery::new(Uuid([9; 16]), vec![(1, 64 * JOURNAL_BLOCK_BYTES)]);
    assert!(matches!(foreign.advance(), Progress::Read { .. }));
    foreign.fill(Bytes::copy_from_slice(&disk.segments[&1]));
    assert!(
        matches!(foreign.advance(), Progress::Corrupt(corruption) if corruption.what.contains("belongs to cluster"))
    );
}

#[test]
fn a_missing_segment_halts() {
    let mut disk = Disk::new();
    disk.segments.insert(4, vec![0; BLOCK]);
    assert_eq!(disk.recover().expect_err("a hole").segment, 3);
}
