//! The kinds of values on the wire, and how each is read and written.
//!
//! [`Wire`] is implemented here for what Kafka's schemas are made of, and by the `schema!` macro for every structure.
//! Where Kafka says *nullable*, the Rust type is an `Option`, and the schema says at which versions null is allowed.

use apus_core::ids::Uuid;
use bytes::Bytes;

use super::reader::{Malformed, Reader};
use super::schema::{Kind, Structure};
use super::versions::Format;
use super::writer::Writer;

/// A value that a field may have.
pub trait Wire<'a>: Sized + PartialEq {
    /// What Kafka's schema calls it.
    const KIND: Kind;

    /// What the field holds where a version lacks it: zero, empty, or the schema's own default.
    fn initial() -> Self;

    /// The fewest bytes such a value takes: what a declared count is checked against.
    fn bytes_min(format: Format) -> usize;

    /// Reads one. `nullable` says whether this version allows null.
    fn decode(reader: &mut Reader<'a>, nullable: bool) -> Result<Self, Malformed>;

    /// Writes one. Null where this version allows none is written as the initial value.
    fn encode(&self, writer: &mut Writer, nullable: bool);
}

/// A value for which null exists.
pub trait Nullable<'a>: Wire<'a> {
    /// The initial value where the field is nullable; Kafka makes it empty, except for records.
    fn initial_option() -> Option<Self> {
        Some(Self::initial())
    }

    /// The fewest bytes that one or null takes.
    fn option_bytes_min(format: Format) -> usize {
        Self::bytes_min(format)
    }

    /// Reads one or null.
    fn decode_option(reader: &mut Reader<'a>, nullable: bool) -> Result<Option<Self>, Malformed>;

    /// Writes one or null; only called where the version allows null.
    fn encode_option(option: Option<&Self>, writer: &mut Writer);
}

impl<'a, T: Nullable<'a>> Wire<'a> for Option<T> {
    const KIND: Kind = T::KIND;

    fn initial() -> Self {
        T::initial_option()
    }

    #[inline]
    fn bytes_min(format: Format) -> usize {
        T::option_bytes_min(format)
    }

    #[inline]
    fn decode(reader: &mut Reader<'a>, nullable: bool) -> Result<Self, Malformed> {
        let option = T::decode_option(reader, nullable)?;
        if option.is_none() && !nullable { Err(Malformed::Null) } else { Ok(option) }
    }

    #[inline]
    fn encode(&self, writer: &mut Writer, nullable: bool) {
        match self {
            option if nullable => T::encode_option(option.as_ref(), writer),
            Some(value) => value.encode(writer, false),
            None => T::initial().encode(writer, false),
        }
    }
}

macro_rules! numbers {
    ($($type:ty = $kind:ident,)*) => {$(
        impl<'a> Wire<'a> for $type {
            const KIND: Kind = Kind::$kind;

            fn initial() -> Self {
                Default::default()
            }

            #[inline]
            fn bytes_min(_: Format) -> usize {
                size_of::<$type>()
            }

            #[inline]
            fn decode(reader: &mut Reader<'a>, _: bool) -> Result<Self, Malformed> {
                Ok(<$type>::from_be_bytes(reader.array()?))
            }

            #[inline]
            fn encode(&self, writer: &mut Writer, _: bool) {
                writer.put(&self.to_be_bytes());
            }
        }
    )*};
}

numbers! { i8 = Int8, i16 = Int16, u16 = Uint16, i32 = Int32, u32 = Uint32, i64 = Int64, f64 = Float64, }

impl<'a> Wire<'a> for bool {
    const KIND: Kind = Kind::Bool;

    fn initial() -> Self {
        false
    }

    fn bytes_min(_: Format) -> usize {
        1
    }

    #[inline]
    fn decode(reader: &mut Reader<'a>, _: bool) -> Result<Self, Malformed> {
        let [byte] = reader.array()?;
        Ok(byte != 0)
    }

    #[inline]
    fn encode(&self, writer: &mut Writer, _: bool) {
        writer.put(&[u8::from(*self)]);
    }
}

impl<'a> Wire<'a> for Uuid {
    const KIND: Kind = Kind::Uuid;

    fn initial() -> Self {
        Uuid::ZERO
    }

    fn bytes_min(_: Format) -> usize {
        16
    }

    #[inline]
    fn decode(reader: &mut Reader<'a>, _: bool) -> Result<Self, Malformed> {
        Ok(Uuid(reader.array()?))
    }

    #[inline]
    fn encode(&self, writer: &mut Writer, _: bool) {
        writer.put(&self.0);
    }
}

/// Kafka refuses longer strings in every version, and the old form cannot express them.
const STRING_BYTES_MAX: usize = i16::MAX as usize;

macro_rules! with_length {
    ($([$($generic:tt)*] $type:ty: $kind:expr, empty $empty:expr, length in $bytes:literal;)*) => {$(
        impl<'a, $($generic)*> Wire<'a> for $type {
            const KIND: Kind = $kind;

            fn initial() -> Self {
                $empty
            }

            #[inline]
            fn bytes_min(format: Format) -> usize {
                if format.flexible { 1 } else { $bytes }
            }

            #[inline]
            fn decode(reader: &mut Reader<'a>, nullable: bool) -> Result<Self, Malformed> {
                Self::decode_option(reader, nullable)?.ok_or(Malformed::Null)
            }

            #[inline]
            fn encode(&self, writer: &mut Writer, _: bool) {
                Self::encode_option(Some(self), writer);
            }
        }
    )*};
}

