//! Groups of the consumer protocol, as the ledger keeps them beside what every group has.
//!
//! Stored behind the group: epoch and epoch of the targets (4 each), hash of the topics (8), the assignor, 4 bytes of how
//! many members. Each of them: id; static name and rack, each 1 byte and, after 1, a text; client id and address;
//! rebalance timeout (4); 4 bytes of how many topics, each a text; pattern and assignor as the static name; epoch and the
//! one before (4 each); what it is assigned, gives back and is to have, each 4 bytes of how many and 4 for each.
//!
//! Where some of them are of the classic protocol, this follows for each of all, in the same order: 1 byte whether it is;
//! after 1, its session timeout (4), and 4 bytes of how many strategies, each a name and bytes with their length (4).

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::GroupClient;
use apus_core::error::Refusal;
use apus_core::ids::PartitionId;
use apus_core::limits;

use super::Ledger;
use super::group::{Group, NewerKind, put_option, put_protocols, take_option, take_protocols};
use super::record::{Cursor, put_text};
use crate::command::consumers::{ChangeConsumers, ClassicSide, StoredConsumer, StoredConsumers};
use crate::command::{Corrupt, StoredGroup};

/// What members of the consumer protocol call themselves.
const CONSUMER: &str = "consumer";
/// What members of share groups call themselves.
const SHARE: &str = "share";

impl Ledger {
    /// Changes a group of the consumer protocol, or a share group.
    pub(super) fn change_consumers(&mut self, change: &ChangeConsumers, shared: bool) -> Result<(), Refusal> {
        let (lsn, since_ms) = (self.scalars.lsn, self.scalars.clock_ms);
        let number = self.groups.by_name.get(&change.group).copied();
        let known = number.and_then(|number| self.groups.table.get(number));
        let gives_way = change.converts && !shared && known.is_some_and(Group::is_classic);
        if known.is_some_and(|group| group.is_inhabited() && group.consumers.is_none()) && !gives_way {
            return Err(Refusal::NonEmptyGroup);
        } else if known.is_some_and(|group| group.consumers.is_some() && group.shared != shared) {
            return Err(Refusal::InconsistentGroupProtocol);
        }
        // A classic group that gathers over an empty one of the consumer protocol begins anew as well.
        let known = known.filter(|group| !change.converts || group.is_inhabited());
        let before = known.and_then(|group| group.consumers.clone()).unwrap_or_default();
        let after = before.changed(change);
        let is_sound = if shared { after.is_sound_shared() } else { after.is_sound() };
        if !is_sound || after.epoch < before.epoch || after.target_epoch < before.target_epoch {
            return Err(Refusal::InvalidRequest);
        }
        let stored = StoredGroup {
            protocol_type: Some(Arc::from(if shared { SHARE } else { CONSUMER })),
            ..StoredGroup::simple(Arc::clone(&change.group), since_ms)
        };
        let group = Group::of_consumers(Arc::new(stored), Arc::new(after), shared);
        match number {
            Some(number) => self.groups.replace(lsn, number, group),
            None if self.groups.table.count() >= limits::GROUPS_MAX => return Err(Refusal::CoordinatorNotAvailable),
            None => {
                let number = self.groups.table.insert(lsn, group);
                self.groups.by_name.insert(Arc::clone(&change.group), number);
            }
        }
        Ok(())
    }

    /// What a group is that is no classic one. A name is one kind's as long as the group is there, also while nobody is in
    /// it; only a classic group gives way.
    #[must_use]
    pub fn newer_kind(&self, id: &str) -> Option<NewerKind> {
        let number = *self.groups.by_name.get(id)?;
        self.groups.table.get(number)?.newer_kind()
    }

    /// What a group is as one of the consumer protocol, if it is one.
    #[must_use]
    pub fn consumers(&self, id: &str) -> Option<&Arc<StoredConsumers>> {
        self.members(id, false)
    }

    /// What a group is as a share group, if it is one.
    #[must_use]
    pub fn sharers(&self, id: &str) -> Option<&Arc<StoredConsumers>> {
        self.members(id, true)
    }

