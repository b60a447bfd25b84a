//! What groups promise their members, of either protocol; generations are called epochs here too.
//!
//! - Of one epoch a partition has one owner. Whoever is given a partition gets it from one who gave it back, or who has been
//!   silent for a session.
//! - A commit under an epoch that is known to be over, or of a partition that was given to another one since, is refused.
//! - A committed offset is what was committed last, through crashes too: [`Register`].
//! - Nobody starts behind what the group has read.

use std::collections::{BTreeMap, BTreeSet};

use apus_core::time::Instant;

use super::Place;
use super::register::Register;
use crate::client::member::OUT_MS;

/// One member: a process, and which of its lives it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberName {
    pub process: u64,
    pub life: u64,
}

/// A commit on its way.
#[derive(Clone, Copy, Debug)]
pub struct Committing {
    place: Place,
    begun: u64,
    epoch: i32,
    /// Why it must be refused.
    wrong: Option<&'static str>,
}

/// What a member was told.
#[derive(Debug, Default)]
struct Seat {
    epoch: i32,
    /// What it may be using.
    holds: BTreeSet<Place>,
    /// It was heard then, or later.
    heard_at: Instant,
}

#[derive(Debug, Default)]
struct Group {
    seats: BTreeMap<MemberName, Seat>,
    owners: BTreeMap<(i32, Place), MemberName>,
    /// To whom each partition was given last, and of which epoch.
    newest: BTreeMap<Place, (i32, MemberName)>,
    /// The newest epoch, of a classic group.
    generation: i32,
    offsets: BTreeMap<Place, Register>,
    /// Behind what its members read without a gap.
    read: BTreeMap<Place, i64>,
}

/// All groups.
#[derive(Debug, Default)]
pub struct Groups {
    groups: BTreeMap<&'static str, Group>,
    /// Rises with whatever is asked and told.
    clock: u64,
}

impl Groups {
    fn tick(&mut self, group: &'static str) -> (u64, &mut Group) {
        self.clock += 1;
        (self.clock, self.groups.entry(group).or_default())
    }

    /// A member was told its epoch and everything that it may use.
    pub fn told(
        &mut self,
        group: &'static str,
        member: MemberName,
        epoch: i32,
        places: &BTreeSet<Place>,
        now: Instant,
    ) {
        let (clock, found) = self.tick(group);
        let known = found.seats.get(&member).map_or(0, |seat| seat.epoch);
        assert!(epoch >= known, "{group}: {member:?} goes back from epoch {known} to {epoch}");
        for place in places {
            let owner = *found.owners.entry((epoch, *place)).or_insert(member);
            assert!(owner == member, "{group}: of epoch {epoch}, {place:?} is {owner:?}'s and {member:?}'s");
            for (other, seat) in found.seats.iter_mut().filter(|(other, _)| **other != member) {
                if seat.holds.remove(place) {
                    let out_at = seat.heard_at.after_ms(OUT_MS);
                    assert!(now >= out_at, "{group}: {place:?} was given to {member:?}, and {other:?} has it");
                }
            }
            found.newest.insert(*place, (epoch, member));
            found.offsets.entry(*place).or_default().end_others(member, clock);
        }
        let seat = found.seats.entry(member).or_default();
        seat.epoch = epoch;
        seat.holds.extend(places);
    }

    /// A generation of a classic group was assigned: those before it are over.
    pub fn assigned(&mut self, group: &'static str, generation: i32) {
        let (_, found) = self.tick(group);
        found.generation = found.generation.max(generation);
    }

    /// A member is about to say that it uses these, and nothing else.
    pub fn holds(&mut self, group: &'static str, member: MemberName, places: BTreeSet<Place>) {
        let (_, found) = self.tick(group);
        found.seats.entry(member).or_default().holds = places;
    }

    /// A member's question was answered as a member's is; it was asked then.
    pub fn heard(&mut self, group: &'static str, member: MemberName, asked_at: Instant) {
        let (_, found) = self.tick(group);
        let seat = found.seats.entry(member).or_default();
        seat.heard_at = seat.heard_at.max(asked_at);
    }

    /// A commit is about to be sent.
    pub fn commits(
        &mut self,
        group: &'static str,
        member: MemberName,
        epoch: i32,
        place: Place,
        offset: i64,
    ) -> Committing {
        let (begun, found) = self.tick(group);
        let told = found.seats.get(&member).map_or(0, |seat| seat.epoch);
        let is_taken = found.newest.get(&place).is_some_and(|(newer, owner)| *owner != member && *newer > epoch);
        let wrong = if epoch < told.max(found.generation) {
            Some("under an epoch that is over")
        } else if is_taken {
            Some("of a partition that is another's")
        } else {
            None
        };
        found.offsets.entry(place).or_default().begin(offset, member, begun);
        Committing { place, begun, epoch, wrong }
    }

    /// It was taken.
    pub fn committed(&mut self, group: &'static str, member: MemberName, commit: Committing) {
        let Committing { place, begun, epoch, wrong } = commit;
        assert!(wrong.is_none(), "{group}: a commit of {member:?} for {place:?}, {wrong:?} ({epoch}), was taken");
        let (now, found) = self.tick(group);
        found.offsets.entry(place).or_default().acknowledge(begun, now);
    }

    /// It was refused.
    pub fn refused(&mut self, group: &'static str, commit: Committing) {
        let (_, found) = self.tick(group);
        found.offsets.entry(commit.place).or_default().refuse(commit.begun);
    }

    /// Somebody is about to ask for offsets; names the question.
    pub fn asks(&mut self, group: &'static str) -> u64 {
        self.tick(group).0
    }

    /// The question was answered.
    pub fn found(&mut self, group: &'static str, place: Place, offset: i64, begun: u64) {
        let (_, found) = self.tick(group);
        let register = found.offsets.entry(place).or_default();
        let last = register.last();
        let is_right = register.may_be(offset, begun);
        assert!(is_right, "{group}: {offset} is committed for {place:?}, after {last:?} was promised");
        let read = found.read.get(&place).copied().unwrap_or(0);
        assert!(offset <= read, "{group}: {offset} is committed for {place:?}, and read is {read}");
    }

    /// A member read from here to there.
    pub fn read(&mut self, group: &'static str, place: Place, from: i64, to: i64) {
        let (_, found) = self.tick(group);
        let read = found.read.entry(place).or_insert(0);
        assert!(from <= *read, "{group}: {place:?} was read up to {read}, and is read on from {from}");
        *read = to.max(*read);
    }

    /// In the end everything was read, and everything that was read is committed.
    pub fn finished(&mut self, group: &'static str, place: Place, end: i64, committed: i64) {
        let begun = self.asks(group);
        self.found(group, place, committed, begun);
        let read = self.groups[group].read.get(&place).copied().unwrap_or(0);
        assert!(read == end, "{group}: {place:?} was read up to {read}, and ends at {end}");
        assert!(committed == end, "{group}: {committed} is committed for {place:?}, which ends at {end}");
    }
}
