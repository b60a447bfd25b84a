//! What a member reads: one position a partition that it was given.

use std::collections::BTreeMap;

use apus_core::ids::Uuid;
use apus_net::wire::schema::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use bytes::Bytes;

use crate::checker::{Place, Promise};
use crate::client::topic::Topic;
use crate::client::{CORRUPT, Desk, Link, NONE, NOT_LEADER, STORAGE, TIMED_OUT, read};

/// From it on, Fetch names topics by their ids.
const BY_ID: i16 = 13;
const WAIT_MS_MAX: u64 = 500;
const BYTES_MAX: i32 = 4_000;

/// A partition that a member was given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holding {
    /// Nothing before the group was asked where to begin.
    pub position: Option<i64>,
    /// What the group was told last, or told last.
    pub committed: Option<i64>,
    /// Since it finishes, it has found nothing more.
    pub is_at_end: bool,
    high_watermark: i64,
}

/// What an answer adds to one partition.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub place: Place,
    pub from: i64,
    pub to: i64,
    pub is_at_end: bool,
}

impl Holding {
    /// It has read what the group does not know of.
    pub fn is_dirty(&self) -> bool {
        self.position.is_some() && self.position != self.committed
    }
}

/// Asks for records of everything; what the answer must keep to.
pub fn ask(
    holdings: &BTreeMap<Place, Holding>,
    topics: &[Topic],
    version: i16,
    link: &mut Link,
    desk: &mut Desk<'_>,
) -> Vec<(Place, Promise)> {
    let mut promises = Vec::new();
    let mut wanted = Vec::new();
    for topic in topics {
        let mut partitions = Vec::new();
        for (place, holding) in holdings.iter().filter(|((name, _), _)| *name == topic.name) {
            promises.push((*place, desk.checker.promise(*place)));
            partitions.push(FetchPartition {
                partition: place.1,
                fetch_offset: holding.position.expect("it was asked for"),
                partition_max_bytes: 1 + desk.rng.below(BYTES_MAX as u64) as i32,
                ..Default::default()
            });
        }
        if !partitions.is_empty() {
            let (name, topic_id) = if version >= BY_ID { ("", topic.id) } else { (topic.name, Uuid::ZERO) };
            wanted.push(FetchTopic { topic: name, topic_id, partitions });
        }
    }
    let request = FetchRequest {
        max_wait_ms: desk.rng.below(WAIT_MS_MAX) as i32,
        min_bytes: 1,
        max_bytes: BYTES_MAX,
        session_id: 0,
        session_epoch: -1,
        topics: wanted,
        ..Default::default()
    };
    link.ask(version, &request, desk);
    promises
}

/// Takes an answer: what it adds, and whether the broker could say all of it.
pub fn take(
    holdings: &mut BTreeMap<Place, Holding>,
    topics: &[Topic],
    frame: &Bytes,
    version: i16,
    promises: &[(Place, Promise)],
    desk: &mut Desk<'_>,
) -> (Vec<Run>, bool) {
    let answer: FetchResponse<'_> = read(frame, version);
    assert!(answer.error_code == NONE, "Fetch answers {}", answer.error_code);
    let (mut runs, mut is_whole) = (Vec::new(), true);
    for answered in &answer.responses {
        let is_it = |topic: &&Topic| {
            if version >= BY_ID { topic.id == answered.topic_id } else { topic.name == answered.topic }
        };
        let topic = topics.iter().find(is_it).expect("an answer for what was asked");
        for partition in &answered.partitions {
            let place = (topic.name, partition.partition_index);
            let (_, promise) = promises.iter().find(|(asked, _)| *asked == place).expect("it was asked for");
            let holding = holdings.get_mut(&place).expect("nothing is given back while it is fetched");
            if partition.error_code != NONE {
                is_whole = false;
                refused(partition.error_code, place, desk);
                continue;
            }
            desk.checker.told(place, partition.high_watermark, holding.high_watermark, *promise);
            holding.high_watermark = partition.high_watermark;
            let from = holding.position.expect("it was asked for");
            let bytes = Bytes::from(partition.records.as_ref().map(|records| records.to_vec()).unwrap_or_default());
            let to = desk.checker.read(place, from, &bytes, partition.high_watermark, *promise);
            holding.position = Some(to);
            runs.push(Run { place, from, to, is_at_end: to == partition.high_watermark });
        }
    }
    (runs, is_whole)
}

fn refused(code: i16, place: Place, desk: &mut Desk<'_>) {
    match code {
        TIMED_OUT | STORAGE | NOT_LEADER => {}
        CORRUPT => desk.damaged(),
        other => panic!("Fetch of {place:?} answers {other}"),
    }
}
