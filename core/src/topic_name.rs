//! What a topic may be called: Kafka's rules, in Kafka's words.

use crate::error::{Refusal, Refused};

/// Bytes of the longest name.
pub const NAME_BYTES_MAX: usize = 249;

/// Refuses what Kafka refuses.
///
/// # Errors
/// `InvalidTopicException` with the reason.
pub fn check(name: &str) -> Result<(), Refused> {
    let refused = |why: String| Err(Refused::new(Refusal::InvalidTopicException, why));
    if name.is_empty() {
        return refused("Topic name is invalid: the empty string is not allowed".to_owned());
    }
    if matches!(name, "." | "..") {
        return refused(format!("Topic name is invalid: '{name}' is not allowed"));
    }
    if name.len() > NAME_BYTES_MAX {
        return refused(format!(
            "Topic name is invalid: the length of '{name}' is longer than the max allowed length {NAME_BYTES_MAX}"
        ));
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !name.bytes().all(legal) {
        return refused(format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' \
             and '-'"
        ));
    }
    Ok(())
}

/// The form in which `.` and `_` are one: names that agree in it collide in the names of metrics.
#[must_use]
pub fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        for good in ["a", "A.b_c-9", "...", &"x".repeat(249)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert_eq!(check(bad).expect_err("no name").refusal, Refusal::InvalidTopicException, "{bad}");
        }
    }
}
