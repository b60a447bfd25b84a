//! One core, one partition, by hand.

use std::sync::Arc;

use super::*;
use crate::extent::Home;
use crate::ids::{BrokerId, Incarnation, Lsn, PackId, Writer};
use crate::message::CommitAnswer;
use crate::pack::Pack;
use crate::time::{Instant, Rng, WallTime};
use crate::turn::{Counters, Effect};

const PARTITION: PartitionId = PartitionId(7);
const WATCHER: (CoreId, WatchId) = (CoreId(0), WatchId(1));

fn messages(step: impl FnOnce(&mut Turn<'_>)) -> Vec<Message> {
    let (mut rng, mut count, mut effects) = (Rng::new(1), Counters::default(), Vec::new());
    step(&mut Turn { now: Instant(0), wall: WallTime(0), rng: &mut rng, count: &mut count, effects: &mut effects });
    let message = |effect| match effect {
        Effect::Send { message, .. } => message,
        other => panic!("{other:?}"),
    };
    effects.into_iter().map(message).collect()
}

fn extent(start: i64, end: i64, home: Home) -> Extent {
    Extent { start, end, home, position: 0, bytes: 10, timestamp_max: -1, transactional: false, control: false }
}

fn journal(lsn: u64) -> Home {
    Home::Journal(Lsn(lsn))
}

fn committed(start: i64, end: i64, lsn: u64) -> Committed {
    let acknowledgement = Acknowledgement { ticket: Ticket(9), slot: 0, result: Err(Refusal::RequestTimedOut) };
    Committed {
        lsn: Lsn(lsn),
        home: journal(lsn),
        pack: Arc::new(Pack::default()),
        placed: vec![Placed { partition: PARTITION, extent: extent(start, end, journal(lsn)) }],
        answers: vec![CommitAnswer { partition: PARTITION, core: CoreId(0), acknowledgement }],
    }
}

fn open(tails: &mut Tails, recent: Vec<Extent>) -> Vec<Message> {
    let mut next = 0;
    let asked = messages(|turn| tails.watch(WATCHER, &[PARTITION], &mut next, turn));
    assert!(matches!(asked[..], [Message::Ask { ticket: Ticket(1), ask: Ask::Open(PARTITION), .. }]));
    let high_watermark = recent.last().map_or(0, |last| last.end);
    let bounds = Bounds { log_start_offset: 0, high_watermark };
    messages(|turn| tails.opened(Ticket(1), Ok(Opened { bounds, recent }), turn))
}

fn located(tails: &Tails, offset: i64) -> Message {
    messages(|turn| tails.locate((CoreId(0), Ticket(5)), (PARTITION, offset), 1, turn)).remove(0)
}

#[test]
fn a_watcher_hears_of_new_bytes_before_the_producer_hears_of_its_commit() {
    let mut tails = Tails::new(CoreId(0), 1);
    open(&mut tails, Vec::new());
    let told = messages(|turn| tails.committed(&committed(0, 3, 1), turn));
    let [Message::Advanced(advances), Message::Acknowledged(answers)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(advances[0].bounds, Some(Bounds { log_start_offset: 0, high_watermark: 3 }));
    assert_eq!((advances[0].bytes, answers.len()), (10, 1));
    tails.check();
}

#[test]
fn a_producer_is_answered_by_the_owner_even_where_nobody_watches() {
    let mut tails = Tails::new(CoreId(0), 1);
    let told = messages(|turn| tails.committed(&committed(0, 3, 1), turn));
    assert!(matches!(told[..], [Message::Acknowledged(_)]));
}

#[test]
fn a_commit_that_the_opening_already_held_is_not_counted_twice() {
    let mut tails = Tails::new(CoreId(0), 1);
    open(&mut tails, vec![extent(0, 3, journal(1))]);
    messages(|turn| tails.committed(&committed(0, 3, 1), turn));
    messages(|turn| tails.committed(&committed(3, 4, 2), turn));
    let Message::Answer { answer: Answer::Located(Ok(found)), .. } = located(&tails, 2) else { panic!() };
    assert_eq!((found.extents[0].start, found.bounds.high_watermark), (0, 4));
    tails.check();
}

#[test]
fn the_ledger_is_asked_for_what_is_old_or_beyond_the_end() {
    let mut tails = Tails::new(CoreId(0), 1);
    open(&mut tails, vec![extent(5, 8, journal(1))]);
    for offset in [4, 9] {
        let asked = located(&tails, offset);
        assert!(matches!(asked, Message::Ask { ticket: Ticket(5), ask: Ask::Locate { .. }, .. }), "{asked:?}");
    }
    let Message::Answer { answer: Answer::Located(Ok(found)), .. } = located(&tails, 8) else { panic!() };
    assert!(found.extents.is_empty());
}

#[test]
fn spilled_extents_become_one() {
    let mut tails = Tails::new(CoreId(0), 1);
    open(&mut tails, vec![extent(0, 3, journal(1)), extent(3, 4, journal(2)), extent(4, 9, journal(3))]);
    let pack = PackId { broker: BrokerId(1), incarnation: Incarnation(1), writer: Writer::Spill, number: 0 };
    let placed = vec![Placed { partition: PARTITION, extent: extent(0, 4, Home::Pack(pack)) }];
    let (emptied, home) = (vec![journal(1), journal(2)], Home::Pack(pack));
    tails.rehomed(&Rehomed { lsn: Lsn(9), emptied, home, pack: None, placed });
    let Message::Answer { answer: Answer::Located(Ok(found)), .. } = located(&tails, 3) else { panic!() };
    assert_eq!(found.extents, vec![extent(0, 4, Home::Pack(pack))]);
    tails.check();
}

#[test]
fn a_tail_that_nobody_watches_is_dropped_in_time() {
    let mut tails = Tails::new(CoreId(0), 1);
    let mut next = 0;
    for number in 0..=TAILS_IDLE_MAX as u32 {
        let partition = PartitionId(number);
        messages(|turn| tails.watch(WATCHER, &[partition], &mut next, turn));
        let bounds = Bounds { log_start_offset: 0, high_watermark: 0 };
        messages(|turn| tails.opened(Ticket(next), Ok(Opened { bounds, recent: Vec::new() }), turn));
        tails.unwatch(WATCHER, &[partition]);
    }
    assert_eq!(tails.tails.len(), TAILS_IDLE_MAX);
}
