//! AlterPartitionReassignments and ListPartitionReassignments: keys 45 and 46.

use super::declare::prelude::*;

schema! {
    /// Moves partitions to other brokers, or stops such moves.
    AlterPartitionReassignmentsRequest<'a>: Request 45 "0-1" flexible "0+" {
        timeout_ms: i32 = "0+" default 60000;
        allow_replication_factor_change: bool = "1+" default true;
        topics: Vec<ReassignableTopic<'a>> = "0+";
    }

    /// Partitions of a topic.
    ReassignableTopic<'a> {
        name: &'a str = "0+";
        partitions: Vec<ReassignablePartition> = "0+";
    }

    /// Where a partition is to be; null stops a move.
    ReassignablePartition {
        partition_index: i32 = "0+";
        replicas: Option<Vec<i32>> = "0+" null "0+" default None;
    }

    /// What became of it.
    AlterPartitionReassignmentsResponse<'a>: Response 45 "0-1" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        allow_replication_factor_change: bool = "1+" default true;
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+";
        responses: Vec<ReassignableTopicResponse<'a>> = "0+";
    }

    /// One topic's answer.
    ReassignableTopicResponse<'a> {
        name: &'a str = "0+";
        partitions: Vec<ReassignablePartitionResponse<'a>> = "0+";
    }

    /// One partition's answer.
    ReassignablePartitionResponse<'a> {
        partition_index: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+";
    }

    /// Asks which partitions are on the move; null means of all.
    ListPartitionReassignmentsRequest<'a>: Request 46 "0" flexible "0+" {
        timeout_ms: i32 = "0+" default 60000;
        topics: Option<Vec<ListPartitionReassignmentsTopics<'a>>> = "0+" null "0+" default None;
    }

    /// Partitions of a topic.
    ListPartitionReassignmentsTopics<'a> {
        name: &'a str = "0+";
        partition_indexes: Vec<i32> = "0+";
    }

    /// The moves.
    ListPartitionReassignmentsResponse<'a>: Response 46 "0" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+";
        topics: Vec<OngoingTopicReassignment<'a>> = "0+";
    }

    /// Moves in a topic.
    OngoingTopicReassignment<'a> {
        name: &'a str = "0+";
        partitions: Vec<OngoingPartitionReassignment> = "0+";
    }

    /// A move.
    OngoingPartitionReassignment {
        partition_index: i32 = "0+";
        replicas: Vec<i32> = "0+";
        adding_replicas: Vec<i32> = "0+";
        removing_replicas: Vec<i32> = "0+";
    }
}
