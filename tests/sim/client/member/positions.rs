//! How far a member's group came: asked when it is given a partition, and committed as it reads.

use std::collections::BTreeMap;

use apus_core::ids::Uuid;
use apus_core::time::Instant;
use apus_net::wire::schema::group_offsets::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use bytes::Bytes;

use super::{
    Asked, Commit, FENCED_EPOCH, GROUP_NOT_FOUND, ILLEGAL_GENERATION, LOADING, Member, NOT_COORDINATOR, REBALANCE,
    STALE_EPOCH, UNKNOWN_MEMBER,
};
use crate::checker::Place;
use crate::checker::groups::Committing;
use crate::checker::register::NOTHING;
use crate::client::topic::Topic;
use crate::client::{Desk, Link, NO_COORDINATOR, NONE, STORAGE, TIMED_OUT, read};

/// From it on, OffsetFetch asks of several groups, and the next one says by whom.
const GROUPS: i16 = 8;
const BY_MEMBER: i16 = 9;

/// The answer says nothing of what became of the question.
fn is_unknown(code: i16) -> bool {
    matches!(code, TIMED_OUT | STORAGE | NO_COORDINATOR | LOADING | NOT_COORDINATOR)
}

/// By topic, in order.
fn by_topic<T>(places: impl Iterator<Item = (Place, T)>) -> BTreeMap<&'static str, Vec<(i32, T)>> {
    let mut topics: BTreeMap<&'static str, Vec<(i32, T)>> = BTreeMap::new();
    places.for_each(|((topic, index), more)| topics.entry(topic).or_default().push((index, more)));
    topics
}

impl Member {
    /// Asks where to begin.
    pub(super) fn ask_offsets(&self, link: &mut Link, desk: &mut Desk<'_>) -> Asked {
        let unplaced = self.holdings.iter().filter(|(_, holding)| holding.position.is_none());
        let topics = by_topic(unplaced.map(|(place, _)| (*place, ())));
        let indexes = |partitions: &Vec<(i32, ())>| partitions.iter().map(|(index, ())| *index).collect::<Vec<i32>>();
        let mut request = OffsetFetchRequest { require_stable: true, ..Default::default() };
        if self.versions.offsets >= GROUPS {
            let topic = |(name, partitions): (&&'static str, &Vec<(i32, ())>)| OffsetFetchRequestTopics {
                name,
                topic_id: Uuid::ZERO,
                partition_indexes: indexes(partitions),
            };
            let speaks = !self.seat.is_classic() && self.versions.offsets >= BY_MEMBER;
            request.groups = vec![OffsetFetchRequestGroup {
                group_id: self.group,
                member_id: speaks.then_some(self.seat.id()),
                member_epoch: if speaks { self.seat.epoch() } else { -1 },
                topics: Some(topics.iter().map(topic).collect()),
            }];
        } else {
            let topic = |(name, partitions): (&&'static str, &Vec<(i32, ())>)| OffsetFetchRequestTopic {
                name,
                partition_indexes: indexes(partitions),
            };
            (request.group_id, request.topics) = (self.group, Some(topics.iter().map(topic).collect()));
        }
        let begun = desk.checker.groups.asks(self.group);
        link.ask(self.versions.offsets, &request, desk);
        Asked::Offsets(begun)
    }

