//! AlterConfigs and IncrementalAlterConfigs: between bytes and the core's words.

use apus_core::api::{AlterConfigsRequest, AlterConfigsResponse, AlterResource};
use apus_core::config::{ConfigChange, ConfigOperation};

use super::configs;
use super::error::code;
use super::reader::Malformed;
use super::schema::alter_configs as schema;
use super::schema::replace_configs as whole;
use super::topic;

/// As the schema says it; nothing is checked here but how much it is.
pub(super) fn request(request: schema::IncrementalAlterConfigsRequest<'_>) -> Result<AlterConfigsRequest, Malformed> {
    configs::check_count(&request.resources)?;
    let resource = |resource: schema::AlterConfigsResource<'_>| AlterResource {
        kind: resource.resource_type,
        name: resource.resource_name.into(),
        changes: resource.configs.iter().map(change).collect(),
    };
    Ok(AlterConfigsRequest {
        resources: request.resources.into_iter().map(resource).collect(),
        validate_only: request.validate_only,
        whole: false,
    })
}

/// As the schema says it: each setting is set, and no other is kept.
pub(super) fn whole_request(request: whole::AlterConfigsRequest<'_>) -> Result<AlterConfigsRequest, Malformed> {
    configs::check_count(&request.resources)?;
    let set = |config: &whole::AlterableConfig<'_>| ConfigChange {
        name: config.name.into(),
        operation: ConfigOperation::Set,
        value: config.value.map(Into::into),
    };
    let resource = |resource: whole::AlterConfigsResource<'_>| AlterResource {
        kind: resource.resource_type,
        name: resource.resource_name.into(),
        changes: resource.configs.iter().map(set).collect(),
    };
    Ok(AlterConfigsRequest {
        resources: request.resources.into_iter().map(resource).collect(),
        validate_only: request.validate_only,
        whole: true,
    })
}

fn change(config: &schema::AlterableConfig<'_>) -> ConfigChange {
    let operation = match config.config_operation {
        0 => ConfigOperation::Set,
        1 => ConfigOperation::Delete,
        2 => ConfigOperation::Append,
        3 => ConfigOperation::Subtract,
        other => ConfigOperation::Unknown(other),
    };
    ConfigChange { name: config.name.into(), operation, value: config.value.map(Into::into) }
}

/// The answer in the schema's words.
pub(super) fn response(response: &AlterConfigsResponse) -> schema::IncrementalAlterConfigsResponse<'_> {
    let responses = response.resources.iter().map(|altered| {
        let refused = altered.result.as_ref().err();
        schema::AlterConfigsResourceResponse {
            error_code: code(refused.map(|refused| refused.refusal)),
            error_message: refused.and_then(|refused| topic::sentence(&refused.message)),
            resource_type: altered.kind,
            resource_name: &altered.name,
        }
    });
    schema::IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses: responses.collect() }
}

/// The same of settings that were replaced.
pub(super) fn whole_response(response: &AlterConfigsResponse) -> whole::AlterConfigsResponse<'_> {
    let responses = response.resources.iter().map(|altered| {
        let refused = altered.result.as_ref().err();
        whole::AlterConfigsResourceResponse {
            error_code: code(refused.map(|refused| refused.refusal)),
            error_message: refused.and_then(|refused| topic::sentence(&refused.message)),
            resource_type: altered.kind,
            resource_name: &altered.name,
        }
    });
    whole::AlterConfigsResponse { throttle_time_ms: 0, responses: responses.collect() }
}