// What begins with its length may be null, so one that must be there is an optional one that is.
with_length! {
    [] &'a str: Kind::String, empty "", length in 2;
    [] &'a [u8]: Kind::Bytes, empty &[], length in 4;
    [] Records<'a>: Kind::Records, empty Records::Slice(&[]), length in 4;
    [T: Wire<'a>] Vec<T>: Kind::Array(&T::KIND), empty Vec::new(), length in 4;
}

impl<'a> Nullable<'a> for &'a str {
    #[inline]
    fn decode_option(reader: &mut Reader<'a>, _: bool) -> Result<Option<Self>, Malformed> {
        let Some(length) = reader.string_length()? else { return Ok(None) };
        if length > STRING_BYTES_MAX {
            return Err(Malformed::BadLength);
        }
        std::str::from_utf8(reader.take(length)?).map(Some).map_err(|_| Malformed::NotUtf8)
    }

    #[inline]
    fn encode_option(option: Option<&Self>, writer: &mut Writer) {
        let text = option.map(|text| &text[..text.floor_char_boundary(STRING_BYTES_MAX)]);
        writer.string_length(text.map(str::len));
        writer.put(text.unwrap_or_default().as_bytes());
    }
}

impl<'a> Nullable<'a> for &'a [u8] {
    #[inline]
    fn decode_option(reader: &mut Reader<'a>, _: bool) -> Result<Option<Self>, Malformed> {
        match reader.length()? {
            Some(length) => Ok(Some(reader.take(length)?)),
            None => Ok(None),
        }
    }

    #[inline]
    fn encode_option(option: Option<&Self>, writer: &mut Writer) {
        writer.length(option.map(|bytes| bytes.len()));
        writer.put(option.unwrap_or(&&[][..]));
    }
}

/// The records of one partition: a slice of the frame they came in, or the pieces they go out in.
#[derive(Clone, Copy, Debug)]
pub enum Records<'a> {
    /// As decoded; the caller turns it into shared bytes with `Bytes::slice_ref` on the frame.
    Slice(&'a [u8]),
    /// To be encoded: batches and the stamps before them, spliced in this order.
    Pieces(&'a [Bytes]),
}

impl<'a> Records<'a> {
    /// How many bytes there are.
    pub fn bytes(&self) -> usize {
        match self {
            Records::Slice(slice) => slice.len(),
            Records::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }

    /// Everything in one allocation, wherever it came from.
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Records::Slice(slice) => slice.to_vec(),
            Records::Pieces(pieces) => pieces.concat(),
        }
    }
}

impl PartialEq for Records<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Records::Slice(left), Records::Slice(right)) => left == right,
            _ => self.to_vec() == other.to_vec(),
        }
    }
}

impl<'a> Nullable<'a> for Records<'a> {
    fn initial_option() -> Option<Self> {
        None
    }

    #[inline]
    fn decode_option(reader: &mut Reader<'a>, nullable: bool) -> Result<Option<Self>, Malformed> {
        Ok(<&[u8]>::decode_option(reader, nullable)?.map(Records::Slice))
    }

    #[inline]
    fn encode_option(option: Option<&Self>, writer: &mut Writer) {
        writer.length(option.map(Records::bytes));
        match option {
            None => {}
            Some(Records::Slice(slice)) => writer.put(slice),
            Some(Records::Pieces(pieces)) => pieces.iter().for_each(|piece| writer.splice(piece)),
        }
    }
}

impl<'a, T: Wire<'a>> Nullable<'a> for Vec<T> {
    #[inline]
    fn decode_option(reader: &mut Reader<'a>, _: bool) -> Result<Option<Self>, Malformed> {
        let Some(count) = reader.length()? else { return Ok(None) };
        let mut elements = reader.list(count, T::bytes_min(reader.format))?;
        for _ in 0..count {
            elements.push(T::decode(reader, false)?);
        }
        Ok(Some(elements))
    }

    #[inline]
    fn encode_option(option: Option<&Self>, writer: &mut Writer) {
        writer.length(option.map(Vec::len));
        for element in option.into_iter().flatten() {
            element.encode(writer, false);
        }
    }
}

/// A structure that a schema declares. Where it is nullable, a byte before it says whether it is there.
pub trait Composite<'a>: Wire<'a> {
    /// Its fields.
    const STRUCTURE: &'static Structure;
}

impl<'a, T: Composite<'a>> Nullable<'a> for T {
    fn option_bytes_min(_: Format) -> usize {
        1
    }

    fn decode_option(reader: &mut Reader<'a>, nullable: bool) -> Result<Option<Self>, Malformed> {
        if nullable && i8::decode(reader, false)? < 0 {
            return Ok(None);
        }
        T::decode(reader, false).map(Some)
    }

    fn encode_option(option: Option<&Self>, writer: &mut Writer) {
        match option {
            None => (-1i8).encode(writer, false),
            Some(value) => {
                1i8.encode(writer, false);
                value.encode(writer, false);
            }
        }
    }
}
