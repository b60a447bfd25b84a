//! DeleteRecords: key 21.

use super::declare::prelude::*;

schema! {
    /// Deletes the records below an offset.
    DeleteRecordsRequest<'a>: Request 21 "0-2" flexible "2+" {
        topics: Vec<DeleteRecordsTopic<'a>> = "0+";
        timeout_ms: i32 = "0+";
    }

    /// In one topic.
    DeleteRecordsTopic<'a> {
        name: &'a str = "0+";
        partitions: Vec<DeleteRecordsPartition> = "0+";
    }

    /// In one partition; offset -1 is its end.
    DeleteRecordsPartition {
        partition_index: i32 = "0+";
        offset: i64 = "0+";
    }

    /// What became of it.
    DeleteRecordsResponse<'a>: Response 21 "0-2" flexible "2+" {
        throttle_time_ms: i32 = "0+";
        topics: Vec<DeleteRecordsTopicResult<'a>> = "0+";
    }

    /// One topic's answer.
    DeleteRecordsTopicResult<'a> {
        name: &'a str = "0+";
        partitions: Vec<DeleteRecordsPartitionResult> = "0+";
    }

    /// One partition's first offset now.
    DeleteRecordsPartitionResult {
        partition_index: i32 = "0+";
        low_watermark: i64 = "0+";
        error_code: i16 = "0+";
    }
}
