//! The start: what store and disk hold becomes a ledger, or a reason not to go on.
//!
//! 1. Segments are listed, `v1/CLUSTER` and `v1/OWNER` are read, all at once.
//! 2. The snapshot that OWNER names is restored, part by part.
//! 3. The journal is replayed behind it ([`replay`]); a broken one stops the start, and nothing is written.
//! 4. OWNER must name this journal ([`judge`]).
//! 5. Only now things are written: garbage behind the last group is zeroed, a first segment is made, and a new
//!    cluster gets its id. Each of these can be repeated by the next start.
//!
//! What follows (journaling `Begin`, swapping OWNER, telling the cores) is the leader's first work.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use apus_core::ids::{Lsn, Ticket, Uuid};
use apus_core::limits::{JOURNAL_BLOCK_BYTES, MIB};
use apus_core::time::Instant;
use apus_core::turn::{Effect, Level, Turn};
use apus_core::world::{
    Body, Condition, DiskFailure, DiskReply, DiskRequest, Etag, Failure, ObjectKey, StoreReply, StoreRequest,
};

use crate::journal::{JournalLimits, Tail};
use crate::ledger::Ledger;
use crate::machine::calls::{Call, Calls};
use crate::machine::tickets::Tickets;
use crate::owner::{self, CLUSTER_KEY, OWNER_KEY, Owner};
use crate::snapshot::Manifest;
use judge::{Claimant, judge};
use replay::{Replay, Replayed};
use restore::Restore;

pub mod judge;
pub mod replay;
pub mod restore;

/// A store that fails for so long, however quickly or slowly it does, stops the start.
pub const PATIENCE_MS: u64 = 120_000;

/// How the start stands.
#[derive(Debug)]
pub enum Booted {
    /// Something was asked for.
    Going,
    /// The ledger is there, and this journal may write.
    Ready(Box<Ready>),
    /// It must not go on: what a person reads.
    Halt(String),
}

/// What a start found.
#[derive(Debug)]
pub struct Ready {
    /// The cluster's id.
    pub cluster: Uuid,
    /// OWNER as it stands.
    pub owner: Option<(Owner, Etag)>,
    /// Ledger and inline bytes.
    pub replayed: Replayed,
    /// The snapshot that it was replayed behind.
    pub snapshot: Option<Manifest>,
}

