//! A group as the ledger keeps it.

use std::sync::Arc;

use apus_core::api::{GroupClient, GroupProtocol};
use bytes::Bytes;

use super::consumers::{put_consumers, put_sides, take_consumers, take_sides};
use super::record::{Cursor, Record, hash, put_text};
use super::streams::{put_streams, take_streams};
use crate::command::Corrupt;
use crate::command::StoredConsumers;
use crate::command::group::{StoredGroup, StoredMember};
use crate::command::streams::{StoredStreams, topology_bytes};

/// Bits of the first byte.
const GONE: u8 = 1;
const CONSUMERS: u8 = 2;
const SHARED: u8 = 8;
const STREAMS: u8 = 4;
const SIDES: u8 = 16;

/// A group.
///
/// Stored: 1 byte of bits, 1 whether it is gone, 2 whether members of the consumer protocol follow (see
/// [`consumers`](super::consumers)), 4 whether a streams group does (see [`streams`](super::streams)), 8 whether these are a
/// share group's, 16 whether some of the former are of the classic protocol; its name; generation (4); protocol type,
/// protocol and leader, each 1 byte and, after 1, a text; 1 byte whether members left; the time (8); 4 bytes of how many
/// members. Each of them: id; static name as above; client id and address; session and rebalance timeouts (4 each); 4 bytes
/// of how many strategies, each a name and bytes with their length (4); the assignment likewise.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) stored: Arc<StoredGroup>,
    /// What it is as a group of the consumer protocol, or as a share group; then `stored` has no members.
    pub(crate) consumers: Option<Arc<StoredConsumers>>,
    /// It is a share group.
    pub(crate) shared: bool,
    /// What it is as a streams group; then `stored` has no members.
    pub(crate) streams: Option<Arc<StoredStreams>>,
    /// It was removed; it is there until its last offset is gone.
    pub(crate) gone: bool,
    hash: u64,
}

/// Groups whose members beat, by protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewerKind {
    /// The consumer protocol (KIP-848).
    Consumer,
    /// Share groups (KIP-932).
    Share,
    /// Kafka Streams (KIP-1071).
    Streams,
}

impl Group {
    pub(super) fn new(stored: Arc<StoredGroup>) -> Group {
        let mut bytes = Vec::new();
        put_group(&mut bytes, &stored);
        Group { stored, consumers: None, shared: false, streams: None, gone: false, hash: hash(0, &bytes) }
    }

    pub(super) fn of_consumers(stored: Arc<StoredGroup>, consumers: Arc<StoredConsumers>, shared: bool) -> Group {
        let mut bytes = Vec::new();
        put_group(&mut bytes, &stored);
        put_consumers(&mut bytes, &consumers);
        if consumers.classic().next().is_some() {
            put_sides(&mut bytes, &consumers);
        }
        Group { stored, consumers: Some(consumers), shared, streams: None, gone: false, hash: hash(0, &bytes) }
    }

    pub(super) fn of_streams(stored: Arc<StoredGroup>, streams: Arc<StoredStreams>) -> Group {
        let mut bytes = Vec::new();
        put_group(&mut bytes, &stored);
        put_streams(&mut bytes, &streams);
        Group { stored, consumers: None, shared: false, streams: Some(streams), gone: false, hash: hash(0, &bytes) }
    }

    /// What it is where it is no classic one.
    pub(super) fn newer_kind(&self) -> Option<NewerKind> {
        match (&self.consumers, &self.streams) {
            (Some(_), _) => Some(if self.shared { NewerKind::Share } else { NewerKind::Consumer }),
            (None, Some(_)) => Some(NewerKind::Streams),
            (None, None) => None,
        }
    }

    /// True where it is none of the newer protocols.
    pub(super) fn is_classic(&self) -> bool {
        self.newer_kind().is_none()
    }

    /// Whether members of the classic protocol are in it beside those of the consumer protocol.
    fn is_mixed(&self) -> bool {
        self.consumers.as_ref().is_some_and(|consumers| consumers.classic().next().is_some())
    }

    /// True where somebody is in it.
    pub(super) fn is_inhabited(&self) -> bool {
        let consumers = self.consumers.as_ref().is_some_and(|consumers| !consumers.members.is_empty());
        let streams = self.streams.as_ref().is_some_and(|streams| !streams.members.is_empty());
        consumers || streams || !self.stored.members.is_empty()
    }

    /// What a streams group's topology takes at most as a command.
    pub(super) fn topology_bytes(&self) -> u64 {
        let topology = self.streams.as_ref().and_then(|streams| streams.topology.as_ref());
        topology.map_or(0, |topology| topology_bytes(topology))
    }

    /// The first byte.
    fn bits(&self) -> u8 {
        let consumers = if self.consumers.is_some() { CONSUMERS } else { 0 };
        let shared = if self.shared { SHARED } else { 0 };
        let streams = if self.streams.is_some() { STREAMS } else { 0 };
        let sides = if self.is_mixed() { SIDES } else { 0 };
        u8::from(self.gone) | consumers | shared | streams | sides
    }
}

