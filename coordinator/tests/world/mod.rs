//! A disk, a store and three cores in memory, around one coordinator. Effects are performed one at a time, so that a
//! crash can strike between any two of them.

pub mod classics;
pub mod members;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use apus_coordinator::journal::JournalLimits;
use apus_coordinator::machine::{Coordinator, CoordinatorConfig, CoordinatorEvent};
use apus_core::api::{CreateTopicsRequest, DeleteTopicsRequest, NewTopic, TopicRef, TopicToDelete};
use apus_core::batch::{BatchFacts, BatchHeader, Sequence};
use apus_core::catalog::Catalog;
use apus_core::config::{Config, Host, Property, Source};
use apus_core::extent::{Home, pack_key};
use apus_core::ids::{BrokerId, CoreId, Incarnation, Lsn, PackId, PartitionId, ProducerId, Ticket, Writer};
use apus_core::message::{Answer, Ask, Began, Commit, CommitBatch, Message};
use apus_core::pack::Pack;
use apus_core::time::{Instant, Rng, WallTime};
use apus_core::turn::{Counters, Effect, Turn};
use apus_core::world::{
    Condition, DiskFailure, DiskReply, DiskRequest, Etag, Failure, Listed, ObjectKey, StoreReply, StoreRequest,
};
use bytes::Bytes;

pub const CORES: u16 = 3;
pub const KIB: u64 = 1024;

/// What survives a crash.
#[derive(Clone, Default)]
pub struct Durable {
    pub segments: BTreeMap<u64, Vec<u8>>,
    pub objects: BTreeMap<String, (Bytes, u64)>,
    pub versions: u64,
    /// Bytes of all segments together, at most.
    pub capacity: Option<u64>,
}

/// What clients were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub partition: PartitionId,
    pub offset: i64,
    pub bytes: Bytes,
}

pub struct World {
    pub durable: Durable,
    pub coordinator: Coordinator,
    pub effects: VecDeque<Effect>,
    pub now: Instant,
    pub wall: WallTime,
    pub rng: Rng,
    /// Effects that may still be performed; then the machine is gone.
    pub life: Option<usize>,
    pub performed: usize,
    pub serves: bool,
    pub cut_bytes: u64,
    pub halted: Option<String>,
    pub notes: Vec<String>,
    pub began: Option<Began>,
    pub answers: BTreeMap<u64, Answer>,
    /// Results of commits, by ticket and slot.
    pub results: BTreeMap<(u64, u32), Result<i64, apus_core::error::Refusal>>,
    /// Bytes of journal homes, as the cores have them.
    pub pinned: BTreeMap<Lsn, Arc<Pack>>,
    /// The topics, as the cores have them.
    pub catalog: Catalog,
    pub resolved: Vec<u64>,
    pub held: u64,
    /// Pauses that the packer was asked for.
    pub pauses: Vec<u64>,
    /// Store requests that are refused as unknown: how many.
    pub store_unknown: u32,
    pub deletes: Vec<String>,
    tickets: u64,
    flushes: u64,
}

pub fn node(lines: &[(&str, &str)]) -> Arc<Config> {
    let properties: Vec<Property> = lines
        .iter()
        .map(|(key, value)| Property { key: (*key).into(), value: (*value).into(), source: Source::Argument })
        .collect();
    Arc::new(Config::load(&properties, &Host { name: "host".into(), cpus: 4 }).expect("valid settings"))
}

pub fn config() -> CoordinatorConfig {
    let mut config = CoordinatorConfig::of(&node(&[("log.retention.check.interval.ms", "60000")]), CORES);
    let first_bytes = 4 * 1024 * KIB;
    config.journal = JournalLimits { first_bytes, segment_bytes: first_bytes, ..JournalLimits::default() };
    config
}

impl World {
    pub fn new(durable: Durable) -> World {
        World::with(durable, config())
    }

