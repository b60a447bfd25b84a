//! Fetch: from a consumer's wish to whole batches with their offsets.
//!
//! A fetch *waits* until its partitions have something to say (or its time is up), *locates* the extents behind the
//! wanted offsets, *reads* what is not hot, and is answered. Tails say where the newest extents are; the ledger knows
//! the rest, and it alone says OFFSET_OUT_OF_RANGE.
//!
//! Cores hear of commits and spills one after the other: a tail may name bytes that this core has not heard of yet, or
//! that have moved since. Then the ledger is asked where they are: its answer comes behind all that it said before, so
//! this core has heard of what the answer names.
//!
//! Invariants: a fetch is in exactly one phase; it waits at most `wait_ms_max` once its partitions are known; a
//! partition that cannot be read never spoils the answer for the others.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Plan, Telling};
use super::reads::{Done, ReadKey, Reads};
use super::sessions::Sessions;
use super::subscription::{ItemIndex, Subscription};
use super::{Front, RequestId};
use crate::api::{FetchRequest, FetchResponse, Response};
use crate::catalog::Catalog;
use crate::counters::Histogram;
use crate::error::Refusal;
use crate::ids::{ConnectionId, CoreId, PartitionId, Ticket};
use crate::limits::{FETCH_BYTES_MAX, LOCATES_MAX, MOVES_MAX};
use crate::message::{Advance, Ask, Located, Message, WatchId};
use crate::placement;
use crate::time::Instant;
use crate::turn::Turn;

/// Which fetch, on its core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchKey(u64);

/// All fetches of a core, and their sessions.
#[derive(Debug, Default)]
pub struct Fetches {
    /// Cold reads, for whoever reads.
    pub reads: Reads,
    pub(super) sessions: Sessions,
    fetches: BTreeMap<FetchKey, Fetch>,
    by_connection: BTreeSet<(ConnectionId, FetchKey)>,
    under_way: BTreeMap<i32, FetchKey>,
    pub(super) watches: BTreeMap<WatchId, Owner>,
    deadlines: BTreeSet<(Instant, FetchKey)>,
    locates: BTreeMap<Ticket, (FetchKey, ItemIndex)>,
    reading: BTreeMap<ReadKey, FetchKey>,
    numbers: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    Session(i32),
    Fetch(FetchKey),
}

/// One fetch.
#[derive(Debug)]
struct Fetch {
    id: RequestId,
    /// The session it belongs to …
    session: Option<i32>,
    /// … or a subscription of its own.
    own: Option<Subscription>,
    /// Every partition is to be told, changed or not.
    full: bool,
    /// When it came.
    came: Instant,
    /// When its phase began.
    since: Instant,
    deadline: Instant,
    bytes_min: u64,
    bytes_max: usize,
    zstd: bool,
    committed_only: bool,
    phase: Phase,
    /// What locating found so far, in the order in which it was asked.
    located: Vec<(ItemIndex, Option<Result<Located, Refusal>>)>,
    /// Bytes known to be there; before the first look it is as if there were enough.
    gathered: u64,
    /// Bytes that came since locating began.
    arrived: u64,
    /// How often bytes had moved away.
    moved: u32,
}

#[derive(Debug)]
enum Phase {
    Waiting,
    Locating { missing: usize },
    Reading(Plan),
}

impl Fetch {
    /// Its phase is over.
    fn leave(&mut self, phase: &mut Histogram, now: Instant) {
        phase.record(now - self.since);
        self.since = now;
    }
}

/// What a look at the active items found.
#[derive(Default)]
struct Survey {
    refused: bool,
    readable: Vec<(ItemIndex, PartitionId, i64, i32)>,
}

impl Fetches {
    /// A number for a fetch, a watch or a read.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The earliest time at which a consumer stops waiting.
    pub fn deadline(&self) -> Instant {
        self.deadlines.first().map_or(Instant::NEVER, |(deadline, _)| *deadline)
    }

    /// Fetches that wait for bytes, and those that are being answered.
    pub fn counts(&self) -> (u64, u64) {
        let waiting = self.fetches.values().filter(|fetch| matches!(fetch.phase, Phase::Waiting)).count() as u64;
        (waiting, self.fetches.len() as u64 - waiting)
    }

    /// Indexes agree.
    pub fn check(&self) {
        self.reads.check();
        self.sessions.check();
        assert!(self.by_connection.len() == self.fetches.len());
        assert!(self.under_way.values().all(|key| self.fetches.contains_key(key)));
    }
}

