//! OffsetForLeaderEpoch: key 23.

use super::declare::prelude::*;

schema! {
    /// Asks where leader epochs end.
    OffsetForLeaderEpochRequest<'a>: Request 23 "2-4" flexible "4+" {
        replica_id: i32 = "3+" default -2;
        topics: Vec<OffsetForLeaderTopic<'a>> = "0+";
    }

    /// One topic asked about.
    OffsetForLeaderTopic<'a> {
        topic: &'a str = "0+";
        partitions: Vec<OffsetForLeaderPartition> = "0+";
    }

    /// One partition asked about.
    OffsetForLeaderPartition {
        partition: i32 = "0+";
        current_leader_epoch: i32 = "2+" default -1;
        leader_epoch: i32 = "0+";
    }

    /// The ends of the epochs.
    OffsetForLeaderEpochResponse<'a>: Response 23 "2-4" flexible "4+" {
        throttle_time_ms: i32 = "2+";
        topics: Vec<OffsetForLeaderTopicResult<'a>> = "0+";
    }

    /// One topic's answers.
    OffsetForLeaderTopicResult<'a> {
        topic: &'a str = "0+";
        partitions: Vec<EpochEndOffset> = "0+";
    }

    /// One partition's answer.
    EpochEndOffset {
        error_code: i16 = "0+";
        partition: i32 = "0+";
        leader_epoch: i32 = "1+" default -1;
        end_offset: i64 = "0+" default -1;
    }
}
