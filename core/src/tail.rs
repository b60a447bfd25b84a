//! The partition side of a core: the ends of the partitions that placement gave it.
//!
//! A tail is opened when somebody first watches its partition, by asking the coordinator; from then on the commit
//! stream, which comes on the same way in the same order, keeps it. It knows its bounds, a few of its newest extents,
//! and who watches. A tail that nobody watches is dropped after a while: memory follows the readers, not the topics.
//!
//! Invariants: extents tile and end at the high watermark; an answer to a producer passes through here, so it leaves
//! only after the tail has moved (a client reads its own writes); whatever a tail does not know, the ledger is asked.

use std::collections::{BTreeMap, VecDeque};

use crate::error::Refusal;
use crate::extent::{Extent, Placed};
use crate::ids::{CoreId, PartitionId, Ticket};
use crate::limits::{TAIL_EXTENTS_MAX, TAILS_IDLE_MAX};
use crate::message::{
    Acknowledgement, Advance, Answer, Ask, Bounds, Committed, Located, Message, Opened, Rehomed, Trim, WatchId,
};
use crate::placement;
use crate::turn::Turn;

/// Where coordinator and packer live.
const COORDINATOR: CoreId = CoreId(0);

/// All tails of one core.
#[derive(Debug)]
pub struct Tails {
    core: CoreId,
    cores: u16,
    tails: BTreeMap<PartitionId, Tail>,
    opening: BTreeMap<Ticket, Opening>,
    opening_by_partition: BTreeMap<PartitionId, Ticket>,
    idle: VecDeque<PartitionId>,
}

#[derive(Debug)]
struct Tail {
    bounds: Bounds,
    recent: VecDeque<Extent>,
    watchers: Vec<(CoreId, WatchId)>,
}

#[derive(Debug)]
struct Opening {
    partition: PartitionId,
    watchers: Vec<(CoreId, WatchId)>,
}

/// What is to be sent, gathered by core, so that a commit of many partitions is one message a core.
#[derive(Default)]
struct Outbox {
    advances: BTreeMap<CoreId, Vec<Advance>>,
    acknowledgements: BTreeMap<CoreId, Vec<Acknowledgement>>,
}

impl Outbox {
    fn advance(&mut self, tail: &Tail, partition: PartitionId, bytes: u64) {
        for (core, watch) in &tail.watchers {
            let advance = Advance { watch: *watch, partition, bounds: Some(tail.bounds), bytes };
            self.advances.entry(*core).or_default().push(advance);
        }
    }

    /// Watchers hear of new bytes before a producer hears that they are committed.
    fn send(self, turn: &mut Turn<'_>) {
        for (core, advances) in self.advances {
            turn.send(core, Message::Advanced(advances));
        }
        for (core, acknowledgements) in self.acknowledgements {
            turn.send(core, Message::Acknowledged(acknowledgements));
        }
    }
}

impl Tails {
    /// The tails of a core, none open.
    #[must_use]
    pub fn new(core: CoreId, cores: u16) -> Tails {
        assert!(core.0 < cores);
        Tails {
            core,
            cores,
            tails: BTreeMap::new(),
            opening: BTreeMap::new(),
            opening_by_partition: BTreeMap::new(),
            idle: VecDeque::new(),
        }
    }

    fn owns(&self, partition: PartitionId) -> bool {
        placement::core_of(partition, self.cores) == self.core
    }

    /// Somebody wants to hear of these partitions, now and whenever they change.
    pub fn watch(&mut self, by: (CoreId, WatchId), partitions: &[PartitionId], next: &mut u64, turn: &mut Turn<'_>) {
        let mut known = Vec::new();
        for partition in partitions {
            assert!(self.owns(*partition), "{partition:?} belongs to another core");
            if let Some(tail) = self.tails.get_mut(partition) {
                tail.watchers.push(by);
                known.push(Advance { watch: by.1, partition: *partition, bounds: Some(tail.bounds), bytes: 0 });
            } else if let Some(ticket) = self.opening_by_partition.get(partition) {
                self.opening.get_mut(ticket).expect("an opening has its ticket").watchers.push(by);
            } else {
                let ticket = Ticket::draw(next);
                self.opening.insert(ticket, Opening { partition: *partition, watchers: vec![by] });
                self.opening_by_partition.insert(*partition, ticket);
                turn.send(COORDINATOR, Message::Ask { core: self.core, ticket, ask: Ask::Open(*partition) });
            }
        }
        if !known.is_empty() {
            turn.send(by.0, Message::Advanced(known));
        }
    }