impl Front {
    pub(super) fn fetch(&mut self, id: RequestId, request: FetchRequest, turn: &mut Turn<'_>) {
        turn.count.fetch_requests += 1;
        let (session, own, full) = match self.subscribe(id, &request, turn) {
            Ok(subscribed) => subscribed,
            Err(refusal) => {
                let response = FetchResponse { refusal: Some(refusal), session_id: 0, topics: Vec::new() };
                return self.answer(id, Response::Fetch(response));
            }
        };
        let key = FetchKey(self.fetch.number());
        if let Some(own) = &own {
            self.fetch.watches.insert(own.watch, Owner::Fetch(key));
        }
        if let Some(session) = session {
            self.fetch.under_way.insert(session, key);
        }
        let bytes_max = (request.bytes_max.max(0) as u64).min(FETCH_BYTES_MAX);
        let fetch = Fetch {
            id,
            session,
            own,
            full,
            came: turn.now,
            since: turn.now,
            deadline: turn.now.after_ms(request.wait_ms_max.max(0) as u64),
            bytes_min: request.bytes_min.max(0) as u64,
            bytes_max: bytes_max.min(u64::from(self.settings.config.fetch_bytes_max)) as usize,
            zstd: request.zstd,
            committed_only: request.committed_only,
            phase: Phase::Waiting,
            located: Vec::new(),
            gathered: u64::MAX,
            arrived: 0,
            moved: 0,
        };
        self.fetch.deadlines.insert((fetch.deadline, key));
        self.fetch.by_connection.insert((id.connection, key));
        self.fetch.fetches.insert(key, fetch);
        self.evaluate(key, turn);
    }

    /// Looks whether a waiting fetch can go on.
    fn evaluate(&mut self, key: FetchKey, turn: &mut Turn<'_>) {
        let Some(mut fetch) = self.fetch.fetches.remove(&key) else { return };
        assert!(matches!(fetch.phase, Phase::Waiting), "only a waiting fetch is looked at");
        let subscription = subscription_of(&mut self.fetch.sessions, fetch.session, &mut fetch.own);
        let (mut survey, mut added) = (Survey::default(), Vec::new());
        if subscription.heard() {
            (survey, added) = survey_of(subscription, &self.catalog, &mut turn.count.fetch_looks);
        }
        let (watch, heard) = (subscription.watch, subscription.heard());
        self.watch(watch, added, turn);
        let over = turn.now >= fetch.deadline || survey.refused;
        let enough = fetch.gathered >= fetch.bytes_min;
        if !heard || (!over && (survey.readable.is_empty() || !enough)) {
            self.fetch.fetches.insert(key, fetch);
        } else if survey.readable.is_empty() {
            fetch.leave(&mut turn.count.fetch.park, turn.now);
            self.finish(key, fetch, Plan::default(), turn);
        } else {
            fetch.leave(&mut turn.count.fetch.park, turn.now);
            self.locate(key, &mut fetch, &survey.readable, turn);
            self.fetch.fetches.insert(key, fetch);
        }
    }

    fn locate(
        &mut self,
        key: FetchKey,
        fetch: &mut Fetch,
        wanted: &[(ItemIndex, PartitionId, i64, i32)],
        turn: &mut Turn<'_>,
    ) {
        fetch.located.clear();
        fetch.arrived = 0;
        let mut bytes = 0_usize;
        for (item, partition, offset, bytes_max) in wanted {
            if fetch.located.len() >= LOCATES_MAX || bytes > fetch.bytes_max {
                break;
            }
            let partition_bytes = (*bytes_max).clamp(1, i32::MAX) as usize;
            let bytes_max = partition_bytes.min(fetch.bytes_max.max(1)) as u32;
            // A partition with little to say must not keep the others out: a guess, corrected by the next fetch.
            bytes += (bytes_max as usize).min(fetch.bytes_max / 16 + 1);
            let ticket = Ticket::draw(&mut self.tickets);
            self.fetch.locates.insert(ticket, (key, *item));
            fetch.located.push((*item, None));
            let core = self.settings.core;
            let (partition, offset) = (*partition, *offset);
            if fetch.moved == 0 {
                let owner = placement::core_of(partition, self.settings.cores);
                turn.send(owner, Message::Locate { core, ticket, partition, offset, bytes_max });
            } else {
                let ask = Ask::Locate { partition, offset, bytes_max };
                turn.send(CoreId(0), Message::Ask { core, ticket, ask });
            }
        }
        fetch.phase = Phase::Locating { missing: fetch.located.len() };
    }

