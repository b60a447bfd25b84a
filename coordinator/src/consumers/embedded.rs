//! What consumers of the classic protocol tell each other through the coordinator, which has to understand it where they
//! meet members of the consumer protocol: subscriptions on the way in, assignments both ways.
//!
//! | what | bytes, big endian |
//! | --- | --- |
//! | subscription | version (2), topics, user data; from version 1 owned partitions; from 2 generation (4); from 3 rack |
//! | assignment | version (2), partitions, user data |
//! | topics | count (4), each a text |
//! | partitions | count of topics (4), each a text, a count (4) and indexes (4 each) |
//! | text, rack | length (2), bytes; of a rack, -1 is none |
//! | user data | length (4), bytes; -1 is none |
//!
//! Versions above the newest begin as it does, and what follows it is not looked at. Names are not judged here: those that
//! no topic has are nobody's.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::ids::PartitionId;
use bytes::Bytes;

use crate::ledger::Ledger;

/// The newest version.
const VERSION_MAX: i16 = 3;

/// Partitions by the names of their topics.
pub(crate) type Named<'a> = Vec<(&'a str, Vec<i32>)>;

/// What a consumer subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription<'a> {
    pub(crate) topics: Vec<&'a str>,
    /// What it holds; nothing from those who give everything back before they join.
    pub(crate) owned: Named<'a>,
    pub(crate) rack: Option<&'a str>,
}

/// What a consumer is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment<'a> {
    pub(crate) partitions: Named<'a>,
    /// The assignor has more to say than partitions.
    pub(crate) has_user_data: bool,
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    /// A version, which is none below zero.
    fn version(&mut self) -> Option<i16> {
        self.i16().filter(|version| *version >= 0).map(|version| version.min(VERSION_MAX))
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.i16()?).ok()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    /// How many follow; each takes so many bytes at least, so that a count promises no more than there is.
    fn count(&mut self, bytes_min: usize) -> Option<usize> {
        let count = usize::try_from(self.i32()?).ok()?;
        (count.checked_mul(bytes_min)? <= self.0.len()).then_some(count)
    }

    fn texts(&mut self) -> Option<Vec<&'a str>> {
        (0..self.count(2)?).map(|_| self.text()).collect()
    }

    fn partitions(&mut self) -> Option<Named<'a>> {
        let topic = |reader: &mut Reader<'a>| {
            let name = reader.text()?;
            let indexes = (0..reader.count(4)?).map(|_| reader.i32()).collect::<Option<Vec<i32>>>()?;
            Some((name, indexes))
        };
        (0..self.count(6)?).map(|_| topic(self)).collect()
    }

    fn user_data(&mut self) -> Option<&'a [u8]> {
        match self.i32()? {
            -1 => Some(&[]),
            length => self.bytes(usize::try_from(length).ok()?),
        }
    }

    fn rack(&mut self) -> Option<Option<&'a str>> {
        match self.i16()? {
            -1 => Some(None),
            length => std::str::from_utf8(self.bytes(usize::try_from(length).ok()?)?).ok().map(Some),
        }
    }
}

/// The topics of a subscription, whatever follows them; nothing where it does not begin as one.
pub(crate) fn topics(subscription: &[u8]) -> Option<Vec<&str>> {
    let mut reader = Reader(subscription);
    reader.version()?;
    reader.texts()
}

impl<'a> Subscription<'a> {
    /// What these bytes say; nothing where they are no subscription.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Subscription<'a>> {
        let mut reader = Reader(bytes);
        let version = reader.version()?;
        let topics = reader.texts()?;
        reader.user_data()?;
        let owned = if version >= 1 { reader.partitions()? } else { Vec::new() };
        if version >= 2 {
            reader.i32()?;
        }
        let rack = if version >= 3 { reader.rack()? } else { None };
        Some(Subscription { topics, owned, rack })
    }
}

