//! InitProducerId.

use std::sync::Arc;

use crate::error::Refusal;
use crate::ids::ProducerId;

/// A producer asks for an id.
#[derive(Clone, Debug)]
pub struct InitProducerIdRequest {
    /// Set for a transactional producer.
    pub transactional_id: Option<Arc<str>>,
    /// Its transaction timeout, milliseconds.
    pub timeout_ms: i32,
    /// The id that it has, or -1.
    pub producer: ProducerId,
    /// The epoch that it has, or -1.
    pub epoch: i16,
}

/// The id.
#[derive(Clone, Copy, Debug)]
pub struct InitProducerIdResponse {
    /// Id and epoch.
    pub result: Result<(ProducerId, i16), Refusal>,
}
