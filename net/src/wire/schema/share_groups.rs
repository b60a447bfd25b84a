//! Members of share groups: ShareGroupHeartbeat, key 76.

use super::declare::prelude::*;

schema! {
    /// A member joins, lives, or leaves.
    ShareGroupHeartbeatRequest<'a>: Request 76 "1" flexible "0+" {
        group_id: &'a str = "0+";
        member_id: &'a str = "0+";
        member_epoch: i32 = "0+";
        rack_id: Option<&'a str> = "0+" null "0+" default None;
        subscribed_topic_names: Option<Vec<&'a str>> = "0+" null "0+" default None;
    }

    /// Where it stands.
    ShareGroupHeartbeatResponse<'a>: Response 76 "1" flexible "0+" {
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

    /// Partitions of one topic.
    TopicPartitions {
        topic_id: Uuid = "0+";
        partitions: Vec<i32> = "0+";
    }
}
