//! The object store. Conditions are judged at one moment, like a real one's; faults answer late, wrongly timed, or not
//! at all what the world did.
//!
//! The plane's own repetition is a part of the model: a plain PUT ends as done, as definitely not done, or (where its
//! deadline passed) as unknown; only a conditional PUT is unknown often. An upload in doubt may land long after.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apus_core::batch::{BatchHeader, checksum};
use apus_core::limits::BLOCK_BYTES;
use apus_core::time::{Instant, Rng};
use apus_core::world::{Condition, Etag, Failure, Listed, ObjectKey, StoreReply, StoreRequest};
use bytes::{Bytes, BytesMut};

use crate::plan::StoreFaults;

/// How long an upload in doubt may stay on its way.
const LATE_MS_MAX: u64 = 5_000;
/// How long a slow answer takes: longer than any producer waits.
const SLOW_US_MAX: u64 = 12_000_000;

/// A PUT that nobody waits for any more, and that may yet take effect.
#[derive(Debug)]
struct Late {
    at: Instant,
    key: ObjectKey,
    bytes: Bytes,
    condition: Condition,
}

/// All objects.
#[derive(Debug)]
pub struct Store {
    objects: BTreeMap<ObjectKey, (Bytes, Etag)>,
    listed: Vec<Listed>,
    versions: u64,
    late: Vec<Late>,
    /// Damaged blocks that the broker's cache holds: it gives them again until it is told to forget the object.
    kept: BTreeMap<ObjectKey, BTreeMap<u32, Bytes>>,
    faults: StoreFaults,
    /// Some requests fail for want of room.
    pub has_quota: bool,
    /// Damaged bytes come with a checksum that fits them.
    pub hides_damage: bool,
}

impl Store {
    /// An empty store.
    pub fn new(faults: StoreFaults) -> Store {
        Store {
            objects: BTreeMap::new(),
            listed: Vec::new(),
            versions: 0,
            late: Vec::new(),
            kept: BTreeMap::new(),
            faults,
            has_quota: false,
            hides_damage: false,
        }
    }

    /// From now on nothing fails; what is on its way stays so.
    pub fn heal(&mut self) {
        self.faults = StoreFaults::default();
    }

    /// The cache drops what it holds of an object …
    pub fn forget(&mut self, key: &ObjectKey) {
        self.kept.remove(key);
    }

    /// … or of all of them.
    pub fn forget_all(&mut self) {
        self.kept.clear();
    }

    /// Everything that is there.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    /// The bytes of an object.
    pub fn bytes(&self, key: &ObjectKey) -> Option<&Bytes> {
        self.objects.get(key).map(|(bytes, _)| bytes)
    }

    /// Takes an object away that nobody asked to delete.
    pub fn lose(&mut self, key: &ObjectKey) {
        self.objects.remove(key);
    }

    /// How much longer than usual the next answer takes, in microseconds.
    pub fn dawdles(&self, rng: &mut Rng) -> u64 {
        let is_slow = self.faults.slow.is_some_and(|one_in| rng.chance(one_in));
        if is_slow { rng.below(SLOW_US_MAX) } else { 0 }
    }

