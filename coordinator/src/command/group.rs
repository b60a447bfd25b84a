//! What is durable of consumer groups: who is in them, and how far they have come.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{GroupClient, GroupOffset, GroupProtocol};
use apus_core::ids::PartitionId;
use bytes::Bytes;

/// Offsets that one command stores or removes: 16,384 of 24 bytes, and what clients keep beside them, which is bounded
/// where it is admitted.
pub const OFFSETS_MAX: usize = 16_384;

/// What a member takes beside its texts and bytes: 60 in a command, about twice that in memory.
pub const MEMBER_BYTES: u64 = 128;
/// What a strategy takes beside its own bytes.
const PROTOCOL_BYTES: u64 = 32;

/// A group behind a completed rebalance, or behind a leave.
///
/// What is under way (members that gather, the leader's work, heartbeats) is not durable: after a start a group goes on
/// from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGroup {
    /// Its name.
    pub id: Arc<str>,
    /// Its newest generation; 0 before the first.
    pub generation: i32,
    /// What its members call themselves; nothing where only offsets were ever committed.
    pub protocol_type: Option<Arc<str>>,
    /// The strategy of the generation; something exactly where there are members.
    pub protocol_name: Option<Arc<str>>,
    /// One of the members; something exactly where there are any.
    pub leader: Option<Arc<str>>,
    /// Members left since the generation was complete: the others are to join again.
    pub rebalancing: bool,
    /// When it came to stand as it stands, milliseconds.
    pub since_ms: i64,
    /// Everyone, in the order of their ids.
    pub members: Vec<StoredMember>,
}

/// A member of a [`StoredGroup`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    /// Its id.
    pub id: Arc<str>,
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// Who is behind it.
    pub client: GroupClient,
    /// Silence after which it is out, milliseconds.
    pub session_timeout_ms: i32,
    /// How long a rebalance waits for it, milliseconds.
    pub rebalance_timeout_ms: i32,
    /// The strategies that it supports, best first; the generation's among them.
    pub protocols: Vec<GroupProtocol>,
    /// What the leader gave it.
    pub assignment: Bytes,
}

/// How far a group has come. A group that is not there comes to be, without members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitOffsets {
    /// The group.
    pub group: Arc<str>,
    /// When the offsets are to be forgotten, where the client says so, milliseconds.
    pub expire_ms: Option<i64>,
    /// By partition; at most [`OFFSETS_MAX`].
    pub offsets: Vec<(PartitionId, GroupOffset)>,
}

impl StoredGroup {
    /// A group that has nobody and never had.
    #[must_use]
    pub fn simple(id: Arc<str>, since_ms: i64) -> StoredGroup {
        StoredGroup {
            id,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            rebalancing: false,
            since_ms,
            members: Vec::new(),
        }
    }

    /// What it takes at most as a command.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let names = [&self.protocol_type, &self.protocol_name, &self.leader];
        let names: usize = names.into_iter().flatten().chain([&self.id]).map(|name| name.len()).sum();
        256 + names as u64 + self.members.iter().map(StoredMember::bytes).sum::<u64>()
    }

    /// True where nothing in it contradicts the rest; what was stored must be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let inhabited = !self.members.is_empty();
        let instances: Vec<&Arc<str>> = self.members.iter().filter_map(|member| member.instance_id.as_ref()).collect();
        let distinct = instances.iter().collect::<BTreeSet<_>>().len() == instances.len();
        let ordered = self.members.is_sorted_by(|earlier, later| earlier.id < later.id);
        let led = self.leader.as_ref().is_some_and(|leader| self.members.iter().any(|member| member.id == *leader));
        let supported = self.members.iter().all(|member| {
            let chosen = |protocol: &GroupProtocol| Some(&protocol.name) == self.protocol_name.as_ref();
            member.protocols.iter().any(chosen)
                && !member.id.is_empty()
                && member.session_timeout_ms >= 0
                && member.rebalance_timeout_ms >= 0
        });
        let typed = self.protocol_type.is_some() || !inhabited;
        let absent = self.leader.is_none() && self.protocol_name.is_none() && !self.rebalancing;
        self.generation >= 0
            && ordered
            && distinct
            && supported
            && typed
            && if inhabited { led && self.protocol_name.is_some() } else { absent }
    }
}

impl StoredMember {
    /// What it takes at most in a command: its texts and bytes, and the places that name them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let texts = [&self.id, &self.client.id, &self.client.host];
        let texts: usize = texts.into_iter().chain(&self.instance_id).map(|text| text.len()).sum();
        MEMBER_BYTES + (texts + self.assignment.len()) as u64 + protocols_bytes(&self.protocols)
    }
}

/// What strategies take at most in a command.
#[must_use]
pub fn protocols_bytes(protocols: &[GroupProtocol]) -> u64 {
    let bytes = |protocol: &GroupProtocol| (protocol.name.len() + protocol.metadata.len()) as u64 + PROTOCOL_BYTES;
    protocols.iter().map(bytes).sum()
}
