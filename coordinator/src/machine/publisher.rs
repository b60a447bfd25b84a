//! Snapshots on their way into the store: parts, then the manifest, then OWNER, then what is old goes.
//!
//! A snapshot is due after [`limits::SNAPSHOT_JOURNAL_BYTES`] of journal or [`limits::SNAPSHOT_AGE_MS`], where anything
//! changed, and at once where the journal runs out of room. It shares the ledger's chunks; one part is encoded a step,
//! and few are in flight, so that nothing stalls. OWNER names it only when its position is durable. A crash before that
//! leaves objects that the next snapshot sweeps away; a crash behind it leaves segments that the next one frees.

use std::collections::BTreeSet;

use apus_core::ids::{Lsn, Ticket};
use apus_core::limits;
use apus_core::time::Instant;
use apus_core::turn::{Level, Turn};
use apus_core::world::{Body, Condition, Listed, ObjectKey, StoreReply, StoreRequest};

use super::calls::Calls;
use super::leader::{Leader, Verdict};
use super::tickets::Tickets;
use crate::owner::Owner;
use crate::owner::swap::{Swap, Swapped};
use crate::snapshot::{Manifest, PartEntry, PartId, Snapshot};

/// Parts in flight: 4 MiB at most.
const PARTS_MAX: usize = 4;
/// Names of one page of the listing that finds old parts.
const PAGE_MAX: u16 = 1_000;
/// A journal without room asks for a snapshot this often.
const HURRY_MS: u64 = 1_000;

#[derive(Clone, Debug)]
enum Purpose {
    Part,
    Manifest,
    List,
    Delete(Option<ObjectKey>),
}

#[derive(Debug)]
enum Stage {
    Idle,
    /// Parts are written: which, how many were begun, and the entries of those that are there.
    Parts {
        snapshot: Box<Snapshot>,
        ids: Vec<PartId>,
        begun: usize,
        entries: Vec<Option<PartEntry>>,
    },
    /// The manifest is being written, or waits for its position to be durable.
    Manifest {
        manifest: Box<Manifest>,
        stored: bool,
    },
    /// OWNER is being swapped.
    Swaps {
        manifest: Box<Manifest>,
        swap: Box<Swap>,
    },
    /// What no manifest names is being deleted.
    Sweeps,
}

/// The newest snapshot, and the one under way.
#[derive(Debug)]
pub struct Publisher {
    newest: Option<Manifest>,
    floor: Lsn,
    /// Journal bytes behind the newest snapshot when this started, and what was written then.
    bytes_before: u64,
    written_at: u64,
    next_at: Instant,
    stage: Stage,
    calls: Calls<Purpose>,
}

impl Publisher {
    /// A publisher behind the snapshot that the start restored.
    #[must_use]
    pub fn new(newest: Option<Manifest>, bytes_before: u64, now: Instant) -> Publisher {
        let floor = newest.as_ref().map_or(Lsn(0), Manifest::lsn);
        let next_at = now.after_ms(limits::SNAPSHOT_AGE_MS);
        Publisher { newest, floor, bytes_before, written_at: 0, next_at, stage: Stage::Idle, calls: Calls::default() }
    }

    /// The position that the newest durable snapshot holds.
    #[must_use]
    pub fn floor(&self) -> Lsn {
        self.floor
    }

    fn is_due(&self, applied: Lsn, written: u64, hurried: bool, now: Instant) -> bool {
        let bytes = self.bytes_before + written - self.written_at;
        let hurry = hurried && now.after_ms(limits::SNAPSHOT_AGE_MS) >= self.next_at.after_ms(HURRY_MS);
        matches!(self.stage, Stage::Idle)
            && applied > self.floor
            && (now >= self.next_at || bytes >= limits::SNAPSHOT_JOURNAL_BYTES || hurry)
    }

    /// Asks again what is due.
    pub fn wake(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        self.calls.wake(tickets, turn);
        if let Stage::Swaps { swap, .. } = &mut self.stage {
            swap.wake(tickets, turn);
        }
    }

