//! Reading a journal back: which groups count, where writing goes on, and what must stop the start.
//!
//! - A group counts if its header, frames and trailer are whole, it names its own segment and position, and it
//!   continues the chain: next LSN, digest of the group before, the same cluster and journal.
//! - Where the chain ends, everything behind is looked through. A header of this journal there that is not older
//!   than the chain's end means that something acknowledged in between is broken: [`Corruption`], nothing is written.
//! - What else is behind the end was never acknowledged: exactly one write is in flight at a time, so it is one
//!   torn group, or bytes of somebody else. It is to be zeroed before anything new is written.
//! - A segment may have been another one before: then groups of this journal follow that name that other segment, a
//!   lower one, and between the end and the first of them stands what is left of such a group. They say nothing and stay.
//!
//! One read of at most [`READ_BYTES_MAX`] is asked for at a time.

use bytes::Bytes;

use apus_core::ids::{Lsn, Uuid};
use apus_core::limits::{JOURNAL_BLOCK_BYTES, MIB};

use super::format::{GROUP_SPAN_MAX, GroupHeader, GroupKind, HEADER_BYTES};
use super::group::{self, ReadGroup};

/// Bytes of one read.
pub const READ_BYTES_MAX: u64 = 4 * MIB;
const _: () = assert!(READ_BYTES_MAX > GROUP_SPAN_MAX);

/// What recovery wants, or found.
#[derive(Debug)]
pub enum Progress {
    /// These bytes, by [`Recovery::fill`].
    Read {
        /// The segment.
        segment: u64,
        /// Where in it.
        position: u64,
        /// How many.
        bytes: u64,
    },
    /// The next group.
    Group(ReadGroup),
    /// The end.
    End(Tail),
    /// The journal must not be used: why, and what to do.
    Corrupt(Corruption),
}

/// Bytes that are not in memory.
#[derive(Clone, Copy, Debug)]
struct Missing {
    segment: u64,
    position: u64,
    bytes: u64,
}

impl From<Missing> for Progress {
    fn from(Missing { segment, position, bytes }: Missing) -> Progress {
        Progress::Read { segment, position, bytes }
    }
}

/// Where a journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The segment and position behind the last group; nothing where there is no segment.
    pub place: Option<(u64, u64)>,
    /// The last group and its digest.
    pub last: Option<(GroupHeader, u64)>,
    /// Blocks of the last segment that are to be zeroed: position and bytes.
    pub garbage: Vec<(u64, u64)>,
    /// A segment behind the last one, whole and never written as such: its number and bytes.
    pub spare: Option<(u64, u64)>,
    /// Segments behind the last one that are of no use, in ascending order.
    pub useless: Vec<u64>,
    /// Bytes behind the end that are of no group, in all segments.
    pub garbage_bytes: u64,
}

/// Why a journal must not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The segment.
    pub segment: u64,
    /// Where in it.
    pub position: u64,
    /// What is there.
    pub what: String,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The chain may go on here …
    Follow,
    /// … or at the beginning of the next segment.
    Peek,
    /// It has ended at the place; everything behind is looked through.
    Scan {
        index: usize,
        position: u64,
    },
    Ended,
}

/// A journal that is being read.
#[derive(Debug)]
pub struct Recovery {
    cluster: Uuid,
    segments: Vec<(u64, u64)>,
    stage: Stage,
    index: usize,
    position: u64,
    last: Option<(GroupHeader, u64)>,
    window: Window,
    garbage: Vec<Garbage>,
    /// How far the group goes that was torn, and in the segment of which index.
    torn: (usize, u64),
    /// The index of the segment that is looked through, where it was another one before.
    used_before: Option<usize>,
}

/// Bytes behind the end, of the segment with that index.
#[derive(Clone, Copy, Debug)]
struct Garbage {
    index: usize,
    position: u64,
    bytes: u64,
    /// A group that names this place begins or goes on there. What has no name may be left of an older use.
    named: bool,
}

/// Bytes of one segment that are in memory.
#[derive(Debug, Default)]
struct Window {
    index: usize,
    position: u64,
    bytes: Bytes,
    /// The segment ends here, whatever its listed length.
    short: bool,
    asked: u64,
}

impl Recovery {
    /// Recovery of these segments (numbers and lengths) of a journal of this cluster.
    #[must_use]
    pub fn new(cluster: Uuid, mut segments: Vec<(u64, u64)>) -> Recovery {
        segments.sort_unstable();
        let stage = if segments.is_empty() { Stage::Ended } else { Stage::Follow };
        let window = Window { index: usize::MAX, ..Window::default() };
        Recovery {
            cluster,
            segments,
            stage,
            index: 0,
            position: 0,
            last: None,
            window,
            garbage: Vec::new(),
            torn: (usize::MAX, 0),
            used_before: None,
        }
    }

