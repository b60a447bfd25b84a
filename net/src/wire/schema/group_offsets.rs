//! OffsetCommit, OffsetFetch and OffsetDelete: keys 8, 9 and 47.

use super::declare::prelude::*;

schema! {
    /// A group came so far.
    OffsetCommitRequest<'a>: Request 8 "2-10" flexible "8+" {
        group_id: &'a str = "0+";
        generation_id_or_member_epoch: i32 = "1+" default -1;
        member_id: &'a str = "1+";
        group_instance_id: Option<&'a str> = "7+" null "7+" default None;
        retention_time_ms: i64 = "2-4" default -1;
        topics: Vec<OffsetCommitRequestTopic<'a>> = "0+";
    }

    /// In one topic.
    OffsetCommitRequestTopic<'a> {
        name: &'a str = "0-9";
        topic_id: Uuid = "10+";
        partitions: Vec<OffsetCommitRequestPartition<'a>> = "0+";
    }

    /// In one partition.
    OffsetCommitRequestPartition<'a> {
        partition_index: i32 = "0+";
        committed_offset: i64 = "0+";
        committed_leader_epoch: i32 = "6+" default -1;
        committed_metadata: Option<&'a str> = "0+" null "0+";
    }

    /// What was noted.
    OffsetCommitResponse<'a>: Response 8 "2-10" flexible "8+" {
        throttle_time_ms: i32 = "3+";
        topics: Vec<OffsetCommitResponseTopic<'a>> = "0+";
    }

    /// In one topic.
    OffsetCommitResponseTopic<'a> {
        name: &'a str = "0-9";
        topic_id: Uuid = "10+";
        partitions: Vec<OffsetCommitResponsePartition> = "0+";
    }

    /// In one partition.
    OffsetCommitResponsePartition {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
    }

    /// Asks how far a group came; several groups from version 8 on.
    OffsetFetchRequest<'a>: Request 9 "1-10" flexible "6+" {
        group_id: &'a str = "0-7";
        topics: Option<Vec<OffsetFetchRequestTopic<'a>>> = "0-7" null "2-7";
        groups: Vec<OffsetFetchRequestGroup<'a>> = "8+";
        require_stable: bool = "7+";
    }

    /// In one topic.
    OffsetFetchRequestTopic<'a> {
        name: &'a str = "0-7";
        partition_indexes: Vec<i32> = "0-7";
    }

    /// One group.
    OffsetFetchRequestGroup<'a> {
        group_id: &'a str = "8+";
        member_id: Option<&'a str> = "9+" null "9+" default None;
        member_epoch: i32 = "9+" default -1;
        topics: Option<Vec<OffsetFetchRequestTopics<'a>>> = "8+" null "8+";
    }

    /// In one topic.
    OffsetFetchRequestTopics<'a> {
        name: &'a str = "8-9";
        topic_id: Uuid = "10+";
        partition_indexes: Vec<i32> = "8+";
    }

    /// How far.
    OffsetFetchResponse<'a>: Response 9 "1-10" flexible "6+" {
        throttle_time_ms: i32 = "3+";
        topics: Vec<OffsetFetchResponseTopic<'a>> = "0-7";
        error_code: i16 = "2-7";
        groups: Vec<OffsetFetchResponseGroup<'a>> = "8+";
    }

    /// In one topic.
    OffsetFetchResponseTopic<'a> {
        name: &'a str = "0-7";
        partitions: Vec<OffsetFetchResponsePartition<'a>> = "0-7";
    }

    /// In one partition.
    OffsetFetchResponsePartition<'a> {
        partition_index: i32 = "0-7";
        committed_offset: i64 = "0-7";
        committed_leader_epoch: i32 = "5-7" default -1;
        metadata: Option<&'a str> = "0-7" null "0-7";
        error_code: i16 = "0-7";
    }

    /// One group.
    OffsetFetchResponseGroup<'a> {
        group_id: &'a str = "8+";
        topics: Vec<OffsetFetchResponseTopics<'a>> = "8+";
        error_code: i16 = "8+";
    }

    /// In one topic.
    OffsetFetchResponseTopics<'a> {
        name: &'a str = "8-9";
        topic_id: Uuid = "10+";
        partitions: Vec<OffsetFetchResponsePartitions<'a>> = "8+";
    }

    /// In one partition.
    OffsetFetchResponsePartitions<'a> {
        partition_index: i32 = "8+";
        committed_offset: i64 = "8+";
        committed_leader_epoch: i32 = "8+" default -1;
        metadata: Option<&'a str> = "8+" null "8+";
        error_code: i16 = "8+";
    }

    /// A group is to forget how far it came.
    OffsetDeleteRequest<'a>: Request 47 "0" flexible "none" {
        group_id: &'a str = "0+";
        topics: Vec<OffsetDeleteRequestTopic<'a>> = "0+";
    }

    /// In one topic.
    OffsetDeleteRequestTopic<'a> {
        name: &'a str = "0+";
        partitions: Vec<OffsetDeleteRequestPartition> = "0+";
    }

    /// In one partition.
    OffsetDeleteRequestPartition {
        partition_index: i32 = "0+";
    }

    /// What it forgot.
    OffsetDeleteResponse<'a>: Response 47 "0" flexible "none" {
        error_code: i16 = "0+";
        throttle_time_ms: i32 = "0+";
        topics: Vec<OffsetDeleteResponseTopic<'a>> = "0+";
    }

    /// In one topic.
    OffsetDeleteResponseTopic<'a> {
        name: &'a str = "0+";
        partitions: Vec<OffsetDeleteResponsePartition> = "0+";
    }

    /// In one partition.
    OffsetDeleteResponsePartition {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
    }
}
