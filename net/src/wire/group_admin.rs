//! DescribeGroups, ListGroups and DeleteGroups: between bytes and the core's words.

use std::sync::Arc;

use apus_core::api::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup,
    DescribedMember, GroupState, ListGroupsRequest, ListGroupsResponse,
};
use apus_core::error::Refusal;

use super::error::code;
use super::operations;
use super::schema::group_admin as schema;
use super::topic;
use super::versions::Versions;

/// Before it, a group that does not exist is described as dead.
const GROUP_NOT_FOUND: Versions = Versions::parse("6+");

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

/// As the schema says it.
pub(super) fn describe_request(request: &schema::DescribeGroupsRequest<'_>) -> DescribeGroupsRequest {
    DescribeGroupsRequest {
        groups: names(&request.groups),
        authorized_operations: request.include_authorized_operations,
    }
}

/// The answer in the schema's words.
pub(super) fn describe_response(response: &DescribeGroupsResponse, version: i16) -> schema::DescribeGroupsResponse<'_> {
    let describe = |group| described(group, response.authorized_operations, version);
    schema::DescribeGroupsResponse { throttle_time_ms: 0, groups: response.groups.iter().map(describe).collect() }
}

fn described(group: &DescribedGroup, asked: bool, version: i16) -> schema::DescribedGroup<'_> {
    let unknown = schema::DescribedGroup { group_id: &group.group_id, ..Default::default() };
    match &group.result {
        Ok(found) => schema::DescribedGroup {
            group_state: found.state.name(),
            protocol_type: &found.protocol_type,
            protocol_data: &found.protocol_name,
            members: found.members.iter().map(member).collect(),
            authorized_operations: operations::told(operations::GROUP, asked),
            ..unknown
        },
        Err(refused) if refused.refusal == Refusal::GroupIdNotFound => {
            let dead = schema::DescribedGroup { group_state: GroupState::Dead.name(), ..unknown };
            if !GROUP_NOT_FOUND.contains(version) {
                return dead;
            }
            let error_message = topic::sentence(&refused.message);
            schema::DescribedGroup { error_code: code(refused.refusal), error_message, ..dead }
        }
        Err(refused) => schema::DescribedGroup {
            error_code: code(refused.refusal),
            error_message: topic::sentence(&refused.message),
            ..unknown
        },
    }
}

fn member(member: &DescribedMember) -> schema::DescribedGroupMember<'_> {
    schema::DescribedGroupMember {
        member_id: &member.member_id,
        group_instance_id: member.group_instance_id.as_deref(),
        client_id: &member.client.id,
        client_host: &member.client.host,
        member_metadata: &member.metadata,
        member_assignment: &member.assignment,
    }
}

/// As the schema says it.
pub(super) fn list_request(request: &schema::ListGroupsRequest<'_>) -> ListGroupsRequest {
    ListGroupsRequest { states: names(&request.states_filter), types: names(&request.types_filter) }
}

/// The answer in the schema's words.
pub(super) fn list_response(response: &ListGroupsResponse) -> schema::ListGroupsResponse<'_> {
    let groups = response.result.iter().flatten().map(|group| schema::ListedGroup {
        group_id: &group.group_id,
        protocol_type: &group.protocol_type,
        group_state: group.state,
        group_type: group.group_type,
    });
    let error_code = code(response.result.as_ref().err().copied());
    schema::ListGroupsResponse { throttle_time_ms: 0, error_code, groups: groups.collect() }
}

/// As the schema says it.
pub(super) fn delete_request(request: &schema::DeleteGroupsRequest<'_>) -> DeleteGroupsRequest {
    DeleteGroupsRequest { groups: names(&request.groups_names) }
}

/// The answer in the schema's words.
pub(super) fn delete_response(response: &DeleteGroupsResponse) -> schema::DeleteGroupsResponse<'_> {
    let results = response.groups.iter().map(|group| {
        let refused = group.result.as_ref().err();
        schema::DeletableGroupResult {
            group_id: &group.group_id,
            error_code: code(refused.map(|refused| refused.refusal)),
            error_message: refused.and_then(|refused| topic::sentence(&refused.message)),
        }
    });
    schema::DeleteGroupsResponse { throttle_time_ms: 0, results: results.collect() }
}
