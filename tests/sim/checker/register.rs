//! One committed offset as whoever commits and asks sees it: a register whose writes may be lost, late or refused.
//!
//! An answer is right where some order explains it: every write and every question took effect at one moment between its
//! beginning and its end. A write without an answer has no end, until it is known that it can take effect no more.

use super::groups::MemberName;

/// Nothing was ever committed.
pub const NOTHING: i64 = -1;

#[derive(Clone, Copy, Debug)]
struct Write {
    offset: i64,
    writer: MemberName,
    begun: u64,
    ended: Option<u64>,
    is_acknowledged: bool,
}

/// A committed offset.
#[derive(Debug, Default)]
pub struct Register {
    writes: Vec<Write>,
}

impl Register {
    /// A commit is sent; `now` names it, and is used once.
    pub fn begin(&mut self, offset: i64, writer: MemberName, now: u64) {
        assert!(self.writes.last().is_none_or(|last| last.begun < now));
        self.writes.push(Write { offset, writer, begun: now, ended: None, is_acknowledged: false });
    }

    /// It was acknowledged.
    pub fn acknowledge(&mut self, begun: u64, now: u64) {
        let write = self.writes.iter_mut().find(|write| write.begun == begun).expect("it was sent");
        // Somebody else was given the partition meanwhile: it took effect before.
        (write.ended, write.is_acknowledged) = (write.ended.or(Some(now)), true);
    }

    /// It was refused: it never took effect.
    pub fn refuse(&mut self, begun: u64) {
        self.writes.retain(|write| write.begun != begun);
    }

    /// The partition was given to this member: what others sent takes effect no more, unless it has.
    pub fn end_others(&mut self, owner: MemberName, now: u64) {
        let open = self.writes.iter_mut().filter(|write| write.ended.is_none() && write.writer != owner);
        open.for_each(|write| write.ended = Some(now));
    }

    /// Whether a question that began then may find this offset.
    pub fn may_be(&self, offset: i64, begun: u64) -> bool {
        let done = |write: &&Write| write.is_acknowledged && write.ended.is_some_and(|ended| ended < begun);
        let is_past = |ended: Option<u64>| {
            ended.is_some_and(|ended| self.writes.iter().filter(done).any(|later| ended < later.begun))
        };
        let initially = offset == NOTHING && !is_past(Some(0));
        initially || self.writes.iter().any(|write| write.offset == offset && !is_past(write.ended))
    }

    /// What was acknowledged last, for a person.
    pub fn last(&self) -> Option<i64> {
        self.writes.iter().rev().find(|write| write.is_acknowledged).map(|write| write.offset)
    }
}
