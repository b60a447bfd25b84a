//! Groups of the consumer protocol (KIP-848): the coordinator assigns, and members reconcile one by one.
//!
//! Members of the classic protocol may be among them ([`classic`]), while clients are moved from one protocol to the other;
//! a group goes over with its members ([`migration`]).
//!
//! What a group is stands in the ledger, whole: epochs, members, targets, and who holds what. A heartbeat is a function of
//! that ([`heartbeat`]); what it changes is one command, and its answer leaves when that is durable. One that changes
//! nothing writes nothing. Here is only what is not durable: when members were heard, and until when they may take to give
//! partitions back; after a start both begin anew.
//!
//! Invariants:
//! - Nobody is told of a partition that another one holds: the ledger refuses such a change, so neither a mistake here nor
//!   a crash lets two own one.
//! - Epochs of a group only rise, as long as it exists; a member's epoch is at most the targets'.
//! - A group in memory is exactly one with members in the ledger, each with its own timers; one timer a group is in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::ConsumerState;
use apus_core::time::Instant;

use crate::command::consumers::{AWAY, ChangeConsumers, StoredConsumer, StoredConsumers};
use crate::ledger::Ledger;

pub(crate) mod assign;
pub(crate) mod classic;
pub(crate) mod describe;
pub(crate) mod embedded;
pub(crate) mod heartbeat;
pub(crate) mod leave;
pub(crate) mod migration;
mod next;
mod reconcile;
mod rules;
pub(crate) mod topics;

pub use rules::Rules;

/// A group whose topics changed is looked at anew this often at most: patterns cost a look at every name.
const LOOK_MS: u64 = 1_000;

/// When a member was heard.
#[derive(Clone, Copy, Debug)]
struct Presence {
    /// When its silence has lasted too long.
    session_at: Instant,
    /// When it has taken too long to give partitions back, or, of one of the classic protocol, to join again.
    revoke_at: Instant,
    /// When one of the classic protocol has joined and taken too long to ask for its assignment.
    sync_at: Instant,
}

/// What a member of the classic protocol was heard by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It joined: it is to ask for its assignment.
    Joined,
    /// It was told its assignment.
    Synced,
    /// It lives.
    Beat,
    /// It was told to join again.
    Recalled,
}

impl Presence {
    fn at(self) -> Instant {
        self.session_at.min(self.revoke_at).min(self.sync_at)
    }
}

/// Which groups these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Of the consumer protocol.
    #[default]
    Consumer,
    /// Share groups.
    Share,
}

impl Protocol {
    /// A group, if it is one of these.
    fn find<'a>(self, ledger: &'a Ledger, id: &str) -> Option<&'a Arc<StoredConsumers>> {
        match self {
            Protocol::Consumer => ledger.consumers(id),
            Protocol::Share => ledger.sharers(id),
        }
    }

    /// Where a group of these stands.
    fn state(self, group: &StoredConsumers) -> ConsumerState {
        match self {
            Protocol::Consumer => state(group),
            Protocol::Share => shared_state(group),
        }
    }
}

/// A group with members.
#[derive(Debug)]
struct Live {
    members: BTreeMap<Arc<str>, Presence>,
    /// No member is due before this.
    wake_at: Instant,
    /// The topics as they were when it was looked at last, if it was since the start: no mark stands for "never".
    topics_mark: Option<u64>,
    look_at: Instant,
}

/// All groups with members.
#[derive(Debug, Default)]
pub struct Consumers {
    live: BTreeMap<Arc<str>, Live>,
    timers: BTreeSet<(Instant, Arc<str>)>,
    protocol: Protocol,
}

