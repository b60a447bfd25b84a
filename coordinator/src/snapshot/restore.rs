//! A ledger out of its parts.

use super::part::{Container, decode, decode_leaves, decode_pages};
use super::{Containers, Manifest};
use crate::command::Corrupt;
use crate::ledger::Ledger;
use crate::ledger::shelf::Shelf;
use crate::ledger::table::Table;

/// The ledger that a snapshot holds: its parts are given in the manifest's order.
///
/// # Errors
/// Where a part is not the one that was written, is missing, or the whole contradicts itself or its digest.
pub fn restore<P: AsRef<[u8]>>(manifest: &Manifest, parts: impl IntoIterator<Item = P>) -> Result<Ledger, Corrupt> {
    let (mut topics, mut partitions, mut objects, mut windows) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut extents, mut producers) = (Vec::new(), Vec::new());
    let (mut groups, mut group_offsets) = (Vec::new(), Vec::new());
    let mut quotas = Vec::new();
    let (mut brokers, mut resources, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    let mut parts = parts.into_iter();
    let changed = manifest.lsn();
    for entry in manifest.parts() {
        let bytes = parts.next().ok_or(Corrupt::Short)?;
        let payload = decode(entry, bytes.as_ref())?;
        let group = entry.id.group;
        match entry.id.container {
            Container::Topics => decode_pages(payload, group, changed, &mut topics)?,
            Container::Partitions => decode_pages(payload, group, changed, &mut partitions)?,
            Container::Extents => decode_leaves(payload, group, changed, &mut extents)?,
            Container::Objects => decode_pages(payload, group, changed, &mut objects)?,
            Container::Producers => decode_leaves(payload, group, changed, &mut producers)?,
            Container::Windows => decode_pages(payload, group, changed, &mut windows)?,
            Container::Groups => decode_pages(payload, group, changed, &mut groups)?,
            Container::GroupOffsets => decode_leaves(payload, group, changed, &mut group_offsets)?,
            Container::Brokers => decode_pages(payload, group, changed, &mut brokers)?,
            Container::Resources => decode_pages(payload, group, changed, &mut resources)?,
            Container::Quotas => decode_pages(payload, group, changed, &mut quotas)?,
            Container::Shares => decode_leaves(payload, group, changed, &mut shares)?,
        }
    }
    let contradiction = || Corrupt::Value("entries that contradict each other");
    let containers = Containers {
        topics: Table::restore(true, topics, None).ok_or_else(contradiction)?,
        partitions: Table::restore(false, partitions, Some(manifest.partitions_end)).ok_or_else(contradiction)?,
        extents: Shelf::restore(extents).ok_or_else(contradiction)?,
        objects: Table::restore(true, objects, None).ok_or_else(contradiction)?,
        producers: Shelf::restore(producers).ok_or_else(contradiction)?,
        windows: Table::restore(true, windows, None).ok_or_else(contradiction)?,
        groups: Table::restore(true, groups, None).ok_or_else(contradiction)?,
        group_offsets: Shelf::restore(group_offsets).ok_or_else(contradiction)?,
        brokers: Table::restore(true, brokers, None).ok_or_else(contradiction)?,
        resources: Table::restore(true, resources, None).ok_or_else(contradiction)?,
        quotas: Table::restore(true, quotas, None).ok_or_else(contradiction)?,
        shares: Shelf::restore(shares).ok_or_else(contradiction)?,
    };
    let ledger = Ledger::of(manifest.scalars.clone(), containers).ok_or_else(contradiction)?;
    if ledger.digest() == manifest.digest() { Ok(ledger) } else { Err(Corrupt::Value("the digest")) }
}
