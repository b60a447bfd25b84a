//! The connection side of a core: every request that a session cut from its bytes is decided here.
//!
//! The front owns the core's replica of the topics, its hot tier, the produce requests that wait for their commit and
//! the fetches that wait for bytes. It is called by the node, one event after the other; what it has to say to
//! clients gathers in [`Front::answers`] and the sessions put it in order. Loss of the process loses only requests that
//! nobody was answered.
//!
//! Invariants: a request is answered exactly once, or its connection is gone; in-flight bytes return to zero; a
//! producer is told only what its partition's tail passed on.

use std::sync::Arc;

use crate::api::{AdminRequest, AdminResponse, Broker, Context, Request, Response};
use crate::catalog::{Catalog, CatalogChange, CatalogUpdate};
use crate::config::{Config, ResourceKind};
use crate::extent;
use crate::group_message::GroupAsk;
use crate::hot::Hot;
use crate::ids::{BrokerId, ConnectionId, CoreId, Incarnation, PackId, Ticket};
use crate::message::{Acknowledgement, Advance, Answer, Began, Committed, Message, Rehomed};
use crate::pack::Pack;
use crate::quota::Meters;
use crate::telemetry::Telemetry;
use crate::time::Instant;
use crate::turn::{Effect, Turn};
use crate::world::StoreReply;

mod admin;
mod configs;
mod fetch;
mod gauges;
mod group_offsets;
mod groups;
mod logs;
mod metadata;
mod offsets;
mod partitions;
mod plan;
mod produce;
mod quorum;
mod quotas;
mod reads;
mod replicas;
pub mod rope;
mod sessions;
mod shares;
pub mod stitch;
mod subscribe;
mod subscription;
mod telemetry;

pub use gauges::FrontGauges;
use groups::Waiting;

/// Which request of which connection: the session's own number of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The connection.
    pub connection: ConnectionId,
    /// The session's number of the request.
    pub slot: u64,
}

/// What a front is told once.
#[derive(Clone, Debug)]
pub struct FrontSettings {
    /// Its core.
    pub core: CoreId,
    /// How many cores there are.
    pub cores: u16,
    /// This broker.
    pub broker: BrokerId,
    /// The configuration, as started; later with what was changed at run time.
    pub config: Arc<Config>,
    /// This broker as each listener advertises it, in the order of the configuration.
    pub advertised: Vec<Broker>,
    /// Bytes of produce requests of this core that may be unanswered; a larger request runs alone.
    pub inflight_bytes_max: u64,
    /// Bytes of the hot tier.
    pub hot_bytes_max: u64,
    /// Packs that leave the hot tier go to the cache (a remote store).
    pub warm: bool,
}

/// The front of one core.
pub struct Front {
    settings: FrontSettings,
    cluster_id: Arc<str>,
    incarnation: Incarnation,
    catalog: Catalog,
    hot: Hot,
    tickets: u64,
    produce: produce::Produces,
    fetch: fetch::Fetches,
    offsets: offsets::Lookups,
    admin: admin::Asks,
    groups: groups::Groups,
    meters: Meters,
    telemetry: Telemetry,
    /// Whose requests were begun and answered since the core's time was last told, where it is bounded.
    served: Vec<Arc<Context>>,
    shares: shares::Shares,
    /// Answers for the sessions, in the order in which they were found; the node takes them.
    pub answers: Vec<(RequestId, Response)>,
}

impl Front {
    /// A front that has not heard of its coordinator yet.
    #[must_use]
    pub fn new(settings: FrontSettings) -> Front {
        assert!(settings.core.0 < settings.cores && !settings.advertised.is_empty());
        Front {
            cluster_id: Arc::from(""),
            incarnation: Incarnation(0),
            catalog: Catalog::default(),
            hot: Hot::new(settings.hot_bytes_max),
            tickets: 0,
            produce: produce::Produces::default(),
            fetch: fetch::Fetches::default(),
            offsets: offsets::Lookups::default(),
            admin: admin::Asks::default(),
            groups: groups::Groups::default(),
            meters: Meters::new(settings.config.quota_windows, settings.cores),
            served: Vec::new(),
            shares: shares::Shares::default(),
            telemetry: Telemetry::new(settings.config.telemetry_bytes_max),
            answers: Vec::new(),
            settings,
        }
    }

