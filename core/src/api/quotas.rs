//! DescribeClientQuotas and AlterClientQuotas: what clients are bounded by.

use std::sync::Arc;

use crate::error::Refused;
use crate::quota::{QuotaEntity, Quotas};

/// A kind of entities, and the name of it where it is not all of the kind.
pub type NamedEntity = Vec<(Arc<str>, Option<Arc<str>>)>;

/// Asks for quotas of the entities that match every component.
#[derive(Clone, Debug)]
pub struct DescribeQuotasRequest {
    /// None: all entities, unless the match is strict.
    pub components: Vec<QuotaComponent>,
    /// Entities with a kind that no component names do not match.
    pub strict: bool,
}

/// What an entity must have to match.
#[derive(Clone, Debug)]
pub struct QuotaComponent {
    /// `user`, `client-id` or `ip`.
    pub kind: Arc<str>,
    /// 0: this name; 1: the default one; 2: any.
    pub match_type: i8,
    /// The name, for 0.
    pub name: Option<Arc<str>>,
}

/// Their quotas.
#[derive(Clone, Debug)]
pub struct DescribeQuotasResponse {
    /// In the order of the entities, or why none is told.
    pub result: Result<Vec<(QuotaEntity, Arc<Quotas>)>, Refused>,
}

/// Quotas to set and to take back.
#[derive(Clone, Debug)]
pub struct AlterQuotasRequest {
    /// By entity.
    pub entries: Vec<QuotaAlteration>,
    /// Only say what would become of it.
    pub validate_only: bool,
}

/// Changes of one entity.
#[derive(Clone, Debug)]
pub struct QuotaAlteration {
    /// As the client names it.
    pub entity: NamedEntity,
    /// By key; without a value, it is taken back.
    pub changes: Vec<(Arc<str>, Option<f64>)>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct AlterQuotasResponse {
    /// In the request's order.
    pub entries: Vec<(NamedEntity, Result<(), Refused>)>,
}
