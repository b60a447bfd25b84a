//! The ledger against a model that is too simple to be wrong: each partition a list of batches, each producer the
//! batches it ever sent. With it: the same commands give the same digest, also to a ledger that goes through a
//! snapshot and back in between.

mod stored_form;

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_coordinator::command::{self, Command, Commit, CommitEntry, CreateTopic, Rehome, TopicKind};
use apus_coordinator::ledger::{Answer, Decision, Known, Ledger, Outcome, Policy};
use apus_coordinator::snapshot::{Manifest, Part, PartEntry, Snapshot, restore};
use apus_core::api::OffsetAt;
use apus_core::batch::{BatchFacts, Sequence};
use apus_core::error::Refusal;
use apus_core::extent::{Extent, Home, Placed};
use apus_core::ids::{BrokerId, Incarnation, Lsn, PackId, PartitionId, ProducerId, Uuid, Writer};
use apus_core::message::{Bounds, Found, Trim};
use bytes::Bytes;
use proptest::prelude::*;

/// Sequences are below, and so are the offsets of a batch.
const WRAP: i64 = 1 << 31;
/// Timestamps are below.
const TIME_MAX: i64 = 50;

/// One batch to be sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    partition: u32,
    offsets: u32,
    bytes: u32,
    timestamp_max: i64,
    /// Producer, epoch, and how far from the next sequence.
    producer: Option<(i64, i16, i32)>,
    /// Dead bytes before it.
    gap: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Commit {
        stored: bool,
        batches: Vec<Sent>,
    },
    /// The last stored pack once more.
    Again,
    Create {
        name: u8,
        partitions: u32,
    },
    Delete {
        name: u8,
    },
    Grow {
        name: u8,
        by: u32,
    },
    Configure {
        name: u8,
    },
    Trim {
        partition: u32,
        by: i64,
    },
    Spill,
    Abandon {
        ahead: u64,
    },
    Forget,
    Expire,
    Snapshot,
}

