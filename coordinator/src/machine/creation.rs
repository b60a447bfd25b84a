//! Which topics may come to be: Kafka's rules, in Kafka's words.

use std::collections::{BTreeMap, BTreeSet};

use apus_core::api::NewTopic;
use apus_core::config::{Config, TopicConfig};
use apus_core::error::{Refusal, Refused};
use apus_core::topic_name;

/// Kafka's own log of its metadata; nobody creates it.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// A topic that may be created, all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many partitions.
    pub partitions: u32,
    /// As the creator asked, or the broker's default.
    pub replication_factor: i16,
    /// What the creator set.
    pub configs: BTreeMap<String, String>,
    /// What follows from it.
    pub config: TopicConfig,
}

/// Checks everything that the topic alone decides.
///
/// # Errors
/// In the order in which Kafka checks.
pub fn plan(topic: &NewTopic, node: &Config) -> Result<Plan, Refused> {
    check_name(&topic.name)?;
    let (partitions, replication_factor) = shape(topic, node)?;
    let configs = configs(topic)?;
    let config = TopicConfig::resolve(&configs, node)?;
    assert!(partitions > 0 && replication_factor > 0);
    Ok(Plan { partitions, replication_factor, configs, config })
}

/// Kafka's rules for names, and the one name that nobody may take.
fn check_name(name: &str) -> Result<(), Refused> {
    if name == METADATA_TOPIC {
        return Err(Refusal::TopicAuthorizationFailed.into());
    }
    topic_name::check(name)
}

fn shape(topic: &NewTopic, node: &Config) -> Result<(u32, i16), Refused> {
    if !topic.assignments.is_empty() {
        return assigned(topic);
    }
    if topic.replication_factor < -1 || topic.replication_factor == 0 {
        let message = "Replication factor must be larger than 0, or -1 to use the default value.";
        return Err(Refused::new(Refusal::InvalidReplicationFactor, message));
    }
    if topic.partitions < -1 || topic.partitions == 0 {
        let message = "Number of partitions was set to an invalid non-positive value.";
        return Err(Refused::new(Refusal::InvalidPartitions, message));
    }
    let partitions = u32::try_from(topic.partitions).unwrap_or(node.partitions_default);
    let factor =
        if topic.replication_factor == -1 { node.replication_factor_default } else { topic.replication_factor };
    Ok((partitions, factor))
}

fn assigned(topic: &NewTopic) -> Result<(u32, i16), Refused> {
    let manual = "A manual partition assignment was specified, but";
    if topic.replication_factor != -1 {
        return Err(Refused::new(Refusal::InvalidRequest, format!("{manual} replication factor was not set to -1.")));
    }
    if topic.partitions != -1 {
        return Err(Refused::new(Refusal::InvalidRequest, format!("{manual} numPartitions was not set to -1.")));
    }
    let refuse = |message: String| Err(Refused::new(Refusal::InvalidReplicaAssignment, message));
    let mut indexes = BTreeSet::new();
    let mut factor: Option<usize> = None;
    for (index, brokers) in &topic.assignments {
        if !indexes.insert(*index) {
            return refuse(format!("Found multiple manual partition assignments for partition {index}"));
        }
        let mut seen = BTreeSet::new();
        if brokers.is_empty() {
            return refuse("The manual partition assignment includes an empty replica list.".to_owned());
        }
        if let Some(broker) = brokers.iter().find(|broker| !seen.insert(**broker)) {
            return refuse(format!("The manual partition assignment includes the broker {broker} more than once."));
        }
        if let Some(before) = factor.filter(|before| *before != brokers.len()) {
            return refuse(format!(
                "The manual partition assignment includes a partition with {} replica(s), but this is not consistent \
                 with previous partitions, which have {before} replica(s).",
                brokers.len()
            ));
        }
        factor = Some(brokers.len());
    }
    let consecutive = indexes.iter().enumerate().all(|(position, index)| usize::try_from(*index) == Ok(position));
    let (Some(factor), true) = (factor.and_then(|factor| i16::try_from(factor).ok()), consecutive) else {
        return refuse("partitions should be a consecutive 0-based integer sequence".to_owned());
    };
    Ok((u32::try_from(indexes.len()).unwrap_or(u32::MAX), factor))
}

