//! The ledger: the coordinator's state, and the one function that changes it.
//!
//! [`Ledger::apply`] is deterministic: no I/O, no clock, no chance, no order of hashes. Whoever applies the same
//! commands holds the same state, down to its [`digest`](Ledger::digest); the leader applies a command before it
//! journals it, so nothing that a command says may make it panic. It owns topics, the heads of partitions, their
//! extents, the objects that these lie in, what idempotent producers sent last, consumer groups and their offsets, and
//! what became of packs.
//!
//! Invariants, checked by [`Ledger::check`]:
//! - Extents tile a partition's log: the first begins at or below its first offset, the last ends at its high watermark.
//! - An object lives exactly as long as an extent lies in it, and knows how many do.
//! - A partition's number is never given again; a batch of a deleted topic is refused.
//! - A pack is committed at most once, and never after it was abandoned.
//! - Work of one command is bounded: what a removal leaves behind is swept a piece at a time by the commands after it.
//!
//! All state lies in pages and leaves of at most 64 KiB behind `Arc`s. A snapshot clones the `Arc`s; the next write to
//! one of them copies it. On loss the ledger is the newest snapshot and the journal behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apus_core::error::Refusal;
use apus_core::ids::{BrokerId, Incarnation, Lsn, PackId, TopicId};

use crate::command::{Command, Envelope};

pub(crate) mod brokers;
mod check;
mod commit;
mod consumers;
mod creation;
pub(crate) mod extents;
pub(crate) mod group;
pub(crate) mod group_offset;
mod groups;
pub(crate) mod objects;
mod outcome;
pub(crate) mod producers;
pub(crate) mod quotas;
mod reads;
pub(crate) mod record;
mod rehome;
mod removal;
pub(crate) mod resources;
mod retention;
pub(crate) mod shares;
pub(crate) mod shelf;
mod streams;
pub(crate) mod table;
pub(crate) mod topics;
pub(crate) mod windows;

pub use group::NewerKind;
pub use group_offset::GroupPosition;
pub use outcome::{Accepted, Answer, Decision, Known, Outcome, Pressure};
pub use quotas::QuotaRecord;
pub use resources::ResourceRecord;
pub use retention::Policy;
pub use topics::TopicRecord;

use brokers::BrokerRecord;
use extents::Packed;
use groups::Groups;
use objects::Objects;
use producers::Producer;
use quotas::Limits;
use record::hash;
use resources::Resources;
use shelf::Shelf;
use table::Table;
use topics::Partition;
use windows::Windows;

/// Numbers that stand alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scalars {
    pub(crate) lsn: Lsn,
    pub(crate) clock_ms: i64,
    pub(crate) incarnation: Incarnation,
    pub(crate) nonce: u128,
    pub(crate) producer_ids_end: i64,
    /// Where the next search for idle producers begins.
    pub(crate) expiry: (u32, i64),
}

/// The coordinator's state.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) scalars: Scalars,
    pub(crate) topics: Table<TopicRecord>,
    by_id: BTreeMap<TopicId, u32>,
    by_name: BTreeMap<Arc<str>, u32>,
    pub(crate) partitions: Table<Partition>,
    pub(crate) extents: Shelf<Packed>,
    pub(crate) objects: Objects,
    pub(crate) producers: Shelf<Producer>,
    pub(crate) windows: Windows,
    pub(crate) groups: Groups,
    pub(crate) brokers: Table<BrokerRecord>,
    pub(crate) resources: Resources,
    pub(crate) quotas: Limits,
    /// Partitions with extents or producers to remove. Derived.
    debts: BTreeSet<u32>,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger::new()
    }
}

/// The containers of a ledger, as a snapshot holds them.
pub(crate) struct Containers {
    pub(crate) topics: Table<TopicRecord>,
    pub(crate) partitions: Table<Partition>,
    pub(crate) extents: Shelf<Packed>,
    pub(crate) objects: Table<objects::Object>,
    pub(crate) producers: Shelf<Producer>,
    pub(crate) windows: Table<windows::Window>,
    pub(crate) groups: Table<group::Group>,
    pub(crate) group_offsets: Shelf<group_offset::Committed>,
    pub(crate) brokers: Table<BrokerRecord>,
    pub(crate) resources: Table<ResourceRecord>,
    pub(crate) quotas: Table<QuotaRecord>,
    pub(crate) shares: Shelf<shares::Share>,
}

impl Ledger {
    /// The state before every command.
    #[must_use]
    pub fn new() -> Ledger {
        let containers = Containers {
            topics: Table::new(true),
            partitions: Table::new(false),
            extents: Shelf::new(),
            objects: Table::new(true),
            producers: Shelf::new(),
            windows: Table::new(true),
            groups: Table::new(true),
            group_offsets: Shelf::new(),
            brokers: Table::new(true),
            resources: Table::new(true),
            quotas: Table::new(true),
            shares: Shelf::new(),
        };
        Ledger::of(Scalars::default(), containers).expect("nothing contradicts itself")
    }

