//! What a run stands on: the brokers, and the topics with their leaders, ids and offsets.
//!
//! Leaders are looked up once, before the run. One that moves during it is an error of the run, which says so by its
//! name: what is measured here are brokers that stay.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use apus_core::ids::Uuid;
use apus_net::wire::schema::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use apus_net::wire::schema::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use apus_net::wire::schema::producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use apus_net::wire::schema::topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicState,
    DeleteTopicsRequest, DeleteTopicsResponse,
};

use super::control::{Common, Control, read};
use super::coverage::Coverage;
use super::error;
use super::scenario::TopicPlan;

/// How long something that passes may take: an election, a deletion, a coordinator that loads.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

const EARLIEST: i64 = -2;
const LATEST: i64 = -1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const TOPIC_ALREADY_EXISTS: i16 = 36;

/// A topic of the run.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id, or zero where the broker gives none.
    pub id: Uuid,
    /// The leader of each partition.
    pub leaders: Vec<i32>,
    /// The offsets of each partition.
    pub offsets: Vec<Coverage>,
}

/// The brokers.
pub struct Cluster {
    first: Control,
    addresses: BTreeMap<i32, String>,
}

/// Asks until there is an answer, or patience ends.
fn patiently<T>(mut ask: impl FnMut() -> Result<Option<T>, String>, what: &str) -> Result<T, String> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("{what}: not within {} s", PATIENCE.as_secs()));
        }
        thread::sleep(PAUSE);
    }
}

