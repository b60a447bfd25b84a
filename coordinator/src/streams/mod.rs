//! Streams groups (KIP-1071): the coordinator knows what an application computes, creates its topics, and assigns its
//! tasks; members reconcile one by one.
//!
//! What a group is stands in the ledger, whole: topology, epochs, members, targets, and who has what. A heartbeat is a
//! function of that and of little that is remembered ([`heartbeat`]); what it changes is one command, and its answer
//! leaves when that is durable. Not durable, as in Kafka, are when members were heard, who asked for the end of the
//! application, the number of the endpoints' state, and how far the states of tasks came; after a start all of it begins
//! anew.
//!
//! Invariants:
//! - Nobody is told of a task that another one runs: the ledger refuses such a change.
//! - A group keeps its first topology as long as it exists, as in Kafka 4.4: tasks are numbers of it.
//! - Epochs of a group only rise; a member's epoch is at most the targets'.
//! - A group in memory is exactly one with members in the ledger; when they were heard is kept as for the consumer
//!   protocol ([`Consumers`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{DescribedStreams, StreamsState, StreamsStatus, StreamsStatusKind};
use apus_core::error::Refused;
use apus_core::limits;
use apus_core::time::Instant;

use crate::command::consumers::AWAY;
use crate::command::streams::{ChangeStreams, StoredStreams, Task};
use crate::consumers::Consumers;
use crate::ledger::Ledger;

mod assign;
mod configured;
mod describe;
mod endpoints;
pub(crate) mod heartbeat;
pub(crate) mod leave;
mod next;
mod reconcile;
mod rules;
mod tasks;
#[cfg(test)]
mod tests;
mod topology;

use configured::Configured;
use heartbeat::Said;
pub use rules::Rules;

/// Failures to create topics that a status tells.
const FAILURES_TOLD_MAX: usize = 3;

/// What is remembered of a group and not durable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// Its topics, as they were when it was looked at last.
    configured: Option<Arc<Configured>>,
    /// Until then it waits for more members.
    delayed_until: Instant,
    /// Before then nothing is assigned again.
    assign_at: Instant,
    /// Rises with every change of endpoints and of what is behind them.
    endpoint_epoch: i32,
    /// Who asked for the end of the application.
    shutdown_by: Option<Arc<str>>,
    /// Before then topics of the application are not created again.
    create_at: Instant,
    /// Which could not be.
    failures: Arc<Failures>,
}

/// Topics of an application that could not be created.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// The first ones, each with why.
    told: Vec<String>,
    count: usize,
}

impl Failures {
    /// One more.
    pub(crate) fn add(&mut self, topic: &str, refused: &Refused) {
        self.count += 1;
        if self.told.len() < FAILURES_TOLD_MAX {
            self.told.push(format!("{topic} ({:?}: {})", refused.refusal, refused.message));
        }
    }
}

impl Memory {
    /// A status with what became of the topics that it says are missing.
    fn explained(&self, status: StreamsStatus) -> StreamsStatus {
        if status.kind != StreamsStatusKind::MissingInternalTopics || self.failures.count == 0 {
            return status;
        }
        let told = self.failures.told.join(", ");
        let more = self.failures.count - self.failures.told.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        StreamsStatus { detail: Arc::from(format!("{}; Creation failed: {told}{more}.", status.detail)), ..status }
    }
}

/// How far the states of tasks came, by member, as each said last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    reached: BTreeMap<Arc<str>, BTreeMap<Task, i64>>,
    ends: BTreeMap<Arc<str>, BTreeMap<Task, i64>>,
}

impl Offsets {
    fn count(&self) -> usize {
        self.reached.values().chain(self.ends.values()).map(BTreeMap::len).sum()
    }

    /// A member said so; what there is no room for is forgotten.
    fn said(&mut self, member: &Arc<str>, said: Said) {
        if said.offsets.is_none() && said.end_offsets.is_none() {
            return;
        }
        for (all, told) in [(&mut self.reached, said.offsets), (&mut self.ends, said.end_offsets)] {
            if let Some(told) = told {
                all.insert(Arc::clone(member), told);
            }
        }
        if self.count() > limits::STREAMS_OFFSETS_MAX {
            self.left(member);
        }
    }

    fn left(&mut self, member: &str) {
        self.reached.remove(member);
        self.ends.remove(member);
    }
}

/// A group with members.
#[derive(Debug, Default)]
pub(crate) struct Live {
    memory: Memory,
    offsets: Offsets,
}

/// All groups with members.
#[derive(Debug, Default)]
pub struct Streams {
    /// When their members were heard.
    pub(crate) presence: Consumers,
    live: BTreeMap<Arc<str>, Live>,
}

