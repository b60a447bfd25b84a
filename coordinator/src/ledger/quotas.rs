//! Quotas of clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::ids::Lsn;
use apus_core::quota::{Bound, EntityName, QuotaEntity, QuotaKey, Quotas};

use super::Ledger;
use super::record::{Cursor, Record, put_text};
use super::table::Table;
use crate::command::Corrupt;

/// How a name of an entity begins.
const ABSENT: u8 = 0;
const DEFAULT: u8 = 1;
const NAMED: u8 = 2;

/// What was set of one entity.
///
/// | bytes | field | | bytes | field |
/// | --- | --- | --- | --- | --- |
/// | 1 | user: 0 absent, 1 the default one, 2 a name | | text | the name, where there is one |
/// | 1 | client id, likewise | | text | likewise |
/// | 1 | address, likewise | | text | likewise |
/// | 1 | quotas | | 1, 8 | number and bits of each, by key |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaRecord {
    /// Whom.
    pub entity: QuotaEntity,
    /// What.
    pub quotas: Arc<Quotas>,
}

impl Record for QuotaRecord {
    const PAGE_ENTRIES: usize = 512;

    fn write(&self, out: &mut Vec<u8>) {
        for name in [&self.entity.user, &self.entity.client_id, &self.entity.ip] {
            match name {
                None => out.push(ABSENT),
                Some(EntityName::Default) => out.push(DEFAULT),
                Some(EntityName::Named(name)) => {
                    out.push(NAMED);
                    put_text(out, name);
                }
            }
        }
        out.push(self.quotas.len() as u8);
        for (key, bound) in self.quotas.iter() {
            out.push(key.number());
            out.extend_from_slice(&bound.bits().to_le_bytes());
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<QuotaRecord, Corrupt> {
        let mut name = || {
            Ok(match bytes.u8()? {
                ABSENT => None,
                DEFAULT => Some(EntityName::Default),
                NAMED => Some(EntityName::Named(bytes.text()?)),
                _ => return Err(Corrupt::Value("a name of whom a quota is for")),
            })
        };
        let entity = QuotaEntity { user: name()?, client_id: name()?, ip: name()? };
        let mut quotas = Quotas::new();
        for _ in 0..bytes.u8()? {
            let key = QuotaKey::numbered(bytes.u8()?).ok_or(Corrupt::Value("a quota's key"))?;
            let bound = Bound::new(f64::from_bits(bytes.u64()?)).ok_or(Corrupt::Value("a quota's bound"))?;
            quotas.insert(key, bound);
        }
        if !entity.is_sound() || quotas.is_empty() {
            return Err(Corrupt::Value("an entity's quotas"));
        }
        Ok(QuotaRecord { entity, quotas: Arc::new(quotas) })
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) table: Table<QuotaRecord>,
    /// Derived.
    by_entity: BTreeMap<QuotaEntity, u32>,
    /// Bytes of their names. Derived.
    bytes: u64,
}

impl Limits {
    /// Restored ones; nothing where one stands twice.
    pub(super) fn of(table: Table<QuotaRecord>) -> Option<Limits> {
        let by_entity: BTreeMap<_, _> = table.iter().map(|(number, record)| (record.entity.clone(), number)).collect();
        let bytes = table.iter().map(|(_, record)| record.entity.bytes()).sum();
        (by_entity.len() as u64 == table.count()).then_some(Limits { table, by_entity, bytes })
    }

    fn replace(&mut self, lsn: Lsn, record: QuotaRecord) {
        if let Some(number) = self.by_entity.remove(&record.entity) {
            self.bytes -= record.entity.bytes();
            self.table.remove(lsn, number);
        }
        // An entity without quotas has no record, so a state in which all were taken back is as it was before.
        if !record.quotas.is_empty() {
            self.bytes += record.entity.bytes();
            let entity = record.entity.clone();
            self.by_entity.insert(entity, self.table.insert(lsn, record));
        }
    }

    /// Panics where the derived does not follow.
    pub(super) fn check(&self) {
        assert!(self.by_entity.len() as u64 == self.table.count(), "an entity stands twice");
        assert!(self.bytes == self.table.iter().map(|(_, record)| record.entity.bytes()).sum::<u64>());
    }
}

impl Ledger {
    /// What is set of an entity.
    #[must_use]
    pub fn quotas_of(&self, entity: &QuotaEntity) -> Option<&Arc<Quotas>> {
        let number = *self.quotas.by_entity.get(entity)?;
        Some(&self.quotas.table.get(number).expect("the index names what is there").quotas)
    }

    /// All entities with quotas.
    pub fn quotas(&self) -> impl Iterator<Item = &QuotaRecord> {
        self.quotas.table.iter().map(|(_, record)| record)
    }

    /// How many there are, and the bytes of their names.
    #[must_use]
    pub fn quotas_held(&self) -> (u64, u64) {
        (self.quotas.table.count(), self.quotas.bytes)
    }

    pub(super) fn set_quotas(&mut self, entity: &QuotaEntity, quotas: &Arc<Quotas>) -> QuotaRecord {
        let record = QuotaRecord { entity: entity.clone(), quotas: Arc::clone(quotas) };
        self.quotas.replace(self.scalars.lsn, record.clone());
        record
    }
}
