//! What must hold for any bytes; shared by the fuzz targets and by the test that runs the kept corpus.

use apus_net::wire::decode_request;
use apus_net::wire::schema::MESSAGES;
use bytes::Bytes;

/// The first byte picks a message, the second a version, the rest is its body. What was understood is written, and
/// that reads back as the same.
pub fn body(input: &[u8]) {
    let [message, version, body @ ..] = input else { return };
    let entry = &MESSAGES[usize::from(*message) % MESSAGES.len()];
    if let Ok(once) = (entry.recode)(body, i16::from(*version)) {
        assert_eq!((entry.recode)(&once, i16::from(*version)), Ok(once), "{} v{version}", entry.structure.name);
    }
}

/// A frame without its length: a request, or a reason to refuse it.
pub fn request(input: &[u8]) {
    let frame = Bytes::copy_from_slice(input);
    match decode_request(&frame) {
        Ok((header, _)) => assert!(header.key.served().versions.contains(header.version)),
        Err(reject) => assert!(!reject.to_string().is_empty()),
    }
}
