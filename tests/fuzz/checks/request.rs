//! Any bytes as a request.

use apus_net::wire::decode_request;
use bytes::Bytes;

/// A frame without its length: a request, or a reason to refuse it.
pub fn check(input: &[u8]) {
    let frame = Bytes::copy_from_slice(input);
    match decode_request(&frame) {
        Ok((header, _)) => assert!(header.key.served().versions.contains(header.version)),
        Err(reject) => assert!(!reject.to_string().is_empty()),
    }
}
