//! What operators see of share groups: ShareGroupDescribe, key 77.

use super::declare::prelude::*;

schema! {
    /// Asks for groups and their members.
    ShareGroupDescribeRequest<'a>: Request 77 "1" flexible "0+" {
        group_ids: Vec<&'a str> = "0+";
        include_authorized_operations: bool = "0+";
    }

    /// The groups.
    ShareGroupDescribeResponse<'a>: Response 77 "1" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        groups: Vec<DescribedGroup<'a>> = "0+";
    }

    /// One group.
    DescribedGroup<'a> {
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        group_id: &'a str = "0+";
        group_state: &'a str = "0+";
        group_epoch: i32 = "0+";
        assignment_epoch: i32 = "0+";
        assignor_name: &'a str = "0+";
        members: Vec<Member<'a>> = "0+";
        authorized_operations: i32 = "0+" default -2147483648;
    }

    /// One member.
    Member<'a> {
        member_id: &'a str = "0+";
        rack_id: Option<&'a str> = "0+" null "0+" default None;
        member_epoch: i32 = "0+";
        client_id: &'a str = "0+";
        client_host: &'a str = "0+";
        subscribed_topic_names: Vec<&'a str> = "0+";
        assignment: Assignment<'a> = "0+";
    }

    /// Its partitions.
    Assignment<'a> {
        topic_partitions: Vec<TopicPartitions<'a>> = "0+";
    }

    /// Partitions of one topic.
    TopicPartitions<'a> {
        topic_id: Uuid = "0+";
        topic_name: &'a str = "0+";
        partitions: Vec<i32> = "0+";
    }
}
