//! Snapshots: the ledger at one position, in parts of which only those that changed are written again.
//!
//! Taking one clones `Arc`s; encoding happens elsewhere and later, a part at a time. A part holds up to 16 pages or
//! leaves of one container, about 1 MiB at most; more only where a pack has very many batches to remember, a group very
//! many members, offsets much that clients keep beside them, or a share
//! partition thousands of records under way.
//! The manifest names every part of the state: those that this snapshot
//! wrote, and those of earlier ones that are still true. Parts first, then the manifest, then whatever names it; a
//! snapshot without a manifest never was.
//!
//! The folder of a snapshot carries its position and the journal's life, so no two lives write the same name.

use apus_core::ids::{Incarnation, Lsn};

use crate::ledger::Ledger;
use crate::ledger::brokers::BrokerRecord;
use crate::ledger::extents::Packed;
use crate::ledger::group::Group;
use crate::ledger::group_offset::Committed;
use crate::ledger::objects::Object;
use crate::ledger::producers::Producer;
use crate::ledger::quotas::QuotaRecord;
use crate::ledger::resources::ResourceRecord;
use crate::ledger::shares::Share;
use crate::ledger::topics::{Partition, TopicRecord};
use crate::ledger::windows::Window;
use crate::ledger::{Containers, Scalars};

mod manifest;
mod part;
mod restore;

pub use manifest::{Manifest, PartEntry};
pub use part::{Container, Part, PartId};
pub use restore::restore;

use part::{Leaves, Pages};

/// The ledger at one position. Cheap to take; the ledger goes on.
#[derive(Clone, Debug)]
pub struct Snapshot {
    scalars: Scalars,
    digest: u64,
    /// The number behind the last partition ever.
    partitions_end: u32,
    topics: Pages<TopicRecord>,
    partitions: Pages<Partition>,
    extents: Leaves<Packed>,
    objects: Pages<Object>,
    producers: Leaves<Producer>,
    windows: Pages<Window>,
    groups: Pages<Group>,
    group_offsets: Leaves<Committed>,
    brokers: Pages<BrokerRecord>,
    resources: Pages<ResourceRecord>,
    quotas: Pages<QuotaRecord>,
    shares: Leaves<Share>,
}

impl Snapshot {
    /// The ledger as it stands.
    #[must_use]
    pub fn of(ledger: &Ledger) -> Snapshot {
        Snapshot {
            scalars: ledger.scalars.clone(),
            digest: ledger.digest(),
            partitions_end: ledger.partitions.end(),
            topics: ledger.topics.pages().to_vec(),
            partitions: ledger.partitions.pages().to_vec(),
            extents: ledger.extents.leaves().to_vec(),
            objects: ledger.objects.table.pages().to_vec(),
            producers: ledger.producers.leaves().to_vec(),
            windows: ledger.windows.table.pages().to_vec(),
            groups: ledger.groups.table.pages().to_vec(),
            group_offsets: ledger.groups.offsets.leaves().to_vec(),
            brokers: ledger.brokers.pages().to_vec(),
            resources: ledger.resources.table.pages().to_vec(),
            quotas: ledger.quotas.table.pages().to_vec(),
            shares: ledger.groups.shares.shelf.leaves().to_vec(),
        }
    }