fn sent() -> impl Strategy<Value = Sent> {
    let producer = prop::option::of((0..3_i64, 0..3_i16, prop_oneof![8 => Just(0), 1 => Just(1), 2 => -9..0_i32]));
    // A count of records is what a header says: a few batches take a producer to where sequences begin anew.
    let offsets = prop_oneof![9 => 1..6_u32, 1 => (WRAP as u32 - 9)..(WRAP as u32)];
    (0..8_u32, offsets, 61..200_u32, -1..TIME_MAX, producer, prop::bool::weighted(0.1)).prop_map(
        |(partition, offsets, bytes, timestamp_max, producer, gap)| Sent {
            partition,
            offsets,
            bytes,
            timestamp_max,
            producer,
            gap,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let batches = prop::collection::vec(sent(), 0..12).prop_map(|mut batches| {
        batches.sort_by_key(|sent| sent.partition);
        batches
    });
    prop_oneof![
        12 => (any::<bool>(), batches).prop_map(|(stored, batches)| Step::Commit { stored, batches }),
        1 => Just(Step::Again),
        3 => (0..4_u8, 1..4_u32).prop_map(|(name, partitions)| Step::Create { name, partitions }),
        1 => (0..4_u8).prop_map(|name| Step::Delete { name }),
        2 => (0..4_u8, 0..3_u32).prop_map(|(name, by)| Step::Grow { name, by }),
        1 => (0..4_u8).prop_map(|name| Step::Configure { name }),
        3 => (0..8_u32, -2..20_i64).prop_map(|(partition, by)| Step::Trim { partition, by }),
        2 => Just(Step::Spill),
        1 => (0..4_u64).prop_map(|ahead| Step::Abandon { ahead }),
        1 => Just(Step::Forget),
        1 => Just(Step::Expire),
        2 => Just(Step::Snapshot),
    ]
}

/// What a partition is: its batches, ever.
#[derive(Debug, Default)]
struct Log {
    topic: u8,
    start: i64,
    batches: Vec<(i64, Sent)>,
}

impl Log {
    fn end(&self) -> i64 {
        self.batches.last().map_or(0, |(base, sent)| base + i64::from(sent.offsets))
    }
}

/// Epoch, then first and last sequence and base offset of every batch of it.
type Remembered = (i16, Vec<(i64, i64, i64)>);

#[derive(Default)]
struct World {
    ledger: Ledger,
    logs: BTreeMap<u32, Log>,
    producers: BTreeMap<(u32, i64), Remembered>,
    partitions: u32,
    topics: u64,
    packs: u64,
    spills: u64,
    last: Option<(Commit, Vec<Answer>)>,
    abandoned: Vec<PackId>,
    earlier: Option<(Manifest, BTreeMap<String, Bytes>)>,
}

impl World {
    fn apply(&mut self, command: Command) -> Outcome {
        stored_form::apply(&mut self.ledger, command)
    }

    fn pack(&mut self) -> PackId {
        self.packs += 1;
        self.pack_at(self.packs - 1)
    }

    fn pack_at(&self, number: u64) -> PackId {
        PackId { broker: BrokerId(1), incarnation: Incarnation(1), writer: Writer::Packer, number }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Commit { stored, batches } => self.commit(*stored, batches),
            Step::Again => self.again(),
            Step::Create { name, partitions } => self.create(*name, *partitions),
            Step::Delete { name } => self.delete(*name),
            Step::Grow { name, by } => self.grow(*name, *by),
            Step::Configure { name } => self.configure(*name),
            Step::Trim { partition, by } => self.trim(*partition, *by),
            Step::Spill => self.spill(),
            Step::Abandon { ahead } => self.abandon(*ahead),
            Step::Forget => {
                let packs: Vec<PackId> = self.ledger.dead_objects(i64::MAX).collect();
                let count = packs.len() as u64;
                assert_eq!(self.apply(Command::ObjectsDeleted { packs }).decision, Decision::Forgotten(count));
                assert_eq!(self.ledger.dead_objects(i64::MAX).count(), 0);
            }
            Step::Expire => {
                let count = self.ledger.pressure().producers;
                let outcome = self.apply(Command::ExpireProducers { before_ms: i64::MAX });
                assert_eq!(outcome.decision, Decision::Expired(count));
                self.producers.clear();
            }
            Step::Snapshot => self.snapshot(),
        }
    }

    fn commit(&mut self, stored: bool, batches: &[Sent]) {
        let mut position = 0;
        let mut entries = Vec::new();
        let mut expected = Vec::new();
        for sent in batches {
            position += u32::from(sent.gap);
            let (sequence, answer) = self.expect(sent);
            let facts = BatchFacts {
                offsets: sent.offsets,
                bytes: sent.bytes,
                timestamp_max: sent.timestamp_max,
                attributes: 0,
                sequence,
            };
            entries.push(CommitEntry { partition: PartitionId(sent.partition), position, facts });
            position += sent.bytes;
            expected.push(answer);
        }
        let stored = stored.then(|| self.pack());
        let commit = Commit { stored, object_bytes: u64::from(position), batches: entries };
        let abandoned = stored.is_some_and(|pack| self.abandoned.contains(&pack));
        assert!(!abandoned, "the model steps over abandoned numbers");
        let outcome = self.apply(Command::Commit(commit.clone()));
        let Decision::Committed { answers, placed } = outcome.decision else { panic!("a commit is committed") };
        let got: Vec<_> = answers.iter().map(|answer| answer.map(|ok| (ok.base_offset, ok.duplicate))).collect();
        assert_eq!(got, expected);
        let fresh = expected.iter().filter(|answer| matches!(answer, Ok((_, false)))).count();
        assert!(placed.len() <= fresh && (fresh == 0) == placed.is_empty());
        if let (Some(pack), true) = (stored, placed.is_empty()) {
            assert!(outcome.died.contains(&pack), "an object without a batch is dead at once");
        }
        if stored.is_some() {
            self.last = Some((commit, answers));
        }
    }

    /// What the model says of a batch; an accepted one is written down.
    fn expect(&mut self, sent: &Sent) -> (Option<Sequence>, Result<(i64, bool), Refusal>) {
        let key = sent.producer.map(|(producer, ..)| (sent.partition, producer));
        let known = key.and_then(|key| self.producers.get(&key));
        let sequence = sent.producer.map(|(producer, epoch, shift)| {
            let same = known.filter(|(known_epoch, _)| *known_epoch == epoch);
            let next = same.map_or(0, |(_, batches)| batches.last().expect("known by one").1 + 1);
            let first = (next + i64::from(shift)).rem_euclid(WRAP);
            Sequence { producer: ProducerId(producer), epoch, first: first as i32 }
        });
        let Some(log) = self.logs.get_mut(&sent.partition) else {
            return (sequence, Err(Refusal::UnknownTopicOrPartition));
        };
        let base = log.end();
        if let (Some(sequence), Some(key)) = (&sequence, key) {
            let first = i64::from(sequence.first);
            let last = (first + i64::from(sent.offsets) - 1) % WRAP;
            if let Some((epoch, batches)) = self.producers.get(&key) {
                if sequence.epoch < *epoch {
                    return (Some(*sequence), Err(Refusal::InvalidProducerEpoch));
                }
                let same = sequence.epoch == *epoch;
                let remembered = batches.iter().rev().take(5);
                let duplicate = remembered.rev().find(|batch| (batch.0, batch.1) == (first, last));
                if let (true, Some((_, _, base))) = (same, duplicate) {
                    return (Some(*sequence), Ok((*base, true)));
                }
                let next = if same { (batches.last().expect("known by one").1 + 1) % WRAP } else { 0 };
                if first != next {
                    return (Some(*sequence), Err(Refusal::OutOfOrderSequenceNumber));
                }
            } else if first != 0 {
                return (Some(*sequence), Err(Refusal::OutOfOrderSequenceNumber));
            }
            let (epoch, batches) = self.producers.entry(key).or_insert((sequence.epoch, Vec::new()));
            if *epoch != sequence.epoch {
                (*epoch, *batches) = (sequence.epoch, Vec::new());
            }
            batches.push((first, last, base));
        }
        log.batches.push((base, *sent));
        (sequence, Ok((base, false)))
    }

    fn again(&mut self) {
        let Some((commit, expected)) = self.last.clone() else { return };
        let outcome = self.apply(Command::Commit(commit));
        assert_eq!(outcome.decision, Decision::Committed { answers: expected, placed: Vec::new() });
    }

    fn create(&mut self, name: u8, partitions: u32) {
        self.topics += 1;
        let topic = CreateTopic {
            id: Uuid::random(u128::from(self.topics)),
            name: Arc::from(format!("topic-{name}")),
            kind: TopicKind::Diskless,
            partitions,
            replication_factor: -1,
            configs: BTreeMap::new(),
        };
        let taken = self.ledger.topic_named(&topic.name).is_some();
        let Decision::Created(result) = self.apply(Command::CreateTopic(topic)).decision else { panic!("created") };
        assert_eq!(result.is_err(), taken);
        if let Ok(topic) = result {
            for partition in topic.partition_ids() {
                assert_eq!(partition.0, self.partitions, "numbers are dense and never given again");
                self.partitions += 1;
                self.logs.insert(partition.0, Log { topic: name, ..Log::default() });
            }
        }
    }

    fn delete(&mut self, name: u8) {
        let found = self.ledger.topic_named(&format!("topic-{name}")).map(|topic| topic.id);
        let id = found.unwrap_or(Uuid([1; 16]));
        let Decision::Deleted(result) = self.apply(Command::DeleteTopic { id }).decision else { panic!("deleted") };
        assert_eq!(result.is_ok(), found.is_some());
        let logs = std::mem::take(&mut self.logs);
        self.logs = logs.into_iter().filter(|(_, log)| log.topic != name).collect();
        let logs = &self.logs;
        self.producers.retain(|(partition, _), _| logs.contains_key(partition));
    }

    fn topic(&self, name: u8) -> Option<(Uuid, u32)> {
        self.ledger.topic_named(&format!("topic-{name}")).map(|topic| (topic.id, topic.partitions()))
    }

    fn grow(&mut self, name: u8, by: u32) {
        let found = self.topic(name);
        let (id, before) = found.unwrap_or((Uuid([1; 16]), 1));
        let outcome = self.apply(Command::GrowTopic { id, partitions: before + by });
        let Decision::Grown(result) = outcome.decision else { panic!("grown") };
        assert_eq!(result.is_ok(), found.is_some() && by > 0);
        let Ok(topic) = result else { return };
        let added: Vec<u32> = topic.partition_ids().skip(before as usize).map(|partition| partition.0).collect();
        assert_eq!(added, (self.partitions..self.partitions + by).collect::<Vec<_>>(), "numbers are never given again");
        self.partitions += by;
        self.logs.extend(added.into_iter().map(|partition| (partition, Log { topic: name, ..Log::default() })));
    }

    fn configure(&mut self, name: u8) {
        let found = self.topic(name);
        let id = found.map_or(Uuid([1; 16]), |(id, _)| id);
        let configs: BTreeMap<String, String> = [("retention.ms".to_owned(), self.topics.to_string())].into();
        let Decision::Configured(result) =
            self.apply(Command::ConfigureTopic { id, configs: configs.clone() }).decision
        else {
            panic!("configured")
        };
        assert_eq!(result.ok().map(|topic| topic.configs().clone()), found.map(|_| configs));
    }

    fn trim(&mut self, partition: u32, by: i64) {
        let start = self.logs.get(&partition).map_or(0, |log| log.start) + by;
        let trim = Trim { partition: PartitionId(partition), log_start_offset: start };
        let outcome = self.apply(Command::Trim(vec![trim]));
        let Some(log) = self.logs.get_mut(&partition) else { return };
        let expected = start.min(log.end());
        let moved = expected > log.start;
        assert!(matches!(outcome.decision, Decision::Trimmed(trims) if trims.len() == usize::from(moved)));
        log.start = log.start.max(expected);
    }

    /// Everything inline moves into one pack, each run of a partition as one extent; then a trim may have come first.
    fn spill(&mut self) {
        let pack = PackId { writer: Writer::Spill, number: self.spills, ..self.pack_at(0) };
        self.spills += 1;
        let emptied: Vec<Lsn> = self.ledger.inline_homes().map(|(lsn, _)| lsn).collect();
        let mut moves: Vec<Placed> = Vec::new();
        let mut position = 0;
        for partition in self.logs.keys() {
            let partition = PartitionId(*partition);
            for extent in self.ledger.extents(partition) {
                let Home::Journal(_) = extent.home else { continue };
                match moves.last_mut() {
                    Some(last) if last.partition == partition && last.extent.end == extent.start => {
                        last.extent.end = extent.end;
                        last.extent.bytes += extent.bytes;
                        last.extent.timestamp_max = last.extent.timestamp_max.max(extent.timestamp_max);
                    }
                    _ => {
                        moves.push(Placed { partition, extent: Extent { home: Home::Pack(pack), position, ..extent } })
                    }
                }
                position += extent.bytes;
            }
        }
        if let Some(first) = moves.first() {
            let partition = first.partition.0;
            self.trim(partition, 2);
        }
        let rehome = Rehome { pack, object_bytes: u64::from(position), emptied, moves: moves.clone() };
        let outcome = self.apply(Command::Rehome(rehome.clone()));
        let Decision::Rehomed { placed } = outcome.decision else { panic!("rehomed") };
        let lives = |moved: &&Placed| moved.extent.end > self.logs[&moved.partition.0].start;
        assert_eq!(placed, moves.iter().filter(lives).copied().collect::<Vec<_>>());
        assert_eq!(self.ledger.inline_homes().count(), 0, "all of it moved or died");
        assert_eq!(self.apply(Command::Rehome(rehome)).decision, Decision::Rehomed { placed: Vec::new() });
    }

    fn abandon(&mut self, ahead: u64) {
        let pack = self.pack_at(self.packs + ahead);
        assert_eq!(self.ledger.known(pack), Known::Unknown);
        assert_eq!(self.apply(Command::Abandon { pack }).decision, Decision::Abandoned(true));
        assert_eq!(self.ledger.known(pack), Known::Abandoned);
        self.packs += ahead + 1;
        self.abandoned.push(pack);
        let late = Commit { stored: Some(pack), object_bytes: 0, batches: Vec::new() };
        let outcome = self.apply(Command::Commit(late));
        assert_eq!(outcome.decision, Decision::Committed { answers: Vec::new(), placed: Vec::new() });
        assert_eq!(self.ledger.known(pack), Known::Abandoned, "a late commit changes nothing");
    }

    fn snapshot(&mut self) {
        let snapshot = Snapshot::of(&self.ledger);
        let (earlier, mut store) = self.earlier.take().map_or((None, BTreeMap::new()), |(one, two)| (Some(one), two));
        let written: Vec<Part> = snapshot.parts(earlier.as_ref()).collect();
        let entries: Vec<PartEntry> = written.iter().map(|part| part.entry).collect();
        let manifest = snapshot.manifest(earlier.as_ref(), &entries);
        assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest.clone()));
        store.extend(written.into_iter().map(|part| (part.entry.name(), part.bytes)));
        let parts = manifest.parts().iter().map(|entry| store[&entry.name()].clone());
        let restored = restore(&manifest, parts).expect("as written");
        restored.check();
        assert_eq!(restored.digest(), self.ledger.digest());
        assert_eq!(snapshot.parts(Some(&manifest)).count(), 0, "nothing changed since");
        // The restored one goes on: from now on every answer shows whether anything was lost.
        self.ledger = restored;
        self.earlier = Some((manifest, store));
    }

    /// Everything that can be asked agrees with the model.
    fn compare(&self) {
        for number in 0..self.partitions {
            let partition = PartitionId(number);
            let Some(log) = self.logs.get(&number) else {
                assert_eq!(self.ledger.bounds(partition), None);
                assert!(self.ledger.locate(partition, 0, 1).is_err());
                continue;
            };
            let bounds = Bounds { log_start_offset: log.start, high_watermark: log.end() };
            assert_eq!(self.ledger.bounds(partition), Some(bounds));
            self.compare_reads(partition, log);
            self.compare_times(partition, log);
        }
    }

    fn compare_reads(&self, partition: PartitionId, log: &Log) {
        for offset in [log.start - 1, log.end() + 1] {
            let refused = self.ledger.locate(partition, offset, 1).err();
            assert_eq!(refused, Some(Refusal::OffsetOutOfRange));
        }
        let edges = log.batches.iter().flat_map(|(base, _)| [base - 1, *base, base + 1]);
        let inside = edges.filter(|offset| (log.start..=log.end()).contains(offset));
        for offset in inside.chain([log.start, log.end()]) {
            let located = self.ledger.locate(partition, offset, u32::MAX).expect("within bounds");
            assert_eq!(located.extents.is_empty(), offset == log.end());
            let mut end = located.extents.first().map_or(offset, |first| first.start);
            assert!(end <= offset);
            for extent in &located.extents {
                assert_eq!(extent.start, end, "extents tile");
                let inside = log.batches.iter().filter(|(base, _)| (extent.start..extent.end).contains(base));
                let bytes: u32 = inside.map(|(_, sent)| sent.bytes).sum();
                assert_eq!(extent.bytes, bytes, "an extent is its batches");
                end = extent.end;
            }
            assert_eq!(end, log.end());
        }
        let opened = self.ledger.opened(partition).expect("known");
        assert_eq!(opened.recent.is_empty(), log.start == log.end());
        assert!(opened.recent.last().is_none_or(|last| last.end == log.end()));
    }

    /// A search that goes on behind an extent finds the next one.
    fn compare_rest(&self, partition: PartitionId, extents: &[Extent], from: i64, time: i64) {
        let found = self.ledger.offset(partition, OffsetAt::Time(time), from, false).expect("known");
        let next = extents.iter().find(|extent| extent.start >= from && extent.timestamp_max >= time);
        match (found, next) {
            (Found::Within { extent, from, .. }, Some(next)) => assert_eq!((extent, from), (*next, next.start)),
            (Found::Offset { offset: -1, .. }, None) => {}
            other => panic!("{other:?}"),
        }
    }

    fn compare_times(&self, partition: PartitionId, log: &Log) {
        let extents: Vec<Extent> = self.ledger.extents(partition).collect();
        for time in 0..TIME_MAX {
            let found = self.ledger.offset(partition, OffsetAt::Time(time), 0, false).expect("known");
            let first = extents.iter().find(|extent| extent.timestamp_max >= time);
            match (found, first) {
                (Found::Within { extent, from, .. }, Some(first)) => {
                    assert_eq!((extent, from), (*first, first.start.max(log.start)));
                    self.compare_rest(partition, &extents, extent.end, time);
                }
                (Found::Offset { offset: -1, .. }, None) => {}
                other => panic!("{other:?}"),
            }
            let policy = Policy { age_ms_max: Some(0), bytes_max: None };
            let kept = extents.iter().find(|extent| extent.timestamp_max < 0 || extent.timestamp_max >= time);
            let start = kept.map_or(log.end(), |kept| kept.start.max(log.start));
            let expired = self.ledger.expired(partition, policy, time);
            assert_eq!(expired, Some(start).filter(|start| *start > log.start));
        }
        let newest = extents.iter().map(|extent| extent.timestamp_max).max().filter(|newest| *newest >= 0);
        match self.ledger.offset(partition, OffsetAt::MaxTimestamp, 0, false).expect("known") {
            Found::Within { timestamp_ms, .. } => assert_eq!(Some(timestamp_ms), newest),
            Found::Offset { .. } => assert_eq!(newest, None),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_is_its_model(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::default();
        world.create(0, 4);
        for step in &steps {
            world.step(step);
        }
        world.compare();
    }

    #[test]
    fn a_snapshot_in_between_changes_nothing(steps in prop::collection::vec(step(), 1..60)) {
        let (mut straight, mut restored) = (World::default(), World::default());
        straight.create(0, 4);
        restored.create(0, 4);
        for step in &steps {
            if !matches!(step, Step::Snapshot) {
                straight.step(step);
            }
            restored.step(step);
            prop_assert_eq!(straight.ledger.digest(), restored.ledger.digest());
        }
    }

    #[test]
    fn hostile_frames_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..256), kind in 0..20_u16) {
        let _ = command::decode(&bytes);
        let _ = Manifest::decode(&bytes);
        let mut framed = Vec::new();
        let start = command::frame::open(&mut framed);
        framed.extend_from_slice(&bytes);
        command::frame::seal(&mut framed, start, kind, 1);
        let _ = command::decode(&framed);
    }
}
