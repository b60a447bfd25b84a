//! InitProducerId: between bytes and the core's words.

use apus_core::api::{InitProducerIdRequest, InitProducerIdResponse};
use apus_core::error::Refusal;
use apus_core::ids::ProducerId;

use super::error::{NONE, code};
use super::schema::producer_id as schema;
use super::versions::Versions;

/// Clients of these versions know no PRODUCER_FENCED; INVALID_PRODUCER_EPOCH says the same to them.
const WITHOUT_FENCED: Versions = Versions::parse("0-3");

/// As the schema says it.
pub(super) fn request(request: &schema::InitProducerIdRequest<'_>) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: request.transactional_id.map(Into::into),
        timeout_ms: request.transaction_timeout_ms,
        producer: ProducerId(request.producer_id),
        epoch: request.producer_epoch,
    }
}

/// The answer in the schema's words.
pub(super) fn response(response: &InitProducerIdResponse, version: i16) -> schema::InitProducerIdResponse {
    let (error_code, (producer, producer_epoch)) = match response.result {
        Ok(producer) => (NONE, producer),
        Err(Refusal::ProducerFenced) if WITHOUT_FENCED.contains(version) => {
            (code(Refusal::InvalidProducerEpoch), (ProducerId(-1), -1))
        }
        Err(refusal) => (code(refusal), (ProducerId(-1), -1)),
    };
    schema::InitProducerIdResponse { error_code, producer_id: producer.0, producer_epoch, ..Default::default() }
}
