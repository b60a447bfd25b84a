//! FindCoordinator and the membership of classic groups: between bytes and the core's words.
//!
//! Metadata and assignments are copied out of the frame: a group keeps them for hours, and a slice would keep the
//! whole frame.

use std::sync::Arc;

use apus_core::api::{
    Assignment, CoordinatorKind, FindCoordinatorRequest, FindCoordinatorResponse, FoundCoordinator, GroupCaller,
    GroupProtocol, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, Joined, LeaveGroupRequest,
    LeaveGroupResponse, LeavingMember, LeftMember, SyncGroupRequest, SyncGroupResponse,
};
use bytes::Bytes;

use super::error::{NONE, code};
use super::schema::{coordinator, groups as schema};
use super::topic;
use super::versions::Versions;

const COORDINATORS: Versions = Versions::parse("4+");
const REBALANCE_TIMEOUT: Versions = Versions::parse("1+");
const MEMBER_ID_REQUIRED: Versions = Versions::parse("4+");
const SKIP_ASSIGNMENT: Versions = Versions::parse("9+");
const LEAVING_TOGETHER: Versions = Versions::parse("3+");
const SYNC_NAMES_PROTOCOL: Versions = Versions::parse("5+");

fn optional(text: Option<&str>) -> Option<Arc<str>> {
    text.map(Arc::from)
}

/// One key, or from version 4 on any number of them.
pub(super) fn find_request(request: &coordinator::FindCoordinatorRequest<'_>, version: i16) -> FindCoordinatorRequest {
    let kind = match request.key_type {
        0 => CoordinatorKind::Group,
        1 => CoordinatorKind::Transaction,
        2 => CoordinatorKind::Share,
        other => CoordinatorKind::Unknown(other),
    };
    let keys = if COORDINATORS.contains(version) {
        request.coordinator_keys.iter().map(|key| Arc::from(*key)).collect()
    } else {
        vec![Arc::from(request.key)]
    };
    FindCoordinatorRequest { kind, keys }
}

/// The answer in the schema's words: all keys, or before version 4 the only one.
pub(super) fn find_response(
    response: &FindCoordinatorResponse,
    version: i16,
) -> coordinator::FindCoordinatorResponse<'_> {
    let mut coordinators: Vec<_> = response.coordinators.iter().map(coordinator).collect();
    if COORDINATORS.contains(version) {
        return coordinator::FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let only = coordinators.pop().expect("one key was asked for");
    coordinator::FindCoordinatorResponse {
        error_code: only.error_code,
        error_message: only.error_message,
        node_id: only.node_id,
        host: only.host,
        port: only.port,
        ..Default::default()
    }
}

fn coordinator(found: &FoundCoordinator) -> coordinator::Coordinator<'_> {
    match &found.result {
        Ok(broker) => coordinator::Coordinator {
            key: &found.key,
            node_id: broker.id.0,
            host: &broker.host,
            port: i32::from(broker.port),
            error_code: NONE,
            error_message: None,
        },
        Err(refused) => coordinator::Coordinator {
            key: &found.key,
            node_id: -1,
            host: "",
            port: -1,
            error_code: code(refused.refusal),
            error_message: topic::sentence(&refused.message),
        },
    }
}

/// A version without a rebalance timeout means the session's.
pub(super) fn join_request(request: schema::JoinGroupRequest<'_>, version: i16) -> JoinGroupRequest {
    let rebalance = REBALANCE_TIMEOUT.contains(version).then_some(request.rebalance_timeout_ms);
    let protocol = |protocol: schema::JoinGroupRequestProtocol<'_>| GroupProtocol {
        name: Arc::from(protocol.name),
        metadata: Bytes::copy_from_slice(protocol.metadata),
    };
    JoinGroupRequest {
        group_id: Arc::from(request.group_id),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: rebalance.unwrap_or(request.session_timeout_ms),
        member_id: Arc::from(request.member_id),
        group_instance_id: optional(request.group_instance_id),
        protocol_type: Arc::from(request.protocol_type),
        protocols: request.protocols.into_iter().map(protocol).collect(),
        reason: optional(request.reason),
        member_id_required: MEMBER_ID_REQUIRED.contains(version),
        skip_assignment: SKIP_ASSIGNMENT.contains(version),
    }
}

