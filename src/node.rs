//! One core's machines, and the one place that knows them all: the dispatch.
//!
//! A drain is: step what happened, hand on what the machines said to each other, let sessions begin requests that the
//! core has room for, then let the packer decide; again until nobody on this core has anything to say. What is for the
//! world is left in the turn's effects. Messages to this core never leave it, so with one core a produce is one drain
//! up to its write and one after it.
//!
//! Room is of two kinds. Bytes in flight are the front's; memory of replies is counted here, and where clients that
//! read nothing take it from others, they are closed (`crowding`).
//!
//! Invariants: a drain ends, because each round consumes a request, a message or an event, and requests are bounded by
//! [`STEP_BUDGET`], large replies sooner; effects keep their order; nothing is begun once the broker stops.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use apus_coordinator::journal::JournalLimits;
use apus_coordinator::ledger::Ledger;
use apus_coordinator::machine::{Coordinator, CoordinatorConfig, CoordinatorEvent};
use apus_core::api::{Broker, Request, Response};
use apus_core::config::{Config, StorePlace};
use apus_core::features::FEATURES;
use apus_core::front::{self, Front, FrontSettings, RequestId};
use apus_core::ids::{ConnectionId, CoreId, Ticket};
use apus_core::limits::{REPLY_BYTES_MAX, REPLY_BYTES_SHORT, REPLY_BYTES_STEP, STEP_BUDGET};
use apus_core::message::{Answer, Began, Message};
use apus_core::packer::{self, Packer, PackerConfig, PackerEvent};
use apus_core::tail::{self, Tails};
use apus_core::time::Instant;
use apus_core::turn::{Effect, Event, Turn};
use apus_core::world::StoreReply;
use apus_net::session::{Need, Next, Room, Session, SessionSettings};
use apus_net::wire::writer::Writer;
use bytes::BytesMut;

use crate::crowding::Crowding;
use crate::watch::report::NodeGauges;

/// What a node is told once.
#[derive(Clone)]
pub struct NodeSettings {
    /// Its core.
    pub core: CoreId,
    /// How many cores there are.
    pub cores: u16,
    /// The configuration, as started.
    pub config: Arc<Config>,
    /// This broker as each listener advertises it, in the order of the configuration.
    pub advertised: Vec<Broker>,
    /// Sizes of the journal.
    pub journal: JournalLimits,
}

impl NodeSettings {
    /// A core of this configuration, which knows the ports of its listeners.
    ///
    /// # Panics
    /// Where the configuration has more cores than can be.
    #[must_use]
    pub fn of(core: CoreId, config: &Arc<Config>) -> NodeSettings {
        let advertised = config.listeners.iter().map(|listener| Broker {
            id: config.node_id,
            host: listener.advertised.host.as_str().into(),
            port: listener.advertised.port,
            rack: config.rack.as_deref().map(Into::into),
        });
        NodeSettings {
            core,
            cores: u16::try_from(config.cores).expect("cores are few"),
            advertised: advertised.collect(),
            journal: JournalLimits::default(),
            config: Arc::clone(config),
        }
    }
}

/// The machines of core 0.
struct Head {
    packer: Packer,
    coordinator: Coordinator,
}

/// One core.
pub struct Node {
    settings: NodeSettings,
    sessions: BTreeMap<ConnectionId, Session>,
    session_settings: Option<Arc<SessionSettings>>,
    writer: Writer,
    front: Front,
    tails: Tails,
    head: Option<Head>,
    /// Said on this core to this core, not heard yet.
    local: VecDeque<Message>,
    /// Connections that may have a request to begin.
    ready: BTreeSet<ConnectionId>,
    /// Connections that wait until the front admits more.
    held_in_flight: BTreeSet<ConnectionId>,
    /// Connections that wait until there is memory for their replies.
    held_replies: BTreeSet<ConnectionId>,
    /// Connections whose clients used too much of a quota, by when they may go on.
    resting: BTreeSet<(Instant, ConnectionId)>,
    /// Bytes that sessions keep for their clients.
    reply_bytes: u64,
    crowding: Crowding,
    /// When connections are looked over for silence.
    sweep_at: Instant,
    wake_at: Instant,
    stopping: bool,
    stopped: bool,
}

