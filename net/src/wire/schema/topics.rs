//! CreateTopics and DeleteTopics: keys 19 and 20.

use super::declare::prelude::*;

schema! {
    /// Creates topics.
    CreateTopicsRequest<'a>: Request 19 "2-7" flexible "5+" {
        topics: Vec<CreatableTopic<'a>> = "0+";
        timeout_ms: i32 = "0+" default 60000;
        validate_only: bool = "1+";
    }

    /// A topic to create.
    CreatableTopic<'a> {
        name: &'a str = "0+";
        num_partitions: i32 = "0+";
        replication_factor: i16 = "0+";
        assignments: Vec<CreatableReplicaAssignment> = "0+";
        configs: Vec<CreatableTopicConfig<'a>> = "0+";
    }

    /// Where somebody wants the replicas of a partition.
    CreatableReplicaAssignment {
        partition_index: i32 = "0+";
        broker_ids: Vec<i32> = "0+";
    }

    /// A setting of the new topic.
    CreatableTopicConfig<'a> {
        name: &'a str = "0+";
        value: Option<&'a str> = "0+" null "0+";
    }

    /// What became of it.
    CreateTopicsResponse<'a>: Response 19 "2-7" flexible "5+" {
        throttle_time_ms: i32 = "2+";
        topics: Vec<CreatableTopicResult<'a>> = "0+";
    }

    /// One topic's answer; from version 5 on it describes what was created.
    CreatableTopicResult<'a> {
        name: &'a str = "0+";
        topic_id: Uuid = "7+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "1+" null "0+";
        topic_config_error_code: i16 = "5+" tag 0 "5+";
        num_partitions: i32 = "5+" default -1;
        replication_factor: i16 = "5+" default -1;
        configs: Option<Vec<CreatableTopicConfigs<'a>>> = "5+" null "5+";
    }

    /// A setting of the created topic, defaults included.
    CreatableTopicConfigs<'a> {
        name: &'a str = "5+";
        value: Option<&'a str> = "5+" null "5+";
        read_only: bool = "5+";
        config_source: i8 = "5+" default -1;
        is_sensitive: bool = "5+";
    }

    /// Deletes topics, by name or from version 6 on by id.
    DeleteTopicsRequest<'a>: Request 20 "1-6" flexible "4+" {
        topics: Vec<DeleteTopicState<'a>> = "6+";
        topic_names: Vec<&'a str> = "0-5";
        timeout_ms: i32 = "0+";
    }

    /// A topic to delete.
    DeleteTopicState<'a> {
        name: Option<&'a str> = "6+" null "6+" default None;
        topic_id: Uuid = "6+";
    }

    /// What became of it.
    DeleteTopicsResponse<'a>: Response 20 "1-6" flexible "4+" {
        throttle_time_ms: i32 = "1+";
        responses: Vec<DeletableTopicResult<'a>> = "0+";
    }

    /// One topic's answer.
    DeletableTopicResult<'a> {
        name: Option<&'a str> = "0+" null "6+";
        topic_id: Uuid = "6+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "5+" null "5+" default None;
    }
}
