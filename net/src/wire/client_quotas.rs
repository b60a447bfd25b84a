//! DescribeClientQuotas and AlterClientQuotas: between bytes and the core's words.

use apus_core::api::{
    AlterQuotasRequest, AlterQuotasResponse, DescribeQuotasRequest, DescribeQuotasResponse, QuotaAlteration,
    QuotaComponent,
};
use apus_core::quota::{QuotaEntity, Quotas};

use super::configs::check_count;
use super::error::{NONE, code};
use super::reader::Malformed;
use super::schema::client_quotas::{alter, altered, describe, described};
use super::topic;

/// As the schema says it.
pub(super) fn describe_request(request: describe::DescribeClientQuotasRequest<'_>) -> DescribeQuotasRequest {
    let component = |component: describe::ComponentData<'_>| QuotaComponent {
        kind: component.entity_type.into(),
        match_type: component.match_type,
        name: component.r#match.map(Into::into),
    };
    DescribeQuotasRequest {
        components: request.components.into_iter().map(component).collect(),
        strict: request.strict,
    }
}

/// The answer in the schema's words.
pub(super) fn describe_response(response: &DescribeQuotasResponse) -> described::DescribeClientQuotasResponse<'_> {
    let (refused, entries) = match &response.result {
        Ok(entries) => (None, Some(entries.iter().map(|(entity, quotas)| entry(entity, quotas)).collect())),
        Err(refused) => (Some(refused), None),
    };
    described::DescribeClientQuotasResponse {
        throttle_time_ms: 0,
        error_code: refused.map_or(NONE, |refused| code(refused.refusal)),
        error_message: refused.and_then(|refused| topic::sentence(&refused.message)),
        entries,
    }
}

fn entry<'a>(entity: &'a QuotaEntity, quotas: &'a Quotas) -> described::EntryData<'a> {
    let part = |(entity_type, name): (&'static str, &'a apus_core::quota::EntityName)| described::EntityData {
        entity_type,
        entity_name: name.name().map(|name| &**name),
    };
    let values = quotas.iter().map(|(key, bound)| described::ValueData { key: key.name(), value: bound.value() });
    described::EntryData { entity: entity.parts().map(part).collect(), values: values.collect() }
}

/// As the schema says it, where it does not say too much.
///
/// # Errors
/// Where it names too many entities.
pub(super) fn alter_request(request: alter::AlterClientQuotasRequest<'_>) -> Result<AlterQuotasRequest, Malformed> {
    check_count(&request.entries)?;
    let entry = |entry: alter::EntryData<'_>| QuotaAlteration {
        entity: entry
            .entity
            .into_iter()
            .map(|part| (part.entity_type.into(), part.entity_name.map(Into::into)))
            .collect(),
        changes: entry.ops.into_iter().map(|op| (op.key.into(), (!op.remove).then_some(op.value))).collect(),
    };
    let entries = request.entries.into_iter().map(entry).collect();
    Ok(AlterQuotasRequest { entries, validate_only: request.validate_only })
}

/// The answer in the schema's words.
pub(super) fn alter_response(response: &AlterQuotasResponse) -> altered::AlterClientQuotasResponse<'_> {
    let entries = response.entries.iter().map(|(entity, result)| {
        let refused = result.as_ref().err();
        altered::EntryData {
            error_code: refused.map_or(NONE, |refused| code(refused.refusal)),
            error_message: refused.and_then(|refused| topic::sentence(&refused.message)),
            entity: entity
                .iter()
                .map(|(kind, name)| altered::EntityData { entity_type: kind, entity_name: name.as_deref() })
                .collect(),
        }
    });
    altered::AlterClientQuotasResponse { throttle_time_ms: 0, entries: entries.collect() }
}
