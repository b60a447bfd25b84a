//! Classic consumer groups: finding their coordinator, membership, and administration.
//!
//! A group's coordinator is opaque to what its members say of themselves: metadata and assignments are bytes that pass
//! through.

use std::sync::Arc;

use bytes::Bytes;

use super::Broker;
use crate::error::{Refusal, Refused};

/// Who coordinates these?
#[derive(Clone, Debug)]
pub struct FindCoordinatorRequest {
    /// What the keys name.
    pub kind: CoordinatorKind,
    /// Group ids, or whatever the kind says.
    pub keys: Vec<Arc<str>>,
}

/// What a coordinator coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatorKind {
    /// Consumer groups (0).
    Group,
    /// Transactions (1).
    Transaction,
    /// The state of share groups (2).
    Share,
    /// A number without a meaning.
    Unknown(i8),
}

/// Who does.
#[derive(Clone, Debug)]
pub struct FindCoordinatorResponse {
    /// In the request's order.
    pub coordinators: Vec<FoundCoordinator>,
}

/// The coordinator of one key.
#[derive(Clone, Debug)]
pub struct FoundCoordinator {
    /// The key.
    pub key: Arc<str>,
    /// As the listener of the request advertises it.
    pub result: Result<Broker, Refused>,
}

/// A member wants to be in the next generation of its group.
#[derive(Clone, Debug)]
pub struct JoinGroupRequest {
    /// The group.
    pub group_id: Arc<str>,
    /// A member that is not heard of for so long is out, milliseconds.
    pub session_timeout_ms: i32,
    /// How long the coordinator waits for the member to join again, milliseconds; the session timeout, where the
    /// client does not say.
    pub rebalance_timeout_ms: i32,
    /// The member's id, empty before it has one.
    pub member_id: Arc<str>,
    /// The name that a static member keeps over its restarts.
    pub group_instance_id: Option<Arc<str>>,
    /// `consumer`, `connect`, …: all members of a group say the same.
    pub protocol_type: Arc<str>,
    /// The assignment strategies that it supports, best first.
    pub protocols: Vec<GroupProtocol>,
    /// Why it joins, for log lines.
    pub reason: Option<Arc<str>>,
    /// A dynamic member without an id is given one with MEMBER_ID_REQUIRED and joins with its second request (from
    /// version 4); otherwise it joins at once.
    pub member_id_required: bool,
    /// A leader that finds the group as it left it can be told not to compute assignments (from version 9); otherwise
    /// it is told that another one leads.
    pub skip_assignment: bool,
}

/// An assignment strategy, and what its leader is to know of the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupProtocol {
    /// Its name.
    pub name: Arc<str>,
    /// Subscription and such.
    pub metadata: Bytes,
}

/// What became of the member's wish.
#[derive(Clone, Debug)]
pub struct JoinGroupResponse {
    /// The member's id: as asked, or a new one, also beside MEMBER_ID_REQUIRED.
    pub member_id: Arc<str>,
    /// The generation, or why not.
    pub result: Result<Joined, Refusal>,
}

/// A generation, as one member is told of it.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Its number.
    pub generation: i32,
    /// Its protocol type; nothing in a group that has none.
    pub protocol_type: Option<Arc<str>>,
    /// The strategy that all members support.
    pub protocol_name: Option<Arc<str>>,
    /// The member that computes assignments.
    pub leader: Arc<str>,
    /// It need not compute them this time.
    pub skip_assignment: bool,
    /// For the leader only: everyone.
    pub members: Vec<JoinedMember>,
}

/// A member, as the leader is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: Arc<str>,
    /// Its static name.
    pub group_instance_id: Option<Arc<str>>,
    /// What it said under the protocol's name.
    pub metadata: Bytes,
}

/// Which member of which generation speaks.
#[derive(Clone, Debug)]
pub struct GroupCaller {
    /// The group.
    pub group_id: Arc<str>,
    /// The generation that the member knows.
    pub generation: i32,
    /// Its id.
    pub member_id: Arc<str>,
    /// Its static name.
    pub group_instance_id: Option<Arc<str>>,
}

/// A member wants its assignment; the leader brings everyone's.
#[derive(Clone, Debug)]
pub struct SyncGroupRequest {
    /// Who.
    pub caller: GroupCaller,
    /// It must say what it believes in (from version 5), or is refused with INCONSISTENT_GROUP_PROTOCOL.
    pub protocol_required: bool,
    /// The protocol type that the member believes in, where it says so.
    pub protocol_type: Option<Arc<str>>,
    /// The strategy that it believes in, where it says so.
    pub protocol_name: Option<Arc<str>>,
    /// By member; empty from any but the leader.
    pub assignments: Vec<Assignment>,
}

/// What a member is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The member.
    pub member_id: Arc<str>,
    /// Its partitions and such.
    pub assignment: Bytes,
}

/// What the member is to do.
#[derive(Clone, Debug)]
pub struct SyncGroupResponse {
    /// The assignment, or why not.
    pub result: Result<Synced, Refusal>,
}

/// An assignment and what it belongs to.
#[derive(Clone, Debug)]
pub struct Synced {
    /// The group's protocol type.
    pub protocol_type: Option<Arc<str>>,
    /// The generation's strategy.
    pub protocol_name: Option<Arc<str>>,
    /// Empty where the leader had nothing for the member.
    pub assignment: Bytes,
}

/// A member lives.
#[derive(Clone, Debug)]
pub struct HeartbeatRequest {
    /// Who.
    pub caller: GroupCaller,
}

