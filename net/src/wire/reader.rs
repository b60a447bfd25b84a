//! Reading a frame: a cursor over bytes that nobody has vouched for.
//!
//! Every read is checked against what remains, and a declared count is checked against it *before* anything is
//! allocated, so memory follows bytes received and never a number that a stranger wrote. The lists of one message share
//! a budget that follows from its bytes, and each entry is charged with what it will have cost when it is answered
//! ([`ENTRY_BYTES`]): names of no letters take a byte each, and an answer each. What is read borrows from the frame;
//! nothing is copied but the numbers.

use std::fmt;

use apus_core::limits::{
    ENTRY_BYTES, NUMBER_BYTES, REQUEST_MEMORY_FACTOR, REQUEST_MEMORY_MAX, REQUEST_MEMORY_MIN, REQUEST_RESOURCES_MAX,
};

use super::versions::Format;

/// Why bytes are not the message they claim to be. The caller can only close the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// A field, length or count reaches beyond the bytes that are there.
    Truncated,
    /// So many bytes follow the end of the message, or of a tagged field.
    Trailing(usize),
    /// Its lists have more entries than a message of its size may have.
    TooMany,
    /// It names more resources than one request may.
    TooManyResources,
    /// A string is not UTF-8.
    NotUtf8,
    /// Null where this version allows none.
    Null,
    /// A negative length, a variable-length number of more than 32 bits, or a string beyond 32767 bytes.
    BadLength,
    /// The message has no such version.
    NoSuchVersion,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Truncated => write!(out, "a length reaches beyond the end of the frame"),
            Malformed::Trailing(bytes) => write!(out, "{bytes} bytes follow the end of the message"),
            Malformed::TooMany => write!(out, "its lists have more entries than a request of its size may have"),
            Malformed::TooManyResources => write!(out, "it names more than {REQUEST_RESOURCES_MAX} resources"),
            Malformed::NotUtf8 => write!(out, "a string is not UTF-8"),
            Malformed::Null => write!(out, "a field is null where this version allows no null"),
            Malformed::BadLength => write!(out, "a length is not one"),
            Malformed::NoSuchVersion => write!(out, "the message has no such version"),
        }
    }
}

impl std::error::Error for Malformed {}

/// A cursor over the unread rest of a frame.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// What is left of the memory for lists and their answers.
    memory: usize,
    /// The layout of the message being read.
    pub format: Format,
}

impl<'a> Reader<'a> {
    /// Starts at the first of these bytes.
    pub fn new(bytes: &'a [u8], format: Format) -> Self {
        Reader { rest: bytes, memory: memory_max(bytes.len()), format }
    }

    /// How many bytes are unread.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Everything that is unread.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes exactly so many bytes.
    #[inline]
    pub fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes a fixed number of bytes, for numbers.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// An unsigned variable-length number of at most 32 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u32, Malformed> {
        let [first] = self.array()?;
        if first < 0x80 {
            return Ok(u32::from(first));
        }
        self.varint_rest(first)
    }

    fn varint_rest(&mut self, first: u8) -> Result<u32, Malformed> {
        let mut value = u32::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let [byte] = self.array()?;
            if shift == 28 && byte > 0x0f {
                return Err(Malformed::BadLength);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::BadLength)
    }

    /// The length of a string: 16 bits, or compact. `None` is null.
    #[inline]
    pub fn string_length(&mut self) -> Result<Option<usize>, Malformed> {
        if self.format.flexible {
            return self.compact_length();
        }
        match i16::from_be_bytes(self.array()?) {
            -1 => Ok(None),
            length => Ok(Some(usize::try_from(length).map_err(|_| Malformed::BadLength)?)),
        }
    }

    /// The length of bytes or records, or the count of an array: 32 bits, or compact. `None` is null.
    #[inline]
    pub fn length(&mut self) -> Result<Option<usize>, Malformed> {
        if self.format.flexible {
            return self.compact_length();
        }
        match i32::from_be_bytes(self.array()?) {
            -1 => Ok(None),
            length => Ok(Some(usize::try_from(length).map_err(|_| Malformed::BadLength)?)),
        }
    }

    #[inline]
    fn compact_length(&mut self) -> Result<Option<usize>, Malformed> {
        Ok(self.varint()?.checked_sub(1).map(|length| length as usize))
    }

    /// Memory for a list whose count was declared. Refused is a count whose elements, each at its smallest, cannot be
    /// in the bytes that remain, and one beyond the message's budget.
    #[inline]
    pub fn list<T>(&mut self, count: usize, element_bytes_min: usize) -> Result<Vec<T>, Malformed> {
        if count > self.rest.len() / element_bytes_min.max(1) {
            return Err(Malformed::Truncated);
        }
        let memory = count.checked_mul(const { entry_bytes::<T>() }).and_then(|memory| self.memory.checked_sub(memory));
        self.memory = memory.ok_or(Malformed::TooMany)?;
        Ok(Vec::with_capacity(count))
    }

    /// Walks the tagged fields at the end of a flexible structure. `field` returns whether it knows the tag at this
    /// version; one that it does not know is skipped, one that it knows must use exactly its bytes.
    #[inline]
    pub fn tagged(
        &mut self,
        field: impl FnMut(u32, &mut Reader<'a>) -> Result<bool, Malformed>,
    ) -> Result<(), Malformed> {
        match self.varint()? {
            0 => Ok(()),
            count => self.tagged_some(count, field),
        }
    }

    fn tagged_some(
        &mut self,
        count: u32,
        mut field: impl FnMut(u32, &mut Reader<'a>) -> Result<bool, Malformed>,
    ) -> Result<(), Malformed> {
        for _ in 0..count {
            let tag = self.varint()?;
            let bytes = self.varint()? as usize;
            let mut value = Reader { rest: self.take(bytes)?, memory: self.memory, format: self.format };
            if field(tag, &mut value)? {
                value.end()?;
            }
            self.memory = value.memory;
        }
        Ok(())
    }

    /// Refuses bytes after the end.
    #[inline]
    pub fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing(self.rest.len())) }
    }
}

