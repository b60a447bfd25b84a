//! From a Fetch request to its subscription: a session's (KIP-227), or one of its own. The tails are told what to watch.

use std::collections::BTreeMap;

use super::fetch::Owner;
use super::sessions::Sessions;
use super::subscription::Subscription;
use super::{Front, RequestId};
use crate::api::FetchRequest;
use crate::catalog::Catalog;
use crate::error::Refusal;
use crate::ids::{CoreId, PartitionId};
use crate::message::{Message, WatchId};
use crate::placement;
use crate::turn::Turn;

impl Front {
    /// The subscription that the request means: a session's, or its own. Its tails are told.
    pub(super) fn subscribe(
        &mut self,
        id: RequestId,
        request: &FetchRequest,
        turn: &mut Turn<'_>,
    ) -> Result<(Option<i32>, Option<Subscription>, bool), Refusal> {
        let (session_id, epoch, now) = (request.session_id, request.session_epoch, turn.now);
        if epoch > 0 {
            let partitions = request.topics.iter().map(|topic| topic.partitions.len()).sum();
            if partitions > 0 && !self.fetch.sessions.may_watch(partitions) {
                // The client begins anew, and is served without a session.
                let closed = self.fetch.sessions.close(session_id, id.connection);
                self.drop_subscription(closed, turn);
                return Err(Refusal::FetchSessionIdNotFound);
            }
            let session = self.fetch.sessions.begin(session_id, id.connection, epoch, now)?;
            let topics = request.topics.iter().map(|topic| &topic.topic);
            let names = topics.chain(request.forgotten.iter().map(|topic| &topic.topic));
            if names.into_iter().any(|topic| !Sessions::same_naming(&session.subscription, topic)) {
                session.busy = false;
                return Err(Refusal::FetchSessionTopicIdError);
            }
            let mut gone = Vec::new();
            for topic in &request.forgotten {
                gone.extend(topic.partitions.iter().filter_map(|at| session.subscription.forget(&topic.topic, *at)));
            }
            let watch = session.subscription.watch;
            let added = set_all(&mut session.subscription, request, &self.catalog);
            self.unwatch(watch, gone, turn);
            self.watch(watch, added, turn);
            return Ok((Some(session_id), None, false));
        }
        if session_id != 0 {
            let closed = self.fetch.sessions.close(session_id, id.connection);
            self.drop_subscription(closed, turn);
        }
        let mut subscription = Subscription::new(WatchId(self.fetch.number()));
        let added = set_all(&mut subscription, request, &self.catalog);
        self.watch(subscription.watch, added, turn);
        if epoch != 0 || subscription.len() == 0 {
            return Ok((None, Some(subscription), true));
        }
        let slots = self.settings.config.fetch_sessions_max;
        match self.fetch.sessions.make_room(slots, subscription.len(), now) {
            Err(()) => Ok((None, Some(subscription), true)),
            Ok(evicted) => {
                self.drop_subscription(evicted, turn);
                let watch = subscription.watch;
                let session = self.fetch.sessions.create(id.connection, subscription, now, turn.rng);
                self.fetch.watches.insert(watch, Owner::Session(session));
                Ok((Some(session), None, true))
            }
        }
    }

    pub(super) fn watch(&self, watch: WatchId, partitions: Vec<PartitionId>, turn: &mut Turn<'_>) {
        let core = self.settings.core;
        for (owner, partitions) in self.by_owner(partitions) {
            turn.send(owner, Message::Watch { core, watch, partitions });
        }
    }

    fn unwatch(&self, watch: WatchId, partitions: Vec<PartitionId>, turn: &mut Turn<'_>) {
        let core = self.settings.core;
        for (owner, partitions) in self.by_owner(partitions) {
            turn.send(owner, Message::Unwatch { core, watch, partitions });
        }
    }

    fn by_owner(&self, partitions: Vec<PartitionId>) -> BTreeMap<CoreId, Vec<PartitionId>> {
        let mut owners: BTreeMap<CoreId, Vec<PartitionId>> = BTreeMap::new();
        for partition in partitions {
            owners.entry(placement::core_of(partition, self.settings.cores)).or_default().push(partition);
        }
        owners
    }

    pub(super) fn drop_subscription(&mut self, subscription: Option<Subscription>, turn: &mut Turn<'_>) {
        if let Some(subscription) = subscription {
            self.fetch.watches.remove(&subscription.watch);
            self.unwatch(subscription.watch, subscription.watched().collect(), turn);
        }
    }
}

/// Adds what the request names; returned is what is to be watched from now on.
fn set_all(subscription: &mut Subscription, request: &FetchRequest, catalog: &Catalog) -> Vec<PartitionId> {
    let mut added = Vec::new();
    for topic in &request.topics {
        added.extend(topic.partitions.iter().filter_map(|asked| subscription.set(&topic.topic, asked, catalog)));
    }
    added
}
