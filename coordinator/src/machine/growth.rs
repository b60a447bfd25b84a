//! CreatePartitions: decided topic by topic, answered when every core knows the new partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::api::{CreatePartitionsRequest, CreatePartitionsResponse, TopicGrowth};
use apus_core::catalog::{CatalogChange, Topic};
use apus_core::error::{Refusal, Refused};
use apus_core::ids::{BrokerId, CoreId, Ticket};
use apus_core::limits;
use apus_core::message::Answer;
use apus_core::turn::Turn;

use super::leader::Leader;
use super::prepared::Prepared;
use super::topics::full;
use crate::command::Command;
use crate::journal::{Claim, Room};
use crate::ledger::Decision;

/// A topic, and how many partitions it gets beside those that it has.
struct Growth {
    topic: Arc<Topic>,
    added: u32,
}

impl Leader {
    /// Adds what may be added; hands the request back where it must wait for a segment.
    pub(crate) fn create_partitions(
        &mut self,
        core: CoreId,
        ticket: Ticket,
        request: CreatePartitionsRequest,
        turn: &mut Turn,
    ) -> Option<CreatePartitionsRequest> {
        let grow = |growth: Growth| {
            let partitions = growth.topic.partitions.len() as u32 + growth.added;
            Prepared::new(Command::GrowTopic { id: growth.topic.id, partitions }, turn)
        };
        let prepared: Vec<_> = self.growths(&request).into_iter().map(|growth| growth.map(grow)).collect();
        let room =
            if request.validate_only { Room::Yes } else { self.room_for(prepared.iter().flatten(), Claim::Client) };
        if room == Room::Soon {
            return Some(request);
        }
        let mut changes = Vec::new();
        let mut topics = Vec::with_capacity(prepared.len());
        for (topic, prepared) in request.topics.iter().zip(prepared) {
            let result = match prepared {
                Ok(_) if request.validate_only => Ok(()),
                Ok(_) if room == Room::No => Err(full()),
                Ok(prepared) => self.grow(prepared, &mut changes),
                Err(refused) => Err(refused),
            };
            topics.push((Arc::clone(&topic.name), result));
        }
        self.publish(changes, core, ticket, Answer::CreatePartitions(CreatePartitionsResponse { topics }), turn);
        None
    }

    fn grow(&mut self, prepared: Prepared, changes: &mut Vec<CatalogChange>) -> Result<(), Refused> {
        let Decision::Grown(grown) = self.apply(prepared).1 else { unreachable!("a growth ends as one") };
        self.set_topic(&grown?, changes);
        Ok(())
    }

    fn growths(&self, request: &CreatePartitionsRequest) -> Vec<Result<Growth, Refused>> {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        request.topics.iter().for_each(|topic| *counts.entry(&topic.name).or_default() += 1);
        let growth = |wanted: &TopicGrowth| match counts[&*wanted.name] {
            1 => {
                let topic = self.topic_named(&wanted.name)?;
                let added = added(wanted, &topic)?;
                Ok(Growth { topic, added })
            }
            _ => Err(Refused::new(Refusal::InvalidRequest, "Duplicate topic name.")),
        };
        let mut growths: Vec<_> = request.topics.iter().map(growth).collect();
        let asked: u64 = growths.iter().flatten().map(|growth| u64::from(growth.added)).sum();
        let message = if asked > limits::PARTITIONS_CREATE_MAX {
            "Excessively large number of additional partitions per request."
        } else if self.ledger.pressure().partitions + asked > limits::PARTITIONS_MAX {
            "The cluster has no room for so many partitions."
        } else {
            return growths;
        };
        for growth in growths.iter_mut().filter(|growth| growth.is_ok()) {
            *growth = Err(Refused::new(Refusal::PolicyViolation, message));
        }
        growths
    }
}

/// Kafka's rules, in Kafka's words.
fn added(wanted: &TopicGrowth, topic: &Topic) -> Result<u32, Refused> {
    let (before, asked) = (topic.partitions.len(), wanted.partitions);
    let added = u32::try_from(i64::from(asked) - before as i64).unwrap_or(0);
    if added == 0 {
        let message = if usize::try_from(asked) == Ok(before) {
            format!("Topic already has {before} partition(s).")
        } else {
            format!("The topic {} currently has {before} partition(s); {asked} would not be an increase.", wanted.name)
        };
        return Err(Refused::new(Refusal::InvalidPartitions, message));
    }
    if let Some(assignments) = &wanted.assignments {
        if assignments.len() != added as usize {
            return Err(invalid_assignment(format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
                assignments.len()
            )));
        }
        assignments.iter().try_for_each(|brokers| check_assignment(brokers))?;
    }
    Ok(added)
}

/// Who holds a diskless partition is the object store's affair; an assignment that contradicts itself is refused.
fn check_assignment(brokers: &[BrokerId]) -> Result<(), Refused> {
    if brokers.is_empty() {
        return Err(invalid_assignment("The manual partition assignment includes an empty replica list.".to_owned()));
    }
    let mut seen = BTreeSet::new();
    match brokers.iter().find(|broker| !seen.insert(**broker)) {
        Some(broker) => Err(invalid_assignment(format!(
            "The manual partition assignment includes the broker {broker} more than once."
        ))),
        None => Ok(()),
    }
}

fn invalid_assignment(message: String) -> Refused {
    Refused::new(Refusal::InvalidReplicaAssignment, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use apus_core::config::{Config, Host, TopicConfig};
    use apus_core::ids::{PartitionId, Uuid};

    fn growth(partitions: i32, assignments: Option<Vec<Vec<i32>>>) -> Result<u32, (Refusal, String)> {
        let node = Config::load(&[], &Host { name: "host".to_owned(), cpus: 2 }).expect("defaults are valid");
        let topic = Topic {
            id: Uuid([1; 16]),
            name: "t".into(),
            partitions: (0..3).map(PartitionId).collect(),
            replication_factor: 1,
            overrides: BTreeMap::new(),
            config: TopicConfig::resolve(&BTreeMap::new(), &node).expect("defaults are valid"),
        };
        let assignments =
            assignments.map(|all| all.into_iter().map(|brokers| brokers.into_iter().map(BrokerId).collect()).collect());
        let wanted = TopicGrowth { name: "t".into(), partitions, assignments };
        added(&wanted, &topic).map_err(|refused| (refused.refusal, refused.message.into_owned()))
    }

    #[test]
    fn topics_only_grow() {
        assert_eq!(growth(5, None), Ok(2));
        assert_eq!(growth(i32::MAX, None), Ok(i32::MAX as u32 - 3));
        for (partitions, message) in [
            (3, "Topic already has 3 partition(s)."),
            (2, "The topic t currently has 3 partition(s); 2 would not be an increase."),
            (-1, "The topic t currently has 3 partition(s); -1 would not be an increase."),
            (i32::MIN, "The topic t currently has 3 partition(s); -2147483648 would not be an increase."),
        ] {
            assert_eq!(growth(partitions, None), Err((Refusal::InvalidPartitions, message.to_owned())));
        }
    }

    #[test]
    fn assignments_are_checked() {
        assert_eq!(growth(5, Some(vec![vec![1], vec![1, 2]])), Ok(2));
        for bad in [vec![vec![1]], vec![vec![1], vec![]], vec![vec![1], vec![2, 2]]] {
            assert!(growth(5, Some(bad)).is_err_and(|(refusal, _)| refusal == Refusal::InvalidReplicaAssignment));
        }
    }
}
