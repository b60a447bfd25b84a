//! CreatePartitions and DescribeTopicPartitions: keys 37 and 75.

use super::declare::prelude::*;

schema! {
    /// Gives topics more partitions.
    CreatePartitionsRequest<'a>: Request 37 "0-3" flexible "2+" {
        topics: Vec<CreatePartitionsTopic<'a>> = "0+";
        timeout_ms: i32 = "0+";
        validate_only: bool = "0+";
    }

    /// A topic, and how many partitions it is to have in all.
    CreatePartitionsTopic<'a> {
        name: &'a str = "0+";
        count: i32 = "0+";
        assignments: Option<Vec<CreatePartitionsAssignment>> = "0+" null "0+";
    }

    /// Where somebody wants the replicas of a new partition.
    CreatePartitionsAssignment {
        broker_ids: Vec<i32> = "0+";
    }

    /// What became of it.
    CreatePartitionsResponse<'a>: Response 37 "0-3" flexible "2+" {
        throttle_time_ms: i32 = "0+";
        results: Vec<CreatePartitionsTopicResult<'a>> = "0+";
    }

    /// One topic's answer.
    CreatePartitionsTopicResult<'a> {
        name: &'a str = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
    }

    /// Asks for the partitions of topics, a page at a time.
    DescribeTopicPartitionsRequest<'a>: Request 75 "0" flexible "0+" {
        topics: Vec<TopicRequest<'a>> = "0+";
        response_partition_limit: i32 = "0+" default 2000;
        cursor: Option<Cursor<'a>> = "0+" null "0+" default None;
    }

    /// A topic asked about.
    TopicRequest<'a> {
        name: &'a str = "0+";
    }

    /// Where a page begins.
    Cursor<'a> {
        topic_name: &'a str = "0+";
        partition_index: i32 = "0+";
    }

    /// A page.
    DescribeTopicPartitionsResponse<'a>: Response 75 "0" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        topics: Vec<DescribeTopicPartitionsResponseTopic<'a>> = "0+";
        next_cursor: Option<Cursor<'a>> = "0+" null "0+" default None;
    }

    /// A topic.
    DescribeTopicPartitionsResponseTopic<'a> {
        error_code: i16 = "0+";
        name: Option<&'a str> = "0+" null "0+";
        topic_id: Uuid = "0+";
        is_internal: bool = "0+";
        partitions: Vec<DescribeTopicPartitionsResponsePartition> = "0+";
        topic_authorized_operations: i32 = "0+" default -2147483648;
    }

    /// A partition.
    DescribeTopicPartitionsResponsePartition {
        error_code: i16 = "0+";
        partition_index: i32 = "0+";
        leader_id: i32 = "0+";
        leader_epoch: i32 = "0+" default -1;
        replica_nodes: Vec<i32> = "0+";
        isr_nodes: Vec<i32> = "0+";
        eligible_leader_replicas: Option<Vec<i32>> = "0+" null "0+" default None;
        last_known_elr: Option<Vec<i32>> = "0+" null "0+" default None;
        offline_replicas: Vec<i32> = "0+";
    }
}
