//! One share partition against a model that knows each record by itself.

use std::collections::BTreeMap;

use apus_core::ids::PartitionId;
use proptest::prelude::*;

use super::*;
use crate::command::shares::ShareChange;

const DELIVERIES_MAX: i16 = 3;
const LOCK_MS: u64 = 100;
const LIMITS: Limits = Limits { locks_max: 12, only_known: false };

/// One record, as the model knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Record {
    deliveries: i16,
    /// Done with: acknowledged, or given up.
    done: Option<Delivery>,
    holder: Option<(&'static str, u64)>,
}

#[derive(Clone, Debug)]
enum Step {
    Produce(i64),
    Trim(i64),
    Acquire(&'static str, i64),
    Acknowledge(&'static str, i64, Vec<i8>),
    Release(&'static str),
    Undo(&'static str),
    Pass(u64),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = || prop_oneof![Just("a"), Just("b"), Just("c")];
    let step = prop_oneof![
        3 => (1_i64..8).prop_map(Step::Produce),
        1 => (1_i64..5).prop_map(Step::Trim),
        8 => (member(), 1_i64..9).prop_map(|(member, count)| Step::Acquire(member, count)),
        8 => (member(), 0_i64..6, prop::collection::vec(0_i8..=4, 1..6))
            .prop_map(|(member, skip, types)| Step::Acknowledge(member, skip, types)),
        1 => member().prop_map(Step::Release),
        1 => member().prop_map(Step::Undo),
        2 => (1_u64..80).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

#[derive(Debug, Default)]
struct Bench {
    stored: StoredShare,
    locks: Locks,
    records: BTreeMap<i64, Record>,
    log_start: i64,
    end: i64,
    now_ms: u64,
    last: BTreeMap<&'static str, Vec<Acquired>>,
}

impl Bench {
    fn bounds(&self) -> Bounds {
        Bounds { log_start_offset: self.log_start, high_watermark: self.end }
    }

    fn start(&self) -> i64 {
        self.stored.start.max(self.log_start)
    }

    fn store(&mut self, settled: &[Settled]) {
        let runs: Vec<StoredRun> = settled.iter().filter(|one| !one.renewed).map(|one| one.run).collect();
        if !runs.is_empty() {
            let change = ShareChange { partition: PartitionId(0), whole: false, start: self.start(), runs };
            self.stored = self.stored.changed(&change);
        }
        self.locks.settle(settled, Instant(0).after_ms(self.now_ms + LOCK_MS));
    }

    fn word(&mut self, offset: i64, word: i8) {
        let until = self.now_ms + LOCK_MS;
        let Some(record) = self.records.get_mut(&offset) else { return };
        match word {
            1 => record.done = Some(Delivery::Acknowledged),
            2 if record.deliveries < DELIVERIES_MAX => {}
            4 => {
                let holder = record.holder.expect("it was judged").0;
                return record.holder = Some((holder, until));
            }
            _ => record.done = Some(Delivery::Archived),
        }
        record.holder = None;
    }

    fn give_back(&mut self, whose: impl Fn(&str, u64) -> bool) {
        let own = |record: &Record| record.holder.is_some_and(|(member, until)| whose(member, until));
        let offsets: Vec<i64> = self.records.iter().filter(|(_, one)| own(one)).map(|(offset, _)| *offset).collect();
        offsets.into_iter().for_each(|offset| self.word(offset, 2));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Produce(count) => {
                for offset in self.end..self.end + count {
                    self.records.insert(offset, Record::default());
                }
                self.end += count;
            }
            Step::Trim(count) => {
                self.log_start = (self.log_start + count).min(self.end);
                self.records = self.records.split_off(&self.log_start);
            }
            Step::Acquire(member, count) => self.acquire(member, *count),
            Step::Acknowledge(member, skip, types) => self.acknowledge(member, *skip, types),
            Step::Release(member) => {
                let settled = self.locks.of_member(member, DELIVERIES_MAX);
                self.store(&settled);
                self.give_back(|holder, _| holder == *member);
            }
            Step::Undo(member) => {
                let records = self.last.remove(member).unwrap_or_default();
                // What was renewed, acknowledged or lost since is not undone.
                self.locks.undo(member, &records);
                for one in records {
                    for (_, record) in self.records.range_mut(one.first..=one.last) {
                        if record.holder.is_some_and(|(holder, _)| holder == *member)
                            && record.deliveries == one.deliveries
                        {
                            (record.holder, record.deliveries) = (None, record.deliveries - 1);
                        }
                    }
                }
            }
            Step::Pass(more_ms) => {
                self.now_ms += more_ms;
                let settled = self.locks.expired(Instant(0).after_ms(self.now_ms), DELIVERIES_MAX);
                self.store(&settled);
                let now_ms = self.now_ms;
                self.give_back(|_, until| until <= now_ms);
            }
            Step::Restart => {
                self.locks = Locks::default();
                for record in self.records.values_mut().filter(|record| record.holder.is_some()) {
                    (record.holder, record.deliveries) = (None, record.deliveries - 1);
                }
            }
        }
    }

    fn acquire(&mut self, member: &'static str, count: i64) {
        let offered = self.locks.offer(&self.stored, self.bounds(), count, LIMITS);
        let first = self.locks.first_free(&self.stored, self.bounds(), LIMITS);
        assert_eq!(first, offered.first().map(|one| one.first));
        let until_ms = self.now_ms + LOCK_MS;
        let mut taken = 0;
        for one in &offered {
            for offset in one.first..=one.last {
                let record = self.records.get_mut(&offset).expect("only records that are there are offered");
                assert!(record.done.is_none() && record.holder.is_none(), "{offset} is not free: {record:?}");
                record.deliveries += 1;
                assert_eq!(record.deliveries, one.deliveries);
                assert!(record.deliveries <= DELIVERIES_MAX);
                record.holder = Some((member, until_ms));
                taken += 1;
            }
            self.locks.acquire(*one, &Arc::from(member), Instant(0).after_ms(until_ms));
        }
        assert!(taken <= count);
        // Nothing that is known and free is kept back while there is room in the answer.
        if taken < count {
            let free = self.records.values().filter(|one| one.done.is_none() && one.holder.is_none());
            assert!(free.clone().all(|one| one.deliveries == 0), "a record that came back was passed over");
            let under_way = self.records.values().filter(|one| one.done.is_none()).count() - free.count();
            let fresh = self.records.values().any(|one| *one == Record::default());
            assert!(!fresh || under_way as i64 >= LIMITS.locks_max, "{under_way} are under way, and more would do");
        }
        self.last.insert(member, offered);
    }

    fn acknowledge(&mut self, member: &'static str, skip: i64, types: &[i8]) {
        let first = self.start() + skip;
        let batch = ShareBatch { first, last: first + types.len() as i64 - 1, types: types.to_vec() };
        check_batches(std::slice::from_ref(&batch), true).expect("it is well formed");
        let own = |offset: &i64| {
            self.records.get(offset).is_some_and(|record| record.holder.is_some_and(|(holder, _)| holder == member))
        };
        let allowed = (batch.first..=batch.last).all(|offset| own(&offset));
        let judged = self.locks.judge(self.start(), member, std::slice::from_ref(&batch), DELIVERIES_MAX);
        assert_eq!(judged.is_ok(), allowed, "{judged:?}");
        if let Ok(settled) = judged {
            self.store(&settled);
            (batch.first..=batch.last).zip(types).for_each(|(offset, word)| self.word(offset, *word));
        }
    }

    fn check(&self) {
        assert!(self.stored.is_sound(), "{:?}", self.stored);
        self.locks.check(Some(&self.stored));
        for (offset, record) in &self.records {
            let run = self.stored.run_at(*offset).filter(|run| run.first <= *offset);
            let done = match run {
                Some(run) => Some(run.delivery).filter(|delivery| *delivery != Delivery::Available),
                None => record.done.filter(|_| *offset < self.stored.start),
            };
            assert_eq!(done, record.done, "{offset}: {run:?}");
        }
    }
}

proptest! {
    #[test]
    fn a_record_is_one_members_at_a_time_and_ends_acknowledged_or_given_up(steps in steps()) {
        let mut bench = Bench::default();
        for step in &steps {
            bench.step(step);
            bench.check();
        }
        bench.step(&Step::Pass(LOCK_MS));
        // Whoever comes now takes everything: at the latest when records are given up, all are done with.
        for _ in 0..1_000 {
            if bench.records.values().all(|record| record.done.is_some()) {
                break;
            }
            bench.step(&Step::Acquire("d", 5));
            bench.step(&Step::Pass(LOCK_MS));
            bench.check();
        }
        prop_assert!(bench.records.values().all(|record| record.done.is_some()));
        prop_assert!(bench.locks.is_empty() && bench.start() == bench.end.max(bench.stored.start));
    }
}

#[test]
fn acknowledgements_are_checked_before_they_are_judged() {
    let batch = |first, last, types: &[i8]| ShareBatch { first, last, types: types.to_vec() };
    for sound in [vec![], vec![batch(0, 9, &[1]), batch(10, 11, &[0, 3])], vec![batch(5, 5, &[2])]] {
        assert_eq!(check_batches(&sound, false), Ok(()));
    }
    for wrong in [
        vec![batch(1, 0, &[1])],
        vec![batch(0, 1, &[])],
        vec![batch(0, 1, &[1, 1, 1])],
        vec![batch(0, 1, &[4])],
        vec![batch(0, 1, &[-1])],
        vec![batch(0, 1, &[1]), batch(1, 2, &[1])],
        vec![batch(-1, 1, &[1])],
        vec![batch(0, i64::MAX, &[1])],
    ] {
        assert_eq!(check_batches(&wrong, false).map_err(|why| why.refusal), Err(Refusal::InvalidRequest), "{wrong:?}");
    }
    assert_eq!(check_batches(&[batch(0, 1, &[4])], true), Ok(()));
}
