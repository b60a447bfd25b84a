//! DescribeConfigs and ListConfigResources: between bytes and the core's words.

use apus_core::api::{
    CLIENT_METRICS_RESOURCE, DescribeConfigsRequest, DescribeConfigsResponse, DescribeResource, DescribedResource,
    ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use apus_core::config::{ConfigRow, ConfigSource, Kind};
use apus_core::limits::REQUEST_RESOURCES_MAX;

use super::error::code;
use super::reader::Malformed;
use super::schema::config_resources;
use super::schema::configs as schema;
use super::topic;
use super::versions::Versions;

/// Versions of ListConfigResources that ask for no types.
const METRICS_ONLY: Versions = Versions::parse("0");

/// Each of so many resources may come with dozens of rows, or with a sentence.
///
/// # Errors
/// Where there are too many.
pub(super) fn check_count<T>(resources: &[T]) -> Result<(), Malformed> {
    if resources.len() > REQUEST_RESOURCES_MAX { Err(Malformed::TooManyResources) } else { Ok(()) }
}

/// As the schema says it, where it does not say too much.
pub(super) fn request(request: schema::DescribeConfigsRequest<'_>) -> Result<DescribeConfigsRequest, Malformed> {
    check_count(&request.resources)?;
    let resource = |resource: schema::DescribeConfigsResource<'_>| DescribeResource {
        kind: resource.resource_type,
        name: resource.resource_name.into(),
        keys: resource.configuration_keys.map(|keys| keys.into_iter().map(Into::into).collect()),
    };
    Ok(DescribeConfigsRequest {
        resources: request.resources.into_iter().map(resource).collect(),
        synonyms: request.include_synonyms,
        documentation: request.include_documentation,
    })
}

/// As the schema says it. The first version asked for subscriptions to metrics of clients and nothing else.
pub(super) fn list_request(
    request: config_resources::ListConfigResourcesRequest,
    version: i16,
) -> ListConfigResourcesRequest {
    let kinds = if METRICS_ONLY.contains(version) { vec![CLIENT_METRICS_RESOURCE] } else { request.resource_types };
    ListConfigResourcesRequest { kinds }
}

/// The answer in the schema's words.
pub(super) fn list_response(
    response: &ListConfigResourcesResponse,
) -> config_resources::ListConfigResourcesResponse<'_> {
    let resources = response.result.as_deref().unwrap_or_default().iter();
    let resources =
        resources.map(|(kind, name)| config_resources::ConfigResource { resource_name: name, resource_type: *kind });
    config_resources::ListConfigResourcesResponse {
        throttle_time_ms: 0,
        error_code: code(response.result.as_ref().err().copied()),
        config_resources: resources.collect(),
    }
}

/// The answer in the schema's words.
pub(super) fn response(response: &DescribeConfigsResponse) -> schema::DescribeConfigsResponse<'_> {
    let results = response.resources.iter().map(|described| result(described, response)).collect();
    schema::DescribeConfigsResponse { throttle_time_ms: 0, results }
}

fn result<'a>(
    described: &'a DescribedResource,
    response: &DescribeConfigsResponse,
) -> schema::DescribeConfigsResult<'a> {
    let refused = described.result.as_ref().err();
    let rows = described.result.as_deref().unwrap_or_default();
    schema::DescribeConfigsResult {
        error_code: code(refused.map(|refused| refused.refusal)),
        error_message: refused.and_then(|refused| topic::sentence(&refused.message)),
        resource_type: described.kind,
        resource_name: &described.name,
        configs: rows.iter().map(|row| described_row(row, response.synonyms, response.documentation)).collect(),
    }
}

fn described_row(row: &ConfigRow, synonyms: bool, documentation: bool) -> schema::DescribeConfigsResourceResult<'_> {
    let asked = if synonyms { &row.synonyms[..] } else { &[] };
    let synonyms = asked.iter().map(|synonym| schema::DescribeConfigsSynonym {
        name: synonym.name,
        value: synonym.value.as_deref(),
        source: source(synonym.source),
    });
    schema::DescribeConfigsResourceResult {
        name: row.name,
        value: row.value.as_deref(),
        read_only: row.read_only,
        config_source: source(row.source),
        is_sensitive: row.sensitive,
        synonyms: synonyms.collect(),
        config_type: kind(row.kind),
        documentation: documentation.then_some(row.documentation),
    }
}

/// Kafka's number for where a value came from.
pub(super) fn source(source: ConfigSource) -> i8 {
    match source {
        ConfigSource::Topic => 1,
        ConfigSource::DynamicBroker => 2,
        ConfigSource::DynamicDefault => 3,
        ConfigSource::Broker => 4,
        ConfigSource::Default => 5,
        ConfigSource::ClientMetrics => 7,
        ConfigSource::Group => 8,
    }
}

fn kind(kind: Kind) -> i8 {
    match kind {
        Kind::Boolean => 1,
        Kind::Text => 2,
        Kind::Int => 3,
        Kind::Long => 5,
        Kind::Double => 6,
        Kind::List => 7,
    }
}
