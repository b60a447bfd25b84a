//! ApiVersions: the first words on a connection, answered by the session itself out of the table of served APIs.

use apus_core::error::Refusal;
use apus_core::features::Feature;

use super::error::{NONE, code};
use super::header::encode_response_header;
use super::keys::{ApiKey, SERVED, Served};
use super::schema::Message;
use super::schema::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use super::versions::Versions;
use super::writer::{Frame, Writer};

/// Clients of this version and below stumble over a feature whose lowest version is 0 (KAFKA-17011).
const WITHOUT_ZERO_FEATURES: Versions = Versions::parse("0-3");

const SOFTWARE: Versions = Versions::parse("3+");

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The cluster's id.
    pub cluster_id: &'a str,
    /// This broker's `node.id`.
    pub node_id: i32,
    /// What the cluster can do beyond its APIs.
    pub features: &'a [Feature],
}

/// Answers a request of a served version.
pub fn encode_api_versions(
    writer: &mut Writer,
    version: i16,
    correlation: i32,
    request: &ApiVersionsRequest<'_>,
    identity: &Identity<'_>,
) -> Frame {
    let response = match check(request, version, identity) {
        Ok(()) => everything(version, identity),
        Err(refusal) => ApiVersionsResponse { error_code: code(refusal), ..Default::default() },
    };
    encode(writer, version, correlation, &response)
}

/// Answers a version from the future, in version 0: error 35 and the versions of ApiVersions, from which the client
/// picks one and asks again. Without these it would give up.
pub fn encode_unsupported(writer: &mut Writer, correlation: i32) -> Frame {
    let response = ApiVersionsResponse {
        error_code: code(Refusal::UnsupportedVersion),
        api_keys: vec![shown(&ApiKey::ApiVersions.served())],
        ..Default::default()
    };
    encode(writer, 0, correlation, &response)
}

fn encode(writer: &mut Writer, version: i16, correlation: i32, response: &ApiVersionsResponse<'_>) -> Frame {
    writer.begin();
    encode_response_header(writer, ApiKey::ApiVersions, version, correlation);
    response.write(writer, version);
    writer.finish()
}

fn check(request: &ApiVersionsRequest<'_>, version: i16, identity: &Identity<'_>) -> Result<(), Refusal> {
    let software = [request.client_software_name, request.client_software_version];
    if SOFTWARE.contains(version) && !software.into_iter().all(is_software) {
        return Err(Refusal::InvalidRequest);
    }
    match (request.cluster_id, request.node_id) {
        (None, -1) => Ok(()),
        (None, _) | (_, -1) => Err(Refusal::InvalidRequest),
        expected if expected == (Some(identity.cluster_id), identity.node_id) => Ok(()),
        _ => Err(Refusal::RebootstrapRequired),
    }
}

/// Letters and digits, with dashes and dots inside: what Kafka lets a client call itself.
fn is_software(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && bytes.iter().all(inside)
}

fn everything<'a>(version: i16, identity: &Identity<'a>) -> ApiVersionsResponse<'a> {
    let known = identity.features.iter();
    let known = known.filter(|feature| feature.min > 0 || !WITHOUT_ZERO_FEATURES.contains(version));
    let supported = |feature: &Feature| SupportedFeatureKey {
        name: feature.name,
        min_version: feature.min,
        max_version: feature.max,
    };
    let finalized = |feature: &Feature| FinalizedFeatureKey {
        name: feature.name,
        max_version_level: feature.level,
        min_version_level: feature.level,
    };
    ApiVersionsResponse {
        error_code: NONE,
        api_keys: SERVED.iter().map(shown).collect(),
        supported_features: known.map(supported).collect(),
        finalized_features_epoch: 0,
        finalized_features: identity.features.iter().filter(|feature| feature.level > 0).map(finalized).collect(),
        ..Default::default()
    }
}

fn shown(served: &Served) -> ApiVersion {
    ApiVersion { api_key: served.key.code(), min_version: served.shown.min, max_version: served.shown.max }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client::decode_response;

    const IDENTITY: Identity<'static> = Identity {
        cluster_id: "here",
        node_id: 1,
        features: &[
            Feature { name: "zero", min: 0, max: 2, level: 1 },
            Feature { name: "one", min: 1, max: 2, level: 0 },
        ],
    };

    fn request<'a>() -> ApiVersionsRequest<'a> {
        ApiVersionsRequest { client_software_name: "a-b.c", client_software_version: "1", ..Default::default() }
    }

    fn answered(request: &ApiVersionsRequest<'_>, version: i16, check: impl FnOnce(&ApiVersionsResponse<'_>)) {
        let body = encode_api_versions(&mut Writer::new(), version, 9, request, &IDENTITY).body();
        let (correlation, response) = decode_response::<ApiVersionsResponse>(&body, version).expect("our own answer");
        assert_eq!(correlation, 9);
        check(&response);
    }

    #[test]
    fn every_version_shows_the_table() {
        for version in 0..=5 {
            answered(&request(), version, |response| {
                assert_eq!((response.error_code, response.api_keys.len()), (0, SERVED.len()));
                assert_eq!(response.api_keys[0], ApiVersion { api_key: 0, min_version: 0, max_version: 13 });
                assert_eq!(response.supported_features.len(), [0, 0, 0, 1, 2, 2][version as usize]);
                assert_eq!(response.finalized_features.len(), usize::from(version >= 3));
            });
        }
    }

    #[test]
    fn a_version_from_the_future_is_told_the_range_in_version_0() {
        let body = encode_unsupported(&mut Writer::new(), 5).body();
        let (correlation, response) = decode_response::<ApiVersionsResponse>(&body, 0).expect("our own answer");
        assert_eq!((correlation, response.error_code), (5, 35));
        assert_eq!(response.api_keys, [ApiVersion { api_key: 18, min_version: 0, max_version: 5 }]);
    }

    #[test]
    fn strange_software_and_strange_clusters_are_refused() {
        for name in ["", "-a", "a-", "a b", "\u{e4}"] {
            answered(&ApiVersionsRequest { client_software_name: name, ..request() }, 3, |response| {
                assert_eq!(response.error_code, 42);
            });
        }
        for (cluster_id, node_id, error) in [
            (Some("here"), 1, 0),
            (Some("there"), 1, 129),
            (Some("here"), 2, 129),
            (None, 1, 42),
            (Some("here"), -1, 42),
        ] {
            answered(&ApiVersionsRequest { cluster_id, node_id, ..request() }, 5, |response| {
                assert_eq!(response.error_code, error, "{cluster_id:?} {node_id}");
            });
        }
    }
}