    pub(super) fn found(&mut self, topics: &[Topic], frame: &Bytes, version: i16, begun: u64, desk: &mut Desk<'_>) {
        let answer: OffsetFetchResponse<'_> = read(frame, version);
        let group = answer.groups.first();
        let code = group.map_or(answer.error_code, |group| group.error_code);
        let of_group = group.into_iter().flat_map(|group| &group.topics).flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|found| (topic.name, found.partition_index, found.committed_offset, found.error_code))
        });
        let alone = answer.topics.iter().flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|found| (topic.name, found.partition_index, found.committed_offset, found.error_code))
        });
        let found: Vec<_> = of_group.chain(alone).collect();
        match code {
            NONE => {}
            UNKNOWN_MEMBER => return self.lose(desk),
            STALE_EPOCH => return self.seat.doubt(),
            code if is_unknown(code) => return self.later(desk),
            other => panic!("OffsetFetch of {} answers {other}", self.group),
        }
        for (name, index, offset, code) in found {
            let topic = topics.iter().find(|topic| topic.name == name).expect("it was asked for");
            let place = (topic.name, index);
            assert!(code == NONE, "OffsetFetch of {} answers {code} for {place:?}", self.group);
            desk.checker.groups.found(self.group, place, offset, begun);
            let Some(holding) = self.holdings.get_mut(&place) else { continue };
            holding.committed = Some(offset).filter(|offset| *offset != NOTHING);
            holding.position = Some(offset.max(0));
        }
    }

    /// Commits these; where it is stale, under the epoch before its own.
    pub(super) fn commit(
        &self,
        offsets: Vec<(Place, i64)>,
        is_stale: bool,
        link: &mut Link,
        desk: &mut Desk<'_>,
    ) -> Asked {
        let epoch = self.seat.epoch() - i32::from(is_stale);
        // A broker that takes what is stale.
        let said = if desk.takes_stale { self.seat.epoch() } else { epoch };
        let (group, name) = (self.group, self.name);
        let writes: Vec<_> = offsets
            .iter()
            .map(|(place, offset)| (desk.checker.groups.commits(group, name, epoch, *place, *offset), *place, *offset))
            .collect();
        let topics = by_topic(offsets.into_iter());
        let partition = |(partition_index, committed_offset): &(i32, i64)| OffsetCommitRequestPartition {
            partition_index: *partition_index,
            committed_offset: *committed_offset,
            committed_leader_epoch: -1,
            committed_metadata: None,
        };
        let topic = |(name, partitions): (&&'static str, &Vec<(i32, i64)>)| OffsetCommitRequestTopic {
            name,
            topic_id: Uuid::ZERO,
            partitions: partitions.iter().map(partition).collect(),
        };
        let request = OffsetCommitRequest {
            group_id: group,
            generation_id_or_member_epoch: said,
            member_id: self.seat.id(),
            group_instance_id: None,
            retention_time_ms: -1,
            topics: topics.iter().map(topic).collect(),
        };
        link.ask(self.versions.commit, &request, desk);
        Asked::Commit(Commit { writes, is_stale })
    }

    pub(super) fn committed(
        &mut self,
        commit: Commit,
        frame: &Bytes,
        version: i16,
        asked_at: Instant,
        desk: &mut Desk<'_>,
    ) {
        let answer: OffsetCommitResponse<'_> = read(frame, version);
        let codes = answer.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| (topic.name, partition.partition_index, partition.error_code))
        });
        let codes: Vec<_> = codes.collect();
        assert!(codes.len() == commit.writes.len(), "{} answers for {:?}", codes.len(), commit.writes);
        let mut worst = NONE;
        for (name, index, code) in codes {
            let is_it = |(_, place, _): &&(Committing, Place, i64)| *place == (name, index);
            let (write, place, offset) = commit.writes.iter().find(is_it).copied().expect("it was committed");
            if code == NONE {
                desk.checker.groups.committed(self.group, self.name, write);
                if let Some(holding) = self.holdings.get_mut(&place) {
                    holding.committed = Some(offset);
                }
            } else if !is_unknown(code) {
                desk.checker.groups.refused(self.group, write);
            }
            worst = if code == NONE { worst } else { code };
        }
        match worst {
            _ if commit.is_stale && !is_unknown(worst) => {}
            // In the consumer protocol only heartbeats are heard.
            NONE if self.seat.is_classic() => desk.checker.groups.heard(self.group, self.name, asked_at),
            NONE => {}
            ILLEGAL_GENERATION | UNKNOWN_MEMBER | GROUP_NOT_FOUND | FENCED_EPOCH => self.lose(desk),
            REBALANCE => self.seat.call(),
            STALE_EPOCH => self.seat.doubt(),
            code if is_unknown(code) => self.later(desk),
            other => panic!("OffsetCommit of {} answers {other}", self.group),
        }
    }
}
