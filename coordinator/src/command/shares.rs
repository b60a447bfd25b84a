//! What is durable of a share partition: where it begins, and which records behind that are done with or were given out.
//!
//! Locks are not: a record that was given out and not acknowledged stands here as it was before, and is given out again
//! after a start.

use std::sync::Arc;

use apus_core::ids::PartitionId;

/// What a run takes in a command: 19 bytes, and the archive's padding and room.
const BATCH_BYTES: u64 = 24;

/// What a share partition takes beside them.
const HEAD_BYTES: u64 = 64;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// It may be given out.
    Available,
    /// A member is done with it.
    Acknowledged,
    /// It is given up.
    Archived,
}

impl Delivery {
    /// All of them, with Kafka's numbers.
    const ALL: [(Delivery, u8); 3] = [(Delivery::Available, 0), (Delivery::Acknowledged, 2), (Delivery::Archived, 4)];

    /// Kafka's number of it.
    #[must_use]
    pub fn number(self) -> u8 {
        Delivery::ALL.into_iter().find(|(delivery, _)| *delivery == self).map_or(0, |(_, number)| number)
    }

    /// The one of this number.
    #[must_use]
    pub fn of(number: u8) -> Option<Delivery> {
        Delivery::ALL.into_iter().find(|(_, known)| *known == number).map(|(delivery, _)| delivery)
    }
}

/// Records that stand alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
    /// Where they stand.
    pub delivery: Delivery,
    /// How often they were given out.
    pub deliveries: i16,
}

/// A share partition. Records that no run names may be given out for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredShare {
    /// How often it was set to an offset.
    pub epoch: i32,
    /// All records before this are done with.
    pub start: i64,
    /// Runs behind it: ascending, apart, neighbours never alike, the first not done with where it begins at the start.
    pub runs: Vec<StoredRun>,
}

/// What changed in one share partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareChange {
    /// Which.
    pub partition: PartitionId,
    /// It is set to this start: whatever stood of it is forgotten. Otherwise the start only rises.
    pub whole: bool,
    /// See [`StoredShare`].
    pub start: i64,
    /// Where these records stand now.
    pub runs: Vec<StoredRun>,
}

/// What changed in partitions of a share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeShares {
    /// The group.
    pub group: Arc<str>,
    /// In the order in which they are applied.
    pub changes: Vec<ShareChange>,
}

impl StoredShare {
    /// The share partition behind a change.
    #[must_use]
    pub fn changed(&self, change: &ShareChange) -> StoredShare {
        let mut after = if change.whole {
            StoredShare { epoch: self.epoch.saturating_add(1), start: change.start, runs: Vec::new() }
        } else {
            StoredShare { start: self.start.max(change.start), ..self.clone() }
        };
        change.runs.iter().for_each(|run| overlay(&mut after.runs, *run));
        after.settle();
        after
    }

    /// Drops what lies before the start, moves it over what is done with, and joins neighbours that are alike.
    fn settle(&mut self) {
        let mut start = self.start;
        let mut settled: Vec<StoredRun> = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let run = StoredRun { first: run.first.max(start), ..*run };
            let untouched = run.delivery == Delivery::Available && run.deliveries == 0;
            if run.first > run.last || untouched {
                continue;
            } else if run.first == start && run.delivery != Delivery::Available {
                start = run.last + 1;
                continue;
            }
            match settled.last_mut().filter(|last| last.joins(&run)) {
                Some(last) => last.last = run.last,
                None => settled.push(run),
            }
        }
        (self.start, self.runs) = (start, settled);
    }

    /// The first run that ends at or behind an offset.
    #[must_use]
    pub fn run_at(&self, offset: i64) -> Option<&StoredRun> {
        self.runs.get(self.runs.partition_point(|run| run.last < offset))
    }

    /// Records behind this offset that are done with.
    #[must_use]
    pub fn done(&self, from: i64) -> i64 {
        let done = self.runs.iter().filter(|run| run.delivery != Delivery::Available && run.last >= from);
        done.map(|run| run.last - run.first.max(from) + 1).sum()
    }

    /// True where nothing in it contradicts the rest.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let ends = |run: &StoredRun| run.first <= run.last && run.last < i64::MAX && run.deliveries >= 0;
        self.start >= 0
            && self.epoch >= 0
            && self.runs.iter().all(|run| run.first >= self.start && ends(run))
            && self.runs.windows(2).all(|pair| pair[0].last < pair[1].first && !pair[0].joins(&pair[1]))
            && self.runs.first().is_none_or(|run| run.first > self.start || run.delivery == Delivery::Available)
    }
}

