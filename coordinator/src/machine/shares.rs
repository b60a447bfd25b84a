//! Records for members of share groups, and what becomes of them: decided by [`crate::shares`] of what is stored, journaled
//! where it changes that.

use std::collections::BTreeSet;
use std::sync::Arc;

use apus_core::api::{
    Acquired, OffsetAt, ShareAcknowledgeRequest, ShareAcknowledgeResponse, ShareFetchRequest, Undone,
};
use apus_core::config::{OffsetReset, ResourceKind};
use apus_core::error::{Refusal, Refused};
use apus_core::extent::Extent;
use apus_core::group_message::GroupAnswer;
use apus_core::ids::{ConnectionId, PartitionId, TopicId};
use apus_core::limits::{FETCH_BYTES_MAX, SHARE_BATCHES_MAX};
use apus_core::message::{Bounds, Found};
use apus_core::share_message::{Granted, GrantedPartition, ShareAnswer, Unread};
use apus_core::turn::Turn;

use super::leader::Leader;
use crate::command::shares::ShareChange;
use crate::groups::Asker;
use crate::journal::Claim;
use crate::shares::Rules;
use crate::shares::locks::{Limits, Locks};
use crate::shares::sessions::{FINAL, key};
use crate::shares::waiting::Wait;

/// Members that wait, and share partitions with locks that time out, of which one step looks at.
const SHARES_STEP_MAX: usize = 256;
/// Letters of a member's id at most: Kafka's own bound.
const MEMBER_ID_BYTES_MAX: usize = 36;
/// Locks that time out wait so long for room in the journal.
const ROOM_PAUSE_MS: u64 = 1_000;

/// What one answer may still hold.
struct Budget {
    records: i64,
    bytes: u64,
}

impl Leader {
    /// What settings say about a share group.
    pub(super) fn share_rules(&self, group: &Arc<str>) -> Rules {
        self.membership.share_rules.of_group(&self.ledger.resource_configs(ResourceKind::Group, group))
    }

    /// Takes what a member acknowledges, and gives it records; nothing where it waits for them.
    pub(super) fn share_fetch(
        &mut self,
        asker: Asker,
        request: &ShareFetchRequest,
        connection: ConnectionId,
        turn: &mut Turn,
    ) -> Option<Result<Granted, Refused>> {
        let (caller, place) = (&request.caller, (asker.core, connection));
        let opened = check_fetch(request).and_then(|()| {
            let sessions_max = self.membership.share_rules.sessions_max;
            self.membership.shares.sessions.fetch(request, place, sessions_max)
        });
        if let Err(refused) = opened {
            return Some(Err(refused));
        }
        let told = self.acknowledge(caller, &request.topics, turn);
        let ends = caller.session_epoch == FINAL;
        if ends {
            self.end_session(&key(caller), turn);
        }
        let wait = Wait {
            asker,
            caller: caller.clone(),
            place,
            deadline: turn.now.after_ms(request.wait_ms_max.max(0).unsigned_abs().into()),
            bytes_min: request.bytes_min.max(0).unsigned_abs().into(),
            bytes_max: u64::from(request.bytes_max.max(0).unsigned_abs()).min(FETCH_BYTES_MAX),
            records_max: request.records_max.max(0).into(),
            told,
        };
        if ends || caller.renews {
            return Some(Ok(self.told_only(&wait)));
        }
        self.begin_shares(&wait, turn);
        match self.grant(&wait, turn) {
            Some(granted) => Some(Ok(granted)),
            None => {
                let partitions = self.watched(&wait);
                self.membership.shares.waiting.insert(wait, partitions);
                None
            }
        }
    }

    /// Takes what a member acknowledges.
    pub(super) fn share_acknowledge(
        &mut self,
        request: &ShareAcknowledgeRequest,
        turn: &mut Turn,
    ) -> ShareAcknowledgeResponse {
        let caller = &request.caller;
        let lock_ms = self.share_rules(&caller.group_id).lock_ms;
        let checked = check_names(&caller.group_id, &caller.member_id);
        if let Err(refused) = checked.and_then(|()| self.membership.shares.sessions.acknowledge(caller)) {
            return ShareAcknowledgeResponse { refused: Some(refused), lock_ms: 0, topics: Vec::new() };
        }
        let told = self.acknowledge(caller, &request.topics, turn);
        if caller.session_epoch == FINAL {
            self.end_session(&key(caller), turn);
        }
        let mut topics: Vec<(TopicId, Undone)> = Vec::new();
        for ((topic, index), refused) in told {
            match topics.last_mut().filter(|(last, _)| *last == topic) {
                Some((_, partitions)) => partitions.push((index, refused)),
                None => topics.push((topic, vec![(index, refused)])),
            }
        }
        ShareAcknowledgeResponse { refused: None, lock_ms, topics }
    }

