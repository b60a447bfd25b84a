//! What a fetch of many partitions costs, in looks at them.

use super::*;
use crate::api::{FetchPartition, FetchTopic, TopicRef};
use crate::counters::Counters;
use crate::front::partitions::tests::front;
use crate::message::Bounds;
use crate::time::{Rng, WallTime};
use crate::turn::Effect;

const PARTITIONS: u32 = 1_000;
const ID: RequestId = RequestId { connection: ConnectionId(1), slot: 0 };
const EMPTY: Bounds = Bounds { log_start_offset: 0, high_watermark: 0 };

fn request(session: (i32, i32), partitions: &[i32]) -> FetchRequest {
    let asked = |index: &i32| FetchPartition {
        index: *index,
        offset: 0,
        bytes_max: 1 << 20,
        leader_epoch: -1,
        last_fetched_epoch: -1,
    };
    let topic = FetchTopic { topic: TopicRef::Name("a".into()), partitions: partitions.iter().map(asked).collect() };
    FetchRequest {
        wait_ms_max: 500,
        bytes_min: 1,
        bytes_max: 1 << 20,
        committed_only: false,
        session_id: session.0,
        session_epoch: session.1,
        topics: if partitions.is_empty() { Vec::new() } else { vec![topic] },
        forgotten: Vec::new(),
        zstd: true,
        rack: "".into(),
    }
}

#[test]
fn tails_speak_one_by_one_and_each_partition_is_looked_at_a_few_times() {
    let mut front = front(&[("a", PARTITIONS)]);
    let (mut rng, mut count, mut effects) = (Rng::new(1), Counters::default(), Vec::new());
    let mut at = |front: &mut Front, now: u64, act: &mut dyn FnMut(&mut Front, &mut Turn<'_>)| {
        let now = Instant(0).after_ms(now);
        act(front, &mut Turn { now, wall: WallTime(0), rng: &mut rng, count: &mut count, effects: &mut effects });
        (count.fetch_looks, std::mem::take(&mut effects))
    };
    let all: Vec<i32> = (0..PARTITIONS as i32).collect();
    let (_, effects) = at(&mut front, 0, &mut |front, turn| front.fetch(ID, request((0, 0), &all), turn));
    let watch = effects.iter().find_map(|effect| match effect {
        Effect::Send { message: Message::Watch { watch, .. }, .. } => Some(*watch),
        _ => None,
    });
    let watch = watch.expect("the partitions are watched");
    let advance = |partition, bounds, bytes| Advance { watch, partition: PartitionId(partition), bounds, bytes };
    let mut looks = 0;
    for partition in 0..PARTITIONS {
        let word = [advance(partition, Some(EMPTY), 0)];
        (looks, _) = at(&mut front, 1, &mut |front, turn| front.fetch_advanced(&word, turn));
        front.fetch.check();
    }
    assert!(looks <= 2 * u64::from(PARTITIONS), "{looks} looks at {PARTITIONS} partitions");
    let (_, _) = at(&mut front, 501, &mut |front, turn| front.fetch_expire(turn));
    let Some((_, Response::Fetch(FetchResponse { session_id, topics, .. }))) = front.answers.pop() else {
        panic!("its time is up")
    };
    assert_eq!(topics[0].partitions.len(), PARTITIONS as usize, "the first answer tells all");

    // From then on a wake costs what moved, and not what is watched.
    let (before, _) = at(&mut front, 502, &mut |front, turn| front.fetch(ID, request((session_id, 1), &[]), turn));
    let moved = [advance(7, Some(Bounds { high_watermark: 1, ..EMPTY }), 100)];
    let (after, effects) = at(&mut front, 503, &mut |front, turn| front.fetch_advanced(&moved, turn));
    assert!(after - before <= 1, "{} looks for one partition that moved", after - before);
    let located = |effect: &Effect| matches!(effect, Effect::Send { message: Message::Locate { .. }, .. });
    assert_eq!(effects.iter().filter(|effect| located(effect)).count(), 1);
}
