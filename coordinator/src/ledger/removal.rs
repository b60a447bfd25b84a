//! Topics that go, first offsets that move up, producers that fall silent.
//!
//! A removal is decided at once and carried out a piece at a time: each command sweeps at most [`SWEEP_MAX`] entries
//! that the ones before it left behind, so that deleting ten million extents stalls nobody.

use apus_core::error::Refusal;
use apus_core::extent::Home;
use apus_core::ids::{Lsn, PackId, TopicId};
use apus_core::message::Trim;

use super::Ledger;
use super::extents::Packed;
use super::topics::{Partition, TopicRecord};

/// Extents and producers that one command sweeps at most: at 0.1 us each, a millisecond or two.
pub const SWEEP_MAX: usize = 16_384;

/// Producers that one command looks at for expiry at most: 10 MB of memory, a few milliseconds.
const EXPIRY_MAX: usize = 65_536;

/// Bytes that nothing refers to any more.
#[derive(Default)]
pub(super) struct Removed {
    pub(super) died: Vec<PackId>,
    pub(super) emptied: Vec<Lsn>,
}

impl Removed {
    /// These extents are gone.
    pub(super) fn release(&mut self, ledger: &mut Ledger, extents: &[Packed]) {
        let lsn = ledger.scalars.lsn;
        for packed in extents {
            if ledger.objects.release(lsn, packed.object, packed.bytes) {
                self.settle(ledger, packed.object);
            }
        }
    }

    /// The object may have no extent.
    pub(super) fn settle(&mut self, ledger: &mut Ledger, object: u32) {
        match ledger.objects.settle(ledger.scalars.lsn, object, ledger.scalars.clock_ms) {
            Some(Home::Pack(pack)) => self.died.push(pack),
            Some(Home::Journal(lsn)) => self.emptied.push(lsn),
            None => {}
        }
    }
}

impl Ledger {
    pub(super) fn delete_topic(&mut self, id: TopicId) -> Result<TopicRecord, Refusal> {
        let number = self.by_id.remove(&id).ok_or(Refusal::UnknownTopicId)?;
        let lsn = self.scalars.lsn;
        let topic = self.topics.remove(lsn, number);
        self.by_name.remove(&topic.name);
        for partition in topic.partition_ids() {
            self.partitions.update(lsn, partition.0, |partition| partition.gone = true);
            self.debts.insert(partition.0);
        }
        Ok(topic)
    }

    /// First offsets only rise, and never beyond the high watermark.
    pub(super) fn trim(&mut self, trims: &[Trim]) -> Vec<Trim> {
        let mut moved = Vec::new();
        for trim in trims {
            let Some(partition) = self.living(trim.partition) else {
                continue;
            };
            let log_start_offset = trim.log_start_offset.min(partition.high_watermark);
            if log_start_offset <= partition.log_start_offset {
                continue;
            }
            self.partitions.update(self.scalars.lsn, trim.partition.0, |partition| {
                partition.log_start_offset = log_start_offset;
            });
            if self.owes(trim.partition.0) {
                self.debts.insert(trim.partition.0);
            }
            moved.push(Trim { partition: trim.partition, log_start_offset });
        }
        moved
    }

    /// Forgets idle producers among the next ones in order.
    pub(super) fn expire_producers(&mut self, before_ms: i64) -> u64 {
        let from = self.scalars.expiry;
        let mut idle = Vec::new();
        self.scalars.expiry = (0, i64::MIN);
        for (seen, producer) in self.producers.from(from).enumerate() {
            let key = (producer.partition, producer.id);
            if seen == EXPIRY_MAX {
                self.scalars.expiry = key;
                break;
            }
            if producer.last_ms < before_ms {
                idle.push(key);
            }
        }
        for (partition, id) in &idle {
            let until = (*partition, id.saturating_add(1));
            let taken = self.producers.drain(self.scalars.lsn, (*partition, *id), until, 1);
            assert!(taken.len() == 1, "it was just seen");
        }
        idle.len() as u64
    }

    /// True while removals wait to be carried out: journal a command, an empty trim if there is no other.
    #[must_use]
    pub fn sweeping(&self) -> bool {
        !self.debts.is_empty() || self.groups.owes()
    }

    /// True where a partition holds what is to be removed.
    pub(super) fn owes(&self, number: u32) -> bool {
        let Some(partition) = self.partitions.get(number) else {
            return false;
        };
        if partition.gone {
            return true;
        }
        let first = self.extents.from((number, 0)).next().filter(|packed| packed.partition == number);
        first.is_some_and(|first| first.start() < self.first_live(number, partition))
    }

    /// Extents below this are wholly below the partition's first offset.
    fn first_live(&self, number: u32, partition: &Partition) -> i64 {
        if partition.gone || partition.log_start_offset >= partition.high_watermark {
            return i64::MAX;
        }
        let holder = self.extents.floor((number, partition.log_start_offset));
        holder.expect("extents tile the log").start()
    }

    /// Pays off debts, oldest partition first, within the budget.
    pub(super) fn sweep(&mut self, removed: &mut Removed) {
        let lsn = self.scalars.lsn;
        let mut budget = SWEEP_MAX;
        while let Some(number) = self.debts.first().copied() {
            let partition = *self.partitions.get(number).expect("a partition stays until its debts are paid");
            let until = (number, self.first_live(number, &partition));
            let extents = self.extents.drain(lsn, (number, 0), until, budget);
            budget -= extents.len();
            let bytes: u64 = extents.iter().map(|packed| u64::from(packed.bytes)).sum();
            self.partitions.update(lsn, number, |partition| partition.bytes -= bytes);
            removed.release(self, &extents);
            if partition.gone {
                let producers = self.producers.drain(lsn, (number, i64::MIN), (number, i64::MAX), budget);
                budget -= producers.len();
                budget = self.groups.sweep_partition(lsn, number, budget);
            }
            if budget == 0 {
                return;
            }
            if partition.gone {
                self.partitions.remove(lsn, number);
            }
            self.debts.remove(&number);
            budget -= 1;
            if budget == 0 {
                return;
            }
        }
        self.groups.sweep(lsn, budget);
    }
}