fn configs(topic: &NewTopic) -> Result<BTreeMap<String, String>, Refused> {
    let missing: Vec<&str> = topic.configs.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| &**key).collect();
    if !missing.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", missing.join(","));
        return Err(Refused::new(Refusal::InvalidConfig, message));
    }
    let pairs = topic.configs.iter().filter_map(|(key, value)| Some((key.to_string(), value.as_ref()?.to_string())));
    Ok(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use apus_core::config::Host;
    use apus_core::ids::BrokerId;

    fn node() -> Config {
        Config::load(&[], &Host { name: "host".to_owned(), cpus: 2 }).expect("defaults are valid")
    }

    fn topic(name: &str) -> NewTopic {
        NewTopic { name: name.into(), partitions: -1, replication_factor: -1, assignments: vec![], configs: vec![] }
    }

    fn refused(topic: &NewTopic) -> (Refusal, String) {
        let refused = plan(topic, &node()).expect_err("it is refused");
        (refused.refusal, refused.message.into_owned())
    }

    #[test]
    fn names_are_kafkas() {
        for name in ["a", "A.b_c-9", &"x".repeat(249), "...", "__consumer_offsets"] {
            assert!(plan(&topic(name), &node()).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a b", "a/b", "\u{e9}", &"x".repeat(250)] {
            let (refusal, message) = refused(&topic(name));
            assert_eq!(refusal, Refusal::InvalidTopicException);
            assert!(message.starts_with("Topic name is invalid: "), "{message}");
        }
        assert_eq!(refused(&topic(METADATA_TOPIC)).0, Refusal::TopicAuthorizationFailed);
    }

    #[test]
    fn counts_are_kafkas() {
        for (partitions, factor, expected) in [
            (0, 1, Refusal::InvalidPartitions),
            (-2, 1, Refusal::InvalidPartitions),
            (1, 0, Refusal::InvalidReplicationFactor),
            (1, -2, Refusal::InvalidReplicationFactor),
        ] {
            let topic = NewTopic { partitions, replication_factor: factor, ..topic("a") };
            assert_eq!(refused(&topic).0, expected);
        }
        let plan =
            plan(&NewTopic { partitions: 7, replication_factor: i16::MAX, ..topic("a") }, &node()).expect("fine");
        assert_eq!((plan.partitions, plan.replication_factor), (7, i16::MAX));
    }

    #[test]
    fn manual_assignments_are_checked() {
        let brokers = |ids: &[i32]| ids.iter().map(|id| BrokerId(*id)).collect::<Vec<_>>();
        let assign = |assignments| NewTopic { assignments, ..topic("a") };
        let good = assign(vec![(1, brokers(&[1, 2])), (0, brokers(&[2, 3]))]);
        let plan = plan(&good, &node()).expect("consistent");
        assert_eq!((plan.partitions, plan.replication_factor), (2, 2));
        for bad in [
            vec![(0, brokers(&[1])), (0, brokers(&[1]))],
            vec![(0, brokers(&[]))],
            vec![(0, brokers(&[1, 1]))],
            vec![(0, brokers(&[1])), (1, brokers(&[1, 2]))],
            vec![(1, brokers(&[1]))],
            vec![(-1, brokers(&[1])), (0, brokers(&[1]))],
        ] {
            assert_eq!(refused(&assign(bad)).0, Refusal::InvalidReplicaAssignment);
        }
        assert_eq!(refused(&NewTopic { partitions: 1, ..good }).0, Refusal::InvalidRequest);
    }

    #[test]
    fn configs_without_value_are_refused() {
        let topic = NewTopic { configs: vec![("retention.ms".into(), None)], ..topic("a") };
        assert_eq!(refused(&topic).0, Refusal::InvalidConfig);
    }
}
