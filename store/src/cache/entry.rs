//! What the cache keeps, and its bytes on the cache's disk.
//!
//! ```text
//! key:   u32 length of the object's name, name, u32 index of the block      (little endian)
//! block: u32 length, u32 CRC32C of the bytes, bytes
//! ```

use std::io::{Read, Write};

use apus_core::limits::BLOCK_BYTES;
use apus_core::world::ObjectKey;
use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc32Iscsi;
use foyer::{Code, Error, ErrorKind, Result};

/// What an entry costs in memory beside its bytes.
pub(super) const ENTRY_OVERHEAD_BYTES: usize = 256;
/// S3's bound for a key.
const NAME_BYTES_MAX: usize = 1_024;

/// A block of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlockKey {
    object: ObjectKey,
    index: u32,
}

impl BlockKey {
    /// The block of that index.
    #[must_use]
    pub fn new(object: &ObjectKey, index: u32) -> BlockKey {
        BlockKey { object: object.clone(), index }
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> &ObjectKey {
        &self.object
    }

    /// Which of its blocks.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }
}

/// Its bytes, and where they come from the cache's disk, the checksum that they had when they went there.
#[derive(Clone, Debug)]
pub(super) struct Block {
    crc32c: Option<u32>,
    bytes: Bytes,
}

impl Block {
    pub(super) fn new(bytes: Bytes) -> Block {
        Block { crc32c: None, bytes }
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn is_intact(&self) -> bool {
        self.crc32c.is_none_or(|crc32c| checksum(&self.bytes) == crc32c)
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    crc_fast::checksum(Crc32Iscsi, bytes) as u32
}

impl Code for BlockKey {
    fn encode(&self, writer: &mut impl Write) -> Result<()> {
        let name = self.object.as_str().as_bytes();
        (name.len() as u32).encode(writer)?;
        writer.write_all(name).map_err(Error::io_error)?;
        self.index.encode(writer)
    }

    fn decode(reader: &mut impl Read) -> Result<BlockKey> {
        let name = read_bytes(reader, NAME_BYTES_MAX)?;
        let object = std::str::from_utf8(&name).ok().and_then(ObjectKey::parse).ok_or_else(foreign)?;
        Ok(BlockKey { object, index: u32::decode(reader)? })
    }

    fn estimated_size(&self) -> usize {
        8 + self.object.as_str().len()
    }
}

impl Code for Block {
    fn encode(&self, writer: &mut impl Write) -> Result<()> {
        (self.bytes.len() as u32).encode(writer)?;
        self.crc32c.unwrap_or_else(|| checksum(&self.bytes)).encode(writer)?;
        writer.write_all(&self.bytes).map_err(Error::io_error)
    }

    fn decode(reader: &mut impl Read) -> Result<Block> {
        let length = u32::decode(reader)?;
        let crc32c = u32::decode(reader)?;
        let bytes = read_exactly(reader, length, BLOCK_BYTES as usize)?;
        Ok(Block { crc32c: Some(crc32c), bytes: Bytes::from(bytes) })
    }

    fn estimated_size(&self) -> usize {
        8 + self.bytes.len()
    }
}

fn read_bytes(reader: &mut impl Read, bytes_max: usize) -> Result<Vec<u8>> {
    let length = u32::decode(reader)?;
    read_exactly(reader, length, bytes_max)
}

fn read_exactly(reader: &mut impl Read, length: u32, bytes_max: usize) -> Result<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= bytes_max).ok_or_else(foreign)?;
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).map_err(Error::io_error)?;
    Ok(bytes)
}

fn foreign() -> Error {
    Error::new(ErrorKind::Parse, "not an entry of this cache")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_their_bytes() {
        let key = BlockKey::new(&ObjectKey::new("v1/d/00/x"), 7);
        let mut stored = Vec::new();
        key.encode(&mut stored).expect("a vector takes all");
        assert_eq!(stored.len(), key.estimated_size());
        assert_eq!(BlockKey::decode(&mut stored.as_slice()).expect("just encoded"), key);

        let block = Block::new(Bytes::from_static(b"some bytes"));
        let mut stored = Vec::new();
        block.encode(&mut stored).expect("a vector takes all");
        assert_eq!(stored.len(), block.estimated_size());
        assert!(Block::decode(&mut stored.as_slice()).expect("just encoded").is_intact());
        stored[9] ^= 1;
        assert!(!Block::decode(&mut stored.as_slice()).expect("the length is right").is_intact());
    }

    #[test]
    fn a_declared_length_allocates_nothing() {
        assert!(Block::decode(&mut [0xff; 16].as_slice()).is_err());
        assert!(BlockKey::decode(&mut [0xff; 16].as_slice()).is_err());
    }
}
