//! The names of things. Each is its own type, so that mixing two of them does not compile.

use std::fmt;

/// Declares newtypes over integers: ordered, hashable, printed as their number.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($raw:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $raw);

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, out)
            }
        }
    )*};
}

numbers! {
    /// A glommio executor of this broker, counted from 0. Core 0 owns packer, ledger and journal.
    CoreId(u16);
    /// Kafka's `node.id`.
    BrokerId(i32);
    /// A connection of one core: never used again within a run of that core.
    ConnectionId(u64);
    /// What an effect is called until its event comes back. Unique within one core for a run.
    Ticket(u64);
    /// A partition as the ledger numbers it: dense, given once, never given again.
    PartitionId(u32);
    /// A position in the journal: every command has its own, from 1; 0 is "before everything".
    Lsn(u64);
    /// How often this journal was opened for writing. Pack ids carry it.
    Incarnation(u32);
    /// Kafka's producer id.
    ProducerId(i64);
}

impl Lsn {
    /// The position behind this one.
    #[must_use]
    pub fn next(self) -> Lsn {
        Lsn(self.0 + 1)
    }
}

impl Ticket {
    /// The next ticket of a counter kept by the caller.
    pub fn draw(counter: &mut u64) -> Ticket {
        *counter += 1;
        Ticket(*counter)
    }
}

/// 128 bits in the form that Kafka and RFC 9562 print them.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// Kafka's "no id".
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// A version 4 UUID out of 128 random bits.
    #[must_use]
    pub fn random(bits: u128) -> Uuid {
        Uuid::versioned(bits.to_be_bytes(), 4)
    }

    fn versioned(mut bytes: [u8; 16], version: u8) -> Uuid {
        bytes[6] = (bytes[6] & 0x0f) | (version << 4);
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Uuid(bytes)
    }

    /// True for [`Uuid::ZERO`].
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Uuid::ZERO
    }

    /// Kafka's own text of an id: URL-safe base64 without padding, 22 characters.
    #[must_use]
    pub fn base64(&self) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = u128::from_be_bytes(self.0);
        let mut text = String::with_capacity(22);
        for position in 0..21 {
            let shift = 122 - position * 6;
            text.push(char::from(ALPHABET[((bits >> shift) & 63) as usize]));
        }
        text.push(char::from(ALPHABET[((bits << 4) & 63) as usize]));
        text
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.write_str("-")?;
            }
            write!(out, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A topic's id: new for each incarnation of a name, never zero.
pub type TopicId = Uuid;

/// Which machine of a broker writes packs. Each counts its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Writer {
    /// The packer, for flushes.
    Packer,
    /// The spill, for bytes that rode in the journal.
    Spill,
}

impl Writer {
    /// Every writer, by its number in a pack's id.
    pub const ALL: [Writer; 2] = [Writer::Packer, Writer::Spill];
}

/// A pack's id, unique for ever without a coin toss: a version 8 UUID of
/// broker (32 bits), incarnation (32 bits, around the version nibble), writer (8 bits) and number (48 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId {
    /// Who made it.
    pub broker: BrokerId,
    /// In which life of its journal.
    pub incarnation: Incarnation,
    /// By which of its machines.
    pub writer: Writer,
    /// The how-manieth of that machine in that life, from 0, below 2^48.
    pub number: u64,
}

impl PackId {
    /// Byte layout: broker 0..4, incarnation high half 4..6, version nibble and 12 bits of the low half 6..8,
    /// variant and the last 4 bits 8, writer 9, number 10..16.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        assert!(self.number < 1 << 48, "pack number {} beyond 48 bits", self.number);
        let mut bytes = [0; 16];
        bytes[0..4].copy_from_slice(&self.broker.0.to_be_bytes());
        let incarnation = self.incarnation.0;
        bytes[4..6].copy_from_slice(&((incarnation >> 16) as u16).to_be_bytes());
        bytes[6..8].copy_from_slice(&((incarnation >> 4) as u16 & 0x0fff).to_be_bytes());
        bytes[8] = (incarnation & 0xf) as u8;
        bytes[9] = self.writer as u8;
        bytes[10..16].copy_from_slice(&self.number.to_be_bytes()[2..]);
        Uuid::versioned(bytes, 8)
    }

    /// The id that [`PackId::uuid`] encodes, or nothing where the UUID is not one of ours.
    #[must_use]
    pub fn from_uuid(uuid: &Uuid) -> Option<PackId> {
        let bytes = &uuid.0;
        if bytes[6] >> 4 != 8 || bytes[8] >> 6 != 2 || bytes[8] & 0x30 != 0 {
            return None;
        }
        let high = u32::from(u16::from_be_bytes([bytes[4], bytes[5]]));
        let middle = u32::from(u16::from_be_bytes([bytes[6], bytes[7]]) & 0x0fff);
        let mut number = [0; 8];
        number[2..].copy_from_slice(&bytes[10..16]);
        Some(PackId {
            broker: BrokerId(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
            incarnation: Incarnation(high << 16 | middle << 4 | u32::from(bytes[8] & 0xf)),
            writer: *Writer::ALL.get(usize::from(bytes[9]))?,
            number: u64::from_be_bytes(number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_id_survives_its_uuid() {
        for (broker, incarnation, number) in [(0, 0, 0), (1, 1, 1), (-1, u32::MAX, (1 << 48) - 1), (7, 0x1234_5678, 99)]
        {
            for writer in Writer::ALL {
                let id = PackId { broker: BrokerId(broker), incarnation: Incarnation(incarnation), writer, number };
                assert_eq!(PackId::from_uuid(&id.uuid()), Some(id));
            }
        }
        assert_eq!(PackId::from_uuid(&Uuid::random(42)), None);
    }

    #[test]
    fn base64_is_kafkas() {
        assert_eq!(Uuid::ZERO.base64(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(Uuid([0xff; 16]).base64(), "_____________________w");
    }
}
