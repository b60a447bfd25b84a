//! From a frame to what is asked, in words that know no versions.

use apus_core::api::{AdminRequest, Request, ShareRequest};
use bytes::Bytes;

use super::header::{Reject, RequestHeader, decode_request_header};
use super::keys::ApiKey;
use super::reader::Malformed;
use super::schema::api_versions::ApiVersionsRequest;
use super::schema::{Message, cluster, reassignments};
use super::{
    alter_configs, client_quotas, configs, consumer_groups, delete_records, fetch, group_admin, group_offsets, groups,
    logs, metadata, offsets, partitions, produce, producer_id, quorum, replicas, share_fetch, share_groups,
    streams_groups, telemetry, topics,
};

/// What a frame asks for, and of whom.
#[derive(Clone, Debug)]
pub enum Call<'a> {
    /// The session answers this itself, with `api_versions::encode_api_versions`.
    ApiVersions(ApiVersionsRequest<'a>),
    /// The core answers this.
    Core(Request),
}

/// Reads one frame (without its length). Records in the request are slices that share the frame's memory.
///
/// # Errors
/// What the session must do instead of passing the request on.
pub fn decode_request(frame: &Bytes) -> Result<(RequestHeader<'_>, Call<'_>), Reject> {
    let (header, body) = decode_request_header(frame)?;
    match decode_body(&header, body.rest(), frame) {
        Ok(call) => Ok((header, call)),
        Err(reason) => Err(Reject::Malformed { key: Some(header.key), reason }),
    }
}

fn decode_body<'a>(header: &RequestHeader<'_>, body: &'a [u8], frame: &Bytes) -> Result<Call<'a>, Malformed> {
    let version = header.version;
    Ok(Call::Core(match header.key {
        ApiKey::ApiVersions => return Message::read(body, version).map(Call::ApiVersions),
        ApiKey::Produce => Request::Produce(produce::request(Message::read(body, version)?, version, frame)),
        ApiKey::Fetch => Request::Fetch(fetch::request(Message::read(body, version)?, version)),
        ApiKey::ListOffsets => Request::ListOffsets(offsets::list_request(Message::read(body, version)?, version)),
        ApiKey::Metadata => Request::Metadata(metadata::request(Message::read(body, version)?, version)),
        ApiKey::OffsetCommit => {
            Request::OffsetCommit(group_offsets::commit_request(Message::read(body, version)?, version))
        }
        ApiKey::OffsetFetch => {
            Request::OffsetFetch(group_offsets::fetch_request(Message::read(body, version)?, version))
        }
        ApiKey::FindCoordinator => {
            Request::FindCoordinator(groups::find_request(&Message::read(body, version)?, version))
        }
        ApiKey::JoinGroup => Request::JoinGroup(groups::join_request(Message::read(body, version)?, version)),
        ApiKey::Heartbeat => Request::Heartbeat(groups::heartbeat_request(&Message::read(body, version)?)),
        ApiKey::LeaveGroup => Request::LeaveGroup(groups::leave_request(Message::read(body, version)?, version)),
        ApiKey::SyncGroup => Request::SyncGroup(groups::sync_request(Message::read(body, version)?, version)),
        ApiKey::DescribeGroups => {
            Request::DescribeGroups(group_admin::describe_request(&Message::read(body, version)?))
        }
        ApiKey::ListGroups => Request::ListGroups(group_admin::list_request(&Message::read(body, version)?)),
        ApiKey::DeleteGroups => Request::DeleteGroups(group_admin::delete_request(&Message::read(body, version)?)),
        ApiKey::OffsetDelete => Request::OffsetDelete(group_offsets::delete_request(Message::read(body, version)?)),
        ApiKey::ConsumerGroupHeartbeat
        | ApiKey::ConsumerGroupDescribe
        | ApiKey::StreamsGroupHeartbeat
        | ApiKey::StreamsGroupDescribe => decode_newer_group(header.key, version, body)?,
        ApiKey::CreateTopics => Request::CreateTopics(topics::create_request(Message::read(body, version)?)),
        ApiKey::DeleteTopics => Request::DeleteTopics(topics::delete_request(Message::read(body, version)?, version)),
        ApiKey::InitProducerId => Request::InitProducerId(producer_id::request(&Message::read(body, version)?)),
        ApiKey::OffsetForLeaderEpoch => {
            Request::OffsetForLeaderEpoch(offsets::epoch_request(Message::read(body, version)?))
        }
        ApiKey::DescribeConfigs => Request::DescribeConfigs(configs::request(Message::read(body, version)?)?),
        ApiKey::DeleteRecords => Request::DeleteRecords(delete_records::request(Message::read(body, version)?)),
        ApiKey::CreatePartitions => {
            Request::CreatePartitions(partitions::create_request(Message::read(body, version)?))
        }
        ApiKey::DescribeTopicPartitions => {
            Request::DescribeTopicPartitions(partitions::describe_request(Message::read(body, version)?))
        }
        ApiKey::IncrementalAlterConfigs => {
            Request::AlterConfigs(alter_configs::request(Message::read(body, version)?)?)
        }
        ApiKey::AlterConfigs => Request::AlterConfigs(alter_configs::whole_request(Message::read(body, version)?)?),
        ApiKey::DescribeCluster => {
            let request: cluster::DescribeClusterRequest = Message::read(body, version)?;
            Request::DescribeCluster(metadata::cluster_request(&request))
        }
        ApiKey::ShareGroupHeartbeat
        | ApiKey::ShareGroupDescribe
        | ApiKey::ShareFetch
        | ApiKey::ShareAcknowledge
        | ApiKey::DescribeShareGroupOffsets
        | ApiKey::AlterShareGroupOffsets
        | ApiKey::DeleteShareGroupOffsets => Request::Share(decode_share(header.key, version, body)?),
        key => Request::Admin(decode_admin(key, version, body)?),
    }))
}

