//! Settings of resources that are neither topics nor brokers: groups, and subscriptions to metrics of clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::config::ResourceKind;
use apus_core::ids::Lsn;

use super::Ledger;
use super::record::{Cursor, Record, put_text};
use super::table::Table;
use crate::command::Corrupt;

/// What was set of one resource.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 1 | Kafka's number of its kind | | 4 | configs |
/// | text | name | | text, text | key and value of each, by key |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRecord {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name.
    pub name: Arc<str>,
    /// What is set of it, by key.
    pub configs: Arc<BTreeMap<String, String>>,
}

impl ResourceRecord {
    /// Bytes of its texts.
    fn bytes(&self) -> u64 {
        resource_bytes(&self.name, &self.configs)
    }
}

/// Bytes that a resource's texts take.
pub(crate) fn resource_bytes(name: &str, configs: &BTreeMap<String, String>) -> u64 {
    let configs: usize = configs.iter().map(|(key, value)| key.len() + value.len()).sum();
    (name.len() + configs) as u64
}

impl Record for ResourceRecord {
    const PAGE_ENTRIES: usize = 1024;

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind.number() as u8);
        put_text(out, &self.name);
        out.extend_from_slice(&(self.configs.len() as u32).to_le_bytes());
        for (key, value) in self.configs.iter() {
            put_text(out, key);
            put_text(out, value);
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<ResourceRecord, Corrupt> {
        let kind = ResourceKind::of(bytes.u8()? as i8).ok_or(Corrupt::Value("a resource's kind"))?;
        let name = bytes.text()?;
        let mut configs = BTreeMap::new();
        for _ in 0..bytes.u32()? {
            configs.insert(bytes.text()?.to_string(), bytes.text()?.to_string());
        }
        if name.is_empty() || configs.is_empty() {
            return Err(Corrupt::Value("a resource's settings"));
        }
        Ok(ResourceRecord { kind, name, configs: Arc::new(configs) })
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Resources {
    pub(crate) table: Table<ResourceRecord>,
    /// Derived.
    by_name: BTreeMap<(ResourceKind, Arc<str>), u32>,
    /// Bytes of their texts. Derived.
    bytes: u64,
}

impl Resources {
    /// Restored ones; nothing where one stands twice.
    pub(super) fn of(table: Table<ResourceRecord>) -> Option<Resources> {
        let by_name = table.iter().map(|(number, record)| ((record.kind, Arc::clone(&record.name)), number));
        let by_name: BTreeMap<_, _> = by_name.collect();
        let bytes = table.iter().map(|(_, record)| record.bytes()).sum();
        (by_name.len() as u64 == table.count()).then_some(Resources { table, by_name, bytes })
    }

    fn get(&self, kind: ResourceKind, name: &Arc<str>) -> Option<(u32, &ResourceRecord)> {
        let number = *self.by_name.get(&(kind, Arc::clone(name)))?;
        Some((number, self.table.get(number).expect("the index names what is there")))
    }

    fn replace(&mut self, lsn: Lsn, record: ResourceRecord) {
        if let Some((number, before)) = self.get(record.kind, &record.name) {
            self.bytes -= before.bytes();
            self.table.remove(lsn, number);
            self.by_name.remove(&(record.kind, Arc::clone(&record.name)));
        }
        // A resource without settings has no record, so a state in which all were taken back is as it was before.
        if !record.configs.is_empty() {
            self.bytes += record.bytes();
            let name = (record.kind, Arc::clone(&record.name));
            self.by_name.insert(name, self.table.insert(lsn, record));
        }
    }

    /// Panics where the derived does not follow.
    pub(super) fn check(&self) {
        assert!(self.by_name.len() as u64 == self.table.count(), "a resource stands twice");
        assert!(self.bytes == self.table.iter().map(|(_, record)| record.bytes()).sum::<u64>());
    }
}

impl Ledger {
    /// What is set of a resource, by key.
    #[must_use]
    pub fn resource_configs(&self, kind: ResourceKind, name: &Arc<str>) -> BTreeMap<String, String> {
        let found = self.resources.get(kind, name);
        found.map_or_else(BTreeMap::new, |(_, record)| (*record.configs).clone())
    }

    /// All resources with settings.
    pub fn resources(&self) -> impl Iterator<Item = &ResourceRecord> {
        self.resources.table.iter().map(|(_, record)| record)
    }

    /// How many there are, and the bytes of their texts.
    #[must_use]
    pub fn resources_held(&self) -> (u64, u64) {
        (self.resources.table.count(), self.resources.bytes)
    }

    pub(super) fn configure_resource(
        &mut self,
        kind: ResourceKind,
        name: &Arc<str>,
        configs: &BTreeMap<String, String>,
    ) -> ResourceRecord {
        let record = ResourceRecord { kind, name: Arc::clone(name), configs: Arc::new(configs.clone()) };
        self.resources.replace(self.scalars.lsn, record.clone());
        record
    }
}