    /// The ledger is ours: from here on the front may serve.
    pub fn began(&mut self, began: &Began) {
        self.cluster_id = Arc::clone(&began.cluster_id);
        self.incarnation = began.incarnation;
        self.fetch.reads.began(Arc::clone(&began.cluster_id));
    }

    /// True while another produce request may be admitted; a larger one than all runs alone.
    #[must_use]
    pub fn admits(&self) -> bool {
        let bytes = self.produce.bytes();
        bytes == 0 || bytes < self.settings.inflight_bytes_max
    }

    /// A request, in the order of its connection. `drained`: no unread bytes stand behind it.
    pub fn request(
        &mut self,
        id: RequestId,
        context: &Arc<Context>,
        request: Request,
        drained: bool,
        turn: &mut Turn<'_>,
    ) {
        match request {
            Request::Produce(request) => self.produce(id, request, drained, turn),
            Request::Fetch(request) => {
                let request = self.within_quota(context, request);
                self.fetch(id, request, turn);
            }
            Request::ListOffsets(request) => self.list_offsets(id, request, turn),
            Request::OffsetForLeaderEpoch(request) => self.offset_for_leader_epoch(id, request, turn),
            Request::Metadata(request) => self.metadata(id, context, request, turn),
            Request::DescribeCluster(request) => self.describe_cluster(id, context, request),
            Request::CreateTopics(request) => self.create_topics(id, request, turn),
            Request::DeleteTopics(request) => self.delete_topics(id, request, turn),
            Request::DescribeConfigs(request) => self.describe_configs(id, &request),
            Request::InitProducerId(request) => self.init_producer_id(id, &request, turn),
            Request::FindCoordinator(request) => self.find_coordinator(id, context, request),
            Request::JoinGroup(request) => self.join_group(id, context, request, turn),
            Request::SyncGroup(request) => self.sync_group(id, request, turn),
            Request::Heartbeat(request) => self.ask_group(id, Waiting::Whole, GroupAsk::Heartbeat(request), turn),
            Request::LeaveGroup(request) => self.ask_group(id, Waiting::Whole, GroupAsk::Leave(request), turn),
            Request::OffsetCommit(request) => self.offset_commit(id, request, turn),
            Request::OffsetFetch(request) => self.offset_fetch(id, request, turn),
            Request::DescribeGroups(request) => self.ask_group(id, Waiting::Whole, GroupAsk::Describe(request), turn),
            Request::ListGroups(request) => self.ask_group(id, Waiting::Whole, GroupAsk::List(request), turn),
            Request::DeleteGroups(request) => self.ask_group(id, Waiting::Whole, GroupAsk::Delete(request), turn),
            Request::OffsetDelete(request) => self.offset_delete(id, request, turn),
            Request::ConsumerGroupHeartbeat(request) => self.consumer_heartbeat(id, context, request, turn),
            Request::ConsumerGroupDescribe(request) => {
                self.ask_group(id, Waiting::Whole, GroupAsk::DescribeConsumers(request), turn);
            }
            Request::StreamsGroupHeartbeat(request) => self.streams_heartbeat(id, context, request, turn),
            Request::StreamsGroupDescribe(request) => {
                self.ask_group(id, Waiting::Whole, GroupAsk::DescribeStreams(request), turn);
            }
            Request::CreatePartitions(request) => self.create_partitions(id, request, turn),
            Request::DescribeTopicPartitions(request) => self.describe_topic_partitions(id, &request),
            Request::DeleteRecords(request) => self.delete_records(id, request, turn),
            Request::AlterConfigs(request) => self.alter_configs(id, request, turn),
            Request::Admin(request) => self.administrate(id, context, request, turn),
            Request::Share(request) => self.share(id, context, request, turn),
        }
    }

