//! A member of a group: it reads what it is given, commits how far it came, and has mishaps.
//!
//! It has one question under way at a time. It pauses, also for longer than its session, and goes on as if nothing had been; it
//! dies with a question under way, and another one comes in its place; it leaves, and comes back. Now and then it goes back
//! by its own will, or says an epoch that is over. Whether what it is told is right is the checker's to say.

pub mod beating;
pub mod classic;
mod holding;
mod positions;
pub mod seat;

use std::collections::{BTreeMap, BTreeSet};

use apus_core::time::Instant;
use bytes::Bytes;

use super::topic::Topic;
use super::{Desk, Link};
use crate::checker::groups::{Committing, MemberName};
use crate::checker::{Place, Promise};
use holding::{Holding, Run};
use seat::{Seat, Told};

/// Error codes of groups.
pub const LOADING: i16 = 14;
pub const NOT_COORDINATOR: i16 = 16;
pub const ILLEGAL_GENERATION: i16 = 22;
pub const UNKNOWN_MEMBER: i16 = 25;
pub const REBALANCE: i16 = 27;
pub const GROUP_NOT_FOUND: i16 = 69;
pub const MEMBER_ID_REQUIRED: i16 = 79;
pub const FENCED_EPOCH: i16 = 110;
pub const STALE_EPOCH: i16 = 113;

/// Silence after which a member is out; the broker's setting for the consumer protocol, and what the others ask for.
pub const SESSION_MS: u64 = 6_000;
/// How long a member may take to give back or to join again.
pub const REBALANCE_MS: u64 = 8_000;
/// Nobody is out before.
pub const OUT_MS: u64 = if SESSION_MS < REBALANCE_MS { SESSION_MS } else { REBALANCE_MS };
/// Between two heartbeats.
pub const BEAT_MS: u64 = 1_000;
/// After an answer that says "not now".
const RETRY_MS: u64 = 50;

/// One question in so many begins such a mishap.
const PAUSES: u64 = 100;
const LEAVES: u64 = 200;
const DEATHS: u64 = 150;
/// One commit in so many is of an epoch that is over, or goes back.
const STALE: u64 = 12;
const REWINDS: u64 = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Lives,
    /// It does nothing until then, and does not know it.
    Pauses(Instant),
    /// Another one comes in its place then.
    Dead(Instant),
    /// It says that it leaves; another one comes then, or nobody.
    Leaves(Option<Instant>),
    Gone,
}

#[derive(Debug)]
struct Commit {
    writes: Vec<(Committing, Place, i64)>,
    /// It is of an epoch that is over, as it knows.
    is_stale: bool,
}

#[derive(Debug)]
enum Asked {
    Seat,
    Leave,
    Offsets(u64),
    Commit(Commit),
    Records { promises: Vec<(Place, Promise)>, is_last: bool },
}

/// The versions that it speaks.
#[derive(Clone, Copy, Debug)]
pub struct Versions {
    pub commit: i16,
    pub offsets: i16,
    pub fetch: i16,
}

/// A member.
#[derive(Debug)]
pub struct Member {
    pub group: &'static str,
    pub name: MemberName,
    pub seat: Seat,
    versions: Versions,
    phase: Phase,
    holdings: BTreeMap<Place, Holding>,
    /// What is to be given back, and to be committed before.
    parting: Vec<(Place, i64)>,
    asked: Option<(Instant, Asked)>,
    retry_at: Instant,
    finishing: bool,
}

impl Member {
    /// A member before its first life.
    pub fn new(group: &'static str, process: u64, seat: Seat, versions: Versions) -> Member {
        let name = MemberName { process, life: 0 };
        let (holdings, parting) = (BTreeMap::new(), Vec::new());
        let (phase, retry_at) = (Phase::Dead(Instant(0)), Instant(0));
        Member { group, name, seat, versions, phase, holdings, parting, asked: None, retry_at, finishing: false }
    }

    /// From now on it has no mishaps, and commits whatever it reads.
    pub fn finish(&mut self) {
        self.finishing = true;
        self.holdings.values_mut().for_each(|holding| holding.is_at_end = false);
    }

    /// It leaves for good.
    pub fn retire(&mut self) {
        self.phase = Phase::Leaves(None);
    }

