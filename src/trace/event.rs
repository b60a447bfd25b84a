//! Events of a trace, and what the world answers in them.
//!
//! | u8 | event | behind it |
//! | --- | --- | --- |
//! | 0 | opened | connection u64, listener u16, peer text |
//! | 1 | received | connection u64 (the bytes stand in the turn) |
//! | 2 | sent | connection u64, bytes u64 |
//! | 3 | closed | connection u64 |
//! | 4 | stored | ticket u64, store's reply |
//! | 5 | disk | ticket u64, result of disk's reply and disk's failure |
//! | 6, 7, 8 | wake, again, stop | |
//!
//! | u8 | store's reply: a result of this and of the store's failure |
//! | --- | --- |
//! | 0 | put: version text |
//! | 1 | get: bytes, version text |
//! | 2 | block: bytes |
//! | 3 | head: length u64, version text |
//! | 4 | list: list of name text, length u64 |
//! | 5 | delete: list of name text |
//!
//! | u8 | store's failure | u8 | disk's reply | u8 | disk's failure |
//! | --- | --- | --- | --- | --- | --- |
//! | 0 | definite: text | 0 | done | 0 | full |
//! | 1 | full: text | 1 | segments: list of number u64, length u64 | 1 | broken: text |
//! | 2 | unknown: text | 2 | bytes | | |
//! | 3, 4 | missing, precondition | | | | |
//! | 5 | corrupt: text | | | | |

use std::sync::Arc;

use apus_core::ids::{ConnectionId, Ticket};
use apus_core::turn::Event;
use apus_core::world::{DiskFailure, DiskReply, Failure, Listed, ObjectKey, StoreReply};
use bytes::Bytes;

use super::stored::Stored;

impl Stored for Event {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Event::Opened { connection, listener, peer } => {
                0_u8.put(out);
                (*connection, (*listener, Arc::clone(peer))).put(out);
            }
            Event::Received { connection } => (1_u8, *connection).put(out),
            Event::Sent { connection, bytes } => (2_u8, (*connection, *bytes)).put(out),
            Event::Closed { connection } => (3_u8, *connection).put(out),
            Event::Stored { ticket, reply } => {
                (4_u8, *ticket).put(out);
                reply.put(out);
            }
            Event::Disk { ticket, result } => {
                (5_u8, *ticket).put(out);
                result.put(out);
            }
            Event::Wake => 6_u8.put(out),
            Event::Again => 7_u8.put(out),
            Event::Stop => 8_u8.put(out),
            Event::Message(message) => panic!("a single core hears no other: {message:?}"),
        }
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => {
                let (connection, (listener, peer)) = Stored::take(from)?;
                Event::Opened { connection, listener, peer }
            }
            1 => Event::Received { connection: ConnectionId::take(from)? },
            2 => {
                let (connection, bytes) = Stored::take(from)?;
                Event::Sent { connection, bytes }
            }
            3 => Event::Closed { connection: ConnectionId::take(from)? },
            4 => Event::Stored { ticket: Ticket::take(from)?, reply: StoreReply::take(from)? },
            5 => Event::Disk { ticket: Ticket::take(from)?, result: Stored::take(from)? },
            6 => Event::Wake,
            7 => Event::Again,
            8 => Event::Stop,
            _ => return None,
        })
    }
}

impl Stored for StoreReply {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            StoreReply::Put(result) => {
                0_u8.put(out);
                result.put(out);
            }
            StoreReply::Get(result) => {
                1_u8.put(out);
                result.put(out);
            }
            StoreReply::Block(result) => {
                2_u8.put(out);
                result.put(out);
            }
            StoreReply::Head(result) => {
                3_u8.put(out);
                result.put(out);
            }
            StoreReply::List(result) => {
                4_u8.put(out);
                result.put(out);
            }
            StoreReply::Delete(result) => {
                5_u8.put(out);
                result.put(out);
            }
        }
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => StoreReply::Put(Stored::take(from)?),
            1 => StoreReply::Get(Stored::take(from)?),
            2 => StoreReply::Block(Stored::take(from)?),
            3 => StoreReply::Head(Stored::take(from)?),
            4 => StoreReply::List(Stored::take(from)?),
            5 => StoreReply::Delete(Stored::take(from)?),
            _ => return None,
        })
    }
}

impl Stored for ObjectKey {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_str().to_owned().put(out);
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        ObjectKey::parse(&String::take(from)?)
    }
}

