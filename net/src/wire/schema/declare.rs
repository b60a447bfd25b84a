//! The `schema!` macro: from a table to a structure, its codec and its description.

use super::super::reader::{Malformed, Reader};
use super::super::value::Composite;
use super::super::versions::{Format, Versions};
use super::super::writer::Writer;

/// Whether a message asks or answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From a client.
    Request,
    /// To a client.
    Response,
}

/// What a value is, in the words of Kafka's schemas.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// True or false, in a byte.
    Bool,
    /// A signed byte.
    Int8,
    /// 16 bits, signed.
    Int16,
    /// 16 bits, unsigned.
    Uint16,
    /// 32 bits, signed.
    Int32,
    /// 32 bits, unsigned.
    Uint32,
    /// 64 bits, signed.
    Int64,
    /// A double.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// UTF-8.
    String,
    /// Bytes.
    Bytes,
    /// Record batches.
    Records,
    /// Any number of one kind.
    Array(&'static Kind),
    /// Named fields.
    Struct(&'static Structure),
}

/// A structure's description.
#[derive(Clone, Copy, Debug)]
pub struct Structure {
    /// Kafka's name for it.
    pub name: &'static str,
    /// Its fields in the order of the wire.
    pub fields: &'static [Field],
    /// What one takes in memory.
    pub memory_bytes: usize,
    /// The fewest bytes that one takes on the wire.
    pub wire_bytes_min: fn(Format) -> usize,
}

/// A field's description.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Kafka's name for it, in snake case.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The versions that have it.
    pub versions: Versions,
    /// The versions in which it may be null.
    pub nullable: Versions,
    /// The versions in which it is a tagged field.
    pub tagged: Versions,
    /// Its tag there, or `u32::MAX`.
    pub tag: u32,
    /// What it holds where it is absent, if that is not zero or empty; as written in the table.
    pub default: &'static str,
}

/// A structure that is the whole body of a request or response.
pub trait Message<'a>: Composite<'a> {
    /// The API key.
    const KEY: i16;
    /// Request or response.
    const DIRECTION: Direction;
    /// The versions of the schema; what is served may be fewer.
    const VERSIONS: Versions;
    /// The versions with compact lengths and tagged fields.
    const FLEXIBLE: Versions;

    /// The layout of a version.
    fn format(version: i16) -> Format {
        Format { version, flexible: Self::FLEXIBLE.contains(version) }
    }

    /// Reads a whole body; bytes after its end are an error.
    fn parse(body: &'a [u8], version: i16) -> Result<Self, Malformed> {
        let (message, rest) = Self::open(body, version)?;
        rest.end()?;
        Ok(message)
    }

    /// Reads a body as a broker does: bytes behind its end are ignored. Kafka's own parser ignores them, and librdkafka
    /// up to 2.12 sends three behind the Metadata request that asks for all topics.
    ///
    /// # Errors
    /// What is wrong with it.
    fn read(body: &'a [u8], version: i16) -> Result<Self, Malformed> {
        Self::open(body, version).map(|(message, _)| message)
    }

    /// Reads a body; returned with it is what follows.
    ///
    /// # Errors
    /// What is wrong with it.
    fn open(body: &'a [u8], version: i16) -> Result<(Self, Reader<'a>), Malformed> {
        if !Self::VERSIONS.contains(version) {
            return Err(Malformed::NoSuchVersion);
        }
        let mut reader = Reader::new(body, Self::format(version));
        let message = Self::decode(&mut reader, false)?;
        Ok((message, reader))
    }

    /// Appends the body to a frame that was begun.
    fn write(&self, writer: &mut Writer, version: i16) {
        assert!(Self::VERSIONS.contains(version), "a response has the version of its request");
        writer.format = Self::format(version);
        self.encode(writer, false);
    }
}

/// The tag of a field in a table: the only one, or none.
pub(super) const fn tag(tags: &[u32]) -> u32 {
    if tags.is_empty() { u32::MAX } else { tags[0] }
}