    /// A tail or the ledger said where bytes are.
    pub(super) fn fetch_located(&mut self, ticket: Ticket, located: Result<Located, Refusal>, turn: &mut Turn<'_>) {
        let (key, item) = self.fetch.locates.remove(&ticket).expect("it was asked");
        let Some(fetch) = self.fetch.fetches.get_mut(&key) else { return };
        let Phase::Locating { missing } = &mut fetch.phase else { panic!("nothing is located in {:?}", fetch.phase) };
        let place = fetch.located.iter_mut().find(|(at, _)| *at == item).expect("it was asked");
        place.1 = Some(located);
        *missing -= 1;
        if *missing == 0 {
            self.read(key, turn);
        }
    }

    /// Everything is located: read it, or wait for more.
    fn read(&mut self, key: FetchKey, turn: &mut Turn<'_>) {
        let mut fetch = self.fetch.fetches.remove(&key).expect("it was located");
        fetch.leave(&mut turn.count.fetch.locate, turn.now);
        let located = std::mem::take(&mut fetch.located);
        let subscription = subscription_of(&mut self.fetch.sessions, fetch.session, &mut fetch.own);
        let plan = Plan::make(located, subscription, &self.hot, fetch.bytes_max);
        fetch.phase = Phase::Waiting;
        let over = turn.now >= fetch.deadline || plan.refused();
        fetch.gathered = plan.bytes().saturating_add(fetch.arrived);
        if !over && fetch.gathered < fetch.bytes_min {
            self.fetch.fetches.insert(key, fetch);
        } else if plan.moved() {
            self.again(key, fetch, plan, turn);
        } else {
            let blocks = plan.blocks();
            if blocks.is_empty() {
                return self.finish(key, fetch, plan, turn);
            }
            let read = ReadKey(self.fetch.number());
            self.fetch.reading.insert(read, key);
            fetch.phase = Phase::Reading(plan);
            self.fetch.fetches.insert(key, fetch);
            self.fetch.reads.begin(read, blocks, &mut self.tickets, turn);
        }
    }

    /// Bytes are not where they were looked for: once more, from the start.
    fn again(&mut self, key: FetchKey, mut fetch: Fetch, mut plan: Plan, turn: &mut Turn<'_>) {
        fetch.moved += 1;
        if fetch.moved > MOVES_MAX {
            plan.fail_moved();
            return self.finish(key, fetch, plan, turn);
        }
        fetch.gathered = u64::MAX;
        fetch.phase = Phase::Waiting;
        self.fetch.fetches.insert(key, fetch);
        self.evaluate(key, turn);
    }

    /// A cold read of a fetch is over.
    pub(super) fn fetch_read(&mut self, done: Done, turn: &mut Turn<'_>) -> Option<Done> {
        let Some(key) = self.fetch.reading.remove(&done.key) else { return Some(done) };
        let mut fetch = self.fetch.fetches.remove(&key)?;
        fetch.leave(&mut turn.count.fetch.read, turn.now);
        let Phase::Reading(mut plan) = std::mem::replace(&mut fetch.phase, Phase::Waiting) else {
            panic!("a fetch reads once at a time");
        };
        plan.take(done.brought);
        if plan.moved() {
            self.again(key, fetch, plan, turn);
        } else {
            self.finish(key, fetch, plan, turn);
        }
        None
    }

    /// Answers with what the plan holds.
    fn finish(&mut self, key: FetchKey, mut fetch: Fetch, plan: Plan, turn: &mut Turn<'_>) {
        self.fetch.deadlines.remove(&(fetch.deadline, key));
        self.fetch.by_connection.remove(&(fetch.id.connection, key));
        let subscription = subscription_of(&mut self.fetch.sessions, fetch.session, &mut fetch.own);
        let Fetch { full, zstd, committed_only, bytes_max, .. } = fetch;
        let how = Telling { full, zstd, committed_only, bytes_max };
        let topics = plan.answer(subscription, how, &mut self.fetch.reads, turn);
        if let Some(session) = fetch.session {
            self.fetch.under_way.remove(&session);
            self.fetch.sessions.end(session, turn.now);
        }
        self.drop_subscription(fetch.own.take(), turn);
        let response = FetchResponse { refusal: None, session_id: fetch.session.unwrap_or(0), topics };
        turn.count.fetch.whole.record(turn.now - fetch.came);
        self.answer(fetch.id, Response::Fetch(response));
    }