/// Of groups that beat: those of the consumer protocol, and of Kafka Streams.
fn decode_newer_group(key: ApiKey, version: i16, body: &[u8]) -> Result<Request, Malformed> {
    Ok(match key {
        ApiKey::ConsumerGroupHeartbeat => {
            Request::ConsumerGroupHeartbeat(consumer_groups::heartbeat_request(Message::read(body, version)?, version))
        }
        ApiKey::ConsumerGroupDescribe => {
            Request::ConsumerGroupDescribe(consumer_groups::describe_request(&Message::read(body, version)?))
        }
        ApiKey::StreamsGroupHeartbeat => {
            let request = streams_groups::heartbeat_request(Message::read(body, version)?, version);
            Request::StreamsGroupHeartbeat(Box::new(request))
        }
        ApiKey::StreamsGroupDescribe => {
            Request::StreamsGroupDescribe(streams_groups::describe_request(&Message::read(body, version)?))
        }
        other => unreachable!("{other:?} is none of them"),
    })
}

fn decode_share(key: ApiKey, version: i16, body: &[u8]) -> Result<ShareRequest, Malformed> {
    Ok(match key {
        ApiKey::ShareGroupHeartbeat => {
            ShareRequest::Heartbeat(share_groups::heartbeat_request(Message::read(body, version)?))
        }
        ApiKey::ShareGroupDescribe => {
            ShareRequest::Describe(share_groups::describe_request(&Message::read(body, version)?))
        }
        ApiKey::ShareFetch => ShareRequest::Fetch(share_fetch::fetch_request(Message::read(body, version)?, version)),
        ApiKey::ShareAcknowledge => {
            ShareRequest::Acknowledge(share_fetch::acknowledge_request(Message::read(body, version)?, version))
        }
        ApiKey::DescribeShareGroupOffsets => {
            ShareRequest::DescribeOffsets(share_groups::describe_offsets_request(Message::read(body, version)?))
        }
        ApiKey::AlterShareGroupOffsets => {
            ShareRequest::AlterOffsets(share_groups::alter_offsets_request(Message::read(body, version)?))
        }
        ApiKey::DeleteShareGroupOffsets => {
            ShareRequest::DeleteOffsets(share_groups::delete_offsets_request(&Message::read(body, version)?))
        }
        other => unreachable!("{other:?} is not of share groups"),
    })
}

fn decode_admin(key: ApiKey, version: i16, body: &[u8]) -> Result<AdminRequest, Malformed> {
    Ok(match key {
        ApiKey::ListConfigResources => {
            AdminRequest::ListConfigResources(configs::list_request(Message::read(body, version)?, version))
        }
        ApiKey::DescribeLogDirs => AdminRequest::DescribeLogDirs(logs::dirs_request(Message::read(body, version)?)),
        ApiKey::DescribeProducers => {
            AdminRequest::DescribeProducers(logs::producers_request(Message::read(body, version)?))
        }
        ApiKey::ElectLeaders => AdminRequest::ElectLeaders(replicas::elect_request(Message::read(body, version)?)),
        ApiKey::AlterPartitionReassignments => {
            AdminRequest::AlterReassignments(replicas::alter_request(Message::read(body, version)?))
        }
        ApiKey::ListPartitionReassignments => {
            let _: reassignments::ListPartitionReassignmentsRequest<'_> = Message::read(body, version)?;
            AdminRequest::ListReassignments
        }
        ApiKey::DescribeClientQuotas => {
            AdminRequest::DescribeQuotas(client_quotas::describe_request(Message::read(body, version)?))
        }
        ApiKey::AlterClientQuotas => {
            AdminRequest::AlterQuotas(client_quotas::alter_request(Message::read(body, version)?)?)
        }
        ApiKey::DescribeQuorum => AdminRequest::DescribeQuorum(quorum::describe_request(Message::read(body, version)?)),
        ApiKey::UpdateFeatures => {
            AdminRequest::UpdateFeatures(quorum::update_request(Message::read(body, version)?, version))
        }
        ApiKey::GetTelemetrySubscriptions => {
            AdminRequest::GetTelemetry(telemetry::get_request(&Message::read(body, version)?))
        }
        ApiKey::PushTelemetry => AdminRequest::PushTelemetry(telemetry::push_request(&Message::read(body, version)?)),
        other => unreachable!("{other:?} is no administrator's"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::keys::SERVED;
    use super::*;

    #[test]
    fn every_api_that_is_served_is_decoded() {
        for served in SERVED {
            for version in served.versions.min..=served.versions.max {
                let header = RequestHeader { key: served.key, version, correlation: 1, client_id: None };
                // No body is a request of every version; what counts is that there is somebody to read it.
                let _ = decode_body(&header, &[0; 64], &Bytes::from_static(&[0; 64]));
            }
        }
    }
}
