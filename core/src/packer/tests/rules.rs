//! The rules, one by one.

use super::world::{Bench, CONFIG, admit, began};
use crate::error::Refusal;
use crate::limits::{INLINE_BYTES_MAX, INLINE_HELD_BYTES_MAX, PACK_BATCHES_MAX, PACK_WINDOW};
use crate::packer::{PackerConfig, PackerEvent, TICKET_BIT};
use crate::time::Instant;
use crate::world::Failure;

const MIB: usize = 1 << 20;

/// A bench with one small upload in flight, so that rule (b) is out of the way.
fn busy() -> Bench {
    let mut bench = Bench::new(CONFIG, false);
    bench.admit(99, 1, 100);
    assert_eq!(bench.puts.len(), 1, "(b): nothing is in flight");
    bench
}

#[test]
fn requests_wait_until_the_ledger_began() {
    let mut bench = Bench::before_began(CONFIG);
    bench.admit(1, 1, 5 * MIB);
    assert!(bench.puts.is_empty() && bench.packer.deadline() == Instant::NEVER);
    bench.step(PackerEvent::Began(began(false)));
    assert_eq!(bench.puts.len(), 1);
    assert!(bench.puts[0].0 & TICKET_BIT != 0);
}

#[test]
fn a_full_pack_leaves_at_once_and_costs_no_token() {
    let mut bench = busy();
    for ticket in 0..6 {
        bench.admit(1, 10 + ticket, 4 * MIB);
    }
    assert_eq!(bench.puts.len(), 7);
    bench.admit(1, 20, 3 * MIB);
    assert_eq!(bench.puts.len(), 7, "below the target, and something is in flight");
}

#[test]
fn a_request_is_never_split_and_more_than_a_pack_is_several() {
    let mut bench = busy();
    bench.steps((0..5).map(|ticket| admit(1, 10 + ticket, 3 * MIB)));
    assert_eq!(bench.puts.len(), 3, "6 MiB, 6 MiB, and 3 MiB that wait");
    assert!(bench.put_bytes[1..].iter().all(|&bytes| bytes as usize > 6 * MIB && (bytes as usize) < 6 * MIB + 200));
}

#[test]
fn what_comes_in_one_drain_leaves_in_one_flush() {
    let mut bench = Bench::new(CONFIG, false);
    bench.steps((0..50).map(|ticket| admit(ticket, ticket, 1000)));
    assert_eq!(bench.puts.len(), 1);
    bench.stored(bench.puts[0]);
    assert_eq!(bench.commits[0].batches.len(), 50);
    let batches = &bench.commits[0].batches;
    assert!(batches.is_sorted_by_key(|batch| (batch.partition, batch.ticket)) && batches[1].position == 1000);
}

#[test]
fn the_end_of_an_upload_lets_the_open_pack_go() {
    let mut bench = busy();
    bench.admit(1, 2, 100);
    assert_eq!(bench.puts.len(), 1);
    bench.stored(bench.puts[0]);
    assert_eq!(bench.puts.len(), 2);
}

#[test]
fn age_lets_the_open_pack_go() {
    let mut bench = busy();
    bench.admit(1, 2, 100);
    bench.pass_ms(24);
    assert_eq!(bench.puts.len(), 1);
    bench.pass_ms(1);
    assert_eq!(bench.puts.len(), 2);
}

#[test]
fn a_connection_at_its_learned_window_is_not_made_to_wait() {
    let mut bench = busy();
    bench.admit(1, 2, 100);
    bench.admit(1, 3, 100);
    bench.pass_ms(25);
    bench.stored(bench.puts[1]);
    assert_eq!(bench.commits.len(), 1);
    bench.resolve(1); // Two requests were outstanding when the answer came: that is the window.
    bench.admit(1, 4, 100);
    assert_eq!(bench.puts.len(), 2, "one of two");
    bench.admit(1, 5, 100);
    assert_eq!(bench.puts.len(), 3, "two of two");
    bench.admit(1, 6, 100);
    bench.admit(2, 7, 100);
    assert_eq!(
        bench.puts.len(),
        4,
        "a connection whose window is unknown holds the others back, as long as the linger"
    );
    bench.pass_ms(25);
    assert_eq!(bench.puts.len(), 5);
}

#[test]
fn without_a_token_a_flush_waits_for_the_next_one() {
    let mut bench = Bench::new(PackerConfig { put_rate_max: 1, ..CONFIG }, false);
    bench.admit(1, 1, 100);
    bench.admit(2, 2, 100);
    bench.pass_ms(998);
    assert_eq!(bench.puts.len(), 1);
    bench.pass_ms(2);
    assert_eq!(bench.puts.len(), 2);
    bench.admit(3, 3, 100);
    bench.step(PackerEvent::Stop);
    assert_eq!(bench.puts.len(), 3, "a stop does not wait for tokens");
}

