//! DescribeLogDirs: key 35.

use super::declare::prelude::*;

schema! {
    /// Asks what lies in the broker's directories.
    DescribeLogDirsRequest<'a>: Request 35 "1-5" flexible "2+" {
        topics: Option<Vec<DescribableLogDirTopic<'a>>> = "0+" null "0+";
    }

    /// Partitions of a topic.
    DescribableLogDirTopic<'a> {
        topic: &'a str = "0+";
        partitions: Vec<i32> = "0+";
    }

    /// The directories.
    DescribeLogDirsResponse<'a>: Response 35 "1-5" flexible "2+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "3+";
        results: Vec<DescribeLogDirsResult<'a>> = "0+";
    }

    /// One directory.
    DescribeLogDirsResult<'a> {
        error_code: i16 = "0+";
        log_dir: &'a str = "0+";
        topics: Vec<DescribeLogDirsTopic<'a>> = "0+";
        total_bytes: i64 = "4+" default -1;
        usable_bytes: i64 = "4+" default -1;
        is_cordoned: bool = "5+";
    }

    /// A topic in it.
    DescribeLogDirsTopic<'a> {
        name: &'a str = "0+";
        partitions: Vec<DescribeLogDirsPartition> = "0+";
    }

    /// A partition in it.
    DescribeLogDirsPartition {
        partition_index: i32 = "0+";
        partition_size: i64 = "0+";
        offset_lag: i64 = "0+";
        is_future_key: bool = "0+";
    }
}