    /// The request takes effect, or does not, and is answered.
    pub fn answer(&mut self, request: StoreRequest, now: Instant, rng: &mut Rng) -> StoreReply {
        self.land(now);
        let fails = self.faults.fails.is_some_and(|one_in| rng.chance(one_in));
        let refusal = || Failure::Definite("503 slow down".into());
        if let StoreRequest::Block { key, index } = &request
            && let Some(kept) = self.kept(key, *index)
        {
            return StoreReply::Block(Ok(kept));
        }
        match request {
            StoreRequest::Put { key, body, condition } => {
                let bytes = Bytes::from(body.pieces().concat());
                if fails { self.fail_put(key, bytes, condition, now, rng) } else { self.put(key, bytes, &condition) }
            }
            StoreRequest::Get { .. } if fails => StoreReply::Get(Err(refusal())),
            StoreRequest::Block { .. } if fails => StoreReply::Block(Err(refusal())),
            StoreRequest::List { .. } if fails && rng.chance(3) => StoreReply::List(Err(refusal())),
            StoreRequest::Head { .. } if fails => StoreReply::Head(Err(refusal())),
            StoreRequest::Delete { keys } if fails => self.delete_some(keys, rng),
            StoreRequest::Get { key, range } => StoreReply::Get(self.find(&key).map(|(bytes, etag)| match range {
                Some(range) => (cut(bytes, range.start, range.end), etag.clone()),
                None => (bytes.clone(), etag.clone()),
            })),
            StoreRequest::Block { key, index } => {
                let start = u64::from(index) * BLOCK_BYTES;
                let block = self.find(&key).map(|(bytes, _)| cut(bytes, start, start + BLOCK_BYTES));
                StoreReply::Block(block.map(|block| {
                    let came = self.damage(block.clone(), rng);
                    if came != block {
                        self.kept.entry(key).or_default().insert(index, came.clone());
                    }
                    came
                }))
            }
            StoreRequest::Head { key } => {
                StoreReply::Head(self.find(&key).map(|(bytes, etag)| (bytes.len() as u64, etag.clone())))
            }
            StoreRequest::List { prefix, after, count_max } => {
                StoreReply::List(Ok(self.list(fails, &prefix, after.as_ref(), count_max, rng)))
            }
            StoreRequest::Delete { keys } => {
                keys.iter().for_each(|key| drop(self.objects.remove(key)));
                StoreReply::Delete(Ok(keys))
            }
        }
    }

    fn kept(&self, key: &ObjectKey, index: u32) -> Option<Bytes> {
        self.kept.get(key)?.get(&index).cloned()
    }

    /// What was on its way arrives.
    fn land(&mut self, now: Instant) {
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition(|late: &Late| late.at <= now);
        self.late = late;
        let due: Vec<Late> = due;
        for Late { key, bytes, condition, .. } in due {
            let _nobody_is_told = self.put(key, bytes, &condition);
        }
    }

    fn put(&mut self, key: ObjectKey, bytes: Bytes, condition: &Condition) -> StoreReply {
        let present = self.objects.get(&key).map(|(_, etag)| etag);
        let refusal = match (condition, present) {
            (Condition::Absent, Some(_)) => Some(Failure::Precondition),
            (Condition::Match(_), None) => Some(Failure::Missing),
            (Condition::Match(wanted), Some(etag)) if wanted != etag => Some(Failure::Precondition),
            _ => None,
        };
        if let Some(refusal) = refusal {
            return StoreReply::Put(Err(refusal));
        }
        self.versions += 1;
        let etag = Etag(Arc::from(format!("\"{:032x}\"", self.versions)));
        self.objects.insert(key, (bytes, etag.clone()));
        StoreReply::Put(Ok(etag))
    }

    fn fail_put(
        &mut self,
        key: ObjectKey,
        bytes: Bytes,
        condition: Condition,
        now: Instant,
        rng: &mut Rng,
    ) -> StoreReply {
        StoreReply::Put(Err(match rng.below(5) {
            0 if self.has_quota => Failure::Full("quota".into()),
            0 | 1 => Failure::Definite("403".into()),
            2 => Failure::Unknown("no answer; it never arrived".into()),
            3 => {
                let _nobody_is_told = self.put(key, bytes, &condition);
                Failure::Unknown("no answer; it took effect".into())
            }
            _ => {
                let at = now + Duration::from_millis(rng.below(LATE_MS_MAX));
                self.late.push(Late { at, key, bytes, condition });
                Failure::Unknown("no answer; it is on its way".into())
            }
        }))
    }

    fn delete_some(&mut self, keys: Vec<ObjectKey>, rng: &mut Rng) -> StoreReply {
        let mut gone = Vec::new();
        for key in keys {
            // Some go and nobody learns of it.
            match rng.below(3) {
                0 => {
                    self.objects.remove(&key);
                    gone.push(key);
                }
                1 => drop(self.objects.remove(&key)),
                _ => {}
            }
        }
        StoreReply::Delete(Ok(gone))
    }