    /// The answer to [`Progress::Read`].
    pub fn fill(&mut self, bytes: Bytes) {
        self.window.short = (bytes.len() as u64) < self.window.asked;
        self.window.bytes = bytes;
    }

    /// Goes on as far as the bytes in memory allow.
    pub fn advance(&mut self) -> Progress {
        if let Some(pair) = self.segments.windows(2).find(|pair| pair[0].0 + 1 != pair[1].0) {
            return corrupt(pair[0].0 + 1, 0, "the segment is missing while there are later ones");
        }
        loop {
            let progress = match self.stage {
                Stage::Follow => self.follow(),
                Stage::Peek => self.peek(),
                Stage::Scan { index, position } => self.scan(index, position),
                Stage::Ended => return Progress::End(self.tail()),
            };
            if let Some(progress) = progress {
                return progress;
            }
        }
    }

    fn follow(&mut self) -> Option<Progress> {
        let (index, position) = (self.index, self.position);
        match self.group_at(index, position) {
            Err(missing) => Some(missing.into()),
            Ok(Some(group)) => Some(self.take(index, position, group)),
            Ok(None) => {
                if self.last.is_none()
                    && position == 0
                    && let Some(foreign) = self.foreign(index)
                {
                    return Some(foreign);
                }
                self.stage = Stage::Peek;
                None
            }
        }
    }

    fn peek(&mut self) -> Option<Progress> {
        let next = self.index + 1;
        if self.last.is_some() && next < self.segments.len() {
            match self.group_at(next, 0) {
                Err(missing) => return Some(missing.into()),
                Ok(Some(group)) => return Some(self.take(next, 0, group)),
                Ok(None) => {}
            }
        }
        self.stage = Stage::Scan { index: self.index, position: self.position };
        None
    }

    fn take(&mut self, index: usize, position: u64, group: ReadGroup) -> Progress {
        (self.index, self.position) = (index, position + group.header.span());
        self.last = Some((group.header, group.digest));
        self.stage = Stage::Follow;
        Progress::Group(group)
    }

    /// The group at a place, where it is whole and continues the chain.
    fn group_at(&mut self, index: usize, position: u64) -> Result<Option<ReadGroup>, Missing> {
        let head = self.view(index, position, HEADER_BYTES as u64)?;
        let Some(header) = GroupHeader::decode(&head) else { return Ok(None) };
        if !self.continues(&header, index, position) {
            return Ok(None);
        }
        let whole = self.view(index, position, header.span())?;
        Ok(group::read(header, &whole))
    }

    fn continues(&self, header: &GroupHeader, index: usize, position: u64) -> bool {
        let here = header.segment == self.segments[index].0 && header.position == position;
        let ours = header.author.cluster == self.cluster;
        let chained = match &self.last {
            Some((last, digest)) => {
                header.author.journal == last.author.journal
                    && header.author.incarnation >= last.author.incarnation
                    && header.first == last.next()
                    && header.previous == *digest
            }
            None => self.segments[index].0 > 1 || (header.previous == 0 && header.first == Lsn(1)),
        };
        here && ours && chained
    }

    /// Says so where the journal's first group belongs to another cluster or another version.
    fn foreign(&mut self, index: usize) -> Option<Progress> {
        let head = self.view(index, 0, HEADER_BYTES as u64).ok()?;
        let segment = self.segments[index].0;
        if let Some(format) = GroupHeader::foreign_format(&head) {
            return Some(corrupt(
                segment,
                0,
                format!("format {format} is not known to this version: start a newer one"),
            ));
        }
        let header = GroupHeader::decode(&head)?;
        (header.author.cluster != self.cluster).then(|| {
            let (theirs, ours) = (header.author.cluster.base64(), self.cluster.base64());
            corrupt(segment, 0, format!("it belongs to cluster {theirs}, and the store to cluster {ours}"))
        })
    }

    fn scan(&mut self, index: usize, position: u64) -> Option<Progress> {
        let Some(&(segment, length)) = self.segments.get(index) else {
            self.stage = Stage::Ended;
            return None;
        };
        let view = match self.view(index, position, JOURNAL_BLOCK_BYTES) {
            Ok(view) => view,
            Err(missing) => return Some(missing.into()),
        };
        if view.is_empty() || position >= length {
            self.forget_former_use();
            self.stage = Stage::Scan { index: index + 1, position: 0 };
            return None;
        }
        let mut at = position;
        for block in view.chunks(JOURNAL_BLOCK_BYTES as usize) {
            let header = GroupHeader::decode(block);
            if let Some(header) = &header {
                if self.belongs_behind(header, segment, at) {
                    return Some(self.broken(segment, at));
                }
                self.note_header(header, index, segment, at);
            }
            if block.iter().any(|byte| *byte != 0) {
                self.note_garbage(index, at, block.len() as u64);
            }
            at += block.len() as u64;
        }
        self.stage = Stage::Scan { index, position: at };
        None
    }

