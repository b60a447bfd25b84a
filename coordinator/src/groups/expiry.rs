//! Which committed offsets are kept no longer: Kafka's rules.
//!
//! - A group that had members: its offsets go a while after it became empty.
//! - A group that never had: each goes a while after its own commit.
//! - A stable group of consumers: those of topics that nobody subscribes to any more, a while after their commit.
//!
//! An offset whose client said how long it is to be kept goes then, as soon as one of these speaks of it at all.

use std::collections::BTreeSet;

use super::subscription;
use crate::command::StoredGroup;
use crate::ledger::GroupPosition;

/// What is said of the offsets of one group.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// All of them stay.
    Keep,
    /// They go a while after this time, milliseconds.
    Since(i64),
    /// Each goes a while after its commit, but for those of these topics.
    SinceCommit(BTreeSet<&'a str>),
}

impl<'a> Verdict<'a> {
    /// Of a group as it is stored; of one that rebalances, nothing is said.
    #[must_use]
    pub fn of(group: &'a StoredGroup, rebalances: bool) -> Verdict<'a> {
        match (&group.protocol_type, group.members.is_empty()) {
            _ if rebalances => Verdict::Keep,
            (None, _) => Verdict::SinceCommit(BTreeSet::new()),
            (Some(_), true) => Verdict::Since(group.since_ms),
            (Some(_), false) => subscription::topics(group).map_or(Verdict::Keep, Verdict::SinceCommit),
        }
    }

    /// Whether a position goes now.
    #[must_use]
    pub fn expires(&self, topic: &str, position: &GroupPosition, now_ms: i64, retention_ms: i64) -> bool {
        let since_ms = match self {
            Verdict::Keep => return false,
            Verdict::Since(since_ms) => *since_ms,
            Verdict::SinceCommit(topics) if topics.contains(topic) => return false,
            Verdict::SinceCommit(_) => position.commit_ms,
        };
        position.expire_ms.map_or(now_ms.saturating_sub(since_ms) >= retention_ms, |expire_ms| now_ms >= expire_ms)
    }
}
