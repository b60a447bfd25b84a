//! ListConfigResources: key 74. Version 0 was ListClientMetricsResources.

use super::declare::prelude::*;

schema! {
    /// Asks which resources have settings.
    ListConfigResourcesRequest: Request 74 "0-1" flexible "0+" {
        resource_types: Vec<i8> = "1+";
    }

    /// The resources.
    ListConfigResourcesResponse<'a>: Response 74 "0-1" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        config_resources: Vec<ConfigResource<'a>> = "0+";
    }

    /// A resource.
    ConfigResource<'a> {
        resource_name: &'a str = "0+";
        resource_type: i8 = "1+" default 16;
    }
}