    /// A header behind the end that does not belong there: of the group that was torn here, or of an older use.
    fn note_header(&mut self, header: &GroupHeader, index: usize, segment: u64, position: u64) {
        if header.position != position || !self.is_ours(header) {
            return;
        }
        if header.segment == segment {
            self.torn = (index, position + header.span());
        } else if header.segment < segment {
            self.used_before = Some(index);
        }
    }

    fn note_garbage(&mut self, index: usize, position: u64, bytes: u64) {
        let named = self.torn.0 == index && position < self.torn.1;
        match self.garbage.last_mut() {
            Some(last) if last.index == index && last.named == named && last.position + last.bytes == position => {
                last.bytes += bytes;
            }
            _ => self.garbage.push(Garbage { index, position, bytes, named }),
        }
    }

    /// What has no name in a segment that was another one before is left of that time.
    fn forget_former_use(&mut self) {
        if let Some(used) = self.used_before.take() {
            self.garbage.retain(|garbage| garbage.index != used || garbage.named);
        }
    }

    fn is_ours(&self, header: &GroupHeader) -> bool {
        match &self.last {
            Some((last, _)) => header.author.journal == last.author.journal,
            None => header.author.cluster == self.cluster,
        }
    }

    /// True where the block begins a group of this journal that is not older than the chain's end. At the end itself
    /// that is a torn group.
    fn belongs_behind(&self, header: &GroupHeader, segment: u64, position: u64) -> bool {
        let at_end = segment == self.segments[self.index].0 && position == self.position;
        let torn_here = at_end || (position == 0 && self.last.is_some() && segment == self.segments[self.index].0 + 1);
        let here = header.segment == segment && header.position == position;
        let (later, fits) = match &self.last {
            Some((last, digest)) => {
                (header.first >= last.next(), header.previous == *digest && header.first == last.next())
            }
            None => (true, header.previous == 0 || segment > 1),
        };
        here && self.is_ours(header) && later && !(torn_here && fits)
    }

    fn broken(&self, segment: u64, position: u64) -> Progress {
        let (at, from) = (self.segments[self.index].0, self.position);
        let what = format!(
            "no valid group stands at byte {from} of segment {at}, and a later group of this journal at byte {position} \
             of segment {segment}: acknowledged data in between is damaged"
        );
        corrupt(at, from, what)
    }

    /// The bytes from a position on, at least so many or up to the segment's end; or the read that brings them.
    fn view(&mut self, index: usize, position: u64, bytes: u64) -> Result<Bytes, Missing> {
        let (segment, length) = self.segments[index];
        let end = length.min(position.saturating_add(bytes));
        let window = &self.window;
        let window_end = window.position + window.bytes.len() as u64;
        let inside = window.index == index && window.position <= position;
        if inside && (end <= window_end || window.short) {
            let from = (position - window.position).min(window.bytes.len() as u64) as usize;
            return Ok(window.bytes.slice(from..));
        }
        if position >= length {
            return Ok(Bytes::new());
        }
        let asked = READ_BYTES_MAX.min(length - position);
        self.window = Window { index, position, bytes: Bytes::new(), short: false, asked };
        Err(Missing { segment, position, bytes: asked })
    }

    fn tail(&self) -> Tail {
        let place = self.segments.get(self.index).map(|(segment, _)| (*segment, self.position));
        let behind = self.segments.get(self.index + 1..).unwrap_or_default();
        let dirty = |number: u64| self.garbage.iter().any(|garbage| self.segments[garbage.index].0 == number);
        let spare = behind.first().copied().filter(|(number, _)| !dirty(*number));
        let useless =
            behind.iter().map(|(number, _)| *number).filter(|number| spare.map(|each| each.0) != Some(*number));
        let here = self.garbage.iter().filter(|garbage| garbage.index == self.index);
        Tail {
            place,
            last: self.last,
            garbage: here.map(|garbage| (garbage.position, garbage.bytes)).collect(),
            spare,
            useless: useless.collect(),
            garbage_bytes: self.garbage.iter().map(|garbage| garbage.bytes).sum(),
        }
    }
}

impl Tail {
    /// True where a pause followed the last command: nothing behind it can be a torn group.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.last.is_some_and(|(header, _)| header.kind == GroupKind::Seal)
    }
}

fn corrupt(segment: u64, position: u64, what: impl Into<String>) -> Progress {
    Progress::Corrupt(Corruption { segment, position, what: what.into() })
}
