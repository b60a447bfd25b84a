//! What the store must hold: what the ledger refers to and what OWNER names, at every moment; and in the end, when
//! everything has settled, nothing else.

use std::collections::BTreeSet;

use apus_coordinator::boot::cluster_text;
use apus_coordinator::ledger::Ledger;
use apus_coordinator::owner::{CLUSTER_KEY, OWNER_KEY, Owner, decode_cluster};
use apus_coordinator::snapshot::Manifest;
use apus_core::extent::pack_key;
use apus_core::world::{Body, ObjectKey, StoreReply, StoreRequest};

use super::World;
use crate::plan::Sabotage;

impl World {
    /// A request takes effect; what it deletes must be of no use to anybody.
    pub(super) fn ask_store(&mut self, request: StoreRequest) -> StoreReply {
        match &request {
            StoreRequest::List { prefix, .. } if self.sabotaged(Sabotage::DeletesReferenced) => {
                let lost = self.live_packs().into_iter().find(|key| key.as_str().starts_with(prefix));
                lost.iter().for_each(|key| self.store.lose(key));
            }
            StoreRequest::Delete { keys } if self.sabotaged(Sabotage::KeepsOrphans) => {
                return StoreReply::Delete(Ok(keys.clone()));
            }
            _ => {}
        }
        let deletes = matches!(request, StoreRequest::Delete { .. });
        let reply = self.store.answer(request, self.now, &mut self.rng);
        if deletes {
            self.check_store();
        }
        reply
    }

    /// What anybody may still want is there.
    pub(super) fn check_store(&self) {
        for key in self.bookkeeping().union(&self.live_packs()) {
            assert!(self.store.bytes(key).is_some(), "{key} is referred to, and is not in the store");
        }
    }

    /// And nothing else is.
    pub(super) fn check_settled(&self) {
        self.check_store();
        let needed: BTreeSet<ObjectKey> = self.bookkeeping().union(&self.live_packs()).cloned().collect();
        let useless: Vec<&ObjectKey> = self.store.keys().filter(|key| !needed.contains(key)).collect();
        assert!(useless.is_empty(), "nobody refers to {useless:?}");
        let ledger = self.ledger().expect("it runs");
        assert!(ledger.dead_objects(i64::MAX).next().is_none(), "dead objects are gone, and still remembered");
        assert!(ledger.journal_homes().next().is_none(), "bytes live in the journal for ever");
        let aged = self.plan.topics().iter().filter(|topic| topic.limit("retention.ms").is_some());
        for record in aged.filter_map(|topic| ledger.topic_named(topic.name)) {
            for bounds in record.partition_ids().filter_map(|partition| ledger.bounds(partition)) {
                assert!(bounds.log_start_offset == bounds.high_watermark, "{}: {bounds:?}", record.name);
            }
        }
    }

    /// What leaves the hot tier for the cache is what the store holds.
    pub(super) fn check_warmed(&self, key: &ObjectKey, body: &Body) {
        if let Some(stored) = self.store.bytes(key) {
            assert!(body.pieces().concat()[..] == stored[..], "{key}: the cache gets other bytes than the store has");
        }
    }

    pub(super) fn ledger(&self) -> Option<&Ledger> {
        self.life.as_ref()?.ledger()
    }

    /// The objects in which an extent lives.
    fn live_packs(&self) -> BTreeSet<ObjectKey> {
        let cluster = self.store.bytes(&ObjectKey::new(CLUSTER_KEY)).and_then(|bytes| decode_cluster(bytes));
        let (Some(cluster), Some(ledger)) = (cluster.map(cluster_text), self.ledger()) else { return BTreeSet::new() };
        ledger.live_packs().map(|pack| pack_key(&cluster, pack)).collect()
    }

    /// CLUSTER, OWNER, and the snapshot that OWNER names.
    fn bookkeeping(&self) -> BTreeSet<ObjectKey> {
        let present = [CLUSTER_KEY, OWNER_KEY].map(ObjectKey::new);
        let mut keys: BTreeSet<ObjectKey> = present.into_iter().filter(|key| self.store.bytes(key).is_some()).collect();
        let owner = self.store.bytes(&ObjectKey::new(OWNER_KEY));
        let Some(owner) = owner.map(|bytes| Owner::decode(bytes).expect("OWNER is whole")) else { return keys };
        let Some(named) = owner.snapshot else { return keys };
        let bytes = self.store.bytes(&named).unwrap_or_else(|| panic!("OWNER names {named}, which is not there"));
        let manifest = Manifest::decode(bytes).expect("a manifest is whole");
        let (snapshot, _) = named.as_str().rsplit_once('/').expect("a manifest lies in a folder");
        let (folder, _) = snapshot.rsplit_once('/').expect("and that one with others");
        keys.extend(manifest.parts().iter().map(|part| ObjectKey::new(&format!("{folder}/{}", part.name()))));
        keys.insert(named);
        keys
    }
}
