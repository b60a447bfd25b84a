//! Records as they were built, in every codec, and whatever else may stand in their place.

use proptest::prelude::*;

use super::build::BatchBuilder;
use super::*;
use crate::batch::{Codec, with_append_time};

const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
const LIMIT: usize = 1 << 20;

type Own = (i32, i64, Option<Vec<u8>>, Option<Vec<u8>>);

fn read_all(batch: &Bytes, limit: usize) -> Result<Vec<Own>, Corrupt> {
    let mut records = Records::open(batch, limit)?;
    let mut out = Vec::new();
    while let Some(record) = records.read()? {
        let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        out.push((record.offset_delta, record.timestamp_delta, own(record.key), own(record.value)));
    }
    Ok(out)
}

#[test]
fn the_first_record_at_or_after_a_time_is_found_in_every_codec() {
    for codec in CODECS {
        let batch = [100, 90, 120, 120, 110].into_iter();
        let batch = batch.fold(BatchBuilder::new(codec), |batch, at| batch.record(at, None, Some(b"value"))).build();
        let at = |from, timestamp| first_at_or_after(&batch, 1_000, from, timestamp);
        assert_eq!(at(0, 0), Ok(Some((1_000, 100))));
        assert_eq!(at(0, 101), Ok(Some((1_002, 120))));
        assert_eq!(at(0, 121), Ok(None));
        assert_eq!(at(1_001, 95), Ok(Some((1_002, 120))), "records below an offset do not count");
        assert_eq!(at(1_004, 111), Ok(None));
        let newest_from = |from| newest(&batch, 1_000, from);
        assert_eq!(newest_from(0), Ok(Some((1_002, 120))));
        assert_eq!(newest_from(1_003), Ok(Some((1_003, 120))));
        assert_eq!(newest_from(1_004), Ok(Some((1_004, 110))), "older than what the header says");
        assert_eq!(newest_from(1_005), Ok(None));
        let appended = with_append_time(&batch, 500);
        assert_eq!(first_at_or_after(&appended, 7, 0, 130), Ok(Some((7, 500))));
        assert_eq!(first_at_or_after(&appended, 7, 9, 130), Ok(Some((9, 500))));
        assert_eq!(newest(&appended, 7, 0), Ok(Some((7, 500))));
    }
    let timeless = BatchBuilder::new(Codec::None).record(-1, None, None).build();
    assert_eq!(newest(&timeless, 0, 0), Ok(None));
}

#[test]
fn snappy_comes_framed_or_raw() {
    let plain = BatchBuilder::new(Codec::None).record(1, Some(b"key"), Some(&[7; 900])).build();
    let raw = snap::raw::Encoder::new().compress_vec(&plain[HEADER_BYTES..]).expect("a small block");
    let mut batch = [&plain[..HEADER_BYTES], &raw].concat();
    let length = (batch.len() - 12) as u32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[22] |= 2;
    assert_eq!(read_all(&batch.into(), LIMIT), read_all(&plain, LIMIT));
}

#[test]
fn no_codec_yields_more_than_the_limit() {
    for codec in &CODECS[1..] {
        let bomb = BatchBuilder::new(*codec).record(0, None, Some(&vec![0; LIMIT])).build();
        assert_eq!(read_all(&bomb, LIMIT), Err(Corrupt::TooLarge { bytes_max: LIMIT }), "{codec:?}");
        assert!(read_all(&bomb, LIMIT + 100).is_ok(), "{codec:?}");
    }
}

#[test]
fn counts_and_lengths_that_lie_are_noticed() {
    let batch = BatchBuilder::new(Codec::None).record_with_headers(0, None, None, &[("a", b"b")]).build();
    let mut records = Records::open(&batch, 0).expect("a batch");
    assert_eq!(records.read().expect("sound").expect("one").headers, 1);
    for (at, value) in [(60, 0), (60, 2), (61, 0), (61, 1), (67, 0xff), (67, 0x7e)] {
        let mut wrong = batch.to_vec();
        wrong[at] = value;
        assert!(read_all(&wrong.into(), LIMIT).is_err(), "byte {at} as {value}");
    }
}

proptest! {
    #[test]
    fn what_was_built_is_read(
        codec in prop::sample::select(&CODECS[..]),
        records in prop::collection::vec(
            (any::<i32>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
             prop::option::of(prop::collection::vec(any::<u8>(), 0..5_000))),
            1..40,
        ),
    ) {
        let mut batch = BatchBuilder::new(codec);
        for (timestamp, key, value) in &records {
            batch = batch.record(i64::from(*timestamp), key.as_deref(), value.as_deref());
        }
        let read = read_all(&batch.build(), 1 << 20).expect("sound");
        let base = i64::from(records[0].0);
        let wanted: Vec<_> = records.into_iter().zip(0..).map(|((at, key, value), offset)| {
            (offset, i64::from(at) - base, key, value)
        }).collect();
        prop_assert_eq!(read, wanted);
    }

    #[test]
    fn damaged_records_never_panic(
        codec in prop::sample::select(&CODECS[..]),
        damage in prop::collection::vec((0_usize..400, any::<u8>()), 1..8),
        cut in 0_usize..400,
    ) {
        let batch = (0..9).fold(BatchBuilder::new(codec), |batch, at| batch.record(at, Some(b"key"), Some(&[at as u8; 30])));
        let mut bytes = batch.build().to_vec();
        for (at, byte) in damage {
            let at = HEADER_BYTES + at % (bytes.len() - HEADER_BYTES);
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len().max(HEADER_BYTES + 1) - cut % 20);
        let length = (bytes.len() - 12) as u32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let _ = read_all(&bytes.into(), 1 << 16);
    }

    #[test]
    fn numbers_survive(value in any::<i64>()) {
        let mut bytes = Vec::new();
        varint::write(&mut bytes, value);
        let mut rest = &bytes[..];
        prop_assert_eq!(varint::read(&mut rest), Ok(value));
        prop_assert!(rest.is_empty());
    }
}