    /// When it wants to be woken, where this much was applied.
    #[must_use]
    pub fn deadline(&self, applied: Lsn) -> Instant {
        let stage = match &self.stage {
            Stage::Idle if applied > self.floor => self.next_at,
            Stage::Parts { ids, begun, .. } if *begun < ids.len() && self.calls.count() < PARTS_MAX => Instant(0),
            Stage::Swaps { swap, .. } => swap.deadline(),
            _ => Instant::NEVER,
        };
        stage.min(self.calls.deadline())
    }
}

/// The folder of all snapshots of a cluster.
fn folder(cluster: &str) -> String {
    format!("v1/{cluster}/c/0/s/")
}

fn manifest_key(cluster: &str, manifest: &Manifest) -> ObjectKey {
    ObjectKey::new(&format!("{}{}/MANIFEST", folder(cluster), manifest.folder()))
}

impl Leader {
    pub(crate) fn advance_snapshot(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let hurried = self.journal.is_short();
        if hurried {
            self.spill.hurry();
        }
        let (applied, written) = (self.journal.applied(), self.journal.written());
        let publisher = &mut self.publisher;
        if publisher.is_due(applied, written, hurried, turn.now) {
            let snapshot = Box::new(Snapshot::of(&self.ledger));
            let ids = snapshot.changed(publisher.newest.as_ref());
            let entries = vec![None; ids.len()];
            publisher.stage = Stage::Parts { snapshot, ids, begun: 0, entries };
            (publisher.bytes_before, publisher.written_at) = (0, written);
            publisher.next_at = turn.now.after_ms(limits::SNAPSHOT_AGE_MS);
        }
        self.write_part(tickets, turn);
        self.write_manifest(tickets, turn);
        self.swap_owner(tickets, turn);
        self.free_segments();
    }

    fn write_part(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let publisher = &mut self.publisher;
        let Stage::Parts { snapshot, ids, begun, entries } = &mut publisher.stage else { return };
        if *begun == ids.len() || publisher.calls.count() >= PARTS_MAX {
            return;
        }
        let part = snapshot.part(ids[*begun]);
        let key = ObjectKey::new(&format!("{}{}", folder(&self.cluster_id), part.entry.name()));
        entries[*begun] = Some(part.entry);
        let body = Body::new(vec![part.bytes]);
        let request = StoreRequest::Put { key, body, condition: Condition::Always };
        publisher.calls.ask(Purpose::Part, request, tickets, turn);
        *begun += 1;
    }

    fn write_manifest(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let publisher = &mut self.publisher;
        let Stage::Parts { snapshot, ids, begun, entries } = &publisher.stage else { return };
        if *begun < ids.len() || publisher.calls.count() > 0 {
            return;
        }
        let written: Vec<PartEntry> = entries.iter().flatten().copied().collect();
        let manifest = snapshot.manifest(publisher.newest.as_ref(), &written);
        let key = manifest_key(&self.cluster_id, &manifest);
        let body = Body::new(vec![manifest.encode()]);
        let request = StoreRequest::Put { key, body, condition: Condition::Always };
        publisher.calls.ask(Purpose::Manifest, request, tickets, turn);
        publisher.stage = Stage::Manifest { manifest: Box::new(manifest), stored: false };
    }

    fn swap_owner(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let durable = self.journal.durable();
        let ready =
            matches!(&self.publisher.stage, Stage::Manifest { manifest, stored: true } if manifest.lsn() <= durable);
        if !ready {
            return;
        }
        let Stage::Manifest { manifest, .. } = std::mem::replace(&mut self.publisher.stage, Stage::Idle) else {
            return;
        };
        let (before, _) = self.owner.as_ref().expect("a leader owns the store");
        let snapshot = Some(manifest_key(&self.cluster_id, &manifest));
        let wanted = Owner { floor: manifest.lsn(), snapshot, ..before.clone() };
        let swap = Box::new(Swap::begin(wanted, self.owner.clone(), tickets, turn));
        self.publisher.stage = Stage::Swaps { manifest, swap };
    }

    /// Segments go that the newest snapshot covers and that hold no bytes of their own.
    fn free_segments(&mut self) {
        let held = self.spill.oldest().map_or(Lsn(u64::MAX), |oldest| Lsn(oldest.0 - 1));
        self.journal.release(self.publisher.floor.min(held));
    }