impl Record for Group {
    /// A page of eight, a part of 128: a megabyte of middling groups.
    const PAGE_ENTRIES: usize = 8;

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.bits());
        put_group(out, &self.stored);
        if let Some(consumers) = &self.consumers {
            put_consumers(out, consumers);
            if self.is_mixed() {
                put_sides(out, consumers);
            }
        }
        if let Some(streams) = &self.streams {
            put_streams(out, streams);
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Group, Corrupt> {
        let bits = bytes.u8()?;
        let is_known = bits & !(GONE | CONSUMERS | STREAMS | SHARED | SIDES) == 0;
        // A share group has members as one of the consumer protocol has; a streams group has its own.
        let agrees = (bits & CONSUMERS != 0 || bits & SHARED == 0) && (bits & CONSUMERS == 0 || bits & STREAMS == 0);
        let agrees = agrees && (bits & SIDES == 0 || bits & (CONSUMERS | SHARED) == CONSUMERS);
        if !(is_known && agrees) {
            return Err(Corrupt::Value("a flag"));
        }
        let stored = take_group(bytes)?;
        if !stored.is_sound() {
            return Err(Corrupt::Value("a group that contradicts itself"));
        }
        let gone = bits & GONE != 0;
        if bits & STREAMS != 0 {
            let streams = take_streams(bytes)?;
            if !streams.is_sound() || !stored.members.is_empty() {
                return Err(Corrupt::Value("a group that contradicts itself"));
            }
            return Ok(Group { gone, ..Group::of_streams(Arc::new(stored), Arc::new(streams)) });
        }
        if bits & CONSUMERS == 0 {
            return Ok(Group { gone, ..Group::new(Arc::new(stored)) });
        }
        let mut consumers = take_consumers(bytes)?;
        if bits & SIDES != 0 {
            take_sides(bytes, &mut consumers)?;
        }
        let shared = bits & SHARED != 0;
        let is_sound = if shared { consumers.is_sound_shared() } else { consumers.is_sound() };
        if !is_sound || !stored.members.is_empty() {
            return Err(Corrupt::Value("a group that contradicts itself"));
        }
        Ok(Group { gone, ..Group::of_consumers(Arc::new(stored), Arc::new(consumers), shared) })
    }

    fn fingerprint(&self, out: &mut Vec<u8>) {
        out.push(self.bits());
        out.extend_from_slice(&self.hash.to_le_bytes());
    }
}

fn put_group(out: &mut Vec<u8>, group: &StoredGroup) {
    put_text(out, &group.id);
    out.extend_from_slice(&group.generation.to_le_bytes());
    for text in [&group.protocol_type, &group.protocol_name, &group.leader] {
        put_option(out, text);
    }
    out.push(u8::from(group.rebalancing));
    out.extend_from_slice(&group.since_ms.to_le_bytes());
    out.extend_from_slice(&(group.members.len() as u32).to_le_bytes());
    for member in &group.members {
        put_text(out, &member.id);
        put_option(out, &member.instance_id);
        put_text(out, &member.client.id);
        put_text(out, &member.client.host);
        out.extend_from_slice(&member.session_timeout_ms.to_le_bytes());
        out.extend_from_slice(&member.rebalance_timeout_ms.to_le_bytes());
        put_protocols(out, &member.protocols);
        put_bytes(out, &member.assignment);
    }
}

pub(super) fn put_protocols(out: &mut Vec<u8>, protocols: &[GroupProtocol]) {
    out.extend_from_slice(&(protocols.len() as u32).to_le_bytes());
    for protocol in protocols {
        put_text(out, &protocol.name);
        put_bytes(out, &protocol.metadata);
    }
}

pub(super) fn take_protocols(bytes: &mut Cursor<'_>) -> Result<Vec<GroupProtocol>, Corrupt> {
    (0..bytes.u32()?).map(|_| Ok(GroupProtocol { name: bytes.text()?, metadata: take_bytes(bytes)? })).collect()
}

fn take_group(bytes: &mut Cursor<'_>) -> Result<StoredGroup, Corrupt> {
    let mut group = StoredGroup {
        id: bytes.text()?,
        generation: bytes.i32()?,
        protocol_type: take_option(bytes)?,
        protocol_name: take_option(bytes)?,
        leader: take_option(bytes)?,
        rebalancing: bytes.flag()?,
        since_ms: bytes.i64()?,
        members: Vec::new(),
    };
    for _ in 0..bytes.u32()? {
        group.members.push(StoredMember {
            id: bytes.text()?,
            instance_id: take_option(bytes)?,
            client: GroupClient { id: bytes.text()?, host: bytes.text()? },
            session_timeout_ms: bytes.i32()?,
            rebalance_timeout_ms: bytes.i32()?,
            protocols: take_protocols(bytes)?,
            assignment: take_bytes(bytes)?,
        });
    }
    Ok(group)
}

pub(super) fn put_option(out: &mut Vec<u8>, text: &Option<Arc<str>>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

pub(super) fn take_option(bytes: &mut Cursor<'_>) -> Result<Option<Arc<str>>, Corrupt> {
    if bytes.flag()? { bytes.text().map(Some) } else { Ok(None) }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_bytes(bytes: &mut Cursor<'_>) -> Result<Bytes, Corrupt> {
    let length = bytes.u32()? as usize;
    bytes.take(length).map(Bytes::copy_from_slice)
}
