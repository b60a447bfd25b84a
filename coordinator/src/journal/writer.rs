//! Writing the journal: groups queue, exactly one write is in flight, one spare segment waits ahead.
//!
//! Room is promised before a command is applied, so that what was applied can always be written: what clients ask for
//! leaves [`JournalLimits::reserve_bytes`] to the coordinator's own work (which is what frees segments), and that
//! leaves [`BEGIN_BYTES`] to the next starts. A segment that could not be made refuses writes until one can.

use std::collections::VecDeque;

use bytes::Bytes;

use apus_core::ids::{Lsn, Ticket};
use apus_core::limits;
use apus_core::time::Instant;
use apus_core::turn::{Effect, Level, Turn};
use apus_core::world::{DiskFailure, DiskReply, DiskRequest};

use super::format::{Author, GroupKind, span_of};
use super::group::{OpenGroup, Place, command_span};
use super::recovery::Tail;
use crate::machine::tickets::Tickets;

/// After so long without a command a seal is written: then only the last 50 ms can hold a torn tail.
pub const SEAL_IDLE_MS: u64 = 50;
/// A segment that could not be made or removed is tried again after this.
pub const RETRY_MS: u64 = 1_000;
/// Left free for the first command of the next 16 starts.
pub const BEGIN_BYTES: u64 = 16 * limits::JOURNAL_BLOCK_BYTES;

/// Sizes of a journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalLimits {
    /// Bytes of the first segment.
    pub first_bytes: u64,
    /// Bytes of the others.
    pub segment_bytes: u64,
    /// Bytes of all of them; beyond, commits are refused until segments are freed.
    pub bytes_max: u64,
    /// Left to the coordinator's own commands.
    pub reserve_bytes: u64,
}

impl Default for JournalLimits {
    fn default() -> JournalLimits {
        JournalLimits {
            first_bytes: limits::SEGMENT_FIRST_BYTES,
            segment_bytes: limits::SEGMENT_BYTES,
            bytes_max: limits::JOURNAL_BYTES_MAX,
            reserve_bytes: 512 * limits::KIB,
        }
    }
}

/// Who asks for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A client.
    Client,
    /// The coordinator's own upkeep.
    Upkeep,
    /// The first command of an incarnation.
    Begin,
}

/// Whether a command may be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It may.
    Yes,
    /// A segment is being made: ask again.
    Soon,
    /// No: the disk or the journal is full.
    No,
}

/// What an answer of the disk meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Everything up to here is durable.
    Durable(Lsn),
    /// Segments changed.
    Changed,
    /// The journal must not be written any more.
    Halt(String),
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    bytes: u64,
    /// The position of its first command.
    first: Lsn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spare {
    None,
    Creating(Ticket),
    Ready(u64),
    /// There was no room, or the journal is at its limit.
    Failed(Instant),
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    ticket: Ticket,
    last: Lsn,
    sealed: bool,
    began: Instant,
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    limits: JournalLimits,
    author: Author,
    /// In ascending order; the last one is written.
    segments: VecDeque<Segment>,
    position: u64,
    digest: u64,
    spare: Spare,
    /// The front one may be in flight no more: each is written whole.
    queue: VecDeque<OpenGroup>,
    flight: Option<Flight>,
    applied: Lsn,
    durable: Lsn,
    sealed: bool,
    idle_since: Instant,
    useless: VecDeque<u64>,
    removing: Option<(Ticket, u64)>,
    remove_after: Instant,
    complained: bool,
    written: u64,
    groups: u64,
}