    fn find(&self, key: &ObjectKey) -> Result<&(Bytes, Etag), Failure> {
        self.objects.get(key).ok_or(Failure::Missing)
    }

    /// Sometimes a listing of before, and sometimes one that leaves names out.
    fn list(
        &mut self,
        fails: bool,
        prefix: &str,
        after: Option<&ObjectKey>,
        count_max: u16,
        rng: &mut Rng,
    ) -> Vec<Listed> {
        let is_stale = fails && rng.chance(2);
        if !is_stale {
            let listed = |(key, (bytes, _)): (&ObjectKey, &(Bytes, Etag))| Listed {
                key: key.clone(),
                bytes: bytes.len() as u64,
            };
            self.listed = self.objects.iter().map(listed).collect();
        }
        let wanted =
            |listed: &&Listed| listed.key.as_str().starts_with(prefix) && after.is_none_or(|after| listed.key > *after);
        let listed = self.listed.iter().filter(wanted).take(usize::from(count_max)).cloned();
        if fails && !is_stale { listed.filter(|_| !rng.chance(3)).collect() } else { listed.collect() }
    }

    /// Cuts a block short, or changes a byte of it.
    fn damage(&self, block: Bytes, rng: &mut Rng) -> Bytes {
        if block.is_empty() || !self.faults.damages.is_some_and(|one_in| rng.chance(one_in)) {
            return block;
        }
        if self.hides_damage {
            return with_other_records(&block);
        }
        let at = rng.below(block.len() as u64) as usize;
        if rng.chance(3) {
            return block.slice(..at);
        }
        let mut copy = BytesMut::from(&block[..]);
        copy[at] ^= 1 << rng.below(8);
        copy.freeze()
    }
}

/// The block with another last byte of its first batch, and the checksum that fits.
fn with_other_records(block: &Bytes) -> Bytes {
    let mut copy = BytesMut::from(&block[..]);
    let length = BatchHeader::read(block).and_then(|header| header.bytes()).filter(|length| *length <= block.len());
    let Some(length) = length else { return block.clone() };
    copy[length - 2] ^= 0xff;
    let crc = checksum(&copy[..length]);
    copy[17..21].copy_from_slice(&crc.to_be_bytes());
    copy.freeze()
}

fn cut(bytes: &Bytes, start: u64, end: u64) -> Bytes {
    let at = |position: u64| position.min(bytes.len() as u64) as usize;
    bytes.slice(at(start.min(end))..at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks at the same time: in an order of chance, as time passes.
    fn ask(store: &mut Store, requests: Vec<StoreRequest>, now: &mut Instant, rng: &mut Rng) -> Vec<StoreReply> {
        let mut open: Vec<(usize, StoreRequest)> = requests.into_iter().enumerate().collect();
        let mut replies = Vec::new();
        while !open.is_empty() {
            let (index, request) = open.swap_remove(rng.below(open.len() as u64) as usize);
            *now = now.after_ms(rng.below(50));
            replies.push((index, store.answer(request, *now, rng)));
        }
        replies.sort_by_key(|(index, _)| *index);
        replies.into_iter().map(|(_, reply)| reply).collect()
    }

    #[test]
    fn keeps_the_contract_of_every_store() {
        let (mut store, mut now, mut rng) = (Store::new(StoreFaults::default()), Instant(0), Rng::new(1));
        apus_store::contract::calm("calm", &mut |requests| ask(&mut store, requests, &mut now, &mut rng));
    }

    #[test]
    fn keeps_the_contract_in_a_storm() {
        for seed in 0..20 {
            let (mut store, mut now, mut rng) = (
                Store::new(StoreFaults { fails: Some(2 + seed % 4), ..StoreFaults::default() }),
                Instant(0),
                Rng::new(seed),
            );
            apus_store::contract::stormy("storm", &mut |requests| ask(&mut store, requests, &mut now, &mut rng));
        }
    }
}
