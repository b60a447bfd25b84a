//! What administrators alone ask, and are told.

use super::{
    AlterQuotasRequest, AlterQuotasResponse, AlterReassignmentsRequest, AlterReassignmentsResponse,
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeProducersRequest, DescribeProducersResponse,
    DescribeQuorumRequest, DescribeQuorumResponse, DescribeQuotasRequest, DescribeQuotasResponse, ElectLeadersRequest,
    ElectLeadersResponse, GetTelemetryRequest, GetTelemetryResponse, ListConfigResourcesRequest,
    ListConfigResourcesResponse, PushTelemetryRequest, PushTelemetryResponse, UpdateFeaturesRequest,
    UpdateFeaturesResponse,
};
use crate::error::Refusal;

/// One request of an administrator.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Kafka's own names.
pub enum AdminRequest {
    ListConfigResources(ListConfigResourcesRequest),
    DescribeLogDirs(DescribeLogDirsRequest),
    DescribeProducers(DescribeProducersRequest),
    ElectLeaders(ElectLeadersRequest),
    AlterReassignments(AlterReassignmentsRequest),
    /// What is asked for does not matter: no partition is ever on the move.
    ListReassignments,
    DescribeQuotas(DescribeQuotasRequest),
    AlterQuotas(AlterQuotasRequest),
    DescribeQuorum(DescribeQuorumRequest),
    UpdateFeatures(UpdateFeaturesRequest),
    GetTelemetry(GetTelemetryRequest),
    PushTelemetry(PushTelemetryRequest),
}

/// The answer to an [`AdminRequest`] of the same name.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Kafka's own names.
pub enum AdminResponse {
    ListConfigResources(ListConfigResourcesResponse),
    DescribeLogDirs(DescribeLogDirsResponse),
    DescribeProducers(DescribeProducersResponse),
    ElectLeaders(ElectLeadersResponse),
    AlterReassignments(AlterReassignmentsResponse),
    /// None is.
    ListReassignments,
    DescribeQuotas(DescribeQuotasResponse),
    AlterQuotas(AlterQuotasResponse),
    DescribeQuorum(DescribeQuorumResponse),
    UpdateFeatures(UpdateFeaturesResponse),
    GetTelemetry(GetTelemetryResponse),
    PushTelemetry(PushTelemetryResponse),
}

impl AdminResponse {
    /// Tells every refusal in this answer.
    pub fn refusals(&self, mut tell: impl FnMut(Refusal)) {
        match self {
            AdminResponse::ListConfigResources(answer) => {
                if let Err(refusal) = &answer.result {
                    tell(*refusal);
                }
            }
            AdminResponse::DescribeLogDirs(_) | AdminResponse::ListReassignments => {}
            AdminResponse::DescribeProducers(answer) => {
                let partitions = answer.topics.iter().flat_map(|(_, partitions)| partitions);
                partitions.filter_map(|(_, result)| result.as_ref().err().copied()).for_each(tell);
            }
            AdminResponse::ElectLeaders(answer) => match &answer.result {
                Err(refusal) => tell(*refusal),
                Ok(topics) => {
                    let partitions = topics.iter().flat_map(|topic| &topic.partitions);
                    partitions
                        .filter_map(|(_, result)| result.as_ref().err())
                        .for_each(|refused| tell(refused.refusal));
                }
            },
            AdminResponse::AlterReassignments(answer) => {
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                partitions.filter_map(|(_, result)| result.as_ref().err()).for_each(|refused| tell(refused.refusal));
            }
            AdminResponse::DescribeQuotas(answer) => {
                answer.result.as_ref().err().into_iter().for_each(|refused| tell(refused.refusal));
            }
            AdminResponse::AlterQuotas(answer) => {
                let refused = answer.entries.iter().filter_map(|(_, result)| result.as_ref().err());
                refused.for_each(|refused| tell(refused.refusal));
            }
            AdminResponse::DescribeQuorum(answer) => {
                if answer.result.is_err() {
                    tell(Refusal::UnknownTopicOrPartition);
                }
            }
            AdminResponse::GetTelemetry(answer) => answer.result.as_ref().err().copied().into_iter().for_each(tell),
            AdminResponse::PushTelemetry(answer) => answer.result.err().into_iter().for_each(tell),
            AdminResponse::UpdateFeatures(answer) => answer.refused.iter().for_each(|refused| tell(refused.refusal)),
        }
    }
}
