//! UpdateFeatures: key 57.

use super::declare::prelude::*;

schema! {
    /// Switches features to other levels.
    UpdateFeaturesRequest<'a>: Request 57 "0-2" flexible "0+" {
        timeout_ms: i32 = "0+" default 60000;
        feature_updates: Vec<FeatureUpdateKey<'a>> = "0+";
        validate_only: bool = "1+";
    }

    /// A feature and its level.
    FeatureUpdateKey<'a> {
        feature: &'a str = "0+";
        max_version_level: i16 = "0+";
        allow_downgrade: bool = "0";
        upgrade_type: i8 = "1+" default 1;
    }

    /// What became of it.
    UpdateFeaturesResponse<'a>: Response 57 "0-2" flexible "0+" {
        throttle_time_ms: i32 = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+";
        results: Vec<UpdatableFeatureResult<'a>> = "0-1";
    }

    /// One feature's answer.
    UpdatableFeatureResult<'a> {
        feature: &'a str = "0+";
        error_code: i16 = "0+";
        error_message: Option<&'a str> = "0+" null "0+";
    }
}
