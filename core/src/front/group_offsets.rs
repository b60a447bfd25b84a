//! OffsetCommit, OffsetFetch and OffsetDelete: topics are resolved here, so that the coordinator hears of ids only; its answers are
//! put back to the names or ids, and into the order, of the request.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::groups::Waiting;
use super::{Front, RequestId};
use crate::api::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommittedTopic, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchGroup, OffsetFetchRequest, OffsetFetchResponse, OffsetFetchedGroup, OffsetFetchedTopic, Response,
    TopicRef,
};
use crate::catalog::unknown;
use crate::error::Refusal;
use crate::group_message::{
    CommitOffsets, FetchGroupOffsets, FetchOffsets, ForgetOffsets, GroupAsk, OffsetsCommitted, OffsetsFetched,
};
use crate::turn::Turn;

/// An OffsetCommit under way: its answer, in which each partition that is not refused waits for the coordinator's word.
#[derive(Debug)]
pub(super) struct Committing {
    response: OffsetCommitResponse,
}

/// An OffsetFetch under way.
#[derive(Debug)]
pub(super) struct Fetching {
    by_id: bool,
    groups: Vec<FetchingGroup>,
}

#[derive(Debug)]
struct FetchingGroup {
    /// Its answer; a partition that nobody was asked of stands as it will be told.
    answer: OffsetFetchedGroup,
    /// The topics that the coordinator was asked of, as indexes into the answer's; nothing: all that it knows.
    asked: Option<Vec<usize>>,
}

impl Front {
    pub(super) fn offset_commit(&mut self, id: RequestId, request: OffsetCommitRequest, turn: &mut Turn<'_>) {
        let mut asked = Vec::new();
        let mut answered = Vec::with_capacity(request.topics.len());
        for asking in request.topics {
            let found = self.catalog.find(&asking.topic);
            let mut known = Vec::new();
            let mut partitions = Vec::with_capacity(asking.partitions.len());
            for (index, offset) in asking.partitions {
                let result = match found {
                    None => Err(unknown(&asking.topic)),
                    Some(topic) if topic.partition(index).is_none() => Err(Refusal::UnknownTopicOrPartition),
                    Some(_) => {
                        known.push((index, offset));
                        Ok(())
                    }
                };
                partitions.push((index, result));
            }
            if let Some(topic) = found.filter(|_| !known.is_empty()) {
                asked.push((topic.id, known));
            }
            answered.push(OffsetCommittedTopic { topic: asking.topic, partitions });
        }
        let response = OffsetCommitResponse { topics: answered };
        if asked.is_empty() {
            return self.answer(id, Response::OffsetCommit(response));
        }
        let OffsetCommitRequest { caller, knows_epochs, retention_ms, .. } = request;
        let commit = CommitOffsets { caller, knows_epochs, retention_ms, topics: asked };
        self.ask_group(id, Waiting::Commit(Committing { response }), GroupAsk::Commit(commit), turn);
    }

    pub(super) fn offset_fetch(&mut self, id: RequestId, request: OffsetFetchRequest, turn: &mut Turn<'_>) {
        let OffsetFetchRequest { groups, require_stable, by_id } = request;
        // All that a group has is told once: its name may stand for a million offsets.
        let mut whole = BTreeSet::new();
        let groups =
            groups.into_iter().filter(|group| group.topics.is_some() || whole.insert(Arc::clone(&group.group_id)));
        let (asks, groups) = groups.map(|group| self.resolve(group)).unzip();
        let ask = GroupAsk::Fetch(FetchOffsets { groups: asks, require_stable });
        self.ask_group(id, Waiting::Fetch(Fetching { by_id, groups }), ask, turn);
    }

    /// A partition that a topic does not have has no offset to forget, as in Kafka; a topic must be there.
    pub(super) fn offset_delete(&mut self, id: RequestId, request: OffsetDeleteRequest, turn: &mut Turn<'_>) {
        let mut asked = Vec::new();
        let mut answered = Vec::with_capacity(request.topics.len());
        for asking in request.topics {
            let found = self.catalog.find(&asking.topic).filter(|_| !asking.partitions.is_empty());
            let refusal = if found.is_some() { Ok(()) } else { Err(unknown(&asking.topic)) };
            let partitions = asking.partitions.iter().map(|index| (*index, refusal)).collect();
            answered.push(OffsetCommittedTopic { topic: asking.topic, partitions });
            asked.extend(found.map(|topic| (topic.id, asking.partitions)));
        }
        if asked.is_empty() {
            return self.answer(id, Response::OffsetDelete(OffsetDeleteResponse { result: Ok(answered) }));
        }
        let forget = ForgetOffsets { group_id: request.group_id, topics: asked };
        let waiting = Waiting::Forget(Committing { response: OffsetCommitResponse { topics: answered } });
        self.ask_group(id, waiting, GroupAsk::Forget(forget), turn);
    }

