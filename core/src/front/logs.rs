//! DescribeLogDirs and DescribeProducers: the ledger counts, this core's replica of the topics knows the names.
//!
//! What a request names twice is told once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::admin::Waiting;
use super::{Front, RequestId};
use crate::api::{
    ActiveProducer, AdminResponse, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeProducersRequest,
    DescribeProducersResponse, DescribedProducers, Response, SizedTopic, TopicRef,
};
use crate::catalog::Topic;
use crate::config::StorePlace;
use crate::error::Refusal;
use crate::ids::{PartitionId, Ticket};
use crate::message::Ask;
use crate::turn::Turn;

/// Topics whose partitions are being looked up: their indexes, in the order of the question.
pub(super) type Named = Vec<(Arc<str>, Vec<i32>)>;

impl Front {
    pub(super) fn describe_log_dirs(&mut self, id: RequestId, request: DescribeLogDirsRequest, turn: &mut Turn<'_>) {
        let mut topics = Named::new();
        let mut wanted = Vec::new();
        let mut take = |topic: &Topic, indexes: &mut dyn Iterator<Item = i32>| {
            let present = indexes.filter_map(|index| Some((index, topic.partition(index)?)));
            let (indexes, partitions): (Vec<i32>, Vec<PartitionId>) = present.unzip();
            wanted.extend(partitions);
            topics.push((Arc::clone(&topic.name), indexes));
        };
        match request.topics {
            None => {
                self.catalog.topics().for_each(|topic| take(topic, &mut (0..topic.partitions.len() as i32)));
            }
            Some(named) => {
                let mut seen = BTreeSet::new();
                for (name, indexes) in named {
                    let Some(topic) = self.catalog.find(&TopicRef::Name(name)) else { continue };
                    let new = indexes.into_iter().filter(|index| seen.insert((topic.id, *index)));
                    take(topic, &mut { new });
                }
            }
        }
        topics.retain(|(_, indexes)| !indexes.is_empty());
        self.ask(Waiting::Sizes(id, topics), Ask::Sizes(wanted), turn);
    }

    pub(super) fn sizes_told(&mut self, ticket: Ticket, sizes: Vec<Option<u64>>) {
        let Waiting::Sizes(id, topics) = self.asked(ticket) else { panic!("{ticket:?} has no sizes") };
        let mut sizes = sizes.into_iter();
        let mut described = Vec::with_capacity(topics.len());
        for (name, indexes) in topics {
            let sizes = sizes.by_ref().take(indexes.len());
            let partitions: Vec<(i32, u64)> =
                indexes.iter().zip(sizes).filter_map(|(index, bytes)| Some((*index, bytes?))).collect();
            if !partitions.is_empty() {
                described.push(SizedTopic { name, partitions });
            }
        }
        assert!(sizes.next().is_none(), "each partition has its answer");
        let path = match &self.settings.config.store {
            StorePlace::Directory(path) => path.display().to_string(),
            bucket @ StorePlace::Bucket { .. } => bucket.to_string(),
        };
        let response = DescribeLogDirsResponse { path, topics: described };
        self.answer(id, Response::Admin(AdminResponse::DescribeLogDirs(response)));
    }

    pub(super) fn describe_producers(&mut self, id: RequestId, request: DescribeProducersRequest, turn: &mut Turn<'_>) {
        let mut wanted = Vec::new();
        let mut places = Vec::new();
        let mut seen = BTreeSet::new();
        let mut topics: Vec<(Arc<str>, Vec<DescribedProducers>)> = Vec::with_capacity(request.topics.len());
        for (topic_at, (name, indexes)) in request.topics.into_iter().enumerate() {
            let topic = TopicRef::Name(Arc::clone(&name));
            let mut partitions = Vec::with_capacity(indexes.len());
            for index in indexes {
                let found = self.catalog.partition(&topic, index);
                if let Ok(partition) = found {
                    if !seen.insert(partition) {
                        continue;
                    }
                    wanted.push(partition);
                    places.push((topic_at, partitions.len()));
                }
                partitions.push((index, found.map(|_| Vec::new())));
            }
            topics.push((name, partitions));
        }
        let response = DescribeProducersResponse { topics };
        if wanted.is_empty() {
            return self.answer(id, Response::Admin(AdminResponse::DescribeProducers(response)));
        }
        self.ask(Waiting::Producers(id, response, places), Ask::Producers(wanted), turn);
    }