impl Consumers {
    /// The groups of a ledger; everyone's silence begins now.
    #[must_use]
    pub fn load(protocol: Protocol, ledger: &Ledger, session_ms: impl Fn(&Arc<str>) -> u64, now: Instant) -> Consumers {
        let mut consumers = Consumers { protocol, ..Consumers::default() };
        for stored in ledger.groups_behind(None) {
            let found = protocol.find(ledger, &stored.id).filter(|group| !group.members.is_empty());
            let Some(group) = found else { continue };
            let session_ms = session_ms(&stored.id);
            for member in group.members.values() {
                let revokes = !member.revoking.is_empty();
                let revokes_ms = revokes.then(|| u64::try_from(member.rebalance_timeout_ms).unwrap_or(0));
                match &member.classic {
                    Some(_) if revokes => consumers.heard_classic(&stored.id, member, Sign::Recalled, now),
                    Some(_) => consumers.heard_classic(&stored.id, member, Sign::Beat, now),
                    None => consumers.heard(&stored.id, &member.id, revokes_ms, session_ms, now),
                }
            }
        }
        consumers
    }

    /// A member was heard, and may be silent for so long; it gives back what it has, and may take so long.
    pub(crate) fn heard(
        &mut self,
        id: &Arc<str>,
        member: &Arc<str>,
        revokes_ms: Option<u64>,
        session_ms: u64,
        now: Instant,
    ) {
        let session_at = now.after_ms(session_ms);
        let begun = self.presence(id, member).revoke_at;
        let revoke_at = revokes_ms.map_or(Instant::NEVER, |most_ms| begun.min(now.after_ms(most_ms)));
        self.note(id, member, Presence { session_at, revoke_at, sync_at: Instant::NEVER }, now);
    }

    /// A member of the classic protocol was heard: it has times of its own.
    pub(crate) fn heard_classic(&mut self, id: &Arc<str>, member: &StoredConsumer, sign: Sign, now: Instant) {
        let session_ms = member.classic.as_ref().map_or(0, |side| side.session_timeout_ms);
        let after = |most_ms: i32| now.after_ms(u64::try_from(most_ms).unwrap_or(0));
        let before = self.presence(id, &member.id);
        let presence = Presence { session_at: after(session_ms), ..before };
        let presence = match sign {
            Sign::Joined => {
                Presence { revoke_at: Instant::NEVER, sync_at: after(member.rebalance_timeout_ms), ..presence }
            }
            Sign::Synced => Presence { sync_at: Instant::NEVER, ..presence },
            Sign::Beat => presence,
            Sign::Recalled => {
                Presence { revoke_at: before.revoke_at.min(after(member.rebalance_timeout_ms)), ..presence }
            }
        };
        self.note(id, &member.id, presence, now);
    }

    /// When a member is due as it was heard last; one that was not never is.
    fn presence(&self, id: &str, member: &str) -> Presence {
        let never = Presence { session_at: Instant::NEVER, revoke_at: Instant::NEVER, sync_at: Instant::NEVER };
        self.live.get(id).and_then(|live| live.members.get(member)).copied().unwrap_or(never)
    }

    fn note(&mut self, id: &Arc<str>, member: &Arc<str>, presence: Presence, now: Instant) {
        let new = || Live { members: BTreeMap::new(), wake_at: Instant::NEVER, topics_mark: None, look_at: now };
        let live = self.live.entry(Arc::clone(id)).or_insert_with(new);
        live.members.insert(Arc::clone(member), presence);
        if presence.at() < live.wake_at {
            self.timers.remove(&(live.wake_at, Arc::clone(id)));
            live.wake_at = presence.at();
            self.timers.insert((live.wake_at, Arc::clone(id)));
        }
    }

    /// Members are gone.
    pub(crate) fn gone(&mut self, id: &str, members: &[Arc<str>]) {
        let Some(live) = self.live.get_mut(id) else { return };
        live.members.retain(|member, _| !members.contains(member));
        if live.members.is_empty() {
            self.forget(id);
        }
    }

    /// Nobody is in it, or it is a classic group now.
    pub(crate) fn forget(&mut self, id: &str) {
        if let Some((id, live)) = self.live.remove_entry(id) {
            self.timers.remove(&(live.wake_at, id));
        }
    }

    /// Whether topics changed since a group was looked at, and it is time to look again.
    pub(crate) fn topics_changed(&self, id: &str, ledger: &Ledger, now: Instant) -> bool {
        self.live.get(id).is_some_and(|live| live.topics_mark != Some(ledger.topics_mark()) && live.look_at <= now)
    }

