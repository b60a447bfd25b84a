//! DescribeQuorum: key 55. Request and answer have structures of the same names, hence two modules.

/// The question.
pub mod request {
    use super::super::declare::prelude::*;

    schema! {
        /// Asks how the quorum of the cluster's metadata stands.
        DescribeQuorumRequest<'a>: Request 55 "0-2" flexible "0+" {
            topics: Vec<TopicData<'a>> = "0+";
        }

        /// Partitions of a topic.
        TopicData<'a> {
            topic_name: &'a str = "0+";
            partitions: Vec<PartitionData> = "0+";
        }

        /// A partition.
        PartitionData {
            partition_index: i32 = "0+";
        }
    }
}

/// The answer.
pub mod response {
    use super::super::declare::prelude::*;

    schema! {
        /// How it stands.
        DescribeQuorumResponse<'a>: Response 55 "0-2" flexible "0+" {
            error_code: i16 = "0+";
            error_message: Option<&'a str> = "2+" null "2+";
            topics: Vec<TopicData<'a>> = "0+";
            nodes: Vec<Node<'a>> = "2+";
        }

        /// Partitions of a topic.
        TopicData<'a> {
            topic_name: &'a str = "0+";
            partitions: Vec<PartitionData<'a>> = "0+";
        }

        /// A partition.
        PartitionData<'a> {
            partition_index: i32 = "0+";
            error_code: i16 = "0+";
            error_message: Option<&'a str> = "2+" null "2+";
            leader_id: i32 = "0+";
            leader_epoch: i32 = "0+";
            high_watermark: i64 = "0+";
            current_voters: Vec<ReplicaState> = "0+";
            observers: Vec<ReplicaState> = "0+";
        }

        /// A voter or an observer.
        ReplicaState {
            replica_id: i32 = "0+";
            replica_directory_id: Uuid = "2+";
            log_end_offset: i64 = "0+";
            last_fetch_timestamp: i64 = "1+" default -1;
            last_caught_up_timestamp: i64 = "1+" default -1;
        }

        /// A node of the quorum.
        Node<'a> {
            node_id: i32 = "2+";
            listeners: Vec<Listener<'a>> = "2+";
        }

        /// Where it listens.
        Listener<'a> {
            name: &'a str = "2+";
            host: &'a str = "2+";
            port: u16 = "2+";
        }
    }
}
