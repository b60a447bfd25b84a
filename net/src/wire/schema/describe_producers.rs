//! DescribeProducers: key 61.

use super::declare::prelude::*;

schema! {
    /// Asks who writes to partitions.
    DescribeProducersRequest<'a>: Request 61 "0" flexible "0+" {
        topics: Vec<TopicRequest<'a>> = "0+";
    }

    /// Partitions of a topic.
    TopicRequest<'a> {
        name: &'a str = "0+";
        partition_indexes: Vec<i32> = "0+";
    }

    /// The producers.
    DescribeProducersResponse<'a>: Response 61 "0" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        topics: Vec<TopicResponse<'a>> = "0+";
    }

    /// Those of a topic.
    TopicResponse<'a> {
        name: &'a str = "0+";
        partitions: Vec<PartitionResponse<'a>> = "0+";
    }

    /// Those of a partition.
    PartitionResponse<'a> {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        active_producers: Vec<ProducerState> = "0+";
    }

    /// A producer, and how far it came.
    ProducerState {
        producer_id: i64 = "0+";
        producer_epoch: i32 = "0+";
        last_sequence: i32 = "0+" default -1;
        last_timestamp: i64 = "0+" default -1;
        coordinator_epoch: i32 = "0+";
        current_txn_start_offset: i64 = "0+" default -1;
    }
}
