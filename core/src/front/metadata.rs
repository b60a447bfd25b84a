//! Metadata and DescribeCluster: answered from the core's own replica; only the creation of a missing topic asks.
//!
//! What a request names twice is told once, as by Kafka, where they are a set: a name of six bytes may stand for
//! megabytes of partitions.

use std::sync::Arc;

use super::admin::Waiting;
use super::{Front, RequestId};
use crate::api::{
    Broker, Context, CreateTopicsRequest, DescribeClusterRequest, DescribeClusterResponse, MetadataOperations,
    MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic, NewTopic, Response, TopicRef,
};
use crate::batch::crc32c;
use crate::catalog::{Topic, unknown};
use crate::error::{Refusal, Refused};
use crate::ids::{BrokerId, Uuid};
use crate::limits::AUTO_CREATE_TOPICS_MAX;
use crate::message::Ask;
use crate::topic_name;
use crate::turn::Turn;

/// A Metadata request that waits for its topics.
#[derive(Debug)]
pub struct Awaited {
    listener: u16,
    topics: Vec<TopicRef>,
    operations: MetadataOperations,
}

impl Front {
    pub(super) fn advertised(&self, listener: u16) -> &Broker {
        let advertised = &self.settings.advertised;
        advertised.get(usize::from(listener)).unwrap_or(&advertised[0])
    }

    pub(super) fn metadata(
        &mut self,
        id: RequestId,
        context: &Arc<Context>,
        request: MetadataRequest,
        turn: &mut Turn<'_>,
    ) {
        let (listener, operations) = (context.listener, request.operations);
        let Some(topics) = request.topics.map(named_once) else {
            let described = self.catalog.topics().map(|topic| self.describe(topic)).collect();
            return self.answer_metadata(id, listener, described, operations);
        };
        if let Some(refusal) = request.refusal {
            let refused = |topic| MetadataTopic { refusal: Some(refusal), ..missing(topic) };
            let refused = topics.iter().map(refused).collect();
            return self.answer_metadata(id, listener, refused, MetadataOperations::default());
        }
        let missing = self.creatable(&topics, request.auto_create);
        let awaited = Awaited { listener, topics, operations };
        if missing.is_empty() {
            return self.describe_all(id, &awaited);
        }
        let request = CreateTopicsRequest { topics: missing, timeout_ms: i32::MAX, validate_only: false };
        let waiting = Waiting::Metadata(id, awaited);
        self.ask(waiting, Ask::CreateTopics(request), turn);
    }

    /// The topics of a request that may be created on the way.
    fn creatable(&self, topics: &[TopicRef], wanted: bool) -> Vec<NewTopic> {
        if !wanted || !self.settings.config.auto_create_topics {
            return Vec::new();
        }
        let mut names: Vec<Arc<str>> = Vec::new();
        for topic in topics {
            match topic {
                TopicRef::Name(name) if self.catalog.find(topic).is_none() && topic_name::check(name).is_ok() => {
                    names.push(Arc::clone(name));
                }
                _ => {}
            }
        }
        names.sort_unstable();
        names.dedup();
        names.truncate(AUTO_CREATE_TOPICS_MAX);
        let create = |name| NewTopic {
            name,
            partitions: -1,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: Vec::new(),
        };
        names.into_iter().map(create).collect()
    }

    /// The topics were created, or could not be: either way the replica knows by now what there is.
    pub(super) fn metadata_created(&mut self, id: RequestId, awaited: &Awaited) {
        self.describe_all(id, awaited);
    }

    fn describe_all(&mut self, id: RequestId, awaited: &Awaited) {
        let described = awaited.topics.iter().map(|topic| match self.catalog.find(topic) {
            Some(found) => self.describe(found),
            None => missing(topic),
        });
        let described = described.collect();
        self.answer_metadata(id, awaited.listener, described, awaited.operations);
    }

    pub(super) fn describe(&self, topic: &Arc<Topic>) -> MetadataTopic {
        // One broker is all there is: it leads, and it is every replica.
        let broker = self.settings.broker;
        let replicas: Arc<[BrokerId]> = Arc::from([broker]);
        let partition = |index| MetadataPartition { index, leader: broker, replicas: Arc::clone(&replicas) };
        MetadataTopic {
            refusal: None,
            name: Some(Arc::clone(&topic.name)),
            id: topic.id,
            internal: false,
            partitions: (0..topic.partitions.len() as i32).map(partition).collect(),
        }
    }

    fn answer_metadata(
        &mut self,
        id: RequestId,
        listener: u16,
        topics: Vec<MetadataTopic>,
        operations: MetadataOperations,
    ) {
        let response = MetadataResponse {
            brokers: vec![self.advertised(listener).clone()],
            cluster_id: Arc::clone(&self.cluster_id),
            controller: self.settings.broker,
            topics,
            operations,
        };
        self.answer(id, Response::Metadata(response));
    }

