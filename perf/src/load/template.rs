//! Batches that are built once and patched for each send: what differs between two is 61 bytes of header.
//!
//! A template holds as many records as the largest batch; a smaller batch is a prefix of it. Its records are shared
//! by every request that is under way and never copied, except where each carries the time at which it was due.
//! What is patched lies in the header: length, count, producer, sequence, time, and the checksum over all of it.
//!
//! The checksum of a full batch is not computed again. A CRC is linear: flipping one bit of the header flips the same
//! bits of the checksum whatever the others are, so that the checksum of any header is the first one's, changed by what
//! each flipped bit is known to change. Reading 256 KB took a seventh of this program's time.

use apus_core::batch::{CHECKSUM_START, Codec, HEADER_BYTES, PREFIX_BYTES};
use apus_core::records::Records;
use apus_core::records::build::BatchBuilder;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

/// A record's value begins with the time at which it was due and this word, where the workload is timed.
const TIMED: [u8; 8] = *b"apus due";
/// The bytes of both.
pub const TIMED_BYTES: usize = 16;

/// The records that every batch of a workload is cut from.
pub struct Template {
    header: [u8; HEADER_BYTES],
    records: Bytes,
    /// Where in `records` the value of each begins.
    values: Vec<usize>,
    /// Where in `records` each ends.
    ends: Vec<usize>,
    full: Flips,
}

/// The checksum of full batches, by the bits of their headers.
struct Flips {
    header: [u8; HEADER_BYTES],
    crc: u32,
    /// What each bit behind the checksum changes.
    bits: Vec<[u32; 8]>,
}

impl Flips {
    fn of(header: [u8; HEADER_BYTES], records: &[u8]) -> Flips {
        let crc = checksum(&header, records);
        let flipped = |at: usize, bit: usize| {
            let mut other = header;
            other[at] ^= 1 << bit;
            checksum(&other, records) ^ crc
        };
        let bits = (CHECKSUM_START..HEADER_BYTES).map(|at| std::array::from_fn(|bit| flipped(at, bit)));
        Flips { header, crc, bits: bits.collect() }
    }

    fn checksum(&self, header: &[u8; HEADER_BYTES]) -> u32 {
        let mut crc = self.crc;
        for (at, bits) in (CHECKSUM_START..).zip(&self.bits) {
            let mut flipped = header[at] ^ self.header[at];
            while flipped != 0 {
                crc ^= bits[flipped.trailing_zeros() as usize];
                flipped &= flipped - 1;
            }
        }
        crc
    }
}

fn checksum(header: &[u8; HEADER_BYTES], records: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(&header[CHECKSUM_START..]);
    digest.update(records);
    digest.finalize() as u32
}

/// What one batch has of its own.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Records in it.
    pub count: usize,
    /// The producer's id and epoch.
    pub producer: (i64, i16),
    /// The sequence of its first record.
    pub sequence: i32,
    /// Milliseconds since 1970.
    pub wall_ms: i64,
}

impl Template {
    /// Records with values of so many bytes, as many as fit into a batch, and one at least. The bytes are noise, so
    /// that nothing on the way compresses them.
    pub fn new(record_bytes: usize, batch_bytes: usize) -> Template {
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let value = |noise: &mut u64| {
            let mut value = Vec::with_capacity(record_bytes + 8);
            while value.len() < record_bytes {
                *noise ^= *noise << 13;
                *noise ^= *noise >> 7;
                *noise ^= *noise << 17;
                value.extend_from_slice(&noise.to_le_bytes());
            }
            value.truncate(record_bytes);
            value
        };
        // A record takes at most this much beside its value: three lengths, two deltas, attributes, count of headers.
        const AROUND_MAX: usize = 20;
        let mut builder = BatchBuilder::new(Codec::None).record(0, None, Some(&value(&mut noise)));
        let mut bytes = HEADER_BYTES + 2 * (record_bytes + AROUND_MAX);
        while bytes <= batch_bytes {
            builder = builder.record(0, None, Some(&value(&mut noise)));
            bytes += record_bytes + AROUND_MAX;
        }
        Template::cut(&builder.build())
    }