    /// An answer without records.
    fn told_only(&self, wait: &Wait) -> Granted {
        self.granted(wait, Vec::new(), self.share_rules(&wait.caller.group_id).lock_ms)
    }

    /// An answer: what is told of acknowledgements beside what is told of partitions, each partition once and in order.
    fn granted(&self, wait: &Wait, mut partitions: Vec<GrantedPartition>, lock_ms: i32) -> Granted {
        let named: BTreeSet<(TopicId, i32)> = partitions.iter().map(|one| (one.topic, one.index)).collect();
        let others = wait.told.keys().filter(|key| !named.contains(key));
        partitions.extend(others.map(|(topic, index)| nothing(*topic, *index)));
        partitions.sort_by_key(|one| (one.topic, one.index));
        for one in &mut partitions {
            one.unacknowledged = wait.told.get(&(one.topic, one.index)).cloned().flatten();
        }
        let caller = &wait.caller;
        Granted {
            group_id: Arc::clone(&caller.group_id),
            member_id: Arc::clone(&caller.member_id),
            lock_ms,
            partitions,
        }
    }

    /// The partitions whose growth may matter to one who waits.
    fn watched(&self, wait: &Wait) -> Vec<PartitionId> {
        let session = self.membership.shares.sessions.get(&wait.caller);
        let all = session.into_iter().flat_map(|session| &session.partitions);
        all.filter_map(|(topic, index)| self.ledger.topic(*topic)?.partition_at(*index)).collect()
    }

    /// Partitions of a session that its group has not fetched from yet begin where its settings say.
    fn begin_shares(&mut self, wait: &Wait, turn: &mut Turn) {
        let group = &wait.caller.group_id;
        let new = self.watched(wait);
        let new = new.into_iter().filter(|partition| self.ledger.share(group, *partition).is_none());
        let new: Vec<PartitionId> = new.collect();
        if new.is_empty() || self.ledger.sharers(group).is_none() {
            return;
        }
        let reset = self.share_rules(group).reset;
        let begins = |partition: PartitionId| {
            let start = self.reset_offset(partition, reset, turn.wall.0);
            ShareChange { partition, whole: true, start, runs: Vec::new() }
        };
        let changes: Vec<ShareChange> = new.iter().copied().map(begins).collect();
        new.iter().for_each(|partition| self.membership.shares.forget(&(Arc::clone(group), *partition)));
        // Without room, or beyond the bound of share partitions, a fetch is told that the partition is not shared.
        let _ = self.change_shares(group, changes, Claim::Client, turn);
    }

    /// Where a group begins. By a time, at the first extent with a record of it: a few records early.
    fn reset_offset(&self, partition: PartitionId, reset: OffsetReset, wall_ms: i64) -> i64 {
        let bounds = self.ledger.bounds(partition).unwrap_or(Bounds { log_start_offset: 0, high_watermark: 0 });
        match reset {
            OffsetReset::Earliest => bounds.log_start_offset,
            OffsetReset::Latest => bounds.high_watermark,
            OffsetReset::Within(ago_ms) => {
                let since_ms = wall_ms.saturating_sub_unsigned(ago_ms);
                match self.ledger.offset(partition, OffsetAt::Time(since_ms), 0, false) {
                    Ok(Found::Within { from, .. }) => from,
                    _ => bounds.high_watermark,
                }
            }
        }
    }