    pub(super) fn describe_cluster(&mut self, id: RequestId, context: &Arc<Context>, request: DescribeClusterRequest) {
        let refused = match request.endpoint_type {
            1 => None,
            2 => Some(Refused::new(
                Refusal::MismatchedEndpointType,
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
            )),
            other => Some(Refused::new(Refusal::UnsupportedEndpointType, format!("Unsupported endpoint type {other}"))),
        };
        let brokers = if refused.is_none() { vec![self.advertised(context.listener).clone()] } else { Vec::new() };
        let response = DescribeClusterResponse {
            authorized_operations: request.authorized_operations && refused.is_none(),
            refused,
            endpoint_type: request.endpoint_type,
            cluster_id: Arc::clone(&self.cluster_id),
            controller: self.settings.broker,
            brokers,
        };
        self.answer(id, Response::DescribeCluster(response));
    }
}

/// Each topic once, in the order in which they are named first. A million of them are compared by 4 bytes each: by
/// their names, spread over the heap, it would take a second.
fn named_once(mut topics: Vec<TopicRef>) -> Vec<TopicRef> {
    let hash = |topic: &TopicRef| match topic {
        TopicRef::Name(name) => crc32c(name.as_bytes()),
        TopicRef::Id(id) => crc32c(&id.0),
    };
    let mut order: Vec<(u32, u32)> = (0..).zip(&topics).map(|(at, topic)| (hash(topic), at)).collect();
    order.sort_unstable_by(|(left_hash, left), (right_hash, right)| {
        let by_name = || topics[*left as usize].cmp(&topics[*right as usize]);
        left_hash.cmp(right_hash).then_with(by_name).then(left.cmp(right))
    });
    let mut repeated = vec![false; topics.len()];
    for pair in order.windows(2) {
        let [first, second] = [pair[0].1 as usize, pair[1].1 as usize];
        repeated[second] = topics[first] == topics[second];
    }
    let mut repeated = repeated.into_iter();
    topics.retain(|_| !repeated.next().expect("one for each"));
    topics
}

/// A topic that is not there.
pub(super) fn missing(topic: &TopicRef) -> MetadataTopic {
    let (refusal, name, id) = match topic {
        TopicRef::Id(id) => (unknown(topic), None, *id),
        TopicRef::Name(name) if topic_name::check(name).is_err() => {
            (Refusal::InvalidTopicException, Some(Arc::clone(name)), Uuid::ZERO)
        }
        TopicRef::Name(name) => (unknown(topic), Some(Arc::clone(name)), Uuid::ZERO),
    };
    MetadataTopic { refusal: Some(refusal), name, id, internal: false, partitions: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::partitions::tests::front;
    use crate::ids::ConnectionId;
    use crate::time::{Instant, Rng, WallTime};
    use crate::turn::Counters;

    const ID: RequestId = RequestId { connection: ConnectionId(1), slot: 0 };
    const ALL: MetadataOperations = MetadataOperations { cluster: true, topics: true };

    fn asker() -> Arc<Context> {
        let (principal, client_id, host) = ("User:ANONYMOUS".into(), "".into(), "/127.0.0.1".into());
        Arc::new(Context { principal, listener: 0, client_id, host, zone: None, software: None })
    }

    /// What is told of what may be done, where all of it is asked for.
    fn told(topics: Option<Vec<TopicRef>>, refusal: Option<Refusal>) -> MetadataOperations {
        let mut front = front(&[("a", 1)]);
        let (mut rng, mut count, mut effects) = (Rng::new(1), Counters::default(), Vec::new());
        let (now, wall) = (Instant(0), WallTime(0));
        let mut turn = Turn { now, wall, rng: &mut rng, count: &mut count, effects: &mut effects };
        let request = MetadataRequest { topics, auto_create: false, refusal, operations: ALL };
        front.metadata(ID, &asker(), request, &mut turn);
        let Some((_, Response::Metadata(response))) = front.answers.pop() else { panic!("no answer") };
        response.operations
    }

    #[test]
    fn what_may_be_done_is_told_unless_the_request_is_refused() {
        let named = || Some(vec![TopicRef::Name("a".into()), TopicRef::Name("b".into())]);
        assert_eq!(told(None, None), ALL);
        assert_eq!(told(named(), None), ALL);
        assert_eq!(told(named(), Some(Refusal::InvalidRequest)), MetadataOperations::default());
        let mut front = front(&[]);
        for (endpoint_type, authorized_operations, expected) in [(1, true, true), (1, false, false), (2, true, false)] {
            let request = DescribeClusterRequest { endpoint_type, authorized_operations };
            front.describe_cluster(ID, &asker(), request);
            let Some((_, Response::DescribeCluster(response))) = front.answers.pop() else { panic!("no answer") };
            assert_eq!(response.authorized_operations, expected);
        }
    }

    #[test]
    fn what_is_named_twice_is_told_once_where_it_stood_first() {
        let name = |name: &str| TopicRef::Name(name.into());
        let id = |byte| TopicRef::Id(Uuid([byte; 16]));
        let named = vec![name("b"), id(1), name("a"), name("b"), id(2), id(1), name("b"), name("c")];
        assert_eq!(named_once(named), [name("b"), id(1), name("a"), id(2), name("c")]);
        assert_eq!(named_once(Vec::new()), []);
        assert_eq!(named_once(vec![name(""); 1_000]), [name("")]);
    }
}