impl Node {
    /// A core that has heard nothing yet.
    #[must_use]
    pub fn new(settings: NodeSettings) -> Node {
        let NodeSettings { core, cores, ref config, ref advertised, journal } = settings;
        let share = |bytes: u64| (bytes / u64::from(cores)).max(1);
        let front = FrontSettings {
            core,
            cores,
            broker: config.node_id,
            config: Arc::clone(config),
            advertised: advertised.clone(),
            inflight_bytes_max: share(config.inflight_bytes_max),
            hot_bytes_max: config.hot_bytes_max,
            warm: matches!(config.store, StorePlace::Bucket { .. }),
        };
        let head = (core == CoreId(0)).then(|| Head {
            packer: Packer::new(PackerConfig {
                broker: config.node_id,
                pack_bytes_target: config.pack_bytes_target,
                linger_ms_max: config.linger_ms_max,
                put_rate_max: config.put_rate_max,
                uploads_max: config.uploads_max,
            }),
            coordinator: Coordinator::new(CoordinatorConfig { journal, ..CoordinatorConfig::of(config, cores) }),
        });
        Node {
            sessions: BTreeMap::new(),
            session_settings: None,
            writer: Writer::new(),
            front: Front::new(front),
            tails: Tails::new(core, cores),
            head,
            local: VecDeque::new(),
            ready: BTreeSet::new(),
            held_in_flight: BTreeSet::new(),
            held_replies: BTreeSet::new(),
            resting: BTreeSet::new(),
            reply_bytes: 0,
            crowding: Crowding::default(),
            sweep_at: Instant::NEVER,
            wake_at: Instant::NEVER,
            stopping: false,
            stopped: false,
            settings,
        }
    }

    /// Core 0: recovers the ledger and makes it ours; ends with [`Effect::Serve`].
    pub fn boot(&mut self, turn: &mut Turn<'_>) {
        let mark = turn.effects.len();
        let head = self.head.as_mut().expect("core 0 boots");
        head.coordinator.boot(turn);
        self.route(mark, turn);
        self.finish(turn);
    }

    /// Where the shell appends what a connection received, and how many bytes its request lacks.
    pub fn receive_buffer(&mut self, connection: ConnectionId) -> Option<(&mut BytesMut, usize)> {
        self.sessions.get_mut(&connection).map(Session::buffer)
    }

    /// Steps what happened, at most [`STEP_BUDGET`] of it, and what follows from it on this core.
    pub fn step(&mut self, events: &mut VecDeque<Event>, turn: &mut Turn<'_>) {
        if self.front.counts_time() {
            self.front.spent(Duration::ZERO, turn.now); // What nobody measured is nobody's.
        }
        for _ in 0..STEP_BUDGET {
            let Some(event) = events.pop_front() else { break };
            let mark = turn.effects.len();
            self.event(event, turn);
            self.route(mark, turn);
            self.converse(turn);
        }
        self.finish(turn);
    }

    fn event(&mut self, event: Event, turn: &mut Turn<'_>) {
        match event {
            Event::Opened { connection, listener, peer } => {
                turn.count.connections_opened += 1;
                let settings = self.session_settings.as_ref().expect("clients are accepted once the ledger is ours");
                let session = Session::new(connection, listener, peer, settings, turn.now);
                self.sessions.insert(connection, session);
                self.sweep_at = self.sweep_at.min(turn.now + self.sweep_interval());
            }
            Event::Received { connection } => {
                if let Some(session) = self.sessions.get_mut(&connection) {
                    session.received(turn.now);
                    self.ready.insert(connection);
                }
            }
            Event::Sent { connection, bytes } => {
                if self.on_session(connection, |session, _| session.sent(bytes, turn.now)).is_some() {
                    self.ready.insert(connection);
                }
            }
            Event::Closed { connection } => {
                turn.count.connections_closed += 1;
                self.reply_bytes -= self.sessions.remove(&connection).map_or(0, |session| session.held_bytes());
                self.ready.remove(&connection);
                self.held_in_flight.remove(&connection);
                self.held_replies.remove(&connection);
                self.resting.retain(|(_, resting)| *resting != connection);
                self.front.closed(connection, turn);
            }
            Event::Message(message) => self.message(message, turn),
            Event::Stored { ticket, reply } => self.stored(ticket, reply, turn),
            Event::Disk { ticket, result } => self.coordinate(CoordinatorEvent::Disk { ticket, result }, turn),
            Event::Wake => self.wake(turn),
            Event::Again => {}
            Event::Stop => self.stop(turn),
        }
    }

