//! Membership of classic groups: JoinGroup, Heartbeat, LeaveGroup and SyncGroup, keys 11 to 14.

use super::declare::prelude::*;

schema! {
    /// A member wants to be in the next generation.
    JoinGroupRequest<'a>: Request 11 "0-9" flexible "6+" {
        group_id: &'a str = "0+";
        session_timeout_ms: i32 = "0+";
        rebalance_timeout_ms: i32 = "1+" default -1;
        member_id: &'a str = "0+";
        group_instance_id: Option<&'a str> = "5+" null "5+" default None;
        protocol_type: &'a str = "0+";
        protocols: Vec<JoinGroupRequestProtocol<'a>> = "0+";
        reason: Option<&'a str> = "8+" null "8+" default None;
    }

    /// An assignment strategy of the member's.
    JoinGroupRequestProtocol<'a> {
        name: &'a str = "0+";
        metadata: &'a [u8] = "0+";
    }

    /// The generation.
    JoinGroupResponse<'a>: Response 11 "0-9" flexible "6+" {
        throttle_time_ms: i32 = "2+";
        error_code: i16 = "0+";
        generation_id: i32 = "0+" default -1;
        protocol_type: Option<&'a str> = "7+" null "7+" default None;
        protocol_name: Option<&'a str> = "0+" null "7+";
        leader: &'a str = "0+";
        skip_assignment: bool = "9+";
        member_id: &'a str = "0+";
        members: Vec<JoinGroupResponseMember<'a>> = "0+";
    }

    /// A member, for the leader.
    JoinGroupResponseMember<'a> {
        member_id: &'a str = "0+";
        group_instance_id: Option<&'a str> = "5+" null "5+" default None;
        metadata: &'a [u8] = "0+";
    }

    /// A member lives.
    HeartbeatRequest<'a>: Request 12 "0-4" flexible "4+" {
        group_id: &'a str = "0+";
        generation_id: i32 = "0+";
        member_id: &'a str = "0+";
        group_instance_id: Option<&'a str> = "3+" null "3+" default None;
    }

    /// Whether it is one still.
    HeartbeatResponse: Response 12 "0-4" flexible "4+" {
        throttle_time_ms: i32 = "1+";
        error_code: i16 = "0+";
    }

    /// A member leaves; from version 3 on, any number of them.
    LeaveGroupRequest<'a>: Request 13 "0-5" flexible "4+" {
        group_id: &'a str = "0+";
        member_id: &'a str = "0-2";
        members: Vec<MemberIdentity<'a>> = "3+";
    }

    /// A member that leaves.
    MemberIdentity<'a> {
        member_id: &'a str = "3+";
        group_instance_id: Option<&'a str> = "3+" null "3+" default None;
        reason: Option<&'a str> = "5+" null "5+" default None;
    }

    /// Who left.
    LeaveGroupResponse<'a>: Response 13 "0-5" flexible "4+" {
        throttle_time_ms: i32 = "1+";
        error_code: i16 = "0+";
        members: Vec<MemberResponse<'a>> = "3+";
    }

    /// One member's answer.
    MemberResponse<'a> {
        member_id: &'a str = "3+";
        group_instance_id: Option<&'a str> = "3+" null "3+";
        error_code: i16 = "3+";
    }

    /// A member wants its assignment; the leader brings all.
    SyncGroupRequest<'a>: Request 14 "0-5" flexible "4+" {
        group_id: &'a str = "0+";
        generation_id: i32 = "0+";
        member_id: &'a str = "0+";
        group_instance_id: Option<&'a str> = "3+" null "3+" default None;
        protocol_type: Option<&'a str> = "5+" null "5+" default None;
        protocol_name: Option<&'a str> = "5+" null "5+" default None;
        assignments: Vec<SyncGroupRequestAssignment<'a>> = "0+";
    }

    /// What a member is to do.
    SyncGroupRequestAssignment<'a> {
        member_id: &'a str = "0+";
        assignment: &'a [u8] = "0+";
    }

    /// What the member is to do.
    SyncGroupResponse<'a>: Response 14 "0-5" flexible "4+" {
        throttle_time_ms: i32 = "1+";
        error_code: i16 = "0+";
        protocol_type: Option<&'a str> = "5+" null "5+" default None;
        protocol_name: Option<&'a str> = "5+" null "5+" default None;
        assignment: &'a [u8] = "0+";
    }
}