    /// Watched partitions moved: whoever waits for them looks again.
    pub(super) fn fetch_advanced(&mut self, advances: &[Advance], turn: &mut Turn<'_>) {
        let mut moved = BTreeSet::new();
        for advance in advances {
            let (key, session) = match self.fetch.watches.get(&advance.watch) {
                None => continue, // It was given up in the meantime.
                Some(Owner::Fetch(key)) => (Some(*key), None),
                Some(Owner::Session(session)) => (self.fetch.under_way.get(session).copied(), Some(*session)),
            };
            let mut fetch = key.and_then(|key| self.fetch.fetches.get_mut(&key));
            let subscription = match session {
                Some(session) => self.fetch.sessions.get_mut(session),
                None => fetch.as_mut().and_then(|fetch| fetch.own.as_mut()),
            };
            let Some(subscription) = subscription else { continue };
            subscription.advance(advance);
            let heard = subscription.heard();
            let Some(fetch) = fetch else { continue };
            // The first word of a tail, and the last, are worth a look whatever was asked for.
            let bytes = if advance.bytes == 0 { u64::MAX } else { advance.bytes };
            fetch.arrived = fetch.arrived.saturating_add(bytes);
            fetch.gathered = fetch.gathered.saturating_add(bytes);
            if heard && matches!(fetch.phase, Phase::Waiting) {
                moved.extend(key);
            }
        }
        for key in moved {
            self.evaluate(key, turn);
        }
    }

    /// Time is up for some.
    pub(super) fn fetch_expire(&mut self, turn: &mut Turn<'_>) {
        while let Some(first) = self.fetch.deadlines.first().copied().filter(|(deadline, _)| *deadline <= turn.now) {
            self.fetch.deadlines.remove(&first);
            if self.fetch.fetches.get(&first.1).is_some_and(|fetch| matches!(fetch.phase, Phase::Waiting)) {
                self.evaluate(first.1, turn);
            }
        }
    }

    /// Nobody is to wait any longer: the broker stops.
    pub(super) fn fetch_hurry(&mut self, turn: &mut Turn<'_>) {
        for (deadline, key) in std::mem::take(&mut self.fetch.deadlines) {
            let fetch = self.fetch.fetches.get_mut(&key).expect("a deadline belongs to a fetch");
            fetch.deadline = deadline.min(turn.now);
            self.fetch.deadlines.insert((fetch.deadline, key));
        }
        self.fetch_expire(turn);
    }

    /// The connection is gone, and its fetches and sessions with it.
    pub(super) fn fetch_closed(&mut self, connection: ConnectionId, turn: &mut Turn<'_>) {
        let range = (connection, FetchKey(0))..=(connection, FetchKey(u64::MAX));
        let keys: Vec<FetchKey> = self.fetch.by_connection.range(range).map(|(_, key)| *key).collect();
        for key in keys {
            let fetch = self.fetch.fetches.remove(&key).expect("a connection knows its fetches");
            self.fetch.by_connection.remove(&(connection, key));
            self.fetch.deadlines.remove(&(fetch.deadline, key));
            if let Some(session) = fetch.session {
                self.fetch.under_way.remove(&session);
            }
            self.drop_subscription(fetch.own, turn);
        }
        for subscription in self.fetch.sessions.close_all(connection) {
            self.drop_subscription(Some(subscription), turn);
        }
    }
}

/// The partitions of a fetch.
fn subscription_of<'a>(
    sessions: &'a mut Sessions,
    session: Option<i32>,
    own: &'a mut Option<Subscription>,
) -> &'a mut Subscription {
    match (session, own) {
        (Some(session), _) => sessions.get_mut(session).expect("a busy session stays"),
        (None, own) => own.as_mut().expect("a fetch without a session has its own"),
    }
}

/// Looks at the active items: what can be read, what is refused. Partitions that were not there
/// before are looked for again; returned are those that are to be watched from now on.
fn survey_of(subscription: &mut Subscription, catalog: &Catalog, looks: &mut u64) -> (Survey, Vec<PartitionId>) {
    let mut survey = Survey::default();
    let mut added = Vec::new();
    for index in subscription.active() {
        *looks += 1;
        added.extend(subscription.resolve(index, catalog));
        let item = subscription.item(index);
        let (wanted, told) = ((item.offset, item.bytes_max), item.told);
        match (item.refusal(), item.partition, item.bounds) {
            (Some(_), ..) | (None, None, _) => survey.refused = true,
            (None, Some(_), None) => {} // Its tail will speak.
            (None, Some(partition), Some(bounds)) if bounds.high_watermark != wanted.0 => {
                survey.readable.push((index, partition, wanted.0, wanted.1));
            }
            (None, Some(_), bounds) if bounds == told => subscription.rest(index),
            _ => {}
        }
    }
    (survey, added)
}

#[cfg(test)]
mod tests;
