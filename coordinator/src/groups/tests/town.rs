//! A ledger, the groups in memory, a clock, and clients that remember what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;

use apus_core::api::{
    Assignment, GroupCaller, GroupClient, GroupProtocol, GroupState, JoinGroupRequest, JoinGroupResponse, Joined,
    LeaveGroupRequest, LeavingMember, LeftMember, SyncGroupRequest,
};
use apus_core::error::Refusal;
use apus_core::group_message::GroupAnswer;
use apus_core::ids::{CoreId, Ticket};
use apus_core::time::{Instant, Rng};
use bytes::Bytes;

use crate::command::{self, Command, Envelope};
use crate::groups::{Asker, Groups, Moment, Rules};
use crate::ledger::Ledger;

/// How a client joins; the default is a consumer of today.
#[derive(Clone, Debug)]
pub struct Client {
    pub member_id: Arc<str>,
    pub instance_id: Option<Arc<str>>,
    pub protocols: Vec<(&'static str, &'static [u8])>,
    pub protocol_type: &'static str,
    pub session_ms: i32,
    pub rebalance_ms: i32,
    /// Kafka's version of JoinGroup.
    pub version: i16,
}

impl Default for Client {
    fn default() -> Client {
        Client {
            member_id: Arc::from(""),
            instance_id: None,
            protocols: vec![("range", b"topics")],
            protocol_type: "consumer",
            session_ms: 10_000,
            rebalance_ms: 60_000,
            version: 9,
        }
    }
}

impl Client {
    pub fn named(member_id: &Arc<str>) -> Client {
        Client { member_id: Arc::clone(member_id), ..Client::default() }
    }

    pub fn fixed(instance: &str) -> Client {
        Client { instance_id: Some(Arc::from(instance)), ..Client::default() }
    }
}

pub struct Town {
    pub ledger: Ledger,
    pub groups: Groups,
    pub now: Instant,
    pub rules: Rules,
    pub answers: BTreeMap<u64, GroupAnswer>,
    /// Commands of this life.
    pub stored: u64,
    tickets: u64,
    rng: Rng,
}

pub const GROUP: &str = "group";

impl Town {
    pub fn new() -> Town {
        let rules = Rules {
            initial_delay_ms: 3_000,
            session_ms_min: 6_000,
            session_ms_max: 1_800_000,
            members_max: usize::MAX,
            metadata_bytes_max: 4_096,
            retention_ms: 604_800_000,
        };
        Town {
            ledger: Ledger::new(),
            groups: Groups::default(),
            now: Instant(0),
            rules,
            answers: BTreeMap::new(),
            stored: 0,
            tickets: 0,
            rng: Rng::new(11),
        }
    }

    pub fn wall_ms(&self) -> i64 {
        1_700_000_000_000 + (self.now.0 / 1_000_000) as i64
    }

    pub fn apply(&mut self, command: Command) -> crate::ledger::Outcome {
        let envelope = Envelope::internal(self.wall_ms(), command);
        let mut bytes = Vec::new();
        let length = command::encode(&envelope, &mut bytes);
        assert_eq!(command::decode(&bytes), Ok((envelope.clone(), length)));
        let lsn = self.ledger.lsn().next();
        self.ledger.apply(lsn, &envelope)
    }

