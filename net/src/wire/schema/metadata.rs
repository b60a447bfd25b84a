//! Metadata: key 3.

use super::declare::prelude::*;

schema! {
    /// Asks which topics there are and who leads them.
    MetadataRequest<'a>: Request 3 "0-13" flexible "9+" {
        topics: Option<Vec<MetadataRequestTopic<'a>>> = "0+" null "1+";
        allow_auto_topic_creation: bool = "4+" default true;
        include_cluster_authorized_operations: bool = "8-10";
        include_topic_authorized_operations: bool = "8+";
    }

    /// One topic asked about.
    MetadataRequestTopic<'a> {
        topic_id: Uuid = "10+";
        name: Option<&'a str> = "0+" null "10+";
    }

    /// The cluster as one client sees it.
    MetadataResponse<'a>: Response 3 "0-13" flexible "9+" {
        throttle_time_ms: i32 = "3+";
        brokers: Vec<MetadataResponseBroker<'a>> = "0+";
        cluster_id: Option<&'a str> = "2+" null "2+" default None;
        controller_id: i32 = "1+" default -1;
        topics: Vec<MetadataResponseTopic<'a>> = "0+";
        cluster_authorized_operations: i32 = "8-10" default -2147483648;
        error_code: i16 = "13+";
    }

    /// A broker.
    MetadataResponseBroker<'a> {
        node_id: i32 = "0+";
        host: &'a str = "0+";
        port: i32 = "0+";
        rack: Option<&'a str> = "1+" null "1+" default None;
    }

    /// A topic.
    MetadataResponseTopic<'a> {
        error_code: i16 = "0+";
        name: Option<&'a str> = "0+" null "12+";
        topic_id: Uuid = "10+";
        is_internal: bool = "1+";
        partitions: Vec<MetadataResponsePartition> = "0+";
        topic_authorized_operations: i32 = "8+" default -2147483648;
    }

    /// A partition.
    MetadataResponsePartition {
        error_code: i16 = "0+";
        partition_index: i32 = "0+";
        leader_id: i32 = "0+";
        leader_epoch: i32 = "7+" default -1;
        replica_nodes: Vec<i32> = "0+";
        isr_nodes: Vec<i32> = "0+";
        offline_replicas: Vec<i32> = "5+";
    }
}
