//! Packs that were uploaded and never committed: a crash between the two leaves them.
//!
//! The names below the cluster's data prefix are listed page by page, once after a start and then hourly. Before that,
//! the lives of the journal before this one are *closed*: a journal has one writer at a time, and what an earlier one
//! did not journal it never will. From then on a pack of theirs that no extent refers to is an orphan. A pack of an
//! earlier start whose broker is not known to the ledger at all is *abandoned* by itself. Only when that is durable,
//! and a commit of it would be refused for ever, is a pack deleted. Of this start, only packs whose number can never be committed any more
//! are touched; of a later start, none: then this broker is the old one. Names that are not ours are left alone.

use std::collections::BTreeSet;

use apus_core::extent::pack_key;
use apus_core::ids::{Lsn, PackId, Uuid};
use apus_core::time::Instant;
use apus_core::turn::{Level, Turn};
use apus_core::world::{Listed, ObjectKey, StoreRequest};

use super::{DELETE_KEYS_MAX, Purpose};
use crate::command::Command;
use crate::journal::Claim;
use crate::ledger::{Decision, Known};
use crate::machine::leader::Leader;
use crate::machine::tickets::Tickets;

/// How often a sweep begins.
pub const SWEEP_PAUSE_MS: u64 = 3_600_000;
/// The first sweep waits until the start is over.
pub const SWEEP_FIRST_MS: u64 = 5_000;

#[derive(Debug)]
enum Stage {
    /// Until the next sweep.
    Rests(Instant),
    /// The names behind this one are to be listed.
    Lists(Option<ObjectKey>),
    /// An answer is awaited.
    Waits,
    /// These are orphans, to be deleted when this position is durable; then the listing goes on.
    Condemns { lsn: Lsn, packs: Vec<PackId>, next: Option<ObjectKey> },
    /// Being deleted; then the listing goes on.
    Deletes { next: Option<ObjectKey> },
}

/// The sweep.
#[derive(Debug)]
pub struct Orphans {
    stage: Stage,
    found: usize,
    strangers: usize,
    /// A stranger's name was told once.
    told: bool,
}

impl Orphans {
    /// A sweep that begins soon.
    #[must_use]
    pub fn new(now: Instant) -> Orphans {
        Orphans { stage: Stage::Rests(now.after_ms(SWEEP_FIRST_MS)), found: 0, strangers: 0, told: false }
    }

    /// When the next sweep begins.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        if let Stage::Rests(until) = &self.stage { *until } else { Instant::NEVER }
    }

    /// So many were deleted.
    pub fn deleted(&mut self, count: usize) {
        self.found += count;
        if let Stage::Deletes { next } = &mut self.stage {
            let next = next.take();
            self.stage = if next.is_some() { Stage::Lists(next) } else { Stage::Waits };
        }
    }
}

impl Leader {
    pub(crate) fn advance_orphans(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let durable = self.journal.durable();
        let orphans = &mut self.reaper.orphans;
        match &mut orphans.stage {
            Stage::Rests(until) if turn.now >= *until => {
                (orphans.found, orphans.strangers) = (0, 0);
                orphans.stage = Stage::Lists(None);
                self.close_lives(turn);
            }
            Stage::Condemns { lsn, packs, next } if *lsn <= durable => {
                let keys = packs.iter().map(|pack| pack_key(&self.cluster_id, *pack)).collect();
                let next = next.take();
                orphans.stage = Stage::Deletes { next };
                self.reaper.calls.ask(Purpose::Orphans, StoreRequest::Delete { keys }, tickets, turn);
            }
            Stage::Waits if self.reaper.calls.count_if(|purpose| !matches!(purpose, Purpose::Dead(_))) == 0 => {
                self.end_sweep(turn);
            }
            _ => {}
        }
        if let Stage::Lists(after) = &mut self.reaper.orphans.stage {
            let after = after.take();
            let prefix = format!("v1/{}/d/", self.cluster_id);
            let request = StoreRequest::List { prefix, after, count_max: DELETE_KEYS_MAX as u16 };
            self.reaper.orphans.stage = Stage::Waits;
            self.reaper.calls.ask(Purpose::Page, request, tickets, turn);
        }
    }