    fn cut(batch: &Bytes) -> Template {
        let records = batch.slice(HEADER_BYTES..);
        let (mut values, mut ends) = (Vec::new(), Vec::new());
        let mut reader = Records::open(batch, batch.len()).expect("our own batch");
        while let Some(record) = reader.read().expect("our own batch") {
            let value = record.value.expect("every record has a value");
            let start = value.as_ptr() as usize - records.as_ptr() as usize;
            values.push(start);
            // Behind the value stands the count of headers, zero, in one byte.
            ends.push(start + value.len() + 1);
        }
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&batch[..HEADER_BYTES]);
        let full = Flips::of(header, &records);
        Template { header, records, values, ends, full }
    }

    /// Records of the largest batch.
    pub fn count_max(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of a batch of so many records.
    pub fn batch_bytes(&self, count: usize) -> usize {
        HEADER_BYTES + self.ends[count - 1]
    }

    /// A batch: its header, and its records where they lie.
    pub fn batch(&self, stamp: &Stamp) -> [Bytes; 2] {
        let records = self.records.slice(..self.ends[stamp.count - 1]);
        let is_full = stamp.count == self.count_max();
        let header = self.header(stamp, records.len());
        let crc = if is_full { self.full.checksum(&header) } else { checksum(&header, &records) };
        [sealed(header, crc), records]
    }

    /// A batch each of whose records carries the time at which it was due.
    pub fn timed_batch(&self, stamp: &Stamp, due: impl Fn(usize) -> u64) -> [Bytes; 2] {
        let mut records = self.records[..self.ends[stamp.count - 1]].to_vec();
        for (index, &value) in self.values[..stamp.count].iter().enumerate() {
            records[value..value + 8].copy_from_slice(&due(index).to_be_bytes());
            records[value + 8..value + TIMED_BYTES].copy_from_slice(&TIMED);
        }
        let header = self.header(stamp, records.len());
        let crc = checksum(&header, &records);
        [sealed(header, crc), records.into()]
    }

    /// A header that lacks its checksum.
    fn header(&self, stamp: &Stamp, records_bytes: usize) -> [u8; HEADER_BYTES] {
        let mut header = self.header;
        let length = i32::try_from(HEADER_BYTES - PREFIX_BYTES + records_bytes).expect("a batch below 2 GiB");
        let count = i32::try_from(stamp.count).expect("a batch below 2 GiB");
        header[8..12].copy_from_slice(&length.to_be_bytes());
        header[23..27].copy_from_slice(&(count - 1).to_be_bytes());
        header[27..35].copy_from_slice(&stamp.wall_ms.to_be_bytes());
        header[35..43].copy_from_slice(&stamp.wall_ms.to_be_bytes());
        header[43..51].copy_from_slice(&stamp.producer.0.to_be_bytes());
        header[51..53].copy_from_slice(&stamp.producer.1.to_be_bytes());
        header[53..57].copy_from_slice(&stamp.sequence.to_be_bytes());
        header[57..61].copy_from_slice(&count.to_be_bytes());
        header
    }
}

fn sealed(mut header: [u8; HEADER_BYTES], crc: u32) -> Bytes {
    header[17..21].copy_from_slice(&crc.to_be_bytes());
    Bytes::copy_from_slice(&header)
}

/// When a record was due, from its value; nothing where it does not say.
pub fn due_of(value: &[u8]) -> Option<u64> {
    let (due, rest) = value.split_first_chunk::<8>()?;
    rest.starts_with(&TIMED).then(|| u64::from_be_bytes(*due))
}

#[cfg(test)]
mod tests {
    use super::*;
    use apus_core::config::TimestampType;
    use apus_core::validate::{BatchRules, check_batch};

    const STAMP: Stamp = Stamp { count: 1, producer: (7, 2), sequence: 40, wall_ms: 1_700_000_000_000 };

    const RULES: BatchRules = BatchRules {
        max_message_bytes: 1 << 20,
        records_bytes_max: 1 << 20,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: 1_000,
        timestamp_after_max_ms: 1_000,
        keyed: false,
        records: true,
        zstd: true,
        wall_ms: STAMP.wall_ms,
    };

    fn checked(batch: [Bytes; 2], stamp: &Stamp) -> Bytes {
        let whole = Bytes::from(batch.concat());
        let facts = check_batch(&whole, &RULES).expect("a broker admits it");
        let sequence = facts.sequence.expect("it is idempotent");
        assert_eq!((sequence.producer.0, sequence.epoch), stamp.producer);
        assert_eq!((sequence.first, facts.offsets as usize), (stamp.sequence, stamp.count));
        assert_eq!(facts.timestamp_max, stamp.wall_ms);
        whole
    }

    #[test]
    fn a_broker_admits_every_prefix() {
        let template = Template::new(100, 16 << 10);
        assert!(template.count_max() > 100 && template.batch_bytes(template.count_max()) <= 16 << 10);
        for count in 1..=template.count_max() {
            let stamp = Stamp { count, sequence: count as i32, ..STAMP };
            let whole = checked(template.batch(&stamp), &stamp);
            assert_eq!(whole.len(), template.batch_bytes(count));
        }
    }

    #[test]
    fn a_full_batch_has_its_checksum_whatever_its_header_says() {
        let template = Template::new(1_000, 64 << 10);
        let count = template.count_max();
        for round in 0..1_000_i64 {
            let producer = (round * 0x1234_5678_9abc, round as i16);
            let stamp = Stamp { count, producer, sequence: (round * 7_919_777) as i32 & i32::MAX, ..STAMP };
            checked(template.batch(&stamp), &stamp);
        }
    }

    #[test]
    fn records_are_shared_between_batches() {
        let template = Template::new(1_024, 64 << 10);
        let [_, one] = template.batch(&STAMP);
        let [_, other] = template.batch(&Stamp { count: 5, ..STAMP });
        assert_eq!(one.as_ptr(), other.as_ptr());
    }

    #[test]
    fn timed_records_say_when_they_were_due() {
        let template = Template::new(64, 4 << 10);
        let stamp = Stamp { count: 9, ..STAMP };
        let whole = checked(template.timed_batch(&stamp, |index| 1_000 + index as u64), &stamp);
        let mut records = Records::open(&whole, whole.len()).expect("a batch");
        for index in 0..9 {
            let record = records.read().expect("a record").expect("nine of them");
            assert_eq!(due_of(record.value.expect("a value")), Some(1_000 + index));
        }
        checked(template.batch(&stamp), &stamp);
        assert_eq!(due_of(&[0; 64]), None);
    }

    #[test]
    fn one_record_may_be_larger_than_a_batch() {
        let template = Template::new(10_000, 1_000);
        assert_eq!(template.count_max(), 1);
        checked(template.batch(&STAMP), &STAMP);
    }
}