    /// A group was looked at.
    pub(crate) fn looked(&mut self, id: &str, ledger: &Ledger, now: Instant) {
        if let Some(live) = self.live.get_mut(id) {
            (live.topics_mark, live.look_at) = (Some(ledger.topics_mark()), now.after_ms(LOOK_MS));
        }
    }

    /// True where somebody is in it.
    #[must_use]
    pub fn is_live(&self, id: &str) -> bool {
        self.live.contains_key(id)
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.timers.first().map_or(Instant::NEVER, |(at, _)| *at)
    }

    /// The group that is due first, and what time does to it. [`Consumers::settled`] is to follow where that is stored.
    pub(crate) fn due(&self, ledger: &Ledger, now: Instant) -> Option<(Arc<str>, Option<ChangeConsumers>)> {
        let (id, due) = self.silent(now)?;
        let group = self.protocol.find(ledger, &id).expect("a group in memory is stored");
        let change = (!due.is_empty()).then(|| leave::without(group, &id, due));
        Some((id, change))
    }

    /// The group that is due first, and its members that were silent, or did not give back, for too long.
    pub(crate) fn silent(&self, now: Instant) -> Option<(Arc<str>, Vec<Arc<str>>)> {
        let (_, id) = self.timers.first().filter(|(at, _)| *at <= now)?;
        let due = self.live[id].members.iter().filter(|(_, presence)| presence.at() <= now);
        Some((Arc::clone(id), due.map(|(member, _)| Arc::clone(member)).collect()))
    }

    /// What was due is done: these are gone, and the group sleeps until the next one may be due.
    pub(crate) fn settled(&mut self, id: &Arc<str>, left: &[Arc<str>]) {
        self.gone(id, left);
        let Some(live) = self.live.get_mut(id) else { return };
        self.timers.remove(&(live.wake_at, Arc::clone(id)));
        live.wake_at = live.members.values().map(|presence| presence.at()).min().unwrap_or(Instant::NEVER);
        self.timers.insert((live.wake_at, Arc::clone(id)));
    }

    /// How many groups with members stand where.
    pub(crate) fn counts(&self, ledger: &Ledger) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for group in self.live.keys().filter_map(|id| self.protocol.find(ledger, id)) {
            *counts.entry(self.protocol.state(group).name()).or_default() += 1;
        }
        counts
    }

    /// The whole-state invariant.
    pub fn check(&self, ledger: &Ledger) {
        let find = |id: &str| self.protocol.find(ledger, id);
        self.check_of(|id| find(id).map(|group| group.members.keys().cloned().collect()));
        let stored = ledger.groups_behind(None).filter_map(|stored| find(&stored.id));
        let inhabited = stored.filter(|group| !group.members.is_empty()).count();
        assert!(inhabited == self.live.len(), "a group with members is in memory");
    }

    /// Its own part of that, where these are the members of a group.
    pub(crate) fn check_of(&self, members: impl Fn(&Arc<str>) -> Option<Vec<Arc<str>>>) {
        assert!(self.timers.len() == self.live.len());
        for (id, live) in &self.live {
            let members = members(id).expect("a group in memory is stored");
            assert!(members.iter().eq(live.members.keys()), "members of {id}");
            assert!(live.members.values().all(|presence| presence.at() >= live.wake_at), "a timer would be missed");
            assert!(self.timers.contains(&(live.wake_at, Arc::clone(id))));
        }
    }
}

/// Where a share group stands: its members have what they are to have, or get it with their next heartbeat.
pub(crate) fn shared_state(group: &StoredConsumers) -> ConsumerState {
    if group.members.is_empty() { ConsumerState::Empty } else { ConsumerState::Stable }
}

/// Where a group stands.
pub(crate) fn state(group: &StoredConsumers) -> ConsumerState {
    if group.members.is_empty() {
        ConsumerState::Empty
    } else if group.epoch > group.target_epoch {
        ConsumerState::Assigning
    } else if group.members.values().all(|member| member.epoch != AWAY && member.is_settled(group.target_epoch)) {
        ConsumerState::Stable
    } else {
        ConsumerState::Reconciling
    }
}
