//! What came of a turn, as far as it must be the same again: what clients are sent, and what the world is asked that
//! answers.
//!
//! Left out is what may change innocently: notes, when to wake, what goes into the cache, when a socket is read.
//! Everything else is compared exactly, because what was recorded as an answer answers that and nothing else: after
//! another write of the journal, the rest of the trace would be of another world. Bytes are compared by length and
//! CRC32C, so a trace does not hold them twice.
//!
//! | field | |
//! | --- | --- |
//! | what | u8: 0 reply, 1 close, 2 put, 3 get, 4 block, 5 head, 6 list, 7 delete, 8 disk list, 9 disk read, 10 disk create, 11 disk write, 12 disk remove, 13 serve, 14 stopped, 15 halt, 16 abandon |
//! | who | u64: the connection or the ticket, else 0 |
//! | place | text: the object's name or prefix, the segment and position, else empty |
//! | bytes, checksum | u64, u32: of what is sent or written, else 0 |

use std::fmt;

use apus_core::turn::Effect;
use apus_core::world::{DiskRequest, StoreRequest};
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

use super::stored::Stored;

const NAMES: [&str; 17] = [
    "reply",
    "close",
    "put",
    "get",
    "block",
    "head",
    "list",
    "delete",
    "disk list",
    "disk read",
    "disk create",
    "disk write",
    "disk remove",
    "serve",
    "stopped",
    "halt",
    "abandon",
];

/// One thing that came of a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    what: u8,
    who: u64,
    place: String,
    bytes: u64,
    checksum: u32,
}

impl Deed {
    /// What must be the same of an effect; nothing where it may differ.
    #[must_use]
    pub fn of(effect: &Effect) -> Option<Deed> {
        let plain = |what, who| Some(Deed { what, who, ..Deed::default() });
        match effect {
            Effect::Reply { connection, pieces } => Some(Deed { what: 0, who: connection.0, ..Deed::of_bytes(pieces) }),
            Effect::Close { connection } => plain(1, connection.0),
            Effect::Abandon { connection } => plain(16, connection.0),
            Effect::Store { ticket, request } => Some(Deed { who: ticket.0, ..Deed::of_store(request) }),
            Effect::Disk { ticket, request } => Some(Deed { who: ticket.0, ..Deed::of_disk(request) }),
            Effect::Serve { .. } => plain(13, 0),
            Effect::Stopped => plain(14, 0),
            Effect::Halt { why } => Some(Deed { what: 15, place: why.clone(), ..Deed::default() }),
            Effect::Send { .. } => panic!("a single core speaks to no other: {effect:?}"),
            Effect::Read { .. }
            | Effect::Warm { .. }
            | Effect::Forget { .. }
            | Effect::Wake { .. }
            | Effect::Again
            | Effect::Note { .. } => None,
        }
    }

    fn of_bytes(pieces: &[Bytes]) -> Deed {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Deed { bytes, checksum: checksum(pieces), ..Deed::default() }
    }

    fn of_store(request: &StoreRequest) -> Deed {
        let at = |what, place: String| Deed { what, place, ..Deed::default() };
        match request {
            StoreRequest::Put { key, body, condition } => {
                Deed { what: 2, place: format!("{key} if {condition:?}"), ..Deed::of_bytes(body.pieces()) }
            }
            StoreRequest::Get { key, range } => at(3, format!("{key} {range:?}")),
            StoreRequest::Block { key, index } => at(4, format!("{key} {index}")),
            StoreRequest::Head { key } => at(5, key.to_string()),
            StoreRequest::List { prefix, .. } => at(6, prefix.clone()),
            StoreRequest::Delete { keys } => at(7, format!("{keys:?}")),
        }
    }

    fn of_disk(request: &DiskRequest) -> Deed {
        let at = |what, place: String| Deed { what, place, ..Deed::default() };
        match request {
            DiskRequest::List => at(8, String::new()),
            DiskRequest::Read { segment, position, bytes } => at(9, format!("{segment} {position} {bytes}")),
            DiskRequest::Create { segment, bytes } => at(10, format!("{segment} {bytes}")),
            DiskRequest::Write { segment, position, pieces } => {
                Deed { what: 11, place: format!("{segment} {position}"), ..Deed::of_bytes(pieces) }
            }
            DiskRequest::Remove { segment } => at(12, segment.to_string()),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Deed { what, who, place, bytes, checksum } = self;
        let name = NAMES.get(usize::from(*what)).copied().unwrap_or("unknown");
        write!(out, "{name} {who:#x} {place} {bytes} bytes {checksum:08x}")
    }
}

/// The CRC32C of these bytes, one piece behind the other.
#[must_use]
pub fn checksum(pieces: &[Bytes]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    pieces.iter().for_each(|piece| digest.update(piece));
    u32::try_from(digest.finalize()).expect("32 bits")
}

impl Stored for Deed {
    fn put(&self, out: &mut Vec<u8>) {
        (self.what, self.who).put(out);
        self.place.put(out);
        (self.bytes, self.checksum).put(out);
    }

    fn take(from: &mut Bytes) -> Option<Self> {
        let ((what, who), (place, (bytes, checksum))) = Stored::take(from)?;
        Some(Deed { what, who, place, bytes, checksum })
    }
}
