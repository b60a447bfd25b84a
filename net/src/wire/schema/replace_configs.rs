//! AlterConfigs: key 33, which replaces all that a resource has set.

use super::declare::prelude::*;

schema! {
    /// Sets up topics, brokers and other resources anew.
    AlterConfigsRequest<'a>: Request 33 "0-2" flexible "2+" {
        resources: Vec<AlterConfigsResource<'a>> = "0+";
        validate_only: bool = "0+";
    }

    /// A resource, and all that is set of it from now on.
    AlterConfigsResource<'a> {
        resource_type: i8 = "0+";
        resource_name: &'a str = "0+";
        configs: Vec<AlterableConfig<'a>> = "0+";
    }

    /// One setting.
    AlterableConfig<'a> {
        name: &'a str = "0+";
        value: Option<&'a str> = "0+" null "0+";
    }

    /// What became of it.
    AlterConfigsResponse<'a>: Response 33 "0-2" flexible "2+" {
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