    /// Somebody has heard enough of these.
    pub fn unwatch(&mut self, by: (CoreId, WatchId), partitions: &[PartitionId]) {
        for partition in partitions {
            if let Some(ticket) = self.opening_by_partition.get(partition) {
                let opening = self.opening.get_mut(ticket).expect("an opening has its ticket");
                opening.watchers.retain(|watcher| *watcher != by);
            }
            if let Some(tail) = self.tails.get_mut(partition) {
                tail.watchers.retain(|watcher| *watcher != by);
                if tail.watchers.is_empty() {
                    self.idle.push_back(*partition);
                }
            }
        }
        while self.idle.len() > TAILS_IDLE_MAX {
            let oldest = self.idle.pop_front().expect("there are more than a few");
            if self.tails.get(&oldest).is_some_and(|tail| tail.watchers.is_empty()) {
                self.tails.remove(&oldest);
            }
        }
    }

    /// True where the answer to this ticket is for a tail.
    #[must_use]
    pub fn awaits(&self, ticket: Ticket) -> bool {
        self.opening.contains_key(&ticket)
    }

    /// The coordinator says where a tail begins.
    pub fn opened(&mut self, ticket: Ticket, answer: Result<Opened, Refusal>, turn: &mut Turn<'_>) {
        let opening = self.opening.remove(&ticket).expect("it was asked");
        self.opening_by_partition.remove(&opening.partition);
        let bounds = match answer {
            Err(_) => None,
            Ok(Opened { bounds, recent }) => {
                assert!(recent.last().is_none_or(|last| last.end == bounds.high_watermark), "extents end at the end");
                if opening.watchers.is_empty() {
                    return;
                }
                let tail = Tail { bounds, recent: recent.into(), watchers: opening.watchers.clone() };
                self.tails.insert(opening.partition, tail);
                Some(bounds)
            }
        };
        let mut by_core: BTreeMap<CoreId, Vec<Advance>> = BTreeMap::new();
        for (core, watch) in opening.watchers {
            let advance = Advance { watch, partition: opening.partition, bounds, bytes: 0 };
            by_core.entry(core).or_default().push(advance);
        }
        for (core, advances) in by_core {
            turn.send(core, Message::Advanced(advances));
        }
    }

    /// Extents became durable: the tails move, watchers hear of it, then producers do.
    pub fn committed(&mut self, committed: &Committed, turn: &mut Turn<'_>) {
        let mut outbox = Outbox::default();
        for Placed { partition, extent } in &committed.placed {
            let Some(tail) = self.tails.get_mut(partition) else { continue };
            if extent.end <= tail.bounds.high_watermark {
                continue; // The tail was opened behind this commit.
            }
            assert!(extent.start == tail.bounds.high_watermark, "gap at {} of {partition:?}", extent.start);
            tail.bounds.high_watermark = extent.end;
            tail.recent.push_back(*extent);
            if tail.recent.len() > TAIL_EXTENTS_MAX {
                tail.recent.pop_front();
            }
            outbox.advance(tail, *partition, u64::from(extent.bytes));
        }
        for answer in committed.answers.iter().filter(|answer| self.owns(answer.partition)) {
            outbox.acknowledgements.entry(answer.core).or_default().push(answer.acknowledgement);
        }
        outbox.send(turn);
    }

    /// Bytes moved to another home. Offsets did not, so nobody needs to hear of it.
    pub fn rehomed(&mut self, rehomed: &Rehomed) {
        for Placed { partition, extent } in &rehomed.placed {
            let Some(tail) = self.tails.get_mut(partition) else { continue };
            let first = tail.recent.partition_point(|recent| recent.end <= extent.start);
            let behind = tail.recent.partition_point(|recent| recent.end <= extent.end);
            if first == behind {
                continue; // Older than what is kept.
            }
            tail.recent.drain(first..behind);
            tail.recent.insert(first, *extent);
            tail.check();
        }
    }