    fn administrate(&mut self, id: RequestId, context: &Context, request: AdminRequest, turn: &mut Turn<'_>) {
        match request {
            AdminRequest::ListConfigResources(request) => self.list_config_resources(id, &request),
            AdminRequest::DescribeLogDirs(request) => self.describe_log_dirs(id, request, turn),
            AdminRequest::DescribeProducers(request) => self.describe_producers(id, request, turn),
            AdminRequest::ElectLeaders(request) => self.elect_leaders(id, request),
            AdminRequest::AlterReassignments(request) => self.alter_reassignments(id, request),
            AdminRequest::ListReassignments => self.answer(id, Response::Admin(AdminResponse::ListReassignments)),
            AdminRequest::DescribeQuotas(request) => self.describe_quotas(id, &request),
            AdminRequest::AlterQuotas(request) => self.alter_quotas(id, request, turn),
            AdminRequest::DescribeQuorum(request) => self.describe_quorum(id, context, request, turn),
            AdminRequest::UpdateFeatures(request) => self.update_features(id, request),
            AdminRequest::GetTelemetry(request) => self.get_telemetry(id, context, request, turn),
            AdminRequest::PushTelemetry(request) => self.push_telemetry(id, context, &request, turn),
        }
    }

    fn answer(&mut self, id: RequestId, response: Response) {
        self.answers.push((id, response));
    }

    /// The connection is gone: nobody waits any more.
    pub fn closed(&mut self, connection: ConnectionId, turn: &mut Turn<'_>) {
        self.fetch_closed(connection, turn);
        self.groups.closed(connection);
        self.shares_closed(connection, turn);
        self.telemetry.closed(connection);
    }

    /// Commits, in the order of the journal: the hot tier takes their bytes.
    pub fn committed(&mut self, committed: &Committed, turn: &mut Turn<'_>) {
        let left = self.hot.commit(committed);
        self.leave(left, turn);
    }

    /// A spill, in the order of the journal.
    pub fn rehomed(&mut self, rehomed: &Rehomed, turn: &mut Turn<'_>) {
        let left = self.hot.rehome(rehomed);
        self.leave(left, turn);
    }

    /// All cores drop the same packs; one of them tells the cache.
    fn leave(&self, left: Vec<(PackId, Arc<Pack>)>, turn: &mut Turn<'_>) {
        if self.settings.warm && self.settings.core == CoreId(0) {
            for (pack, bytes) in left {
                let key = extent::pack_key(&self.cluster_id, pack);
                turn.effect(Effect::Warm { key, body: bytes.body() });
            }
        }
    }

    /// Topics changed. The coordinator is told, since it answers their creator only then.
    pub fn catalog(&mut self, update: &CatalogUpdate, turn: &mut Turn<'_>) {
        self.catalog.apply(update);
        for change in &update.changes {
            match change {
                CatalogChange::Config(config) => self.settings.config = Arc::clone(config),
                CatalogChange::Quota { entity, quotas } => self.meters.set(entity, quotas),
                CatalogChange::Resource { kind: ResourceKind::ClientMetrics, name, configs } => {
                    self.telemetry.set(name, configs);
                }
                CatalogChange::Set(_) | CatalogChange::Remove(_) | CatalogChange::Resource { .. } => {}
            }
        }
        let core = self.settings.core;
        turn.send(CoreId(0), Message::CatalogApplied { core, lsn: update.lsn });
    }

    /// Batches of ours were committed, or were not.
    pub fn acknowledged(&mut self, acknowledgements: &[Acknowledgement], turn: &mut Turn<'_>) {
        for acknowledgement in acknowledgements {
            if let Some((id, response)) = self.produce.acknowledged(acknowledgement, turn) {
                self.answer(id, response);
            }
        }
    }

