//! Any body of any message, written from the tables without the codec.

use apus_net::wire::schema::{Entry, Field, Kind, MESSAGES, Structure};
use proptest::prelude::*;

/// Decides everything about a body; shrinks towards a short and empty one.
pub struct Entropy<'a>(&'a [u8]);

impl Entropy<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn fill(&mut self, out: &mut Vec<u8>, bytes: usize) {
        out.extend((0..bytes).map(|_| self.byte()));
    }
}

/// A message, one of its versions, and a body of it.
#[derive(Clone, Debug)]
pub struct Sample {
    pub entry: &'static Entry,
    pub version: i16,
    pub body: Vec<u8>,
}

/// Samples of every message and version. With `unknown_tags`, also tagged fields that no schema has.
pub fn sample(unknown_tags: bool) -> impl Strategy<Value = Sample> {
    let entropy = prop::collection::vec(any::<u8>(), 0..600);
    (0..MESSAGES.len(), any::<prop::sample::Index>(), entropy).prop_map(move |(index, version, entropy)| {
        let entry = &MESSAGES[index];
        let versions = usize::try_from(entry.versions.max - entry.versions.min + 1).expect("a message has versions");
        let version = entry.versions.min + version.index(versions) as i16;
        let body = body_of(entry, version, unknown_tags, &entropy);
        Sample { entry, version, body }
    })
}

/// The body that this entropy makes of a message.
pub fn body_of(entry: &Entry, version: i16, unknown_tags: bool, entropy: &[u8]) -> Vec<u8> {
    let flexible = entry.flexible.contains(version);
    let mut writing = Writing { version, flexible, unknown_tags, entropy: Entropy(entropy), out: Vec::new() };
    writing.structure(entry.structure);
    writing.out
}

struct Writing<'a> {
    version: i16,
    flexible: bool,
    unknown_tags: bool,
    entropy: Entropy<'a>,
    out: Vec<u8>,
}

impl Writing<'_> {
    fn structure(&mut self, structure: &Structure) {
        let present = || structure.fields.iter().filter(|field| field.versions.contains(self.version));
        let (tagged, plain): (Vec<&Field>, Vec<&Field>) =
            present().partition(|field| field.tagged.contains(self.version));
        for field in plain {
            self.field(field);
        }
        if self.flexible {
            self.tagged(&tagged);
        }
    }

    fn tagged(&mut self, fields: &[&Field]) {
        let chosen: Vec<&&Field> = fields.iter().filter(|_| self.entropy.byte() % 2 == 1).collect();
        let unknown = if self.unknown_tags { self.entropy.byte() % 3 } else { 0 };
        self.varint(chosen.len() + usize::from(unknown));
        for field in chosen {
            self.varint(field.tag as usize);
            let out = std::mem::take(&mut self.out);
            self.field(field);
            let value = std::mem::replace(&mut self.out, out);
            self.varint(value.len());
            self.out.extend(value);
        }
        for index in 0..unknown {
            let bytes = usize::from(self.entropy.byte());
            self.varint(10_000 + usize::from(index));
            self.varint(bytes);
            self.entropy.fill(&mut self.out, bytes);
        }
    }

    fn field(&mut self, field: &Field) {
        let nullable = field.nullable.contains(self.version);
        let null = nullable && self.entropy.byte().is_multiple_of(4);
        self.value(&field.kind, nullable, null);
    }

    fn value(&mut self, kind: &Kind, nullable: bool, null: bool) {
        match kind {
            Kind::Bool => {
                let byte = self.entropy.byte() % 2;
                self.out.push(byte);
            }
            Kind::Int8 => self.entropy.fill(&mut self.out, 1),
            Kind::Int16 | Kind::Uint16 => self.entropy.fill(&mut self.out, 2),
            Kind::Int32 | Kind::Uint32 => self.entropy.fill(&mut self.out, 4),
            Kind::Int64 => self.entropy.fill(&mut self.out, 8),
            Kind::Float64 => {
                let number = f64::from(self.entropy.byte());
                self.out.extend(number.to_be_bytes());
            }
            Kind::Uuid => self.entropy.fill(&mut self.out, 16),
            Kind::String => {
                let text = ["", "a", "topic", "zürich", "\u{1f985}", "x"][usize::from(self.entropy.byte()) % 6]
                    .repeat(usize::from(self.entropy.byte() % 40));
                self.length((!null).then_some(text.len()), 2);
                self.out.extend(if null { "" } else { &text }.as_bytes());
            }
            Kind::Bytes | Kind::Records => {
                let bytes = usize::from(self.entropy.byte());
                self.length((!null).then_some(bytes), 4);
                self.entropy.fill(&mut self.out, if null { 0 } else { bytes });
            }
            Kind::Array(element) => {
                let count = if null { 0 } else { usize::from(self.entropy.byte() % 4) };
                self.length((!null).then_some(count), 4);
                for _ in 0..count {
                    self.value(element, false, false);
                }
            }
            Kind::Struct(structure) => {
                if nullable {
                    self.out.push(if null { 0xff } else { 1 });
                }
                if !null {
                    self.structure(structure);
                }
            }
        }
    }

    fn length(&mut self, length: Option<usize>, fixed_bytes: usize) {
        if self.flexible {
            return self.varint(length.map_or(0, |length| length + 1));
        }
        let length = length.map_or(-1, |length| length as i32);
        self.out.extend(&length.to_be_bytes()[4 - fixed_bytes..]);
    }

    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}