    fn message(&mut self, message: Message, turn: &mut Turn<'_>) {
        match message {
            Message::Began(began) => self.began(began, turn),
            Message::Admit(admission) => self.pack(PackerEvent::Admit(admission), turn),
            Message::Resolved { flush } => self.pack(PackerEvent::Resolved { flush }, turn),
            Message::Held { bytes } => self.pack(PackerEvent::Held { bytes }, turn),
            Message::Throttle { pause_ms } => self.pack(PackerEvent::Throttle { pause_ms }, turn),
            Message::Commit(_) | Message::Ask { .. } | Message::CatalogApplied { .. } => {
                self.coordinate(CoordinatorEvent::Message(message), turn);
            }
            Message::Committed(committed) => {
                self.front.committed(&committed, turn);
                self.tails.committed(&committed, turn);
            }
            Message::Rehomed(rehomed) => {
                self.front.rehomed(&rehomed, turn);
                self.tails.rehomed(&rehomed);
            }
            Message::Trimmed(trims) => self.tails.trimmed(&trims, turn),
            Message::Catalog(update) => {
                for partitions in front::removed(&update) {
                    let owned = tail::owned(partitions, self.settings.core, self.settings.cores);
                    self.tails.removed(&owned, turn);
                }
                self.front.catalog(&update, turn);
            }
            Message::Acknowledged(acknowledgements) => self.front.acknowledged(&acknowledgements, turn),
            Message::Watch { core, watch, partitions } => {
                self.tails.watch((core, watch), &partitions, self.front.tickets(), turn);
            }
            Message::Unwatch { core, watch, partitions } => self.tails.unwatch((core, watch), &partitions),
            Message::Advanced(advances) => self.front.advanced(&advances, turn),
            Message::Locate { core, ticket, partition, offset, bytes_max } => {
                self.tails.locate((core, ticket), (partition, offset), bytes_max, turn);
            }
            Message::Used(used) => self.front.used(&used, turn),
            Message::Answer { ticket, answer: Answer::Opened(opened) } => self.tails.opened(ticket, opened, turn),
            Message::Answer { ticket, answer } => self.front.answered(ticket, answer, turn),
        }
    }

    fn began(&mut self, began: Began, turn: &mut Turn<'_>) {
        let config = &self.settings.config;
        self.session_settings = Some(Arc::new(SessionSettings {
            cluster_id: Arc::clone(&began.cluster_id),
            node_id: config.node_id.0,
            features: FEATURES,
            request_bytes_max: config.request_bytes_max as usize,
            idle_max: config.connection_idle_ms_max.map(Duration::from_millis),
            principal: Arc::from("User:ANONYMOUS"),
        }));
        self.front.began(&began);
        if self.head.is_some() {
            self.pack(PackerEvent::Began(began), turn);
        }
    }

    fn stored(&mut self, ticket: Ticket, reply: StoreReply, turn: &mut Turn<'_>) {
        if Coordinator::owns(ticket) {
            self.coordinate(CoordinatorEvent::Stored { ticket, reply }, turn);
        } else if ticket.0 & packer::TICKET_BIT != 0 {
            self.pack(PackerEvent::Stored { ticket, reply }, turn);
        } else {
            self.front.stored(ticket, reply, turn);
        }
    }

    fn pack(&mut self, event: PackerEvent, turn: &mut Turn<'_>) {
        self.head.as_mut().expect("the packer is on core 0").packer.step(event, turn);
    }

    fn coordinate(&mut self, event: CoordinatorEvent, turn: &mut Turn<'_>) {
        self.head.as_mut().expect("the coordinator is on core 0").coordinator.step(event, turn);
    }

    /// Keeps what this core said to itself, and leaves the rest to the world.
    fn route(&mut self, mark: usize, turn: &mut Turn<'_>) {
        let core = self.settings.core;
        for effect in turn.effects.split_off(mark) {
            match effect {
                Effect::Send { core: to, message } if to == core => self.local.push_back(message),
                other => turn.effects.push(other),
            }
        }
    }

    /// Until nobody on this core has anything to say to another, nor to a client.
    fn converse(&mut self, turn: &mut Turn<'_>) {
        loop {
            while let Some(message) = self.local.pop_front() {
                let mark = turn.effects.len();
                self.message(message, turn);
                self.route(mark, turn);
            }
            if self.front.answers.is_empty() {
                return;
            }
            for (id, response) in std::mem::take(&mut self.front.answers) {
                if self.front.has_quotas() {
                    self.charge_answer(id, &response, turn);
                }
                let answer =
                    |session: &mut Session, writer: &mut Writer| session.answer(id.slot, response, writer, turn);
                if self.on_session(id.connection, answer).is_some() {
                    self.ready.insert(id.connection);
                }
            }
        }
    }

