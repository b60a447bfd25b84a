//! A member's place in its group, by either protocol.

use std::collections::BTreeSet;

use apus_core::time::Instant;
use bytes::Bytes;

use super::beating::Beating;
use super::classic::Classic;
use crate::checker::Place;
use crate::checker::groups::MemberName;
use crate::client::topic::Topic;
use crate::client::{Desk, Link};

/// What a member is told about its place.
#[derive(Debug)]
pub enum Told {
    /// Its silence begins anew, and nothing else is new.
    Lives,
    /// It goes on to the next question.
    GoesOn,
    /// Not now.
    Later,
    /// It is no member.
    Lost,
    /// It may use exactly these.
    Holds(BTreeSet<Place>),
}

/// A place in a group.
#[derive(Debug)]
pub enum Seat {
    Classic(Classic),
    Beating(Beating),
}

macro_rules! either {
    ($seat:expr, $one:ident => $what:expr) => {
        match $seat {
            Seat::Classic($one) => $what,
            Seat::Beating($one) => $what,
        }
    };
}

impl Seat {
    /// Another one takes the place.
    pub fn begin(&mut self, name: MemberName) {
        either!(self, seat => seat.begin(name));
    }

    pub fn is_classic(&self) -> bool {
        matches!(self, Seat::Classic(_))
    }

    /// Its name in the group.
    pub fn id(&self) -> &str {
        either!(self, seat => seat.id())
    }

    /// The generation or epoch that it was told last.
    pub fn epoch(&self) -> i32 {
        either!(self, seat => seat.epoch())
    }

    /// It was told what it may use, and nothing since that says otherwise.
    pub fn is_seated(&self) -> bool {
        either!(self, seat => seat.is_seated())
    }

    /// It is to join again, and still has what it had.
    pub fn is_called(&self) -> bool {
        either!(self, seat => seat.is_called())
    }

    /// What it asks next ends what it had.
    pub fn is_joining(&self) -> bool {
        either!(self, seat => seat.is_joining())
    }

    /// When it has to ask something.
    pub fn due_at(&self) -> Instant {
        either!(self, seat => seat.due_at())
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.due_at() <= now
    }

    /// Asks what its protocol asks next.
    pub fn ask(&mut self, group: &'static str, topics: &[Topic], link: &mut Link, desk: &mut Desk<'_>) {
        either!(self, seat => seat.ask(group, topics, link, desk));
    }

    pub fn answered(&mut self, topics: &[Topic], frame: &Bytes, version: i16, desk: &mut Desk<'_>) -> Told {
        either!(self, seat => seat.answered(topics, frame, version, desk))
    }

    /// Says that it leaves; false where it has no place.
    pub fn leave(&mut self, group: &'static str, link: &mut Link, desk: &mut Desk<'_>) -> bool {
        either!(self, seat => seat.leave(group, link, desk))
    }

    /// It has no place any more.
    pub fn lose(&mut self) {
        either!(self, seat => seat.lose());
    }

    /// A commit said that the group rebalances.
    pub fn call(&mut self) {
        either!(self, seat => seat.call());
    }

    /// Something said that its epoch is not the newest.
    pub fn doubt(&mut self) {
        either!(self, seat => seat.doubt());
    }

    /// Whatever was asked may have happened.
    pub fn disconnected(&mut self) {
        either!(self, seat => seat.disconnected());
    }
}