    pub fn with(durable: Durable, config: CoordinatorConfig) -> World {
        World {
            durable,
            coordinator: Coordinator::new(config),
            effects: VecDeque::new(),
            now: Instant(1),
            wall: WallTime(1_700_000_000_000),
            rng: Rng::new(7),
            life: None,
            performed: 0,
            serves: false,
            cut_bytes: 0,
            halted: None,
            notes: Vec::new(),
            began: None,
            answers: BTreeMap::new(),
            results: BTreeMap::new(),
            pinned: BTreeMap::new(),
            catalog: Catalog::default(),
            resolved: Vec::new(),
            held: 0,
            pauses: Vec::new(),
            store_unknown: 0,
            deletes: Vec::new(),
            tickets: 0,
            flushes: 0,
        }
    }

    /// A world that lives for so many effects.
    pub fn mortal(durable: Durable, life: usize) -> World {
        let mut world = World::new(durable);
        world.life = Some(life);
        world
    }

    fn turn(&mut self, act: impl FnOnce(&mut Coordinator, &mut Turn)) {
        let mut effects = Vec::new();
        let mut count = Counters::default();
        let mut turn =
            Turn { now: self.now, wall: self.wall, rng: &mut self.rng, count: &mut count, effects: &mut effects };
        act(&mut self.coordinator, &mut turn);
        self.coordinator.check();
        self.effects.extend(effects);
    }

    pub fn step(&mut self, event: CoordinatorEvent) {
        self.turn(|coordinator, turn| coordinator.step(event, turn));
    }

    pub fn boot(&mut self) -> &mut World {
        self.turn(|coordinator, turn| coordinator.boot(turn));
        self.settle();
        // What was to be asked again.
        for _ in 0..40 {
            if !self.serves && self.halted.is_none() {
                self.pass(200);
            }
        }
        self
    }

    pub fn is_dead(&self) -> bool {
        self.life == Some(0)
    }

