//! What must hold for any bytes; shared by the fuzz targets and by the test that walks the kept corpus.
//!
//! Each check takes one input and panics where something does not hold. Checksums are made to fit first, so that what
//! stands behind them is reached.

pub mod batch;
pub mod body;
pub mod frames;
pub mod request;
pub mod step;
pub mod stored;

/// Takes numbers and pieces off the front of an input.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte, where there is one.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number of two bytes.
    pub fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// So many bytes, or those that are left.
    pub fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