    /// First offsets moved up.
    pub fn trimmed(&mut self, trims: &[Trim], turn: &mut Turn<'_>) {
        let mut outbox = Outbox::default();
        for Trim { partition, log_start_offset } in trims {
            let Some(tail) = self.tails.get_mut(partition) else { continue };
            tail.bounds.log_start_offset = tail.bounds.log_start_offset.max(*log_start_offset);
            tail.recent.retain(|extent| extent.end > *log_start_offset);
            outbox.advance(tail, *partition, 0);
        }
        outbox.send(turn);
    }

    /// A topic is gone: its tails go, and watchers hear of it.
    pub fn removed(&mut self, partitions: &[PartitionId], turn: &mut Turn<'_>) {
        let mut by_core: BTreeMap<CoreId, Vec<Advance>> = BTreeMap::new();
        for partition in partitions {
            let Some(tail) = self.tails.remove(partition) else { continue };
            for (core, watch) in tail.watchers {
                let advance = Advance { watch, partition: *partition, bounds: None, bytes: 0 };
                by_core.entry(core).or_default().push(advance);
            }
        }
        for (core, advances) in by_core {
            turn.send(core, Message::Advanced(advances));
        }
    }

    /// Where the bytes are; the ledger is asked for what is not among the newest.
    pub fn locate(&self, asker: (CoreId, Ticket), at: (PartitionId, i64), bytes_max: u32, turn: &mut Turn<'_>) {
        let ((core, ticket), (partition, offset)) = (asker, at);
        match self.tails.get(&partition).and_then(|tail| tail.locate(offset, bytes_max)) {
            Some(located) => turn.send(core, Message::Answer { ticket, answer: Answer::Located(Ok(located)) }),
            None => {
                let ask = Ask::Locate { partition, offset, bytes_max };
                turn.send(COORDINATOR, Message::Ask { core, ticket, ask });
            }
        }
    }

    /// Tails are whole, and every opening is known by its partition.
    pub fn check(&self) {
        assert!(self.opening.len() == self.opening_by_partition.len());
        self.tails.values().for_each(Tail::check);
    }
}

impl Tail {
    fn locate(&self, offset: i64, bytes_max: u32) -> Option<Located> {
        if offset == self.bounds.high_watermark {
            return Some(Located { bounds: self.bounds, extents: Vec::new() });
        }
        let oldest = self.recent.front()?;
        if offset < oldest.start.max(self.bounds.log_start_offset) || offset > self.bounds.high_watermark {
            return None;
        }
        let first = self.recent.partition_point(|extent| extent.end <= offset);
        let mut extents = Vec::new();
        let mut bytes = 0_u64;
        for extent in self.recent.range(first..) {
            if bytes >= u64::from(bytes_max) && !extents.is_empty() {
                break;
            }
            bytes += u64::from(extent.bytes);
            extents.push(*extent);
        }
        assert!(extents.first().is_some_and(|extent| extent.start <= offset && offset < extent.end));
        Some(Located { bounds: self.bounds, extents })
    }

    fn check(&self) {
        assert!(self.bounds.log_start_offset <= self.bounds.high_watermark);
        let mut end = None;
        for extent in &self.recent {
            assert!(extent.start < extent.end, "an extent holds something");
            assert!(end.is_none_or(|end| end == extent.start), "extents tile");
            end = Some(extent.end);
        }
        assert!(end.is_none_or(|end| end == self.bounds.high_watermark), "extents end at the high watermark");
    }
}

/// The partitions of a removed topic that a core owns.
#[must_use]
pub fn owned(partitions: &[PartitionId], core: CoreId, cores: u16) -> Vec<PartitionId> {
    partitions.iter().copied().filter(|partition| placement::core_of(*partition, cores) == core).collect()
}

/// Shares a commit with every core: one message each, the same bytes.
pub fn broadcast(cores: u16, turn: &mut Turn<'_>, message: impl Fn() -> Message) {
    for core in 0..cores {
        turn.send(CoreId(core), message());
    }
}

#[cfg(test)]
mod tests;
