//! Produce: key 0. From version 13 on topics go by id.

use super::declare::prelude::*;

schema! {
    /// Appends record batches to partitions.
    ProduceRequest<'a>: Request 0 "3-13" flexible "9+" {
        transactional_id: Option<&'a str> = "3+" null "3+" default None;
        acks: i16 = "0+";
        timeout_ms: i32 = "0+";
        topic_data: Vec<TopicProduceData<'a>> = "0+";
    }

    /// What one topic is given.
    TopicProduceData<'a> {
        name: &'a str = "0-12";
        topic_id: Uuid = "13+";
        partition_data: Vec<PartitionProduceData<'a>> = "0+";
    }

    /// What one partition is given.
    PartitionProduceData<'a> {
        index: i32 = "0+";
        records: Option<Records<'a>> = "0+" null "0+";
    }

    /// What became of it.
    ProduceResponse<'a>: Response 0 "3-13" flexible "9+" {
        responses: Vec<TopicProduceResponse<'a>> = "0+";
        throttle_time_ms: i32 = "1+";
        node_endpoints: Vec<NodeEndpoint<'a>> = "10+" tag 0 "10+";
    }

    /// One topic's answers.
    TopicProduceResponse<'a> {
        name: &'a str = "0-12";
        topic_id: Uuid = "13+";
        partition_responses: Vec<PartitionProduceResponse<'a>> = "0+";
    }

    /// One partition's answer.
    PartitionProduceResponse<'a> {
        index: i32 = "0+";
        error_code: i16 = "0+";
        base_offset: i64 = "0+";
        log_append_time_ms: i64 = "2+" default -1;
        log_start_offset: i64 = "5+" default -1;
        record_errors: Vec<BatchIndexAndErrorMessage<'a>> = "8+";
        error_message: Option<&'a str> = "8+" null "8+" default None;
        current_leader: LeaderIdAndEpoch = "10+" tag 0 "10+";
    }

    /// A record that was refused.
    BatchIndexAndErrorMessage<'a> {
        batch_index: i32 = "8+";
        batch_index_error_message: Option<&'a str> = "8+" null "8+" default None;
    }

    /// Where to go instead.
    LeaderIdAndEpoch {
        leader_id: i32 = "10+" default -1;
        leader_epoch: i32 = "10+" default -1;
    }

    /// Where a named leader listens.
    NodeEndpoint<'a> {
        node_id: i32 = "10+";
        host: &'a str = "10+";
        port: i32 = "10+";
        rack: Option<&'a str> = "10+" null "10+" default None;
    }
}