impl Stored for Listed {
    fn put(&self, out: &mut Vec<u8>) {
        (self.key.clone(), self.bytes).put(out);
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        let (key, bytes) = Stored::take(from)?;
        Some(Listed { key, bytes })
    }
}

impl Stored for Failure {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Failure::Definite(why) => (0_u8, Arc::clone(why)).put(out),
            Failure::Full(why) => (1_u8, Arc::clone(why)).put(out),
            Failure::Unknown(why) => (2_u8, Arc::clone(why)).put(out),
            Failure::Missing => 3_u8.put(out),
            Failure::Precondition => 4_u8.put(out),
            Failure::Corrupt(why) => (5_u8, Arc::clone(why)).put(out),
        }
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => Failure::Definite(Stored::take(from)?),
            1 => Failure::Full(Stored::take(from)?),
            2 => Failure::Unknown(Stored::take(from)?),
            3 => Failure::Missing,
            4 => Failure::Precondition,
            5 => Failure::Corrupt(Stored::take(from)?),
            _ => return None,
        })
    }
}

impl Stored for DiskReply {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            DiskReply::Done => 0_u8.put(out),
            DiskReply::Segments(segments) => {
                1_u8.put(out);
                segments.put(out);
            }
            DiskReply::Bytes(bytes) => (2_u8, bytes.clone()).put(out),
        }
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => DiskReply::Done,
            1 => DiskReply::Segments(Stored::take(from)?),
            2 => DiskReply::Bytes(Stored::take(from)?),
            _ => return None,
        })
    }
}

impl Stored for DiskFailure {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            DiskFailure::Full => 0_u8.put(out),
            DiskFailure::Broken(why) => (1_u8, Arc::clone(why)).put(out),
        }
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(DiskFailure::Full),
            1 => Some(DiskFailure::Broken(Stored::take(from)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use apus_core::world::Etag;

    use super::super::stored::whole;
    use super::*;

    fn replies() -> Vec<StoreReply> {
        let (why, etag, key) = (Arc::<str>::from("why"), Etag("\"1\"".into()), ObjectKey::new("v1/d/3f"));
        let failures = [
            Failure::Definite(why.clone()),
            Failure::Full(why.clone()),
            Failure::Unknown(why.clone()),
            Failure::Missing,
            Failure::Precondition,
            Failure::Corrupt(why),
        ];
        let mut replies: Vec<StoreReply> = failures.into_iter().map(|failure| StoreReply::Put(Err(failure))).collect();
        replies.extend([
            StoreReply::Put(Ok(etag.clone())),
            StoreReply::Get(Ok((Bytes::from_static(b"bytes"), etag.clone()))),
            StoreReply::Block(Ok(Bytes::new())),
            StoreReply::Head(Ok((7, etag))),
            StoreReply::List(Ok(vec![Listed { key: key.clone(), bytes: 7 }])),
            StoreReply::Delete(Ok(vec![key])),
        ]);
        replies
    }

    fn events() -> Vec<Event> {
        let (connection, ticket) = (ConnectionId(7), Ticket(1 << 63));
        let mut events = vec![
            Event::Opened { connection, listener: 1, peer: "127.0.0.1:1".into() },
            Event::Received { connection },
            Event::Sent { connection, bytes: 5 },
            Event::Closed { connection },
            Event::Wake,
            Event::Again,
            Event::Stop,
        ];
        let disk = [
            Ok(DiskReply::Done),
            Ok(DiskReply::Segments(vec![(1, 4_096)])),
            Ok(DiskReply::Bytes(Bytes::from_static(b"block"))),
            Err(DiskFailure::Full),
            Err(DiskFailure::Broken("why".into())),
        ];
        events.extend(disk.map(|result| Event::Disk { ticket, result }));
        events.extend(replies().into_iter().map(|reply| Event::Stored { ticket, reply }));
        events
    }

    #[test]
    fn events_are_read_as_they_were_written() {
        for event in events() {
            let mut out = Vec::new();
            event.put(&mut out);
            let read: Event = whole(out.into()).unwrap_or_else(|| panic!("{event:?} is not read"));
            assert_eq!(format!("{event:?}"), format!("{read:?}"));
        }
    }

    /// The layout is fixed: a change is another version.
    #[test]
    fn the_bytes_of_events_are_those_of_version_1() {
        let mut out = Vec::new();
        events().iter().for_each(|event| event.put(&mut out));
        assert_eq!(super::super::deed::checksum(&[out.into()]), 0xf883_2b27);
    }
}