    /// The store's answer to one of the publisher's questions; nothing where it is not one.
    pub(crate) fn snapshot_stored(
        &mut self,
        ticket: Ticket,
        reply: &StoreReply,
        tickets: &mut Tickets,
        turn: &mut Turn,
    ) -> Option<Verdict> {
        if let Stage::Swaps { swap, .. } = &mut self.publisher.stage
            && let Some(swapped) = swap.answered(ticket, reply, tickets, turn)
        {
            return Some(self.swapped(swapped, tickets, turn));
        }
        let call = self.publisher.calls.answered(ticket)?;
        match (&call.purpose, reply) {
            (Purpose::Part, StoreReply::Put(Ok(_))) => {}
            (Purpose::Manifest, StoreReply::Put(Ok(_))) => {
                if let Stage::Manifest { stored, .. } = &mut self.publisher.stage {
                    *stored = true;
                }
            }
            (Purpose::List, StoreReply::List(Ok(page))) => self.sweep_page(page, tickets, turn),
            (Purpose::Delete(next), StoreReply::Delete(Ok(_))) => self.sweep_on(next.clone(), tickets, turn),
            (_, StoreReply::Put(Err(failure)) | StoreReply::List(Err(failure)) | StoreReply::Delete(Err(failure))) => {
                if call.attempts == 1 {
                    turn.note(Level::Warn, format!("snapshot: {failure}; trying again, the journal keeps everything"));
                }
                self.publisher.calls.again(call, turn.now);
            }
            (purpose, reply) => unreachable!("the store answered {purpose:?} with {reply:?}"),
        }
        Some(Verdict::GoOn)
    }

    fn swapped(&mut self, swapped: Swapped, tickets: &mut Tickets, turn: &mut Turn) -> Verdict {
        match swapped {
            Swapped::Going => return Verdict::GoOn,
            Swapped::Lost(why) => return Verdict::Halt(why),
            Swapped::Done(etag) => {
                let stage = std::mem::replace(&mut self.publisher.stage, Stage::Sweeps);
                let Stage::Swaps { manifest, swap } = stage else { unreachable!("a swap was answered") };
                self.owner = Some((swap.wanted().clone(), etag));
                self.publisher.floor = manifest.lsn();
                self.publisher.newest = Some(*manifest);
            }
        }
        turn.count.snapshots += 1;
        self.sweep_from(None, tickets, turn);
        Verdict::GoOn
    }

    fn sweep_from(&mut self, after: Option<ObjectKey>, tickets: &mut Tickets, turn: &mut Turn) {
        let request = StoreRequest::List { prefix: folder(&self.cluster_id), after, count_max: PAGE_MAX };
        self.publisher.calls.ask(Purpose::List, request, tickets, turn);
    }

    fn sweep_on(&mut self, next: Option<ObjectKey>, tickets: &mut Tickets, turn: &mut Turn) {
        match next {
            Some(after) => self.sweep_from(Some(after), tickets, turn),
            None => self.publisher.stage = Stage::Idle,
        }
    }

    /// Deletes what is older than the newest snapshot and not part of it. A folder's name begins with its position and
    /// its life: whatever is newer belongs to somebody else.
    fn sweep_page(&mut self, page: &[Listed], tickets: &mut Tickets, turn: &mut Turn) {
        let folder = folder(&self.cluster_id);
        let manifest = self.publisher.newest.as_ref().expect("a sweep follows a snapshot");
        let newest = manifest.folder();
        let kept: BTreeSet<String> = manifest.parts().iter().map(PartEntry::name).collect();
        let old = |listed: &&Listed| {
            let name = listed.key.as_str().strip_prefix(&folder);
            name.is_some_and(|name| name.split('/').next() < Some(&newest) && !kept.contains(name))
        };
        let keys: Vec<ObjectKey> = page.iter().filter(old).map(|listed| listed.key.clone()).collect();
        let next = page.last().filter(|_| page.len() == usize::from(PAGE_MAX)).map(|listed| listed.key.clone());
        if keys.is_empty() {
            self.sweep_on(next, tickets, turn);
        } else {
            self.publisher.calls.ask(Purpose::Delete(next), StoreRequest::Delete { keys }, tickets, turn);
        }
    }
}