    /// Watched partitions moved.
    pub fn advanced(&mut self, advances: &[Advance], turn: &mut Turn<'_>) {
        self.fetch_advanced(advances, turn);
    }

    /// Coordinator or tail answered.
    pub fn answered(&mut self, ticket: Ticket, answer: Answer, turn: &mut Turn<'_>) {
        match answer {
            Answer::Located(located) => self.fetch_located(ticket, located, turn),
            Answer::Offset(found) => self.offset_found(ticket, found, turn),
            Answer::CreateTopics(response) => self.topics_created(ticket, response),
            Answer::DeleteTopics(response) => self.topics_deleted(ticket, response),
            Answer::InitProducer(result) => self.producer_given(ticket, result),
            Answer::Group(answer) => self.group_answered(ticket, *answer, turn),
            Answer::Opened(_) => panic!("{ticket:?} is a tail's"),
            Answer::CreatePartitions(response) => self.partitions_created(ticket, response),
            Answer::AlterConfigs(response) => self.configs_altered(ticket, response),
            Answer::AlterQuotas(response) => self.quotas_altered(ticket, response),
            Answer::DeleteRecords(results) => self.records_deleted(ticket, results),
            Answer::Sizes(sizes) => self.sizes_told(ticket, sizes),
            Answer::Producers(producers) => self.producers_told(ticket, producers),
            Answer::Position(position) => self.position_told(ticket, position, turn),
        }
    }

    /// The store answered a cold read.
    pub fn stored(&mut self, ticket: Ticket, reply: StoreReply, turn: &mut Turn<'_>) {
        let done = self.fetch.reads.stored(ticket, reply, &mut self.tickets, turn);
        for done in done {
            self.read_done(done, turn);
        }
    }

    /// Time passed.
    pub fn wake(&mut self, turn: &mut Turn<'_>) {
        for (id, response) in self.produce.expire(turn) {
            self.answer(id, response);
        }
        self.fetch_expire(turn);
        self.tell_used(turn);
        self.telemetry.expire(turn.now);
    }

    /// The broker stops: whoever waits for more bytes is answered with what there is, and whoever waits for the other
    /// members of a group is sent away.
    pub fn hurry(&mut self, turn: &mut Turn<'_>) {
        self.fetch_hurry(turn);
        self.groups_hurry();
    }

    /// When the front wants to be woken next.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.produce.deadline().min(self.fetch.deadline()).min(self.meters.deadline()).min(self.telemetry.deadline())
    }

    /// True where nothing waits for an outcome; parked fetches do not count.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.produce.bytes() == 0
            && self.produce.is_empty()
            && self.admin.is_empty()
            && self.groups.is_empty()
            && self.shares.is_empty()
    }

    /// The topics, as this core sees them.
    #[must_use]
    pub fn topics(&self) -> &Catalog {
        &self.catalog
    }

    /// A counter from which the other machines of this core draw their tickets too.
    pub fn tickets(&mut self) -> &mut u64 {
        &mut self.tickets
    }

    /// The whole state is sound.
    pub fn check(&self) {
        self.catalog.check();
        self.hot.check();
        self.produce.check();
        self.fetch.check();
        self.groups.check();
        self.meters.check();
        self.telemetry.check();
    }
}

/// The partitions that an update removes.
pub fn removed(update: &CatalogUpdate) -> impl Iterator<Item = &[crate::ids::PartitionId]> {
    update.changes.iter().filter_map(|change| match change {
        CatalogChange::Remove(topic) => Some(&topic.partitions[..]),
        CatalogChange::Set(_)
        | CatalogChange::Config(_)
        | CatalogChange::Resource { .. }
        | CatalogChange::Quota { .. } => None,
    })
}
