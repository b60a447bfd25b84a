//! Records: how one entry of the ledger's state stands in a snapshot, and what it adds to the digest.

use std::sync::Arc;

use crate::command::Corrupt;

/// An entry of the state. Numbers are little endian; a text is its length (4 bytes) and its bytes.
pub(crate) trait Record: Clone {
    /// Entries of a full page of a table, or of a full leaf of a shelf. Numbers and stored parts follow from it, so it is a
    /// part of the stored format: never to be changed, and not to be computed from what a compiler makes of a type.
    const PAGE_ENTRIES: usize;

    /// Appends the stored form.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes the stored form off the front.
    fn read(bytes: &mut Cursor<'_>) -> Result<Self, Corrupt>;

    /// Appends what the digest is computed from: the stored form, unless that is long and changes often.
    fn fingerprint(&self, out: &mut Vec<u8>) {
        self.write(out);
    }
}

/// Stored bytes, taken off the front; nothing is ever read or allocated beyond them.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Corrupt::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Corrupt> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Corrupt> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Corrupt::Value("a flag")),
        }
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Corrupt> {
        Ok(i16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Corrupt> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Corrupt> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Corrupt> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Corrupt> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn text(&mut self) -> Result<Arc<str>, Corrupt> {
        let length = self.u32()? as usize;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Corrupt::Value("a text"))?;
        Ok(Arc::from(text))
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), Corrupt> {
        if self.0.is_empty() { Ok(()) } else { Err(Corrupt::Value("bytes behind the end")) }
    }
}

/// Appends a text with its length.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// 64 well-mixed bits of these bytes. Sums of them stand for sets: adding an entry and taking it away again cancel, so
/// the digest of ten million entries follows each change at the price of hashing one. It finds mistakes, not enemies.
pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = seed.wrapping_add(ODD) ^ (bytes.len() as u64).wrapping_mul(ODD);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = (state ^ u64::from_le_bytes(word)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        state ^= state >> 32;
    }
    state = (state ^ (state >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 29)
}

/// A sum of [`hash`]es over the entries of one container.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    value: u64,
    scratch: Vec<u8>,
}

impl Sum {
    pub(crate) fn value(&self) -> u64 {
        self.value
    }

    pub(crate) fn add<R: Record>(&mut self, seed: u64, record: &R) {
        let hash = self.of(seed, record);
        self.value = self.value.wrapping_add(hash);
    }

    pub(crate) fn take<R: Record>(&mut self, seed: u64, record: &R) {
        let hash = self.of(seed, record);
        self.value = self.value.wrapping_sub(hash);
    }

    fn of<R: Record>(&mut self, seed: u64, record: &R) -> u64 {
        self.scratch.clear();
        record.fingerprint(&mut self.scratch);
        hash(seed, &self.scratch)
    }
}
