//! The tests that run seeds: many of them, those that found something once, and those with a bug put in.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::plan::{Kind, Plan, Sabotage};
use crate::world::{Ending, World};

/// Seeds of an ordinary run of the tests.
const SEEDS: u64 = 300;
/// Of these in a journal of a few segments that are soon full.
const ROUND_SEEDS: u64 = 30;
/// Of these with groups.
const GROUP_SEEDS: u64 = 60;
/// A seeded bug must be found within so many seeds; the first that finds it ends the search.
const SABOTAGED_SEEDS: u64 = 300;

fn live(seed: u64, sabotage: Option<Sabotage>, traces: bool) -> Ending {
    World::new(Plan::new(seed, sabotage), traces).run()
}

/// Runs a plan; where it fails, says how to see it again.
fn try_live(plan: Plan) -> Result<Ending, u64> {
    let kind = match plan.kind {
        Kind::Any => "",
        Kind::Round => "APUS_PLAN=round ",
        Kind::Groups => "APUS_PLAN=groups ",
    };
    let seed = plan.seed;
    catch_unwind(AssertUnwindSafe(|| World::new(plan, false).run())).map_err(|_| {
        eprintln!("seed {seed} failed: {kind}APUS_SEED={seed} cargo test --test sim replay -- --nocapture");
        seed
    })
}

/// Runs so many seeds, each with the plan that is made of it.
fn try_all(seeds: u64, plan: impl Fn(u64) -> Plan) -> Vec<Ending> {
    let (endings, failed): (Vec<_>, Vec<_>) = (0..seeds).map(|seed| try_live(plan(seed))).partition(Result::is_ok);
    let failed: Vec<u64> = failed.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} of {seeds} seeds failed: {failed:?}", failed.len());
    endings.into_iter().flatten().collect()
}

/// Some seed finds the bug, and says so in these words.
fn find(sabotage: Sabotage, words: &str) {
    find_in(|seed| Plan::new(seed, Some(sabotage)), words);
}

fn find_in(plan: impl Fn(u64) -> Plan, words: &str) {
    let mut others = BTreeSet::new();
    for seed in 0..SABOTAGED_SEEDS {
        let story = AssertUnwindSafe(|| World::new(plan(seed), false).run());
        let Err(panic) = catch_unwind(story) else { continue };
        let said = panic.downcast::<String>().map_or_else(|_| "nothing".to_owned(), |said| *said);
        if said.contains(words) {
            return;
        }
        others.insert(said);
    }
    panic!("{SABOTAGED_SEEDS} seeds do not say {words:?}, but {others:?}");
}

#[test]
fn every_promise_is_kept() {
    try_all(SEEDS, |seed| Plan::new(seed, None));
}

/// Segments that were removed are used again as they stand.
#[test]
fn every_promise_is_kept_while_the_journal_goes_round() {
    let endings = try_all(ROUND_SEEDS, |seed| Plan::new(seed, None).going_round());
    let used_again = endings.iter().filter(|ending| ending.segments_used_again > 1).count() as u64;
    assert!(used_again > ROUND_SEEDS / 2, "in {used_again} of {ROUND_SEEDS} seeds the journal goes round");
}

/// Groups of both protocols: members pause for longer than their session, die, come back, and the broker crashes.
#[test]
fn every_promise_is_kept_to_groups() {
    try_all(GROUP_SEEDS, |seed| Plan::new(seed, None).with_groups());
}

/// Stories that found something once, by what they found. Where a change of the plan makes another story of a seed, the
/// bug is put in again and the first seed that finds it takes its place.
#[test]
fn a_later_batch_never_overtakes_a_failed_flush() {
    // A producer's flush failed; the next one was taken as its first, and the retry was refused for ever.
    [108, 109, 154].into_iter().for_each(|seed| assert!(live(seed, None, false).acknowledged > 0));
}

#[test]
fn a_look_up_by_time_never_believes_damaged_bytes() {
    // Times of batches were read from the store and taken as they came.
    [22, 59, 66].into_iter().for_each(|seed| assert!(live(seed, None, false).acknowledged > 0));
}

#[test]
fn a_seed_is_one_story() {
    for seed in 0..6 {
        assert_eq!(live(seed, None, false), live(seed, None, false), "seed {seed}");
    }
}

#[test]
fn an_early_acknowledgement_is_found() {
    find(Sabotage::AcknowledgesEarly, "was promised");
}

#[test]
fn a_forgotten_sequence_is_found() {
    find(Sabotage::ForgetsSequences, "a duplicate");
}

#[test]
fn an_answer_that_is_not_durable_is_found() {
    find(Sabotage::AnswersApplied, "was promised");
}

#[test]
fn a_deleted_object_that_is_referred_to_is_found() {
    find(Sabotage::DeletesReferenced, "is not in the store");
}

#[test]
fn an_ignored_checksum_is_found() {
    find(Sabotage::IgnoresChecksums, "holds other records");
}

#[test]
fn an_orphan_that_stays_is_found() {
    find(Sabotage::KeepsOrphans, "nobody refers to");
}

#[test]
fn a_commit_that_a_crash_undoes_is_found() {
    find_in(|seed| Plan::new(seed, Some(Sabotage::AcknowledgesEarly)).with_groups(), "is committed for");
}

#[test]
fn a_stale_commit_that_is_taken_is_found() {
    find_in(|seed| Plan::new(seed, Some(Sabotage::TakesStale)).with_groups(), "under an epoch that is over");
}

/// `APUS_SEED=n cargo test --test sim replay -- --nocapture`; `APUS_PLAN=round` is one whose journal goes round, `groups` one with
/// groups.
#[test]
fn replay() {
    if let Some(seed) = std::env::var("APUS_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let kind = std::env::var("APUS_PLAN").unwrap_or_default();
        println!("{:?}", World::new(Plan::named(seed, &kind), true).run());
    }
}