    /// What a crash leaves: each effect that was under way may have happened, a write to the disk also in part.
    pub fn remains(mut self, seed: u64) -> Durable {
        let mut chance = Rng::new(seed);
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Disk { request: DiskRequest::Write { segment, position, pieces }, .. } => {
                    let bytes = pieces.concat();
                    let segment =
                        self.durable.segments.get_mut(&segment).expect("a segment is made before it is written");
                    for (index, block) in bytes.chunks(4096).enumerate().filter(|_| chance.chance(2)) {
                        let at = position as usize + index * 4096;
                        segment[at..at + block.len()].copy_from_slice(block);
                    }
                }
                Effect::Disk { request: request @ DiskRequest::Create { .. }, .. } if chance.chance(2) => {
                    let _ = self.disk(request);
                }
                Effect::Disk { request: request @ DiskRequest::Remove { .. }, .. } if chance.chance(2) => {
                    let _ = self.disk(request);
                }
                Effect::Store { request, .. } if chance.chance(2) => {
                    let _ = self.store(request);
                }
                _ => {}
            }
        }
        self.durable
    }

    /// Performs effects until there are none.
    pub fn settle(&mut self) {
        for _ in 0..200_000 {
            if self.is_dead() || self.halted.is_some() {
                return;
            }
            if let Some(effect) = self.effects.pop_front() {
                if let Some(life) = &mut self.life {
                    *life -= 1;
                }
                self.performed += 1;
                self.perform(effect);
            } else if self.coordinator.deadline() <= self.now {
                self.step(CoordinatorEvent::Wake);
                if self.effects.is_empty() && self.coordinator.deadline() <= self.now {
                    self.now = self.now.after_ms(1);
                }
            } else {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Lets time pass, in steps of 50 ms.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.now.after_ms(milliseconds);
        while self.now < end && !self.is_dead() && self.halted.is_none() {
            self.now = end.min(self.now.after_ms(50));
            self.wall.0 += 50;
            self.settle();
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Disk { ticket, request } => {
                let result = self.disk(request);
                self.step(CoordinatorEvent::Disk { ticket, result });
            }
            Effect::Store { ticket, request } => {
                let reply = self.store(request);
                self.step(CoordinatorEvent::Stored { ticket, reply });
            }
            Effect::Send { core, message } => self.receive(core, message),
            Effect::Serve { cut_bytes } => {
                self.serves = true;
                self.cut_bytes = cut_bytes;
            }
            Effect::Halt { why } => self.halted = Some(why),
            Effect::Note { text, .. } => self.notes.push(text),
            other => panic!("not a coordinator's effect: {other:?}"),
        }
    }

    fn receive(&mut self, core: CoreId, message: Message) {
        match message {
            Message::Began(began) => self.began = Some(began),
            Message::Catalog(update) => {
                self.catalog.apply(&update);
                self.step(CoordinatorEvent::Message(Message::CatalogApplied { core, lsn: update.lsn }));
            }
            Message::Committed(committed) => {
                if let (Home::Journal(lsn), false) = (committed.home, committed.placed.is_empty()) {
                    self.pinned.insert(lsn, Arc::clone(&committed.pack));
                }
                for answer in &committed.answers {
                    let acknowledgement = &answer.acknowledgement;
                    let result = acknowledgement.result.map(|produced| produced.base_offset);
                    self.results.insert((acknowledgement.ticket.0, acknowledgement.slot), result);
                }
            }
            Message::Rehomed(rehomed) if core == CoreId(0) => {
                for home in &rehomed.emptied {
                    let Home::Journal(lsn) = home else { panic!("only journal homes are emptied") };
                    self.pinned.remove(lsn);
                }
            }
            Message::Resolved { flush } => self.resolved.push(flush),
            Message::Held { bytes } => self.held = bytes,
            Message::Throttle { pause_ms } => self.pauses.push(pause_ms),
            Message::Answer { ticket, answer } => {
                self.answers.insert(ticket.0, answer);
            }
            Message::Rehomed(_) | Message::Trimmed(_) => {}
            other => panic!("not a coordinator's message: {other:?}"),
        }
    }

    fn disk(&mut self, request: DiskRequest) -> Result<DiskReply, DiskFailure> {
        let durable = &mut self.durable;
        match request {
            DiskRequest::List => {
                let segments = durable.segments.iter().map(|(number, bytes)| (*number, bytes.len() as u64));
                Ok(DiskReply::Segments(segments.collect()))
            }
            DiskRequest::Read { segment, position, bytes } => {
                let segment = &durable.segments[&segment];
                let end = segment.len().min((position + bytes) as usize);
                Ok(DiskReply::Bytes(Bytes::copy_from_slice(&segment[position as usize..end])))
            }
            DiskRequest::Create { segment, bytes } => {
                let used: u64 = durable.segments.values().map(|segment| segment.len() as u64).sum();
                if durable.capacity.is_some_and(|capacity| used + bytes > capacity) {
                    return Err(DiskFailure::Full);
                }
                let earlier = durable.segments.insert(segment, vec![0; bytes as usize]);
                assert!(earlier.is_none(), "segment {segment} exists");
                Ok(DiskReply::Done)
            }
            DiskRequest::Write { segment, position, pieces } => {
                let bytes = pieces.concat();
                assert!(bytes.len() % 4096 == 0 && position % 4096 == 0);
                let segment = durable.segments.get_mut(&segment).expect("a segment is made before it is written");
                segment[position as usize..position as usize + bytes.len()].copy_from_slice(&bytes);
                Ok(DiskReply::Done)
            }
            DiskRequest::Remove { segment } => {
                durable.segments.remove(&segment);
                Ok(DiskReply::Done)
            }
        }
    }

    fn store(&mut self, request: StoreRequest) -> StoreReply {
        let durable = &mut self.durable;
        match request {
            StoreRequest::Put { key, body, condition } => {
                let present = durable.objects.get(key.as_str()).map(|(_, version)| format!("v{version}"));
                let holds = match &condition {
                    Condition::Always => true,
                    Condition::Absent => present.is_none(),
                    Condition::Match(etag) => present.as_deref() == Some(&etag.0),
                };
                if !holds {
                    return StoreReply::Put(Err(Failure::Precondition));
                }
                durable.versions += 1;
                let bytes = Bytes::from(body.pieces().concat());
                durable.objects.insert(key.as_str().to_owned(), (bytes, durable.versions));
                if self.store_unknown > 0 {
                    self.store_unknown -= 1;
                    return StoreReply::Put(Err(Failure::Unknown("timed out".into())));
                }
                StoreReply::Put(Ok(Etag(format!("v{}", durable.versions).into())))
            }
            StoreRequest::Get { key, range } => {
                assert!(range.is_none());
                let found = durable.objects.get(key.as_str());
                StoreReply::Get(found.map_or(Err(Failure::Missing), |(bytes, version)| {
                    Ok((bytes.clone(), Etag(format!("v{version}").into())))
                }))
            }
            StoreRequest::List { prefix, after, count_max } => {
                let after = after.map(|key| key.as_str().to_owned()).unwrap_or_default();
                let names = durable.objects.iter().filter(|(name, _)| name.starts_with(&prefix) && **name > after);
                let listed = names
                    .take(usize::from(count_max))
                    .map(|(name, (bytes, _))| Listed { key: ObjectKey::new(name), bytes: bytes.len() as u64 });
                StoreReply::List(Ok(listed.collect()))
            }
            StoreRequest::Delete { keys } => {
                for key in &keys {
                    durable.objects.remove(key.as_str());
                    self.deletes.push(key.as_str().to_owned());
                }
                StoreReply::Delete(Ok(keys))
            }
            other => panic!("not a coordinator's question: {other:?}"),
        }
    }

    /// Asks, lets the world come to rest, and returns the answer if one came.
    pub fn ask(&mut self, ask: Ask) -> Option<Answer> {
        let ticket = self.post(ask);
        self.answers.remove(&ticket)
    }

    /// Asks and lets the world come to rest; the answer may come much later, under this ticket.
    pub fn post(&mut self, ask: Ask) -> u64 {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.step(CoordinatorEvent::Message(Message::Ask { core: CoreId(1), ticket, ask }));
        self.settle();
        ticket.0
    }

    /// Creates a topic; its partitions are numbered from 0 where it is the first one.
    pub fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Option<Answer> {
        let topic = NewTopic {
            name: name.into(),
            partitions,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: configs.iter().map(|(key, value)| ((*key).into(), Some((*value).into()))).collect(),
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, validate_only: false };
        self.ask(Ask::CreateTopics(request))
    }

    /// What is set of a topic, as the cores have it.
    pub fn overrides(&self, name: &str) -> Vec<(String, String)> {
        let topic = self.catalog.find(&TopicRef::Name(name.into())).expect("it is there");
        topic.overrides.clone().into_iter().collect()
    }

    /// The largest batch that a topic takes, as the cores have it.
    pub fn message_bytes_max(&self, name: &str) -> u32 {
        self.catalog.find(&TopicRef::Name(name.into())).expect("it is there").config.max_message_bytes
    }

    pub fn delete(&mut self, name: &str) -> Option<Answer> {
        self.delete_all(vec![TopicRef::Name(name.into()).into()])
    }

    pub fn delete_all(&mut self, topics: Vec<TopicToDelete>) -> Option<Answer> {
        self.ask(Ask::DeleteTopics(DeleteTopicsRequest { topics, timeout_ms: 1000 }))
    }

    /// Commits one batch of so many payload bytes; returns what the client was told, if anything.
    pub fn commit(
        &mut self,
        partition: u32,
        payload: usize,
        stored: Option<PackId>,
    ) -> Option<Result<Told, apus_core::error::Refusal>> {
        self.commit_of(partition, payload, stored, None)
    }

    pub fn commit_of(
        &mut self,
        partition: u32,
        payload: usize,
        stored: Option<PackId>,
        sequence: Option<Sequence>,
    ) -> Option<Result<Told, apus_core::error::Refusal>> {
        self.tickets += 1;
        self.flushes += 1;
        let ticket = Ticket(self.tickets);
        let bytes = batch(payload, self.tickets as u8, self.wall.0);
        let header = BatchHeader::read(&bytes).expect("a batch");
        let facts = BatchFacts { sequence, ..BatchFacts::of(&header, bytes.len()) };
        let pack = Arc::new(Pack::new(vec![bytes.clone()], Bytes::new()));
        if let (Some(id), Some(began)) = (stored, &self.began) {
            let key = pack_key(&began.cluster_id, id);
            self.durable.versions += 1;
            self.durable.objects.insert(key.as_str().to_owned(), (bytes.clone(), self.durable.versions));
        }
        let partition = PartitionId(partition);
        let batches = vec![CommitBatch { partition, position: 0, facts, core: CoreId(2), ticket, slot: 0 }];
        let commit = Commit { flush: self.flushes, pack, stored, batches };
        self.step(CoordinatorEvent::Message(Message::Commit(commit)));
        self.settle();
        let result = self.results.get(&(ticket.0, 0)).copied()?;
        Some(result.map(|offset| Told { partition, offset, bytes }))
    }

    /// The bytes at an offset, as a consumer would find them.
    pub fn read(&mut self, partition: PartitionId, offset: i64) -> Option<Bytes> {
        let answer = self.ask(Ask::Locate { partition, offset, bytes_max: 1 })?;
        let Answer::Located(Ok(located)) = answer else { return None };
        let extent = located.extents.first()?;
        let (from, to) = (extent.position as usize, (extent.position + extent.bytes) as usize);
        let whole = match extent.home {
            Home::Journal(lsn) => {
                let pack = self.pinned.get(&lsn)?;
                let pieces: Vec<Bytes> = pack.pieces().cloned().collect();
                Bytes::from(pieces.concat())
            }
            Home::Pack(pack) => {
                let key = pack_key(&self.began.as_ref()?.cluster_id, pack);
                self.durable.objects.get(key.as_str())?.0.clone()
            }
        };
        // Batches in the tests take one offset each.
        let mut at = from;
        let mut next = extent.start;
        while at < to {
            let length = BatchHeader::read(&whole[at..])?.bytes()?;
            if next == offset {
                return Some(whole.slice(at..at + length));
            }
            next += 1;
            at += length;
        }
        None
    }

    /// The packer's own next id.
    pub fn pack(&self, number: u64) -> PackId {
        let incarnation = self.began.as_ref().map_or(Incarnation(1), |began| began.incarnation);
        PackId { broker: BrokerId(1), incarnation, writer: Writer::Packer, number }
    }

    pub fn assert_readable(&mut self, told: &[Told]) {
        for each in told {
            let found = self.read(each.partition, each.offset);
            assert_eq!(found.as_ref(), Some(&each.bytes), "{:?} at {}", each.partition, each.offset);
        }
    }

    pub fn packs(&self) -> usize {
        self.durable.objects.keys().filter(|name| name.contains("/d/")).count()
    }
}

/// A batch of one record slot: a header that parses, and bytes behind it.
pub fn batch(payload: usize, fill: u8, timestamp_ms: i64) -> Bytes {
    let mut bytes = vec![0; 61];
    bytes[8..12].copy_from_slice(&((49 + payload) as i32).to_be_bytes());
    bytes[16] = 2;
    bytes[27..35].copy_from_slice(&timestamp_ms.to_be_bytes());
    bytes[35..43].copy_from_slice(&timestamp_ms.to_be_bytes());
    bytes[43..51].copy_from_slice(&(-1_i64).to_be_bytes());
    bytes[57..61].copy_from_slice(&1_i32.to_be_bytes());
    bytes.extend(std::iter::repeat_n(fill, payload));
    Bytes::from(bytes)
}

pub fn sequence(first: i32) -> Sequence {
    Sequence { producer: ProducerId(9), epoch: 0, first }
}
