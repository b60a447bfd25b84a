//! The whole-state invariant.

use std::collections::BTreeMap;

use super::Ledger;
use super::shelf::Entry;

impl Ledger {
    /// Panics where the state contradicts itself. Costs a pass over everything: the simulator's, not the broker's.
    pub fn check(&self) {
        assert!(self.by_id.len() == self.by_name.len() && self.by_id.len() as u64 == self.topics.count());
        self.extents.check();
        self.producers.check();
        self.groups.check();
        self.resources.check();
        self.quotas.check();
        assert!(self.is_sound(), "extents, partitions and objects contradict each other");
        for (number, partition) in self.partitions.iter() {
            assert!(partition.gone || self.topics.get(partition.topic).is_some(), "partition {number} has no topic");
            assert!(self.owes(number) == self.debts.contains(&number), "the debts of partition {number}");
        }
    }

    /// True where extents tile their logs and every count is what it counts; what was restored must be.
    pub(super) fn is_sound(&self) -> bool {
        self.topics_are_sound() && self.logs_are_sound() && self.objects_are_sound() && self.brokers_are_sound()
    }

    fn topics_are_sound(&self) -> bool {
        let mut claimed = 0;
        for (number, topic) in self.topics.iter() {
            let owned = topic.partition_ids().all(|partition| {
                self.partitions.get(partition.0).is_some_and(|head| head.topic == number && !head.gone)
            });
            claimed += u64::from(topic.partitions());
            if !owned {
                return false;
            }
        }
        let living = self.partitions.iter().filter(|(_, partition)| !partition.gone).count() as u64;
        claimed == living
    }

    /// Extents know no end, so that they tile is a matter of the first one and of the bytes.
    fn logs_are_sound(&self) -> bool {
        let mut extents = self.extents.iter().peekable();
        for (number, partition) in self.partitions.iter() {
            let mut bytes = 0;
            let mut first = None;
            let mut last = 0;
            while let Some(packed) = extents.next_if(|packed| packed.partition == number) {
                bytes += u64::from(packed.bytes);
                first.get_or_insert(packed.start());
                last = packed.start();
            }
            let holds = match first {
                Some(first) => {
                    last < partition.high_watermark && (partition.gone || first <= partition.log_start_offset)
                }
                None => partition.gone || partition.log_start_offset == partition.high_watermark,
            };
            if bytes != partition.bytes || !holds {
                return false;
            }
        }
        // An extent of no partition stops the walk.
        let known = |partition| self.partitions.get(partition).is_some();
        extents.next().is_none()
            && self.producers.iter().all(|producer| known(producer.partition))
            && self.groups.offsets.iter().all(|committed| known(committed.key().1))
    }

    fn objects_are_sound(&self) -> bool {
        let mut live: BTreeMap<u32, (u32, u64)> = BTreeMap::new();
        for packed in self.extents.iter() {
            let (count, bytes) = live.entry(packed.object).or_default();
            *count += 1;
            *bytes += u64::from(packed.bytes);
        }
        let counted = |number| live.get(&number).copied().unwrap_or_default();
        let right = self
            .objects
            .table
            .iter()
            .all(|(number, object)| counted(number) == (object.live_extents, object.live_bytes));
        right && live.keys().all(|number| self.objects.table.get(*number).is_some())
    }
}