/// What the lists of a message of so many bytes may cost.
fn memory_max(bytes: usize) -> usize {
    bytes.saturating_mul(REQUEST_MEMORY_FACTOR).saturating_add(REQUEST_MEMORY_MIN).min(REQUEST_MEMORY_MAX)
}

/// What an entry of a list is charged.
const fn entry_bytes<T>() -> usize {
    let bytes = size_of::<T>();
    if bytes <= size_of::<u64>() {
        NUMBER_BYTES
    } else if bytes < ENTRY_BYTES {
        ENTRY_BYTES
    } else {
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Result<u32, Malformed> {
        Reader::new(bytes, Format::default()).varint()
    }

    #[test]
    fn varints_hold_32_bits_and_no_more() {
        assert_eq!(varint(&[0x00]), Ok(0));
        assert_eq!(varint(&[0xff, 0x01]), Ok(255));
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(Malformed::BadLength));
        assert_eq!(varint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(Malformed::BadLength));
        assert_eq!(varint(&[0x80]), Err(Malformed::Truncated));
    }

    #[test]
    fn a_count_beyond_the_frame_is_refused_before_it_is_believed() {
        let mut reader = Reader::new(&[0; 10], Format::default());
        assert_eq!(reader.list::<u16>(5, 2), Ok(Vec::new()));
        assert_eq!(reader.list::<u16>(6, 2), Err(Malformed::Truncated));
        assert_eq!(reader.list::<u16>(11, 0), Err(Malformed::Truncated));
    }

    #[test]
    fn the_lists_of_a_message_share_their_memory() {
        let mut reader = Reader::new(&[0; 10], Format { version: 0, flexible: true });
        assert_eq!(reader.list::<[u8; REQUEST_MEMORY_MIN / 4]>(2, 1).map(|list| list.capacity()), Ok(2));
        let tagged = reader.tagged_some(1, |_, value| value.list::<[u8; REQUEST_MEMORY_MIN / 4]>(1, 1).map(|_| true));
        assert_eq!(tagged, Err(Malformed::Truncated), "the tagged field is empty");
        assert_eq!(reader.list::<[u8; REQUEST_MEMORY_MIN / 4]>(3, 1), Err(Malformed::TooMany));
        assert_eq!(reader.list::<u64>(1, 1), Ok(Vec::new()), "what was refused took nothing");
    }

    #[test]
    fn an_entry_is_charged_for_its_answer() {
        let list = |bytes: usize, count| Reader::new(&vec![0; bytes], Format::default()).list::<&str>(count, 1).is_ok();
        assert!(list(100_000, 100_000), "all groups that there may be");
        assert!(!list(1_000_000, 1_000_000), "a million names of no letters");
        assert!(list(8_000_000, 1_000_000), "a million names of six letters");
        assert!(!list(64 << 20, 1_100_000), "nobody has more than a million of anything");
        let number =
            |bytes: usize, count| Reader::new(&vec![0; bytes], Format::default()).list::<i32>(count, 4).is_ok();
        assert!(number(4_000_000, 1_000_000), "every partition of the largest topic");
    }

    #[test]
    fn unknown_tags_are_skipped_and_known_ones_use_all_their_bytes() {
        let bytes = [2, 9, 3, 1, 2, 3, 4, 1, 7];
        let mut seen = Vec::new();
        let mut reader = Reader::new(&bytes, Format { version: 0, flexible: true });
        let outcome = reader.tagged(|tag, value| {
            seen.push(tag);
            Ok(tag == 4 && value.take(1).is_ok())
        });
        assert_eq!((outcome, reader.end(), seen), (Ok(()), Ok(()), vec![9, 4]));

        let mut reader = Reader::new(&bytes, Format { version: 0, flexible: true });
        assert_eq!(reader.tagged(|tag, _| Ok(tag == 9)), Err(Malformed::Trailing(3)));
    }
}
