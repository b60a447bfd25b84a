//! ListOffsets: key 2.

use super::declare::prelude::*;

schema! {
    /// Asks for the offset at a timestamp, or at one of the special ones (latest, earliest, ...).
    ListOffsetsRequest<'a>: Request 2 "1-11" flexible "6+" {
        replica_id: i32 = "0+";
        isolation_level: i8 = "2+";
        topics: Vec<ListOffsetsTopic<'a>> = "0+";
        timeout_ms: i32 = "10+";
    }

    /// One topic asked about.
    ListOffsetsTopic<'a> {
        name: &'a str = "0+";
        partitions: Vec<ListOffsetsPartition> = "0+";
    }

    /// One partition asked about.
    ListOffsetsPartition {
        partition_index: i32 = "0+";
        current_leader_epoch: i32 = "4+" default -1;
        timestamp: i64 = "0+";
    }

    /// The offsets.
    ListOffsetsResponse<'a>: Response 2 "1-11" flexible "6+" {
        throttle_time_ms: i32 = "2+";
        topics: Vec<ListOffsetsTopicResponse<'a>> = "0+";
    }

    /// One topic's answers.
    ListOffsetsTopicResponse<'a> {
        name: &'a str = "0+";
        partitions: Vec<ListOffsetsPartitionResponse> = "0+";
    }

    /// One partition's answer.
    ListOffsetsPartitionResponse {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
        timestamp: i64 = "1+" default -1;
        offset: i64 = "1+" default -1;
        leader_epoch: i32 = "4+" default -1;
    }
}
