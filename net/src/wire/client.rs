//! The other side of the wire: requests are written and responses read in the schema's own words. Tests, simulated
//! clients and load generators speak through this.

use super::header::{RequestHeader, decode_response_header, encode_request_header};
use super::keys::ApiKey;
use super::reader::Malformed;
use super::schema::Message;
use super::writer::{Frame, Writer};

/// Writes a request of an API that is served.
///
/// # Panics
/// Where the API is not served, or the message has no such version.
pub fn encode_request<'a, M: Message<'a>>(
    writer: &mut Writer,
    version: i16,
    correlation: i32,
    client_id: Option<&str>,
    message: &M,
) -> Frame {
    let key = ApiKey::of(M::KEY).expect("a client asks for what is served");
    writer.begin();
    encode_request_header(writer, &RequestHeader { key, version, correlation, client_id });
    message.write(writer, version);
    writer.finish()
}

/// Reads a response (without its length) to a request of this version: its correlation and its message.
///
/// # Errors
/// Where the bytes are no such response.
pub fn decode_response<'a, M: Message<'a>>(frame: &'a [u8], version: i16) -> Result<(i32, M), Malformed> {
    let key = ApiKey::of(M::KEY).ok_or(Malformed::NoSuchVersion)?;
    let (correlation, body) = decode_response_header(frame, key, version)?;
    Ok((correlation, M::parse(body.rest(), version)?))
}
