//! Groups in the end: stable, everything theirs, everything read; in the broker's ledger as their members see it.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::checker::Place;
use crate::client::Role;
use crate::client::member::Member;

impl World {
    fn members(&self) -> impl Iterator<Item = &Member> {
        self.guests.iter().filter_map(|guest| match &guest.client.role {
            Role::Member(member) => Some(member),
            _ => None,
        })
    }

    /// From now on members have no mishaps.
    pub(super) fn finish_members(&mut self) {
        self.each_member(Member::finish);
    }

    /// The members leave, for good.
    pub(super) fn retire_members(&mut self) {
        self.each_member(Member::retire);
    }

    fn each_member(&mut self, act: impl Fn(&mut Member)) {
        for guest in &mut self.guests {
            if let Role::Member(member) = &mut guest.client.role {
                act(member);
            }
        }
    }

    /// Every group is stable, its members have read everything, and each partition is one member's.
    pub(super) fn groups_are_settled(&self) -> bool {
        let mut groups: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
        self.members().for_each(|member| groups.entry(member.group).or_default().push(member));
        groups.iter().all(|(group, members)| {
            let held: Vec<Place> = members.iter().flat_map(|member| member.places()).collect();
            let once: BTreeSet<Place> = held.iter().copied().collect();
            let all = once.len() == held.len() && once == self.places();
            all && members.iter().all(|member| member.is_done()) && self.is_stable(group, members)
        })
    }

    fn places(&self) -> BTreeSet<Place> {
        let topics = self.plan.topics().iter();
        topics.flat_map(|topic| (0..topic.partitions).map(|index| (topic.name, index))).collect()
    }

    /// The ledger knows exactly these members, and nothing that is still to be done.
    fn is_stable(&self, group: &str, members: &[&Member]) -> bool {
        let Some(ledger) = self.ledger() else { return false };
        if members.iter().all(|member| member.seat.is_classic()) {
            let Some(stored) = ledger.group(group).filter(|stored| !stored.rebalancing) else { return false };
            let is_in = |member: &&Member| {
                stored.generation == member.seat.epoch()
                    && stored.members.iter().any(|one| *one.id == *member.seat.id())
            };
            return stored.members.len() == members.len() && members.iter().all(is_in);
        }
        let Some(stored) = ledger.consumers(group) else { return false };
        let is_in = |member: &&Member| {
            let found = stored.members.get(member.seat.id());
            found.is_some_and(|one| one.epoch == member.seat.epoch() && one.is_settled(stored.target_epoch))
        };
        let is_whole = stored.epoch == stored.target_epoch && stored.members.len() == members.len();
        is_whole && members.iter().all(is_in)
    }

    /// What the last life knows of the groups is what their members committed: everything.
    pub(super) fn check_groups(&mut self, bounds: &BTreeMap<Place, (i64, i64)>) {
        let groups: BTreeSet<&'static str> = self.members().map(|member| member.group).collect();
        let mut committed = Vec::new();
        let ledger = self.ledger().expect("it runs");
        for (group, place) in groups.iter().flat_map(|group| bounds.keys().map(move |place| (*group, *place))) {
            let record = ledger.topic_named(place.0).expect("it is there");
            let partition = record.partition_at(place.1).expect("it has it");
            let position = ledger.group_position(group, partition);
            let position = position.unwrap_or_else(|| panic!("{group} has committed nothing of {place:?}"));
            committed.push((group, place, position.offset.offset));
        }
        for (group, place, offset) in committed {
            self.checker.groups.finished(group, place, bounds[&place].1, offset);
        }
    }
}
