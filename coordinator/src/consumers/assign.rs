//! Who is to have which partitions: Kafka's two assignors on the server's side.
//!
//! `uniform` gives everyone as many as everyone else, as far as subscriptions allow, and takes from nobody what he may
//! keep. `range` deals the partitions of each topic out in runs, so that equal topics are split alike; it keeps nothing.

use std::collections::{BTreeMap, BTreeSet};

use apus_core::ids::PartitionId;

use super::topics::Subscriptions;
use crate::command::StoredConsumer;

/// Rounds in which members of different subscriptions even out what they have. Each takes what is too much from whoever
/// has most; few are needed, and what is left uneven is still whole.
const ROUNDS_MAX: usize = 16;

/// An assignor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// As many for everyone.
    Uniform,
    /// Runs of each topic.
    Range,
}

impl Assignor {
    /// The one of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Assignor> {
        [Assignor::Uniform, Assignor::Range].into_iter().find(|assignor| assignor.name() == name)
    }

    /// Kafka's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// What each member is to have, in the order of the members; each list in order.
    pub(super) fn assign(self, members: &[&StoredConsumer], wanted: &Subscriptions) -> Vec<Vec<PartitionId>> {
        assert!(members.len() == wanted.members.len());
        let mut shares = match self {
            Assignor::Uniform => Uniform::new(members, wanted).assign(),
            Assignor::Range => range(members, wanted),
        };
        shares.iter_mut().for_each(|share| share.sort_unstable());
        shares
    }
}

/// Static members come first, by their names, so that they keep their places over restarts.
fn range(members: &[&StoredConsumer], wanted: &Subscriptions) -> Vec<Vec<PartitionId>> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|member| {
        let member = members[*member];
        (member.instance_id.is_none(), member.instance_id.as_ref(), &member.id)
    });
    let mut shares = vec![Vec::new(); members.len()];
    for (topic, partitions) in wanted.topics.iter().enumerate() {
        let takers: Vec<usize> = order.iter().copied().filter(|one| wanted.members[*one].contains(&topic)).collect();
        let mut rest = &partitions[..];
        for (place, taker) in takers.iter().enumerate() {
            let share = rest.len().div_ceil(takers.len() - place);
            let (own, behind) = rest.split_at(share);
            shares[*taker].extend_from_slice(own);
            rest = behind;
        }
    }
    shares
}

/// The state of one uniform assignment.
struct Uniform<'a> {
    wanted: &'a Subscriptions,
    /// By topic: the members that subscribe to it.
    takers: Vec<Vec<usize>>,
    /// The topic of each partition.
    topic_of: BTreeMap<PartitionId, usize>,
    shares: Vec<BTreeSet<PartitionId>>,
}

impl<'a> Uniform<'a> {
    /// Everyone has what he was to have before and still subscribes to.
    fn new(members: &[&StoredConsumer], wanted: &'a Subscriptions) -> Uniform<'a> {
        let mut takers = vec![Vec::new(); wanted.topics.len()];
        for (member, topics) in wanted.members.iter().enumerate() {
            topics.iter().for_each(|topic| takers[*topic].push(member));
        }
        let topics = wanted.topics.iter().enumerate();
        let topic_of: BTreeMap<PartitionId, usize> =
            topics.flat_map(|(topic, partitions)| partitions.iter().map(move |one| (*one, topic))).collect();
        let kept = |(member, topics): (&&StoredConsumer, &BTreeSet<usize>)| {
            let subscribed = |one: &&PartitionId| topic_of.get(one).is_some_and(|topic| topics.contains(topic));
            member.target.iter().filter(subscribed).copied().collect()
        };
        let shares = members.iter().zip(&wanted.members).map(kept).collect();
        Uniform { wanted, takers, topic_of, shares }
    }

    fn assign(mut self) -> Vec<Vec<PartitionId>> {
        if self.wanted.members.windows(2).all(|pair| pair[0] == pair[1]) {
            self.trim();
        }
        let taken: BTreeSet<PartitionId> = self.shares.iter().flatten().copied().collect();
        // Topics that few want first: the others have more to choose from.
        let mut topics: Vec<usize> = (0..self.takers.len()).filter(|topic| !self.takers[*topic].is_empty()).collect();
        topics.sort_by_key(|topic| self.takers[*topic].len());
        for topic in topics {
            for partition in self.wanted.topics[topic].iter().filter(|partition| !taken.contains(partition)) {
                let taker = self.poorest(topic);
                self.shares[taker].insert(*partition);
            }
        }
        for _ in 0..ROUNDS_MAX {
            if !self.even_out() {
                break;
            }
        }
        self.shares.into_iter().map(|share| share.into_iter().collect()).collect()
    }

    /// Where all want the same, nobody keeps more than his part; whoever has most has the odd ones.
    fn trim(&mut self) {
        let count = self.shares.len().max(1);
        let (part, odd) = (self.topic_of.len() / count, self.topic_of.len() % count);
        let mut order: Vec<usize> = (0..self.shares.len()).collect();
        order.sort_by_key(|member| std::cmp::Reverse(self.shares[*member].len()));
        for (place, member) in order.into_iter().enumerate() {
            let share = &mut self.shares[member];
            while share.len() > part + usize::from(place < odd) {
                share.pop_last();
            }
        }
    }

    fn poorest(&self, topic: usize) -> usize {
        let takers = self.takers[topic].iter().copied();
        takers.min_by_key(|taker| self.shares[*taker].len()).expect("the topic has takers")
    }

    /// Takes from whoever has two more than another one who would have it too; false where nobody has.
    fn even_out(&mut self) -> bool {
        let mut moved = false;
        for member in 0..self.shares.len() {
            let own: Vec<PartitionId> = self.shares[member].iter().copied().collect();
            for partition in own.into_iter().rev() {
                let poorest = self.poorest(self.topic_of[&partition]);
                if self.shares[member].len() > self.shares[poorest].len() + 1 {
                    self.shares[member].remove(&partition);
                    self.shares[poorest].insert(partition);
                    moved = true;
                }
            }
        }
        moved
    }
}
