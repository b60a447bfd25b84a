//! One share partition: which records are whose at the moment, and what acknowledging them comes to.
//!
//! What is done with and how often records were given out is stored in the ledger; here is only who has which, until
//! when. Nothing here changes what is stored: each function says what is to be stored, and once it is, the locks follow
//! ([`Locks::settle`]). A record that is held is `Available` or not named at all in what is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::{Acquired, ShareBatch};
use apus_core::error::{Refusal, Refused};
use apus_core::message::Bounds;
use apus_core::time::Instant;

use crate::command::shares::{Delivery, StoredRun, StoredShare};

/// Kafka's number of a word: it is done with …
const ACCEPT: i8 = 1;
/// … it may be given to another one …
const RELEASE: i8 = 2;
/// … or it is to be had for longer. 0 is a gap, where there is no record, and 3 a record that nobody can use.
pub(crate) const RENEW: i8 = 4;

/// Records that are one member's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lock {
    last: i64,
    member: Arc<str>,
    /// How often they were given out, this time included.
    deliveries: i16,
    until: Instant,
}

/// What acknowledging a run of records came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The run, as it is to be stored; a run whose locks are renewed is not.
    pub(crate) run: StoredRun,
    /// Its locks are renewed.
    pub(crate) renewed: bool,
}

/// By which numbers records are given out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Records under way at most.
    pub(crate) locks_max: i64,
    /// No record that was not given out before.
    pub(crate) only_known: bool,
}

/// Who has which records of one share partition: by first offset, apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Locks {
    held: BTreeMap<i64, Lock>,
}

impl Locks {
    /// Nobody has any.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// When the first record is to be had by others again.
    pub(crate) fn wake_at(&self) -> Instant {
        self.held.values().map(|lock| lock.until).min().unwrap_or(Instant::NEVER)
    }

    /// The first records from an offset on that may be given out: a run that was given out equally often.
    fn free(&self, stored: &StoredShare, from: i64, until: i64) -> Option<Acquired> {
        let mut at = from;
        while at < until {
            if let Some((_, lock)) = self.held.range(..=at).next_back().filter(|(_, lock)| lock.last >= at) {
                at = lock.last + 1;
                continue;
            }
            let end = self.held.range(at..).next().map_or(until, |(first, _)| until.min(*first));
            let (end, deliveries) = match stored.run_at(at) {
                Some(run) if run.first <= at && run.delivery == Delivery::Available => {
                    (end.min(run.last + 1), run.deliveries)
                }
                Some(run) if run.first <= at => {
                    at = run.last + 1;
                    continue;
                }
                next => (next.map_or(end, |run| end.min(run.first)), 0),
            };
            return Some(Acquired { first: at, last: end - 1, deliveries });
        }
        None
    }

    /// The first record that may be given out; nothing where there is none.
    pub(crate) fn first_free(&self, stored: &StoredShare, bounds: Bounds, limits: Limits) -> Option<i64> {
        let from = stored.start.max(bounds.log_start_offset);
        let until = self.until(stored, from, limits).min(bounds.high_watermark);
        self.free(stored, from, until).map(|free| free.first)
    }

    /// Records that may be given out: so many, all below an end; each with how often it will have been.
    pub(crate) fn offer(
        &self,
        stored: &StoredShare,
        bounds: Bounds,
        records_max: i64,
        limits: Limits,
    ) -> Vec<Acquired> {
        let (mut at, mut left) = (stored.start.max(bounds.log_start_offset), records_max);
        let end = self.until(stored, at, limits).min(bounds.high_watermark);
        let mut offered = Vec::new();
        while let Some(free) = self.free(stored, at, end).filter(|_| left > 0) {
            let last = free.last.min(free.first + left - 1);
            left -= last - free.first + 1;
            at = last + 1;
            offered.push(Acquired { first: free.first, last, deliveries: free.deliveries.saturating_add(1) });
        }
        offered
    }

    /// Behind the last record that may be given out, where so many may be under way: those of which anything is known and
    /// that are not done with.
    fn until(&self, stored: &StoredShare, from: i64, limits: Limits) -> i64 {
        let held = self.held.last_key_value().map_or(from, |(_, lock)| lock.last + 1);
        let known = stored.runs.last().map_or(from, |run| run.last + 1).max(held).max(from);
        let under_way = known - from - stored.done(from);
        let more = if limits.only_known { 0 } else { (limits.locks_max - under_way).max(0) };
        known.saturating_add(more)
    }

    /// Records are a member's from now on. They were offered just now.
    pub(crate) fn acquire(&mut self, records: Acquired, member: &Arc<str>, until: Instant) {
        let Acquired { first, last, deliveries } = records;
        assert!(first <= last && deliveries > 0);
        let before = self.held.range(..=last).next_back();
        assert!(before.is_none_or(|(_, lock)| lock.last < first), "a record is given to two members");
        self.held.insert(first, Lock { last, member: Arc::clone(member), deliveries, until });
    }

    /// The locks on records of a run, cut to it.
    fn within(&self, first: i64, last: i64) -> impl Iterator<Item = (i64, i64, &Lock)> {
        let before = self.held.range(..first).next_back().filter(|(_, lock)| lock.last >= first);
        let inside = self.held.range(first..=last.max(first));
        let all = before.into_iter().chain(inside).filter(move |(start, _)| **start <= last);
        all.map(move |(start, lock)| (first.max(*start), last.min(lock.last), lock))
    }