    /// Where there is no room for it, orphans are abandoned one by one, and the next sweep tries again.
    fn close_lives(&mut self, turn: &mut Turn) {
        let before = self.reaper.incarnation;
        for broker in self.ledger.open_lives(before) {
            let _ = self.submit(Command::CloseLives { broker, before }, Claim::Upkeep, turn);
        }
    }

    fn end_sweep(&mut self, turn: &mut Turn) {
        let orphans = &mut self.reaper.orphans;
        orphans.stage = Stage::Rests(turn.now.after_ms(SWEEP_PAUSE_MS));
        if orphans.found > 0 {
            turn.note(Level::Info, format!("reaper: {} packs that were never committed are deleted", orphans.found));
        }
        if orphans.strangers > 0 && !std::mem::replace(&mut orphans.told, true) {
            let text =
                format!("reaper: {} names below v1/{}/d are not ours and stay", orphans.strangers, self.cluster_id);
            turn.note(Level::Warn, text);
        }
    }

    pub(crate) fn take_page(&mut self, page: Vec<Listed>, turn: &mut Turn) {
        let next = page.last().filter(|_| page.len() == DELETE_KEYS_MAX).map(|listed| listed.key.clone());
        let dead: BTreeSet<PackId> = self.ledger.dead_objects(i64::MAX).collect();
        let mut packs = Vec::new();
        for listed in &page {
            let Some(pack) = pack_of(&self.cluster_id, &listed.key) else {
                self.reaper.orphans.strangers += 1;
                continue;
            };
            let kept =
                pack.incarnation > self.reaper.incarnation || self.ledger.is_referenced(pack) || dead.contains(&pack);
            if !kept && self.condemn(pack, turn) {
                packs.push(pack);
            }
        }
        self.reaper.orphans.stage = if !packs.is_empty() {
            Stage::Condemns { lsn: self.journal.applied(), packs, next }
        } else if next.is_some() {
            Stage::Lists(next)
        } else {
            Stage::Waits
        };
    }

    /// True where nobody can ever commit the pack, once everything applied so far is durable.
    fn condemn(&mut self, pack: PackId, turn: &mut Turn) -> bool {
        match self.ledger.known(pack) {
            Known::Resolved | Known::Abandoned => true,
            Known::Unknown if pack.incarnation == self.reaper.incarnation => false,
            Known::Unknown => {
                let outcome = self.submit(Command::Abandon { pack }, Claim::Upkeep, turn);
                outcome.is_ok_and(|(_, outcome)| outcome.decision == Decision::Abandoned(true))
            }
        }
    }
}

/// The pack of a name, where the name is exactly what that pack's would be.
fn pack_of(cluster: &str, key: &ObjectKey) -> Option<PackId> {
    let text = key.as_str().rsplit('/').next()?;
    let bits = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    let pack = PackId::from_uuid(&Uuid(bits.to_be_bytes()))?;
    (pack_key(cluster, pack) == *key).then_some(pack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use apus_core::ids::{BrokerId, Incarnation, Writer};

    #[test]
    fn only_our_own_names_are_packs() {
        let pack = PackId { broker: BrokerId(1), incarnation: Incarnation(2), writer: Writer::Spill, number: 3 };
        let key = pack_key("c", pack);
        assert_eq!(pack_of("c", &key), Some(pack));
        assert_eq!(pack_of("other", &key), None);
        assert_eq!(pack_of("c", &ObjectKey::new("v1/c/d/00/notes.txt")), None);
        let moved = format!("v1/c/d/ff/{}", pack.uuid());
        assert_eq!(pack_of("c", &ObjectKey::new(&moved)), None);
    }
}
