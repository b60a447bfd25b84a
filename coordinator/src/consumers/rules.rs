//! What a broker's settings say about groups of the consumer protocol.

use std::sync::Arc;

use apus_core::config::{Config, GroupBounds, MigrationPolicy, ResourceKind, group_times};

use super::assign::Assignor;
use crate::ledger::Ledger;

/// The settings, under the names of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `group.consumer.session.timeout.ms`: silence after which a member is out.
    pub session_ms: u64,
    /// `group.consumer.heartbeat.interval.ms`: what members are told.
    pub interval_ms: i32,
    /// What a group's own times may be.
    pub bounds: GroupBounds,
    /// `group.consumer.max.size`: members of a group.
    pub members_max: usize,
    /// `group.consumer.assignors`: the first one serves whoever has no preference.
    pub assignors: [Option<Assignor>; 2],
    /// `group.consumer.migration.policy`: which way a group with members may go.
    pub migration: MigrationPolicy,
    /// `group.max.size`: members of a classic group.
    pub classic_members_max: usize,
}

impl Rules {
    /// Those of a broker.
    #[must_use]
    pub fn of(node: &Config) -> Rules {
        let mut assignors = node.group_consumer_assignors.iter().filter_map(|name| Assignor::of(name));
        Rules {
            session_ms: node.group_consumer_session_ms,
            interval_ms: node.group_consumer_interval_ms,
            bounds: (
                node.group_consumer_sessions_ms.clone().into_inner(),
                node.group_consumer_intervals_ms.clone().into_inner(),
            ),
            members_max: node.group_consumer_members_max,
            assignors: [assignors.next(), assignors.next()],
            migration: node.group_consumer_migration,
            classic_members_max: node.group_members_max,
        }
    }

    /// Those of a group: it may have times of its own.
    #[must_use]
    pub(crate) fn of_group(&self, id: &Arc<str>, ledger: &Ledger) -> Rules {
        let own = ledger.resource_configs(ResourceKind::Group, id);
        let (session_ms, interval_ms) = group_times(&own, (self.session_ms, self.interval_ms), &self.bounds);
        Rules { session_ms, interval_ms, ..*self }
    }

    /// The assignor of this name, if members may have it.
    pub(super) fn assignor(&self, name: &str) -> Option<Assignor> {
        self.assignors.into_iter().flatten().find(|assignor| assignor.name() == name)
    }

    /// The names of all that there are.
    pub(super) fn names(&self) -> String {
        self.assignors.into_iter().flatten().map(Assignor::name).collect::<Vec<_>>().join(", ")
    }
}