    fn members(&self, id: &str, shared: bool) -> Option<&Arc<StoredConsumers>> {
        let number = *self.groups.by_name.get(id)?;
        self.groups.table.get(number).filter(|group| group.shared == shared)?.consumers.as_ref()
    }

    /// A number that changes whenever topics or their partitions do.
    #[must_use]
    pub fn topics_mark(&self) -> u64 {
        self.topics.digest()
    }
}

pub(super) fn put_consumers(out: &mut Vec<u8>, group: &StoredConsumers) {
    out.extend_from_slice(&group.epoch.to_le_bytes());
    out.extend_from_slice(&group.target_epoch.to_le_bytes());
    out.extend_from_slice(&group.topics_hash.to_le_bytes());
    put_text(out, &group.assignor);
    put_count(out, group.members.len());
    for member in group.members.values() {
        put_text(out, &member.id);
        put_option(out, &member.instance_id);
        put_option(out, &member.rack_id);
        put_text(out, &member.client.id);
        put_text(out, &member.client.host);
        out.extend_from_slice(&member.rebalance_timeout_ms.to_le_bytes());
        put_count(out, member.topics.len());
        member.topics.iter().for_each(|topic| put_text(out, topic));
        put_option(out, &member.regex);
        put_option(out, &member.assignor);
        out.extend_from_slice(&member.epoch.to_le_bytes());
        out.extend_from_slice(&member.previous_epoch.to_le_bytes());
        for list in [&member.assigned, &member.revoking, &member.target] {
            put_count(out, list.len());
            list.iter().for_each(|partition| out.extend_from_slice(&partition.0.to_le_bytes()));
        }
    }
}

/// The classic sides of members, in the order of all.
pub(super) fn put_sides(out: &mut Vec<u8>, group: &StoredConsumers) {
    for member in group.members.values() {
        out.push(u8::from(member.classic.is_some()));
        if let Some(side) = &member.classic {
            out.extend_from_slice(&side.session_timeout_ms.to_le_bytes());
            put_protocols(out, &side.protocols);
        }
    }
}

pub(super) fn take_sides(bytes: &mut Cursor<'_>, group: &mut StoredConsumers) -> Result<(), Corrupt> {
    for member in group.members.values_mut() {
        if bytes.flag()? {
            let side = ClassicSide { session_timeout_ms: bytes.i32()?, protocols: take_protocols(bytes)? };
            Arc::make_mut(member).classic = Some(Arc::new(side));
        }
    }
    Ok(())
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

pub(super) fn take_consumers(bytes: &mut Cursor<'_>) -> Result<StoredConsumers, Corrupt> {
    let mut group = StoredConsumers {
        epoch: bytes.i32()?,
        target_epoch: bytes.i32()?,
        topics_hash: bytes.u64()?,
        assignor: bytes.text()?,
        members: BTreeMap::new(),
    };
    for _ in 0..bytes.u32()? {
        let member = take_member(bytes)?;
        group.members.insert(Arc::clone(&member.id), Arc::new(member));
    }
    Ok(group)
}

fn take_member(bytes: &mut Cursor<'_>) -> Result<StoredConsumer, Corrupt> {
    Ok(StoredConsumer {
        id: bytes.text()?,
        instance_id: take_option(bytes)?,
        rack_id: take_option(bytes)?,
        client: GroupClient { id: bytes.text()?, host: bytes.text()? },
        rebalance_timeout_ms: bytes.i32()?,
        topics: (0..bytes.u32()?).map(|_| bytes.text()).collect::<Result<_, _>>()?,
        regex: take_option(bytes)?,
        assignor: take_option(bytes)?,
        epoch: bytes.i32()?,
        previous_epoch: bytes.i32()?,
        assigned: take_partitions(bytes)?,
        revoking: take_partitions(bytes)?,
        target: take_partitions(bytes)?,
        classic: None,
    })
}

fn take_partitions(bytes: &mut Cursor<'_>) -> Result<Vec<PartitionId>, Corrupt> {
    (0..bytes.u32()?).map(|_| bytes.u32().map(PartitionId)).collect()
}
