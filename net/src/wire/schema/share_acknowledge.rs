//! What became of records: ShareAcknowledge, key 79.

use super::declare::prelude::*;

schema! {
    /// Says what became of records.
    ShareAcknowledgeRequest<'a>: Request 79 "1-2" flexible "0+" {
        group_id: Option<&'a str> = "0+" null "0+" default None;
        member_id: Option<&'a str> = "0+" null "0+";
        share_session_epoch: i32 = "0+";
        is_renew_ack: bool = "2+";
        topics: Vec<AcknowledgeTopic> = "0+";
    }

    /// Of one topic.
    AcknowledgeTopic {
        topic_id: Uuid = "0+";
        partitions: Vec<AcknowledgePartition> = "0+";
    }

    /// Of one partition.
    AcknowledgePartition {
        partition_index: i32 = "0+";
        acknowledgement_batches: Vec<AcknowledgementBatch> = "0+";
    }

    /// Of a run of records.
    AcknowledgementBatch {
        first_offset: i64 = "0+";
        last_offset: i64 = "0+";
        acknowledge_types: Vec<i8> = "0+";
    }

    /// Whether it was noted.
    ShareAcknowledgeResponse<'a>: Response 79 "1-2" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        acquisition_lock_timeout_ms: i32 = "2+";
        responses: Vec<ShareAcknowledgeTopicResponse<'a>> = "0+";
        node_endpoints: Vec<NodeEndpoint<'a>> = "0+";
    }

    /// Of one topic.
    ShareAcknowledgeTopicResponse<'a> {
        topic_id: Uuid = "0+";
        partitions: Vec<PartitionData<'a>> = "0+";
    }

    /// Of one partition.
    PartitionData<'a> {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        current_leader: LeaderIdAndEpoch = "0+";
    }

    /// Who leads a partition.
    LeaderIdAndEpoch {
        leader_id: i32 = "0+";
        leader_epoch: i32 = "0+";
    }

    /// Where a leader is.
    NodeEndpoint<'a> {
        node_id: i32 = "0+";
        host: &'a str = "0+";
        port: i32 = "0+";
        rack: Option<&'a str> = "0+" null "0+" default None;
    }
}