impl StoredRun {
    /// True where another one goes on as this one ends.
    fn joins(&self, next: &StoredRun) -> bool {
        self.last + 1 == next.first && self.delivery == next.delivery && self.deliveries == next.deliveries
    }
}

/// Puts a run over those that stand where it does.
fn overlay(runs: &mut Vec<StoredRun>, run: StoredRun) {
    let from = runs.partition_point(|one| one.last < run.first);
    let until = runs.partition_point(|one| one.first <= run.last);
    let head = runs[from..until].first().filter(|one| one.first < run.first);
    let tail = runs[from..until].last().filter(|one| one.last > run.last);
    let head = head.map(|one| StoredRun { last: run.first - 1, ..*one });
    let tail = tail.map(|one| StoredRun { first: run.last + 1, ..*one });
    runs.splice(from..until, head.into_iter().chain([run]).chain(tail));
}

impl ShareChange {
    /// True where it could be applied to anything.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_run =
            |run: &StoredRun| (0..=run.last).contains(&run.first) && run.last < i64::MAX && run.deliveries >= 0;
        self.start >= 0 && self.runs.iter().all(is_run)
    }

    /// What it takes at most in a command.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        HEAD_BYTES + BATCH_BYTES * self.runs.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: i64, last: i64, delivery: Delivery, deliveries: i16) -> StoredRun {
        StoredRun { first, last, delivery, deliveries }
    }

    fn changed(share: &StoredShare, start: i64, runs: &[StoredRun]) -> StoredShare {
        let change = ShareChange { partition: PartitionId(1), whole: false, start, runs: runs.to_vec() };
        let after = share.changed(&change);
        assert!(after.is_sound(), "{after:?}");
        after
    }

    #[test]
    fn runs_are_laid_over_each_other_and_the_start_moves_on() {
        use Delivery::{Acknowledged, Archived, Available};
        let share = changed(&StoredShare::default(), 0, &[run(2, 9, Acknowledged, 1)]);
        assert_eq!((share.start, &share.runs[..]), (0, &[run(2, 9, Acknowledged, 1)][..]));
        let share = changed(&share, 0, &[run(4, 5, Available, 2)]);
        let apart = [run(2, 3, Acknowledged, 1), run(4, 5, Available, 2), run(6, 9, Acknowledged, 1)];
        assert_eq!((share.done(0), &share.runs[..]), (6, &apart[..]));
        let share = changed(&share, 0, &[run(0, 1, Archived, 5)]);
        assert_eq!((share.start, share.runs.len()), (4, 2));
        let share = changed(&share, 0, &[run(4, 5, Acknowledged, 3)]);
        assert_eq!(share, StoredShare { epoch: 0, start: 10, runs: Vec::new() });
        let share = changed(&share, 12, &[run(11, 13, Available, 1), run(13, 14, Available, 1)]);
        assert_eq!((share.start, &share.runs[..]), (12, &[run(12, 14, Available, 1)][..]));
        let whole = ShareChange { partition: PartitionId(1), whole: true, start: 3, runs: Vec::new() };
        assert_eq!(share.changed(&whole), StoredShare { epoch: 1, start: 3, runs: Vec::new() });
    }
}
