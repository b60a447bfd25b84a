//! Administration of groups: DescribeGroups, ListGroups and DeleteGroups, keys 15, 16 and 42.

use super::declare::prelude::*;

schema! {
    /// Asks for groups and their members.
    DescribeGroupsRequest<'a>: Request 15 "0-6" flexible "5+" {
        groups: Vec<&'a str> = "0+";
        include_authorized_operations: bool = "3+";
    }

    /// The groups.
    DescribeGroupsResponse<'a>: Response 15 "0-6" flexible "5+" {
        throttle_time_ms: i32 = "1+";
        groups: Vec<DescribedGroup<'a>> = "0+";
    }

    /// One group.
    DescribedGroup<'a> {
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "6+" null "6+" default None;
        group_id: &'a str = "0+";
        group_state: &'a str = "0+";
        protocol_type: &'a str = "0+";
        protocol_data: &'a str = "0+";
        members: Vec<DescribedGroupMember<'a>> = "0+";
        authorized_operations: i32 = "3+" default -2147483648;
    }

    /// One member.
    DescribedGroupMember<'a> {
        member_id: &'a str = "0+";
        group_instance_id: Option<&'a str> = "4+" null "4+" default None;
        client_id: &'a str = "0+";
        client_host: &'a str = "0+";
        member_metadata: &'a [u8] = "0+";
        member_assignment: &'a [u8] = "0+";
    }

    /// Asks which groups there are.
    ListGroupsRequest<'a>: Request 16 "0-5" flexible "3+" {
        states_filter: Vec<&'a str> = "4+";
        types_filter: Vec<&'a str> = "5+";
    }

    /// The groups.
    ListGroupsResponse<'a>: Response 16 "0-5" flexible "3+" {
        throttle_time_ms: i32 = "1+";
        error_code: i16 = "0+";
        groups: Vec<ListedGroup<'a>> = "0+";
    }

    /// One group.
    ListedGroup<'a> {
        group_id: &'a str = "0+";
        protocol_type: &'a str = "0+";
        group_state: &'a str = "4+";
        group_type: &'a str = "5+";
    }

    /// Deletes groups that have no members.
    DeleteGroupsRequest<'a>: Request 42 "0-3" flexible "2+" {
        groups_names: Vec<&'a str> = "0+";
    }

    /// What became of them.
    DeleteGroupsResponse<'a>: Response 42 "0-3" flexible "2+" {
        throttle_time_ms: i32 = "0+";
        results: Vec<DeletableGroupResult<'a>> = "0+";
    }

    /// One group's answer.
    DeletableGroupResult<'a> {
        group_id: &'a str = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "3+" null "3+" default None;
    }
}
