//! The two small objects that say whose a prefix of the store is.
//!
//! `v1/CLUSTER` is created once and never changed; `v1/OWNER` is swapped by If-Match. Both are lines of text, so that
//! a person who looks into the bucket can read them:
//!
//! | `v1/CLUSTER` | | `v1/OWNER` | |
//! | --- | --- | --- | --- |
//! | `apus-cluster 1` | format | `apus-owner 1` | format |
//! | `id {22 characters}` | the cluster's id, as Kafka prints ids | `journal {uuid}` | the journal that may write here |
//! | | | `incarnation {number}` | its newest start … |
//! | | | `nonce {uuid}` | … and what that start drew |
//! | | | `floor {number}` | the journal reaches at least to this LSN |
//! | | | `snapshot {key or -}` | the newest snapshot's manifest |
//!
//! Each ends with the line `crc32c {8 hexadecimal digits}` over the bytes before it.

pub mod swap;

use std::str::Lines;

use bytes::Bytes;

use apus_core::batch::crc32c;
use apus_core::ids::{Incarnation, Lsn, Uuid};
use apus_core::world::ObjectKey;

/// The name of the object that holds the cluster's id.
pub const CLUSTER_KEY: &str = "v1/CLUSTER";
/// The name of the object that says which journal may write.
pub const OWNER_KEY: &str = "v1/OWNER";

/// What `v1/OWNER` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The journal that may write here.
    pub journal: Uuid,
    /// Its newest start that got so far.
    pub incarnation: Incarnation,
    /// What that start drew.
    pub nonce: Uuid,
    /// The journal reaches at least so far.
    pub floor: Lsn,
    /// The manifest of the newest snapshot; it is as old as the floor.
    pub snapshot: Option<ObjectKey>,
}

impl Owner {
    /// The object's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        assert!(self.is_sound(), "{self:?}");
        let snapshot = self.snapshot.as_ref().map_or("-", ObjectKey::as_str);
        sign(format!(
            "apus-owner 1\njournal {}\nincarnation {}\nnonce {}\nfloor {}\nsnapshot {snapshot}\n",
            self.journal, self.incarnation, self.nonce, self.floor
        ))
    }

    /// Somebody owns it, and a floor is a snapshot's.
    fn is_sound(&self) -> bool {
        let owned = self.incarnation > Incarnation(0) && !self.journal.is_zero() && !self.nonce.is_zero();
        owned && (self.floor == Lsn(0)) == self.snapshot.is_none()
    }

    /// What these bytes say; nothing where nobody of us wrote them.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Owner> {
        let mut lines = verify(bytes)?.lines();
        (lines.next()? == "apus-owner 1").then_some(())?;
        let journal = parse_uuid(field(&mut lines, "journal")?)?;
        let incarnation = Incarnation(field(&mut lines, "incarnation")?.parse().ok()?);
        let nonce = parse_uuid(field(&mut lines, "nonce")?)?;
        let floor = Lsn(field(&mut lines, "floor")?.parse().ok()?);
        let snapshot = match field(&mut lines, "snapshot")? {
            "-" => None,
            key => Some(ObjectKey::parse(key)?),
        };
        let owner = Owner { journal, incarnation, nonce, floor, snapshot };
        // Numbers and ends of lines can be written in several ways; we write them in one.
        (owner.is_sound() && owner.encode() == bytes).then_some(owner)
    }
}

/// The bytes of `v1/CLUSTER`.
#[must_use]
pub fn encode_cluster(id: Uuid) -> Bytes {
    assert!(!id.is_zero());
    sign(format!("apus-cluster 1\nid {}\n", id.base64()))
}

/// The cluster's id; nothing where nobody of us wrote these bytes.
#[must_use]
pub fn decode_cluster(bytes: &[u8]) -> Option<Uuid> {
    let mut lines = verify(bytes)?.lines();
    (lines.next()? == "apus-cluster 1").then_some(())?;
    let id = parse_base64(field(&mut lines, "id")?)?;
    (!id.is_zero() && encode_cluster(id) == bytes).then_some(id)
}