#[derive(Clone, Debug)]
enum Purpose {
    Cluster,
    Owner,
    Create(Uuid),
    Manifest,
    Part(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disk {
    Listing(Ticket),
    Reading(Ticket),
    Preparing(Ticket),
    Idle,
}

/// A start under way.
#[derive(Debug)]
pub struct Boot {
    limits: JournalLimits,
    calls: Calls<Purpose>,
    disk: Disk,
    segments: Option<Vec<(u64, u64)>>,
    cluster: Option<Option<Uuid>>,
    owner: Option<Option<(Owner, Etag)>>,
    restore: Option<Restore>,
    snapshot: Option<Manifest>,
    replay: Option<Replay>,
    replayed: Option<Replayed>,
    preparations: VecDeque<DiskRequest>,
    prepared: bool,
    /// Since when the store fails.
    failing_since: Option<Instant>,
}

impl Boot {
    /// Asks for everything that can be asked for at once.
    #[must_use]
    pub fn begin(limits: JournalLimits, tickets: &mut Tickets, turn: &mut Turn) -> Boot {
        let mut calls = Calls::default();
        let read = |key: &str| StoreRequest::Get { key: ObjectKey::new(key), range: None };
        calls.ask(Purpose::Cluster, read(CLUSTER_KEY), tickets, turn);
        calls.ask(Purpose::Owner, read(OWNER_KEY), tickets, turn);
        let ticket = tickets.draw();
        turn.effect(Effect::Disk { ticket, request: DiskRequest::List });
        Boot {
            limits,
            calls,
            disk: Disk::Listing(ticket),
            segments: None,
            cluster: None,
            owner: None,
            restore: None,
            snapshot: None,
            replay: None,
            replayed: None,
            preparations: VecDeque::new(),
            prepared: false,
            failing_since: None,
        }
    }

    /// The store's answer.
    pub fn stored(&mut self, ticket: Ticket, reply: StoreReply, tickets: &mut Tickets, turn: &mut Turn) -> Booted {
        let Some(call) = self.calls.answered(ticket) else { unreachable!("the start did not ask {ticket}") };
        let taken = match (&call.purpose, reply) {
            (Purpose::Cluster, StoreReply::Get(Ok((bytes, _)))) => self.found_cluster(&bytes),
            (Purpose::Cluster, StoreReply::Get(Err(Failure::Missing))) => {
                self.cluster = Some(None);
                Ok(())
            }
            (Purpose::Owner, StoreReply::Get(Ok((bytes, etag)))) => self.found_owner(&bytes, etag),
            (Purpose::Owner, StoreReply::Get(Err(Failure::Missing))) => {
                self.owner = Some(None);
                Ok(())
            }
            (Purpose::Create(id), StoreReply::Put(Ok(_))) => {
                self.cluster = Some(Some(*id));
                Ok(())
            }
            (Purpose::Create(_), StoreReply::Put(Err(Failure::Precondition))) => {
                // Mine after all, or another's who was faster: whatever stands there counts.
                let request = StoreRequest::Get { key: ObjectKey::new(CLUSTER_KEY), range: None };
                self.calls.ask(Purpose::Cluster, request, tickets, turn);
                Ok(())
            }
            (Purpose::Manifest, StoreReply::Get(Ok((bytes, _)))) => self.restore().found_manifest(&bytes),
            (Purpose::Part(index), StoreReply::Get(Ok((bytes, _)))) => {
                self.restore().found_part(*index, bytes);
                Ok(())
            }
            (_, reply) => self.failed(call, &reply, turn),
        };
        match taken {
            Ok(()) => self.go_on(tickets, turn),
            Err(why) => Booted::Halt(why),
        }
    }

    fn found_cluster(&mut self, bytes: &[u8]) -> Result<(), String> {
        let id = owner::decode_cluster(bytes).ok_or_else(|| {
            format!("{CLUSTER_KEY} in the store is not what Apus writes: is diskless.store the right place?")
        })?;
        self.cluster = Some(Some(id));
        Ok(())
    }

    fn found_owner(&mut self, bytes: &[u8], etag: Etag) -> Result<(), String> {
        let owner = Owner::decode(bytes).ok_or_else(|| {
            format!("{OWNER_KEY} in the store is damaged, or of a newer version: without it nobody knows who may write")
        })?;
        self.owner = Some(Some((owner, etag)));
        Ok(())
    }

    fn restore(&mut self) -> &mut Restore {
        self.restore.as_mut().expect("a snapshot is asked for by its restore")
    }

    fn failed(&mut self, call: Call<Purpose>, reply: &StoreReply, turn: &mut Turn) -> Result<(), String> {
        let failure = match reply {
            StoreReply::Put(Err(failure)) | StoreReply::Get(Err(failure)) => failure,
            other => unreachable!("the store answered {other:?}"),
        };
        let lost = matches!(call.purpose, Purpose::Manifest | Purpose::Part(_))
            && matches!(failure, Failure::Missing | Failure::Corrupt(_));
        if lost {
            return Err(format!("the newest snapshot cannot be read ({failure}): the store lost or changed an object"));
        }
        let since = *self.failing_since.get_or_insert(turn.now);
        if turn.now >= since.after_ms(PATIENCE_MS) {
            return Err(format!(
                "the object store does not answer: {failure}. Check diskless.store and its credentials"
            ));
        }
        if since == turn.now {
            turn.note(Level::Warn, format!("the object store: {failure}; trying again"));
        }
        self.calls.again(call, turn.now);
        Ok(())
    }

    /// The disk's answer.
    pub fn disk(
        &mut self,
        ticket: Ticket,
        result: Result<DiskReply, DiskFailure>,
        tickets: &mut Tickets,
        turn: &mut Turn,
    ) -> Booted {
        let reply = match result {
            Ok(reply) => reply,
            Err(DiskFailure::Full) => {
                return Booted::Halt("no room in data.dir for the journal's first segment".to_owned());
            }
            Err(DiskFailure::Broken(why)) => {
                return Booted::Halt(format!("the journal in data.dir cannot be used: {why}"));
            }
        };
        match (std::mem::replace(&mut self.disk, Disk::Idle), reply) {
            (Disk::Listing(asked), DiskReply::Segments(segments)) if asked == ticket => self.segments = Some(segments),
            (Disk::Reading(asked), DiskReply::Bytes(bytes)) if asked == ticket => {
                self.replay.as_mut().expect("a replay reads").fill(bytes);
            }
            (Disk::Preparing(asked), DiskReply::Done) if asked == ticket => {}
            (expected, reply) => unreachable!("the disk answered {ticket} with {reply:?}, expected {expected:?}"),
        }
        self.go_on(tickets, turn)
    }

    /// Asks again what is due.
    pub fn wake(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        self.calls.wake(tickets, turn);
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.calls.deadline()
    }

    fn go_on(&mut self, tickets: &mut Tickets, turn: &mut Turn) -> Booted {
        match self.advance(tickets, turn) {
            Ok(None) => Booted::Going,
            Ok(Some(ready)) => Booted::Ready(ready),
            Err(why) => Booted::Halt(why),
        }
    }

    fn advance(&mut self, tickets: &mut Tickets, turn: &mut Turn) -> Result<Option<Box<Ready>>, String> {
        let (Some(segments), Some(cluster), Some(_)) = (&self.segments, &self.cluster, &self.owner) else {
            return Ok(None);
        };
        let (segments, cluster) = (segments.clone(), *cluster);
        if self.replayed.is_none() {
            if self.replay.is_none() && !self.restored(tickets, turn) {
                return Ok(None);
            }
            let Some(replayed) = self.replay(cluster, segments, tickets, turn)? else { return Ok(None) };
            self.judge(&replayed)?;
            self.prepare(&replayed.tail, turn);
            self.replayed = Some(replayed);
            if cluster.is_none() {
                self.create_cluster(tickets, turn);
            }
        }
        if !self.prepare_next(tickets, turn) {
            return Ok(None);
        }
        let (Some(Some(cluster)), Some(owner)) = (self.cluster, &self.owner) else { return Ok(None) };
        let Some(replayed) = self.replayed.take() else { return Ok(None) };
        assert!(self.calls.count() == 0, "the start is over while it waits for the store");
        let snapshot = self.snapshot.take();
        Ok(Some(Box::new(Ready { cluster, owner: owner.clone(), replayed, snapshot })))
    }

    /// True once the snapshot, if there is one, is all there; asks for what is missing.
    fn restored(&mut self, tickets: &mut Tickets, turn: &mut Turn) -> bool {
        let owner = self.owner.as_ref().and_then(Option::as_ref);
        let Some(manifest) = owner.and_then(|(owner, _)| owner.snapshot.clone()) else { return true };
        let Some(restore) = &mut self.restore else {
            self.restore = Some(Restore::new(&manifest));
            self.calls.ask(Purpose::Manifest, StoreRequest::Get { key: manifest, range: None }, tickets, turn);
            return false;
        };
        while let Some((index, key)) = restore.next_part() {
            self.calls.ask(Purpose::Part(index), StoreRequest::Get { key, range: None }, tickets, turn);
        }
        restore.is_complete()
    }

    fn replay(
        &mut self,
        cluster: Option<Uuid>,
        segments: Vec<(u64, u64)>,
        tickets: &mut Tickets,
        turn: &mut Turn,
    ) -> Result<Option<Replayed>, String> {
        if self.replay.is_none() {
            let (ledger, snapshot) = match self.restore.take().map(Restore::finish).transpose()? {
                Some((ledger, manifest)) => (ledger, Some(manifest)),
                None => (Ledger::new(), None),
            };
            self.snapshot = snapshot;
            self.replay = Some(Replay::new(cluster, segments, ledger));
        }
        let replay = self.replay.as_mut().expect("it was just begun");
        match replay.advance()? {
            replay::Step::Read(request) => {
                let ticket = tickets.draw();
                self.disk = Disk::Reading(ticket);
                turn.effect(Effect::Disk { ticket, request });
                Ok(None)
            }
            replay::Step::Done => Ok(self.replay.take().map(Replay::finish).transpose()?),
        }
    }

    fn judge(&self, replayed: &Replayed) -> Result<(), String> {
        let owner = self.owner.as_ref().and_then(|owner| owner.as_ref().map(|(owner, _)| owner));
        let journal = replayed.tail.last.map(|(header, _)| header.author.journal);
        let last = replayed.tail.last.map_or(Lsn(0), |(header, _)| Lsn(header.next().0 - 1));
        judge(owner, &Claimant { journal, begun: &replayed.begun, last })
    }

    fn create_cluster(&mut self, tickets: &mut Tickets, turn: &mut Turn) {
        let id = owner::new_cluster(|| turn.rng.bits128());
        let body = Body::new(vec![owner::encode_cluster(id)]);
        let request = StoreRequest::Put { key: ObjectKey::new(CLUSTER_KEY), body, condition: Condition::Absent };
        self.calls.ask(Purpose::Create(id), request, tickets, turn);
    }

    /// Plans what the disk needs before anything new is written.
    fn prepare(&mut self, tail: &Tail, turn: &mut Turn) {
        let Some((segment, _)) = tail.place else {
            let request = DiskRequest::Create { segment: 1, bytes: self.limits.first_bytes };
            self.preparations.push_back(request);
            return;
        };
        if tail.garbage_bytes > 0 {
            let what = if tail.is_sealed() { "that nobody here wrote" } else { "of a write that a crash cut short" };
            turn.note(
                Level::Warn,
                format!("journal: {} bytes {what} are cut; nothing that was acknowledged", tail.garbage_bytes),
            );
        }
        for &(position, bytes) in &tail.garbage {
            let mut at = position;
            while at < position + bytes {
                let length = MIB.min(position + bytes - at);
                assert!(length.is_multiple_of(JOURNAL_BLOCK_BYTES));
                let pieces = vec![Bytes::from(vec![0; length as usize])];
                self.preparations.push_back(DiskRequest::Write { segment, position: at, pieces });
                at += length;
            }
        }
        // The highest first: what is left after a crash has no hole.
        self.preparations.extend(tail.useless.iter().rev().map(|segment| DiskRequest::Remove { segment: *segment }));
    }

    /// True once the disk is ready; one request at a time.
    fn prepare_next(&mut self, tickets: &mut Tickets, turn: &mut Turn) -> bool {
        if self.disk != Disk::Idle {
            return false;
        }
        let Some(request) = self.preparations.pop_front() else {
            self.prepared = true;
            return true;
        };
        if let (DiskRequest::Create { segment, bytes }, Some(replayed)) = (&request, &mut self.replayed) {
            replayed.made_first(*segment, *bytes);
        }
        let ticket = tickets.draw();
        self.disk = Disk::Preparing(ticket);
        turn.effect(Effect::Disk { ticket, request });
        false
    }
}

/// The text of the cluster's id, as Kafka prints it and keys carry it.
#[must_use]
pub fn cluster_text(cluster: Uuid) -> Arc<str> {
    Arc::from(cluster.base64())
}
