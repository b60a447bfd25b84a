//! What an answer refuses, whatever its kind: for whoever counts errors.

use super::Response;
use crate::error::{Refusal, Refused};

impl Response {
    /// Tells every refusal in this answer: of many partitions, topics or groups, one each.
    pub fn refusals(&self, mut tell: impl FnMut(Refusal)) {
        match self {
            Response::Produce(answer) => {
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                explained(partitions.map(|partition| &partition.result), tell);
            }
            Response::Fetch(answer) => {
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                answer.refusal.into_iter().chain(partitions.filter_map(|partition| partition.refusal)).for_each(tell);
            }
            Response::ListOffsets(answer) => {
                bare(answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| &partition.result), tell);
            }
            Response::OffsetForLeaderEpoch(answer) => {
                bare(answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| &partition.result), tell);
            }
            Response::Metadata(answer) => answer.topics.iter().filter_map(|topic| topic.refusal).for_each(tell),
            Response::DescribeCluster(answer) => answer.refused.iter().for_each(|refused| tell(refused.refusal)),
            Response::CreateTopics(answer) => explained(answer.topics.iter().map(|topic| &topic.result), tell),
            Response::DeleteTopics(answer) => explained(answer.topics.iter().map(|topic| &topic.result), tell),
            Response::DescribeConfigs(answer) => explained(answer.resources.iter().map(|one| &one.result), tell),
            Response::InitProducerId(answer) => bare([&answer.result], tell),
            Response::FindCoordinator(answer) => explained(answer.coordinators.iter().map(|one| &one.result), tell),
            Response::JoinGroup(answer) => bare([&answer.result], tell),
            Response::SyncGroup(answer) => bare([&answer.result], tell),
            Response::Heartbeat(answer) => bare([&answer.result], tell),
            Response::LeaveGroup(answer) => match &answer.result {
                Ok(members) => bare(members.iter().map(|member| &member.result), tell),
                Err(refusal) => tell(*refusal),
            },
            Response::OffsetCommit(answer) => {
                bare(answer.topics.iter().flat_map(|topic| &topic.partitions).map(|(_, result)| result), tell);
            }
            Response::OffsetFetch(answer) => {
                answer.groups.iter().filter_map(|group| group.refusal).for_each(&mut tell);
                let topics = answer.groups.iter().flat_map(|group| &group.topics);
                bare(topics.flat_map(|topic| &topic.partitions).map(|(_, result)| result), tell);
            }
            Response::DescribeGroups(answer) => explained(answer.groups.iter().map(|group| &group.result), tell),
            Response::ListGroups(answer) => bare([&answer.result], tell),
            Response::DeleteGroups(answer) => explained(answer.groups.iter().map(|group| &group.result), tell),
            Response::OffsetDelete(answer) => match &answer.result {
                Ok(topics) => bare(topics.iter().flat_map(|topic| &topic.partitions).map(|(_, result)| result), tell),
                Err(refusal) => tell(*refusal),
            },
            Response::ConsumerGroupHeartbeat(answer) => explained([&answer.result].into_iter(), tell),
            Response::ConsumerGroupDescribe(answer) => explained(answer.groups.iter().map(|one| &one.result), tell),
            Response::StreamsGroupHeartbeat(answer) => explained([&answer.result].into_iter(), tell),
            Response::StreamsGroupDescribe(answer) => explained(answer.groups.iter().map(|one| &one.result), tell),
            Response::CreatePartitions(answer) => explained(answer.topics.iter().map(|(_, result)| result), tell),
            Response::DescribeTopicPartitions(answer) => {
                answer.topics.iter().filter_map(|topic| topic.refusal).for_each(tell);
            }
            Response::DeleteRecords(answer) => {
                bare(answer.topics.iter().flat_map(|topic| &topic.partitions).map(|(_, result)| result), tell);
            }
            Response::AlterConfigs(answer) => explained(answer.resources.iter().map(|one| &one.result), tell),
            Response::Admin(answer) => answer.refusals(tell),
            Response::Share(answer) => answer.refusals(tell),
            Response::Silence | Response::Hangup(_) => {}
        }
    }
}

fn bare<'a, T: 'a>(results: impl IntoIterator<Item = &'a Result<T, Refusal>>, tell: impl FnMut(Refusal)) {
    results.into_iter().filter_map(|result| result.as_ref().err().copied()).for_each(tell);
}

fn explained<'a, T: 'a>(results: impl Iterator<Item = &'a Result<T, Refused>>, tell: impl FnMut(Refusal)) {
    results.filter_map(|result| result.as_ref().err()).map(|refused| refused.refusal).for_each(tell);
}