    /// A ledger of restored containers, with all that is derived; nothing where they contradict themselves.
    pub(crate) fn of(scalars: Scalars, containers: Containers) -> Option<Ledger> {
        let mut ledger = Ledger {
            scalars,
            topics: containers.topics,
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
            partitions: containers.partitions,
            extents: containers.extents,
            objects: Objects::of(containers.objects)?,
            producers: containers.producers,
            windows: Windows::of(containers.windows)?,
            groups: Groups::of(containers.groups, containers.group_offsets, containers.shares)?,
            brokers: containers.brokers,
            resources: Resources::of(containers.resources)?,
            quotas: Limits::of(containers.quotas)?,
            debts: BTreeSet::new(),
        };
        for (number, topic) in ledger.topics.iter() {
            let id_twice = ledger.by_id.insert(topic.id, number).is_some();
            if id_twice || ledger.by_name.insert(Arc::clone(&topic.name), number).is_some() {
                return None;
            }
        }
        ledger.is_sound().then_some(())?;
        let owing = ledger.partitions.iter().filter(|(number, _)| ledger.owes(*number));
        ledger.debts = owing.map(|(number, _)| number).collect();
        Some(ledger)
    }

    /// Applies the command at this position; positions only rise.
    pub fn apply(&mut self, lsn: Lsn, envelope: &Envelope) -> Outcome {
        assert!(lsn > self.scalars.lsn, "{lsn} after {}", self.scalars.lsn);
        let before = self.scalars.lsn;
        let mut removed = removal::Removed::default();
        // A digest speaks of the state before this very command, clock included.
        let digest = matches!(envelope.command, Command::Digest { .. }).then(|| self.digest());
        self.scalars.lsn = lsn;
        self.scalars.clock_ms = self.scalars.clock_ms.max(envelope.wall_ms);
        let decision = match &envelope.command {
            Command::Begin { incarnation, nonce } => Decision::Began(self.begin(*incarnation, *nonce)),
            Command::CreateTopic(topic) => Decision::Created(self.create_topic(topic)),
            Command::DeleteTopic { id } => Decision::Deleted(self.delete_topic(*id)),
            Command::GrowTopic { id, partitions } => Decision::Grown(self.grow_topic(*id, *partitions)),
            Command::ConfigureTopic { id, configs } => Decision::Configured(self.configure_topic(*id, configs)),
            Command::ConfigureBroker { broker, configs } => {
                self.configure_broker(*broker, configs);
                Decision::BrokerConfigured
            }
            Command::ConfigureResource { kind, name, configs } => {
                Decision::ResourceConfigured(self.configure_resource(*kind, name, configs))
            }
            Command::SetQuotas { entity, quotas } => Decision::QuotasSet(self.set_quotas(entity, quotas)),
            Command::ReserveProducerIds { end } => {
                let start = self.scalars.producer_ids_end;
                self.scalars.producer_ids_end = start.max(*end);
                Decision::Reserved(start..self.scalars.producer_ids_end)
            }
            Command::Commit(commit) => self.commit(commit, &mut removed),
            Command::Rehome(rehome) => self.rehome(rehome, &mut removed),
            Command::Trim(trims) => Decision::Trimmed(self.trim(trims)),
            Command::Abandon { pack } => Decision::Abandoned(self.abandon(*pack)),
            Command::CloseLives { broker, before } => Decision::Closed(self.close_lives(*broker, *before)),
            Command::ObjectsDeleted { packs } => Decision::Forgotten(self.forget(packs)),
            Command::ExpireProducers { before_ms } => Decision::Expired(self.expire_producers(*before_ms)),
            Command::StoreGroup(group) => Decision::GroupStored(self.store_group(group)),
            Command::RemoveGroup { id } => Decision::GroupRemoved(self.remove_group(id)),
            Command::ChangeConsumers(change) => Decision::ConsumersChanged(self.change_consumers(change, false)),
            Command::ChangeSharers(change) => Decision::ConsumersChanged(self.change_consumers(change, true)),
            Command::ChangeShares(change) => Decision::SharesChanged(self.change_shares(change)),
            Command::RemoveShares { group, partitions } => {
                Decision::SharesRemoved(self.remove_shares(group, partitions))
            }
            Command::ChangeStreams(change) => Decision::StreamsChanged(self.change_streams(change)),
            Command::CommitOffsets(commit) => Decision::OffsetsCommitted(self.commit_offsets(commit)),
            Command::RemoveOffsets { group, partitions } => {
                Decision::OffsetsRemoved(self.remove_offsets(group, partitions))
            }
            Command::Digest { lsn, digest: expected } => Decision::Agreed(*lsn == before && digest == Some(*expected)),
        };
        self.sweep(&mut removed);
        Outcome { decision, died: removed.died, emptied: removed.emptied }
    }