    /// What a member's words about its records come to. What lies before the start is done with already.
    ///
    /// # Errors
    /// INVALID_RECORD_STATE where a record is not the member's.
    pub(crate) fn judge(
        &self,
        start: i64,
        member: &str,
        batches: &[ShareBatch],
        deliveries_max: i16,
    ) -> Result<Vec<Settled>, Refused> {
        let mut settled = Vec::new();
        for batch in batches {
            for (first, last, word) in words(batch) {
                let mut at = first.max(start);
                if at > last {
                    continue;
                }
                for (first, last, lock) in self.within(at, last) {
                    if first != at {
                        break;
                    }
                    if &*lock.member != member {
                        return Err(Refused::new(
                            Refusal::InvalidRecordState,
                            "Member is not the owner of batch record",
                        ));
                    }
                    let run = outcome(first, last, lock.deliveries, word, deliveries_max);
                    settled.push(Settled { run, renewed: word == RENEW });
                    at = last + 1;
                }
                if at <= last {
                    let message = "The batch cannot be acknowledged. The batch is not in the acquired state.";
                    return Err(Refused::new(Refusal::InvalidRecordState, message));
                }
            }
        }
        Ok(settled)
    }

    /// All records of a member, given back.
    pub(crate) fn of_member(&self, member: &str, deliveries_max: i16) -> Vec<Settled> {
        self.given_back(|lock| &*lock.member == member, deliveries_max)
    }

    /// All records whose time is up, taken back.
    pub(crate) fn expired(&self, now: Instant, deliveries_max: i16) -> Vec<Settled> {
        self.given_back(|lock| lock.until <= now, deliveries_max)
    }

    fn given_back(&self, whose: impl Fn(&Lock) -> bool, deliveries_max: i16) -> Vec<Settled> {
        let found = self.held.iter().filter(|(_, lock)| whose(lock));
        let back = found.map(|(first, lock)| outcome(*first, lock.last, lock.deliveries, RELEASE, deliveries_max));
        back.map(|run| Settled { run, renewed: false }).collect()
    }

    /// What was judged is stored: the records are nobody's, or their member's for longer.
    pub(crate) fn settle(&mut self, settled: &[Settled], until: Instant) {
        for Settled { run, renewed } in settled {
            let Some(lock) = self.take(run.first, run.last) else { continue };
            if *renewed {
                self.held.insert(run.first, Lock { last: run.last, until, ..lock });
            }
        }
    }

    /// A member did not get these records after all.
    pub(crate) fn undo(&mut self, member: &str, records: &[Acquired]) {
        for records in records {
            let own: Vec<(i64, i64)> = self
                .within(records.first, records.last)
                .filter(|(.., lock)| &*lock.member == member && lock.deliveries == records.deliveries)
                .map(|(first, last, _)| (first, last))
                .collect();
            own.into_iter().for_each(|(first, last)| drop(self.take(first, last)));
        }
    }

    /// Takes records out of the one lock that they are in.
    fn take(&mut self, first: i64, last: i64) -> Option<Lock> {
        let start = *self.held.range(..=first).next_back().filter(|(_, lock)| lock.last >= last)?.0;
        let lock = self.held.remove(&start)?;
        if start < first {
            self.held.insert(start, Lock { last: first - 1, ..lock.clone() });
        }
        if lock.last > last {
            self.held.insert(last + 1, lock.clone());
        }
        Some(lock)
    }

    /// Panics where two members have one record, or one that is done with.
    pub(crate) fn check(&self, stored: Option<&StoredShare>) {
        let mut end = i64::MIN;
        for (first, lock) in &self.held {
            assert!(*first >= end && *first <= lock.last, "locks lie over each other");
            end = lock.last + 1;
            let done = |run: &&StoredRun| run.delivery != Delivery::Available && run.first <= lock.last;
            let run = stored.and_then(|stored| stored.run_at(*first)).filter(done);
            assert!(run.is_none(), "a record that is done with is somebody's");
        }
    }
}

/// Runs of one word.
fn words(batch: &ShareBatch) -> Vec<(i64, i64, i8)> {
    let ShareBatch { first, last, types } = batch;
    if let [word] = types[..] {
        return vec![(*first, *last, word)];
    }
    let mut runs: Vec<(i64, i64, i8)> = Vec::new();
    for (offset, word) in (*first..=*last).zip(types) {
        match runs.last_mut().filter(|(.., known)| known == word) {
            Some((_, end, _)) => *end = offset,
            None => runs.push((offset, offset, *word)),
        }
    }
    runs
}

fn outcome(first: i64, last: i64, deliveries: i16, word: i8, deliveries_max: i16) -> StoredRun {
    let delivery = match word {
        ACCEPT => Delivery::Acknowledged,
        RELEASE if deliveries < deliveries_max => Delivery::Available,
        RENEW => Delivery::Available,
        _ => Delivery::Archived,
    };
    StoredRun { first, last, delivery, deliveries }
}

/// Kafka's rules of what acknowledgements of one partition must look like.
///
/// # Errors
/// INVALID_REQUEST where they do not.
pub(crate) fn check_batches(batches: &[ShareBatch], may_renew: bool) -> Result<(), Refused> {
    let word_max = if may_renew { RENEW } else { RENEW - 1 };
    let mut behind = -1;
    for batch in batches {
        let count = batch.types.len();
        let whole = batch.last.checked_sub(batch.first).and_then(|more| more.checked_add(1));
        let is_one_each = whole.is_some_and(|whole| usize::try_from(whole) == Ok(count));
        let sound = batch.first > behind
            && batch.first <= batch.last
            && batch.last < i64::MAX
            && (count == 1 || (count > 0 && is_one_each))
            && batch.types.iter().all(|word| (0..=word_max).contains(word));
        if !sound {
            return Err(Refusal::InvalidRequest.into());
        }
        behind = batch.last;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
