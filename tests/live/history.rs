//! What a producer did, and what must hold of everything that is read afterwards.

use std::collections::BTreeMap;

use crate::broker::Broker;
use crate::consumer;
use crate::record::Record;

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub partition: i32,
    /// -1 where librdkafka was told that its batch is there already, and not where.
    pub offset: i64,
}

/// A producer's life: every record that it sent was acknowledged.
pub struct History {
    pub topic: String,
    /// By number.
    pub sent: Vec<Record>,
    pub acknowledged: BTreeMap<u64, Place>,
    /// What the broker refused on the way, in librdkafka's words.
    pub refusals: Vec<String>,
}

impl History {
    /// Reads the topic: every record is there once, whole, where it was acknowledged, in the producer's order.
    pub fn verify(&self, broker: &Broker) {
        assert_eq!(self.acknowledged.len(), self.sent.len());
        let mut found = 0;
        for (partition, records) in consumer::read_all(broker, &self.topic) {
            let mut last = None;
            for (expected, (offset, record)) in (0..).zip(&records) {
                assert_eq!(*offset, expected, "offsets of partition {partition} are dense");
                let number = record.number();
                assert!(last < Some(number), "record {number} follows {last:?}: twice, or out of order");
                last = Some(number);
                assert!(*record == self.sent[number as usize], "{record:?} was {:?}", self.sent[number as usize]);
                let place = self.acknowledged[&number];
                assert!(place.partition == partition && (place.offset == *offset || place.offset == -1), "{place:?}");
            }
            found += records.len();
        }
        assert_eq!(found, self.sent.len(), "acknowledged records are lost");
    }

    /// How many partitions hold something.
    pub fn partitions(&self) -> usize {
        let partitions = self.acknowledged.values().map(|place| place.partition);
        partitions.collect::<std::collections::BTreeSet<i32>>().len()
    }

    /// A client repeats what it may repeat: everything that it was refused was of that kind.
    pub fn assert_retriable(&self) {
        for refusal in &self.refusals {
            assert!(refusal.contains("Retry") && !refusal.contains("Permanent"), "{refusal}");
        }
    }
}