#[test]
fn a_small_flush_rides_in_the_journal_where_it_may() {
    let mut bench = Bench::new(CONFIG, true);
    bench.admit(1, 1, INLINE_BYTES_MAX as usize);
    assert!(bench.puts.is_empty() && bench.commits[0].stored.is_none());
    bench.admit(2, 2, 100);
    assert_eq!(bench.commits.len(), 1, "an inline flush is in flight until it is durable");
    bench.resolve(0);
    assert_eq!(bench.commits.len(), 2);
    bench.resolve(1);
    bench.admit(1, 3, INLINE_BYTES_MAX as usize + 1);
    assert_eq!((bench.puts.len(), bench.commits.len()), (1, 2));
    bench.stored(bench.puts[0]);
    bench.resolve(2);
    bench.step(PackerEvent::Held { bytes: INLINE_HELD_BYTES_MAX });
    bench.admit(1, 4, 100);
    assert_eq!(bench.puts.len(), 2, "the journal holds enough");
}

#[test]
fn a_commit_waits_for_its_connections_earlier_flushes_and_for_no_others() {
    let mut bench = busy();
    bench.admit(1, 2, 4 * MIB);
    bench.admit(2, 3, 4 * MIB);
    bench.admit(1, 4, 4 * MIB);
    bench.stored(bench.puts[3]);
    assert!(bench.commits.is_empty());
    bench.stored(bench.puts[2]);
    assert_eq!(bench.commits[0].flush, 2);
    bench.stored(bench.puts[1]);
    assert_eq!(bench.commits[1].flush, 1);
    bench.resolve(2);
    assert_eq!(bench.commits.len(), 2);
    bench.resolve(1);
    assert_eq!(bench.commits[2].flush, 3);
}

#[test]
fn a_failed_upload_takes_its_dependants_with_it() {
    for (failure, refusal) in [
        (Failure::Definite("500".into()), Refusal::KafkaStorageError),
        (Failure::Full("disk".into()), Refusal::KafkaStorageError),
        (Failure::Unknown("time-out".into()), Refusal::RequestTimedOut),
    ] {
        let mut bench = busy();
        bench.admit(1, 2, 4 * MIB);
        bench.admit(2, 3, 4 * MIB);
        bench.admit(1, 4, 4 * MIB);
        bench.admit(1, 5, 100);
        bench.admit(2, 6, 100);
        bench.not_stored(bench.puts[1], failure);
        let failed: Vec<u64> = bench.refused.iter().map(|(ticket, ..)| ticket.0).collect();
        assert_eq!(failed, [2, 4, 5]);
        assert!(bench.refused.iter().all(|&(_, _, said)| said == refusal));
        for put in [0, 2, 3, 4] {
            bench.stored(bench.puts[put]);
        }
        let committed: Vec<u64> = bench.commits.iter().map(|commit| commit.batches[0].ticket.0).collect();
        assert_eq!(committed, [1, 3], "the failed dependant's upload came to nothing");
        bench.resolve(0);
        bench.resolve(2);
        assert_eq!(bench.commits[2].batches[0].ticket.0, 6);
        bench.resolve(4);
        assert!(bench.packer.idle());
    }
}

#[test]
fn uploads_are_bounded() {
    let mut bench = Bench::new(CONFIG, false);
    for ticket in 0..9 {
        bench.admit(ticket, ticket, 4 * MIB);
    }
    assert_eq!(bench.puts.len(), 8);
    assert!(bench.packer.deadline() > bench.now);
    bench.pass_ms(100);
    assert!(bench.packer.deadline() == Instant::NEVER, "only an upload's end helps");
    bench.admit(20, 20, 100);
    bench.stored(bench.puts[3]);
    assert_eq!(bench.puts.len(), 9);
}

#[test]
fn pack_numbers_stay_within_the_window_of_the_oldest() {
    let mut bench = Bench::new(PackerConfig { uploads_max: 2, ..CONFIG }, false);
    bench.admit(0, 0, 4 * MIB);
    let mut ticket = 1;
    while bench.puts.len() < PACK_WINDOW as usize {
        bench.admit(ticket, ticket, 4 * MIB);
        let last = *bench.puts.last().expect("an upload");
        bench.stored(last);
        let flush = bench.commits.last().expect("a commit").flush;
        bench.resolve(flush);
        ticket += 1;
    }
    bench.admit(ticket, ticket, 4 * MIB);
    assert_eq!(bench.puts.len(), PACK_WINDOW as usize);
    bench.stored(bench.puts[0]);
    let flush = bench.commits.last().expect("a commit").flush;
    bench.resolve(flush);
    assert_eq!(bench.puts.len(), PACK_WINDOW as usize + 1);
}

/// A request of so many batches of 61 bytes.
fn many(connection: u64, ticket: u64, batches: usize) -> PackerEvent {
    let PackerEvent::Admit(mut admission) = admit(connection, ticket, 61) else { panic!("an admission") };
    admission.batches = vec![admission.batches[0].clone(); batches];
    PackerEvent::Admit(admission)
}