    fn begin(&mut self, incarnation: Incarnation, nonce: u128) -> Result<(), Refusal> {
        if incarnation <= self.scalars.incarnation {
            return Err(Refusal::StaleBrokerEpoch);
        }
        self.scalars.incarnation = incarnation;
        self.scalars.nonce = nonce;
        self.windows.forget_answers(self.scalars.lsn, incarnation);
        Ok(())
    }

    fn abandon(&mut self, pack: PackId) -> bool {
        match self.windows.known(pack) {
            Known::Unknown => {
                self.windows.resolve(self.scalars.lsn, pack, windows::Slot::Abandoned);
                true
            }
            Known::Abandoned => true,
            Known::Resolved => !self.is_referenced(pack),
        }
    }

    /// The life that goes on is never closed.
    fn close_lives(&mut self, broker: BrokerId, before: Incarnation) -> bool {
        before <= self.scalars.incarnation && self.windows.close(self.scalars.lsn, broker, before)
    }

    fn forget(&mut self, packs: &[PackId]) -> u64 {
        let lsn = self.scalars.lsn;
        packs.iter().filter(|pack| self.objects.forget(lsn, **pack)).count() as u64
    }

    /// The position of the last command applied.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.scalars.lsn
    }

    /// The highest wall time it was told, milliseconds.
    #[must_use]
    pub fn clock_ms(&self) -> i64 {
        self.scalars.clock_ms
    }

    /// The present life of the journal and the number drawn for it; nothing before the first.
    #[must_use]
    pub fn begun(&self) -> Option<(Incarnation, u128)> {
        let Scalars { incarnation, nonce, .. } = self.scalars;
        (incarnation > Incarnation(0)).then_some((incarnation, nonce))
    }

    /// Brokers with lives before this one that are not closed.
    #[must_use]
    pub fn open_lives(&self, before: Incarnation) -> Vec<BrokerId> {
        self.windows.open(before)
    }

    /// The producer id behind the last one reserved.
    #[must_use]
    pub fn producer_ids_end(&self) -> i64 {
        self.scalars.producer_ids_end
    }

    /// How full it is.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        let (extents, producers) = (self.extents.count(), self.producers.count());
        let (partitions, group_offsets) = (self.partitions.count(), self.groups.offsets.count());
        let writers = self.windows.table.count();
        Pressure { extents, producers, partitions, group_offsets, writers }
    }

    /// 64 bits that equal states share, and different ones do not but by a rare chance. How entries happen to lie in
    /// pages and leaves does not count.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut bytes = Vec::with_capacity(128);
        self.scalars.write(&mut bytes);
        let sums = [
            self.topics.digest(),
            self.partitions.digest(),
            u64::from(self.partitions.end()),
            self.extents.digest(),
            self.objects.table.digest(),
            self.producers.digest(),
            self.windows.table.digest(),
        ];
        // Groups came later, and settings of brokers and of other resources: a state without any has the digest that it always had.
        let groups = [self.groups.table.digest(), self.groups.offsets.digest()];
        let groups = if self.groups.table.count() > 0 { &groups[..] } else { &[] };
        let brokers = [self.brokers.digest()];
        let brokers = if self.brokers.count() > 0 { &brokers[..] } else { &[] };
        let resources = [self.resources.table.digest()];
        let resources = if self.resources.table.count() > 0 { &resources[..] } else { &[] };
        let quotas = [self.quotas.table.digest()];
        let quotas = if self.quotas.table.count() > 0 { &quotas[..] } else { &[] };
        let shares = [self.groups.shares.shelf.digest()];
        let shares = if self.groups.shares.shelf.count() > 0 { &shares[..] } else { &[] };
        let later = groups.iter().chain(brokers).chain(resources).chain(quotas).chain(shares);
        sums.iter().chain(later).for_each(|sum| bytes.extend_from_slice(&sum.to_le_bytes()));
        hash(0, &bytes)
    }
}

impl Scalars {
    /// LSN (8), clock (8), incarnation (4), nonce (16), end of the producer ids (8), partition (4) and producer (8) of
    /// the next search for idle ones.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.lsn.0.to_le_bytes());
        out.extend_from_slice(&self.clock_ms.to_le_bytes());
        out.extend_from_slice(&self.incarnation.0.to_le_bytes());
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(&self.producer_ids_end.to_le_bytes());
        out.extend_from_slice(&self.expiry.0.to_le_bytes());
        out.extend_from_slice(&self.expiry.1.to_le_bytes());
    }

    pub(crate) fn read(bytes: &mut record::Cursor<'_>) -> Result<Scalars, crate::command::Corrupt> {
        Ok(Scalars {
            lsn: Lsn(bytes.u64()?),
            clock_ms: bytes.i64()?,
            incarnation: Incarnation(bytes.u32()?),
            nonce: u128::from_le_bytes(bytes.array()?),
            producer_ids_end: bytes.i64()?,
            expiry: (bytes.u32()?, bytes.i64()?),
        })
    }
}
