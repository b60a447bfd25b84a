//! Kafka's zigzag variable-length numbers, as records use them.

use super::Corrupt;

/// Reads a number of at most 64 bits.
pub(super) fn read(rest: &mut &[u8]) -> Result<i64, Corrupt> {
    let mut value = 0_u64;
    for (index, &byte) in rest.iter().enumerate().take(10) {
        if index == 9 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (index * 7);
        if byte < 0x80 {
            *rest = &rest[index + 1..];
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(Corrupt::Malformed("a number ends nowhere"))
}

/// Reads a length or a count; -1 is nothing.
pub(super) fn read_length(rest: &mut &[u8]) -> Result<Option<usize>, Corrupt> {
    match read(rest)? {
        -1 => Ok(None),
        length => match i32::try_from(length).ok().and_then(|length| usize::try_from(length).ok()) {
            Some(length) => Ok(Some(length)),
            None => Err(Corrupt::Malformed("a length is not one")),
        },
    }
}

/// Writes a number.
pub(super) fn write(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = (value << 1) as u64 ^ (value >> 63) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}
