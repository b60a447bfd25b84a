//! Cold reads: blocks of packs that are not hot, fetched together, one GET a block however many readers want it.
//!
//! A read begins when all of its blocks fit into the core's budget for cold reads ([`COLD_READ_BYTES_MAX`]), in the
//! order of asking, so lagging readers wait for each other and never for a producer's memory. Loss of the process
//! loses nothing: a reader asks again.
//!
//! Bytes that are not what they should be may have been damaged on the way, and the cache would keep them: it is told
//! to forget the object, and the reader to come again. Damage that is still there then is in the object itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Refusal;
use crate::extent::{self, Extent, Home};
use crate::hot::Hot;
use crate::ids::{PackId, Ticket};
use crate::limits::{BLOCK_BYTES, COLD_READ_BYTES_MAX, DOUBTED_PACKS_MAX};
use crate::turn::{Effect, Level, Turn};
use crate::world::{Failure, StoreReply, StoreRequest};

/// A block of a pack.
pub type Block = (PackId, u32);

/// The blocks that a read asked for.
type Blocks = BTreeMap<Block, Bytes>;

/// Who reads. Drawn by the asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadKey(pub u64);

/// A read that ended.
#[derive(Debug)]
pub struct Done {
    /// Who asked.
    pub key: ReadKey,
    /// What came of it.
    pub brought: Brought,
}

/// What a read brought.
#[derive(Debug, Default)]
pub struct Brought {
    /// The blocks that came.
    blocks: Blocks,
    /// Why the others did not.
    failure: Option<Failure>,
}

impl Brought {
    /// Bytes are not where they were said to be: they moved to another home in the meantime.
    pub fn moved(&self) -> bool {
        matches!(self.failure, Some(Failure::Missing))
    }

    /// The bytes of an extent of a pack.
    ///
    /// # Errors
    /// Why not all of them are there.
    pub fn pieces(&self, extent: &Extent) -> Result<Vec<Bytes>, Failure> {
        let short = || Failure::Corrupt("an object is too short".into());
        cut(extent, &self.blocks).ok_or_else(|| self.failure.clone().unwrap_or_else(short))
    }

    /// Whatever did not come will not.
    pub fn give_up(&mut self) {
        self.failure = Some(Failure::Definite("bytes moved away again and again".into()));
    }
}

/// Where the bytes of an extent are to be had.
#[derive(Debug)]
pub enum Source {
    /// Here they are.
    Hot(Vec<Bytes>),
    /// In the blocks of a pack.
    Cold,
    /// In the journal as far as the asker was told, and not in memory: spilled since, or not heard of yet.
    Moved,
}

impl Source {
    /// Where an extent is now.
    pub fn of(extent: &Extent, hot: &Hot) -> Source {
        match (hot.get(&extent.home), extent.home) {
            (Some(pack), _) => Source::Hot(pack.slices(extent.position, extent.bytes).collect()),
            (None, Home::Pack(_)) => Source::Cold,
            (None, Home::Journal(_)) => Source::Moved,
        }
    }
}

/// All cold reads of one core.
#[derive(Debug, Default)]
pub struct Reads {
    cluster: Arc<str>,
    waiting: VecDeque<(ReadKey, BTreeSet<Block>)>,
    reads: BTreeMap<ReadKey, Read>,
    under_way: BTreeMap<Block, (Ticket, Vec<ReadKey>)>,
    by_ticket: BTreeMap<Ticket, Block>,
    /// Packs that were found damaged once.
    doubted: BTreeSet<PackId>,
}

#[derive(Debug)]
struct Read {
    missing: usize,
    brought: Brought,
}

impl Reads {
    /// The cluster whose packs are read; told before the first read.
    pub fn began(&mut self, cluster: Arc<str>) {
        self.cluster = cluster;
    }

    /// Blocks that the store was asked for.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Asks for blocks, at least one.
    pub fn begin(&mut self, key: ReadKey, blocks: BTreeSet<Block>, next: &mut u64, turn: &mut Turn<'_>) {
        assert!(!blocks.is_empty() && !self.reads.contains_key(&key));
        self.waiting.push_back((key, blocks));
        self.admit(next, turn);
    }

    fn admit(&mut self, next: &mut u64, turn: &mut Turn<'_>) {
        while let Some((_, blocks)) = self.waiting.front() {
            let added = blocks.iter().filter(|block| !self.under_way.contains_key(block)).count();
            let bytes = (self.under_way.len() + added) as u64 * BLOCK_BYTES;
            if bytes > COLD_READ_BYTES_MAX && !self.reads.is_empty() {
                return;
            }
            let (key, blocks) = self.waiting.pop_front().expect("there is a first");
            self.reads.insert(key, Read { missing: blocks.len(), brought: Brought::default() });
            for block in blocks {
                self.ask(block, key, next, turn);
            }
        }
    }

