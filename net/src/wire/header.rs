//! The headers before every body.
//!
//! | request | bytes | |
//! | --- | --- | --- |
//! | key | 2 | |
//! | version | 2 | of the body |
//! | correlation | 4 | comes back in the response |
//! | client id | 2 + n | length -1 is null; in the old form even where the body is flexible |
//! | tagged fields | 1.. | only where the body is flexible (header version 2) |
//!
//! A response starts with the correlation (4 bytes) and, where its body is flexible, tagged fields (header version 1).
//! ApiVersions responses never have these: a client must be able to read them before it knows any version.

use std::fmt;

use super::keys::ApiKey;
use super::reader::{Malformed, Reader};
use super::value::{Nullable, Wire};
use super::versions::Format;
use super::writer::Writer;

/// The header of a request that can be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHeader<'a> {
    /// The API.
    pub key: ApiKey,
    /// The version of the body; one that is served.
    pub version: i16,
    /// What the response must carry.
    pub correlation: i32,
    /// Who asks, in the client's own words.
    pub client_id: Option<&'a str>,
}

/// A request that cannot be served, and what to do about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reject {
    /// ApiVersions in a version from the future: answer with `api_versions::encode_unsupported` and read on. The client asks again
    /// in a version that it finds there.
    AnswerUnsupported {
        /// What the answer must carry.
        correlation: i32,
    },
    /// Close the connection: there is no such API here, or not in this version, and its answer has no known form.
    NotServed {
        /// The key asked for.
        key: i16,
        /// The version asked for.
        version: i16,
    },
    /// Close the connection: the bytes are not the request that they claim to be.
    Malformed {
        /// The API, where the bytes go that far.
        key: Option<ApiKey>,
        /// What is wrong.
        reason: Malformed,
    },
}

impl fmt::Display for Reject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::AnswerUnsupported { .. } => write!(out, "ApiVersions in a version that is not known"),
            Reject::NotServed { key, version } => write!(out, "API key {key} is not served in version {version}"),
            Reject::Malformed { key: Some(key), reason } => write!(out, "malformed {key:?} request: {reason}"),
            Reject::Malformed { key: None, reason } => write!(out, "malformed request header: {reason}"),
        }
    }
}

impl std::error::Error for Reject {}

/// Reads the header of a frame (without its length); the body is what the reader has left.
pub fn decode_request_header(frame: &[u8]) -> Result<(RequestHeader<'_>, Reader<'_>), Reject> {
    let mut reader = Reader::new(frame, Format::default());
    let fixed = reader.array::<8>().map_err(|reason| Reject::Malformed { key: None, reason })?;
    let [key0, key1, version0, version1, correlation @ ..] = fixed;
    let code = i16::from_be_bytes([key0, key1]);
    let version = i16::from_be_bytes([version0, version1]);
    let correlation = i32::from_be_bytes(correlation);
    let key = ApiKey::of(code).ok_or(Reject::NotServed { key: code, version })?;
    if !key.served().versions.contains(version) {
        return Err(match key {
            ApiKey::ApiVersions => Reject::AnswerUnsupported { correlation },
            _ => Reject::NotServed { key: code, version },
        });
    }
    let malformed = |reason| Reject::Malformed { key: Some(key), reason };
    let client_id = <&str>::decode_option(&mut reader, true).map_err(malformed)?;
    reader.format = key.format(version);
    if reader.format.flexible {
        reader.tagged(|_, _| Ok(false)).map_err(malformed)?;
    }
    Ok((RequestHeader { key, version, correlation, client_id }, reader))
}

/// Writes the header of a request into a frame that was begun.
pub fn encode_request_header(writer: &mut Writer, header: &RequestHeader<'_>) {
    writer.format = Format::default();
    header.key.code().encode(writer, false);
    header.version.encode(writer, false);
    header.correlation.encode(writer, false);
    header.client_id.encode(writer, true);
    if header.key.format(header.version).flexible {
        writer.varint(0);
    }
}

fn response_is_tagged(key: ApiKey, version: i16) -> bool {
    key != ApiKey::ApiVersions && key.format(version).flexible
}

/// Writes the header of a response into a frame that was begun.
pub fn encode_response_header(writer: &mut Writer, key: ApiKey, version: i16, correlation: i32) {
    writer.put(&correlation.to_be_bytes());
    if response_is_tagged(key, version) {
        writer.varint(0);
    }
}

/// Reads the header of a response to a request of this key and version: its correlation, and the body.
pub fn decode_response_header(frame: &[u8], key: ApiKey, version: i16) -> Result<(i32, Reader<'_>), Malformed> {
    let mut reader = Reader::new(frame, key.format(version));
    let correlation = i32::from_be_bytes(reader.array()?);
    if response_is_tagged(key, version) {
        reader.tagged(|_, _| Ok(false))?;
    }
    Ok((correlation, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(header: &RequestHeader<'_>) -> bytes::Bytes {
        let mut writer = Writer::new();
        writer.begin();
        encode_request_header(&mut writer, header);
        writer.finish().body()
    }

    #[test]
    fn headers_are_the_bytes_kafka_writes() {
        let old = RequestHeader { key: ApiKey::Produce, version: 8, correlation: 7, client_id: Some("me") };
        assert_eq!(encoded(&old), &b"\0\0\0\x08\0\0\0\x07\0\x02me"[..]);
        let flexible = RequestHeader { key: ApiKey::Metadata, version: 9, correlation: -1, client_id: None };
        assert_eq!(encoded(&flexible), &b"\0\x03\0\x09\xff\xff\xff\xff\xff\xff\0"[..]);
        for header in [old, flexible] {
            let bytes = encoded(&header);
            let (read, rest) = decode_request_header(&bytes).expect("our own header");
            assert_eq!((read, rest.remaining()), (header, 0));
            for end in 0..bytes.len() {
                assert!(matches!(decode_request_header(&bytes[..end]), Err(Reject::Malformed { .. })));
            }
        }
    }

    #[test]
    fn an_api_versions_response_has_the_oldest_header() {
        for version in 0..=5 {
            let mut writer = Writer::new();
            writer.begin();
            encode_response_header(&mut writer, ApiKey::ApiVersions, version, 3);
            assert_eq!(writer.finish().bytes, 4 + 4);
        }
    }

    #[test]
    fn what_is_not_served_says_what_to_do() {
        let reject = |bytes: &[u8]| decode_request_header(bytes).expect_err("not served");
        assert_eq!(reject(b"\0\x12\0\x63\0\0\0\x05"), Reject::AnswerUnsupported { correlation: 5 });
        assert_eq!(reject(b"\0\0\0\x02\0\0\0\x05"), Reject::NotServed { key: 0, version: 2 });
        assert_eq!(reject(b"\0\x04\0\0\0\0\0\x05"), Reject::NotServed { key: 4, version: 0 });
        assert_eq!(reject(b"\xff\xff\xff\xff\0\0\0\x05"), Reject::NotServed { key: -1, version: -1 });
    }
}
