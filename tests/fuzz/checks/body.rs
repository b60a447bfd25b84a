//! Any bytes as the body of any message.

use apus_net::wire::schema::MESSAGES;

/// The first byte picks a message, the second a version, the rest is its body. What was understood is written, and
/// that reads back as the same.
pub fn check(input: &[u8]) {
    let [message, version, body @ ..] = input else { return };
    let entry = &MESSAGES[usize::from(*message) % MESSAGES.len()];
    if let Ok(once) = (entry.recode)(body, i16::from(*version)) {
        assert_eq!((entry.recode)(&once, i16::from(*version)), Ok(once), "{} v{version}", entry.structure.name);
    }
}