    /// Lets sessions begin requests, then lets the packer decide; again while that gives this core something to do.
    fn finish(&mut self, turn: &mut Turn<'_>) {
        let mut budget = STEP_BUDGET;
        loop {
            self.converse(turn);
            self.begin_requests(&mut budget, turn);
            if let Some(head) = &mut self.head {
                let mark = turn.effects.len();
                head.packer.step(PackerEvent::DrainEnd, turn);
                self.route(mark, turn);
            }
            if self.local.is_empty() && (budget == 0 || !self.may_begin()) {
                break;
            }
        }
        self.make_room(turn);
        if self.may_begin() {
            turn.effect(Effect::Again);
        }
        self.end_if_stopped(turn);
        self.set_wake(turn);
    }

    /// Steps a session, and keeps what it holds for its client in the books.
    fn on_session<R>(
        &mut self,
        connection: ConnectionId,
        step: impl FnOnce(&mut Session, &mut Writer) -> R,
    ) -> Option<R> {
        let session = self.sessions.get_mut(&connection)?;
        let before = session.held_bytes();
        let result = step(session, &mut self.writer);
        self.reply_bytes = self.reply_bytes - before + session.held_bytes();
        Some(result)
    }

    fn room(&self) -> Room {
        Room {
            in_flight: self.front.admits(),
            replies: self.reply_bytes <= REPLY_BYTES_SHORT,
            replies_to_readers: self.reply_bytes <= REPLY_BYTES_MAX,
        }
    }

    /// Whether a connection may have a request that there is room for.
    fn may_begin(&self) -> bool {
        let Room { in_flight, replies, .. } = self.room();
        let held = (in_flight && !self.held_in_flight.is_empty()) || (replies && !self.held_replies.is_empty());
        !self.stopping && (held || !self.ready.is_empty())
    }

    fn begin_requests(&mut self, budget: &mut usize, turn: &mut Turn<'_>) {
        let Room { in_flight, replies, .. } = self.room();
        if in_flight {
            self.ready.append(&mut self.held_in_flight);
        }
        if replies {
            self.ready.append(&mut self.held_replies);
        }
        while *budget > 0 && !self.stopping {
            let Some(connection) = self.ready.first().copied() else { return };
            let mark = turn.effects.len();
            let room = self.room();
            match self.on_session(connection, |session, writer| session.next(room, writer, turn)) {
                Some(Next::Request { slot, context, request, drained, bytes }) => {
                    let before = self.reply_bytes;
                    let id = RequestId { connection, slot };
                    if self.front.has_quotas() {
                        let is_produce = matches!(request, Request::Produce(_));
                        let rest_ms = self.front.charge_request(&context, bytes as u64, is_produce, turn.now);
                        self.on_session(connection, |session, _| session.throttle(slot, rest_ms, turn));
                    }
                    self.front.request(id, &context, request, drained, turn);
                    self.route(mark, turn);
                    self.converse(turn);
                    let replied = self.reply_bytes.saturating_sub(before);
                    *budget = budget.saturating_sub(1 + (replied / REPLY_BYTES_STEP) as usize);
                    continue;
                }
                Some(Next::Held(Need::InFlight)) => drop(self.held_in_flight.insert(connection)),
                Some(Next::Held(Need::Replies)) => drop(self.held_replies.insert(connection)),
                Some(Next::Rests(until)) => drop(self.resting.insert((until, connection))),
                Some(Next::Idle | Next::Busy | Next::Closed) | None => {}
            }
            self.ready.remove(&connection);
        }
        if self.stopping {
            for connection in std::mem::take(&mut self.ready) {
                self.on_session(connection, |session, _| session.pause(turn));
            }
        }
    }

    /// What an answer uses of its client's quotas.
    fn charge_answer(&mut self, id: RequestId, response: &Response, turn: &mut Turn<'_>) {
        let Some(session) = self.sessions.get_mut(&id.connection) else { return };
        let rest_ms = self.front.charge_answer(session.context(), response, turn.now);
        session.throttle(id.slot, rest_ms, turn);
    }

    /// Whether the shell is to measure what a drain takes.
    #[must_use]
    pub fn counts_time(&self) -> bool {
        self.front.counts_time()
    }

    /// The last drain took so long.
    pub fn spent(&mut self, time: Duration, now: Instant) {
        self.front.spent(time, now);
    }

