//! Any bytes as the batch of a producer: the validator, and whoever opens records.

use apus_core::batch::{BatchHeader, HEADER_BYTES, PREFIX_BYTES, checksum, stamp, with_append_time};
use apus_core::config::TimestampType;
use apus_core::records::{Records, first_at_or_after, newest};
use apus_core::validate::{BatchRules, check_batch};
use bytes::Bytes;

use super::Input;

/// What the first byte says, a bit each: the length is made to fit, and the checksum …
const FITS_LENGTH: u8 = 1;
const FITS_CHECKSUM: u8 = 2;
/// … and what the topic asks for.
const KEYED: u8 = 4;
const RECORDS: u8 = 8;
const WITHOUT_ZSTD: u8 = 16;
const APPEND_TIME: u8 = 32;

const WALL_MS: i64 = 1_700_000_000_000;
const RECORDS_BYTES_MAX: usize = 1 << 20;

/// A batch is admitted or refused in words; what was admitted is what its header says, and what was opened is read as
/// often as it is opened.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let Some(flags) = input.byte() else { return };
    let batch = batch(flags, input.0);
    let rules = rules(flags);
    match check_batch(&batch, &rules) {
        Ok(facts) => {
            let header = BatchHeader::read(&batch).expect("it was admitted");
            assert_eq!((facts.bytes as usize, i64::from(facts.offsets)), (batch.len(), header.offsets()));
            assert!(facts.offsets >= 1 && header.count == facts.offsets as i32 && header.bytes() == Some(batch.len()));
            assert_eq!(stamp(&header, 0)[..12], batch[..12], "its place and length are those that it came with");
            let stamped = with_append_time(&batch, WALL_MS);
            let append = BatchHeader::read(&stamped).expect("it has not become shorter");
            assert_eq!((append.crc, append.timestamp_max), (checksum(&stamped), WALL_MS));
            let read = read(&batch);
            if flags & (KEYED | RECORDS) != 0 {
                assert_eq!(read, Some(facts.offsets), "it was opened before");
            }
        }
        Err(refused) => {
            assert!(!refused.refused.message.is_empty());
            read(&batch);
        }
    }
    // Under the broker's own limit a bomb of a few bytes takes a tenth of a second: those are not opened for nothing.
    if Records::open(&batch, RECORDS_BYTES_MAX).is_ok() {
        for timestamp in [i64::MIN, 0, WALL_MS, i64::MAX] {
            let _may_be_corrupt = first_at_or_after(&batch, i64::MAX - 1, 0, timestamp);
        }
        let _may_be_corrupt = newest(&batch, 0, 0);
    }
}

fn batch(flags: u8, bytes: &[u8]) -> Bytes {
    let mut batch = bytes.to_vec();
    if batch.len() >= HEADER_BYTES {
        if flags & FITS_LENGTH != 0 {
            let length = (batch.len() - PREFIX_BYTES) as u32;
            batch[8..12].copy_from_slice(&length.to_be_bytes());
        }
        if flags & FITS_CHECKSUM != 0 {
            let crc = checksum(&batch);
            batch[17..21].copy_from_slice(&crc.to_be_bytes());
        }
    }
    batch.into()
}

fn rules(flags: u8) -> BatchRules {
    let append_time = flags & APPEND_TIME != 0;
    BatchRules {
        max_message_bytes: 1 << 20,
        records_bytes_max: RECORDS_BYTES_MAX,
        timestamp_type: if append_time { TimestampType::LogAppendTime } else { TimestampType::CreateTime },
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        keyed: flags & KEYED != 0,
        records: flags & RECORDS != 0,
        zstd: flags & WITHOUT_ZSTD == 0,
        wall_ms: WALL_MS,
    }
}

/// How many records there are; nothing where they are not what they claim to be. They are within the limit.
fn read(batch: &Bytes) -> Option<u32> {
    let mut records = Records::open(batch, RECORDS_BYTES_MAX).ok()?;
    let (mut count, mut bytes) = (0, 0);
    while let Some(record) = records.read().ok()? {
        count += 1;
        bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let limit = RECORDS_BYTES_MAX.max(batch.len());
        assert!(bytes + count as usize <= limit, "{count} records of {bytes} bytes in a batch of {}", batch.len());
    }
    Some(count)
}