/// A field's name in Kafka's words: without the mark of one that is a word of Rust's own.
pub(super) const fn plain(name: &'static str) -> &'static str {
    if name.len() > 2 && name.as_bytes()[1] == b'#' { name.split_at(2).1 } else { name }
}

/// Declares messages and their structures; see the module above for the notation.
macro_rules! schema {
    ($(
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)?
        $(: $direction:ident $key:literal $valid:literal flexible $flexible:literal)?
        { $($fields:tt)* }
    )*) => {$(
        schema!(@item [$($life)?] [$(#[$doc])*] $name [$($direction $key $valid $flexible)?] { $($fields)* });
    )*};

    (@item [] $docs:tt $name:ident $message:tt $fields:tt) => {
        schema!(@structure 'wire, [] $docs $name $fields);
        schema!(@message 'wire, [] $name $message);
    };
    (@item [$life:lifetime] $docs:tt $name:ident $message:tt $fields:tt) => {
        schema!(@structure $life, [$life] $docs $name $fields);
        schema!(@message $life, [$life] $name $message);
    };

    (@message $wire:lifetime, [$($life:lifetime)?] $name:ident []) => {};
    (@message $wire:lifetime, [$($life:lifetime)?] $name:ident
        [$direction:ident $key:literal $valid:literal $flexible:literal]) => {
        impl<$wire> $crate::wire::schema::Message<$wire> for $name $(<$life>)? {
            const KEY: i16 = $key;
            const DIRECTION: $crate::wire::schema::Direction = $crate::wire::schema::Direction::$direction;
            const VERSIONS: $crate::wire::versions::Versions = $crate::wire::versions::Versions::parse($valid);
            const FLEXIBLE: $crate::wire::versions::Versions = $crate::wire::versions::Versions::parse($flexible);
        }
    };

    (@structure $wire:lifetime, [$($life:lifetime)?] [$(#[$doc:meta])*] $name:ident {$(
        $field:ident : $type:ty = $versions:literal
            $(null $null:literal)? $(tag $tag:literal $tagged:literal)? $(default $default:expr)?;
    )*}) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name $(<$life>)? {$(
            #[doc = concat!("In versions ", $versions, ".")]
            pub $field: $type,
        )*}

        impl $(<$life>)? Default for $name $(<$life>)? {
            fn default() -> Self {
                $name {$($field: schema!(@initial $type, $($default)?),)*}
            }
        }

        impl<$wire> Composite<$wire> for $name $(<$life>)? {
            const STRUCTURE: &'static Structure = &Structure {
                name: stringify!($name),
                memory_bytes: size_of::<Self>(),
                wire_bytes_min: <Self as Wire<$wire>>::bytes_min,
                fields: &[$(Field {
                    name: plain(stringify!($field)),
                    kind: <$type as Wire<$wire>>::KIND,
                    versions: Versions::parse($versions),
                    nullable: Versions::parse(concat!($($null)?)),
                    tagged: Versions::parse(concat!($($tagged)?)),
                    tag: tag(&[$($tag)?]),
                    default: concat!($(stringify!($default))?),
                },)*],
            };
        }

        impl<$wire> Wire<$wire> for $name $(<$life>)? {
            const KIND: Kind = Kind::Struct(<Self as Composite<$wire>>::STRUCTURE);

            fn initial() -> Self {
                Self::default()
            }

            #[inline]
            fn bytes_min(format: Format) -> usize {
                let mut bytes = usize::from(format.flexible);
                $(if schema!(@plain format.version, $versions, $($tagged)?) {
                    bytes += <$type as Wire<$wire>>::bytes_min(format);
                })*
                bytes
            }

            #[inline]
            fn decode(reader: &mut Reader<$wire>, _: bool) -> Result<Self, Malformed> {
                let version = reader.format.version;
                $(let mut $field: $type = if schema!(@plain version, $versions, $($tagged)?) {
                    Wire::decode(reader, const { Versions::parse(concat!($($null)?)) }.contains(version))?
                } else {
                    schema!(@initial $type, $($default)?)
                };)*
                if reader.format.flexible {
                    reader.tagged(|found, value| {
                        $(if schema!(@tagged version, $($tagged)?) && found == const { tag(&[$($tag)?]) } {
                            let nullable = const { Versions::parse(concat!($($null)?)) }.contains(version);
                            $field = Wire::decode(value, nullable)?;
                            return Ok(true);
                        })*
                        let _ = (found, value);
                        Ok(false)
                    })?;
                }
                Ok($name { $($field),* })
            }

            #[inline]
            fn encode(&self, writer: &mut Writer, _: bool) {
                let version = writer.format.version;
                $(if schema!(@plain version, $versions, $($tagged)?) {
                    self.$field.encode(writer, const { Versions::parse(concat!($($null)?)) }.contains(version));
                })*
                if writer.format.flexible {
                    let mut count = 0;
                    $(if schema!(@tagged version, $($tagged)?)
                        && self.$field != schema!(@initial $type, $($default)?) {
                        count += 1;
                    })*
                    writer.varint(count);
                    $(if schema!(@tagged version, $($tagged)?)
                        && self.$field != schema!(@initial $type, $($default)?) {
                        let nullable = const { Versions::parse(concat!($($null)?)) }.contains(version);
                        writer.tagged(const { tag(&[$($tag)?]) }, |writer| self.$field.encode(writer, nullable));
                    })*
                }
            }
        }
    };

    (@initial $type:ty,) => { <$type as Wire>::initial() };
    (@initial $type:ty, $default:expr) => { $default };

    (@plain $version:expr, $versions:literal,) => {
        const { Versions::parse($versions) }.contains($version)
    };
    (@plain $version:expr, $versions:literal, $tagged:literal) => {
        const { Versions::parse($versions) }.contains($version) && !const { Versions::parse($tagged) }.contains($version)
    };

    (@tagged $version:expr,) => { false };
    (@tagged $version:expr, $tagged:literal) => { const { Versions::parse($tagged) }.contains($version) };
}

pub(super) use schema;

/// What a module of tables needs in scope.
pub(super) mod prelude {
    pub(in super::super) use super::super::super::reader::{Malformed, Reader};
    pub(in super::super) use super::super::super::value::{Composite, Records, Wire};
    pub(in super::super) use super::super::super::versions::{Format, Versions};
    pub(in super::super) use super::super::super::writer::Writer;
    pub(in super::super) use apus_core::ids::Uuid;

    pub(in super::super) use super::{Field, Kind, Structure, plain, schema, tag};
}