    fn ask(&mut self, block: Block, key: ReadKey, next: &mut u64, turn: &mut Turn<'_>) {
        let entry = self.under_way.entry(block).or_insert_with(|| {
            let ticket = Ticket::draw(next);
            let (pack, index) = block;
            let request = StoreRequest::Block { key: extent::pack_key(&self.cluster, pack), index };
            turn.count.fetch_cold_blocks += 1;
            turn.effect(Effect::Store { ticket, request });
            self.by_ticket.insert(ticket, block);
            (ticket, Vec::new())
        });
        entry.1.push(key);
    }

    /// A block came, or will not. Returned are the reads that are over.
    pub fn stored(&mut self, ticket: Ticket, reply: StoreReply, next: &mut u64, turn: &mut Turn<'_>) -> Vec<Done> {
        let StoreReply::Block(result) = reply else { panic!("a block was asked for, not {reply:?}") };
        let block = self.by_ticket.remove(&ticket).expect("it was asked");
        let (_, readers) = self.under_way.remove(&block).expect("a ticket has its block");
        let mut done = Vec::new();
        for key in readers {
            let read = self.reads.get_mut(&key).expect("a reader waits until all is there");
            read.missing -= 1;
            match &result {
                Ok(bytes) => drop(read.brought.blocks.insert(block, bytes.clone())),
                Err(failure) => read.brought.failure = Some(failure.clone()),
            }
            if read.missing == 0 {
                let Read { brought, .. } = self.reads.remove(&key).expect("it is there");
                done.push(Done { key, brought });
            }
        }
        self.admit(next, turn);
        done
    }

    /// This extent could not be read. Returned is what its reader is told.
    pub fn failed(&mut self, extent: &Extent, failure: &Failure, turn: &mut Turn<'_>) -> Refusal {
        turn.note(Level::Error, format!("cannot read {extent:?}: {failure}"));
        match failure {
            Failure::Corrupt(_) => self.doubt(extent, turn),
            _ => Refusal::KafkaStorageError,
        }
    }

    /// This extent was read and is not what it should be. Returned is what its reader is told: to come again, or, for
    /// an object that was damaged before, that it is corrupt.
    pub fn doubt(&mut self, extent: &Extent, turn: &mut Turn<'_>) -> Refusal {
        let Home::Pack(pack) = extent.home else { return Refusal::CorruptMessage };
        turn.effect(Effect::Forget { key: extent::pack_key(&self.cluster, pack) });
        if self.doubted.len() >= DOUBTED_PACKS_MAX {
            self.doubted.clear();
        }
        if self.doubted.insert(pack) { Refusal::KafkaStorageError } else { Refusal::CorruptMessage }
    }

    /// This extent was read from the store and is what it should be: what was damaged was damaged on the way.
    pub fn trust(&mut self, extent: &Extent) {
        if let Home::Pack(pack) = extent.home {
            self.doubted.remove(&pack);
        }
    }

    /// Blocks are asked for once, and somebody waits for each.
    pub fn check(&self) {
        assert!(self.by_ticket.len() == self.under_way.len());
        assert!(self.under_way.values().all(|(_, readers)| !readers.is_empty()));
        assert!(self.waiting.is_empty() || !self.reads.is_empty(), "a read waits for nothing");
    }
}

/// The blocks that hold an extent of a pack.
pub fn blocks_of(extent: &Extent) -> impl Iterator<Item = Block> {
    let Home::Pack(pack) = extent.home else { panic!("only packs have blocks") };
    let range = extent.range();
    assert!(!range.is_empty());
    let (first, last) = (range.start / BLOCK_BYTES, (range.end - 1) / BLOCK_BYTES);
    (first..=last).map(move |index| (pack, index as u32))
}

/// The slices of an extent out of its blocks; nothing where a block is shorter than the extent says.
fn cut(extent: &Extent, blocks: &Blocks) -> Option<Vec<Bytes>> {
    let range = extent.range();
    let mut pieces = Vec::new();
    for block in blocks_of(extent) {
        let bytes = blocks.get(&block)?;
        let start = u64::from(block.1) * BLOCK_BYTES;
        let from = range.start.saturating_sub(start);
        let to = (range.end - start).min(BLOCK_BYTES);
        if to > bytes.len() as u64 {
            return None;
        }
        pieces.push(bytes.slice(from as usize..to as usize));
    }
    Some(pieces)
}