    /// What is asked of the coordinator for a group, and what is known already.
    fn resolve(&self, group: OffsetFetchGroup) -> (FetchGroupOffsets, FetchingGroup) {
        let mut answer = OffsetFetchedGroup { group_id: group.group_id.clone(), refusal: None, topics: Vec::new() };
        let (mut topics, mut asked) = (Vec::new(), Vec::new());
        let all = group.topics.is_none();
        for wanted in group.topics.into_iter().flatten() {
            // A topic without a name anyone knows has no offsets; a topic id that nobody knows is an error.
            let nothing = match (self.catalog.find(&wanted.topic), &wanted.topic) {
                (None, TopicRef::Id(_)) => Err(unknown(&wanted.topic)),
                (None, TopicRef::Name(_)) => Ok(None),
                (Some(topic), _) => {
                    asked.push(answer.topics.len());
                    topics.push((topic.id, wanted.partitions.clone()));
                    Ok(None)
                }
            };
            let partitions = wanted.partitions.into_iter().map(|index| (index, nothing.clone())).collect();
            answer.topics.push(OffsetFetchedTopic { topic: wanted.topic, partitions });
        }
        let ask =
            FetchGroupOffsets { group_id: group.group_id, member: group.member, topics: (!all).then_some(topics) };
        (ask, FetchingGroup { answer, asked: (!all).then_some(asked) })
    }
}

impl Committing {
    /// The client's answer.
    pub(super) fn finish(mut self, result: Result<Vec<OffsetsCommitted>, Refusal>) -> OffsetCommitResponse {
        let waiting = self.response.topics.iter_mut().filter_map(|topic| {
            let waiting: Vec<_> = topic.partitions.iter_mut().filter(|(_, result)| result.is_ok()).collect();
            (!waiting.is_empty()).then_some(waiting)
        });
        match result {
            Err(refusal) => waiting.flatten().for_each(|(_, result)| *result = Err(refusal)),
            Ok(topics) => {
                let mut topics = topics.into_iter();
                for waiting in waiting {
                    let told = topics.next().expect("each topic that was asked of is told").partitions;
                    assert!(told.len() == waiting.len(), "each partition that was asked of is told");
                    for ((index, result), (told_index, told)) in waiting.into_iter().zip(told) {
                        assert!(*index == told_index, "partitions are told in the order of the question");
                        *result = told;
                    }
                }
                assert!(topics.next().is_none(), "nothing else is told");
            }
        }
        self.response
    }

    /// The client's answer where positions were to be forgotten: what is wrong with the group is said once.
    pub(super) fn forgotten(self, result: Result<Vec<OffsetsCommitted>, Refusal>) -> OffsetDeleteResponse {
        OffsetDeleteResponse { result: result.map(|topics| self.finish(Ok(topics)).topics) }
    }
}

impl Fetching {
    /// The client's answer.
    pub(super) fn finish(self, told: Vec<Result<Vec<OffsetsFetched>, Refusal>>) -> OffsetFetchResponse {
        assert!(told.len() == self.groups.len(), "each group that was asked of is told");
        let groups = self.groups.into_iter().zip(told).map(|(group, told)| match told {
            Ok(told) => group.finish(told, self.by_id),
            Err(refusal) => group.refuse(refusal),
        });
        OffsetFetchResponse { groups: groups.collect() }
    }
}

impl FetchingGroup {
    fn finish(mut self, told: Vec<OffsetsFetched>, by_id: bool) -> OffsetFetchedGroup {
        match self.asked {
            None => {
                let topic = |told: OffsetsFetched| OffsetFetchedTopic {
                    topic: if by_id { TopicRef::Id(told.topic) } else { TopicRef::Name(told.name) },
                    partitions: told.partitions,
                };
                self.answer.topics = told.into_iter().map(topic).collect();
            }
            Some(asked) => {
                assert!(asked.len() == told.len(), "each topic that was asked of is told");
                for (index, told) in asked.into_iter().zip(told) {
                    let topic = &mut self.answer.topics[index];
                    assert!(topic.partitions.len() == told.partitions.len(), "each partition is told");
                    topic.partitions = told.partitions;
                }
            }
        }
        self.answer
    }

    fn refuse(mut self, refusal: Refusal) -> OffsetFetchedGroup {
        self.answer.refusal = Some(refusal);
        for (_, result) in self.answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            *result = Err(refusal);
        }
        self.answer
    }
}
