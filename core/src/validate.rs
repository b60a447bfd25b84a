//! What must hold of a batch before it is admitted: Kafka's own rules, in Kafka's own words where clients see them.
//!
//! The header decides; records are opened only where the topic wants a key on each of them, or where records are to be
//! validated or recoded whatever they cost. So a compressed batch is stored as it came, without a look inside, which Kafka does
//! not do; the counts and timestamps that everything relies on are those of the header.
//!
//! A size is checked before the checksum is computed, so a refusal is cheap.

use std::borrow::Cow;

use bytes::Bytes;

use crate::api::RecordError;
use crate::batch::{
    ATTRIBUTE_CONTROL, ATTRIBUTE_LOG_APPEND_TIME, ATTRIBUTE_TRANSACTIONAL, BatchFacts, BatchHeader, Codec,
    HEADER_BYTES, checksum,
};
use crate::config::{TimestampType, TopicConfig};
use crate::error::{Refusal, Refused};
use crate::limits::{DECOMPRESSED_BYTES_MAX, RECORD_ERRORS_MAX};
use crate::records::{Corrupt, Records, recode};

/// Bytes up to and including the magic: below, there is no batch at all.
const MAGIC_END: usize = 17;
/// Attribute bit: the base timestamp is the time at which a compactor may drop tombstones. Never a client's.
const ATTRIBUTE_DELETE_HORIZON: u16 = 1 << 6;
/// A record is at least length, attributes, two deltas, two lengths and a count.
const RECORD_BYTES_MIN: usize = 7;

/// What a topic, a broker and a protocol version ask of a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchRules {
    /// Bytes of the batch as it arrives.
    pub max_message_bytes: usize,
    /// Bytes of its records once decompressed, where they are opened.
    pub records_bytes_max: usize,
    /// Whose time a record carries; the producer's is held against the bounds.
    pub timestamp_type: TimestampType,
    /// Milliseconds that the producer's time may lie behind the broker's.
    pub timestamp_before_max_ms: i64,
    /// Milliseconds that it may lie ahead.
    pub timestamp_after_max_ms: i64,
    /// Every record must have a key (the topic is compacted).
    pub keyed: bool,
    /// Open the records in any case.
    pub records: bool,
    /// The protocol version knows zstd.
    pub zstd: bool,
    /// The broker's clock.
    pub wall_ms: i64,
}

impl BatchRules {
    /// The rules of a topic, for a request that came at this time.
    #[must_use]
    pub fn new(config: &TopicConfig, zstd: bool, wall_ms: i64) -> BatchRules {
        BatchRules {
            max_message_bytes: config.max_message_bytes as usize,
            records_bytes_max: (config.max_decompressed_message_bytes as usize).min(DECOMPRESSED_BYTES_MAX),
            timestamp_type: config.timestamp_type,
            timestamp_before_max_ms: config.timestamp_before_max_ms,
            timestamp_after_max_ms: config.timestamp_after_max_ms,
            keyed: config.cleanup_compact,
            records: false,
            zstd,
            wall_ms,
        }
    }

    /// The same, with every record opened and checked (`diskless.validate.records`).
    #[must_use]
    pub fn with_records(self, records: bool) -> BatchRules {
        BatchRules { records, ..self }
    }
}

/// Why a batch is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The reason.
    pub refused: Refused,
    /// The records that are the reason, [`RECORD_ERRORS_MAX`] at most; none where it is the batch itself.
    pub record_errors: Vec<RecordError>,
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Rejection {
        Rejection { refused, record_errors: Vec::new() }
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Rejection {
        Refused::from(refusal).into()
    }
}

/// The facts of a batch that a client sent for one partition, or why it is refused.
pub fn check_batch(bytes: &Bytes, rules: &BatchRules) -> Result<BatchFacts, Rejection> {
    let header = check_shape(bytes)?;
    let codec = check_codec(&header, rules)?;
    check_fields(&header, bytes.len(), codec)?;
    if bytes.len() > rules.max_message_bytes {
        return Err(too_large(bytes.len(), rules.max_message_bytes).into());
    }
    let computed = checksum(bytes);
    if header.crc != computed {
        let message = format!("Record is corrupt (stored crc = {}, computed crc = {computed})", header.crc);
        return Err(Refused::new(Refusal::CorruptMessage, message).into());
    }
    check_times(&header, rules)?;
    if rules.keyed || rules.records {
        check_records(bytes, rules)?;
    }
    Ok(BatchFacts::of(&header, bytes.len()))
}

/// A batch that was checked with its records, in another codec.
///
/// # Errors
/// Where it would be larger than the topic allows.
pub fn recode(bytes: &Bytes, codec: Codec, level: i32, rules: &BatchRules) -> Result<Bytes, Refused> {
    let recoded = recode::recode(bytes, codec, level, rules.records_bytes_max).map_err(refuse)?;
    if recoded.len() > rules.max_message_bytes {
        return Err(too_large(recoded.len(), rules.max_message_bytes));
    }
    Ok(recoded)
}

