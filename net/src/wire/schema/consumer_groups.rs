//! Groups of the consumer protocol: ConsumerGroupHeartbeat, key 68.

use super::declare::prelude::*;

schema! {
    /// A member joins, lives, or leaves.
    ConsumerGroupHeartbeatRequest<'a>: Request 68 "0-1" flexible "0+" {
        group_id: &'a str = "0+";
        member_id: &'a str = "0+";
        member_epoch: i32 = "0+";
        instance_id: Option<&'a str> = "0+" null "0+" default None;
        rack_id: Option<&'a str> = "0+" null "0+" default None;
        rebalance_timeout_ms: i32 = "0+" default -1;
        subscribed_topic_names: Option<Vec<&'a str>> = "0+" null "0+" default None;
        subscribed_topic_regex: Option<&'a str> = "1+" null "1+" default None;
        server_assignor: Option<&'a str> = "0+" null "0+" default None;
        topic_partitions: Option<Vec<TopicPartitions>> = "0+" null "0+" default None;
    }

    /// Partitions of one topic.
    TopicPartitions {
        topic_id: Uuid = "0+";
        partitions: Vec<i32> = "0+";
    }

    /// Where it stands.
    ConsumerGroupHeartbeatResponse<'a>: Response 68 "0-1" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        member_id: Option<&'a str> = "0+" null "0+" default None;
        member_epoch: i32 = "0+";
        heartbeat_interval_ms: i32 = "0+";
        assignment: Option<Assignment> = "0+" null "0+" default None;
    }

    /// What it may use.
    Assignment {
        topic_partitions: Vec<TopicPartitions> = "0+";
    }
}
