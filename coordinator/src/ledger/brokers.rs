//! Settings of brokers that were changed at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::ids::BrokerId;

use super::Ledger;
use super::record::{Cursor, Record, put_text};
use crate::command::Corrupt;

/// Stands for all brokers.
const ALL: i32 = -1;

/// What was set of one broker, or of all.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 4 | broker, -1 for all | | text, text | key and value of each, by key |
/// | 4 | configs | | | |
#[derive(Clone, Debug)]
pub(crate) struct BrokerRecord {
    broker: i32,
    configs: Arc<BTreeMap<String, String>>,
}

impl Record for BrokerRecord {
    const PAGE_ENTRIES: usize = 4096;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.broker.to_le_bytes());
        out.extend_from_slice(&(self.configs.len() as u32).to_le_bytes());
        for (key, value) in self.configs.iter() {
            put_text(out, key);
            put_text(out, value);
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<BrokerRecord, Corrupt> {
        let broker = bytes.i32()?;
        let mut configs = BTreeMap::new();
        for _ in 0..bytes.u32()? {
            configs.insert(bytes.text()?.to_string(), bytes.text()?.to_string());
        }
        if broker < ALL || configs.is_empty() {
            return Err(Corrupt::Value("a broker's settings"));
        }
        Ok(BrokerRecord { broker, configs: Arc::new(configs) })
    }
}

impl Ledger {
    /// What was set of a broker at run time, or of all of them, by key.
    #[must_use]
    pub fn broker_configs(&self, broker: Option<BrokerId>) -> BTreeMap<String, String> {
        let (_, record) = self.broker_record(broker).unzip();
        record.map_or_else(BTreeMap::new, |record| (*record.configs).clone())
    }

    fn broker_record(&self, broker: Option<BrokerId>) -> Option<(u32, &BrokerRecord)> {
        let broker = broker.map_or(ALL, |broker| broker.0);
        self.brokers.iter().find(|(_, record)| record.broker == broker)
    }

    /// A broker without settings has no record, so a state in which all were taken back is as it was before.
    pub(super) fn configure_broker(&mut self, broker: Option<BrokerId>, configs: &BTreeMap<String, String>) {
        let lsn = self.scalars.lsn;
        if let Some(number) = self.broker_record(broker).map(|(number, _)| number) {
            self.brokers.remove(lsn, number);
        }
        if !configs.is_empty() {
            let broker = broker.map_or(ALL, |broker| broker.0);
            self.brokers.insert(lsn, BrokerRecord { broker, configs: Arc::new(configs.clone()) });
        }
    }

    /// Each broker stands once.
    pub(super) fn brokers_are_sound(&self) -> bool {
        let brokers: BTreeSet<i32> = self.brokers.iter().map(|(_, record)| record.broker).collect();
        brokers.len() as u64 == self.brokers.count()
    }
}