    /// Closes clients that read nothing, where they leave no memory for the replies of others.
    fn make_room(&mut self, turn: &mut Turn<'_>) {
        let waited_for = !self.held_replies.is_empty();
        for connection in self.crowding.given_up(&self.sessions, self.reply_bytes, waited_for, turn.now) {
            self.on_session(connection, |session, _| session.abandon(turn));
        }
    }

    fn wake(&mut self, turn: &mut Turn<'_>) {
        self.wake_at = Instant::NEVER;
        while let Some((until, connection)) = self.resting.first().copied().filter(|(until, _)| *until <= turn.now) {
            self.resting.remove(&(until, connection));
            self.ready.insert(connection);
        }
        self.front.wake(turn);
        if let Some(head) = &mut self.head {
            head.packer.step(PackerEvent::Wake, turn);
            head.coordinator.step(CoordinatorEvent::Wake, turn);
        }
        if self.sweep_at <= turn.now {
            let short = self.reply_bytes > REPLY_BYTES_SHORT;
            for session in self.sessions.values_mut() {
                let before = session.held_bytes();
                session.wake(short, turn);
                self.reply_bytes = self.reply_bytes - before + session.held_bytes();
            }
            let next = turn.now + self.sweep_interval();
            self.sweep_at = if self.sessions.is_empty() { Instant::NEVER } else { next };
        }
    }

    /// Often enough for the idle time that is configured, seldom enough to cost nothing.
    fn sweep_interval(&self) -> Duration {
        let idle = self.settings.config.connection_idle_ms_max.unwrap_or(u64::MAX);
        Duration::from_millis((idle / 4).clamp(100, 10_000))
    }

    fn set_wake(&mut self, turn: &mut Turn<'_>) {
        let rested = self.resting.first().map_or(Instant::NEVER, |(until, _)| *until);
        let mut at = self.front.deadline().min(self.sweep_at).min(self.crowding.deadline()).min(rested);
        if let Some(head) = &self.head {
            at = at.min(head.packer.deadline()).min(head.coordinator.deadline());
        }
        if at != self.wake_at {
            self.wake_at = at;
            turn.effect(Effect::Wake { at });
        }
    }

    /// No request begins any more; what is under way is answered.
    fn stop(&mut self, turn: &mut Turn<'_>) {
        self.stopping = true;
        self.front.hurry(turn);
        if self.head.is_some() {
            self.pack(PackerEvent::Stop, turn);
        }
    }

    fn end_if_stopped(&mut self, turn: &mut Turn<'_>) {
        let answered = self.front.idle() && self.sessions.values().all(Session::idle);
        if !self.stopping || self.stopped || !answered {
            return;
        }
        if let Some(head) = &mut self.head {
            if !head.packer.idle() {
                return;
            }
            let mark = turn.effects.len();
            head.coordinator.step(CoordinatorEvent::Stop, turn);
            let stopped = head.coordinator.stopped();
            self.route(mark, turn);
            if !stopped {
                return;
            }
        }
        self.stopped = true;
        turn.effect(Effect::Stopped);
    }

    /// The whole state of the core is sound.
    pub fn check(&self) {
        self.front.check();
        self.tails.check();
        self.sessions.values().for_each(Session::check);
        assert!(self.reply_bytes == self.sessions.values().map(Session::held_bytes).sum::<u64>());
        if let Some(head) = &self.head {
            head.packer.check();
            head.coordinator.check();
        }
    }

    /// Nobody waits for an outcome: no request's bytes are in flight, no flush is undecided, nothing is to be journaled.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let decided = self.head.as_ref().is_none_or(|head| head.packer.idle() && head.coordinator.idle());
        self.front.idle() && decided
    }

    /// How it stands, for whoever watches.
    #[must_use]
    pub fn gauges(&self) -> NodeGauges {
        NodeGauges {
            connections: self.sessions.len() as u64,
            unread_bytes: self.reply_bytes,
            front: self.front.gauges(),
            client_metrics: self.front.client_metrics(),
            quotas: if self.head.is_some() { self.front.quota_uses() } else { Vec::new() },
            packer: self.head.as_ref().map(|head| head.packer.gauges()),
            is_writable: self.is_writable(),
            coordinator: self.head.as_ref().and_then(|head| head.coordinator.gauges()),
        }
    }

    /// Whether a client's write would find room in the journal; true where that is another core's.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.head.as_ref().is_none_or(|head| head.coordinator.is_writable())
    }

    /// The ledger, where this core leads: for tests that compare it with the store.
    #[must_use]
    pub fn ledger(&self) -> Option<&Ledger> {
        self.head.as_ref()?.coordinator.ledger()
    }
}

#[cfg(test)]
mod tests;
