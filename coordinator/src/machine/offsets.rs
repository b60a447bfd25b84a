//! Committed offsets: how far groups have come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::GroupOffset;
use apus_core::catalog::Topic;
use apus_core::error::Refusal;
use apus_core::group_message::{
    CommitOffsets, FetchGroupOffsets, FetchOffsets, ForgetOffsets, OffsetsCommitted, OffsetsFetched,
};
use apus_core::ids::{PartitionId, TopicId};
use apus_core::limits;
use apus_core::turn::Turn;

use super::leader::Leader;
use crate::command::group::OFFSETS_MAX;
use crate::command::{self, Command, Envelope};
use crate::consumers::leave::{is_classic, speaks};
use crate::groups::Moment;
use crate::journal::{Claim, Room};
use crate::ledger::Decision;
use crate::streams::leave;

/// What became of one partition of a commit: decided, or the index of its entry in the command.
type Decided = Result<usize, Refusal>;

impl Leader {
    /// Notes how far a group has come; hands the question back where it must wait for a segment.
    pub(crate) fn commit_offsets(
        &mut self,
        request: CommitOffsets,
        turn: &mut Turn,
    ) -> Result<Result<Vec<OffsetsCommitted>, Refusal>, CommitOffsets> {
        let (rules, wall_ms) = (self.membership.rules, turn.wall.0);
        let moment = Moment { now: turn.now, wall_ms, rng: turn.rng, rules, said: Vec::new() };
        let caller = &request.caller;
        let speaks = speaks(&caller.group_id, &caller.member_id, caller.generation, &self.ledger);
        // As in Kafka: whoever is no member is told that first.
        let speaks = speaks.map(|known| match known {
            Err(Refusal::UnknownMemberId) => known,
            _ if request.knows_epochs || is_classic(&caller.group_id, &caller.member_id, &self.ledger) => known,
            _ => Err(Refusal::UnsupportedVersion),
        });
        let speaks = speaks.or_else(|| self.streamer_commits(&request));
        let allowed = speaks.unwrap_or_else(|| self.membership.groups.commits(caller, &self.ledger, &moment));
        if let Err(refusal) = allowed {
            return Ok(Err(refusal));
        }
        let mut offsets = Vec::new();
        let decided: Vec<Vec<Decided>> =
            request.topics.iter().map(|(topic, partitions)| self.decide(*topic, partitions, &mut offsets)).collect();
        if offsets.is_empty() {
            return Ok(Ok(committed(&request, decided, &[])));
        }
        let count = offsets.len();
        let expire_ms = request.retention_ms.map(|retention_ms| wall_ms.saturating_add(retention_ms));
        let commit = command::CommitOffsets { group: Arc::clone(&request.caller.group_id), expire_ms, offsets };
        let envelope = Envelope::internal(wall_ms, Command::CommitOffsets(commit));
        let mut frame = Vec::new();
        command::encode(&envelope, &mut frame);
        if count > OFFSETS_MAX || frame.len() as u64 > limits::OFFSET_COMMIT_BYTES_MAX {
            return Ok(Ok(committed(&request, decided, &vec![Err(Refusal::InvalidCommitOffsetSize); count])));
        }
        match self.journal.room(frame.len() as u64, None, Claim::Client) {
            Room::Yes => {}
            Room::Soon => return Err(request),
            Room::No => return Ok(Err(Refusal::CoordinatorNotAvailable)),
        }
        let (_, outcome) = self.record(&envelope, frame, None);
        let Decision::OffsetsCommitted(results) = outcome.decision else { unreachable!("a commit ends as one") };
        Ok(Ok(committed(&request, decided, &results)))
    }

    /// Checks what a commit says of one topic; what may be noted is added to the command.
    fn decide(
        &self,
        topic: TopicId,
        partitions: &[(i32, GroupOffset)],
        offsets: &mut Vec<(PartitionId, GroupOffset)>,
    ) -> Vec<Decided> {
        let topic = self.topics.get(&topic);
        let decide = |(index, offset): &(i32, GroupOffset)| {
            let topic = topic.ok_or(Refusal::UnknownTopicOrPartition)?;
            let partition = topic.partition(*index).ok_or(Refusal::UnknownTopicOrPartition)?;
            if offset.metadata.len() > self.membership.rules.metadata_bytes_max {
                return Err(Refusal::OffsetMetadataTooLarge);
            }
            offsets.push((partition, offset.clone()));
            Ok(offsets.len() - 1)
        };
        partitions.iter().map(decide).collect()
    }

