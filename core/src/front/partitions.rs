//! DescribeTopicPartitions: the replica of the topics, a page at a time.
//!
//! Pages follow the order of topic names, so a cursor means the same to every broker and after any change in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Front, RequestId};
use crate::api::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataTopic, PartitionCursor, Response, TopicRef,
};
use crate::error::Refusal;
use crate::limits::DESCRIBED_PARTITIONS_MAX;

impl Front {
    pub(super) fn describe_topic_partitions(&mut self, id: RequestId, request: &DescribeTopicPartitionsRequest) {
        let response = match &request.cursor {
            Some(cursor) if cursor.partition < 0 => {
                let refused = |name: &Arc<str>| self.refuse_topic(name, Refusal::InvalidRequest);
                let named: BTreeSet<&Arc<str>> = request.topics.iter().collect();
                DescribeTopicPartitionsResponse { topics: named.into_iter().map(refused).collect(), next: None }
            }
            _ => self.page(request),
        };
        self.answer(id, Response::DescribeTopicPartitions(response));
    }

    /// As many partitions as a page may have. Of topics that the client names, those that are not there are told too.
    fn page(&self, request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
        let cursor = request.cursor.as_ref();
        let first: &str = cursor.map_or("", |cursor| &cursor.topic);
        let mut left = request.partitions_max.clamp(1, DESCRIBED_PARTITIONS_MAX) as usize;
        let mut response = DescribeTopicPartitionsResponse { topics: Vec::new(), next: None };
        let named: BTreeSet<&Arc<str>> = request.topics.iter().chain(cursor.map(|cursor| &cursor.topic)).collect();
        let all = self.catalog.topics().map(|topic| &topic.name);
        let names: Box<dyn Iterator<Item = &Arc<str>>> =
            if request.topics.is_empty() { Box::new(all) } else { Box::new(named.into_iter()) };
        for name in names.filter(|name| &***name >= first) {
            if left == 0 {
                response.next = Some(PartitionCursor { topic: Arc::clone(name), partition: 0 });
                break;
            }
            let Some(topic) = self.catalog.find(&TopicRef::Name(Arc::clone(name))) else {
                response.topics.push(self.refuse_topic(name, Refusal::UnknownTopicOrPartition));
                continue;
            };
            let from = cursor.filter(|cursor| cursor.topic == *name).map_or(0, |cursor| cursor.partition as usize);
            let mut described = self.describe(topic);
            described.partitions.drain(..from.min(described.partitions.len()));
            if described.partitions.len() > left {
                described.partitions.truncate(left);
                response.next = Some(PartitionCursor { topic: Arc::clone(name), partition: (from + left) as i32 });
            }
            left -= described.partitions.len();
            response.topics.push(described);
            if response.next.is_some() {
                break;
            }
        }
        response
    }

