//! Batches in another codec than the one they came in, where a topic asks for it (`compression.type`).

use bytes::{BufMut, Bytes, BytesMut};

use super::{Corrupt, codec};
use crate::batch::{BatchHeader, Codec, HEADER_BYTES, PREFIX_BYTES, checksum, with_codec};

/// The same records in this codec, at this level where it has levels. Decompressed, they may be so many bytes.
///
/// # Errors
/// Where the records cannot be decompressed, or are too many bytes in either form.
pub fn recode(batch: &Bytes, to: Codec, level: i32, bytes_max: usize) -> Result<Bytes, Corrupt> {
    let header = BatchHeader::read(batch).ok_or(Corrupt::Malformed("a batch is shorter than its header"))?;
    let from = header.codec().map_err(|_| Corrupt::Malformed("the codec is not known"))?;
    let records = codec::decompress(from, &batch.slice(HEADER_BYTES..), bytes_max)?;
    let records = codec::compress(to, level, &records);
    let length = i32::try_from(HEADER_BYTES - PREFIX_BYTES + records.len());
    let length = length.map_err(|_| Corrupt::TooLarge { bytes_max })?;
    let mut recoded = BytesMut::with_capacity(HEADER_BYTES + records.len());
    recoded.put_slice(&batch[..HEADER_BYTES]);
    recoded.put_slice(&records);
    recoded[8..12].copy_from_slice(&length.to_be_bytes());
    recoded[21..23].copy_from_slice(&with_codec(header.attributes, to).to_be_bytes());
    let crc = checksum(&recoded);
    recoded[17..21].copy_from_slice(&crc.to_be_bytes());
    Ok(recoded.freeze())
}

#[cfg(test)]
mod tests {
    use super::super::Records;
    use super::super::build::BatchBuilder;
    use super::*;

    const CODECS: [(Codec, i32); 5] =
        [(Codec::None, 0), (Codec::Gzip, -1), (Codec::Snappy, 0), (Codec::Lz4, 9), (Codec::Zstd, -7)];

    #[test]
    fn records_outlive_every_change_of_codec() {
        let value = b"swift, swallow and martin ".repeat(5_000);
        for (from, _) in CODECS {
            let batch = BatchBuilder::new(from).attributes(8).record(5, Some(b"k"), Some(&value)).record(7, None, None);
            let batch = batch.build();
            let before = BatchHeader::read(&batch).expect("a header");
            for (to, level) in CODECS {
                let recoded = recode(&batch, to, level, 1 << 20).expect("it fits");
                let header = BatchHeader::read(&recoded).expect("a header");
                assert_eq!(
                    (header.codec(), header.bytes(), header.crc),
                    (Ok(to), Some(recoded.len()), checksum(&recoded))
                );
                let same =
                    BatchHeader { length: before.length, crc: before.crc, attributes: before.attributes, ..header };
                assert_eq!((same, header.attributes), (before, with_codec(8, to)));
                let mut records = Records::open(&recoded, 1 << 20).expect("it fits");
                let first = records.read().expect("sound").expect("two records");
                assert_eq!((first.key, first.value), (Some(&b"k"[..]), Some(&value[..])));
                assert!(records.read().expect("sound").is_some() && records.read() == Ok(None));
            }
        }
    }

    #[test]
    fn what_grows_beyond_its_bound_is_refused() {
        let batch = BatchBuilder::new(Codec::Zstd).record(5, None, Some(&[0; 100_000])).build();
        assert_eq!(recode(&batch, Codec::Lz4, 1, 99_999), Err(Corrupt::TooLarge { bytes_max: 99_999 }));
        let mut broken = batch.to_vec();
        broken[HEADER_BYTES] ^= 0xff;
        assert!(matches!(recode(&Bytes::from(broken), Codec::Lz4, 1, 1 << 20), Err(Corrupt::Malformed(_))));
    }
}
