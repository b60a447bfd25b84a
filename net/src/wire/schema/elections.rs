//! ElectLeaders: key 43.

use super::declare::prelude::*;

schema! {
    /// Asks for other leaders; null means of all partitions.
    ElectLeadersRequest<'a>: Request 43 "0-2" flexible "2+" {
        election_type: i8 = "1+";
        topic_partitions: Option<Vec<TopicPartitions<'a>>> = "0+" null "0+";
        timeout_ms: i32 = "0+" default 60000;
    }

    /// Partitions of a topic.
    TopicPartitions<'a> {
        topic: &'a str = "0+";
        partitions: Vec<i32> = "0+";
    }

    /// What became of it.
    ElectLeadersResponse<'a>: Response 43 "0-2" flexible "2+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "1+";
        replica_election_results: Vec<ReplicaElectionResult<'a>> = "0+";
    }

    /// One topic's answer.
    ReplicaElectionResult<'a> {
        topic: &'a str = "0+";
        partition_result: Vec<PartitionResult<'a>> = "0+";
    }

    /// One partition's answer.
    PartitionResult<'a> {
        partition_id: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+";
    }
}
