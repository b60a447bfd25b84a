//! From an answer, in words that know no versions, to a frame.

use apus_core::api::{AdminResponse, ProduceResponse, Response, ShareResponse};

use super::header::encode_response_header;
use super::keys::ApiKey;
use super::schema::{Kind, Message, Structure};
use super::writer::{Frame, Writer};
use super::{
    alter_configs, client_quotas, configs, consumer_groups, delete_records, fetch, group_admin, group_offsets, groups,
    logs, metadata, offsets, partitions, produce, producer_id, quorum, replicas, share_fetch, share_groups,
    streams_groups, telemetry, topics,
};

/// Bytes for an answer, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Encoded {
    /// These.
    Frame(Frame),
    /// None are due: [`Response::Silence`], and [`Response::Hangup`], after which the session closes the connection.
    Nothing,
    /// It would be longer than an answer may be: the session closes the connection.
    TooLong,
}

impl Encoded {
    /// The bytes, where there are some.
    #[must_use]
    pub fn frame(self) -> Option<Frame> {
        match self {
            Encoded::Frame(frame) => Some(frame),
            Encoded::Nothing | Encoded::TooLong => None,
        }
    }
}

/// Writes the answer to a request of this version.
pub fn encode_response(writer: &mut Writer, version: i16, correlation: i32, response: &Response) -> Encoded {
    encode_throttled(writer, version, correlation, 0, response)
}

/// The same for a client that is to rest so long, milliseconds.
pub fn encode_throttled(
    writer: &mut Writer,
    version: i16,
    correlation: i32,
    throttle_time_ms: i32,
    response: &Response,
) -> Encoded {
    let mut reply = Reply { writer, version, correlation, throttle_time_ms };
    match response {
        Response::Produce(answer) => reply.produce(answer),
        Response::Fetch(answer) => reply.write(ApiKey::Fetch, &fetch::response(answer, version)),
        Response::ListOffsets(answer) => reply.write(ApiKey::ListOffsets, &offsets::list_response(answer)),
        Response::OffsetForLeaderEpoch(answer) => {
            reply.write(ApiKey::OffsetForLeaderEpoch, &offsets::epoch_response(answer));
        }
        Response::Metadata(answer) => reply.write(ApiKey::Metadata, &metadata::response(answer)),
        Response::DescribeCluster(answer) => {
            reply.write(ApiKey::DescribeCluster, &metadata::cluster_response(answer));
        }
        Response::CreateTopics(answer) => reply.write(ApiKey::CreateTopics, &topics::create_response(answer)),
        Response::DeleteTopics(answer) => reply.write(ApiKey::DeleteTopics, &topics::delete_response(answer, version)),
        Response::DescribeConfigs(answer) => reply.write(ApiKey::DescribeConfigs, &configs::response(answer)),
        Response::InitProducerId(answer) => {
            reply.write(ApiKey::InitProducerId, &producer_id::response(answer, version));
        }
        Response::OffsetCommit(answer) => {
            reply.write(ApiKey::OffsetCommit, &group_offsets::commit_response(answer, version));
        }
        Response::OffsetFetch(answer) => {
            reply.write(ApiKey::OffsetFetch, &group_offsets::fetch_response(answer, version));
        }
        Response::FindCoordinator(answer) => {
            reply.write(ApiKey::FindCoordinator, &groups::find_response(answer, version));
        }
        Response::JoinGroup(answer) => reply.write(ApiKey::JoinGroup, &groups::join_response(answer)),
        Response::Heartbeat(answer) => reply.write(ApiKey::Heartbeat, &groups::heartbeat_response(*answer)),
        Response::LeaveGroup(answer) => reply.write(ApiKey::LeaveGroup, &groups::leave_response(answer, version)),
        Response::SyncGroup(answer) => reply.write(ApiKey::SyncGroup, &groups::sync_response(answer)),
        Response::DescribeGroups(answer) => {
            reply.write(ApiKey::DescribeGroups, &group_admin::describe_response(answer, version));
        }
        Response::ListGroups(answer) => reply.write(ApiKey::ListGroups, &group_admin::list_response(answer)),
        Response::DeleteGroups(answer) => reply.write(ApiKey::DeleteGroups, &group_admin::delete_response(answer)),
        Response::OffsetDelete(answer) => reply.write(ApiKey::OffsetDelete, &group_offsets::delete_response(answer)),
        group @ (Response::ConsumerGroupHeartbeat(_)
        | Response::ConsumerGroupDescribe(_)
        | Response::StreamsGroupHeartbeat(_)
        | Response::StreamsGroupDescribe(_)) => reply.newer_group(group),
        Response::DeleteRecords(answer) => reply.write(ApiKey::DeleteRecords, &delete_records::response(answer)),
        Response::CreatePartitions(answer) => {
            reply.write(ApiKey::CreatePartitions, &partitions::create_response(answer));
        }
        Response::DescribeTopicPartitions(answer) => {
            reply.write(ApiKey::DescribeTopicPartitions, &partitions::describe_response(answer));
        }
        Response::AlterConfigs(answer) if answer.whole => {
            reply.write(ApiKey::AlterConfigs, &alter_configs::whole_response(answer));
        }
        Response::AlterConfigs(answer) => {
            reply.write(ApiKey::IncrementalAlterConfigs, &alter_configs::response(answer));
        }
        Response::Admin(answer) => reply.administrate(answer),
        Response::Share(answer) => reply.share(answer),
        Response::Silence | Response::Hangup(_) => return Encoded::Nothing,
    }
    writer.finish_answer().map_or(Encoded::TooLong, Encoded::Frame)
}

