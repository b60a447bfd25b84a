//! How values of a trace are written and read; the module above has the table.

use std::sync::Arc;

use bytes::Bytes;

/// A value that a trace holds.
pub trait Stored: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes it off the front; nothing where that is no such value.
    fn take(from: &mut Bytes) -> Option<Self>;
}

/// The value that these bytes are, and nothing else.
pub fn whole<T: Stored>(mut from: Bytes) -> Option<T> {
    let value = T::take(&mut from)?;
    from.is_empty().then_some(value)
}

/// So many bytes off the front.
fn split(from: &mut Bytes, bytes: usize) -> Option<Bytes> {
    (bytes <= from.len()).then(|| from.split_to(bytes))
}

/// A length or a count.
pub fn put_count(count: usize, out: &mut Vec<u8>) {
    u32::try_from(count).expect("a frame is below 4 GiB").put(out);
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Stored for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(from: &mut Bytes) -> Option<Self> {
                let bytes = split(from, size_of::<$type>())?;
                Some(<$type>::from_le_bytes(bytes[..].try_into().ok()?))
            }
        }
    )*};
}

numbers! { u8 u16 u32 u64 i64 }

/// A type that is a number of another name, or a pair of them.
macro_rules! names {
    ($($type:path = $inner:ty,)*) => {$(
        impl Stored for $type {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn take(from: &mut Bytes) -> Option<Self> {
                Some($type(<$inner>::take(from)?))
            }
        }
    )*};
}

names! {
    apus_core::ids::ConnectionId = u64,
    apus_core::ids::Ticket = u64,
    apus_core::time::Instant = u64,
    apus_core::time::WallTime = i64,
    apus_core::world::Etag = Arc<str>,
}

impl Stored for Bytes {
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.len(), out);
        out.extend_from_slice(self);
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        let length = u32::take(from)? as usize;
        split(from, length)
    }
}

impl Stored for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        String::from_utf8(Bytes::take(from)?.to_vec()).ok()
    }
}

impl Stored for Arc<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        Some(String::take(from)?.into())
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.len(), out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        (0..u32::take(from)?).map(|_| T::take(from)).collect()
    }
}

impl<T: Stored> Stored for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(self.is_some()).put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(None),
            1 => Some(Some(T::take(from)?)),
            _ => None,
        }
    }
}

impl<T: Stored, E: Stored> Stored for Result<T, E> {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(self.is_err()).put(out);
        match self {
            Ok(value) => value.put(out),
            Err(failure) => failure.put(out),
        }
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(Ok(T::take(from)?)),
            1 => Some(Err(E::take(from)?)),
            _ => None,
        }
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl Stored for () {
    fn put(&self, _out: &mut Vec<u8>) {}

    fn take(_from: &mut Bytes) -> Option<Self> {
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_is_no_value() {
        let value = (7_u64, vec![Some(Bytes::from_static(b"seven")), None]);
        let mut out = Vec::new();
        value.put(&mut out);
        let out = Bytes::from(out);
        assert_eq!(whole(out.clone()), Some(value));
        for length in 0..out.len() {
            assert_eq!(whole::<(u64, Vec<Option<Bytes>>)>(out.slice(..length)), None, "{length} bytes");
        }
    }
}