fn too_large(bytes: usize, bytes_max: usize) -> Refused {
    let message = format!("The record batch has {bytes} bytes, which exceeds the maximum of {bytes_max}");
    Refused::new(Refusal::MessageTooLarge, message)
}

/// Why records cannot be opened.
fn refuse(why: Corrupt) -> Refused {
    match why {
        Corrupt::TooLarge { .. } => Refused::new(Refusal::MessageTooLarge, why.to_string()),
        Corrupt::Malformed(_) => invalid(why.to_string()),
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Refused {
    Refused::new(Refusal::InvalidRecord, message)
}

fn corrupt(message: impl Into<Cow<'static, str>>) -> Refused {
    Refused::new(Refusal::CorruptMessage, message)
}

/// Exactly one whole batch of today's format.
fn check_shape(bytes: &[u8]) -> Result<BatchHeader, Refused> {
    if bytes.len() < MAGIC_END {
        return Err(invalid("Produce requests must have at least one record batch per partition"));
    }
    if bytes[MAGIC_END - 1] != 2 {
        return Err(invalid("Produce requests are only allowed to contain record batches with magic version 2"));
    }
    let header = BatchHeader::read(bytes).ok_or_else(|| corrupt("The record batch is shorter than its header"))?;
    let whole = header
        .bytes()
        .ok_or_else(|| corrupt(format!("Record size {} is less than the minimum record overhead", header.length)))?;
    match bytes.len() {
        length if length < whole => Err(corrupt(format!("The record batch has {length} of its {whole} bytes"))),
        length if length > whole => {
            Err(invalid("Produce requests are only allowed to contain exactly one record batch per partition"))
        }
        _ => Ok(header),
    }
}

fn check_codec(header: &BatchHeader, rules: &BatchRules) -> Result<Codec, Refused> {
    let unsupported = |message: String| Refused::new(Refusal::UnsupportedCompressionType, message);
    match header.codec() {
        Err(id) => Err(unsupported(format!("Unknown compression type id: {id}"))),
        Ok(Codec::Zstd) if !rules.zstd => {
            Err(unsupported("Produce requests below version 7 are not allowed to use ZStandard compression".into()))
        }
        Ok(codec) => Ok(codec),
    }
}

fn check_fields(header: &BatchHeader, bytes: usize, codec: Codec) -> Result<(), Refused> {
    let BatchHeader { base_offset, last_offset_delta, count, .. } = *header;
    if base_offset != 0 {
        return Err(invalid(format!("The baseOffset of the record batch should be 0, but it is {base_offset}")));
    }
    if last_offset_delta < 0 {
        return Err(invalid(format!("Batch has an invalid offset range: [0, {last_offset_delta}]")));
    }
    if count <= 0 {
        return Err(invalid(format!("Invalid reported count for record batch: {count}")));
    }
    if i64::from(count) != header.offsets() {
        let message = format!("Inconsistent batch offset range [0, {last_offset_delta}] and count of records {count}");
        return Err(invalid(message));
    }
    if codec == Codec::None && (bytes - HEADER_BYTES) / RECORD_BYTES_MIN < count as usize {
        return Err(invalid(format!("{} bytes cannot hold {count} records", bytes - HEADER_BYTES)));
    }
    if header.has(ATTRIBUTE_CONTROL) {
        return Err(invalid("Clients are not allowed to write control records"));
    }
    if header.has(ATTRIBUTE_DELETE_HORIZON) {
        return Err(invalid("Clients are not allowed to set a delete horizon"));
    }
    if header.has(ATTRIBUTE_TRANSACTIONAL) {
        return Err(Refused::new(Refusal::InvalidRequest, "Transactions are not supported"));
    }
    let (producer, epoch, sequence) = (header.producer, header.producer_epoch, header.sequence_base);
    if producer.0 >= 0 && (epoch < 0 || sequence < 0) {
        let message =
            format!("Invalid sequence number {sequence} or epoch {epoch} in record batch with producerId {producer}");
        return Err(invalid(message));
    }
    Ok(())
}

/// The header names the first record's time and the newest; where a record in between is the oldest, opening the
/// records tells.
fn check_times(header: &BatchHeader, rules: &BatchRules) -> Result<(), Refused> {
    if header.has(ATTRIBUTE_LOG_APPEND_TIME) {
        let message = "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.";
        return Err(Refused::new(Refusal::InvalidTimestamp, message));
    }
    check_time(header.timestamp_base, 0, rules)?;
    check_time(header.timestamp_max, i64::from(header.last_offset_delta), rules)
}

fn check_time(timestamp: i64, offset: i64, rules: &BatchRules) -> Result<(), Refused> {
    let oldest = rules.wall_ms.saturating_sub(rules.timestamp_before_max_ms);
    let newest = rules.wall_ms.saturating_add(rules.timestamp_after_max_ms);
    if rules.timestamp_type == TimestampType::LogAppendTime || timestamp == -1 || (oldest..=newest).contains(&timestamp)
    {
        return Ok(());
    }
    let message = format!(
        "Timestamp {timestamp} of message with offset {offset} is out of range. \
         The timestamp should be within [{oldest}, {newest}]"
    );
    Err(Refused::new(Refusal::InvalidTimestamp, message))
}

/// All of its records are looked at, so that those that are wrong can be named.
fn check_records(bytes: &Bytes, rules: &BatchRules) -> Result<(), Rejection> {
    let mut records = Records::open(bytes, rules.records_bytes_max).map_err(refuse)?;
    let (base, max) = (records.header().timestamp_base, records.header().timestamp_max);
    let mut offset = 0;
    let mut wrong = Wrong::default();
    while let Some(record) = records.read().map_err(refuse)? {
        if record.offset_delta != offset {
            return Err(invalid("Inner records of the record batch do not have incremental offsets").into());
        }
        let timestamp = base.saturating_add(record.timestamp_delta);
        if rules.keyed && record.key.is_none() {
            wrong.note(offset, invalid("Compacted topic cannot accept message without key"));
        } else if let Err(refused) = check_time(timestamp, i64::from(offset), rules) {
            wrong.note(offset, refused);
        }
        if timestamp > max {
            return Err(invalid(format!("A record's timestamp {timestamp} is beyond its batch's {max}")).into());
        }
        offset += 1;
    }
    wrong.rejection().map_or(Ok(()), Err)
}

/// The records that a batch is refused for.
#[derive(Debug, Default)]
struct Wrong {
    count: usize,
    timestamps: bool,
    record_errors: Vec<RecordError>,
}

impl Wrong {
    fn note(&mut self, index: i32, refused: Refused) {
        self.count += 1;
        self.timestamps |= refused.refusal == Refusal::InvalidTimestamp;
        if self.record_errors.len() < RECORD_ERRORS_MAX {
            self.record_errors.push(RecordError { index, message: refused.message });
        }
    }

    /// Nothing where none is. A wrong time is told before all else, as Kafka does it.
    fn rejection(self) -> Option<Rejection> {
        let Wrong { count, timestamps, record_errors } = self;
        let refused = match (count, timestamps) {
            (0, _) => return None,
            (_, true) => {
                let message = "One or more records have been rejected due to invalid timestamp";
                Refused::new(Refusal::InvalidTimestamp, message)
            }
            _ => invalid(format!("One or more records have been rejected due to {count} record errors in total")),
        };
        Some(Rejection { refused, record_errors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Sequence;
    use crate::ids::ProducerId;
    use crate::records::build::BatchBuilder;

    const RULES: BatchRules = BatchRules {
        max_message_bytes: 1_000,
        records_bytes_max: 2_000,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        keyed: false,
        records: false,
        zstd: true,
        wall_ms: 1_700_000_000_000,
    };

    fn sound() -> BatchBuilder {
        let first = BatchBuilder::new(Codec::None).record(RULES.wall_ms, Some(b"key"), Some(b"value"));
        first.record(RULES.wall_ms + 5, None, Some(b"value"))
    }

    /// The refusal of a sound batch with some bytes replaced; the checksum is made to match.
    fn altered(at: usize, with: &[u8]) -> Refusal {
        let mut bytes = sound().build().to_vec();
        bytes[at..at + with.len()].copy_from_slice(with);
        let crc = checksum(&bytes);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        check_batch(&bytes.into(), &RULES).expect_err("altered").refused.refusal
    }

    fn refusal(bytes: &[u8], rules: &BatchRules) -> Refusal {
        check_batch(&Bytes::copy_from_slice(bytes), rules).expect_err("refused").refused.refusal
    }

    #[test]
    fn a_sound_batch_has_its_facts() {
        let sequence = Sequence { producer: ProducerId(7), epoch: 1, first: 40 };
        let batch = sound().sequence(sequence).build();
        let facts = check_batch(&batch, &RULES).expect("sound");
        assert_eq!((facts.offsets, facts.bytes as usize, facts.timestamp_max), (2, batch.len(), RULES.wall_ms + 5));
        assert_eq!((facts.sequence, facts.attributes), (Some(sequence), 0));
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let batch = BatchBuilder::new(codec).record(0, Some(b"key"), None).build();
            assert!(check_batch(&batch, &BatchRules { keyed: true, ..RULES }).is_ok(), "{codec:?}");
        }
    }

    #[test]
    fn exactly_one_whole_batch() {
        let batch = sound().build();
        assert_eq!(refusal(b"", &RULES), Refusal::InvalidRecord);
        assert_eq!(refusal(&batch[..16], &RULES), Refusal::InvalidRecord);
        assert_eq!(refusal(&batch[..40], &RULES), Refusal::CorruptMessage);
        assert_eq!(refusal(&batch[..batch.len() - 1], &RULES), Refusal::CorruptMessage);
        assert_eq!(refusal(&[&batch[..], &batch[..]].concat(), &RULES), Refusal::InvalidRecord);
        assert_eq!(altered(8, &(-1_i32).to_be_bytes()), Refusal::CorruptMessage);
        assert_eq!(altered(8, &48_u32.to_be_bytes()), Refusal::CorruptMessage);
        assert_eq!(altered(16, &[1]), Refusal::InvalidRecord);
    }

    #[test]
    fn every_field_is_held_to_its_rule() {
        assert_eq!(altered(0, &1_i64.to_be_bytes()), Refusal::InvalidRecord);
        assert_eq!(altered(21, &5_u16.to_be_bytes()), Refusal::UnsupportedCompressionType);
        assert_eq!(altered(21, &ATTRIBUTE_CONTROL.to_be_bytes()), Refusal::InvalidRecord);
        assert_eq!(altered(21, &ATTRIBUTE_DELETE_HORIZON.to_be_bytes()), Refusal::InvalidRecord);
        assert_eq!(altered(21, &ATTRIBUTE_TRANSACTIONAL.to_be_bytes()), Refusal::InvalidRequest);
        assert_eq!(altered(21, &ATTRIBUTE_LOG_APPEND_TIME.to_be_bytes()), Refusal::InvalidTimestamp);
        assert_eq!(altered(23, &(-1_i32).to_be_bytes()), Refusal::InvalidRecord);
        assert_eq!(altered(57, &3_i32.to_be_bytes()), Refusal::InvalidRecord);
        assert_eq!(altered(43, &7_i64.to_be_bytes()), Refusal::InvalidRecord);
        let mut many = sound().build().to_vec();
        many[23..27].copy_from_slice(&999_i32.to_be_bytes());
        many[57..61].copy_from_slice(&1_000_i32.to_be_bytes());
        assert_eq!(refusal(&many, &RULES), Refusal::InvalidRecord);
        let mut flipped = sound().build().to_vec();
        flipped[70] ^= 1;
        assert_eq!(refusal(&flipped, &RULES), Refusal::CorruptMessage);
    }

    #[test]
    fn the_topic_has_its_own_rules() {
        let batch = sound().build();
        assert_eq!(refusal(&batch, &BatchRules { max_message_bytes: 60, ..RULES }), Refusal::MessageTooLarge);
        assert_eq!(refusal(&batch, &BatchRules { timestamp_after_max_ms: 4, ..RULES }), Refusal::InvalidTimestamp);
        let late = BatchRules { wall_ms: RULES.wall_ms + 100, timestamp_before_max_ms: 99, ..RULES };
        assert_eq!(refusal(&batch, &late), Refusal::InvalidTimestamp);
        let append = BatchRules { timestamp_type: TimestampType::LogAppendTime, ..late };
        assert!(check_batch(&batch, &append).is_ok());
        let rejection = check_batch(&batch, &BatchRules { keyed: true, ..RULES }).expect_err("a record without key");
        assert_eq!(rejection.refused.refusal, Refusal::InvalidRecord);
        let named: Vec<i32> = rejection.record_errors.iter().map(|error| error.index).collect();
        assert_eq!(named, [1], "the record that has none is named");
        assert!(check_batch(&batch, &RULES.with_records(true)).is_ok());
        let zstd = BatchBuilder::new(Codec::Zstd).record(0, None, Some(&[0; 3_000])).build();
        assert_eq!(refusal(&zstd, &BatchRules { zstd: false, ..RULES }), Refusal::UnsupportedCompressionType);
        assert!(check_batch(&zstd, &RULES).is_ok());
        assert_eq!(refusal(&zstd, &RULES.with_records(true)), Refusal::MessageTooLarge);
    }

    #[test]
    fn what_is_recoded_keeps_within_its_bounds() {
        let batch = BatchBuilder::new(Codec::Zstd).record(1, Some(b"k"), Some(&[7; 10_000])).build();
        let rules = BatchRules { records_bytes_max: 20_000, ..RULES };
        assert!(check_batch(&batch, &rules).is_ok());
        let recoded = recode(&batch, Codec::Gzip, -1, &rules).expect("it stays small");
        assert!(check_batch(&recoded, &rules).is_ok());
        let refused = recode(&batch, Codec::None, 0, &rules).expect_err("it has ten thousand bytes");
        assert_eq!(refused.refusal, Refusal::MessageTooLarge);
    }
}