impl Journal {
    /// A journal that goes on behind this tail. `firsts` are the positions at which its segments begin.
    #[must_use]
    pub fn new(
        limits: JournalLimits,
        author: Author,
        tail: &Tail,
        firsts: &[(u64, u64, Lsn)],
        now: Instant,
    ) -> Journal {
        let (_, position) = tail.place.expect("a journal has a segment before it is written");
        assert!(
            limits.first_bytes.min(limits.segment_bytes) > limits.reserve_bytes + BEGIN_BYTES,
            "no room for clients"
        );
        assert!(!firsts.is_empty());
        let segments = firsts.iter().map(|&(number, bytes, first)| Segment { number, bytes, first }).collect();
        let (applied, digest) = tail.last.map_or((Lsn(0), 0), |(header, digest)| (Lsn(header.next().0 - 1), digest));
        Journal {
            limits,
            author,
            segments,
            position,
            digest,
            spare: tail.spare.map_or(Spare::None, |(_, bytes)| Spare::Ready(bytes)),
            queue: VecDeque::new(),
            flight: None,
            applied,
            durable: applied,
            sealed: true,
            idle_since: now,
            useless: VecDeque::new(),
            removing: None,
            remove_after: Instant::default(),
            complained: false,
            written: 0,
            groups: 0,
        }
    }

    /// The position of the last command that was taken.
    #[must_use]
    pub fn applied(&self) -> Lsn {
        self.applied
    }

    /// Everything up to here is on disk.
    #[must_use]
    pub fn durable(&self) -> Lsn {
        self.durable
    }

    /// Who writes it.
    #[must_use]
    pub fn author(&self) -> Author {
        self.author
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let spare = if let Spare::Ready(bytes) = self.spare { bytes } else { 0 };
        self.segments.iter().map(|segment| segment.bytes).sum::<u64>() + spare
    }

