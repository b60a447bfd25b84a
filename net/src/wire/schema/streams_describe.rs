//! What operators see of streams groups: StreamsGroupDescribe, key 89.

use super::declare::prelude::*;
use super::streams_groups::{Endpoint, KeyValue, TaskIds, TaskOffset, TopicInfo};

schema! {
    /// Asks for groups and their members.
    StreamsGroupDescribeRequest<'a>: Request 89 "0-1" flexible "0+" {
        group_ids: Vec<&'a str> = "0+";
        include_authorized_operations: bool = "0+";
        include_topology_description: bool = "1+";
    }

    /// The groups.
    StreamsGroupDescribeResponse<'a>: Response 89 "0-1" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        groups: Vec<DescribedGroup<'a>> = "0+";
    }

    /// One group.
    DescribedGroup<'a> {
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+" default None;
        group_id: &'a str = "0+";
        group_state: &'a str = "0+";
        group_epoch: i32 = "0+";
        assignment_epoch: i32 = "0+";
        topology: Option<Topology<'a>> = "0+" null "0+" default None;
        members: Vec<Member<'a>> = "0+";
        authorized_operations: i32 = "0+" default -2147483648;
        topology_description: Option<TopologyDescription<'a>> = "1+" null "1+" default None;
        topology_description_status: i8 = "1+";
        assignor_name: Option<&'a str> = "1+" null "1+" default None;
    }

    /// What the application computes.
    Topology<'a> {
        epoch: i32 = "0+";
        subtopologies: Option<Vec<Subtopology<'a>>> = "0+" null "0+" default None;
    }

    /// A part of it.
    Subtopology<'a> {
        subtopology_id: &'a str = "0+";
        source_topics: Vec<&'a str> = "0+";
        repartition_sink_topics: Vec<&'a str> = "0+";
        state_changelog_topics: Vec<TopicInfo<'a>> = "0+";
        repartition_source_topics: Vec<TopicInfo<'a>> = "0+";
    }

    /// One member.
    Member<'a> {
        member_id: &'a str = "0+";
        member_epoch: i32 = "0+";
        instance_id: Option<&'a str> = "0+" null "0+" default None;
        rack_id: Option<&'a str> = "0+" null "0+" default None;
        client_id: &'a str = "0+";
        client_host: &'a str = "0+";
        topology_epoch: i32 = "0+";
        process_id: &'a str = "0+";
        user_endpoint: Option<Endpoint<'a>> = "0+" null "0+" default None;
        client_tags: Vec<KeyValue<'a>> = "0+";
        task_offsets: Vec<TaskOffset<'a>> = "0+";
        task_end_offsets: Vec<TaskOffset<'a>> = "0+";
        assignment: Assignment<'a> = "0+";
        target_assignment: Assignment<'a> = "0+";
        is_classic: bool = "0+";
    }

    /// Its tasks.
    Assignment<'a> {
        active_tasks: Vec<TaskIds<'a>> = "0+";
        standby_tasks: Vec<TaskIds<'a>> = "0+";
        warmup_tasks: Vec<TaskIds<'a>> = "0+";
    }

    /// What a topology looks like, node by node.
    TopologyDescription<'a> {
        subtopologies: Vec<TopologyDescriptionSubtopology<'a>> = "1+";
        global_stores: Vec<TopologyDescriptionGlobalStore<'a>> = "1+";
    }

    /// A part of it.
    TopologyDescriptionSubtopology<'a> {
        subtopology_id: &'a str = "1+";
        nodes: Vec<TopologyDescriptionNode<'a>> = "1+";
    }

    /// A node of it.
    TopologyDescriptionNode<'a> {
        name: &'a str = "1+";
        node_type: i8 = "1+";
        source_topics: Vec<&'a str> = "1+";
        sink_topic: Option<&'a str> = "1+" null "1+" default None;
        stores: Vec<&'a str> = "1+";
        successors: Vec<&'a str> = "1+";
    }

    /// A state that every process has whole.
    TopologyDescriptionGlobalStore<'a> {
        source: TopologyDescriptionNode<'a> = "1+";
        processor: TopologyDescriptionNode<'a> = "1+";
    }
}
