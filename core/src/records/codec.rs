//! The five codecs of records; decompression is under a limit.
//!
//! Output grows as it is produced, never by what the input declares. Snappy is the exception, because its blocks say
//! their length first: that is believed only as far as the format can expand at all.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;

use super::Corrupt;
use crate::batch::Codec;

/// What Java's snappy writes before its blocks: magic, then two versions of four bytes.
pub(super) const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
pub(super) const XERIAL_HEADER_BYTES: usize = 16;

/// Bytes of one block of Java's snappy framing.
const XERIAL_BLOCK_BYTES: usize = 32 << 10;

/// No snappy block expands further: a copy of 64 bytes takes three.
const SNAPPY_EXPANSION_MAX: usize = 22;

/// Windows that every zstd level but the "ultra" ones stays below; the decoder allocates as much.
const ZSTD_WINDOW_LOG_MIN: u32 = 23;
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// The records in a codec: gzip at a level of 1 to 9 or its own default, zstd at one of its own; the others have none.
pub(super) fn compress(codec: Codec, level: i32, records: &[u8]) -> Vec<u8> {
    const MEMORY: &str = "memory takes every write";
    match codec {
        Codec::None => records.to_vec(),
        Codec::Gzip => {
            let level = u32::try_from(level).map_or_else(|_| flate2::Compression::default(), flate2::Compression::new);
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(records).expect(MEMORY);
            encoder.finish().expect(MEMORY)
        }
        Codec::Snappy => {
            let mut out = [&XERIAL_MAGIC[..], &1_u32.to_be_bytes(), &1_u32.to_be_bytes()].concat();
            for block in records.chunks(XERIAL_BLOCK_BYTES) {
                let block = snap::raw::Encoder::new().compress_vec(block).expect("a block of 32 KiB");
                out.extend_from_slice(&(block.len() as u32).to_be_bytes());
                out.extend_from_slice(&block);
            }
            out
        }
        Codec::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(records).expect(MEMORY);
            encoder.finish().expect(MEMORY)
        }
        Codec::Zstd => ::zstd::stream::encode_all(records, level).expect(MEMORY),
    }
}

/// The records as they were before the codec; shared, where there is none.
///
/// # Errors
/// Where they are none of the codec's, or more than so many bytes.
pub fn decompress(codec: Codec, bytes: &Bytes, bytes_max: usize) -> Result<Bytes, Corrupt> {
    let out = match codec {
        Codec::None => return Ok(bytes.clone()),
        Codec::Gzip => drain(MultiGzDecoder::new(&bytes[..]), bytes_max)?,
        Codec::Snappy => snappy(bytes, bytes_max)?,
        Codec::Lz4 => drain(FrameDecoder::new(&bytes[..]), bytes_max)?,
        Codec::Zstd => zstd(bytes, bytes_max)?,
    };
    Ok(Bytes::from(out))
}

fn drain(source: impl Read, bytes_max: usize) -> Result<Vec<u8>, Corrupt> {
    let mut out = Vec::new();
    let read = source.take(bytes_max as u64 + 1).read_to_end(&mut out);
    read.map_err(|_| Corrupt::Malformed("records cannot be decompressed"))?;
    if out.len() > bytes_max { Err(Corrupt::TooLarge { bytes_max }) } else { Ok(out) }
}

fn zstd(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, Corrupt> {
    let malformed = |_| Corrupt::Malformed("records cannot be decompressed");
    let mut decoder = ::zstd::stream::read::Decoder::with_buffer(bytes).map_err(malformed)?;
    let window = usize::BITS - bytes_max.leading_zeros();
    decoder.window_log_max(window.clamp(ZSTD_WINDOW_LOG_MIN, ZSTD_WINDOW_LOG_MAX)).map_err(malformed)?;
    drain(decoder, bytes_max)
}

/// Java frames blocks of its own ("Xerial"); other clients write one raw block.
fn snappy(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, Corrupt> {
    let mut out = Vec::new();
    if !bytes.starts_with(XERIAL_MAGIC) {
        snappy_block(bytes, &mut out, bytes_max)?;
        return Ok(out);
    }
    let mut rest = bytes.get(XERIAL_HEADER_BYTES..).ok_or(Corrupt::Malformed("snappy framing is cut short"))?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(Corrupt::Malformed("snappy framing is cut short"))?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, after) =
            after.split_at_checked(length).ok_or(Corrupt::Malformed("a snappy block reaches beyond its batch"))?;
        snappy_block(block, &mut out, bytes_max)?;
        rest = after;
    }
    Ok(out)
}

fn snappy_block(block: &[u8], out: &mut Vec<u8>, bytes_max: usize) -> Result<(), Corrupt> {
    let malformed = |_| Corrupt::Malformed("records cannot be decompressed");
    let bytes = snap::raw::decompress_len(block).map_err(malformed)?;
    if bytes > block.len().saturating_mul(SNAPPY_EXPANSION_MAX) {
        return Err(Corrupt::Malformed("a snappy block claims more than snappy can hold"));
    }
    if bytes > bytes_max - out.len() {
        return Err(Corrupt::TooLarge { bytes_max });
    }
    let start = out.len();
    out.resize(start + bytes, 0);
    let written = snap::raw::Decoder::new().decompress(block, &mut out[start..]).map_err(malformed)?;
    if written == bytes { Ok(()) } else { Err(Corrupt::Malformed("a snappy block is shorter than it claims")) }
}