    /// A topic of which nothing is told but this; a name that nobody may have is called so.
    fn refuse_topic(&self, name: &Arc<str>, refusal: Refusal) -> MetadataTopic {
        let missing = super::metadata::missing(&TopicRef::Name(Arc::clone(name)));
        match refusal {
            Refusal::UnknownTopicOrPartition => missing,
            refusal => MetadataTopic { refusal: Some(refusal), ..missing },
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::api::Broker;
    use crate::catalog::{CatalogChange, CatalogUpdate, Topic};
    use crate::config::{Config, Host, TopicConfig};
    use crate::front::FrontSettings;
    use crate::ids::{BrokerId, ConnectionId, CoreId, Lsn, PartitionId, Uuid};
    use crate::time::{Instant, Rng, WallTime};
    use crate::turn::{Counters, Turn};

    /// A front that knows these topics, with so many partitions each.
    pub(in crate::front) fn front(topics: &[(&str, u32)]) -> Front {
        let config = Config::load(&[], &Host { name: "host".to_owned(), cpus: 2 }).expect("defaults are valid");
        let resolved = TopicConfig::resolve(&BTreeMap::new(), &config).expect("defaults are valid");
        let mut front = Front::new(FrontSettings {
            core: CoreId(0),
            cores: 1,
            broker: BrokerId(1),
            config: Arc::new(config),
            advertised: vec![Broker { id: BrokerId(1), host: "host".into(), port: 9092, rack: None }],
            inflight_bytes_max: 1,
            hot_bytes_max: 1,
            warm: false,
        });
        let topic = |(at, (name, partitions)): (usize, &(&str, u32))| {
            CatalogChange::Set(Arc::new(Topic {
                id: Uuid([at as u8 + 1; 16]),
                name: (*name).into(),
                partitions: (0..*partitions).map(PartitionId).collect(),
                replication_factor: 1,
                overrides: BTreeMap::new(),
                config: resolved.clone(),
            }))
        };
        let changes = topics.iter().enumerate().map(topic).collect();
        let (mut rng, mut count, mut effects) = (Rng::new(1), Counters::default(), Vec::new());
        let (now, wall) = (Instant(0), WallTime(0));
        let mut turn = Turn { now, wall, rng: &mut rng, count: &mut count, effects: &mut effects };
        front.catalog(&CatalogUpdate { lsn: Lsn(1), changes }, &mut turn);
        front
    }

    type Page = (Vec<(String, Option<Refusal>, Vec<i32>)>, Option<(String, i32)>);

    fn page(front: &mut Front, topics: &[&str], partitions_max: i32, cursor: Option<(&str, i32)>) -> Page {
        let request = DescribeTopicPartitionsRequest {
            topics: topics.iter().map(|name| (*name).into()).collect(),
            partitions_max,
            cursor: cursor.map(|(topic, partition)| PartitionCursor { topic: topic.into(), partition }),
        };
        front.describe_topic_partitions(RequestId { connection: ConnectionId(1), slot: 0 }, &request);
        let Some((_, Response::DescribeTopicPartitions(response))) = front.answers.pop() else { panic!("no answer") };
        let told = |topic: MetadataTopic| {
            let indexes = topic.partitions.iter().map(|partition| partition.index).collect();
            (topic.name.expect("a name").to_string(), topic.refusal, indexes)
        };
        let next = response.next.map(|next| (next.topic.to_string(), next.partition));
        (response.topics.into_iter().map(told).collect(), next)
    }

    fn whole(name: &str, indexes: &[i32]) -> (String, Option<Refusal>, Vec<i32>) {
        (name.to_owned(), None, indexes.to_vec())
    }

    #[test]
    fn pages_cover_everything_once() {
        let mut front = front(&[("a", 3), ("b", 1), ("c", 2)]);
        let all = [whole("a", &[0, 1, 2]), whole("b", &[0]), whole("c", &[0, 1])];
        assert_eq!(page(&mut front, &[], 2_000, None), (all.to_vec(), None));
        assert_eq!(page(&mut front, &[], 6, None), (all.to_vec(), None));
        assert_eq!(page(&mut front, &[], 2, None), (vec![whole("a", &[0, 1])], Some(("a".to_owned(), 2))));
        let second = (vec![whole("a", &[2]), whole("b", &[0])], Some(("c".to_owned(), 0)));
        assert_eq!(page(&mut front, &[], 2, Some(("a", 2))), second);
        assert_eq!(page(&mut front, &[], 2, Some(("c", 0))), (vec![whole("c", &[0, 1])], None));
        assert_eq!(page(&mut front, &[], -5, None).1, Some(("a".to_owned(), 1)), "a page has at least one partition");
        assert_eq!(page(&mut front, &[], 9, Some(("c", 7))), (vec![whole("c", &[])], None));
    }

    #[test]
    fn named_topics_are_told_in_order_of_their_names() {
        let mut front = front(&[("a", 1), ("b", 2)]);
        let unknown = ("z".to_owned(), Some(Refusal::UnknownTopicOrPartition), vec![]);
        let invalid = ("!".to_owned(), Some(Refusal::InvalidTopicException), vec![]);
        let told = page(&mut front, &["z", "b", "a", "b", "!"], 9, None);
        assert_eq!(told, (vec![invalid, whole("a", &[0]), whole("b", &[0, 1]), unknown], None));
        assert_eq!(
            page(&mut front, &["a"], 9, Some(("b", 1))),
            (vec![whole("b", &[1])], None),
            "the cursor's topic too"
        );
        let refused = ("a".to_owned(), Some(Refusal::InvalidRequest), vec![]);
        assert_eq!(page(&mut front, &["a"], 9, Some(("a", -1))), (vec![refused], None));
    }
}