    /// Forgets how far a group came in topics that its members do not subscribe to; room was promised. Of what it never
    /// committed there is nothing to forget, and that is no error.
    pub(crate) fn forget_offsets(
        &mut self,
        request: &ForgetOffsets,
        turn: &mut Turn,
    ) -> Result<Vec<OffsetsCommitted>, Refusal> {
        let subscribed = self.membership.groups.forgets(&request.group_id, &self.ledger)?;
        let mut found: BTreeSet<PartitionId> = BTreeSet::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for (id, indexes) in &request.topics {
            let topic = self.topics.get(id);
            let result = match topic {
                None => Err(Refusal::UnknownTopicOrPartition),
                Some(topic) if subscribed.contains(&*topic.name) => Err(Refusal::GroupSubscribedToTopic),
                Some(topic) => {
                    let known = indexes.iter().filter_map(|index| topic.partition(*index));
                    found.extend(known.filter(|one| self.ledger.group_position(&request.group_id, *one).is_some()));
                    Ok(())
                }
            };
            let partitions = indexes.iter().map(|index| (*index, result)).collect();
            topics.push(OffsetsCommitted { topic: *id, partitions });
        }
        let found: Vec<PartitionId> = found.into_iter().collect();
        for partitions in found.chunks(OFFSETS_MAX) {
            let remove =
                Command::RemoveOffsets { group: Arc::clone(&request.group_id), partitions: partitions.to_vec() };
            let removed = self.submit(remove, Claim::Upkeep, turn);
            assert!(removed.is_ok(), "room was promised for all of them");
        }
        Ok(topics)
    }

    /// How far groups have come. A group that does not exist has come nowhere; that is no error.
    pub(crate) fn fetch_offsets(&self, request: &FetchOffsets) -> Vec<Result<Vec<OffsetsFetched>, Refusal>> {
        let fetch = |wanted: &FetchGroupOffsets| {
            if self.ledger.sharers(&wanted.group_id).is_some() {
                return Err(Refusal::GroupIdNotFound);
            }
            if let Some((member, epoch)) = wanted.member.as_ref().filter(|(id, epoch)| !id.is_empty() || *epoch >= 0) {
                let consumer = speaks(&wanted.group_id, member, *epoch, &self.ledger);
                consumer.or_else(|| self.streamer_reads(&wanted.group_id, member, *epoch)).unwrap_or(Ok(()))?;
            }
            Ok(self.fetch_group_offsets(wanted))
        };
        request.groups.iter().map(fetch).collect()
    }

    /// Whether a member of a streams group may commit; nothing where there is no such group with members.
    fn streamer_commits(&self, request: &CommitOffsets) -> Option<Result<(), Refusal>> {
        let caller = &request.caller;
        let group = self.ledger.streams(&caller.group_id).filter(|group| !group.members.is_empty())?;
        let partitions = request.topics.iter().flat_map(|(id, partitions)| {
            let name = self.topics.get(id).map_or("", |topic| &*topic.name);
            partitions.iter().map(move |(index, _)| (name, *index))
        });
        Some(leave::speaks(group, &caller.member_id, caller.generation, partitions))
    }

    /// Whether a member of a streams group may read; nothing where there is no such group with members.
    fn streamer_reads(&self, id: &str, member: &str, epoch: i32) -> Option<Result<(), Refusal>> {
        let group = self.ledger.streams(id).filter(|group| !group.members.is_empty())?;
        Some(leave::speaks(group, member, epoch, std::iter::empty()))
    }

    fn fetch_group_offsets(&self, wanted: &FetchGroupOffsets) -> Vec<OffsetsFetched> {
        let Some(topics) = &wanted.topics else { return self.fetch_all_offsets(&wanted.group_id) };
        let fetch = |(id, indexes): &(TopicId, Vec<i32>)| {
            let topic = self.topics.get(id);
            let position = |index: &i32| {
                let partition = topic.and_then(|topic| topic.partition(*index));
                let position = partition.and_then(|partition| self.ledger.group_position(&wanted.group_id, partition));
                (*index, Ok(position.map(|position| position.offset)))
            };
            let name = topic.map(|topic| Arc::clone(&topic.name)).unwrap_or_default();
            OffsetsFetched { topic: *id, name, partitions: indexes.iter().map(position).collect() }
        };
        topics.iter().map(fetch).collect()
    }

    fn fetch_all_offsets(&self, group: &str) -> Vec<OffsetsFetched> {
        let mut found: BTreeMap<TopicId, OffsetsFetched> = BTreeMap::new();
        for (partition, position) in self.ledger.group_positions(group, PartitionId(0)) {
            let topic = self.ledger.topic_of(partition).and_then(|record| self.topics.get(&record.id));
            let topic = topic.expect("a partition that lives has a topic");
            let empty = || OffsetsFetched { topic: topic.id, name: Arc::clone(&topic.name), partitions: Vec::new() };
            let fetched = found.entry(topic.id).or_insert_with(empty);
            fetched.partitions.push((index_of(topic, partition), Ok(Some(position.offset))));
        }
        found.into_values().collect()
    }
}

/// Kafka's index of a partition: numbers rise with it.
fn index_of(topic: &Topic, partition: PartitionId) -> i32 {
    let index = topic.partitions.binary_search(&partition).expect("the partition is the topic's");
    i32::try_from(index).expect("partitions are bounded")
}

fn committed(
    request: &CommitOffsets,
    decided: Vec<Vec<Decided>>,
    results: &[Result<(), Refusal>],
) -> Vec<OffsetsCommitted> {
    assert!(decided.len() == request.topics.len());
    let mut topics = Vec::with_capacity(decided.len());
    for ((topic, partitions), decided) in request.topics.iter().zip(decided) {
        let partitions = partitions.iter().zip(decided);
        let partitions = partitions.map(|((index, _), decided)| (*index, decided.and_then(|entry| results[entry])));
        topics.push(OffsetsCommitted { topic: *topic, partitions: partitions.collect() });
    }
    topics
}
