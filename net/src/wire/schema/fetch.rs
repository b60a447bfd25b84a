//! Fetch: key 1. From version 13 on topics go by id.

use super::declare::prelude::*;

schema! {
    /// Asks for records.
    FetchRequest<'a>: Request 1 "4-18" flexible "12+" {
        cluster_id: Option<&'a str> = "12+" null "12+" tag 0 "12+" default None;
        replica_id: i32 = "0-14" default -1;
        replica_state: ReplicaState = "15+" tag 1 "15+";
        max_wait_ms: i32 = "0+";
        min_bytes: i32 = "0+";
        max_bytes: i32 = "3+" default 2147483647;
        isolation_level: i8 = "4+";
        session_id: i32 = "7+";
        session_epoch: i32 = "7+" default -1;
        topics: Vec<FetchTopic<'a>> = "0+";
        forgotten_topics_data: Vec<ForgottenTopic<'a>> = "7+";
        rack_id: &'a str = "11+";
    }

    /// A follower's own state; consumers leave it out.
    ReplicaState {
        replica_id: i32 = "15+" default -1;
        replica_epoch: i64 = "15+" default -1;
    }

    /// One topic to fetch from.
    FetchTopic<'a> {
        topic: &'a str = "0-12";
        topic_id: Uuid = "13+";
        partitions: Vec<FetchPartition> = "0+";
    }

    /// One partition to fetch from.
    FetchPartition {
        partition: i32 = "0+";
        current_leader_epoch: i32 = "9+" default -1;
        fetch_offset: i64 = "0+";
        last_fetched_epoch: i32 = "12+" default -1;
        log_start_offset: i64 = "5+" default -1;
        partition_max_bytes: i32 = "0+";
        replica_directory_id: Uuid = "17+" tag 0 "17+";
        high_watermark: i64 = "18+" tag 1 "18+" default 9223372036854775807;
    }

    /// Partitions that leave an incremental fetch session.
    ForgottenTopic<'a> {
        topic: &'a str = "7-12";
        topic_id: Uuid = "13+";
        partitions: Vec<i32> = "7+";
    }

    /// The records.
    FetchResponse<'a>: Response 1 "4-18" flexible "12+" {
        throttle_time_ms: i32 = "1+";
        error_code: i16 = "7+";
        session_id: i32 = "7+";
        responses: Vec<FetchableTopicResponse<'a>> = "0+";
        node_endpoints: Vec<NodeEndpoint<'a>> = "16+" tag 0 "16+";
    }

    /// One topic's answers.
    FetchableTopicResponse<'a> {
        topic: &'a str = "0-12";
        topic_id: Uuid = "13+";
        partitions: Vec<PartitionData<'a>> = "0+";
    }

    /// One partition's answer.
    PartitionData<'a> {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
        high_watermark: i64 = "0+";
        last_stable_offset: i64 = "4+" default -1;
        log_start_offset: i64 = "5+" default -1;
        diverging_epoch: EpochEndOffset = "12+" tag 0 "12+";
        current_leader: LeaderIdAndEpoch = "12+" tag 1 "12+";
        snapshot_id: SnapshotId = "12+" tag 2 "12+";
        aborted_transactions: Option<Vec<AbortedTransaction>> = "4+" null "4+";
        preferred_read_replica: i32 = "11+" default -1;
        records: Option<Records<'a>> = "0+" null "0+";
    }

    /// Where the logs of leader and follower part.
    EpochEndOffset {
        epoch: i32 = "12+" default -1;
        end_offset: i64 = "12+" default -1;
    }

    /// Where to go instead.
    LeaderIdAndEpoch {
        leader_id: i32 = "12+" default -1;
        leader_epoch: i32 = "12+" default -1;
    }

    /// A snapshot to fetch instead; for controllers.
    SnapshotId {
        end_offset: i64 = "0+" default -1;
        epoch: i32 = "0+" default -1;
    }

    /// A transaction whose records a reader must drop.
    AbortedTransaction {
        producer_id: i64 = "4+";
        first_offset: i64 = "4+";
    }

    /// Where a named leader listens.
    NodeEndpoint<'a> {
        node_id: i32 = "16+";
        host: &'a str = "16+";
        port: i32 = "16+";
        rack: Option<&'a str> = "16+" null "16+" default None;
    }
}