impl Streams {
    /// The groups of a ledger; everyone's silence begins now.
    #[must_use]
    pub fn load(ledger: &Ledger, rules: impl Fn(&Arc<str>) -> Rules, now: Instant) -> Streams {
        let mut streams = Streams::default();
        for stored in ledger.groups_behind(None) {
            let Some(group) = ledger.streams(&stored.id).filter(|group| !group.members.is_empty()) else { continue };
            let session_ms = rules(&stored.id).session_ms;
            for member in group.members.values() {
                let revokes = !member.revoking.is_empty();
                let revokes_ms = revokes.then(|| u64::try_from(member.rebalance_timeout_ms).unwrap_or(0));
                streams.presence.heard(&stored.id, &member.id, revokes_ms, session_ms, now);
            }
            streams.live.insert(Arc::clone(&stored.id), Live::default());
        }
        streams
    }

    /// What is remembered of a group with members.
    pub(crate) fn live(&self, id: &str) -> Option<&Live> {
        self.live.get(id)
    }

    /// What a heartbeat came to, once it is stored.
    pub(crate) fn remember(&mut self, id: &Arc<str>, member: &Arc<str>, memory: Memory, said: Said) {
        let live = self.live.entry(Arc::clone(id)).or_default();
        live.memory = memory;
        live.offsets.said(member, said);
    }

    /// A member asks for the end of the application.
    pub(crate) fn shut_down(&mut self, id: &str, member: &Arc<str>) {
        if let Some(live) = self.live.get_mut(id) {
            live.memory.shutdown_by.get_or_insert_with(|| Arc::clone(member));
        }
    }

    /// What became of the topics that were to be created.
    pub(crate) fn created(&mut self, id: &str, failures: Failures) {
        if let Some(live) = self.live.get_mut(id) {
            live.memory.failures = Arc::new(failures);
        }
    }

    /// Members are gone.
    pub(crate) fn gone(&mut self, id: &str, members: &[Arc<str>]) {
        self.presence.gone(id, members);
        if let Some(live) = self.live.get_mut(id) {
            members.iter().for_each(|member| live.offsets.left(member));
        }
        if !self.presence.is_live(id) {
            self.live.remove(id);
        }
    }

    /// True where somebody is in it.
    #[must_use]
    pub fn is_live(&self, id: &str) -> bool {
        self.live.contains_key(id)
    }

    /// The group that is due first, and what time does to it. [`Streams::settled`] is to follow where that is stored.
    pub(crate) fn due(&self, ledger: &Ledger, now: Instant) -> Option<(Arc<str>, Option<ChangeStreams>)> {
        let (id, due) = self.presence.silent(now)?;
        let group = ledger.streams(&id).expect("a group in memory is stored");
        let change = (!due.is_empty()).then(|| leave::without(group, &id, due));
        Some((id, change))
    }

    /// What was due is done: these are gone, and the group sleeps until the next one may be due.
    pub(crate) fn settled(&mut self, id: &Arc<str>, left: &[Arc<str>]) {
        self.gone(id, left);
        self.presence.settled(id, &[]);
    }

    /// What a group is.
    pub(crate) fn describe(&self, id: &Arc<str>, is_classic: bool, ledger: &Ledger) -> DescribedStreams {
        describe::describe(id, is_classic, self.live.get(id), ledger)
    }

    /// How many groups with members stand where.
    pub(crate) fn counts(&self, ledger: &Ledger) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for group in self.live.keys().filter_map(|id| ledger.streams(id)) {
            *counts.entry(state(group).name()).or_default() += 1;
        }
        counts
    }

    /// The whole-state invariant.
    pub fn check(&self, ledger: &Ledger) {
        let stored = ledger.groups_behind(None).filter_map(|stored| Some((&stored.id, ledger.streams(&stored.id)?)));
        let inhabited: BTreeMap<_, _> = stored.filter(|(_, group)| !group.members.is_empty()).collect();
        assert!(inhabited.keys().copied().eq(self.live.keys()), "a group with members is in memory");
        self.presence.check_of(|id| inhabited.get(id).map(|group| group.members.keys().cloned().collect()));
        for (id, live) in &self.live {
            let is_member = |member: &Arc<str>| inhabited[id].members.contains_key(member);
            assert!(live.offsets.reached.keys().chain(live.offsets.ends.keys()).all(is_member), "states of {id}");
            assert!(live.offsets.count() <= limits::STREAMS_OFFSETS_MAX);
        }
    }
}

/// The topics that a group with members reads, by name; an empty one reads none.
pub(crate) fn subscribed(group: &StoredStreams) -> BTreeSet<&str> {
    let topology = group.topology.as_ref().filter(|_| !group.members.is_empty());
    topology.map_or_else(BTreeSet::new, |topology| topology::read(topology))
}

/// Where a group stands.
pub(crate) fn state(group: &StoredStreams) -> StreamsState {
    if group.members.is_empty() {
        StreamsState::Empty
    } else if !group.is_ready() {
        StreamsState::NotReady
    } else if group.epoch > group.target_epoch {
        StreamsState::Assigning
    } else if group.members.values().all(|member| member.epoch != AWAY && member.is_settled(group.target_epoch)) {
        StreamsState::Stable
    } else {
        StreamsState::Reconciling
    }
}
