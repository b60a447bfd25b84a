//! One step of a group: what it may know, and what it says.

use std::sync::Arc;

use apus_core::api::{JoinGroupResponse, Joined, SyncGroupResponse, Synced};
use apus_core::error::Refusal;
use apus_core::group_message::GroupAnswer;
use apus_core::ids::{CoreId, Ticket, Uuid};
use apus_core::time::{Instant, Rng};

use super::rules::Rules;

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The front's core.
    pub core: CoreId,
    /// Its ticket.
    pub ticket: Ticket,
}

/// What a group may know during one step, and what it says in it.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Timers.
    pub now: Instant,
    /// What is stored and shown.
    pub wall_ms: i64,
    /// Ids of new members.
    pub rng: &'a mut Rng,
    /// The broker's settings.
    pub rules: Rules,
    /// Answers, which leave when everything that was stored in this step is durable.
    pub said: Vec<(Asker, GroupAnswer)>,
}

impl Moment<'_> {
    /// An id for a member that has none: readable, and never drawn twice.
    pub(super) fn member_id(&mut self, prefix: &str) -> Arc<str> {
        Arc::from(format!("{prefix}-{}", Uuid::random(self.rng.bits128())))
    }

    pub(super) fn joined(&mut self, asker: Asker, member_id: &Arc<str>, result: Result<Joined, Refusal>) {
        let response = JoinGroupResponse { member_id: Arc::clone(member_id), result };
        self.said.push((asker, GroupAnswer::Join(response)));
    }

    pub(super) fn synced(&mut self, asker: Asker, result: Result<Synced, Refusal>) {
        self.said.push((asker, GroupAnswer::Sync(SyncGroupResponse { result })));
    }
}