    /// The position that it holds.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.scalars.lsn
    }

    /// The folder of what it writes.
    #[must_use]
    pub fn folder(&self) -> String {
        folder(self.scalars.incarnation, self.scalars.lsn)
    }

    /// The parts that changed since the earlier snapshot (all, where there is none), encoded as they are asked for.
    pub fn parts<'a>(&'a self, earlier: Option<&'a Manifest>) -> impl Iterator<Item = Part> + 'a {
        self.ids().filter(move |(id, changed)| kept(earlier, *id, *changed).is_none()).map(|(id, _)| self.part(id))
    }

    /// The places of the same parts, for who encodes them one at a time by [`Snapshot::part`].
    #[must_use]
    pub fn changed(&self, earlier: Option<&Manifest>) -> Vec<PartId> {
        self.ids().filter(|(id, changed)| kept(earlier, *id, *changed).is_none()).map(|(id, _)| id).collect()
    }

    /// The manifest: what was written now, and what is kept of the earlier snapshot.
    ///
    /// # Panics
    /// Where `written` is not exactly what [`Snapshot::parts`] gave for the same earlier snapshot.
    #[must_use]
    pub fn manifest(&self, earlier: Option<&Manifest>, written: &[PartEntry]) -> Manifest {
        let mut written = written.iter();
        let parts: Vec<PartEntry> = self
            .ids()
            .map(|(id, changed)| match kept(earlier, id, changed) {
                Some(entry) => *entry,
                None => *written.next().filter(|entry| entry.id == id).expect("a part that changed was written"),
            })
            .collect();
        assert!(written.next().is_none(), "more was written than changed");
        Manifest { scalars: self.scalars.clone(), digest: self.digest, partitions_end: self.partitions_end, parts }
    }

    /// All parts in order, with the position of their last change.
    fn ids(&self) -> impl Iterator<Item = (PartId, Lsn)> + '_ {
        let of = |container, changes: Vec<Lsn>| {
            changes.into_iter().enumerate().map(move |(group, changed)| {
                (PartId { container, group: u32::try_from(group).expect("parts are bounded") }, changed)
            })
        };
        of(Container::Topics, part::page_changes(&self.topics))
            .chain(of(Container::Partitions, part::page_changes(&self.partitions)))
            .chain(of(Container::Extents, part::leaf_changes(&self.extents)))
            .chain(of(Container::Objects, part::page_changes(&self.objects)))
            .chain(of(Container::Producers, part::leaf_changes(&self.producers)))
            .chain(of(Container::Windows, part::page_changes(&self.windows)))
            .chain(of(Container::Groups, part::page_changes(&self.groups)))
            .chain(of(Container::GroupOffsets, part::leaf_changes(&self.group_offsets)))
            .chain(of(Container::Brokers, part::page_changes(&self.brokers)))
            .chain(of(Container::Resources, part::page_changes(&self.resources)))
            .chain(of(Container::Shares, part::leaf_changes(&self.shares)))
            .chain(of(Container::Quotas, part::page_changes(&self.quotas)))
    }

    /// One part, encoded.
    #[must_use]
    pub fn part(&self, id: PartId) -> Part {
        let bytes = match id.container {
            Container::Topics => part::encode_pages(id, &self.topics),
            Container::Partitions => part::encode_pages(id, &self.partitions),
            Container::Extents => part::encode_leaves(id, &self.extents),
            Container::Objects => part::encode_pages(id, &self.objects),
            Container::Producers => part::encode_leaves(id, &self.producers),
            Container::Windows => part::encode_pages(id, &self.windows),
            Container::Groups => part::encode_pages(id, &self.groups),
            Container::GroupOffsets => part::encode_leaves(id, &self.group_offsets),
            Container::Brokers => part::encode_pages(id, &self.brokers),
            Container::Resources => part::encode_pages(id, &self.resources),
            Container::Quotas => part::encode_pages(id, &self.quotas),
            Container::Shares => part::encode_leaves(id, &self.shares),
        };
        Part::new(id, self.scalars.incarnation, self.scalars.lsn, bytes)
    }
}

/// The earlier snapshot's entry of a part that has not changed since.
fn kept(earlier: Option<&Manifest>, id: PartId, changed: Lsn) -> Option<&PartEntry> {
    earlier.filter(|earlier| changed <= earlier.lsn())?.part(id)
}

fn folder(incarnation: Incarnation, lsn: Lsn) -> String {
    format!("{:016x}-{:08x}", lsn.0, incarnation.0)
}
