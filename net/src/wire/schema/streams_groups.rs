//! Streams groups: StreamsGroupHeartbeat, key 88.

use super::declare::prelude::*;

schema! {
    /// A member joins, lives, or leaves.
    StreamsGroupHeartbeatRequest<'a>: Request 88 "0-1" flexible "0+" {
        group_id: &'a str = "0+";
        member_id: &'a str = "0+";
        member_epoch: i32 = "0+";
        endpoint_information_epoch: i32 = "0+";
        instance_id: Option<&'a str> = "0+" null "0+" default None;
        rack_id: Option<&'a str> = "0+" null "0+" default None;
        rebalance_timeout_ms: i32 = "0+" default -1;
        topology: Option<Topology<'a>> = "0+" null "0+" default None;
        active_tasks: Option<Vec<TaskIds<'a>>> = "0+" null "0+" default None;
        standby_tasks: Option<Vec<TaskIds<'a>>> = "0+" null "0+" default None;
        warmup_tasks: Option<Vec<TaskIds<'a>>> = "0+" null "0+" default None;
        process_id: Option<&'a str> = "0+" null "0+" default None;
        user_endpoint: Option<Endpoint<'a>> = "0+" null "0+" default None;
        client_tags: Option<Vec<KeyValue<'a>>> = "0+" null "0+" default None;
        task_offsets: Option<Vec<TaskOffset<'a>>> = "0+" null "0+" default None;
        task_end_offsets: Option<Vec<TaskOffset<'a>>> = "0+" null "0+" default None;
        shutdown_application: bool = "0+";
    }

    /// What the application computes.
    Topology<'a> {
        epoch: i32 = "0+";
        subtopologies: Vec<Subtopology<'a>> = "0+";
    }

    /// A part of it.
    Subtopology<'a> {
        subtopology_id: &'a str = "0+";
        source_topics: Vec<&'a str> = "0+";
        source_topic_regex: Vec<&'a str> = "0+";
        state_changelog_topics: Vec<TopicInfo<'a>> = "0+";
        repartition_sink_topics: Vec<&'a str> = "0+";
        repartition_source_topics: Vec<TopicInfo<'a>> = "0+";
        copartition_groups: Vec<CopartitionGroup> = "0+";
    }

    /// Topics with as many partitions as each other, as indexes.
    CopartitionGroup {
        source_topics: Vec<i16> = "0+";
        source_topic_regex: Vec<i16> = "0+";
        repartition_source_topics: Vec<i16> = "0+";
    }

    /// A topic of the application's own.
    TopicInfo<'a> {
        name: &'a str = "0+";
        partitions: i32 = "0+";
        replication_factor: i16 = "0+";
        topic_configs: Vec<KeyValue<'a>> = "0+";
    }

    /// A text by a text.
    KeyValue<'a> {
        key: &'a str = "0+";
        value: &'a str = "0+";
    }

    /// Where the application answers questions.
    Endpoint<'a> {
        host: &'a str = "0+";
        port: u16 = "0+";
    }

    /// How far the state of a task came.
    TaskOffset<'a> {
        subtopology_id: &'a str = "0+";
        partition: i32 = "0+";
        offset: i64 = "0+";
    }

    /// Tasks of one part.
    TaskIds<'a> {
        subtopology_id: &'a str = "0+";
        partitions: Vec<i32> = "0+";
    }

    /// Where it stands.
    StreamsGroupHeartbeatResponse<'a>: Response 88 "0-1" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        member_id: &'a str = "0+";
        member_epoch: i32 = "0+";
        heartbeat_interval_ms: i32 = "0+";
        acceptable_recovery_lag_legacy: i32 = "0";
        task_offset_interval_ms: i32 = "0+";
        acceptable_recovery_lag: i64 = "1+" default -1;
        status: Option<Vec<Status<'a>>> = "0+" null "0+";
        active_tasks: Option<Vec<TaskIds<'a>>> = "0+" null "0+" default None;
        standby_tasks: Option<Vec<TaskIds<'a>>> = "0+" null "0+" default None;
        warmup_tasks: Option<Vec<TaskIds<'a>>> = "0+" null "0+" default None;
        topology_description_required: bool = "1+";
        endpoint_information_epoch: i32 = "0+";
        partitions_by_user_endpoint: Option<Vec<EndpointToPartitions<'a>>> = "0+" null "0+" default None;
    }

    /// What it is told beside its tasks.
    Status<'a> {
        status_code: i8 = "0+";
        status_detail: &'a str = "0+";
    }

    /// What is worked on behind an endpoint.
    EndpointToPartitions<'a> {
        user_endpoint: Endpoint<'a> = "0+";
        active_partitions: Vec<TopicPartition<'a>> = "0+";
        standby_partitions: Vec<TopicPartition<'a>> = "0+";
    }

    /// Partitions of one topic.
    TopicPartition<'a> {
        topic: &'a str = "0+";
        partitions: Vec<i32> = "0+";
    }
}