/// A new cluster's id: Kafka's own never begin with a dash, which command lines would take for an option.
#[must_use]
pub fn new_cluster(mut bits: impl FnMut() -> u128) -> Uuid {
    loop {
        let id = Uuid::random(bits());
        if !id.base64().starts_with('-') {
            return id;
        }
    }
}

fn sign(mut text: String) -> Bytes {
    let crc = crc32c(text.as_bytes());
    text.push_str(&format!("crc32c {crc:08x}\n"));
    Bytes::from(text)
}

fn verify(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let end = text.rfind("crc32c ")?;
    let crc = text[end..].strip_prefix("crc32c ")?.strip_suffix('\n')?;
    (format!("{:08x}", crc32c(&bytes[..end])) == crc).then_some(&text[..end])
}

fn field<'a>(lines: &mut Lines<'a>, name: &str) -> Option<&'a str> {
    lines.next()?.strip_prefix(name)?.strip_prefix(' ')
}

fn parse_uuid(text: &str) -> Option<Uuid> {
    if !text.is_ascii() || text.len() != 36 {
        return None;
    }
    let bits = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    let uuid = Uuid(bits.to_be_bytes());
    (uuid.to_string() == text).then_some(uuid)
}

fn parse_base64(text: &str) -> Option<Uuid> {
    if text.len() != 22 {
        return None;
    }
    let mut bits = 0_u128;
    for (index, letter) in text.bytes().enumerate() {
        let digit = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = if index < 21 { bits << 6 | u128::from(digit) } else { bits << 2 | u128::from(digit >> 4) };
    }
    let uuid = Uuid(bits.to_be_bytes());
    (uuid.base64() == text).then_some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            journal: Uuid([0x11; 16]),
            incarnation: Incarnation(7),
            nonce: Uuid([0x22; 16]),
            floor: Lsn(4096),
            snapshot: Some(ObjectKey::new("v1/c/s/MANIFEST")),
        }
    }

    #[test]
    fn owner_is_golden() {
        let golden = "apus-owner 1\njournal 11111111-1111-1111-1111-111111111111\nincarnation 7\n\
                      nonce 22222222-2222-2222-2222-222222222222\nfloor 4096\nsnapshot v1/c/s/MANIFEST\ncrc32c ";
        let bytes = owner().encode();
        assert!(bytes.starts_with(golden.as_bytes()), "{bytes:?}");
        assert_eq!(Owner::decode(&bytes), Some(owner()));
        let first = Owner { floor: Lsn(0), snapshot: None, ..owner() };
        assert_eq!(Owner::decode(&first.encode()), Some(first));
    }

    #[test]
    fn a_flipped_bit_of_either_object_shows() {
        let cluster = encode_cluster(Uuid([5; 16]));
        assert_eq!(decode_cluster(&cluster), Some(Uuid([5; 16])));
        for whole in [cluster, owner().encode()] {
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(decode_cluster(&flipped).is_none() && Owner::decode(&flipped).is_none(), "bit {bit}");
            }
        }
    }

    #[test]
    fn nothing_is_said_in_two_ways() {
        let owner = String::from_utf8(owner().encode().to_vec()).expect("lines of text");
        let zero = Uuid::ZERO.to_string();
        for (from, to) in [
            ("incarnation 7", "incarnation +7"),
            ("floor 4096", "floor 04096"),
            ("incarnation 7\n", "incarnation 7\r\n"),
            ("11111111-1111-1111-1111-111111111111", &zero),
            ("22222222-2222-2222-2222-222222222222", &zero),
        ] {
            let (text, _) = owner.split_once("crc32c").expect("the last line");
            assert!(text.contains(from));
            assert_eq!(Owner::decode(&sign(text.replace(from, to))), None, "{to}");
        }
        assert_eq!(decode_cluster(&sign(format!("apus-cluster 1\r\nid {}\n", Uuid([5; 16]).base64()))), None);
    }

    #[test]
    fn a_cluster_id_is_no_option() {
        let mut draws = [u128::MAX << 120, 1].into_iter();
        assert!(!new_cluster(|| draws.next().expect("two draws suffice")).base64().starts_with('-'));
    }
}
