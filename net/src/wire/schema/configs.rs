//! DescribeConfigs: key 32.

use super::declare::prelude::*;

schema! {
    /// Asks for the settings of topics, brokers and other resources.
    DescribeConfigsRequest<'a>: Request 32 "1-4" flexible "4+" {
        resources: Vec<DescribeConfigsResource<'a>> = "0+";
        include_synonyms: bool = "1+";
        include_documentation: bool = "3+";
    }

    /// A resource asked about; null keys mean all.
    DescribeConfigsResource<'a> {
        resource_type: i8 = "0+";
        resource_name: &'a str = "0+";
        configuration_keys: Option<Vec<&'a str>> = "0+" null "0+";
    }

    /// The settings.
    DescribeConfigsResponse<'a>: Response 32 "1-4" flexible "4+" {
        throttle_time_ms: i32 = "0+";
        results: Vec<DescribeConfigsResult<'a>> = "0+";
    }

    /// One resource's settings.
    DescribeConfigsResult<'a> {
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+";
        resource_type: i8 = "0+";
        resource_name: &'a str = "0+";
        configs: Vec<DescribeConfigsResourceResult<'a>> = "0+";
    }

    /// A setting.
    DescribeConfigsResourceResult<'a> {
        name: &'a str = "0+";
        value: Option<&'a str> = "0+" null "0+";
        read_only: bool = "0+";
        config_source: i8 = "1+" default -1;
        is_sensitive: bool = "0+";
        synonyms: Vec<DescribeConfigsSynonym<'a>> = "1+";
        config_type: i8 = "3+";
        documentation: Option<&'a str> = "3+" null "0+";
    }

    /// Where a value would come from next.
    DescribeConfigsSynonym<'a> {
        name: &'a str = "1+";
        value: Option<&'a str> = "1+" null "0+";
        source: i8 = "1+";
    }
}