    /// Whether it has read and committed all that it holds, or is gone.
    pub fn is_done(&self) -> bool {
        let is_settled = self.finishing && self.phase == Phase::Lives && self.seat.is_seated();
        let has_all = self.holdings.values().all(|holding| holding.is_at_end && !holding.is_dirty());
        self.phase == Phase::Gone || (is_settled && self.parting.is_empty() && has_all)
    }

    /// What it uses.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.holdings.keys().copied()
    }

    pub(super) fn disconnected(&mut self) {
        self.asked = None;
        self.seat.disconnected();
    }

    pub(super) fn work(&mut self, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        if !self.is_up(desk) {
            return;
        }
        if self.phase == Phase::Lives && !self.finishing && desk.rng.chance(PAUSES) {
            self.phase = Phase::Pauses(desk.now.after_ms(desk.rng.below(2 * SESSION_MS)));
            return desk.again_in(1);
        }
        if self.phase == Phase::Lives && !self.finishing && desk.rng.chance(LEAVES) {
            self.phase = Phase::Leaves(Some(desk.now.after_ms(desk.rng.below(SESSION_MS))));
        }
        let Some(asked) = self.ask(topics, link, desk) else {
            desk.wake_at = desk.wake_at.min(self.seat.due_at().max(desk.now.after_ms(1)));
            return;
        };
        self.asked = Some((desk.now, asked));
        if self.phase == Phase::Lives && !self.finishing && desk.rng.chance(DEATHS) {
            self.phase = Phase::Dead(desk.now.after_ms(1 + desk.rng.below(SESSION_MS * 3 / 2)));
            desk.again_in(1);
        }
    }

    /// Whether it may ask something now.
    fn is_up(&mut self, desk: &mut Desk<'_>) -> bool {
        match self.phase {
            Phase::Gone => return false,
            Phase::Pauses(until) | Phase::Dead(until) if desk.now < until => {
                desk.wake_at = desk.wake_at.min(until);
                return false;
            }
            Phase::Pauses(_) => self.phase = Phase::Lives,
            Phase::Dead(_) => {
                self.begin();
                // What the dead one asked goes with its connection.
                desk.hangs_up = self.asked.is_some();
            }
            Phase::Lives | Phase::Leaves(_) => {}
        }
        if desk.now < self.retry_at {
            desk.wake_at = desk.wake_at.min(self.retry_at);
            return false;
        }
        self.asked.is_none()
    }

    fn begin(&mut self) {
        self.name.life += 1;
        self.phase = Phase::Lives;
        self.holdings.clear();
        self.parting.clear();
        self.seat.begin(self.name);
    }

    fn ask(&mut self, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) -> Option<Asked> {
        if let Phase::Leaves(until) = self.phase {
            self.holdings.clear();
            if !self.seat.leave(self.group, link, desk) {
                self.phase = until.map_or(Phase::Gone, Phase::Dead);
                desk.again_in(1);
                return None;
            }
            desk.checker.groups.holds(self.group, self.name, BTreeSet::new());
            return Some(Asked::Leave);
        }
        if !self.parting.is_empty() {
            let parting = std::mem::take(&mut self.parting);
            return Some(self.commit(parting, false, link, desk));
        }
        let dirty = self.dirty();
        if self.seat.is_due(desk.now) {
            // Before it joins anew it says how far it came, or does not.
            if self.seat.is_called() && !dirty.is_empty() && desk.rng.chance(2) {
                return Some(self.commit(dirty, false, link, desk));
            }
            if self.seat.is_joining() {
                self.holdings.clear();
            }
            desk.checker.groups.holds(self.group, self.name, self.places().collect());
            self.seat.ask(self.group, topics, link, desk);
            return Some(Asked::Seat);
        }
        if self.holdings.is_empty() || !self.seat.is_seated() {
            return None;
        }
        if self.holdings.values().any(|holding| holding.position.is_none()) {
            return Some(self.ask_offsets(link, desk));
        }
        if !self.finishing && self.seat.epoch() > 1 && desk.rng.chance(STALE * 6) {
            let stale = self.holdings.iter().filter_map(|(place, holding)| Some((*place, holding.position?)));
            let stale = stale.collect();
            return Some(self.commit(stale, true, link, desk));
        }
        if !dirty.is_empty() && (self.finishing || desk.rng.chance(3)) {
            let chosen = self.choose(dirty, desk);
            return Some(self.commit(chosen, false, link, desk));
        }
        let promises = holding::ask(&self.holdings, topics, self.versions.fetch, link, desk);
        Some(Asked::Records { promises, is_last: self.finishing })
    }

    /// What is read and not committed.
    fn dirty(&self) -> Vec<(Place, i64)> {
        let dirty = self.holdings.iter().filter(|(_, holding)| holding.is_dirty());
        dirty.filter_map(|(place, holding)| Some((*place, holding.position?))).collect()
    }

    /// What it commits of that: now and then it goes back first.
    fn choose(&mut self, dirty: Vec<(Place, i64)>, desk: &mut Desk<'_>) -> Vec<(Place, i64)> {
        let choose = |(place, position): (Place, i64)| {
            let goes_back = !self.finishing && position > 0 && desk.rng.chance(REWINDS);
            let chosen = if goes_back { desk.rng.below(position as u64) as i64 } else { position };
            self.holdings.get_mut(&place).expect("it holds it").position = Some(chosen);
            (place, chosen)
        };
        dirty.into_iter().map(choose).collect()
    }

    pub(super) fn answered(&mut self, topics: &[Topic], frame: &Bytes, version: i16, desk: &mut Desk<'_>) {
        let (asked_at, asked) = self.asked.take().expect("something was asked");
        if matches!(self.phase, Phase::Dead(_)) {
            return;
        }
        match asked {
            Asked::Seat => {
                let told = self.seat.answered(topics, frame, version, desk);
                self.take(told, asked_at, desk);
            }
            Asked::Leave => {
                self.seat.lose();
                if let Phase::Leaves(until) = self.phase {
                    self.phase = until.map_or(Phase::Gone, Phase::Dead);
                }
            }
            Asked::Offsets(begun) => self.found(topics, frame, version, begun, desk),
            Asked::Commit(commit) => self.committed(commit, frame, version, asked_at, desk),
            Asked::Records { promises, is_last } => {
                let (runs, is_whole) = holding::take(&mut self.holdings, topics, frame, version, &promises, desk);
                runs.into_iter().for_each(|run| self.read(run, is_last, desk));
                if !is_whole {
                    self.later(desk);
                }
            }
        }
    }

    fn read(&mut self, run: Run, is_last: bool, desk: &mut Desk<'_>) {
        let Run { place, from, to, is_at_end } = run;
        desk.checker.groups.read(self.group, place, from, to);
        self.holdings.get_mut(&place).expect("it was asked for").is_at_end = is_last && is_at_end;
    }

    fn take(&mut self, told: Told, asked_at: Instant, desk: &mut Desk<'_>) {
        match told {
            Told::Later => self.later(desk),
            Told::Lost => self.lose(desk),
            Told::GoesOn => {}
            Told::Lives => desk.checker.groups.heard(self.group, self.name, asked_at),
            Told::Holds(places) => {
                // Of a classic group, who is told its assignment once more is not heard by that.
                if !self.seat.is_classic() {
                    desk.checker.groups.heard(self.group, self.name, asked_at);
                }
                desk.checker.groups.told(self.group, self.name, self.seat.epoch(), &places, desk.now);
                if self.seat.is_classic() {
                    desk.checker.groups.assigned(self.group, self.seat.epoch());
                }
                let gone: Vec<Place> = self.places().filter(|place| !places.contains(place)).collect();
                let commits = desk.rng.chance(2);
                for place in gone {
                    let holding = self.holdings.remove(&place).expect("it was there");
                    if let Some(position) = holding.position.filter(|_| commits && holding.is_dirty()) {
                        self.parting.push((place, position));
                    }
                }
                for place in places {
                    self.holdings.entry(place).or_default();
                }
            }
        }
    }

    /// It is no member: whatever it had is another's.
    fn lose(&mut self, desk: &mut Desk<'_>) {
        self.holdings.clear();
        self.parting.clear();
        self.seat.lose();
        desk.checker.groups.holds(self.group, self.name, BTreeSet::new());
        self.later(desk);
    }

    fn later(&mut self, desk: &mut Desk<'_>) {
        self.retry_at = desk.now.after_ms(RETRY_MS);
        desk.again_in(RETRY_MS);
    }
}