    /// Gives one who waits its records, if there are enough or its time is up.
    fn grant(&mut self, wait: &Wait, turn: &Turn) -> Option<Granted> {
        let group = &wait.caller.group_id;
        let rules = self.share_rules(group);
        let Some(session) = self.membership.shares.sessions.get(&wait.caller) else {
            return Some(self.told_only(wait));
        };
        let limits =
            Limits { locks_max: rules.locks_max, only_known: self.ledger.shares_held().1 >= SHARE_BATCHES_MAX };
        let mut budget = Budget { records: wait.records_max, bytes: wait.bytes_max.max(1) };
        let (mut partitions, mut bytes, mut over) = (Vec::new(), 0, turn.now >= wait.deadline);
        for (topic, index) in session.rotated() {
            let (granted, own) = self.look(group, (topic, index), limits, &mut budget);
            bytes += own;
            over |= granted.refused.is_some();
            if granted.refused.is_some() || !granted.acquired.is_empty() {
                partitions.push(granted);
            }
        }
        let enough = bytes > 0 && (bytes >= wait.bytes_min || budget.records == 0 || budget.bytes == 0);
        if !over && !enough {
            return None;
        }
        let until = turn.now.after_ms(rules.lock_ms.unsigned_abs().into());
        for granted in partitions.iter().filter(|granted| !granted.acquired.is_empty()) {
            let member = &wait.caller.member_id;
            self.membership.shares.on(&(Arc::clone(group), granted.partition), |locks| {
                granted.acquired.iter().for_each(|records| locks.acquire(*records, member, until));
            });
        }
        Some(self.granted(wait, partitions, rules.lock_ms))
    }

    /// What there is for a group in one partition, within the budget, and about how many bytes.
    fn look(
        &self,
        group: &Arc<str>,
        (topic, index): (TopicId, i32),
        limits: Limits,
        budget: &mut Budget,
    ) -> (GrantedPartition, u64) {
        let mut granted = nothing(topic, index);
        let found = self.shared_partition(group, topic, index);
        let partition = match found {
            Ok(partition) => partition,
            Err(refusal) => {
                granted.refused = Some(refusal.into());
                return (granted, 0);
            }
        };
        granted.partition = partition;
        let (Some(stored), Some(bounds)) = (self.ledger.share(group, partition), self.ledger.bounds(partition)) else {
            return (granted, 0);
        };
        if budget.records == 0 || budget.bytes == 0 {
            return (granted, 0);
        }
        let nobody = Locks::default();
        let locks = self.membership.shares.locks(&(Arc::clone(group), partition)).unwrap_or(&nobody);
        let Some(first) = locks.first_free(stored, bounds, limits) else { return (granted, 0) };
        let bytes_max = u32::try_from(budget.bytes).unwrap_or(u32::MAX);
        let Ok(located) = self.ledger.locate(partition, first, bytes_max) else { return (granted, 0) };
        let extents = within(located.extents, budget.bytes);
        let Some(end) = extents.last().map(|extent| extent.end) else { return (granted, 0) };
        let bounds = Bounds { high_watermark: end.min(bounds.high_watermark), ..bounds };
        granted.acquired = locks.offer(stored, bounds, budget.records, limits);
        let mut bytes = 0;
        for extent in extents {
            let own = records_in(&granted.acquired, &extent);
            if own > 0 {
                let share = own as f64 / (extent.end - extent.start) as f64;
                bytes += ((f64::from(extent.bytes) * share) as u64).max(1);
                granted.extents.push(extent);
            }
        }
        budget.records -= granted.acquired.iter().map(|one| one.last - one.first + 1).sum::<i64>();
        budget.bytes = budget.bytes.saturating_sub(bytes);
        (granted, bytes)
    }

    /// The ledger's number of a partition that a group shares.
    ///
    /// # Errors
    /// Where there is no such partition, or the group has not begun to share it.
    pub(super) fn shared_partition(
        &self,
        group: &Arc<str>,
        topic: TopicId,
        index: i32,
    ) -> Result<PartitionId, Refusal> {
        let record = self.ledger.topic(topic).ok_or(Refusal::UnknownTopicId)?;
        let partition = record.partition_at(index).ok_or(Refusal::UnknownTopicOrPartition)?;
        self.ledger.share(group, partition).map(|_| partition).ok_or(Refusal::UnknownTopicOrPartition)
    }

    /// A session ends: what its member has is given back. Without room in the journal, it times out instead.
    fn end_session(&mut self, member: &(Arc<str>, Arc<str>), turn: &mut Turn) {
        self.membership.shares.sessions.close(member);
        let (group, member) = member;
        let deliveries_max = self.share_rules(group).deliveries_max;
        for key in self.membership.shares.of_group(group) {
            let locks = self.membership.shares.locks(&key);
            let settled = locks.map(|locks| locks.of_member(member, deliveries_max)).unwrap_or_default();
            if !settled.is_empty() {
                let _ = self.settle_shares(&key, &settled, Claim::Upkeep, turn);
            }
        }
    }