    /// One step of the machine, and what the coordinator does behind it.
    fn step<R>(&mut self, step: impl FnOnce(&mut Groups, &Ledger, &mut Moment<'_>) -> (Option<Arc<str>>, R)) -> R {
        let wall_ms = self.wall_ms();
        let mut moment = Moment { now: self.now, wall_ms, rng: &mut self.rng, rules: self.rules, said: Vec::new() };
        let (id, result) = step(&mut self.groups, &self.ledger, &mut moment);
        let said = moment.said;
        if let Some(stored) = id.and_then(|id| self.groups.settle(&id, &self.ledger)) {
            let bytes_max = self.groups.stored_bytes_max(&stored.id, 1 << 20, &self.ledger);
            assert!(stored.bytes() <= bytes_max, "room was promised for less");
            self.stored += 1;
            self.apply(Command::StoreGroup(stored));
        }
        for (asker, answer) in said {
            assert!(self.answers.insert(asker.ticket.0, answer).is_none(), "answered twice");
        }
        self.groups.check(&self.ledger);
        result
    }

    fn asker(&mut self) -> Asker {
        self.tickets += 1;
        Asker { core: CoreId(0), ticket: Ticket(self.tickets) }
    }

    /// Asks to join; the ticket of the answer.
    pub fn ask_join(&mut self, client: &Client) -> u64 {
        let protocol = |(name, metadata): &(&str, &'static [u8])| GroupProtocol {
            name: Arc::from(*name),
            metadata: Bytes::from_static(metadata),
        };
        let request = JoinGroupRequest {
            group_id: Arc::from(GROUP),
            session_timeout_ms: client.session_ms,
            rebalance_timeout_ms: client.rebalance_ms,
            member_id: Arc::clone(&client.member_id),
            group_instance_id: client.instance_id.clone(),
            protocol_type: Arc::from(client.protocol_type),
            protocols: client.protocols.iter().map(protocol).collect(),
            reason: None,
            member_id_required: client.version >= 4,
            skip_assignment: client.version >= 9,
        };
        let host = GroupClient { id: Arc::from("app"), host: Arc::from("/127.0.0.1") };
        let asker = self.asker();
        let member_id = Arc::clone(&request.member_id);
        let begun = self
            .step(|groups, ledger, moment| (Some(Arc::from(GROUP)), groups.join(request, host, asker, ledger, moment)));
        if let Err(refusal) = begun {
            let response = JoinGroupResponse { member_id, result: Err(refusal) };
            self.answers.insert(asker.ticket.0, GroupAnswer::Join(response));
        }
        asker.ticket.0
    }

    /// What was answered to a join, if it was.
    pub fn told(&mut self, ticket: u64) -> Option<(Arc<str>, Result<Joined, Refusal>)> {
        match self.answers.remove(&ticket)? {
            GroupAnswer::Join(response) => Some((response.member_id, response.result)),
            other => panic!("not a join: {other:?}"),
        }
    }

    /// Joins and is refused at once.
    pub fn refused(&mut self, client: &Client) -> (Arc<str>, Refusal) {
        let ticket = self.ask_join(client);
        let (id, result) = self.told(ticket).expect("answered at once");
        (id, result.expect_err("it is refused"))
    }

    /// A dynamic member's two requests; its id, and the ticket of its second one.
    pub fn enter(&mut self, client: &Client) -> (Arc<str>, u64) {
        let (id, refusal) = self.refused(client);
        assert_eq!(refusal, Refusal::MemberIdRequired);
        let ticket = self.ask_join(&Client { member_id: Arc::clone(&id), ..client.clone() });
        (id, ticket)
    }

    /// The generation that a join was answered with.
    pub fn joined(&mut self, ticket: u64) -> (Arc<str>, Joined) {
        let (id, result) = self.told(ticket).expect("it was answered");
        (id, result.expect("it is in"))
    }

    pub fn caller(id: &Arc<str>, generation: i32) -> GroupCaller {
        GroupCaller { group_id: Arc::from(GROUP), generation, member_id: Arc::clone(id), group_instance_id: None }
    }

    pub fn ask_sync(&mut self, id: &Arc<str>, generation: i32, assignments: &[(&Arc<str>, &'static [u8])]) -> u64 {
        let assign = |(id, bytes): &(&Arc<str>, &'static [u8])| Assignment {
            member_id: Arc::clone(id),
            assignment: Bytes::from_static(bytes),
        };
        self.ask_sync_of(SyncGroupRequest {
            caller: Town::caller(id, generation),
            protocol_type: Some(Arc::from("consumer")),
            protocol_name: None,
            assignments: assignments.iter().map(assign).collect(),
            protocol_required: false,
        })
    }

    pub fn ask_sync_of(&mut self, request: SyncGroupRequest) -> u64 {
        let asker = self.asker();
        let begun = self.step(|groups, _, moment| (Some(Arc::from(GROUP)), groups.sync(&request, asker, moment)));
        if let Err(refusal) = begun {
            let response = apus_core::api::SyncGroupResponse { result: Err(refusal) };
            self.answers.insert(asker.ticket.0, GroupAnswer::Sync(response));
        }
        asker.ticket.0
    }

    /// What was answered to a sync, if it was.
    pub fn assigned(&mut self, ticket: u64) -> Option<Result<Bytes, Refusal>> {
        match self.answers.remove(&ticket)? {
            GroupAnswer::Sync(response) => Some(response.result.map(|synced| synced.assignment)),
            other => panic!("not a sync: {other:?}"),
        }
    }

    pub fn heartbeat(&mut self, id: &Arc<str>, generation: i32) -> Result<(), Refusal> {
        self.heartbeat_of(&Town::caller(id, generation))
    }

    pub fn heartbeat_of(&mut self, caller: &GroupCaller) -> Result<(), Refusal> {
        self.step(|groups, _, moment| (None, groups.heartbeat(caller, moment)))
    }

    pub fn commits(&mut self, caller: &GroupCaller) -> Result<(), Refusal> {
        self.step(|groups, ledger, moment| (None, groups.commits(caller, ledger, moment)))
    }

    pub fn leave(&mut self, members: &[(&str, Option<&str>)]) -> Vec<Result<(), Refusal>> {
        let member = |(id, instance): &(&str, Option<&str>)| LeavingMember {
            member_id: Arc::from(*id),
            group_instance_id: instance.map(Arc::from),
            reason: None,
        };
        let members = members.iter().map(member).collect();
        let request = LeaveGroupRequest { group_id: Arc::from(GROUP), members };
        let left = self.step(|groups, _, moment| (Some(Arc::from(GROUP)), groups.leave(&request, moment)));
        left.expect("the group has a name").into_iter().map(|left: LeftMember| left.result).collect()
    }

    /// Lets time pass, a second at a time; timers fire when they are due.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.now.after_ms(milliseconds);
        while self.now < end {
            self.now = end.min(self.now.after_ms(1_000));
            while self.groups.deadline() <= self.now {
                self.step(|groups, _, moment| (groups.wake(moment), ()));
            }
        }
    }

    /// The same while these members are heard.
    pub fn pass_with(&mut self, milliseconds: u64, members: &[&Arc<str>], generation: i32) {
        for _ in 0..milliseconds / 1_000 {
            self.pass(1_000);
            for id in members {
                let _ = self.heartbeat(id, generation);
            }
        }
    }

    /// A crash and a start: what was not stored is gone.
    pub fn restart(&mut self) {
        self.ledger.check();
        let wall_ms = self.wall_ms();
        let mut moment = Moment { now: self.now, wall_ms, rng: &mut self.rng, rules: self.rules, said: Vec::new() };
        self.groups = Groups::load(&self.ledger, &mut moment);
        self.answers.clear();
        self.groups.check(&self.ledger);
    }

    pub fn state(&self) -> GroupState {
        let described = self.groups.describe(&Arc::from(GROUP), &self.ledger);
        described.result.map_or(GroupState::Dead, |group| group.state)
    }

    /// A stable group of so many dynamic members; their ids, the leader first, and the generation.
    pub fn stable(&mut self, members: usize) -> (Vec<Arc<str>>, i32) {
        let entered: Vec<(Arc<str>, u64)> = (0..members).map(|_| self.enter(&Client::default())).collect();
        self.pass(self.rules.initial_delay_ms * members as u64 + 3_000);
        let (_, first) = self.joined(entered[0].1);
        for (_, ticket) in &entered[1..] {
            self.joined(*ticket);
        }
        let leader = Arc::clone(&first.leader);
        let ids: Vec<Arc<str>> = entered.into_iter().map(|(id, _)| id).filter(|id| *id != leader).collect();
        let ids: Vec<Arc<str>> = std::iter::once(leader).chain(ids).collect();
        self.sync_all(&ids, first.generation);
        (ids, first.generation)
    }

    /// Everyone gets the assignment `a`.
    pub fn sync_all(&mut self, ids: &[Arc<str>], generation: i32) {
        let assignments: Vec<(&Arc<str>, &'static [u8])> = ids.iter().map(|id| (id, &b"a"[..])).collect();
        let leads = self.ask_sync(&ids[0], generation, &assignments);
        assert_eq!(self.assigned(leads), Some(Ok(Bytes::from_static(b"a"))));
        for id in &ids[1..] {
            let ticket = self.ask_sync(id, generation, &[]);
            assert_eq!(self.assigned(ticket), Some(Ok(Bytes::from_static(b"a"))));
        }
        assert_eq!(self.state(), GroupState::Stable);
    }
}
