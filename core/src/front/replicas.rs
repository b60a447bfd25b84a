//! ElectLeaders and the reassignments: a diskless partition has neither followers nor a place.
//!
//! A live broker leads everything, as it is preferred to, so no election is needed; and what is moved to live brokers is
//! there already, so a move is over when it is asked for. What cannot be is refused in Kafka's words.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Front, RequestId};
use crate::api::{
    AdminResponse, AlterReassignmentsRequest, AlterReassignmentsResponse, ElectLeadersRequest, ElectLeadersResponse,
    MovedTopic, Response, TopicRef,
};
use crate::error::{Refusal, Refused};
use crate::ids::BrokerId;

/// Kafka's elections: of the preferred replica, and of any.
const ELECTIONS: std::ops::RangeInclusive<i8> = 0..=1;

impl Front {
    pub(super) fn elect_leaders(&mut self, id: RequestId, request: ElectLeadersRequest) {
        let result = match (ELECTIONS.contains(&request.kind), request.topics) {
            (false, _) => Err(Refusal::InvalidRequest),
            // Of all partitions, those are told that needed an election.
            (true, None) => Ok(Vec::new()),
            (true, Some(topics)) => Ok(topics.into_iter().map(|(name, indexes)| self.elected(name, indexes)).collect()),
        };
        let response = AdminResponse::ElectLeaders(ElectLeadersResponse { result });
        self.answer(id, Response::Admin(response));
    }

    fn elected(&self, name: Arc<str>, indexes: Vec<i32>) -> MovedTopic {
        let topic = self.catalog.find(&TopicRef::Name(Arc::clone(&name)));
        let partitions = indexes.into_iter().map(|index| {
            let refused = match topic.and_then(|topic| topic.partition(index)) {
                Some(_) => Refused::new(Refusal::ElectionNotNeeded, "Leader election not needed for topic partition."),
                None => missing(),
            };
            (index, Err(refused))
        });
        MovedTopic { partitions: partitions.collect(), name }
    }

    pub(super) fn alter_reassignments(&mut self, id: RequestId, request: AlterReassignmentsRequest) {
        let resize = request.resize;
        let topics = request.topics.into_iter().map(|wanted| {
            let topic = self.catalog.find(&TopicRef::Name(Arc::clone(&wanted.name)));
            let partitions = wanted.partitions.into_iter().map(|(index, brokers)| {
                let found = topic.and_then(|topic| topic.partition(index)).ok_or_else(missing);
                (index, found.and_then(|_| self.moved(brokers.as_deref())))
            });
            MovedTopic { partitions: partitions.collect(), name: wanted.name }
        });
        let response = AlterReassignmentsResponse { resize, topics: topics.collect() };
        self.answer(id, Response::Admin(AdminResponse::AlterReassignments(response)));
    }

    /// Each replica stands on a broker that lives. There is one, so their count never changes either.
    fn moved(&self, brokers: Option<&[BrokerId]>) -> Result<(), Refused> {
        let Some(brokers) = brokers else {
            let message = "No partition reassignment is in progress.";
            return Err(Refused::new(Refusal::NoReassignmentInProgress, message));
        };
        let invalid = |message: String| Err(Refused::new(Refusal::InvalidReplicaAssignment, message));
        if brokers.is_empty() {
            return invalid("The manual partition assignment includes an empty replica list.".to_owned());
        }
        let mut seen = BTreeSet::new();
        for broker in brokers {
            if !seen.insert(broker) {
                return invalid(format!(
                    "The manual partition assignment includes the broker {broker} more than once."
                ));
            }
            if *broker != self.settings.broker {
                return invalid(format!(
                    "The manual partition assignment includes broker {broker}, but no such broker is registered."
                ));
            }
        }
        Ok(())
    }
}

fn missing() -> Refused {
    Refused::new(Refusal::UnknownTopicOrPartition, "This server does not host this topic-partition.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ReassignedTopic;
    use crate::front::partitions::tests::front;
    use crate::ids::ConnectionId;

    const ID: RequestId = RequestId { connection: ConnectionId(1), slot: 0 };

    fn refusals(topics: &[MovedTopic]) -> Vec<(&str, i32, Option<Refusal>)> {
        let told = |topic: &'_ MovedTopic| -> Vec<(i32, Option<Refusal>)> {
            let refusal = |result: &Result<(), Refused>| result.as_ref().err().map(|refused| refused.refusal);
            topic.partitions.iter().map(|(index, result)| (*index, refusal(result))).collect()
        };
        topics.iter().flat_map(|topic| told(topic).into_iter().map(|(at, why)| (&*topic.name, at, why))).collect()
    }

    #[test]
    fn nobody_else_could_lead() {
        let mut front = front(&[("a", 2)]);
        let mut elect = |kind, topics| {
            front.elect_leaders(ID, ElectLeadersRequest { kind, topics });
            let Some((_, Response::Admin(AdminResponse::ElectLeaders(response)))) = front.answers.pop() else {
                panic!("no answer")
            };
            response.result
        };
        let named = || Some(vec![("a".into(), vec![1, 2]), ("b".into(), vec![0])]);
        let (needless, unknown) = (Some(Refusal::ElectionNotNeeded), Some(Refusal::UnknownTopicOrPartition));
        for kind in [0, 1] {
            let told = elect(kind, named()).expect("it is a kind");
            assert_eq!(refusals(&told), [("a", 1, needless), ("a", 2, unknown), ("b", 0, unknown)]);
            assert!(elect(kind, None).expect("it is a kind").is_empty());
        }
        assert_eq!(elect(2, named()).err(), Some(Refusal::InvalidRequest));
    }

    #[test]
    fn a_move_to_a_live_broker_is_over_at_once() {
        let mut front = front(&[("a", 5)]);
        let to = |brokers: &[i32]| Some(brokers.iter().map(|broker| BrokerId(*broker)).collect());
        let partitions =
            vec![(0, to(&[1])), (1, None), (2, to(&[])), (3, to(&[1, 1])), (4, to(&[1, 2])), (5, to(&[1]))];
        let topics = vec![ReassignedTopic { name: "a".into(), partitions }];
        front.alter_reassignments(ID, AlterReassignmentsRequest { resize: true, topics });
        let Some((_, Response::Admin(AdminResponse::AlterReassignments(response)))) = front.answers.pop() else {
            panic!("no answer")
        };
        let invalid = Some(Refusal::InvalidReplicaAssignment);
        let expected = [
            ("a", 0, None),
            ("a", 1, Some(Refusal::NoReassignmentInProgress)),
            ("a", 2, invalid),
            ("a", 3, invalid),
            ("a", 4, invalid),
            ("a", 5, Some(Refusal::UnknownTopicOrPartition)),
        ];
        assert_eq!(refusals(&response.topics), expected);
    }
}
