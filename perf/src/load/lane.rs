//! One producer's way to one partition: its sequence, and the batches that are not acknowledged.
//!
//! Batches keep their sequence until they are acknowledged. Where one is refused, those behind it on the wire are
//! refused too (their sequence is ahead); the lane waits until all have come back and sends them again in their order,
//! as real idempotent producers do.

use std::collections::VecDeque;

/// A batch that has its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The sequence of its first record.
    pub sequence: i32,
    /// Its records.
    pub count: usize,
    /// The first of them in the schedule.
    pub record: u64,
    /// When it was first sent.
    pub sent: u64,
}

/// The lane.
#[derive(Debug, Default)]
pub struct Lane {
    /// The partition.
    pub partition: i32,
    /// Records that are due and in no batch.
    pub waiting: usize,
    /// The first of them in the schedule.
    pub record: u64,
    /// Stands in its producer's queue.
    pub queued: bool,
    sequence: i32,
    pending: VecDeque<Batch>,
    /// How many of `pending`, from the front, were sent since the last rewind.
    sent: usize,
    on_wire: usize,
    rewinding: bool,
}

/// What an answer leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Go,
    /// Everything pending is to be sent again, after a pause that ends with [`Lane::again`].
    Again,
}

impl Lane {
    /// A lane to a partition that this producer has not written to.
    pub fn new(partition: i32) -> Lane {
        Lane { partition, ..Lane::default() }
    }

    /// A record falls due.
    pub fn offer(&mut self, record: u64) {
        if self.waiting == 0 {
            self.record = record;
        }
        self.waiting += 1;
    }

    /// Whether a batch is to be sent again; it goes before any new one.
    pub fn resends(&self) -> Option<Batch> {
        (!self.rewinding).then(|| self.pending.get(self.sent).copied()).flatten()
    }

    /// Whether it must not send: answers are missing, or it pauses.
    pub fn is_rewinding(&self) -> bool {
        self.rewinding
    }

    /// Whether nothing waits, is on the wire, or is to be sent again.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0 && self.pending.is_empty()
    }

    /// Records that wait or are not acknowledged.
    pub fn left(&self) -> usize {
        self.waiting + self.pending.iter().map(|batch| batch.count).sum::<usize>()
    }

    /// Sends again.
    pub fn resend(&mut self) -> Batch {
        let batch = self.pending[self.sent];
        self.sent += 1;
        self.on_wire += 1;
        batch
    }

    /// Makes a batch and sends it.
    pub fn send(&mut self, count: usize, record: u64, now: u64) -> Batch {
        assert!(!self.rewinding && self.sent == self.pending.len(), "what was refused goes first");
        let batch = Batch { sequence: self.sequence, count, record, sent: now };
        self.pending.push_back(batch);
        // Sequences wrap to zero behind the largest.
        self.sequence = self.sequence.wrapping_add(count as i32) & i32::MAX;
        self.sent += 1;
        self.on_wire += 1;
        batch
    }

    /// A batch was acknowledged.
    pub fn acknowledged(&mut self, sequence: i32) -> (Batch, Then) {
        let index = self.find(sequence);
        let batch = self.pending.remove(index).expect("it was found");
        self.sent -= 1;
        (batch, self.landed())
    }

    /// A batch was refused.
    pub fn refused(&mut self, sequence: i32) -> Then {
        self.find(sequence);
        self.rewinding = true;
        self.landed()
    }

    fn find(&self, sequence: i32) -> usize {
        let index = self.pending.iter().take(self.sent).position(|batch| batch.sequence == sequence);
        index.expect("an answer belongs to what was sent")
    }

    fn landed(&mut self) -> Then {
        self.on_wire -= 1;
        if self.on_wire > 0 || !self.rewinding {
            return Then::Go;
        }
        self.sent = 0;
        Then::Again
    }

    /// The pause is over.
    pub fn again(&mut self) {
        assert!(self.on_wire == 0 && self.sent == 0, "all answers are in");
        self.rewinding = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_follow_each_other_and_wrap() {
        let mut lane = Lane::new(0);
        assert_eq!((lane.send(5, 0, 1).sequence, lane.send(1, 0, 2).sequence), (0, 5));
        lane.sequence = i32::MAX - 1;
        assert_eq!((lane.send(4, 0, 3).sequence, lane.send(1, 0, 4).sequence), (i32::MAX - 1, 2));
        let (first, then) = lane.acknowledged(0);
        assert_eq!((first.sent, then, lane.left()), (1, Then::Go, 6));
    }

    #[test]
    fn what_was_refused_is_sent_again_in_its_order() {
        let mut lane = Lane::new(0);
        for record in 0..3 {
            lane.send(10, record, record);
        }
        assert_eq!(lane.acknowledged(0).1, Then::Go);
        assert_eq!(lane.refused(10), Then::Go);
        assert!(lane.is_rewinding() && lane.resends().is_none());
        assert_eq!(lane.refused(20), Then::Again);
        assert!(lane.resends().is_none(), "it pauses");
        lane.again();
        assert_eq!(lane.resends().map(|batch| batch.sequence), Some(10));
        assert_eq!([lane.resend().sequence, lane.resend().sequence], [10, 20]);
        assert_eq!((lane.resends(), lane.send(1, 9, 9).sequence), (None, 30));
        for sequence in [10, 20, 30] {
            assert_eq!(lane.acknowledged(sequence).1, Then::Go);
        }
        assert!(lane.is_empty());
    }

    #[test]
    fn records_wait_from_the_first_on() {
        let mut lane = Lane::new(0);
        lane.offer(3);
        lane.offer(7);
        assert_eq!((lane.waiting, lane.record, lane.left(), lane.is_empty()), (2, 3, 2, false));
    }
}