    /// Bytes of all groups that were written since the start.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Groups that were written since the start.
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.groups
    }

    /// True where nothing waits and nothing is in flight.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.queue.is_empty() && self.flight.is_none()
    }

    /// True where a pause followed the last command.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// True where segments are short: what frees them should not wait.
    #[must_use]
    pub fn is_short(&self) -> bool {
        matches!(self.spare, Spare::Failed(_))
    }

    /// Whether a command with so many bytes may be applied.
    #[must_use]
    pub fn room(&self, command: u64, inline: Option<u64>, claim: Claim) -> Room {
        let span = span_of(command_span(command, inline));
        let kept = match claim {
            Claim::Client => self.limits.reserve_bytes + BEGIN_BYTES,
            Claim::Upkeep => BEGIN_BYTES,
            Claim::Begin => 0,
        };
        let queued: u64 = self.queue.iter().map(|group| span_of(group.bytes())).sum();
        let wanted = queued + span + kept;
        let current = self.segments.back().expect("a journal has a segment").bytes - self.position;
        let waste = span_of(self.group_bytes_max()).max(span);
        if wanted <= current {
            return Room::Yes;
        }
        match self.spare {
            // The end of this segment may be too short for the group that is next.
            Spare::Ready(bytes) if queued + span <= bytes && wanted <= bytes + current.saturating_sub(waste) => {
                Room::Yes
            }
            Spare::Ready(_) if !self.is_quiet() => Room::Soon,
            Spare::None | Spare::Creating(_) => Room::Soon,
            Spare::Ready(_) | Spare::Failed(_) => Room::No,
        }
    }

    /// Where segments are small, groups are smaller still.
    fn group_bytes_max(&self) -> u64 {
        limits::GROUP_BYTES_MAX.min(self.limits.segment_bytes.min(self.limits.first_bytes) / 4)
    }

    /// Takes a command that was applied, and its inline bytes.
    pub fn append(&mut self, command: Bytes, inline: Option<Vec<Bytes>>) -> Lsn {
        let inline_bytes = inline.as_ref().map(|pieces| pieces.iter().map(|piece| piece.len() as u64).sum());
        let span = command_span(command.len() as u64, inline_bytes);
        let bytes_max = self.group_bytes_max();
        if self.queue.back().is_none_or(|group| group.is_full(span, bytes_max)) {
            self.queue.push_back(OpenGroup::new(self.applied.next()));
        }
        let group = self.queue.back_mut().expect("a group was just opened");
        self.applied = group.push(command, inline);
        self.applied
    }

    /// Starts whatever the disk can be asked for now.
    pub fn pump(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        self.write(tickets, turn);
        self.prepare_spare(tickets, turn);
        self.remove_next(tickets, turn);
    }

    fn write(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        if self.flight.is_some() {
            return;
        }
        let Some(group) = self.queue.front() else { return };
        if !self.make_way(span_of(group.bytes()), group.next()) {
            return;
        }
        let group = self.queue.pop_front().expect("the front was just seen");
        turn.count.commands += group.next().0 - 1 - self.durable.0;
        self.issue(group, GroupKind::Data, tickets, turn);
    }

    /// Moves on to the spare segment where the current one has no room.
    fn make_way(&mut self, span: u64, next: Lsn) -> bool {
        let current = *self.segments.back().expect("a journal has a segment");
        if self.position + span <= current.bytes {
            return true;
        }
        let Spare::Ready(bytes) = self.spare else { return false };
        assert!(span <= bytes, "a group of {span} bytes and a segment of {bytes}");
        assert!(next > self.durable);
        self.segments.push_back(Segment { number: current.number + 1, bytes, first: self.durable.next() });
        self.position = 0;
        self.spare = Spare::None;
        true
    }

    fn issue(&mut self, group: OpenGroup, kind: GroupKind, tickets: &mut Tickets, turn: &mut Turn) {
        assert!(self.flight.is_none(), "one write at a time");
        let segment = self.segments.back().expect("a journal has a segment").number;
        let place = Place { segment, position: self.position, previous: self.digest };
        let sealed = group.seal(kind, self.author, place);
        let ticket = tickets.draw();
        let last = Lsn(sealed.header.next().0 - 1);
        self.flight = Some(Flight { ticket, last, sealed: kind == GroupKind::Seal, began: turn.now });
        self.digest = sealed.digest;
        self.position += sealed.header.span();
        self.written += sealed.header.span();
        self.groups += 1;
        turn.count.journal_groups += 1;
        turn.count.journal_bytes += sealed.header.span();
        let request = DiskRequest::Write { segment, position: place.position, pieces: sealed.pieces };
        turn.effect(Effect::Disk { ticket, request });
    }

    /// Writes a seal where nothing came for a while, or at once.
    pub fn seal(&mut self, at_once: bool, tickets: &mut Tickets, turn: &mut Turn) {
        let due = at_once || turn.now >= self.idle_since.after_ms(SEAL_IDLE_MS);
        if due && !self.sealed && self.is_quiet() && self.make_way(span_of(0), self.durable.next()) {
            self.issue(OpenGroup::new(self.applied.next()), GroupKind::Seal, tickets, turn);
        }
    }

    fn prepare_spare(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let due = match self.spare {
            Spare::None => true,
            Spare::Failed(retry) => turn.now >= retry,
            Spare::Creating(_) | Spare::Ready(_) => false,
        };
        // A segment that was used and removed had the same number: it is gone before it is made again.
        if !due || self.removing.is_some() {
            return;
        }
        if self.bytes() + self.limits.segment_bytes > self.limits.bytes_max {
            self.complain(turn, "the journal is at its limit of bytes");
            self.spare = Spare::Failed(turn.now.after_ms(RETRY_MS));
            return;
        }
        let ticket = tickets.draw();
        let number = self.segments.back().expect("a journal has a segment").number + 1;
        self.spare = Spare::Creating(ticket);
        let request = DiskRequest::Create { segment: number, bytes: self.limits.segment_bytes };
        turn.effect(Effect::Disk { ticket, request });
    }

    fn complain(&mut self, turn: &mut Turn, why: &str) {
        if !self.complained {
            self.complained = true;
            turn.note(
                Level::Error,
                format!("journal: {why}: writes will be refused once the present segment is used up, reads go on"),
            );
        }
    }

    /// Frees the segments whose every command is at or below this position, oldest first.
    pub fn release(&mut self, covered: Lsn) {
        while self.segments.len() > 1 && self.segments[1].first.0 <= covered.0 + 1 {
            let segment = self.segments.pop_front().expect("there are two");
            self.useless.push_back(segment.number);
        }
    }

    fn remove_next(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        if self.removing.is_some() || turn.now < self.remove_after {
            return;
        }
        let Some(&number) = self.useless.front() else { return };
        let ticket = tickets.draw();
        self.removing = Some((ticket, number));
        turn.effect(Effect::Disk { ticket, request: DiskRequest::Remove { segment: number } });
    }

    /// The disk's answer.
    pub fn answered(&mut self, ticket: Ticket, result: Result<DiskReply, DiskFailure>, turn: &mut Turn) -> Completion {
        if let Some(flight) = self.flight.filter(|flight| flight.ticket == ticket) {
            return self.landed(flight, result, turn);
        }
        if self.spare == Spare::Creating(ticket) {
            self.created(result, turn);
        } else if let Some((_, number)) = self.removing.filter(|(expected, _)| *expected == ticket) {
            self.removed(number, result, turn);
        } else {
            unreachable!("no request of the journal has ticket {ticket}");
        }
        Completion::Changed
    }

    fn landed(&mut self, flight: Flight, result: Result<DiskReply, DiskFailure>, turn: &mut Turn) -> Completion {
        let why = match result {
            Ok(DiskReply::Done) => {
                self.flight = None;
                assert!(flight.last >= self.durable);
                self.durable = flight.last;
                self.sealed = flight.sealed;
                self.idle_since = turn.now;
                turn.count.journal_write.record(turn.now - flight.began);
                return Completion::Durable(self.durable);
            }
            Ok(other) => format!("the disk answered {other:?}"),
            Err(DiskFailure::Full) => "no room inside a segment that was made in full".to_owned(),
            Err(DiskFailure::Broken(why)) => why.to_string(),
        };
        let segment = self.segments.back().map_or(0, |segment| segment.number);
        Completion::Halt(format!(
            "journal: a write to segment {segment} failed ({why}). It is not repeated: what a disk holds after a failed \
             write is unknown. Nothing that was acknowledged depends on it. Check the disk, then start again"
        ))
    }

    fn created(&mut self, result: Result<DiskReply, DiskFailure>, turn: &mut Turn) {
        match result {
            Ok(DiskReply::Done) => {
                self.spare = Spare::Ready(self.limits.segment_bytes);
                if std::mem::take(&mut self.complained) {
                    turn.note(Level::Info, "journal: there is room again, writes are accepted");
                }
            }
            Ok(other) => unreachable!("the disk answered a creation with {other:?}"),
            Err(failure) => {
                let why = match failure {
                    DiskFailure::Full => "no room for the next segment".to_owned(),
                    DiskFailure::Broken(why) => format!("the next segment cannot be made: {why}"),
                };
                self.complain(turn, &why);
                self.spare = Spare::Failed(turn.now.after_ms(RETRY_MS));
            }
        }
    }

    fn removed(&mut self, number: u64, result: Result<DiskReply, DiskFailure>, turn: &mut Turn) {
        self.removing = None;
        match result {
            Ok(_) => {
                assert!(self.useless.pop_front() == Some(number));
                // Room at last, perhaps.
                if let Spare::Failed(_) = self.spare {
                    self.spare = Spare::None;
                }
            }
            Err(failure) => {
                self.remove_after = turn.now.after_ms(RETRY_MS);
                turn.note(Level::Warn, format!("journal: segment {number} cannot be removed yet: {failure:?}"));
            }
        }
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let seal =
            if !self.sealed && self.is_quiet() { self.idle_since.after_ms(SEAL_IDLE_MS) } else { Instant::NEVER };
        let spare = if let Spare::Failed(retry) = self.spare { retry } else { Instant::NEVER };
        let remove =
            if self.removing.is_none() && !self.useless.is_empty() { self.remove_after } else { Instant::NEVER };
        seal.min(spare).min(remove)
    }

    /// Positions and segments are in order; what is durable was applied.
    pub fn check(&self) {
        assert!(self.durable <= self.applied);
        assert!(self.segments.iter().zip(self.segments.iter().skip(1)).all(|(one, two)| one.number + 1 == two.number));
        assert!(self.segments.iter().zip(self.segments.iter().skip(1)).all(|(one, two)| one.first <= two.first));
        let current = self.segments.back().expect("a journal has a segment");
        assert!(self.position <= current.bytes && self.position.is_multiple_of(limits::JOURNAL_BLOCK_BYTES));
        if self.is_quiet() {
            assert!(self.durable == self.applied, "commands without a group");
        }
    }
}
