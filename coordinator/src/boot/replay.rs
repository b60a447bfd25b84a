//! The journal's groups, applied to the ledger behind its snapshot.

use std::collections::BTreeMap;

use bytes::Bytes;

use apus_core::ids::{Incarnation, Lsn, Uuid};
use apus_core::world::DiskRequest;

use crate::command::{self, Command};
use crate::journal::group::ReadGroup;
use crate::journal::{Corruption, Progress, Recovery, Tail};
use crate::ledger::{Decision, Ledger};

/// What a replay needs next.
#[derive(Debug)]
pub enum Step {
    /// This read.
    Read(DiskRequest),
    /// Nothing: [`Replay::finish`].
    Done,
}

/// A journal that was replayed.
#[derive(Debug)]
pub struct Replayed {
    /// The state behind the last command.
    pub ledger: Ledger,
    /// Where the journal ends.
    pub tail: Tail,
    /// Segments in use: number, length, first position.
    pub segments: Vec<(u64, u64, Lsn)>,
    /// Inline bytes that no spill has re-homed, by the position of their commit.
    pub inline: BTreeMap<Lsn, Bytes>,
    /// Every start that the journal knows of.
    pub begun: Vec<(Incarnation, Uuid)>,
    /// Bytes of the journal behind the snapshot.
    pub bytes: u64,
}

impl Replayed {
    /// The journal's first segment will be this one.
    pub fn made_first(&mut self, segment: u64, bytes: u64) {
        assert!(self.tail.place.is_none() && self.segments.is_empty());
        self.tail.place = Some((segment, 0));
        self.segments.push((segment, bytes, Lsn(1)));
    }
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay {
    recovery: Recovery,
    cluster: Option<Uuid>,
    lengths: BTreeMap<u64, u64>,
    ledger: Ledger,
    segments: Vec<(u64, u64, Lsn)>,
    inline: BTreeMap<Lsn, Bytes>,
    begun: Vec<(Incarnation, Uuid)>,
    tail: Option<Tail>,
    bytes: u64,
}

impl Replay {
    /// A replay of these segments behind this ledger. Without a cluster the journal must be empty.
    #[must_use]
    pub fn new(cluster: Option<Uuid>, segments: Vec<(u64, u64)>, ledger: Ledger) -> Replay {
        Replay {
            lengths: segments.iter().copied().collect(),
            recovery: Recovery::new(cluster.unwrap_or_default(), segments),
            cluster,
            ledger,
            segments: Vec::new(),
            inline: BTreeMap::new(),
            begun: Vec::new(),
            tail: None,
            bytes: 0,
        }
    }

    /// The answer to a read.
    pub fn fill(&mut self, bytes: Bytes) {
        self.recovery.fill(bytes);
    }

    /// Goes on as far as the bytes in memory allow.
    ///
    /// # Errors
    /// Why the journal must not be used, and what to do.
    pub fn advance(&mut self) -> Result<Step, String> {
        loop {
            match self.recovery.advance() {
                Progress::Read { segment, position, bytes } => {
                    return Ok(Step::Read(DiskRequest::Read { segment, position, bytes }));
                }
                Progress::Group(group) => self.take(group)?,
                Progress::End(tail) => {
                    self.tail = Some(tail);
                    return Ok(Step::Done);
                }
                Progress::Corrupt(corruption) => return Err(self.refusal(&corruption)),
            }
        }
    }

    fn refusal(&self, corruption: &Corruption) -> String {
        if self.cluster.is_none() {
            return format!(
                "data.dir holds the journal of a cluster, and the store at diskless.store holds no cluster ({}). Point \
                 diskless.store at the store that belongs to this data.dir, or data.dir at an empty directory",
                corruption.what
            );
        }
        format!(
            "the journal is corrupt: segment {:016x}.seg, byte {}: {}. Nothing was written: keep a copy of data.dir as evidence. \
             If the disk is sound, restore data.dir as it was; never delete the segment, it holds what was acknowledged",
            corruption.segment, corruption.position, corruption.what
        )
    }

    fn take(&mut self, group: ReadGroup) -> Result<(), String> {
        let header = group.header;
        if self.segments.last().is_none_or(|(segment, ..)| *segment != header.segment) {
            let length = self.lengths.get(&header.segment).copied().unwrap_or_default();
            self.segments.push((header.segment, length, header.first));
        }
        if header.next() > self.ledger.lsn().next() {
            self.bytes += header.span();
        }
        let start = (header.author.incarnation, header.author.nonce);
        // The journal's own word: a snapshot lies in the store, and says nothing of this directory.
        if self.begun.last() != Some(&start) {
            self.begun.push(start);
        }
        for entry in group.entries {
            let place = || {
                format!(
                    "the journal's command {} (segment {}, group at byte {})",
                    entry.lsn, header.segment, header.position
                )
            };
            let (envelope, _) = command::decode(&entry.frame).map_err(|corrupt| format!("{}: {corrupt}", place()))?;
            if envelope.level > command::FORMAT_LEVEL {
                return Err(format!("{} has format level {}: start a newer Apus", place(), envelope.level));
            }
            if let Some(inline) = entry.inline {
                self.inline.insert(entry.lsn, inline);
            }
            if let Command::Rehome(rehome) = &envelope.command {
                rehome.emptied.iter().for_each(|lsn| drop(self.inline.remove(lsn)));
            }
            if entry.lsn <= self.ledger.lsn() {
                continue; // The snapshot holds it.
            }
            if entry.lsn != self.ledger.lsn().next() {
                let last = self.ledger.lsn();
                return Err(format!("{} follows {last}: segments between snapshot and journal are missing", place()));
            }
            if self.ledger.apply(entry.lsn, &envelope).decision == Decision::Agreed(false) {
                return Err(format!(
                    "{} finds another state than the broker had that wrote it: this is a bug of Apus, or a damaged \
                     machine. Keep data.dir and report it",
                    place()
                ));
            }
        }
        Ok(())
    }

    /// Everything that was found.
    ///
    /// # Errors
    /// Where the ledger refers to bytes that the journal does not hold.
    pub fn finish(mut self) -> Result<Replayed, String> {
        let tail = self.tail.take().expect("a replay is finished at the journal's end");
        if let (Some((number, position)), true) = (tail.place, self.segments.is_empty()) {
            assert!(position == 0, "a journal without a group begins at its beginning");
            self.segments.push((number, self.lengths.get(&number).copied().unwrap_or_default(), Lsn(1)));
        }
        let mut inline = BTreeMap::new();
        for lsn in self.ledger.journal_homes() {
            let Some(bytes) = self.inline.get(&lsn) else {
                return Err(format!(
                    "the journal no longer holds the bytes of command {lsn}, which the ledger refers to"
                ));
            };
            // A copy: the slice would pin the whole read that it came in.
            inline.insert(lsn, Bytes::copy_from_slice(bytes));
        }
        let Replay { ledger, segments, begun, bytes, .. } = self;
        Ok(Replayed { ledger, tail, segments, inline, begun, bytes })
    }
}
