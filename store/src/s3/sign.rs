//! Signature version 4 over headers, by hand.
//!
//! The payload is not part of it (`UNSIGNED-PAYLOAD`): a SHA-256 of the bytes costs more than everything else on the
//! upload path together, and the CRC32C in `x-amz-checksum-crc32c`, which is signed, already ties body to request.

use ring::digest;
use ring::hmac;

use super::credentials::Credentials;
use super::encode::hex;

/// What stands for the hash of the payload.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The parts of a request that are signed, in canonical form.
#[derive(Debug)]
pub struct Canonical<'a> {
    /// Upper case.
    pub method: &'a str,
    /// Percent-encoded.
    pub path: &'a str,
    /// Percent-encoded, sorted.
    pub query: &'a str,
    /// Lower-case names, sorted, trimmed values.
    pub headers: &'a [(&'a str, &'a str)],
    /// Hash of the payload, or [`UNSIGNED_PAYLOAD`].
    pub payload: &'a str,
}

/// The value of the `authorization` header for a request made at `timestamp` (`20130524T000000Z`).
#[must_use]
pub fn authorization(credentials: &Credentials, region: &str, timestamp: &str, request: &Canonical<'_>) -> String {
    assert!(request.headers.is_sorted_by_key(|(name, _)| name), "headers are signed in order");
    let date = &timestamp[..8];
    let scope = format!("{date}/{region}/s3/aws4_request");
    let names = request.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
    for (name, value) in request.headers {
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(value);
        canonical.push('\n');
    }
    canonical.push_str(&format!("\n{names}\n{}", request.payload));
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{hash}");

    let mut key = mac(format!("AWS4{}", credentials.secret_key).as_bytes(), date);
    for part in [region, "s3", "aws4_request"] {
        key = mac(key.as_ref(), part);
    }
    let signature = hex(mac(key.as_ref(), &to_sign).as_ref());
    let id = &credentials.access_key;
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope},SignedHeaders={names},Signature={signature}")
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// The examples of "Signature Calculations for the Authorization Header" in Amazon's S3 reference.
    fn signature(request: &Canonical<'_>) -> String {
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
        };
        let text = authorization(&credentials, "us-east-1", "20130524T000000Z", request);
        let (rest, signature) = text.rsplit_once('=').expect("a signature");
        assert!(rest.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="
        ));
        signature.to_owned()
    }

    const HOST: (&str, &str) = ("host", "examplebucket.s3.amazonaws.com");
    const DATE: (&str, &str) = ("x-amz-date", "20130524T000000Z");

    #[test]
    fn get_with_a_range() {
        let headers = [HOST, ("range", "bytes=0-9"), ("x-amz-content-sha256", EMPTY), DATE];
        let request = Canonical { method: "GET", path: "/test.txt", query: "", headers: &headers, payload: EMPTY };
        assert_eq!(signature(&request), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    }

    #[test]
    fn put_with_a_payload() {
        let payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        let headers = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            HOST,
            ("x-amz-content-sha256", payload),
            DATE,
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let request = Canonical { method: "PUT", path: "/test%24file.text", query: "", headers: &headers, payload };
        assert_eq!(signature(&request), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    }

    #[test]
    fn queries() {
        let headers = [HOST, ("x-amz-content-sha256", EMPTY), DATE];
        let request = |query| Canonical { method: "GET", path: "/", query, headers: &headers, payload: EMPTY };
        assert_eq!(
            signature(&request("lifecycle=")),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        assert_eq!(
            signature(&request("max-keys=2&prefix=J")),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }
}