    /// A connection is gone, and its sessions with it.
    pub(super) fn share_closed(&mut self, asker: Asker, connection: ConnectionId, turn: &mut Turn) {
        let place = (asker.core, connection);
        self.membership.shares.waiting.closed(place);
        for member in self.membership.shares.sessions.on(place) {
            self.end_session(&member, turn);
        }
    }

    /// Records could not be read: they are nobody's, as if they had not been given out.
    pub(super) fn share_unread(&mut self, unread: &Unread) {
        for (partition, records) in &unread.partitions {
            let key = (Arc::clone(&unread.group_id), *partition);
            self.membership.shares.on(&key, |locks| locks.undo(&unread.member_id, records));
            self.membership.shares.waiting.moved(*partition);
        }
    }

    /// Locks that time out, and members whose partitions moved or whose time is up.
    pub(super) fn advance_shares(&mut self, turn: &mut Turn) {
        for _ in 0..SHARES_STEP_MAX {
            if turn.now < self.membership.shares_paused_until {
                break;
            }
            let Some(key) = self.membership.shares.due(turn.now) else { break };
            let deliveries_max = self.share_rules(&key.0).deliveries_max;
            let locks = self.membership.shares.locks(&key).expect("a timer has its locks");
            let settled = locks.expired(turn.now, deliveries_max);
            if self.settle_shares(&key, &settled, Claim::Upkeep, turn).is_err() {
                self.membership.shares_paused_until = turn.now.after_ms(ROOM_PAUSE_MS);
            }
        }
        for _ in 0..SHARES_STEP_MAX {
            let Some((number, wait, partitions)) = self.membership.shares.waiting.pop(turn.now) else { return };
            match self.grant(&wait, turn) {
                None => self.membership.shares.waiting.put(number, wait, partitions),
                Some(granted) => {
                    let answer = ShareAnswer::Fetch(Ok(granted));
                    self.say_group(wait.asker, GroupAnswer::Share(answer), turn);
                }
            }
        }
    }
}

/// A partition of which there is nothing to say.
fn nothing(topic: TopicId, index: i32) -> GrantedPartition {
    GrantedPartition {
        topic,
        index,
        partition: PartitionId(0),
        refused: None,
        unacknowledged: None,
        acquired: Vec::new(),
        extents: Vec::new(),
    }
}

/// The first extents, until they hold so many bytes.
fn within(mut extents: Vec<Extent>, bytes_max: u64) -> Vec<Extent> {
    let mut bytes = 0;
    let enough = extents.iter().position(|extent| {
        bytes += u64::from(extent.bytes);
        bytes >= bytes_max
    });
    extents.truncate(enough.map_or(extents.len(), |last| last + 1));
    extents
}

/// How many of these records an extent holds.
fn records_in(records: &[Acquired], extent: &Extent) -> i64 {
    let from = records.partition_point(|one| one.last < extent.start);
    let inside = records[from..].iter().take_while(|one| one.first < extent.end);
    inside.map(|one| one.last.min(extent.end - 1) - one.first.max(extent.start) + 1).sum()
}

/// Kafka's rules of whom a request may come from.
fn check_names(group: &str, member: &str) -> Result<(), Refused> {
    if group.is_empty() {
        Err(Refused::new(Refusal::InvalidRequest, "Invalid group id in the request."))
    } else if member.is_empty() || member.len() > MEMBER_ID_BYTES_MAX {
        Err(Refused::new(Refusal::InvalidRequest, "Invalid member id in the request."))
    } else {
        Ok(())
    }
}

/// Kafka's rules of a fetch: one that renews locks fetches nothing.
fn check_fetch(request: &ShareFetchRequest) -> Result<(), Refused> {
    check_names(&request.caller.group_id, &request.caller.member_id)?;
    let nothing = [request.wait_ms_max, request.bytes_min, request.bytes_max, request.records_max];
    if request.caller.renews && nothing.iter().any(|number| *number != 0) {
        let message = "Renew acknowledgements require max wait, min bytes, max records and max bytes to be 0.";
        return Err(Refused::new(Refusal::InvalidRequest, message));
    }
    Ok(())
}