struct Reply<'w> {
    writer: &'w mut Writer,
    version: i16,
    correlation: i32,
    throttle_time_ms: i32,
}

impl Reply<'_> {
    fn write<'a, M: Message<'a>>(&mut self, key: ApiKey, message: &M) {
        self.writer.begin();
        encode_response_header(self.writer, key, self.version, self.correlation);
        let body = self.writer.position();
        message.write(self.writer, self.version);
        if self.throttle_time_ms > 0
            && let Some(at) = throttle_at(M::STRUCTURE, self.version)
        {
            self.writer.overwrite(body + at, &self.throttle_time_ms.to_be_bytes());
        }
    }

    /// Of groups that beat: those of the consumer protocol, and of Kafka Streams.
    fn newer_group(&mut self, response: &Response) {
        match response {
            Response::ConsumerGroupHeartbeat(answer) => {
                self.write(ApiKey::ConsumerGroupHeartbeat, &consumer_groups::heartbeat_response(answer));
            }
            Response::ConsumerGroupDescribe(answer) => {
                self.write(ApiKey::ConsumerGroupDescribe, &consumer_groups::describe_response(answer));
            }
            Response::StreamsGroupHeartbeat(answer) => {
                self.write(ApiKey::StreamsGroupHeartbeat, &streams_groups::heartbeat_response(answer));
            }
            Response::StreamsGroupDescribe(answer) => {
                self.write(ApiKey::StreamsGroupDescribe, &streams_groups::describe_response(answer));
            }
            other => unreachable!("{other:?} is none of them"),
        }
    }

    fn share(&mut self, response: &ShareResponse) {
        match response {
            ShareResponse::Heartbeat(answer) => {
                self.write(ApiKey::ShareGroupHeartbeat, &share_groups::heartbeat_response(answer));
            }
            ShareResponse::Describe(answer) => {
                self.write(ApiKey::ShareGroupDescribe, &share_groups::describe_response(answer));
            }
            ShareResponse::Fetch(answer) => self.write(ApiKey::ShareFetch, &share_fetch::fetch_response(answer)),
            ShareResponse::Acknowledge(answer) => {
                self.write(ApiKey::ShareAcknowledge, &share_fetch::acknowledge_response(answer));
            }
            ShareResponse::DescribeOffsets(answer) => {
                self.write(ApiKey::DescribeShareGroupOffsets, &share_groups::describe_offsets_response(answer));
            }
            ShareResponse::AlterOffsets(answer) => {
                self.write(ApiKey::AlterShareGroupOffsets, &share_groups::alter_offsets_response(answer));
            }
            ShareResponse::DeleteOffsets(answer) => {
                self.write(ApiKey::DeleteShareGroupOffsets, &share_groups::delete_offsets_response(answer));
            }
        }
    }

    /// Says how long its client is to rest at its end, where it cannot be put in later.
    fn produce(&mut self, answer: &ProduceResponse) {
        let message = produce::response(answer);
        let throttle_time_ms = self.throttle_time_ms;
        self.write(ApiKey::Produce, &super::schema::produce::ProduceResponse { throttle_time_ms, ..message });
    }

    fn administrate(&mut self, response: &AdminResponse) {
        match response {
            AdminResponse::ListConfigResources(answer) => {
                self.write(ApiKey::ListConfigResources, &configs::list_response(answer));
            }
            AdminResponse::DescribeLogDirs(answer) => {
                self.write(ApiKey::DescribeLogDirs, &logs::dirs_response(answer));
            }
            AdminResponse::DescribeProducers(answer) => {
                self.write(ApiKey::DescribeProducers, &logs::producers_response(answer));
            }
            AdminResponse::ElectLeaders(answer) => self.write(ApiKey::ElectLeaders, &replicas::elect_response(answer)),
            AdminResponse::AlterReassignments(answer) => {
                self.write(ApiKey::AlterPartitionReassignments, &replicas::alter_response(answer));
            }
            AdminResponse::ListReassignments => {
                self.write(ApiKey::ListPartitionReassignments, &replicas::list_response());
            }
            AdminResponse::DescribeQuotas(answer) => {
                self.write(ApiKey::DescribeClientQuotas, &client_quotas::describe_response(answer));
            }
            AdminResponse::AlterQuotas(answer) => {
                self.write(ApiKey::AlterClientQuotas, &client_quotas::alter_response(answer));
            }
            AdminResponse::DescribeQuorum(answer) => {
                self.write(ApiKey::DescribeQuorum, &quorum::describe_response(answer));
            }
            AdminResponse::GetTelemetry(answer) => {
                self.write(ApiKey::GetTelemetrySubscriptions, &telemetry::get_response(answer));
            }
            AdminResponse::PushTelemetry(answer) => {
                self.write(ApiKey::PushTelemetry, &telemetry::push_response(*answer));
            }
            AdminResponse::UpdateFeatures(answer) => {
                self.write(ApiKey::UpdateFeatures, &quorum::update_response(answer));
            }
        }
    }
}

/// Where a body says how long its client is to rest: in front, but for an error. Produce says it at its end, and is told
/// before it is written.
fn throttle_at(structure: &Structure, version: i16) -> Option<usize> {
    let mut at = 0;
    for field in structure.fields.iter().filter(|field| field.versions.contains(version)) {
        match (field.name, &field.kind) {
            ("throttle_time_ms", Kind::Int32) => return Some(at),
            (_, Kind::Int16) => at += size_of::<i16>(),
            _ => return None,
        }
    }
    None
}
