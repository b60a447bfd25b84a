//! One member, as the coordinator keeps it in memory.

use std::sync::Arc;

use apus_core::api::{GroupClient, GroupProtocol, JoinGroupRequest};
use apus_core::time::Instant;
use bytes::Bytes;

use super::moment::Asker;
use crate::command::StoredMember;
use crate::command::group::{MEMBER_BYTES, protocols_bytes};

/// A new member whose first generation does not come is out after this, as in Kafka: its client has most likely given
/// up and asks again under a new id.
pub const JOIN_MS_MAX: u64 = 300_000;

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: Arc<str>,
    pub(super) instance_id: Option<Arc<str>>,
    pub(super) client: GroupClient,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) protocols: Vec<GroupProtocol>,
    pub(super) assignment: Bytes,
    /// Its first generation has not come yet.
    pub(super) is_new: bool,
    /// It waits for the next generation.
    pub(super) joining: Option<Asker>,
    /// It waits for its assignment.
    pub(super) syncing: Option<Asker>,
    /// When its silence has lasted too long; never, where that time passed while it waited for an answer.
    pub(super) session_at: Instant,
}

impl Member {
    /// A member that joins for the first time.
    pub(super) fn new(id: Arc<str>, request: &JoinGroupRequest, client: GroupClient, asker: Asker) -> Member {
        Member {
            id,
            instance_id: request.group_instance_id.clone(),
            client,
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: rebalance_timeout_ms(request),
            protocols: own(&request.protocols),
            assignment: Bytes::new(),
            is_new: true,
            joining: Some(asker),
            syncing: None,
            session_at: Instant::NEVER,
        }
    }

    /// A member as it was stored; its silence begins now.
    pub(super) fn load(stored: &StoredMember, now: Instant) -> Member {
        let mut member = Member {
            id: Arc::clone(&stored.id),
            instance_id: stored.instance_id.clone(),
            client: stored.client.clone(),
            session_timeout_ms: stored.session_timeout_ms,
            rebalance_timeout_ms: stored.rebalance_timeout_ms,
            protocols: stored.protocols.clone(),
            assignment: stored.assignment.clone(),
            is_new: false,
            joining: None,
            syncing: None,
            session_at: Instant::NEVER,
        };
        member.heard(now);
        member
    }

    pub(super) fn stored(&self) -> StoredMember {
        StoredMember {
            id: Arc::clone(&self.id),
            instance_id: self.instance_id.clone(),
            client: self.client.clone(),
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            protocols: self.protocols.clone(),
            assignment: self.assignment.clone(),
        }
    }

    /// What it says of itself now.
    pub(super) fn update(&mut self, request: &JoinGroupRequest) {
        self.protocols = own(&request.protocols);
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = rebalance_timeout_ms(request);
    }

    /// Its silence begins anew; returns when it will have lasted too long.
    pub(super) fn heard(&mut self, now: Instant) -> Instant {
        self.session_at = now.after_ms(u64::try_from(self.session_timeout_ms).unwrap_or(0));
        self.session_at
    }

    /// True where its silence is excused: an answer to it is owed. Nobody waits for a new member that long.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }

    /// What it said under the name of a strategy.
    pub(super) fn metadata(&self, name: Option<&Arc<str>>) -> Bytes {
        let found = self.protocols.iter().find(|protocol| Some(&protocol.name) == name);
        found.map(|protocol| protocol.metadata.clone()).unwrap_or_default()
    }

    /// What it costs in memory and in the group's stored form, without its assignment.
    pub(super) fn bytes(&self) -> u64 {
        let texts = [&self.id, &self.client.id, &self.client.host];
        let texts: usize = texts.into_iter().chain(&self.instance_id).map(|text| text.len()).sum();
        MEMBER_BYTES + texts as u64 + protocols_bytes(&self.protocols)
    }
}

/// Copies: a slice of the request would pin all of it for the member's life. Of a strategy that is named twice, the
/// first counts.
pub(crate) fn own(protocols: &[GroupProtocol]) -> Vec<GroupProtocol> {
    let mut owned: Vec<GroupProtocol> = Vec::with_capacity(protocols.len());
    let mut names = std::collections::BTreeSet::new();
    for protocol in protocols {
        if names.insert(&protocol.name) {
            let metadata = Bytes::copy_from_slice(&protocol.metadata);
            owned.push(GroupProtocol { name: Arc::clone(&protocol.name), metadata });
        }
    }
    owned
}

/// Clients of the first version do not say; others say nothing useful below zero.
pub(crate) fn rebalance_timeout_ms(request: &JoinGroupRequest) -> i32 {
    if request.rebalance_timeout_ms < 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms }
}