/// Stores every upload and resolves every flush, until nothing is left; so many puts were stored before.
fn finish(bench: &mut Bench, mut stored: usize) {
    let (mut commits, mut flush) = (0, 0);
    while !bench.packer.idle() {
        while stored < bench.puts.len() {
            bench.stored(bench.puts[stored]);
            stored += 1;
        }
        assert!(bench.commits.len() > commits, "nothing moves");
        while commits < bench.commits.len() {
            assert_eq!(bench.commits[commits].flush, flush, "one connection's flushes are in order");
            bench.resolve(flush);
            (commits, flush) = (commits + 1, flush + 1);
        }
    }
}

#[test]
fn a_flush_holds_as_many_batches_as_one_command_may() {
    for inline in [false, true] {
        let mut bench = Bench::new(CONFIG, inline);
        bench.steps((0..4_000).map(|ticket| many(ticket % 7, ticket, 10)));
        finish(&mut bench, 0);
        let sizes: Vec<usize> = bench.commits.iter().map(|commit| commit.batches.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 40_000, "{sizes:?}");
        assert!(sizes.iter().all(|&batches| batches <= PACK_BATCHES_MAX), "{sizes:?}");
    }
}

#[test]
fn a_request_of_more_batches_than_a_flush_may_hold_is_several_and_keeps_its_slots() {
    let mut bench = Bench::new(CONFIG, false);
    bench.step(many(1, 5, 2 * PACK_BATCHES_MAX + 3));
    assert_eq!(bench.puts.len(), 2, "and three batches that wait for company");
    finish(&mut bench, 0);
    let slots: Vec<u32> = bench.commits.iter().flat_map(|commit| &commit.batches).map(|batch| batch.slot).collect();
    assert_eq!(slots, (0..2 * PACK_BATCHES_MAX as u32 + 3).collect::<Vec<_>>());
    bench.step(many(1, 6, 2 * PACK_BATCHES_MAX));
    bench.not_stored(bench.puts[3], Failure::Full("the bucket".into()));
    let mut refused: Vec<u32> = bench.refused.iter().map(|(_, slot, _)| *slot).collect();
    refused.sort_unstable();
    assert_eq!(refused, (0..2 * PACK_BATCHES_MAX as u32).collect::<Vec<_>>(), "all parts, each batch once");
}

#[test]
fn a_throttled_packer_flushes_in_rounds() {
    let mut bench = Bench::new(CONFIG, false);
    bench.step(PackerEvent::Throttle { pause_ms: 500 });
    bench.admit(1, 1, 5 * MIB);
    assert_eq!(bench.puts.len(), 1, "the first round is not held");
    bench.stored(bench.puts[0]);
    bench.resolve(0);
    bench.admit(1, 2, 100);
    bench.admit(2, 3, 9 * MIB);
    bench.pass_ms(499);
    assert_eq!(bench.puts.len(), 1);
    bench.pass_ms(1);
    assert_eq!(bench.puts.len(), 2, "one pack of what came meanwhile");
    bench.admit(1, 4, 9 * MIB);
    bench.pass_ms(10);
    bench.step(PackerEvent::Throttle { pause_ms: 0 });
    assert_eq!(bench.puts.len(), 3, "no pause any more");
    bench.step(PackerEvent::Throttle { pause_ms: 500 });
    bench.stored(bench.puts[1]);
    bench.stored(bench.puts[2]);
    bench.pass_ms(100); // What came before is no stream that goes on.
    bench.admit(3, 5, 100);
    bench.admit(4, 6, 9 * MIB);
    assert_eq!(bench.puts.len(), 4, "a full pack waits as well");
    bench.step(PackerEvent::Stop);
    assert_eq!(bench.puts.len(), 5, "a stop waits for nothing");
}

/// So many milliseconds of 500 KiB each, every request from somebody whose window nobody knows; what is flushed is stored
/// and resolved within its millisecond.
fn stream(bench: &mut Bench, milliseconds: u64) {
    for millisecond in 0..milliseconds {
        bench.admit(millisecond, millisecond, 500 << 10);
        settle(bench);
        bench.pass_ms(1);
    }
}

/// Everything that is in flight ends, and what leaves because of that.
fn settle(bench: &mut Bench) {
    let (mut put, mut commit) = (bench.settled.0, bench.settled.1);
    while put < bench.puts.len() || commit < bench.commits.len() {
        if put < bench.puts.len() {
            bench.stored(bench.puts[put]);
            put += 1;
        } else {
            bench.resolve(bench.commits[commit].flush);
            commit += 1;
        }
    }
    bench.settled = (put, commit);
}

#[test]
fn a_pack_that_is_about_to_be_full_is_waited_for() {
    let mut bench = Bench::new(CONFIG, true);
    stream(&mut bench, 100);
    let packs = bench.puts.len();
    assert!((10..=13).contains(&packs), "50 MB in {packs} packs");
    assert!(bench.commits.len() < packs + 8, "and little beside them: {} flushes", bench.commits.len());
}

#[test]
fn a_stream_that_ends_waits_for_its_linger_at_most() {
    let mut bench = Bench::new(CONFIG, true);
    stream(&mut bench, 50);
    assert!(!bench.packer.idle(), "the last pack waits for more");
    bench.pass_ms(CONFIG.linger_ms_max);
    settle(&mut bench);
    assert!(bench.packer.idle(), "but not for ever");
}
