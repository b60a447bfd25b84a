//! IncrementalAlterConfigs: key 44.

use super::declare::prelude::*;

schema! {
    /// Changes settings of topics, brokers and other resources.
    IncrementalAlterConfigsRequest<'a>: Request 44 "0-1" flexible "1+" {
        resources: Vec<AlterConfigsResource<'a>> = "0+";
        validate_only: bool = "0+";
    }

    /// A resource, and what is to change of it.
    AlterConfigsResource<'a> {
        resource_type: i8 = "0+";
        resource_name: &'a str = "0+";
        configs: Vec<AlterableConfig<'a>> = "0+";
    }

    /// One change.
    AlterableConfig<'a> {
        name: &'a str = "0+";
        config_operation: i8 = "0+";
        value: Option<&'a str> = "0+" null "0+";
    }

    /// What became of it.
    IncrementalAlterConfigsResponse<'a>: Response 44 "0-1" flexible "1+" {
        throttle_time_ms: i32 = "0+";
        responses: Vec<AlterConfigsResourceResponse<'a>> = "0+";
    }

    /// One resource's answer.
    AlterConfigsResourceResponse<'a> {
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+";
        resource_type: i8 = "0+";
        resource_name: &'a str = "0+";
    }
}