impl<'a> Assignment<'a> {
    /// What these bytes say; nothing where they are no assignment. A member that was given none has no bytes.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Assignment<'a>> {
        if bytes.is_empty() {
            return Some(Assignment { partitions: Vec::new(), has_user_data: false });
        }
        let mut reader = Reader(bytes);
        reader.version()?;
        let partitions = reader.partitions()?;
        Some(Assignment { partitions, has_user_data: !reader.user_data()?.is_empty() })
    }
}

/// An assignment of these partitions, for one who subscribed in these bytes: in the version that it speaks.
pub(crate) fn assignment(partitions: &[PartitionId], subscription: &[u8], ledger: &Ledger) -> Bytes {
    let version = Reader(subscription).version().unwrap_or(0);
    let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        let found = ledger.topic_of(*partition).and_then(|record| Some((&record.name, record.index_of(*partition)?)));
        if let Some((name, index)) = found {
            topics.entry(name).or_default().push(index);
        }
    }
    let mut out = Vec::with_capacity(16 + 32 * topics.len() + 4 * partitions.len());
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&(topics.len() as u32).to_be_bytes());
    for (name, indexes) in topics {
        assert!(name.len() <= 249, "names of topics are checked");
        out.extend_from_slice(&(name.len() as u16).to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&(indexes.len() as u32).to_be_bytes());
        indexes.iter().for_each(|index| out.extend_from_slice(&index.to_be_bytes()));
    }
    out.extend_from_slice(&(-1_i32).to_be_bytes());
    Bytes::from(out)
}

/// Named partitions that are there, in the ledger's numbers and in order, each once; and whether others were named.
pub(crate) fn resolve(named: &Named<'_>, ledger: &Ledger) -> (Vec<PartitionId>, bool) {
    let mut partitions = Vec::new();
    let mut unknown = false;
    for (name, indexes) in named {
        let record = ledger.topic_named(name);
        for index in indexes {
            let found = record.and_then(|record| record.partition_at(*index));
            unknown |= found.is_none();
            partitions.extend(found);
        }
    }
    partitions.sort_unstable();
    partitions.dedup();
    (partitions, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of version 3: two topics, user data, what it owns, generation 7 and a rack.
    const SUBSCRIPTION: &[u8] = &[
        0, 3, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'c', 0, 0, 0, 1, 9, 0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 0,
        0, 0, 0, 5, 0, 0, 0, 7, 0, 1, b'r',
    ];

    #[test]
    fn subscriptions_are_read_in_every_version() {
        let whole = Subscription { topics: vec!["a", "bc"], owned: vec![("a", vec![0, 5])], rack: Some("r") };
        assert_eq!(Subscription::read(SUBSCRIPTION).as_ref(), Some(&whole));
        for length in 0..SUBSCRIPTION.len() {
            assert_eq!(Subscription::read(&SUBSCRIPTION[..length]), None, "cut to {length}");
        }
        let of = |version: u8, length: usize| {
            let mut bytes = SUBSCRIPTION[..length].to_vec();
            bytes[1] = version;
            Subscription::read(&bytes).map(|read| (read.owned.len(), read.rack.is_some()))
        };
        assert_eq!([of(0, 18), of(1, 37), of(2, 41)], [Some((0, false)), Some((1, false)), Some((1, false))]);
        assert_eq!(of(9, SUBSCRIPTION.len()), Some((1, true)), "a newer one begins alike");
        let huge = [0, 3, 0x7f, 0xff, 0xff, 0xff, 0, 0];
        assert_eq!(Subscription::read(&huge), None, "a count promises no more than there is");
        assert_eq!(Subscription::read(&[0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]), None, "no version is below zero");
    }

    #[test]
    fn assignments_are_read() {
        let bytes = [0, 1, 0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff];
        let read = Assignment { partitions: vec![("a", vec![4])], has_user_data: false };
        assert_eq!(Assignment::read(&bytes), Some(read));
        assert_eq!(Assignment::read(&bytes[..20]), None);
        let with = [&bytes[..17], &[0, 0, 0, 1, 5]].concat();
        assert!(Assignment::read(&with).is_some_and(|read| read.has_user_data));
        assert!(Assignment::read(&[]).is_some_and(|read| read.partitions.is_empty()));
    }
}
