//! How far share groups are: DescribeShareGroupOffsets, key 90, and AlterShareGroupOffsets, key 91.

use super::declare::prelude::*;

schema! {
    /// Asks how far groups are.
    DescribeShareGroupOffsetsRequest<'a>: Request 90 "0-1" flexible "0+" {
        groups: Vec<DescribeShareGroupOffsetsRequestGroup<'a>> = "0+";
    }

    /// One group.
    DescribeShareGroupOffsetsRequestGroup<'a> {
        group_id: &'a str = "0+";
        topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic<'a>>> = "0+" null "0+";
    }

    /// In one topic.
    DescribeShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str = "0+";
        partitions: Vec<i32> = "0+";
    }

    /// So far.
    DescribeShareGroupOffsetsResponse<'a>: Response 90 "0-1" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        groups: Vec<DescribeShareGroupOffsetsResponseGroup<'a>> = "0+";
    }

    /// One group.
    DescribeShareGroupOffsetsResponseGroup<'a> {
        group_id: &'a str = "0+";
        topics: Vec<DescribeShareGroupOffsetsResponseTopic<'a>> = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
    }

    /// In one topic.
    DescribeShareGroupOffsetsResponseTopic<'a> {
        topic_name: &'a str = "0+";
        topic_id: Uuid = "0+";
        partitions: Vec<DescribeShareGroupOffsetsResponsePartition<'a>> = "0+";
    }

    /// In one partition.
    DescribeShareGroupOffsetsResponsePartition<'a> {
        partition_index: i32 = "0+";
        start_offset: i64 = "0+";
        leader_epoch: i32 = "0+";
        lag: i64 = "1+" default -1;
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
    }

    /// Sets where a group goes on.
    AlterShareGroupOffsetsRequest<'a>: Request 91 "0" flexible "0+" {
        group_id: &'a str = "0+";
        topics: Vec<AlterShareGroupOffsetsRequestTopic<'a>> = "0+";
    }

    /// In one topic.
    AlterShareGroupOffsetsRequestTopic<'a> {
        topic_name: &'a str = "0+";
        partitions: Vec<AlterShareGroupOffsetsRequestPartition> = "0+";
    }

    /// In one partition.
    AlterShareGroupOffsetsRequestPartition {
        partition_index: i32 = "0+";
        start_offset: i64 = "0+";
    }

    /// Whether it will.
    AlterShareGroupOffsetsResponse<'a>: Response 91 "0" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        responses: Vec<AlterShareGroupOffsetsResponseTopic<'a>> = "0+";
    }

    /// In one topic.
    AlterShareGroupOffsetsResponseTopic<'a> {
        topic_name: &'a str = "0+";
        topic_id: Uuid = "0+";
        partitions: Vec<AlterShareGroupOffsetsResponsePartition<'a>> = "0+";
    }

    /// In one partition.
    AlterShareGroupOffsetsResponsePartition<'a> {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
    }
}
