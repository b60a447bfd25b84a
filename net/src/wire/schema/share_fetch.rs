//! Records for members of share groups: ShareFetch, key 78.

use super::declare::prelude::*;

schema! {
    /// Asks for records, and says what became of those before.
    ShareFetchRequest<'a>: Request 78 "1-2" flexible "0+" {
        group_id: Option<&'a str> = "0+" null "0+" default None;
        member_id: Option<&'a str> = "0+" null "0+";
        share_session_epoch: i32 = "0+";
        max_wait_ms: i32 = "0+";
        min_bytes: i32 = "0+";
        max_bytes: i32 = "0+" default 2147483647;
        max_records: i32 = "1+";
        batch_size: i32 = "1+";
        share_acquire_mode: i8 = "2+";
        is_renew_ack: bool = "2+";
        topics: Vec<FetchTopic> = "0+";
        forgotten_topics_data: Vec<ForgottenTopic> = "0+";
    }

    /// One topic to fetch from.
    FetchTopic {
        topic_id: Uuid = "0+";
        partitions: Vec<FetchPartition> = "0+";
    }

    /// One partition to fetch from.
    FetchPartition {
        partition_index: i32 = "0+";
        partition_max_bytes: i32 = "0";
        acknowledgement_batches: Vec<AcknowledgementBatch> = "0+";
    }

    /// What became of records.
    AcknowledgementBatch {
        first_offset: i64 = "0+";
        last_offset: i64 = "0+";
        acknowledge_types: Vec<i8> = "0+";
    }

    /// Partitions that leave the session.
    ForgottenTopic {
        topic_id: Uuid = "0+";
        partitions: Vec<i32> = "0+";
    }

    /// The records.
    ShareFetchResponse<'a>: Response 78 "1-2" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        acquisition_lock_timeout_ms: i32 = "1+";
        responses: Vec<ShareFetchableTopicResponse<'a>> = "0+";
        node_endpoints: Vec<NodeEndpoint<'a>> = "0+";
    }

    /// Those of one topic.
    ShareFetchableTopicResponse<'a> {
        topic_id: Uuid = "0+";
        partitions: Vec<PartitionData<'a>> = "0+";
    }

    /// Those of one partition.
    PartitionData<'a> {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        acknowledge_error_code: i16 = "0+";
        acknowledge_error_message: Option<&'a str> = "0+" null "0+" default None;
        current_leader: LeaderIdAndEpoch = "0+";
        records: Option<Records<'a>> = "0+" null "0";
        acquired_records: Vec<AcquiredRecords> = "0+";
    }

    /// Who leads a partition.
    LeaderIdAndEpoch {
        leader_id: i32 = "0+";
        leader_epoch: i32 = "0+";
    }

    /// Records that are the member's.
    AcquiredRecords {
        first_offset: i64 = "0+";
        last_offset: i64 = "0+";
        delivery_count: i16 = "0+";
    }

    /// Where a leader is.
    NodeEndpoint<'a> {
        node_id: i32 = "0+";
        host: &'a str = "0+";
        port: i32 = "0+";
        rack: Option<&'a str> = "0+" null "0+" default None;
    }
}