/// It is a member still, or not.
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatResponse {
    /// REBALANCE_IN_PROGRESS asks it to join again.
    pub result: Result<(), Refusal>,
}

/// Members leave, or are put out.
#[derive(Clone, Debug)]
pub struct LeaveGroupRequest {
    /// The group.
    pub group_id: Arc<str>,
    /// Who; exactly one where a member speaks for itself in the old way.
    pub members: Vec<LeavingMember>,
}

/// A member that leaves.
#[derive(Clone, Debug)]
pub struct LeavingMember {
    /// Its id; empty where an operator names a static member.
    pub member_id: Arc<str>,
    /// Its static name.
    pub group_instance_id: Option<Arc<str>>,
    /// Why, for log lines.
    pub reason: Option<Arc<str>>,
}

/// Who left.
#[derive(Clone, Debug)]
pub struct LeaveGroupResponse {
    /// In the request's order, or why none.
    pub result: Result<Vec<LeftMember>, Refusal>,
}

/// What became of one member.
#[derive(Clone, Debug)]
pub struct LeftMember {
    /// As named.
    pub member_id: Arc<str>,
    /// As named.
    pub group_instance_id: Option<Arc<str>>,
    /// Gone, or why not.
    pub result: Result<(), Refusal>,
}

/// Where a classic group stands, under Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupState {
    /// Nobody is in it; offsets may be.
    Empty,
    /// The next generation gathers.
    PreparingRebalance,
    /// The leader computes assignments.
    CompletingRebalance,
    /// Members work.
    Stable,
    /// There is no such group.
    Dead,
}

impl GroupState {
    /// Kafka's own text of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Stable => "Stable",
            GroupState::Dead => "Dead",
        }
    }
}

/// The type of a classic group, as ListGroups tells it.
pub const GROUP_TYPE: &str = "classic";

/// Which groups are there?
#[derive(Clone, Debug)]
pub struct ListGroupsRequest {
    /// Only these states, in any case of letters; all where empty.
    pub states: Vec<Arc<str>>,
    /// Only these types ([`GROUP_TYPE`], [`CONSUMER_TYPE`](super::CONSUMER_TYPE), [`STREAMS_TYPE`](super::STREAMS_TYPE)), in any case of
    /// letters; all where empty.
    pub types: Vec<Arc<str>>,
}

/// They are.
#[derive(Clone, Debug)]
pub struct ListGroupsResponse {
    /// By group id, or why not.
    pub result: Result<Vec<ListedGroup>, Refusal>,
}

/// A group in a list.
#[derive(Clone, Debug)]
pub struct ListedGroup {
    /// Its id.
    pub group_id: Arc<str>,
    /// Its protocol type, or empty.
    pub protocol_type: Arc<str>,
    /// Where it stands, in Kafka's own text.
    pub state: &'static str,
    /// [`GROUP_TYPE`], [`CONSUMER_TYPE`](super::CONSUMER_TYPE) or [`STREAMS_TYPE`](super::STREAMS_TYPE).
    pub group_type: &'static str,
}

/// What are these groups?
#[derive(Clone, Debug)]
pub struct DescribeGroupsRequest {
    /// Their ids.
    pub groups: Vec<Arc<str>>,
    /// Say also what the asker may do.
    pub authorized_operations: bool,
}

/// They are.
#[derive(Clone, Debug)]
pub struct DescribeGroupsResponse {
    /// In the request's order.
    pub groups: Vec<DescribedGroup>,
    /// The operations are told, where they were asked for.
    pub authorized_operations: bool,
}

/// One group.
#[derive(Clone, Debug)]
pub struct DescribedGroup {
    /// Its id.
    pub group_id: Arc<str>,
    /// The group. One that does not exist is GROUP_ID_NOT_FOUND with a sentence; versions before 6 say `Dead` instead.
    pub result: Result<GroupDescription, Refused>,
}

/// A group, described.
#[derive(Clone, Debug)]
pub struct GroupDescription {
    /// Where it stands.
    pub state: GroupState,
    /// Its protocol type, or empty.
    pub protocol_type: Arc<str>,
    /// The strategy of a stable group, else empty.
    pub protocol_name: Arc<str>,
    /// Everyone.
    pub members: Vec<DescribedMember>,
}

/// A member, described.
#[derive(Clone, Debug)]
pub struct DescribedMember {
    /// Its id.
    pub member_id: Arc<str>,
    /// Its static name.
    pub group_instance_id: Option<Arc<str>>,
    /// As it last joined.
    pub client: GroupClient,
    /// What it said under the strategy of a stable group, else empty.
    pub metadata: Bytes,
    /// What it was told in a stable group, else empty.
    pub assignment: Bytes,
}

/// The client behind a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupClient {
    /// Its client id, or empty; new member ids begin with it.
    pub id: Arc<str>,
    /// Its address, written as Kafka does: `/127.0.0.1`.
    pub host: Arc<str>,
}

/// These groups are to be forgotten.
#[derive(Clone, Debug)]
pub struct DeleteGroupsRequest {
    /// Their ids.
    pub groups: Vec<Arc<str>>,
}

/// What became of them.
#[derive(Clone, Debug)]
pub struct DeleteGroupsResponse {
    /// In the request's order.
    pub groups: Vec<DeletedGroup>,
}

/// What became of one group.
#[derive(Clone, Debug)]
pub struct DeletedGroup {
    /// Its id.
    pub group_id: Arc<str>,
    /// Gone with its offsets, or why not.
    pub result: Result<(), Refused>,
}
