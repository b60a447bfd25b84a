//! ApiVersions: key 18, the first words on every connection.

use super::declare::prelude::*;

schema! {
    /// Asks which APIs and versions are served.
    ApiVersionsRequest<'a>: Request 18 "0-5" flexible "3+" {
        client_software_name: &'a str = "3+";
        client_software_version: &'a str = "3+";
        cluster_id: Option<&'a str> = "5+" null "5+" default None;
        node_id: i32 = "5+" default -1;
    }

    /// The APIs and versions, and the features of the cluster.
    ApiVersionsResponse<'a>: Response 18 "0-5" flexible "3+" {
        error_code: i16 = "0+";
        api_keys: Vec<ApiVersion> = "0+";
        throttle_time_ms: i32 = "1+";
        supported_features: Vec<SupportedFeatureKey<'a>> = "3+" tag 0 "3+";
        finalized_features_epoch: i64 = "3+" tag 1 "3+" default -1;
        finalized_features: Vec<FinalizedFeatureKey<'a>> = "3+" tag 2 "3+";
        zk_migration_ready: bool = "3+" tag 3 "3+";
    }

    /// An API and its versions.
    ApiVersion {
        api_key: i16 = "0+";
        min_version: i16 = "0+";
        max_version: i16 = "0+";
    }

    /// A feature that this broker could have.
    SupportedFeatureKey<'a> {
        name: &'a str = "3+";
        min_version: i16 = "3+";
        max_version: i16 = "3+";
    }

    /// A feature that the cluster has switched on.
    FinalizedFeatureKey<'a> {
        name: &'a str = "3+";
        max_version_level: i16 = "3+";
        min_version_level: i16 = "3+";
    }
}
