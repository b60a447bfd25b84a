//! Builds batches as a producer does, for tests, benches and the simulator.

use bytes::{BufMut, Bytes, BytesMut};

use super::{codec, varint};
use crate::batch::{Codec, HEADER_BYTES, PREFIX_BYTES, Sequence, checksum};
use crate::ids::ProducerId;

/// Bytes in a codec.
#[must_use]
pub fn packed(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    codec::compress(codec, -1, bytes)
}

/// A batch under construction.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    codec: Codec,
    attributes: u16,
    sequence: Sequence,
    timestamp_base: i64,
    timestamp_max: i64,
    records: Vec<u8>,
    count: i32,
}

impl BatchBuilder {
    /// An empty batch of this codec, from nobody in particular.
    #[must_use]
    pub fn new(codec: Codec) -> BatchBuilder {
        let sequence = Sequence { producer: ProducerId(-1), epoch: -1, first: -1 };
        let (timestamp_base, timestamp_max) = (-1, -1);
        BatchBuilder { codec, attributes: 0, sequence, timestamp_base, timestamp_max, records: Vec::new(), count: 0 }
    }

    /// Sent by an idempotent producer.
    #[must_use]
    pub fn sequence(self, sequence: Sequence) -> BatchBuilder {
        BatchBuilder { sequence, ..self }
    }

    /// With these attribute bits beside the codec's.
    #[must_use]
    pub fn attributes(self, attributes: u16) -> BatchBuilder {
        BatchBuilder { attributes, ..self }
    }

    /// Adds a record.
    #[must_use]
    pub fn record(self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> BatchBuilder {
        self.record_with_headers(timestamp, key, value, &[])
    }

    /// Adds a record with headers.
    #[must_use]
    pub fn record_with_headers(
        mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> BatchBuilder {
        if self.count == 0 {
            self.timestamp_base = timestamp;
        }
        let mut record = vec![0];
        varint::write(&mut record, timestamp - self.timestamp_base);
        varint::write(&mut record, i64::from(self.count));
        write_bytes(&mut record, key);
        write_bytes(&mut record, value);
        varint::write(&mut record, headers.len() as i64);
        for (key, value) in headers {
            write_bytes(&mut record, Some(key.as_bytes()));
            write_bytes(&mut record, Some(value));
        }
        varint::write(&mut self.records, record.len() as i64);
        self.records.extend_from_slice(&record);
        self.timestamp_max = self.timestamp_max.max(timestamp);
        self.count += 1;
        self
    }

    /// The batch, with base offset 0 and its checksum.
    #[must_use]
    pub fn build(self) -> Bytes {
        // What is built is read once: gzip makes haste, the others do as their clients do.
        let level = if self.codec == Codec::Gzip { 1 } else { 3 };
        let records = codec::compress(self.codec, level, &self.records);
        let mut batch = BytesMut::with_capacity(HEADER_BYTES + records.len());
        batch.put_i64(0);
        let length = HEADER_BYTES - PREFIX_BYTES + records.len();
        batch.put_i32(i32::try_from(length).expect("a batch of less than 2 GiB"));
        batch.put_i32(-1);
        batch.put_i8(2);
        batch.put_u32(0);
        batch.put_u16(self.attributes | self.codec as u16);
        batch.put_i32(self.count - 1);
        batch.put_i64(self.timestamp_base);
        batch.put_i64(self.timestamp_max);
        batch.put_i64(self.sequence.producer.0);
        batch.put_i16(self.sequence.epoch);
        batch.put_i32(self.sequence.first);
        batch.put_i32(self.count);
        assert!(batch.len() == HEADER_BYTES);
        batch.put_slice(&records);
        let crc = checksum(&batch);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        batch.freeze()
    }
}

fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint::write(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}
