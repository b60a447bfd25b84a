//! Batches made by hand: a header, and bytes behind it.

use super::*;
use crate::batch::{HEADER_BYTES, PREFIX_BYTES, crc32c};
use crate::extent::Home;
use crate::ids::Lsn;

fn batch(offsets: i32, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0_u8; HEADER_BYTES];
    bytes.extend((0..payload).map(|at| at as u8));
    let length = (bytes.len() - PREFIX_BYTES) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[12..16].copy_from_slice(&(-1_i32).to_be_bytes());
    bytes[16] = 2;
    bytes[23..27].copy_from_slice(&(offsets - 1).to_be_bytes());
    let crc = crc32c(&bytes[CHECKSUM_START..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn extent(start: i64, end: i64, bytes: usize) -> Extent {
    Extent {
        start,
        end,
        home: Home::Journal(Lsn(1)),
        position: 0,
        bytes: bytes as u32,
        timestamp_max: -1,
        transactional: false,
        control: false,
    }
}

/// Offset and payload length of each batch in what a reader gets; the leader epoch is checked on the way.
fn read(pieces: Vec<Bytes>) -> Vec<(i64, usize)> {
    let mut bytes = Bytes::from(pieces.concat());
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let header = BatchHeader::read(&bytes).expect("a header");
        let batch = bytes.split_to(header.bytes().expect("a length"));
        assert_eq!(&batch[12..16], &[0; 4], "the leader epoch is stamped");
        assert_eq!(crc32c(&batch[CHECKSUM_START..]), header.crc);
        out.push((header.base_offset, batch.len() - HEADER_BYTES));
    }
    out
}

const ALL: Fit = Fit { room: usize::MAX, first: true };

#[test]
fn every_batch_gets_its_offset_however_the_bytes_are_cut() {
    let bytes = [batch(3, 10), batch(1, 20_000), batch(2, 0)].concat();
    let extent = extent(100, 106, bytes.len());
    for cut in (0..bytes.len()).step_by(37) {
        let rope = Rope::new(vec![Bytes::copy_from_slice(&bytes[..cut]), Bytes::copy_from_slice(&bytes[cut..])]);
        let mut stitch = Stitch::default();
        assert_eq!(stitch.extent(&extent, rope, 100, ALL, true), Ok(true));
        assert_eq!(stitch.bytes(), bytes.len());
        assert_eq!(read(stitch.finish()), vec![(100, 10), (103, 20_000), (104, 0)]);
    }
}

#[test]
fn a_reader_gets_the_batch_that_holds_its_offset_and_what_fits_behind_it() {
    let bytes = [batch(3, 10), batch(3, 10), batch(3, 10)].concat();
    let extent = extent(0, 9, bytes.len());
    let rope = || Rope::new(vec![Bytes::from(bytes.clone())]);
    let mut stitch = Stitch::default();
    assert_eq!(stitch.extent(&extent, rope(), 4, ALL, false), Ok(true));
    assert_eq!(read(stitch.finish()), vec![(3, 10), (6, 10)]);

    let mut stitch = Stitch::default();
    assert_eq!(stitch.extent(&extent, rope(), 4, Fit { room: 80, first: true }, false), Ok(false));
    assert_eq!(read(stitch.finish()), vec![(3, 10)]);

    let mut stitch = Stitch::default();
    assert_eq!(stitch.extent(&extent, rope(), 4, Fit { room: 1, first: true }, false), Ok(false));
    assert_eq!(read(stitch.finish()), vec![(3, 10)], "the first batch comes whatever its size");

    let mut stitch = Stitch::default();
    assert_eq!(stitch.extent(&extent, rope(), 4, Fit { room: 1, first: false }, false), Ok(false));
    assert!(stitch.finish().is_empty());
}

#[test]
fn a_member_of_a_share_group_gets_the_batches_that_hold_its_records() {
    let bytes = [batch(3, 10), batch(3, 11), batch(3, 12), batch(3, 13)].concat();
    let extent = extent(10, 22, bytes.len());
    let records = |ranges: &[(i64, i64)]| -> Vec<Acquired> {
        ranges.iter().map(|(first, last)| Acquired { first: *first, last: *last, deliveries: 1 }).collect()
    };
    for (ranges, expected) in [
        (&[(10, 10)][..], &[(10, 10)][..]),
        (&[(0, 9), (12, 13), (21, 40)], &[(10, 10), (13, 11), (19, 13)]),
        (&[(16, 18)], &[(16, 12)]),
        (&[(0, 9), (22, 23)], &[]),
    ] {
        let mut stitch = Stitch::default();
        let rope = Rope::new(vec![Bytes::from(bytes.clone())]);
        assert_eq!(stitch.acquired(&extent, rope, &records(ranges), true), Ok(()));
        assert_eq!(read(stitch.finish()), expected);
    }
}

#[test]
fn bytes_that_are_not_the_promised_batches_are_named() {
    let mut bytes = batch(3, 10);
    let extent = extent(0, 3, bytes.len());
    let told = |bytes: &[u8], extent: &Extent| {
        let rope = Rope::new(vec![Bytes::copy_from_slice(bytes)]);
        Stitch::default().extent(extent, rope, 0, ALL, true).expect_err("corrupt").0
    };
    bytes[70] ^= 1;
    assert!(told(&bytes, &extent).contains("checksum"));
    bytes[70] ^= 1;
    bytes[16] = 1;
    assert!(told(&bytes, &extent).contains("not a batch"));
    bytes[16] = 2;
    assert!(told(&bytes, &Extent { end: 2, ..extent }).contains("beyond its extent"));
    assert!(told(&bytes, &Extent { end: 4, ..extent }).contains("ends at 3"));
}
