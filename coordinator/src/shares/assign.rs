//! Who is to have which partitions: Kafka's `simple` assignor on the server's side.
//!
//! Each partition goes to the member with least to do among those who subscribe to its topic; a member that is left with
//! nothing shares the partition that fewest others have. Members are served in the order of their ids.

use std::collections::{BTreeMap, BTreeSet};

use apus_core::ids::PartitionId;

use crate::command::StoredConsumer;
use crate::consumers::topics::Subscriptions;

/// The assignor's name.
pub(crate) const SIMPLE: &str = "simple";

/// What each member is to have, in the order of the members; each list in order.
pub(super) fn assign(members: &[&StoredConsumer], wanted: &Subscriptions) -> Vec<Vec<PartitionId>> {
    assert!(members.len() == wanted.members.len());
    let mut takers = vec![Vec::new(); wanted.topics.len()];
    for (member, topics) in wanted.members.iter().enumerate() {
        topics.iter().for_each(|topic| takers[*topic].push(member));
    }
    let mut shares: Vec<BTreeSet<PartitionId>> = vec![BTreeSet::new(); members.len()];
    let mut holders: BTreeMap<PartitionId, usize> = BTreeMap::new();
    // Topics that few want first: the others have more to choose from.
    let mut topics: Vec<usize> = (0..takers.len()).filter(|topic| !takers[*topic].is_empty()).collect();
    topics.sort_by_key(|topic| takers[*topic].len());
    for topic in topics {
        for partition in &wanted.topics[topic] {
            let poorest = takers[topic].iter().copied().min_by_key(|taker| shares[*taker].len());
            shares[poorest.expect("the topic has takers")].insert(*partition);
            holders.insert(*partition, 1);
        }
    }
    for (member, topics) in wanted.members.iter().enumerate().filter(|(_, topics)| !topics.is_empty()) {
        if shares[member].is_empty() {
            let own = topics.iter().flat_map(|topic| &wanted.topics[*topic]);
            let Some(least) = own.min_by_key(|partition| (holders.get(partition), **partition)) else { continue };
            shares[member].insert(*least);
            *holders.entry(*least).or_default() += 1;
        }
    }
    shares.into_iter().map(|share| share.into_iter().collect()).collect()
}