    pub(super) fn producers_told(&mut self, ticket: Ticket, told: Vec<Result<Vec<ActiveProducer>, Refusal>>) {
        let Waiting::Producers(id, mut response, places) = self.asked(ticket) else {
            panic!("{ticket:?} has no producers")
        };
        assert!(places.len() == told.len(), "each place has its answer");
        for ((topic, partition), producers) in places.into_iter().zip(told) {
            response.topics[topic].1[partition].1 = producers;
        }
        self.answer(id, Response::Admin(AdminResponse::DescribeProducers(response)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::partitions::tests::front;
    use crate::ids::{ConnectionId, ProducerId};
    use crate::message::Message;
    use crate::time::{Instant, Rng, WallTime};
    use crate::turn::{Counters, Effect};

    const ID: RequestId = RequestId { connection: ConnectionId(1), slot: 0 };

    /// Does this in a turn; returned is what was asked of the coordinator.
    fn asked(act: impl FnOnce(&mut Turn<'_>)) -> Option<(Ticket, Ask)> {
        let (mut rng, mut count, mut effects) = (Rng::new(1), Counters::default(), Vec::new());
        let (now, wall) = (Instant(0), WallTime(0));
        act(&mut Turn { now, wall, rng: &mut rng, count: &mut count, effects: &mut effects });
        match effects.pop() {
            Some(Effect::Send { message: Message::Ask { ticket, ask, .. }, .. }) => Some((ticket, ask)),
            _ => None,
        }
    }

    fn sizes(front: &mut Front, topics: Option<&[(&str, &[i32])]>) -> (usize, Vec<SizedTopic>) {
        let owned = |(name, indexes): &(&str, &[i32])| ((*name).into(), indexes.to_vec());
        let topics = topics.map(|topics| topics.iter().map(owned).collect());
        let request = DescribeLogDirsRequest { topics };
        let Some((ticket, Ask::Sizes(wanted))) = asked(|turn| front.describe_log_dirs(ID, request, turn)) else {
            panic!("nothing is asked")
        };
        front.sizes_told(ticket, (0..wanted.len() as u64).map(|at| (at != 1).then_some(at)).collect());
        let Some((_, Response::Admin(AdminResponse::DescribeLogDirs(response)))) = front.answers.pop() else {
            panic!("no answer")
        };
        assert_eq!(response.path, "./apus-data/store");
        (wanted.len(), response.topics)
    }

    fn sized(name: &str, bytes: u64) -> SizedTopic {
        SizedTopic { name: name.into(), partitions: vec![(0, bytes)] }
    }

    #[test]
    fn what_is_there_has_a_size() {
        let mut front = front(&[("a", 2), ("b", 1)]);
        let all = vec![sized("a", 0), sized("b", 2)];
        assert_eq!(sizes(&mut front, None), (3, all), "the second went meanwhile");
        let named: &[(&str, &[i32])] = &[("b", &[0, 0, 7]), ("z", &[0]), ("b", &[0])];
        assert_eq!(sizes(&mut front, Some(named)), (1, vec![sized("b", 0)]));
        assert_eq!(sizes(&mut front, Some(&[])), (0, Vec::new()));
    }

    #[test]
    fn a_partition_has_its_producers_once() {
        let mut front = front(&[("a", 2)]);
        let topics = vec![("a".into(), vec![1, 9, 1, 0]), ("z".into(), vec![0]), ("a".into(), vec![0])];
        let request = DescribeProducersRequest { topics };
        let Some((ticket, Ask::Producers(wanted))) = asked(|turn| front.describe_producers(ID, request, turn)) else {
            panic!("nothing is asked")
        };
        assert_eq!(wanted, [PartitionId(1), PartitionId(0)]);
        let producer = ActiveProducer { id: ProducerId(7), epoch: 1, last_sequence: 2, last_timestamp_ms: 3 };
        front.producers_told(ticket, vec![Ok(vec![producer]), Err(Refusal::UnknownTopicOrPartition)]);
        let Some((_, Response::Admin(AdminResponse::DescribeProducers(response)))) = front.answers.pop() else {
            panic!("no answer")
        };
        let unknown = || Err(Refusal::UnknownTopicOrPartition);
        let told: Vec<_> = response.topics.into_iter().map(|(_, partitions)| partitions).collect();
        let first = vec![(1, Ok(vec![producer])), (9, unknown()), (0, unknown())];
        assert_eq!(told, [first, vec![(0, unknown())], Vec::new()]);
    }
}