/// The answer in the schema's words.
pub(super) fn join_response(response: &JoinGroupResponse) -> schema::JoinGroupResponse<'_> {
    let refused = schema::JoinGroupResponse { member_id: &response.member_id, ..Default::default() };
    match &response.result {
        Err(refusal) => schema::JoinGroupResponse { error_code: code(*refusal), ..refused },
        Ok(joined) => schema::JoinGroupResponse {
            generation_id: joined.generation,
            protocol_type: joined.protocol_type.as_deref(),
            protocol_name: joined.protocol_name.as_deref(),
            leader: &joined.leader,
            skip_assignment: joined.skip_assignment,
            members: members(joined),
            ..refused
        },
    }
}

fn members(joined: &Joined) -> Vec<schema::JoinGroupResponseMember<'_>> {
    let members = joined.members.iter().map(|member| schema::JoinGroupResponseMember {
        member_id: &member.member_id,
        group_instance_id: member.group_instance_id.as_deref(),
        metadata: &member.metadata,
    });
    members.collect()
}

/// As the schema says it.
pub(super) fn sync_request(request: schema::SyncGroupRequest<'_>, version: i16) -> SyncGroupRequest {
    let assignment = |assigned: schema::SyncGroupRequestAssignment<'_>| Assignment {
        member_id: Arc::from(assigned.member_id),
        assignment: Bytes::copy_from_slice(assigned.assignment),
    };
    SyncGroupRequest {
        caller: GroupCaller {
            group_id: Arc::from(request.group_id),
            generation: request.generation_id,
            member_id: Arc::from(request.member_id),
            group_instance_id: optional(request.group_instance_id),
        },
        protocol_required: SYNC_NAMES_PROTOCOL.contains(version),
        protocol_type: optional(request.protocol_type),
        protocol_name: optional(request.protocol_name),
        assignments: request.assignments.into_iter().map(assignment).collect(),
    }
}

/// The answer in the schema's words.
pub(super) fn sync_response(response: &SyncGroupResponse) -> schema::SyncGroupResponse<'_> {
    match &response.result {
        Err(refusal) => schema::SyncGroupResponse { error_code: code(*refusal), ..Default::default() },
        Ok(synced) => schema::SyncGroupResponse {
            protocol_type: synced.protocol_type.as_deref(),
            protocol_name: synced.protocol_name.as_deref(),
            assignment: &synced.assignment,
            ..Default::default()
        },
    }
}

/// As the schema says it.
pub(super) fn heartbeat_request(request: &schema::HeartbeatRequest<'_>) -> HeartbeatRequest {
    HeartbeatRequest {
        caller: GroupCaller {
            group_id: Arc::from(request.group_id),
            generation: request.generation_id,
            member_id: Arc::from(request.member_id),
            group_instance_id: optional(request.group_instance_id),
        },
    }
}

/// The answer in the schema's words.
pub(super) fn heartbeat_response(response: HeartbeatResponse) -> schema::HeartbeatResponse {
    schema::HeartbeatResponse { throttle_time_ms: 0, error_code: code(response.result.err()) }
}

/// The asker alone, or from version 3 on whomever it names.
pub(super) fn leave_request(request: schema::LeaveGroupRequest<'_>, version: i16) -> LeaveGroupRequest {
    let leaving = |member: schema::MemberIdentity<'_>| LeavingMember {
        member_id: Arc::from(member.member_id),
        group_instance_id: optional(member.group_instance_id),
        reason: optional(member.reason),
    };
    let members = if LEAVING_TOGETHER.contains(version) {
        request.members.into_iter().map(leaving).collect()
    } else {
        vec![LeavingMember { member_id: Arc::from(request.member_id), group_instance_id: None, reason: None }]
    };
    LeaveGroupRequest { group_id: Arc::from(request.group_id), members }
}

/// The answer in the schema's words. Before version 3 the only member's fate is the whole answer.
pub(super) fn leave_response(response: &LeaveGroupResponse, version: i16) -> schema::LeaveGroupResponse<'_> {
    let (error_code, members) = match &response.result {
        Err(refusal) => (code(*refusal), Vec::new()),
        Ok(members) if LEAVING_TOGETHER.contains(version) => (NONE, members.iter().map(left).collect()),
        Ok(members) => (code(members.iter().find_map(|member| member.result.err())), Vec::new()),
    };
    schema::LeaveGroupResponse { throttle_time_ms: 0, error_code, members }
}

fn left(member: &LeftMember) -> schema::MemberResponse<'_> {
    schema::MemberResponse {
        member_id: &member.member_id,
        group_instance_id: member.group_instance_id.as_deref(),
        error_code: code(member.result.err()),
    }
}