impl Cluster {
    /// Connects to a broker; the others are known with the first topic.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn connect(bootstrap: &str) -> Result<Cluster, String> {
        Ok(Cluster { first: Control::connect(bootstrap)?, addresses: BTreeMap::new() })
    }

    /// The versions that the brokers speak; they are taken to be of one kind.
    pub fn common(&self) -> &Common {
        &self.first.common
    }

    /// Where a broker listens.
    pub fn address(&self, broker: i32) -> &str {
        &self.addresses[&broker]
    }

    /// Creates a topic as planned, or finds it.
    ///
    /// # Errors
    /// Where it cannot be.
    pub fn topic(&mut self, name: &str, plan: &TopicPlan) -> Result<Topic, String> {
        let mut id = Uuid::ZERO;
        if plan.create {
            self.delete(name)?;
            id = patiently(|| self.create(name, plan), &format!("topic {name} cannot be created"))?;
        }
        let mut topic = patiently(|| self.describe(name, id), &format!("topic {name} has no leaders"))?;
        if plan.create && topic.leaders.len() != plan.partitions as usize {
            return Err(format!("topic {name} has {} partitions and not {}", topic.leaders.len(), plan.partitions));
        }
        self.offsets(&mut topic)?;
        Ok(topic)
    }

    fn delete(&mut self, name: &str) -> Result<(), String> {
        let topics = vec![DeleteTopicState { name: Some(name), ..Default::default() }];
        let request = DeleteTopicsRequest { topics, topic_names: vec![name], timeout_ms: 60_000 };
        let answer = self.first.ask(&request)?;
        let response: DeleteTopicsResponse<'_> = read(&answer)?;
        match response.responses.first().map(|deleted| deleted.error_code) {
            Some(0 | UNKNOWN_TOPIC_OR_PARTITION) => Ok(()),
            code => Err(format!("topic {name} cannot be deleted: {}", error::name(code.unwrap_or(-1)))),
        }
    }

    /// The id of the new topic, or zero where the broker does not say; nothing where it is to be tried again.
    fn create(&mut self, name: &str, plan: &TopicPlan) -> Result<Option<Uuid>, String> {
        let configs = plan.configs.iter().map(|(name, value)| CreatableTopicConfig { name, value: Some(value) });
        let topic = CreatableTopic {
            name,
            num_partitions: plan.partitions,
            replication_factor: plan.replication_factor,
            configs: configs.collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let answer = self.first.ask(&request)?;
        let response: CreateTopicsResponse<'_> = read(&answer)?;
        let created = response.topics.first().ok_or("CreateTopics answers nothing")?;
        match created.error_code {
            0 => Ok(Some(created.topic_id)),
            // The one that was deleted goes in its own time.
            TOPIC_ALREADY_EXISTS => Ok(None),
            code if error::passes(code) => Ok(None),
            code => {
                let message = created.error_message.unwrap_or_default();
                Err(format!("topic {name} cannot be created: {} {message}", error::name(code)))
            }
        }
    }

    /// The topic, once all of its partitions have leaders; not the one of that name that was deleted, which a broker may
    /// show for a while.
    fn describe(&mut self, name: &str, id: Uuid) -> Result<Option<Topic>, String> {
        let topics = vec![MetadataRequestTopic { name: Some(name), ..Default::default() }];
        let request = MetadataRequest { topics: Some(topics), allow_auto_topic_creation: false, ..Default::default() };
        let answer = self.first.ask(&request)?;
        let response: MetadataResponse<'_> = read(&answer)?;
        for broker in &response.brokers {
            self.addresses.insert(broker.node_id, format!("{}:{}", broker.host, broker.port));
        }
        let topic = response.topics.first().ok_or("Metadata answers nothing")?;
        match topic.error_code {
            0 => {}
            code if error::passes(code) => return Ok(None),
            code => return Err(format!("topic {name}: {}", error::name(code))),
        }
        let mut leaders = vec![-1; topic.partitions.len()];
        for partition in &topic.partitions {
            let place = usize::try_from(partition.partition_index).ok().and_then(|index| leaders.get_mut(index));
            *place.ok_or_else(|| format!("topic {name} skips partitions"))? = partition.leader_id;
        }
        let same = id == Uuid::ZERO || topic.topic_id == Uuid::ZERO || topic.topic_id == id;
        let known = same && !leaders.is_empty() && leaders.iter().all(|leader| self.addresses.contains_key(leader));
        let offsets = vec![Coverage::default(); leaders.len()];
        Ok(known.then(|| Topic { name: name.into(), id: topic.topic_id, leaders, offsets }))
    }

    fn offsets(&mut self, topic: &mut Topic) -> Result<(), String> {
        let mut leaders = topic.leaders.clone();
        leaders.sort_unstable();
        leaders.dedup();
        for leader in leaders {
            let mut control = Control::connect(self.address(leader))?;
            let partitions: Vec<i32> =
                (0_i32..).zip(&topic.leaders).filter(|(_, led)| **led == leader).map(|(index, _)| index).collect();
            let what = format!("offsets of topic {}", topic.name);
            let firsts = patiently(|| list(&mut control, &topic.name, &partitions, EARLIEST), &what)?;
            let ends = patiently(|| list(&mut control, &topic.name, &partitions, LATEST), &what)?;
            for ((partition, first), (_, end)) in firsts.into_iter().zip(ends) {
                topic.offsets[partition as usize] = Coverage::new(first, end);
            }
        }
        Ok(())
    }

    /// An id for a new idempotent producer.
    ///
    /// # Errors
    /// Where the broker gives none.
    pub fn producer(&mut self) -> Result<(i64, i16), String> {
        let request =
            InitProducerIdRequest { transaction_timeout_ms: i32::MAX, transactional_id: None, ..Default::default() };
        let ask = || {
            let answer = self.first.ask(&request)?;
            let response: InitProducerIdResponse = read(&answer)?;
            match response.error_code {
                0 => Ok(Some((response.producer_id, response.producer_epoch))),
                code if error::passes(code) => Ok(None),
                code => Err(format!("no producer id: {}", error::name(code))),
            }
        };
        patiently(ask, "no producer id")
    }
}

/// Offsets of these partitions, in their order; nothing where one of them is not ready.
fn list(control: &mut Control, name: &str, partitions: &[i32], at: i64) -> Result<Option<Vec<(i32, i64)>>, String> {
    let asked =
        |&partition_index: &i32| ListOffsetsPartition { partition_index, timestamp: at, current_leader_epoch: -1 };
    let topics = vec![ListOffsetsTopic { name, partitions: partitions.iter().map(asked).collect() }];
    let answer = control.ask(&ListOffsetsRequest { replica_id: -1, topics, timeout_ms: 30_000, isolation_level: 0 })?;
    let response: ListOffsetsResponse<'_> = read(&answer)?;
    let mut found: Vec<(i32, i64)> = Vec::with_capacity(partitions.len());
    for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
        match partition.error_code {
            0 => found.push((partition.partition_index, partition.offset)),
            code if error::passes(code) => return Ok(None),
            code => return Err(format!("offsets of topic {name}: {}", error::name(code))),
        }
    }
    found.sort_unstable();
    if found.iter().map(|(partition, _)| partition).eq(partitions) {
        Ok(Some(found))
    } else {
        Err("ListOffsets answers something else".into())
    }
}
